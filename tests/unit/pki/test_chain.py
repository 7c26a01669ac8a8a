from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from airgap.errors import Rejected
from airgap.pki.certificate import Certificate, Offered
from airgap.pki.chain import (
    Anchors,
    check_code_signing_chain,
    check_validity,
)
from tests.support import extensions, names
from tests.support.extensions import BasicConstraints, ExtendedKeyUsage, KeyUsage
from tests.support.keyring import key
from tests.support.pki import AT, END, START, Issued, Pki, issue

CA_USAGE = ("keyCertSign", "cRLSign")


def code_chain(*kind: Any, **changes: Any) -> tuple[Issued, ...]:
    return Pki().code_chain(*kind, **changes).chain


CODE = code_chain()[0]


def offered(*issued: Issued) -> Offered:
    return Offered(tuple(Certificate.parse(item.der) for item in issued))


def refused(*chain: Issued, reason: str, match: str | None = None) -> Rejected:
    with pytest.raises(Rejected, match=match) as caught:
        check_code_signing_chain(offered(*chain))
    assert caught.value.reason == reason
    return caught.value


# The order of a chain


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521"])
def test_a_chain_that_keeps_the_rules_passes(kind: str, depth: int) -> None:
    """CHAIN-1 to CHAIN-15, and CHAIN-14 for each key of table ALG."""
    check_code_signing_chain(offered(*code_chain(kind, depth)))


def test_an_empty_chain_is_refused() -> None:
    """CHAIN-1."""
    refused(reason="chain.order", match="no certificate")


def test_a_chain_without_root_is_refused() -> None:
    """CHAIN-1, NEG-50."""
    refused(*CODE.chain[:-1], reason="chain.root", match='certificate 2 of 2, .*it was issued by "CN=Root')


def test_a_leaf_alone_is_refused() -> None:
    """CHAIN-1, NEG-50."""
    refused(CODE, reason="chain.root", match="not a self-signed root")


def test_a_self_issued_root_must_be_self_signed() -> None:
    """CHAIN-1: the name alone does not make a root."""
    root = issue("root", signed_by=key("p256", 3))
    refused(issue("leaf", issuer=root), root, reason="chain.root", match="its signature is not its own")


def test_a_reversed_chain_is_refused() -> None:
    """CHAIN-2, CHAIN-3, NEG-51."""
    refused(*reversed(CODE.chain), reason="chain.self_signed", match="certificate 1 of 3")


def test_swapped_certificates_are_refused() -> None:
    """CHAIN-2, NEG-51."""
    leaf, intermediate, root = CODE.chain
    refused(intermediate, leaf, root, reason="chain.order")


def test_a_missing_intermediate_is_refused() -> None:
    """CHAIN-1, CHAIN-2."""
    leaf, _, root = CODE.chain
    refused(leaf, root, reason="chain.order", match='but the next certificate is "CN=Root')


def test_a_doubled_root_is_refused() -> None:
    """CHAIN-3, NEG-52."""
    refused(*CODE.chain, CODE.root, reason="chain.self_signed", match="certificate 3 of 4")


def test_an_appended_certificate_is_refused() -> None:
    """CHAIN-3, NEG-52."""
    refused(*CODE.chain, issue("root", subject="CN=Other"), reason="chain.self_signed", match="certificate 3 of 4")


def test_another_leaf_in_front_is_refused() -> None:
    """CHAIN-2, NEG-53: it has the right issuer name and another CA's signature."""
    _, intermediate, root = CODE.chain
    stranger = issue("leaf", issuer=intermediate, signed_by=key("p256", 3))
    refused(stranger, intermediate, root, reason="chain.order", match="its signature does not verify")


def test_a_right_key_under_another_name_is_refused() -> None:
    """CHAIN-2, NEG-54."""
    _, intermediate, root = CODE.chain
    leaf = issue("leaf", issuer=intermediate, issuer_name=names.harbour("INTERMEDIATE 1"))
    refused(leaf, intermediate, root, reason="chain.order")


def test_a_self_signed_leaf_before_others_is_refused() -> None:
    """CHAIN-5."""
    refused(issue("leaf"), CODE.root, reason="chain.self_signed", match="certificate 1 of 2")


def test_a_self_issued_intermediate_is_not_self_signed() -> None:
    """CHAIN-3, CHAIN-7: a key rollover certificate may be in a chain, and counts for the path length."""
    for length, fits in ((0, False), (1, True)):
        root = issue("root", subject="CN=Root", basic_constraints=BasicConstraints(path_length=length))
        rollover = issue("intermediate", issuer=root, subject="CN=Root")
        chain = (issue("leaf", issuer=rollover), rollover, root)
        if fits:
            check_code_signing_chain(offered(*chain))
        else:
            refused(*chain, reason="chain.ca.path_length")


