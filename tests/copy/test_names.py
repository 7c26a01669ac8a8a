"""What copies are called where layouts of several tools meet: no name moves to another artifact, and none is lost."""

from __future__ import annotations

import io
import json
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import airgap
from airgap.oci.descriptor import CONTAINERD_NAME, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.transfer.endpoint import Entry
from airgap.transfer.index_writer import EMPTY_INDEX, merged_index
from tests.support.command import Ran, run_here
from tests.support.copying import family, write
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"


def copy(source: object, destination: object, *options: str, code: int = 0) -> Ran:
    ran = run_here(["copy", str(source), str(destination), *options])
    assert ran.code == code, ran
    return ran


def entries(layout: Path) -> list[dict[str, Any]]:
    listed = json.loads((layout / "index.json").read_bytes())["manifests"]
    assert isinstance(listed, list)
    return listed


def names(layout: Path) -> dict[str, tuple[str, str | None]]:
    """The named entries: digest and containerd's name by tag."""
    return {
        item["annotations"][REF_NAME]: (item["digest"], item["annotations"].get(CONTAINERD_NAME))
        for item in entries(layout)
        if REF_NAME in item.get("annotations", {})
    }


def hauler_store(folder: Path) -> tuple[Path, Descriptor, Descriptor, Descriptor]:
    """An image with a Notary signature and a cosign signature, each under the image's name (hauler, pkg/store)."""
    builder = LayoutBuilder()
    image = builder.add_image()
    notary = builder.add_referrer(image, b"sig", listed=False)
    cosign = builder.add_image(builder.add_blob(b'{"critical":{}}', SIMPLE_SIGNING), config=b"{}")
    kinds = {image: "image", cosign: "sigs", notary: f"referrers/{notary.digest.encoded}"}
    for descriptor, kind in kinds.items():
        named = {REF_NAME: "library/app:v1", CONTAINERD_NAME: "docker.io/library/app:v1"}
        builder.list(descriptor, kind=f"dev.hauler/{kind}", **named)
    return builder.write_directory(folder), image, notary, cosign


