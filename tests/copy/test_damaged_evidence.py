"""What a copy judges is what it moves: evidence that verify finds damaged ends the copy (decision 0036).

The gate left such evidence out with a warning, and the move found it good, or did not read it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.bundle.bundle_document import BUNDLE_TYPE
from airgap.oci.descriptor import ACQUISITION, EMPTY, IMAGE_MANIFEST, REF_NAME, TITLE, Descriptor
from airgap.oci.digest import Digest
from airgap.parse.time import iso
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from tests.copy.test_trust import copy
from tests.regressions.test_evidence_of_a_target_counts_in_every_place import LEAF, REVOKING
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry, answer, then
from tests.support.scenario import NOTARY, Scene, Written, add_image
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
    found: list[Descriptor] = []
    written = _medium(folder, lambda builder, target: found.append(_evidence(builder, target)))
    return written, found[0].digest


def _medium(folder: Path, more: Callable[[LayoutBuilder, Descriptor], object]) -> Written:
    """A signed artifact with more beside it."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"good.crl": crl(LEAF.root, number=1)}

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.entries = [entry for entry in builder.entries if entry["digest"] != str(target.digest)]
        builder.list(target, **{REF_NAME: f"{REPOSITORY}:v1"})
        more(builder, target)

    scene.packing.append(pack)
    return scene.write(folder)


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


def _bundle(builder: LayoutBuilder, target: Descriptor) -> Descriptor:
    artifact = {
        "name": REPOSITORY,
        "tags": ["v1"],
        "mediaType": target.media_type,
        "digest": str(target.digest),
        "size": target.size,
        "bytes": target.size,
        "platforms": [],
        "absent": [],
        "signatures": [],
        "attachments": [],
    }
    document = {
        "schema": "airgap.bundle/1",
        "tool": {"name": "airgap", "version": "0.1"},
        "created": iso(AT),
        "artifacts": [artifact],
        "blobs": [{"digest": str(target.digest), "size": target.size}],
    }
    layer = builder.add_blob(json.dumps(document).encode(), BUNDLE_TYPE)
    empty = builder.add_blob(b"{}", EMPTY).to_json()
    manifest = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": BUNDLE_TYPE,
        "config": empty,
        "layers": [layer.to_json()],
    }
    found = builder.add_manifest(manifest, artifact_type=BUNDLE_TYPE)
    builder.list(found)
    return found


def _alone(builder: LayoutBuilder, _target: Descriptor) -> Descriptor:
    """What the evidence is about is not here."""
    return LayoutBuilder().add_image(b"elsewhere")


def _record(builder: LayoutBuilder, target: Descriptor) -> Descriptor:
    return builder.add_referrer(target, b"{}", artifact_type=ACQUISITION)


@pytest.mark.parametrize("about", [_record, _bundle, _alone])
@pytest.mark.parametrize("keep_going", [[], ["--keep-going"]], ids=["all", "keep-going"])
def test_about_what_stays_behind(
    tmp_path: Path,
    target: LoopbackRegistry,
    about: Callable[[LayoutBuilder, Descriptor], Descriptor],
    keep_going: list[str],
) -> None:
    """A record is made anew, a bundle is left out, and the evidence of both was not judged."""
    written = _medium(tmp_path, lambda builder, image: _evidence(builder, about(builder, image)))
    trust = ["--trust", str(written.trust)]
    assert run_here(["import", str(written.layout), target.host, *trust]).code == 14
    assert copy(written, written.layout, tmp_path / "good").code == 14
    _flip(_blob(written, CRL))
    assert run_here(["verify", str(written.layout), *trust, "--at", iso(AT)]).code == 16
    ran = run_here(["import", str(written.layout), target.host, *trust, *keep_going])
    tags = {tag for repository in target.repositories.values() for tag in repository.tags}
    assert (ran.code, tags) == (16, set()), ran
    for place in (tmp_path / "new", tmp_path / "new.tar"):
        assert copy(written, written.layout, place, *keep_going).code == 16
        assert not place.exists() or "sha256" not in run_here(["ls", str(place)]).out