def test_the_chain_is_bounded() -> None:
    """LIM-13: at most 10."""
    check_code_signing_chain(offered(*code_chain(depth=10)))
    refused(*code_chain(depth=11), reason="chain.length", match="11 certificates, more than 10")


def test_validity_is_not_part_of_the_chain_rules() -> None:
    """CHAIN-17, CHAIN-18: expired, and not nested within its issuer's validity."""
    long_ago = {"not_before": datetime(1999, 1, 1, tzinfo=UTC), "not_after": datetime(2000, 1, 1, tzinfo=UTC)}
    check_code_signing_chain(offered(*code_chain(leaf=long_ago)))


@pytest.mark.parametrize("role", ["root", "intermediate", "leaf"])
def test_other_extensions_are_ignored(role: str) -> None:
    """CHAIN-16: also unknown critical ones and name constraints, as the specification says."""
    limit = extensions.permitted_names(extensions.directory_name(names.parse("C=XX")))
    chain = code_chain(**{role: {"extra": [extensions.UNKNOWN_CRITICAL, limit]}})
    check_code_signing_chain(offered(*chain))


def test_extended_key_usages_of_authorities_are_ignored() -> None:
    """CHAIN-19."""
    usage = {"extended_key_usage": ExtendedKeyUsage((extensions.SERVER_AUTH,), critical=True)}
    check_code_signing_chain(offered(*code_chain(root=usage, intermediate=usage)))


# Signatures with weak hashes


@pytest.mark.parametrize("role", ["root", "intermediate", "leaf"])
@pytest.mark.parametrize("hash_name", ["sha1", "md5"])
def test_a_weak_hash_is_refused_anywhere(role: str, hash_name: str) -> None:
    """CHAIN-15, NEG-68; the root's own signature too."""
    parents = {"root": {"key": "rsa2048"}, "intermediate": {"key": "rsa2048"}}
    deviations: dict[str, dict[str, Any]] = {**parents, "leaf": {}}
    deviations[role] = {**deviations[role], "hash_name": hash_name}
    chain = code_chain(**deviations)
    position = {"leaf": 1, "intermediate": 2, "root": 3}[role]
    name = {"sha1": "SHA-1", "md5": "MD5"}[hash_name]
    refused(*chain, reason="chain.hash", match=f"certificate {position} of 3, .*signed with {name} with RSA")


def test_ecdsa_with_sha1_is_refused() -> None:
    """CHAIN-15, NEG-68."""
    refused(*code_chain(leaf={"hash_name": "sha1"}), reason="chain.hash", match="SHA-1 with ECDSA")


def test_a_lone_certificate_with_sha1_is_refused() -> None:
    """CHAIN-15, D16, NEG-69: the reference takes it."""
    refused(issue("leaf", key="rsa2048", hash_name="sha1"), reason="chain.hash")


# Authorities


def test_a_lone_ca_certificate_does_not_sign() -> None:
    """CHAIN-4, NEG-55."""
    refused(
        issue("root", key_usage=KeyUsage(("digitalSignature",))), reason="chain.leaf.basic_constraints", match="cA is"
    )


def test_a_lone_certificate_keeps_the_rules_of_a_leaf_only() -> None:
    """CHAIN-4."""
    check_code_signing_chain(offered(issue("leaf", basic_constraints=None)))
    refused(issue("leaf", key_usage=None), reason="chain.leaf.key_usage")


ROLES = pytest.mark.parametrize(("role", "position"), [("intermediate", 2), ("root", 3)])


@ROLES
@pytest.mark.parametrize(
    ("constraints", "match"),
    [
        (None, "without basic constraints"),
        (BasicConstraints(ca=False), "cA is false"),
        (BasicConstraints(critical=False), "not marked critical"),
    ],
    ids=["NEG-56 missing", "NEG-56 cA FALSE", "NEG-57 D13 not critical"],
)
def test_a_ca_needs_critical_basic_constraints(
    role: str, position: int, constraints: BasicConstraints | None, match: str
) -> None:
    """CHAIN-6."""
    chain = code_chain(**{role: {"basic_constraints": constraints}})
    refused(*chain, reason="chain.ca.basic_constraints", match=f"certificate {position} of 3, .*{match}")


