"""A root that is in a store which the statement does not name, or of another type: "add its root to the store"."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import names
from tests.support.command import run_here
from tests.support.pki import Pki, issue
from tests.support.scenario import Scene
from tests.support.trust import oci_policy, statement

STRANGER = issue("root", slot=3, subject=names.harbour("Other Root"))
AUTHORITY = "notary.x509.signingAuthority"


def told(scene: Scene, folder: Path, reason: str) -> str:
    """All that is said of a scene that is refused for `reason`."""
    written = scene.write(folder)
    ran = run_here(written.arguments())
    assert ran.code == 13, ran
    assert reason in ran.reasons
    text = run_here([item for item in written.arguments() if item not in {"--format", "json"}])
    return text.out


@pytest.mark.parametrize("other", ["ca:other", "tsa:other", "signingAuthority:other"])
def test_names_the_store_that_holds_the_root(tmp_path: Path, other: str) -> None:
    scene = Scene()
    scene.stores = {"ca:harbour": [STRANGER], other: [scene.signature.leaf.root]}
    out = told(scene, tmp_path, "authenticity.no_anchor")
    assert f"that root is in the trust store {other}, which" in out
    if other == "ca:other":
        assert "add it to the trustStores of the statement 'harbour'" in out
    else:
        assert "put it into a store of type ca too" in out


@pytest.mark.parametrize("named", [False, True])
def test_a_ca_store_is_not_trusted_for_a_signing_authority(tmp_path: Path, named: bool) -> None:
    scene = Scene()
    scene.signature.scheme = AUTHORITY
    scene.stores = {"ca:harbour": [scene.signature.leaf.root], "signingAuthority:sa": [STRANGER]}
    if named:
        scene.policy = oci_policy(statement(trustStores=["ca:harbour", "signingAuthority:sa"]))
    out = told(scene, tmp_path, "authenticity.no_anchor" if named else "authenticity.no_store")
    assert "is in the trust store ca:harbour, which is of type ca" in out
    assert "put it into a store of type signingAuthority too" in out


@pytest.mark.parametrize(
    ("store", "words"),
    [
        ("ca:other", "the root of that chain is in the trust store ca:other, which is of type ca"),
        ("tsa:other", "the root of that chain is in the trust store tsa:other, which the statement"),
    ],
)
def test_names_the_store_that_holds_the_root_of_an_authority(tmp_path: Path, store: str, words: str) -> None:
    scene = Scene()
    tsa = scene.timestamp(Pki().tsa_chain())
    scene.stores = {**scene.stores, "tsa:harbour": [STRANGER], store: [tsa.root]}
    assert words in told(scene, tmp_path, "timestamp.untrusted")


def test_advises_to_add_a_root_that_is_in_no_readable_store(tmp_path: Path) -> None:
    scene = Scene()
    scene.stores = {"ca:harbour": [STRANGER], "ca:other": {"x.pem": b"garbage"}}
    out = told(scene, tmp_path, "authenticity.no_anchor")
    assert "root is in the trust store" not in out
    assert "add its root certificate to the trust store" in out