def test_a_bundle_that_lost_something(tmp_path: Path, target: LoopbackRegistry) -> None:
    """verify alone compared the list of a bundle with what is there."""
    bundle: list[Descriptor] = []
    written = _medium(tmp_path, lambda builder, image: bundle.append(_bundle(builder, add_image(builder, "s390x"))))
    trust = ["--trust", str(written.trust)]
    verified = run_here(["verify", str(written.layout), *trust, "--at", iso(AT)])
    assert verified.code == 16
    assert "is listed in the bundle, and is not here" in verified.out
    for arguments in (["import", written.layout, target.host], ["copy", written.layout, tmp_path / "new"]):
        ran = run_here([*map(str, arguments), *trust])
        assert ran.code == 16, ran
        assert "is listed in the bundle, and is not here" in ran.out + ran.err
    assert not (tmp_path / "new").exists()
    ran = run_here(["import", str(written.layout), target.host, *trust, "--keep-going"])
    assert (ran.code, set(target.repositories["net-monitor"].tags) >= {"v1"}) == (20, True), ran
    there = tmp_path / "there"
    assert copy(written, "--keep-going", written.layout, there).code == 20
    # the list stays behind, too: it would say for ever that something is lost
    assert run_here(["verify", str(there), *trust, "--at", iso(AT)]).code == 0
    _blob(written, bundle[0].digest).write_bytes(b"{}")
    ran = run_here(["import", str(written.layout), target.host, *trust])
    assert ran.code == 16, ran


def test_the_list_of_a_bundle_by_its_digest_is_what_is_asked_for(tmp_path: Path, target: LoopbackRegistry) -> None:
    """It was excused from the judgement also where nothing else came along."""
    bundle: list[Descriptor] = []
    written = _medium(tmp_path, lambda builder, image: bundle.append(_bundle(builder, image)))
    trust = ["--trust", str(written.trust)]
    medium = f"{written.layout}@{bundle[0].digest}"
    for place in (f"{target.host}/x/y", f"{target.host}/x/y:v1"):
        assert run_here(["import", medium, place, *trust]).code == 10
    assert copy(written, medium, tmp_path / "new").code == 10
    index = json.loads((written.layout / "index.json").read_bytes())
    index["manifests"] = [entry for entry in index["manifests"] if entry["digest"] == str(bundle[0].digest)]
    (written.layout / "index.json").write_text(json.dumps(index))
    ran = run_here(["import", str(written.layout), target.host, *trust, "--keep-going"])
    assert (ran.code, dict(target.repositories)) == (11, {}), ran
    assert "only lists what a bundle carried" in ran.out


def test_evidence_where_the_copy_goes(tmp_path: Path) -> None:
    """verify of the copy refused the whole, for evidence that was there before and is about none of its artifacts."""
    other = _medium(tmp_path / "other", lambda builder, image: _evidence(builder, _alone(builder, image)))
    _flip(_blob(other, CRL))
    good = _medium(tmp_path / "good", lambda _builder, _image: None)
    assert copy(good, good.layout, other.layout).code == 16
    assert copy(good, good.layout, tmp_path / "new").code == 0


def test_docker_takes_another_image_by_the_name(tmp_path: Path, target: LoopbackRegistry) -> None:
    """verify refuses the name, and the gate did not ask for names of a whole layout."""
    written = _medium(tmp_path, lambda _builder, _image: None)
    saved = [{"Config": f"blobs/sha256/{'0' * 64}", "RepoTags": [f"{REPOSITORY}:v1"], "Layers": []}]
    (written.layout / "manifest.json").write_text(json.dumps(saved))
    trust = ["--trust", str(written.trust)]
    assert run_here(["verify", str(written.layout), *trust, "--at", iso(AT)]).code == 16
    ran = run_here(["import", str(written.layout), target.host, *trust])
    assert (ran.code, dict(target.repositories)) == (11, {}), ran
    assert copy(written, written.layout, tmp_path / "new").code == 11


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
    for more in ([], ["--keep-going"]):  # it may be about any signer
        ran = copy(written, *more, written.layout, f"{target.host}/app")
        assert (ran.code, dict(target.repositories["app"].tags)) == (16, {}), ran


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
