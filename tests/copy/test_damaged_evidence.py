"""What a copy judges is what it moves: evidence that verify finds damaged ends the copy (decision 0036).

The gate left such evidence out with a warning, and the move found it good, or did not read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.descriptor import REF_NAME, TITLE, Descriptor
from airgap.oci.digest import Digest
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from tests.copy.test_trust import copy
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import LEAF, REVOKING
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry, answer, then
from tests.support.scenario import NOTARY, Scene, Written
from tests.support.trust import REPOSITORY

Damage = Callable[[Path], object]
CRL = Digest.of(REVOKING)


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def _evidence(builder: LayoutBuilder, subject: Descriptor) -> Descriptor:
    piece = builder.add_blob(REVOKING, CRL_MEDIA_TYPE, annotations={TITLE: "crls/x.crl"})
    return builder.add_referrer(subject, [piece], artifact_type=EVIDENCE_TYPE)


def _revoked(folder: Path) -> tuple[Written, Digest]:
    """A signed artifact with evidence beside it that revokes its signer, and the manifest of the evidence."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    found: list[Digest] = []

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries = [entry for entry in builder.entries if entry["digest"] != str(target.digest)]
        builder.list(target, **{REF_NAME: f"{REPOSITORY}:v1"})
        found.append(_evidence(builder, target).digest)

    scene.packing.append(pack)
    return scene.write(folder), found[0]


def _blob(written: Written, digest: Digest) -> Path:
    return written.layout / "blobs/sha256" / digest.encoded


def _flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def _lengthen(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"\n")


def _folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


DAMAGES = pytest.mark.parametrize("damage", [_flip, _cut, _lengthen, Path.unlink, _folder])


@DAMAGES
@pytest.mark.parametrize("part", ["file", "manifest"])
@pytest.mark.parametrize("keep_going", [[], ["--keep-going"]], ids=["all", "keep-going"])
def test_of_a_medium(
    tmp_path: Path, target: LoopbackRegistry, damage: Damage, part: str, keep_going: list[str]
) -> None:
    written, manifest = _revoked(tmp_path)
    trust = ["--trust", str(written.trust)]
    assert run_here(["import", str(written.layout), target.host, *trust]).code == 14
    damage(_blob(written, CRL if part == "file" else manifest))
    target.put_blob("net-monitor", REVOKING)  # what is there already is no excuse
    assert run_here(written.arguments()).code == 16
    ran = run_here(["import", str(written.layout), target.host, *trust, *keep_going])
    assert (ran.code, dict(target.repositories["net-monitor"].tags)) == (16, {}), ran
    builder = LayoutBuilder()
    builder.add_blob(REVOKING)
    there = builder.write_directory(tmp_path / "there")
    for place in (there, tmp_path / "new", tmp_path / "new.tar"):
        assert copy(written, written.layout, place, *keep_going).code == 16
    assert b'"manifests":[]' in (there / "index.json").read_bytes()


def test_of_a_medium_that_reads_badly_once(tmp_path: Path, target: LoopbackRegistry) -> None:
    written, _ = _revoked(tmp_path)
    _flip(_blob(written, CRL))
    target.on("HEAD", "/", then(lambda: _blob(written, CRL).write_bytes(REVOKING)), times=1)
    ran = run_here(["import", str(written.layout), target.host, "--trust", str(written.trust)])
    assert (ran.code, target.repositories) == (16, {}), ran


@pytest.mark.parametrize("chosen", [True, False])
@pytest.mark.parametrize("times", [1, 1000])
def test_of_a_registry(tmp_path: Path, target: LoopbackRegistry, times: int, *, chosen: bool) -> None:
    """A replica that lags behind answers 404 once."""
    written, _ = _revoked(tmp_path)
    with LoopbackRegistry() as source:
        assert run_here(["copy", str(written.layout), f"{source.host}/app"]).code == 0
        source.on("GET", f"/blobs/{CRL}", answer(404), times=times)
        target.put_blob("app", REVOKING)
        options = [] if chosen else ["--artifact-type", NOTARY]
        ran = copy(written, *options, f"{source.host}/app:v1", f"{target.host}/app")
    assert (ran.code, dict(target.repositories["app"].tags)) == (16 if chosen else 15, {}), ran


