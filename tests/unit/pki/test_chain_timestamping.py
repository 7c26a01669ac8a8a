from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest

from airgap import limits
from airgap.errors import Rejected
from airgap.pki.certificate import Certificate, Offered
from airgap.pki.chain import (
    Anchors,
    check_timestamping_chain,
    timestamping_chains,
)
from tests.support import extensions
from tests.support.extensions import BasicConstraints, ExtendedKeyUsage, KeyUsage
from tests.support.pki import AT, Issued, Pki, issue

CA_USAGE = ("keyCertSign", "cRLSign")
SECOND = timedelta(seconds=1)


def tsa_chain(*kind: Any, **changes: Any) -> tuple[Issued, ...]:
    return Pki().tsa_chain(*kind, **changes).chain


TSA = tsa_chain()[0]


def offered(*issued: Issued) -> Offered:
    return Offered(tuple(Certificate.parse(item.der) for item in issued))


def anchors(*issued: Issued) -> Anchors:
    return Anchors.of({"tsa:test": offered(*issued)})


# Timestamping chains


def timestamping_refused(*chain: Issued, rule: str, match: str | None = None) -> None:
    with pytest.raises(Rejected, match=match) as caught:
        check_timestamping_chain(offered(*chain))
    assert caught.value.reason == "timestamp.chain"
    assert caught.value.facts["rule"] == rule


@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521"])
def test_a_timestamping_chain_that_keeps_the_rules_passes(kind: str) -> None:
    """TSACH-1 to TSACH-4."""
    check_timestamping_chain(offered(*tsa_chain(kind)))


@pytest.mark.parametrize(
    ("role", "change", "rule"),
    [
        ("root", {"basic_constraints": None}, "chain.ca.basic_constraints"),
        ("intermediate", {"basic_constraints": BasicConstraints(ca=False)}, "chain.ca.basic_constraints"),
        ("intermediate", {"basic_constraints": BasicConstraints(critical=False)}, "chain.ca.basic_constraints"),
        ("root", {"basic_constraints": BasicConstraints(path_length=0)}, "chain.ca.path_length"),
        ("root", {"key": "rsa2048", "hash_name": "sha1"}, "chain.hash"),
        ("root", {"key": "rsa1024"}, "chain.ca.key"),
        ("tsa", {"basic_constraints": BasicConstraints()}, "chain.leaf.basic_constraints"),
    ],
)
def test_a_timestamping_chain_keeps_the_rules_of_every_chain(role: str, change: dict[str, Any], rule: str) -> None:
    """TSACH-1."""
    timestamping_refused(*tsa_chain(**{role: change}), rule=rule)


def test_a_timestamping_chain_is_ordered_and_complete() -> None:
    """TSACH-1."""
    leaf, intermediate, root = TSA.chain
    timestamping_refused(leaf, intermediate, rule="chain.root")
    timestamping_refused(leaf, root, rule="chain.order")
    timestamping_refused(*TSA.chain, root, rule="chain.self_signed")


@pytest.mark.parametrize(
    ("role", "bits", "rule"),
    [
        ("root", CA_USAGE, "chain.ca.key_usage"),
        ("intermediate", CA_USAGE, "chain.ca.key_usage"),
        ("tsa", ("digitalSignature",), "chain.leaf.key_usage"),
    ],
)
def test_key_usage_of_timestamping_need_not_be_critical(role: str, bits: tuple[str, ...], rule: str) -> None:
    """TSACH-2."""
    check_timestamping_chain(offered(*tsa_chain(**{role: {"key_usage": KeyUsage(bits, critical=False)}})))
    timestamping_refused(*tsa_chain(**{role: {"key_usage": None}}), rule=rule)
    timestamping_refused(*tsa_chain(**{role: {"key_usage": KeyUsage(("cRLSign",))}}), rule=rule)


def test_a_timestamping_leaf_must_not_have_other_key_usages() -> None:
    """TSACH-2."""
    usage = KeyUsage(("digitalSignature", "keyAgreement"))
    timestamping_refused(*tsa_chain(tsa={"key_usage": usage}), rule="chain.leaf.key_usage")


