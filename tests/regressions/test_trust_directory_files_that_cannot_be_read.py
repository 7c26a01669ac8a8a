"""Links, missing media, files in the place of folders: they were called absent, or the remedy named another file."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.fetching import site
from tests.support.pki import AT, Pki
from tests.support.scenario import Scene, Written

URL = "http://crl.example/leaf.crl"
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
GOOD = crl(LEAF.root, number=1)
REVOKING = crl(LEAF.root, number=2, this_update=AT, revoked=[entry(LEAF.serial, reason="keyCompromise")])


def write(folder: Path) -> Written:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": GOOD}
    return scene.write(folder)


def link(path: Path, target: str) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.symlink_to(target)


def to_each_other(trust: Path) -> None:
    link(trust / "crls/r.crl", "s.crl")
    link(trust / "crls/s.crl", "r.crl")


def to_an_unfinished_file(trust: Path) -> None:
    (trust / "crls/.r.crl.1f.tmp").write_bytes(REVOKING[:-10])
    link(trust / "crls/r.crl", ".r.crl.1f.tmp")


def replace(path: Path, data: bytes) -> None:
    shutil.rmtree(path, ignore_errors=True)
    path.write_bytes(data)


def deep(path: Path) -> None:
    path.mkdir(parents=True)
    (path / "r.crl").write_bytes(REVOKING)


def beside_the_policy(trust: Path) -> None:
    shutil.rmtree(trust / "truststore")
    (trust / "root.pem").write_bytes(LEAF.root.pem)


def folder_that_the_index_names(trust: Path) -> None:
    (trust / "crls/other.crl").mkdir()
    (trust / "crls/index.json").write_text(json.dumps({URL: "other.crl"}))


CASES: dict[str, tuple[Callable[[Path], object], int, str, str]] = {
    "a link in crls that leads nowhere": (
        lambda t: link(t / "crls/r.crl", "../elsewhere.crl"),
        15,
        "and it leads nowhere",
        "Bring back what it leads to",
    ),
    "links in crls that lead to each other": (
        to_each_other,
        15,
        "and it leads nowhere",
        "Bring back what it leads to",
    ),
    "a link in crls to a file that was not finished": (
        to_an_unfinished_file,
        15,
        "it is a CRL, cut short or damaged",
        "Put a good copy of it",
    ),
    "a pipe": (lambda t: os.mkfifo(t / "crls/r.crl"), 15, "it is not a regular file", "regular file"),
    "crls is a file": (lambda t: replace(t / "crls", REVOKING), 18, "crls is a file", "Make a folder"),
    "ocsp is a file": (lambda t: replace(t / "ocsp", b""), 18, "ocsp is a file", "Make a folder"),
    "crls is on a medium that is away": (
        lambda t: link(t / "crls", "/nowhere/crls"),
        18,
        "crls is a symbolic link that leads nowhere",
        "is a medium missing?",
    ),
    "the index names what is not there": (
        lambda t: (t / "crls/index.json").write_text(json.dumps({URL: "gone.crl"})),
        15,
        "crls/gone.crl",
        "correct crls/index.json",
    ),
    "the index names it in another case": (
        lambda t: (t / "crls/index.json").write_text(json.dumps({URL: "Good.crl"})),
        15,
        "'good.crl' is there, which differs in case",
        "correct crls/index.json",
    ),
    "the index names a folder": (
        folder_that_the_index_names,
        15,
        "crls/other.crl in the trust directory cannot be used",
        "correct crls/index.json",
    ),
    "a folder with the name of a CRL, as a mount of a file that is not there leaves it": (
        lambda t: (t / "crls/2026/new.CRL").mkdir(parents=True),
        15,
        "it is an empty folder with the name of a file",
        "Put the file in its place",
    ),
    "a folder with the name of an OCSP response": (
        lambda t: (t / "ocsp/new.ors").mkdir(parents=True),
        15,
        "it is an empty folder with the name of a file",
        "Put the file in its place",
    ),
    "too deep": (lambda t: deep(t / "crls/a/b/c/d/e"), 15, "more than 4 levels below crls/", "into crls/ itself"),
    "the store is a file": (
        lambda t: replace(t / "truststore/x509/ca/harbour", LEAF.root.pem),
        18,
        "is a file, not a directory",
        "Make a folder of that name",
    ),
    "the stores are a file": (lambda t: replace(t / "truststore", b""), 18, "truststore is a file", "Put the folder"),
    "the stores are on a medium that is away": (
        lambda t: link(t / "truststore", "/nowhere/truststore"),
        18,
        "truststore is a symbolic link that leads nowhere",
        "bring back",
    ),
    "the root is beside the policy": (
        beside_the_policy,
        18,
        "'root.pem' is outside of every store",
        "make the folder truststore/x509/ca/harbour",
    ),
}


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes in this system's folders")
@pytest.mark.parametrize("name", CASES)
def test_reports_an_unreadable_file_with_place_and_remedy(tmp_path: Path, name: str) -> None:
    spoil, code, words, remedy = CASES[name]
    written = write(tmp_path)
    assert run_here(written.arguments()).code == 0
    spoil(written.trust)
    ran = run_here([item for item in written.arguments() if item not in {"--format", "json"}])
    assert ran.code == code, ran
    assert words in ran.out
    assert any(remedy in said for said in ran.out.split("→")[1:])


def test_an_absent_medium_is_not_an_empty_folder(tmp_path: Path) -> None:
    """For a certificate that names no CRL a missing one is no gap: it was a pass, whatever is on the medium."""
    scene = Scene()
    written = scene.write(tmp_path)
    assert run_here(written.arguments()).code == 0
    (written.trust / "crls").symlink_to("/nowhere/crls")
    assert run_here(written.arguments()).code == 18


@pytest.mark.parametrize("name", ["Airgap.toml", "airgap.toml.txt", "AIRGAP.TOML"])
def test_reports_a_misspelt_freshness_file(tmp_path: Path, name: str) -> None:
    written = write(tmp_path)
    (written.trust / name).write_text('[freshness]\ncrl = "90d"\n')
    ran = run_here([item for item in written.arguments() if item not in {"--format", "json"}])
    assert ran.code == 0
    assert f"'{name}' in the trust directory is not read: its name must be airgap.toml" in ran.err
    (written.trust / "airgap.toml").write_text('[freshness]\ncrl = "90d"\n')
    assert "is not read" not in run_here(written.arguments()).out


def test_names_a_packed_file_in_an_offered_folder(tmp_path: Path) -> None:
    """It was passed over for its name."""
    (tmp_path / "brought").mkdir()
    (tmp_path / "brought/r.crl.gz").write_bytes(b"\x1f\x8brest")
    with site(tmp_path / "site") as here:
        here.sign()
        outcome = here.fetch(download=False, offered=[tmp_path / "brought"])
    (attempt,) = outcome.offered
    assert "compressed (gzip)" in attempt.message
