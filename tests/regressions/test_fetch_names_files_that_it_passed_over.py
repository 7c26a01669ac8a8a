"""Files below `trust fetch --from FOLDER` that were passed over, or cannot be read: the fetch was COMPLETE."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.support.command import Ran, run_here
from tests.support.crls import CERTIFICATE_ISSUER, crl, entry, pem
from tests.support.extensions import Extension
from tests.support.pki import AT, END, Pki
from tests.support.scenario import Scene

LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
TWICE = Extension(CERTIFICATE_ISSUER, b"")
GOOD = crl(LEAF.root, number=1, next_update=END)
BROKEN = crl(LEAF.root, number=2, this_update=AT, revoked=[entry(77, extra=[TWICE, TWICE])])
REVOKING = crl(LEAF.root, number=2, this_update=AT, revoked=[entry(LEAF.serial, reason="keyCompromise")])


def fetch(folder: Path, name: str, data: bytes | Path) -> Ran:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    written = scene.write(folder)
    offered = folder / "from" / name
    offered.parent.mkdir(parents=True)
    if isinstance(data, Path):
        offered.symlink_to(data)
    else:
        offered.write_bytes(data)
    options = ["--trust", str(written.trust), "--from", str(folder / "from"), "--no-download", "--require-complete"]
    return run_here(["trust", "fetch", str(written.layout), *options])


NAMES = [
    "r.crl", "june", "crls/june", ".r.crl", "r.bin", "index.json", "a/b/r.crl", ".crls/r.crl", "crls/.r.crl",
    "CRLs/june", "revocation/2026/june", "june/r.der", "june/r.pem", "usb/trust/crls/june", "ocsps/june.cer",
    "a/crl-june", "a/.r.crl",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_evidence_is_taken_whatever_its_name(tmp_path: Path, name: str) -> None:
    assert fetch(tmp_path, name, REVOKING).out.startswith("REVOKED")


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("r.crl", REVOKING[:-10]),
        ("crls/june", gzip.compress(REVOKING)),
        ("crls.gz", gzip.compress(REVOKING)),
        ("all.crl", GOOD + REVOKING),
        ("r.crl", BROKEN),
        ("june/r.pem", pem(REVOKING)[:-80]),
        ("CRLs/june", REVOKING[:-10]),
    ],
)
def test_an_unreadable_file_leaves_the_fetch_incomplete(tmp_path: Path, name: str, data: bytes) -> None:
    ran = fetch(tmp_path, name, data)
    assert ran.code == 15
    last = "INCOMPLETE: 1 offered file cannot be read, and may hold a newer answer. Exit code 15."
    assert ran.out.splitlines()[-1] == last
    assert name in ran.out


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("README", b"see crls"),
        ("crls/README", b"ours"),
        ("image.tar", bytes(1024)),
        ("certs/root.pem", LEAF.root.pem),
        ("photos/june", REVOKING[:-10]),
        ("photos/._june.pem", bytes(4096)),
    ],
)
def test_ignores_other_files(tmp_path: Path, name: str, data: bytes) -> None:
    ran = fetch(tmp_path, name, data)
    assert ran.code == 0
    assert ran.out.startswith("COMPLETE")


@pytest.mark.parametrize(
    ("name", "to"),
    [
        ("june.crl", "other/revoking"),
        ("june.crl", "nowhere"),
        ("crl-june", "other/revoking"),
        ("crls/june", "other/revoking"),
        ("crls", "other"),
        ("a/crls", "other"),
    ],
)
def test_reports_evidence_behind_a_link(tmp_path: Path, name: str, to: str) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other/revoking").write_bytes(REVOKING)
    ran = fetch(tmp_path, name, tmp_path / to)
    assert ran.code == 2
    assert f"{name} is a symbolic link" in ran.err


@pytest.mark.parametrize("name", ["README", "photos", "a/photos"])
def test_ignores_links_to_other_files(tmp_path: Path, name: str) -> None:
    assert fetch(tmp_path, name, tmp_path).out.startswith("COMPLETE")


def test_reports_a_file_beside_a_layout_that_cannot_be_read(tmp_path: Path) -> None:
    """verify leaves the answer open because of it; nothing was said of it."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    written = scene.write(tmp_path)
    loose = written.layout / "crls/june.crl"
    loose.parent.mkdir()
    loose.symlink_to(tmp_path / "gone")
    assert run_here(written.arguments()).code == 15
    options = ["--trust", str(written.trust), "--no-download"]
    ran = run_here(["trust", "fetch", str(written.layout), *options])
    assert "june.crl' cannot be used" in ran.err
    assert run_here(["trust", "fetch", str(written.layout), *options, "--require-complete"]).code == 15