@pytest.mark.parametrize(
    ("usage", "match"),
    [
        (None, "no extended key usage"),
        (ExtendedKeyUsage((extensions.TIME_STAMPING,)), "not marked critical"),
        (ExtendedKeyUsage((extensions.TIME_STAMPING, "1.2.3"), critical=True), "1.2.3, timeStamping; it must be"),
        (ExtendedKeyUsage((extensions.TIME_STAMPING, extensions.CODE_SIGNING), critical=True), "must be exactly"),
        (ExtendedKeyUsage((extensions.ANY_USAGE,), critical=True), "anyExtendedKeyUsage; it must be exactly"),
        (ExtendedKeyUsage((extensions.CODE_SIGNING,), critical=True), "must be exactly"),
    ],
    ids=["missing", "not critical", "unknown extra", "known extra", "any", "other"],
)
def test_the_timestamping_purpose_is_exact_and_critical(usage: ExtendedKeyUsage | None, match: str) -> None:
    """TSACH-3."""
    chain = tsa_chain(tsa={"extended_key_usage": usage})
    timestamping_refused(*chain, rule="chain.leaf.extended_key_usage", match=match)


@pytest.mark.parametrize("kind", ["rsa1024", "rsa2047", "rsa3584", "p224", "ed25519"])
def test_a_timestamping_key_beside_the_table_is_refused(kind: str) -> None:
    """TSACH-4."""
    timestamping_refused(*tsa_chain(kind), rule="chain.leaf.key")


# Building


def build(leaf: Issued, others: Iterable[Issued], trusted: Anchors, at: datetime = AT) -> tuple[str, ...]:
    parsed = Certificate.parse(leaf.der)
    (chain,) = timestamping_chains(parsed, offered(*others), trusted, at=at)
    return tuple(item.fingerprint for item in chain)


def fingerprints(*issued: Issued) -> tuple[str, ...]:
    return tuple(item.fingerprint for item in issued)


def no_path(
    leaf: Issued,
    others: Iterable[Issued],
    trusted: Anchors,
    *,
    reason: str,
    match: str | None = None,
    at: datetime = AT,
) -> None:
    with pytest.raises(Rejected, match=match) as caught:
        build(leaf, others, trusted, at)
    assert caught.value.reason == reason


def deviating(reason: str, match: str, **changes: Any) -> None:
    """A chain with these deviations and its root trusted."""
    chain = tsa_chain(**changes)
    no_path(chain[0], chain, anchors(chain[-1]), reason=reason, match=match)


@pytest.mark.parametrize("depth", [2, 3, 5, 10])
def test_a_path_ends_in_an_anchor_that_the_token_need_not_hold(depth: int) -> None:
    """TS-22."""
    chain = tsa_chain(depth=depth)
    assert build(chain[0], chain[1:-1], anchors(chain[-1])) == fingerprints(*chain)
    assert build(chain[0], chain, anchors(chain[-1])) == fingerprints(*chain)
    assert build(chain[0], reversed(chain), anchors(chain[-1])) == fingerprints(*chain)


def test_a_root_that_the_token_brings_is_not_trusted() -> None:
    """Nothing that travels proves itself: an embedded root is no anchor."""
    other = issue("root", subject="CN=Trusted")
    no_path(
        TSA, TSA.chain, anchors(other), reason="timestamp.untrusted", match='leads to "CN=TSA Root.*not in the trust'
    )


def test_a_root_of_the_same_name_as_the_anchor_is_not_trusted() -> None:
    """Nothing that travels proves itself, also under a known name."""
    namesake = issue("root", subject=TSA.root.subject, slot=3)
    no_path(TSA, TSA.chain, anchors(namesake), reason="timestamp.untrusted", match="signature does not verify")


def test_without_anchors_nothing_is_trusted() -> None:
    no_path(TSA, TSA.chain, Anchors.of({}), reason="timestamp.untrusted", match="no trust store")


def test_a_missing_intermediate_is_named() -> None:
    match = 'the issuer "CN=TSA Intermediate 1.*" is neither in the trust stores nor in the token'
    no_path(TSA, [TSA, TSA.root], anchors(TSA.root), reason="timestamp.untrusted", match=match)


