"""airgap.verifier.advice: near matches beside a refusal. They decide nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import Rejected
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.trust.directory import TrustDirectory
from airgap.trust.statement import Statement
from airgap.trust.store_types import StoreType
from airgap.verifier.advice import Hint, no_anchor, other_identities, unnamed_store
from tests.support.pki import Issued, Pki, issue
from tests.support.trust import REPOSITORY, oci_policy, statement, write_trust

LEAF = Pki().code_chain()
INTERMEDIATE, ROOT = LEAF.chain[1:]
CHAIN = tuple(Certificate.parse(item.der) for item in LEAF.chain)
OTHER = issue("root", slot=6, subject="C=US,ST=WA,O=Other")
SAME_NAME = issue("root", slot=6, subject=ROOT.subject)
SAME_KEY = issue("root", key=ROOT.key, subject="C=US,ST=WA,O=Renamed")
RENEWED = issue("root", key=ROOT.key, subject=ROOT.subject)
OF_THE_INTERMEDIATE = issue("intermediate", issuer=OTHER, key=INTERMEDIATE.key, subject=INTERMEDIATE.subject)
OF_THE_LEAF = issue("leaf", issuer=OTHER, key=LEAF.key, subject=LEAF.subject)


def refusal(*anchors: Issued, elsewhere: Hint | None = None) -> Rejected:
    stores = {"ca:site": [Certificate.parse(item.der) for item in anchors]}
    return no_anchor(CHAIN, Anchors.of(stores), elsewhere or Hint())


@pytest.mark.parametrize(
    ("anchor", "said"),
    [
        (SAME_NAME, ["this name: ", "another key"]),
        (SAME_KEY, ["this key: ", "the same key"]),
        (RENEWED, ["this name: ", "the same key"]),
        (OF_THE_INTERMEDIATE, ["this name (that is ", "the same key"]),
        (OTHER, []),
        (OF_THE_LEAF, []),
    ],
)
def test_an_anchor_of_the_same_name_or_key_is_named(anchor: Issued, said: list[str]) -> None:
    """What issued the leaf is compared: its own certificate is renewed each year."""
    error = refusal(OTHER, anchor)
    assert error.reason == "authenticity.no_anchor"
    assert str(error).count("ca:site holds another certificate") == bool(said)
    assert [part for part in said if part in str(error)] == said
    assert (anchor.fingerprint in str(error), "issued anew" in error.remedy) == (bool(said), bool(said))


def test_each_near_anchor_is_named_once() -> None:
    assert str(refusal(SAME_NAME, SAME_KEY)).count("another certificate") == 2
    assert str(refusal(RENEWED)).count("another certificate") == 1


def test_a_certificate_that_signed_itself_is_compared_itself() -> None:
    alone = Certificate.parse(SAME_NAME.der)
    anchors = Anchors.of({"ca:site": [Certificate.parse(ROOT.der)]})
    assert "ca:site holds another certificate of this name: " in str(no_anchor([alone], anchors, Hint()))


def test_a_store_with_the_very_anchor_is_the_better_remedy() -> None:
    error = refusal(SAME_NAME, elsewhere=Hint("; it is elsewhere", "Name that store."))
    assert "; it is elsewhere; ca:site holds another" in str(error)
    assert error.remedy == "Name that store."


@pytest.fixture
def site(tmp_path: Path) -> Statement:
    trust = write_trust(tmp_path, policy=oci_policy(statement()), stores={"ca:harbour": [ROOT]})
    return TrustDirectory.open(trust).policy().select(REPOSITORY)


def others(**stores: Issued) -> dict[str, Anchors]:
    names = {name.replace("_", ":", 1): item for name, item in stores.items()}
    return {name: Anchors.of({name: [Certificate.parse(item.der)]}) for name, item in names.items()}


def test_the_store_that_only_has_to_be_named_is_the_hint(site: Statement) -> None:
    found = others(tsa_a=ROOT, ca_b=ROOT, ca_c=ROOT)
    hint = unnamed_store(CHAIN, StoreType.CA, site, found)
    assert hint.text.startswith("; that root is in the trust store ca:b, which the statement")
    assert hint.remedy.startswith("If ca:b is to be trusted for this repository")


def test_a_store_of_another_type_is_the_hint_where_there_is_none_of_the_right_one(site: Statement) -> None:
    hint = unnamed_store(CHAIN, StoreType.SIGNING_AUTHORITY, site, others(ca_b=ROOT), root="its root")
    assert hint.text == (
        "; its root is in the trust store ca:b, which is of type ca, and signatures of this scheme need one of type "
        "signingAuthority"
    )
    assert "(truststore/x509/signingAuthority/NAME/)" in hint.remedy


def test_a_certificate_below_the_root_is_called_so(site: Statement) -> None:
    hint = unnamed_store(CHAIN, StoreType.CA, site, others(ca_a=OTHER, ca_b=INTERMEDIATE))
    assert hint.text.startswith("; a certificate of the chain is in the trust store ca:b")
    assert unnamed_store(CHAIN, StoreType.CA, site, others(ca_a=OTHER)) == Hint()


@pytest.mark.parametrize(
    ("reason", "plugin", "is_advised"),
    [("identity.none", "p", True), ("identity.none", None, False), ("identity.subject", "p", False)],
)
def test_a_plugin_may_know_identities_that_no_subject_is_compared_with(
    reason: str, plugin: str | None, *, is_advised: bool
) -> None:
    error = Rejected(reason, "no")
    before = error.remedy
    advised = other_identities(error, plugin)
    assert (advised.reason, "--allow-plugin p" in advised.remedy) == (reason, is_advised)
    assert is_advised or advised.remedy == before
