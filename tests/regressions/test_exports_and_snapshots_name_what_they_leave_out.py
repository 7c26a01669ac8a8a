"""Evidence that a site uses, or cannot read, and that a snapshot or an export left out without a message."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.errors import TrustMaterialError
from airgap.locking import exclusive
from airgap.trust.snapshots.material import list_material
from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.pki import AT, END, Pki
from tests.support.trust import write_trust

URL = "http://crl.example/leaf.crl"
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
GOOD = crl(LEAF.root, number=1, next_update=END)
REVOKING = crl(LEAF.root, number=2, this_update=AT, revoked=[entry(LEAF.serial, reason="keyCompromise")])


def put(place: str, data: bytes = REVOKING) -> Callable[[Path], None]:
    def write(trust: Path) -> None:
        (trust / place).parent.mkdir(parents=True, exist_ok=True)
        (trust / place).write_bytes(data)

    return write


STAYING = {
    "crls/.old/a/b/c/d is evidence under a hidden name": put("crls/.old/a/b/c/d/r.crl"),
    "crls/.old/r.crl is evidence under a hidden name": put("crls/.old/r.crl"),
    "crls/._r.crl is evidence under a hidden name": put("crls/._r.crl"),
    "crls/.r.crl.1f.tmp is evidence under a hidden name": put("crls/.r.crl.1f.tmp"),
    "crls.gz cannot be used": put("crls.gz", b"\x1f\x8b\x08\x00"),
}


@pytest.mark.parametrize("words", STAYING)
def test_refuses_a_snapshot_that_would_leave_evidence_out(tmp_path: Path, words: str) -> None:
    trust = write_trust(tmp_path, crls={"good.crl": GOOD})
    list_material(trust)
    STAYING[words](trust)
    with pytest.raises(TrustMaterialError, match=words):
        list_material(trust)


@pytest.mark.parametrize(
    ("place", "data"), [("crls/r.crl", REVOKING[:-10]), ("crl/r.crl", REVOKING), ("crls.gz", b"\x1f\x8b\x08\x00")]
)
@pytest.mark.parametrize("index", [None, {URL: "good.crl"}])
def test_an_export_reports_what_it_leaves_out(
    tmp_path: Path, place: str, data: bytes, index: dict[str, str] | None
) -> None:
    """airgap is undecided by it, notation passed what names no URL, and the exit code was 0."""
    trust = write_trust(
        tmp_path / "trust", stores={"ca:harbour": [LEAF.root]}, crls={"good.crl": GOOD}, crl_index=index
    )
    export = ["trust", "export", "--for", "notation", "--trust", str(trust)]
    assert run_here([*export, str(tmp_path / "one")]).code == 0
    assert len(list((tmp_path / "one").glob("cache/crl/*"))) == (1 if index else 0)
    put(place, data)(trust)
    ran = run_here([*export, str(tmp_path / "two")])
    assert ran.code == 20
    assert place in ran.out
    assert not list((tmp_path / "two").glob("cache/crl/*"))


def test_an_export_treats_damaged_names_as_verify_does(tmp_path: Path) -> None:
    """One bit of the issuer's name had changed, so that the export took it for the CRL of another CA."""
    at = REVOKING.index(LEAF.root.subject) + len(LEAF.root.subject) - 3
    damaged = REVOKING[:at] + bytes([REVOKING[at] ^ 1]) + REVOKING[at + 1 : -10]
    trust = write_trust(
        tmp_path / "trust", stores={"ca:harbour": [LEAF.root]}, crls={"good.crl": GOOD}, crl_index={URL: "good.crl"}
    )
    put("crls/r.crl", damaged)(trust)
    ran = run_here(["trust", "export", "--for", "notation", "--trust", str(trust), str(tmp_path / "out")])
    assert ran.code == 20
    assert not list((tmp_path / "out").glob("cache/crl/*"))


@pytest.mark.skipif(os.name == "nt", reason="links need a right there")
def test_writes_into_an_evidence_folder_that_is_a_link(tmp_path: Path) -> None:
    """Fetching and applying waited for a minute, and then blamed another process."""
    (tmp_path / "real").mkdir()
    (tmp_path / "crls").symlink_to("real")
    begun = time.monotonic()
    with exclusive(tmp_path / "crls"):
        assert time.monotonic() - begun < 20