def test_a_self_signed_timestamping_certificate_is_never_used() -> None:
    """TSACH-5: not even as an anchor."""
    alone = issue("tsa")
    no_path(alone, [alone], anchors(alone), reason="timestamp.untrusted")


def test_a_leaf_that_is_an_anchor_itself_does_not_end_its_path() -> None:
    no_path(TSA, TSA.chain, anchors(TSA), reason="timestamp.untrusted")


def test_an_intermediate_as_anchor_makes_no_complete_chain() -> None:
    """TSACH-1: the chain must end in a self-signed root."""
    _, intermediate, root = TSA.chain
    no_path(TSA, TSA.chain, anchors(intermediate), reason="timestamp.chain", match="not a self-signed root")
    assert build(TSA, TSA.chain, anchors(intermediate, root)) == fingerprints(*TSA.chain)


def test_every_issuer_with_the_name_is_tried() -> None:
    """TSACH-6: another key, an expired twin and the right one, in any order."""
    leaf, intermediate, root = TSA.chain
    stranger = issue("intermediate", issuer=root, subject=intermediate.subject, slot=3)
    expired = issue(
        "intermediate", issuer=root, subject=intermediate.subject, key=intermediate.key, not_after=AT - SECOND
    )
    expected = fingerprints(leaf, intermediate, root)
    assert build(leaf, [stranger, expired, intermediate], anchors(root)) == expected
    assert build(leaf, [intermediate, expired, stranger], anchors(root)) == expected
    no_path(leaf, [stranger, expired], anchors(root), reason="timestamp.validity", match="expired")


def test_every_anchor_with_the_name_is_tried() -> None:
    leaf, intermediate, root = TSA.chain
    namesake = issue("root", subject=root.subject, slot=3)
    expected = fingerprints(leaf, intermediate, root)
    assert build(leaf, [intermediate], anchors(namesake, root)) == expected
    assert build(leaf, [intermediate, namesake], anchors(namesake, root)) == expected


def test_a_cross_signed_root_leads_to_the_root_that_is_trusted() -> None:
    """TS-22: a new root signed by an old one that the site knows."""
    old, new = issue("root", subject="CN=Old", slot=2), issue("root", subject="CN=New", slot=3)
    crossed = issue("intermediate", issuer=old, subject="CN=New", key=new.key)
    leaf = issue("tsa", issuer=new)
    assert build(leaf, [crossed, new], anchors(old)) == fingerprints(leaf, crossed, old)
    assert build(leaf, [crossed, new], anchors(new)) == fingerprints(leaf, new)


@pytest.mark.parametrize("back", [False, True])
def test_finds_every_chain_of_a_cross_certified_authority(*, back: bool) -> None:
    """TS-22: in an order that is not that of the token, the shortest one first; decision 0012."""
    roots = [issue("root", subject=f"CN=R{number}", slot=number) for number in (2, 3)]
    crossed = [issue("intermediate", issuer=root, subject="CN=I", slot=5) for root in roots]
    way = issue("intermediate", issuer=roots[0], subject="CN=J")
    far = issue("intermediate", issuer=way, subject="CN=I", slot=5)
    leaf = issue("tsa", issuer=crossed[0])
    others = [*crossed, far, way, *roots][:: -1 if back else 1]
    found = timestamping_chains(Certificate.parse(leaf.der), offered(*others), anchors(*roots), at=AT)
    expected = sorted(fingerprints(leaf, *pair) for pair in zip(crossed, roots, strict=True))
    expected.append(fingerprints(leaf, far, way, roots[0]))
    assert [tuple(item.fingerprint for item in chain) for chain in found] == expected


def test_loops_of_cross_certificates_end() -> None:
    one, two = issue("root", subject="CN=One", slot=2), issue("root", subject="CN=Two", slot=3)
    there = issue("intermediate", issuer=one, subject="CN=Two", key=two.key)
    back = issue("intermediate", issuer=two, subject="CN=One", key=one.key)
    leaf = issue("tsa", issuer=one)
    no_path(leaf, [there, back], anchors(TSA.root), reason="timestamp.untrusted")