@pytest.mark.parametrize(
    ("role", "length", "fits"),
    [("root", 0, False), ("root", 1, True), ("root", 2, True), ("intermediate", 0, True)],
)
def test_path_lengths_count_the_authorities_below(role: str, length: int, fits: bool) -> None:
    """CHAIN-7, NEG-58."""
    chain = code_chain(**{role: {"basic_constraints": BasicConstraints(path_length=length)}})
    if fits:
        check_code_signing_chain(offered(*chain))
    else:
        refused(*chain, reason="chain.ca.path_length", match="allows 0 CA certificates below it, and the chain has 1")


@ROLES
@pytest.mark.parametrize(
    ("usage", "match"),
    [
        (None, "without a key usage"),
        (KeyUsage(CA_USAGE, critical=False), "not marked critical"),
        (KeyUsage(("cRLSign", "digitalSignature")), "cRLSign, digitalSignature, without keyCertSign"),
    ],
    ids=["missing", "not critical", "no keyCertSign"],
)
def test_a_ca_needs_critical_key_usage_with_keycertsign(
    role: str, position: int, usage: KeyUsage | None, match: str
) -> None:
    """CHAIN-8, NEG-59."""
    chain = code_chain(**{role: {"key_usage": usage}})
    refused(*chain, reason="chain.ca.key_usage", match=f"certificate {position} of 3, .*{match}")


def test_other_key_usage_bits_of_a_ca_are_free() -> None:
    """CHAIN-8."""
    usage = KeyUsage(extensions.KEY_USAGE_BITS)
    check_code_signing_chain(offered(*code_chain(root={"key_usage": usage})))


@ROLES
@pytest.mark.parametrize("kind", ["rsa1024", "rsa2047", "p224", "secp256k1"])
def test_a_weak_or_unknown_ca_key_is_refused(role: str, position: int, kind: str) -> None:
    """D17: also CA keys have a least size."""
    chain = code_chain(**{role: {"key": kind}})
    error = refused(*chain, reason="chain.ca.key", match=f"certificate {position} of 3, ")
    assert error.facts["key"] == Certificate.parse(chain[position - 1].der).key_name


@ROLES
@pytest.mark.parametrize("kind", ["rsa2048", "rsa3584", "p521"])
def test_a_strong_ca_key_is_accepted_whatever_its_size(role: str, position: int, kind: str) -> None:
    """CHAIN-14 is about the leaf."""
    check_code_signing_chain(offered(*code_chain(**{role: {"key": kind}})))


# The leaf


def test_a_leaf_that_is_a_ca_is_refused() -> None:
    """CHAIN-9, NEG-60."""
    chain = code_chain(leaf={"basic_constraints": BasicConstraints()})
    refused(*chain, reason="chain.leaf.basic_constraints", match="cA is true")


def test_a_leaf_needs_no_basic_constraints() -> None:
    """CHAIN-9."""
    check_code_signing_chain(offered(*code_chain(leaf={"basic_constraints": None})))


@pytest.mark.parametrize(
    ("usage", "match"),
    [
        (None, "no key usage"),
        (KeyUsage(("digitalSignature",), critical=False), "not marked critical"),
        (KeyUsage(("contentCommitment",)), "contentCommitment, without digitalSignature"),
        (KeyUsage(()), r"\(empty\), without digitalSignature"),
    ],
    ids=["missing", "not critical", "no digitalSignature", "empty"],
)
def test_a_leaf_needs_critical_key_usage_with_digital_signature(usage: KeyUsage | None, match: str) -> None:
    """CHAIN-10, NEG-61."""
    refused(*code_chain(leaf={"key_usage": usage}), reason="chain.leaf.key_usage", match=match)


@pytest.mark.parametrize(
    "bit",
    ["keyEncipherment", "dataEncipherment", "keyAgreement", "keyCertSign", "cRLSign", "encipherOnly", "decipherOnly"],
)
def test_a_leaf_must_not_have_other_key_usages(bit: str) -> None:
    """CHAIN-11, NEG-62."""
    chain = code_chain(leaf={"key_usage": KeyUsage(("digitalSignature", bit))})
    refused(*chain, reason="chain.leaf.key_usage", match=f"key usage {bit}, which")


def test_content_commitment_is_allowed() -> None:
    """CHAIN-11."""
    usage = KeyUsage(("digitalSignature", "contentCommitment"))
    check_code_signing_chain(offered(*code_chain(leaf={"key_usage": usage})))