@DAMAGES
@pytest.mark.parametrize("keep_going", [[], ["--keep-going"]], ids=["all", "keep-going"])
def test_that_is_not_chosen(tmp_path: Path, damage: Damage, keep_going: list[str]) -> None:
    written, _ = _revoked(tmp_path)
    options = ["--artifact-type", NOTARY, *keep_going]
    assert copy(written, *options, written.layout, tmp_path / "to").code == 14
    damage(_blob(written, CRL))
    assert copy(written, *options, written.layout, tmp_path / "to").code == 16


@DAMAGES
@pytest.mark.parametrize("part", ["file", "manifest"])
def test_in_a_layout_that_gets_more(tmp_path: Path, damage: Damage, part: str) -> None:
    """The copy was "current", and verify refused it."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}
    written = scene.write(tmp_path)
    there = tmp_path / "there"
    assert copy(written, f"{written.layout}:v1", there).code == 0
    builder = LayoutBuilder()
    found = _evidence(builder, scene.target)
    for digest, data in builder.blobs.items():
        (there / "blobs/sha256" / digest.encoded).write_bytes(data)
    index = json.loads((there / "index.json").read_bytes())
    index["manifests"] += builder.entries
    (there / "index.json").write_text(json.dumps(index))
    assert copy(written, f"{written.layout}:v1", there).code == 14
    damage(there / "blobs/sha256" / (CRL if part == "file" else found.digest).encoded)
    for options in ([], ["--keep-going"], ["--dry-run"]):
        ran = copy(written, *options, f"{written.layout}:v1", there)
        assert (ran.code, "something that may be about it is damaged" in ran.out + ran.err) == (16, True), ran


@DAMAGES
def test_what_the_copy_brings_is_put_right(tmp_path: Path, damage: Damage) -> None:
    written = Scene().write(tmp_path)
    there = tmp_path / "there"
    assert copy(written, f"{written.layout}:v1", there).code == 0
    (signature,) = run_here(written.arguments()).document["artifacts"][0]["signatures"]
    blob = there / "blobs/sha256" / signature["digest"].partition(":")[2]
    damage(blob)
    if blob.is_dir():
        blob.rmdir()
    assert copy(written, f"{written.layout}:v1", there).code == 0
    assert copy(written, f"{there}:v1", tmp_path / "again").code == 0


@DAMAGES
def test_about_what_is_not_there(tmp_path: Path, target: LoopbackRegistry, damage: Damage) -> None:
    """It proves itself, and needs no signature; it has to be whole."""
    scene = Scene()
    nowhere = Descriptor.of("application/vnd.oci.image.manifest.v1+json", b"nowhere")

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        _evidence(builder, nowhere)

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    assert copy(written, written.layout, f"{target.host}/good").code == 0
    damage(_blob(written, CRL))
    target.put_blob("app", REVOKING)
    assert run_here(written.arguments()).code == 0  # of the tag
    ran = copy(written, written.layout, f"{target.host}/app")
    assert (ran.code, dict(target.repositories["app"].tags)) == (16, {}), ran
    ran = copy(written, "--keep-going", written.layout, f"{target.host}/app")
    assert (ran.code, list(target.repositories["app"].tags)) == (20, ["v1"]), ran


def test_verify_of_manifests_reads_evidence(tmp_path: Path) -> None:
    written, _ = _revoked(tmp_path)
    _flip(_blob(written, CRL))
    ran = run_here(written.arguments("--content", "manifests"))
    assert (ran.code, ran.document["artifacts"][0]["content"]["problems"][0]["reason"]) == (16, "content.digest"), ran


@pytest.mark.parametrize("size", [3, 5_000_000])
def test_a_blob_that_is_longer_than_its_descriptor_is_not_uploaded(
    tmp_path: Path, target: LoopbackRegistry, size: int
) -> None:
    """An upload stopped at the size that the descriptor states, and took what was behind it for nothing."""
    builder = LayoutBuilder()
    layer = b"layer" * 1000
    builder.tag(builder.add_image(layer), "v1")
    builder.blobs[Digest.of(layer)] += b"x" * size
    ran = run_here(["copy", str(builder.write_directory(tmp_path / "layout")), f"{target.host}/app"])
    assert (ran.code, target.repositories["app"].tags) == (16, {}), ran