def test_the_search_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """LIM-13."""
    monkeypatch.setattr(limits, "PATH_SIGNATURES", 3)
    leaf, intermediate, root = TSA.chain
    strangers = [issue("intermediate", issuer=root, subject=intermediate.subject, slot=3) for _ in range(3)]
    no_path(leaf, strangers, anchors(root), reason="timestamp.untrusted")
    no_path(leaf, [*strangers, intermediate], anchors(root), reason="timestamp.chain", match="more than 3 signature")


def test_a_path_is_no_longer_than_a_chain_may_be() -> None:
    chain = tsa_chain(depth=11)
    no_path(chain[0], chain, anchors(chain[-1]), reason="timestamp.untrusted")


@pytest.mark.parametrize("role", ["root", "intermediate", "tsa"])
def test_every_certificate_is_valid_at_the_stated_time(role: str) -> None:
    """TSACH-6, TS-22: at genTime, the root too; today does not matter."""
    chain = tsa_chain(**{role: {"not_before": AT, "not_after": AT + SECOND}})
    trusted = anchors(chain[-1])
    assert build(chain[0], chain, trusted, AT) == build(chain[0], chain, trusted, AT + SECOND)
    no_path(chain[0], chain, trusted, reason="timestamp.validity", match="expired", at=AT + 2 * SECOND)
    no_path(chain[0], chain, trusted, reason="timestamp.validity", match="valid from", at=AT - SECOND)


@pytest.mark.parametrize("role", ["root", "intermediate", "tsa"])
def test_an_unknown_critical_extension_is_refused(role: str) -> None:
    """TSACH-6."""
    match = "critical extension 1.3.6.1.4.1.55555.1, which is not understood"
    deviating("chain.extension", match, **{role: {"extra": [extensions.UNKNOWN_CRITICAL]}})


def test_an_unknown_extension_that_is_not_critical_is_ignored() -> None:
    chain = tsa_chain(tsa={"extra": [extensions.UNKNOWN_CRITICAL._replace(critical=False)]})
    assert build(chain[0], chain, anchors(chain[-1])) == fingerprints(*chain)


@pytest.mark.parametrize("role", ["root", "intermediate"])
@pytest.mark.parametrize(
    ("oids", "fits"),
    [
        ((extensions.CODE_SIGNING,), False),
        ((extensions.CODE_SIGNING, extensions.TIME_STAMPING), True),
        ((extensions.ANY_USAGE,), True),
    ],
)
def test_purposes_of_authorities_limit_what_is_below(role: str, oids: tuple[str, ...], fits: bool) -> None:
    """TSACH-6."""
    change: dict[str, Any] = {role: {"extended_key_usage": ExtendedKeyUsage(oids)}}
    if fits:
        chain = tsa_chain(**change)
        assert build(chain[0], chain, anchors(chain[-1])) == fingerprints(*chain)
    else:
        deviating("chain.extension", "purposes without timeStamping", **change)


def test_sha1_is_refused_when_building() -> None:
    """TSACH-6: a certificate that is signed with SHA-1 breaks the chain rules wherever it is.

    "The issuer is neither in the trust stores nor in the token" was untrue, and "add its root" did not help.
    """
    deviating("timestamp.chain", "SHA-1 with ECDSA, which is not accepted", tsa={"hash_name": "sha1"})
    deviating("timestamp.chain", "Intermediate 1.*is signed with SHA-1", intermediate={"hash_name": "sha1"})
    deviating("timestamp.chain", "SHA-1 with RSA", root={"key": "rsa2048", "hash_name": "sha1"})


def test_the_rules_of_timestamping_chains_hold_for_what_is_built() -> None:
    """TSACH-1 to TSACH-4."""
    deviating("timestamp.chain", "must be exactly", tsa={"extended_key_usage": ExtendedKeyUsage(("1.2.3",), True)})
    deviating("timestamp.chain", "allows 0 CA", root={"basic_constraints": BasicConstraints(path_length=0)})