@pytest.mark.parametrize("critical", [True, False])
@pytest.mark.parametrize(
    ("purpose", "name"),
    [
        pytest.param(extensions.SERVER_AUTH, "serverAuth", id="NEG-63 serverAuth"),
        pytest.param(extensions.CLIENT_AUTH, "clientAuth", id="NEG-63 clientAuth"),
        pytest.param(extensions.EMAIL_PROTECTION, "emailProtection", id="NEG-63 emailProtection"),
        pytest.param(extensions.TIME_STAMPING, "timeStamping", id="NEG-63 timeStamping"),
        pytest.param(extensions.ANY_USAGE, "anyExtendedKeyUsage", id="NEG-64 D14 any"),
        pytest.param(extensions.OCSP_SIGNING, "OCSPSigning", id="NEG-65 D15 OCSPSigning"),
    ],
)
def test_a_leaf_must_not_have_foreign_purposes(purpose: str, name: str, critical: bool) -> None:
    """CHAIN-12, CHAIN-13."""
    usage = ExtendedKeyUsage((extensions.CODE_SIGNING, purpose), critical)
    chain = code_chain(leaf={"extended_key_usage": usage})
    refused(*chain, reason="chain.leaf.extended_key_usage", match=f"extended key usage {name}, which")


@pytest.mark.parametrize("oids", [None, ("1.3.6.1.4.1.55555.7",), (extensions.CODE_SIGNING, "1.3.6.1.4.1.55555.7")])
def test_absent_and_unknown_purposes_are_accepted(oids: tuple[str, ...] | None) -> None:
    """CHAIN-12, CHAIN-13."""
    usage = ExtendedKeyUsage(oids) if oids else None
    check_code_signing_chain(offered(*code_chain(leaf={"extended_key_usage": usage})))


@pytest.mark.parametrize("kind", ["rsa1024", "rsa3584", "p224", "secp256k1", "ed25519", "dsa2048"])
def test_a_leaf_key_beside_the_table_is_refused(kind: str) -> None:
    """CHAIN-14, ALG-1, NEG-66."""
    refused(*code_chain(kind), reason="chain.leaf.key", match="only RSA-2048, RSA-3072")


def test_a_leaf_key_of_2047_bits_is_refused() -> None:
    """ALG-2, D11, NEG-67."""
    refused(*code_chain("rsa2047"), reason="chain.leaf.key", match="the key RSA-2047;")


def test_a_rejection_names_the_certificate() -> None:
    chain = code_chain(leaf={"subject": names.name(("CN", "a\x1bb")), "key_usage": None})
    error = refused(*chain, reason="chain.leaf.key_usage", match=r'certificate 1 of 3, "CN=a\\x1bb", has no key usage')
    assert error.facts == {"certificate": r"CN=a\x1bb", "position": 0}


# Validity


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize("at", [START, AT, END])
def test_both_ends_of_the_validity_count(at: datetime) -> None:
    check_validity(offered(*CODE.chain), at)


@pytest.mark.parametrize("role", ["root", "intermediate", "leaf"])
def test_an_expired_certificate_anywhere_is_refused(role: str) -> None:
    chain = offered(*code_chain(**{role: {"not_after": AT}}))
    check_validity(chain, AT)
    with pytest.raises(Rejected, match="expired at 2026-06-01T12:00:00Z, before 2026-06-01T12:00:01Z") as caught:
        check_validity(chain, AT + SECOND)
    assert caught.value.reason == "time.certificate.expired"
    assert caught.value.facts["not_after"] == "2026-06-01T12:00:00Z"
    assert caught.value.facts["at"] == "2026-06-01T12:00:01Z"


@pytest.mark.parametrize("role", ["root", "intermediate", "leaf"])
def test_a_certificate_that_is_not_valid_yet_is_refused(role: str) -> None:
    chain = offered(*code_chain(**{role: {"not_before": AT}}))
    check_validity(chain, AT)
    with pytest.raises(Rejected, match="valid from 2026-06-01T12:00:00Z, which is after") as caught:
        check_validity(chain, AT - SECOND)
    assert caught.value.reason == "time.certificate.not_yet"
    assert caught.value.facts["not_before"] == "2026-06-01T12:00:00Z"


# Anchors


def test_anchors_are_members_by_their_bytes() -> None:
    """CHAIN-21."""
    root, other = offered(CODE.root, issue("root"))
    trusted = Anchors.of({"ca:one": [root], "ca:two": [root]})
    assert root in trusted
    assert other not in trusted
    assert trusted.store_of(root) == "ca:one"
    assert list(trusted) == [root]
    assert len(trusted) == 1


def test_anchors_with_one_name_are_all_found() -> None:
    one, two = offered(issue("root"), issue("root", slot=4))
    assert Anchors.of({"ca:one": [one], "ca:two": [two]}).named(one.subject) == (one, two)
    assert Anchors.of({}).named(one.subject) == ()