@pytest.mark.parametrize("source", ["haul", "haul:v1", "haul:docker.io/library/app:v1"])
def test_the_tag_of_a_hauler_store_belongs_to_the_image(
    tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    monkeypatch.chdir(tmp_path)
    _, image, notary, cosign = hauler_store(tmp_path / "haul")
    copy(source, f"{registry.host}/app")
    pushed = registry.repositories["app"]
    assert pushed.tags["v1"] == str(image.digest)
    assert pushed.tags[f"sha256-{image.digest.encoded}.sig"] == str(cosign.digest)
    assert str(notary.digest) in pushed.manifests
    copy(source, "out")
    found = names(tmp_path / "out")
    assert {tag for tag, (digest, _) in found.items() if digest == str(image.digest)} == {
        "docker.io/library/app:v1" if "docker.io" in source else "library/app:v1"
    }
    assert found[f"sha256-{image.digest.encoded}.sig"] == (str(cosign.digest), None)
    assert run_here(["discover", "out"]).out.count("sha256:") == 3


def docker_save(builder: LayoutBuilder, **images: Descriptor) -> None:
    """As `docker save` and `ctr images export` write entries."""
    for name, image in images.items():
        builder.list(image, **{REF_NAME: "latest", CONTAINERD_NAME: f"docker.io/library/{name}:latest"})


@pytest.mark.parametrize("same", [False, True], ids=["two images", "one image"])
def test_keeps_the_names_of_two_images_saved_with_one_tag(
    tmp_path: Path, registry: LoopbackRegistry, *, same: bool
) -> None:
    builder = LayoutBuilder()
    a = builder.add_image(b"a")
    b = a if same else builder.add_image(b"b")
    docker_save(builder, a=a, b=b)
    saved = builder.write_tar(tmp_path / "saved.tar")
    copy(saved, tmp_path / "out")
    assert names(tmp_path / "out") == {
        f"docker.io/library/{name}:latest": (str(image.digest), f"docker.io/library/{name}:latest")
        for name, image in (("a", a), ("b", b))
    }
    copy(saved, f"{registry.host}/mirror/")
    for name, image in (("a", a), ("b", b)):
        assert registry.repositories[f"mirror/library/{name}"].tags["latest"] == str(image.digest)


def test_keeps_the_containerd_names_of_one_image(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    image = builder.add_image()
    app = "docker.io/library/app"
    for tag, name in (("latest", f"{app}:latest"), ("edge", f"{app}:edge"), ("v1", f"{app}:stable")):
        builder.list(image, **{REF_NAME: tag, CONTAINERD_NAME: name})
    builder.list(builder.tag(image, "v2"), **{REF_NAME: "v2", CONTAINERD_NAME: f"{app}:v2"})
    expected = {"latest": "latest", "edge": "edge", "v1": "stable", "v2": "v2"}
    for out in (tmp_path / "folder", tmp_path / "again"):
        copy(tmp_path / "folder" if out.name == "again" else builder.write_tar(tmp_path / "saved.tar"), out)
        assert names(out) == {tag: (str(image.digest), f"{app}:{end}") for tag, end in expected.items()}
    copy(tmp_path / "folder", tmp_path / "renamed", "--full-names")
    renamed = {f"{app}:{tag}": None if tag == "v1" else f"{app}:{tag}" for tag in expected}
    assert names(tmp_path / "renamed") == {tag: (str(image.digest), name) for tag, name in renamed.items()}


def test_one_saved_image_keeps_its_tag(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    image = builder.add_image()
    docker_save(builder, app=image)
    copy(builder.write_tar(tmp_path / "saved.tar"), tmp_path / "out")
    assert names(tmp_path / "out") == {"latest": (str(image.digest), "docker.io/library/app:latest")}


def test_a_copy_under_another_tag_drops_the_old_name(tmp_path: Path) -> None:
    """containerd goes by its own annotation, whatever the tag is."""
    builder = LayoutBuilder()
    image = builder.add_image()
    docker_save(builder, app=image)
    copy(f"{builder.write_tar(tmp_path / 'saved.tar')}:latest", f"{tmp_path / 'out'}:old")
    assert names(tmp_path / "out") == {"old": (str(image.digest), None)}


def test_reports_a_name_on_two_entries(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    first, last = builder.add_image(b"first"), builder.add_image(b"last")
    for image in (first, last):
        builder.tag(image, "reg.example/app:v1")
    stick = builder.write_directory(tmp_path / "stick")
    ran = copy(stick, tmp_path / "out", code=11)
    assert "appears twice" in ran.err
    assert not (tmp_path / "out").exists()
    copy(stick, tmp_path / "out", "--keep-going", code=20)
    assert {item["digest"] for item in entries(tmp_path / "out")} == {str(first.digest), str(last.digest)}
    copy(f"{stick}@{first.digest}", f"{tmp_path / 'one'}:v1")
    assert names(tmp_path / "one") == {"v1": (str(first.digest), None)}


def test_moves_a_tag_that_is_twice_in_the_destination(tmp_path: Path) -> None:
    builder, new = LayoutBuilder(), LayoutBuilder()
    for content in (b"first", b"last"):
        builder.list(builder.add_image(content), **{REF_NAME: "v1", CONTAINERD_NAME: "docker.io/library/app:v1"})
    stick = builder.write_directory(tmp_path / "stick")
    image = new.tag(new.add_image(b"new"), "v1")
    copy(new.write_directory(tmp_path / "new"), stick)
    assert names(stick) == {"v1": (str(image.digest), None)}
    assert [item for item in entries(stick) if CONTAINERD_NAME in item.get("annotations", {})] == []


def test_the_full_name_of_a_copy_counts_beside_a_record_of_another_repository(
    tmp_path: Path, registry: LoopbackRegistry
) -> None:
    """Where it goes is said by its name, not by a claim that came with it."""
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(), "v1")
    copy(builder.write_directory(tmp_path / "source"), f"{registry.host}/lab/app")
    copy(f"{registry.host}/lab/app:v1", f"{tmp_path / 'stick'}:registry.example/prod/app:v1")
    copy(tmp_path / "stick", f"{registry.host}/mirror", "--full-names")
    assert registry.repositories["mirror/prod/app"].tags["v1"] == str(image.digest)


EMPTY_NAMES = {REF_NAME: "", CONTAINERD_NAME: ""}
WHOLE = "docker.io/library/app:latest"
LISTED = {
    "both": {REF_NAME: "latest", CONTAINERD_NAME: WHOLE},
    "tag": {REF_NAME: WHOLE},
    "containerd": {CONTAINERD_NAME: WHOLE},
    "short": {REF_NAME: "latest"},
}


def _layout(folder: Path, content: bytes, listed: str) -> tuple[Path, str]:
    builder = LayoutBuilder()
    image = builder.add_image(content)
    builder.list(image, **LISTED[listed])
    return builder.write_directory(folder), str(image.digest)


@pytest.mark.parametrize("before", LISTED)
@pytest.mark.parametrize("after", LISTED)
@pytest.mark.parametrize("suffix", ["", ":latest", f":{WHOLE}"])
def test_takes_the_name_of_a_copy_from_other_images(tmp_path: Path, before: str, after: str, suffix: str) -> None:
    """Containerd's name did not move with a tag, and from then on meant nothing."""
    stick, old = _layout(tmp_path / "stick", b"old", before)
    source, new = _layout(tmp_path / "source", b"new", after)
    index = (stick / "index.json").read_bytes()
    ran = run_here(["copy", str(source), f"{stick}{suffix}"])
    if ran.code:
        assert (ran.code, "would take its place" in ran.err, (stick / "index.json").read_bytes()) == (2, True, index)
        assert {before, after} <= {"both", "tag", "containerd"}
        assert suffix != f":{WHOLE}", "a name that was typed moves"
        copy(source, f"{stick}:{WHOLE}")
    bearers: dict[str, set[str]] = {}
    for item in entries(stick):
        for key in (REF_NAME, CONTAINERD_NAME):
            if name := item.get("annotations", {}).get(key):
                bearers.setdefault(name, set()).add(item["digest"])
    assert {name: len(digests) for name, digests in bearers.items()} == dict.fromkeys(bearers, 1)
    typed = WHOLE if ran.code else suffix.removeprefix(":")
    assert bearers[typed] == {new} if typed else {new} in bearers.values()
    assert {item["digest"] for item in entries(stick)} >= {old, new}


def test_one_more_tag_keeps_the_containerd_name_of_an_image(tmp_path: Path) -> None:
    stick, digest = _layout(tmp_path / "stick", b"app", "containerd")
    source, _ = _layout(tmp_path / "source", b"app", "short")
    copy(source, f"{stick}:v2")
    found = [item["annotations"] for item in entries(stick) if item["digest"] == digest]
    assert found == [{CONTAINERD_NAME: WHOLE}, {REF_NAME: "v2"}]
    source, _ = _layout(tmp_path / "docker", b"app", "both")
    again, _ = _layout(tmp_path / "again", b"app", "short")
    copy(source, again)
    assert names(again) == {"latest": (digest, WHOLE)}
    index = (again / "index.json").read_bytes()
    copy(source, again)
    assert (again / "index.json").read_bytes() == index


def test_refuses_a_tag_that_is_the_containerd_name_of_another_image(tmp_path: Path) -> None:
    one, _ = _layout(tmp_path / "one", b"one", "both")
    other, _ = _layout(tmp_path / "other", b"other", "tag")
    for out in ("new", "new.tar"):
        ran = run_here(["copy", str(one), str(other), str(tmp_path / out)])
        assert (ran.code, f"would both be called '{WHOLE}'" in ran.err) == (2, True), ran


def test_keeps_all_names_that_one_copy_brings() -> None:
    """Where each name is compared with every other one, a hundred thousand of them take hours."""
    image = LayoutBuilder().add_image()
    count = 6_000
    new = [
        Entry(descriptor=replace(image, annotations={REF_NAME: f"t{number}", CONTAINERD_NAME: WHOLE}), tag=f"t{number}")
        for number in range(count)
    ]
    started = time.process_time()
    raw, named = merged_index(EMPTY_INDEX, new, drop=(), source="x")
    assert (named.added, named.moved) == (count, ())
    assert merged_index(raw, new, drop=(), source="x")[0] == raw
    other = replace(image, digest=Digest.of(b"other"), annotations={REF_NAME: "t1", CONTAINERD_NAME: WHOLE})
    assert set(merged_index(raw, [Entry(descriptor=other, tag="t1")], drop=(), source="x")[1].moved) == {"t1", WHOLE}
    assert time.process_time() - started < 12


def _with_empty_names(builder: LayoutBuilder, _: Descriptor) -> None:
    for item in builder.entries:
        item.setdefault("annotations", EMPTY_NAMES)


def test_ignores_empty_names(tmp_path: Path) -> None:
    """oras, skopeo and containerd take none for a name; and a signature that had one was to be signed itself."""
    scene = Scene()
    scene.packing.append(_with_empty_names)
    scene.refer = lambda written: str(written.layout)
    for content in (b"one", b"other"):
        scene.builder.list(scene.builder.add_referrer(scene.target, content, artifact_type="a/b", listed=False))
    written = scene.write(tmp_path)
    assert run_here(written.arguments()).code == 0
    copy(written.layout, tmp_path / "out")
    copy(written.layout, tmp_path / "out")
    assert list(names(tmp_path / "out")) == ["v1"]
    assert len(entries(tmp_path / "out")) == 4


@pytest.mark.parametrize("sbom", [b"SPDXVersion: SPDX-2.3\n" * 50, b"<?xml version='1.0'?><bom/>", b'{"spdx":1}'])
def test_the_name_of_a_piped_image_does_not_go_to_its_sbom(
    tmp_path: Path, target: LoopbackRegistry, sbom: bytes
) -> None:
    """What had gone into the registry could not be read again, so that it might have been a layer."""
    builder = LayoutBuilder()
    image = builder.add_image()
    attached = builder.add_image(builder.add_blob(sbom, "text/spdx"), config=b"{}")
    for descriptor, kind in ((image, "image"), (attached, "sboms")):
        builder.list(descriptor, kind=f"dev.hauler/{kind}", **{REF_NAME: "library/app:v1"})
    request = airgap.CopyRequest(sources=["-"], destination=f"{target.host}/app", at=AT)
    airgap.copy(request, source=io.BytesIO(builder.write_tar(tmp_path / "haul.tar").read_bytes()))
    tags = {"v1": str(image.digest), f"sha256-{image.digest.encoded}.sbom": str(attached.digest)}
    assert target.repositories["app"].tags == tags


def _with_cosign(folder: Path, *repositories: str, tag: str = "sha256-{}.sig") -> tuple[Path, Descriptor, list[str]]:
    """One image under the name of each of these repositories, and a signature of each, as `copy --all-tags` has it."""
    builder = LayoutBuilder()
    image = builder.add_image()
    signatures: list[str] = []
    for name in repositories:
        builder.tag(image, f"{name}:v1")
        signature = builder.add_cosign(json.dumps({"critical": {"of": name}, "number": len(signatures)}).encode())
        builder.tag(signature, f"{name}:{tag.format(image.digest.encoded)}")
        signatures.append(str(signature.digest))
    return builder.write_directory(folder), image, signatures


def test_copies_a_cosign_signature_under_a_whole_name_into_a_registry(tmp_path: Path, target: LoopbackRegistry) -> None:
    """Exit 2 ("not a tag"), after the image's own tag had been put."""
    builder, image, (signature,) = _with_cosign(tmp_path / "cosign", "registry.example/team/a")
    copy(f"{builder}:v1", f"{target.host}/app:v1")
    assert target.repositories["app"].tags == {"v1": str(image.digest), f"sha256-{image.digest.encoded}.sig": signature}


def test_keeps_cosign_signatures_of_two_repositories_apart(tmp_path: Path, target: LoopbackRegistry) -> None:
    builder, image, signatures = _with_cosign(tmp_path / "cosign", "registry.example/a", "registry.example/b")
    ran = copy(builder, f"{target.host}/mirror/", "--format", "json")
    tag = f"sha256-{image.digest.encoded}.sig"
    found = [target.repositories[name].tags[tag] for name in ("mirror/a", "mirror/b")]
    assert found == signatures
    notes = [note for artifact in ran.document["artifacts"] for note in artifact["notes"]]
    assert [f"registry.example/{name}:{tag}" in note for name, note in zip("ba", notes, strict=True)] == [True, True]


def test_keeps_two_cosign_signatures_under_one_tag(tmp_path: Path, target: LoopbackRegistry) -> None:
    builder, image, signatures = _with_cosign(tmp_path / "cosign", "registry.example/a", "registry.example/a")
    ran = copy(f"{builder}:v1", f"{target.host}/app:v1", code=2)
    assert all(digest in ran.err for digest in signatures), ran
    assert not target.repositories["app"].manifests
    copy(f"{builder}:v1", f"{target.host}/app:v1", "--keep-going", code=20)
    tags = target.repositories["app"].tags
    assert tags["v1"] == str(image.digest)
    assert tags[f"sha256-{image.digest.encoded}.sig"] in signatures


def _saved(*names: str) -> dict[str, bytes]:
    """What `docker load` takes by these names: another image."""
    config = f"blobs/sha256/{Digest.of(b'config of another').encoded}"
    return {"manifest.json": json.dumps([{"Config": config, "RepoTags": names, "Layers": []}]).encode()}


_DOCKER = "docker.io/library/app:v1"
_BASE = "org.opencontainers.image.base.name"


@pytest.mark.parametrize(
    ("files", "annotations", "name"),
    [
        (_saved("x:v1"), {}, "v1"),
        (_saved("registry.example/app:v1"), {}, "v1"),
        (_saved("other"), {}, "v1"),
        ({"repositories": b'{"x":{"v1":"0"}}'}, {}, "v1"),
        ({}, {REF_NAME: "app:v1"}, _DOCKER),
        ({}, {_BASE: "v1"}, "v1"),
    ],
    ids=["short tag", "whole name", "only image", "repositories", "docker's name", "zarf's name"],
)
def test_a_name_that_would_mean_two_things_is_refused(
    tmp_path: Path, files: dict[str, bytes], annotations: dict[str, str], name: str
) -> None:
    """Such a copy was made, and verify refused its name afterwards (decision 0025)."""
    source = write(tmp_path / "source", family())
    builder = LayoutBuilder()
    builder.extra_files |= files
    builder.list(builder.add_image(b"another"), **annotations)
    there = builder.write_directory(tmp_path / "there")
    before = {path: path.read_bytes() for path in there.rglob("*") if path.is_file()}
    for options in ([], ["--dry-run"], ["--no-record"]):
        ran = run_here(["copy", *options, f"{source}:v1", f"{there}:{name}"])
        assert (ran.code, "a name of the copy would mean two things there" in ran.err) == (2, True), ran
    assert {path: path.read_bytes() for path in there.rglob("*") if path.is_file()} == before
    if not files:
        assert run_here(["copy", f"{source}:v1", f"{there}:v2"]).code == 0


@pytest.mark.parametrize("place", ["to", "to.tar"])
def test_two_names_that_are_one_for_docker_are_refused(tmp_path: Path, place: str) -> None:
    sources = [
        write(tmp_path / f"source{number}", family(number, tag=name)) for number, name in enumerate(["app:v1", _DOCKER])
    ]
    ran = run_here(["copy", *map(str, sources), str(tmp_path / place)])
    assert (ran.code, "a name of the copy would mean two things there" in ran.err) == (2, True), ran


def test_files_of_docker_about_other_names_refuse_no_copy(tmp_path: Path) -> None:
    source = write(tmp_path / "source", family())
    other = LayoutBuilder()
    images = [other.tag(other.add_image(data), f"app:{data.decode()}") for data in (b"v8", b"v9")]
    other.extra_files["manifest.json"] = json.dumps(
        [_item(other, image, tag) for image, tag in zip(images, ["v8", "v9"], strict=True)]
    ).encode()
    there = other.write_directory(tmp_path / "there")
    assert run_here(["copy", f"{source}:v1", str(there)]).code == 0
    with open_layout(there) as layout:
        assert Graph(layout).resolve("v1").descriptor.digest == family().index.digest


def _item(builder: LayoutBuilder, image: Descriptor, tag: str) -> dict[str, Any]:
    manifest = json.loads(builder.blobs[image.digest])
    paths = [f"blobs/sha256/{item['digest'].partition(':')[2]}" for item in (manifest["config"], *manifest["layers"])]
    return {"Config": paths[0], "RepoTags": [f"app:{tag}"], "Layers": paths[1:]}
