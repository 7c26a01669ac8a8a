"""What comes with an artifact and is damaged or missing: one answer for every destination, and that of verify."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from airgap.oci.descriptor import EMPTY, IMAGE_MANIFEST, Descriptor
from airgap.oci.target import open_target
from tests.copy.test_trust import copy
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Signature, Written, add_image, bare
from tests.support.trust import REPOSITORY

SBOM = "application/spdx+json"


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def sbom(builder: LayoutBuilder, target: Descriptor) -> Descriptor:
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": SBOM,
        "config": bare(builder.add_blob(b"{}", EMPTY)),
        "layers": [bare(builder.add_blob(b"what is in it", SBOM))],
        "subject": bare(target),
    }
    described = builder.add_manifest(document)
    builder.list(described)
    return described


def cosign(builder: LayoutBuilder, target: Descriptor) -> Descriptor:
    return builder.tag(builder.add_cosign(), f"sha256-{target.digest.encoded}.sig")


def damaged(
    folder: Path, attach: Callable[[LayoutBuilder, Descriptor], Descriptor], *, beside: bool = False
) -> Written:
    """A layout of which the attachment of v1 has a layer with wrong bytes; `beside`: v2 is good."""
    scene = Scene()
    made: list[Descriptor] = []
    scene.packing.append(lambda builder, target: made.append(attach(builder, target)))
    if beside:
        other = scene.builder.tag(add_image(scene.builder, "arm64"), "v2")
        Signature("jws", scene.signature.leaf).attach(scene.builder, other)
    written = scene.write(folder)
    blobs = written.layout / "blobs/sha256"
    layer = json.loads((blobs / made[0].digest.encoded).read_bytes())["layers"][0]["digest"][7:]
    (blobs / layer).write_bytes(b"x" * (blobs / layer).stat().st_size)
    return written


def tags(path: Path) -> set[str]:
    if not path.exists():
        return set()
    with open_target(str(path)) as target:
        return {tag for root in target.graph.roots() for tag in root.tags}


@pytest.mark.parametrize("beside", [False, True])
@pytest.mark.parametrize("attach", [sbom, cosign])
def test_what_was_judged_is_not_copied_without_what_is_damaged_of_it(
    tmp_path: Path, attach: Callable[[LayoutBuilder, Descriptor], Descriptor], *, beside: bool
) -> None:
    """verify is 16 for the image; with --keep-going it went over, "PASS", and a tar ended with 16 for all of it."""
    written = damaged(tmp_path, attach, beside=beside)
    expected = (20, {"v2"}) if beside else (16, set())
    with LoopbackRegistry() as registry:
        trust = ("--trust", str(written.trust), "--scope", REPOSITORY)
        ran = run_here(["import", "--keep-going", *trust, str(written.layout), f"{registry.host}/app"])
        found = registry.repositories["app"].tags if "app" in registry.repositories else {}
        assert (ran.code, {tag for tag in found if tag.startswith("v")}) == expected, ran
        assert "something that is attached to it is damaged: sha256:" in ran.out
    for name in ("to", "to.tar"):
        ran = copy(written, "--keep-going", written.layout, tmp_path / name)
        assert (ran.code, tags(tmp_path / name)) == expected, ran
        if beside:
            assert run_here(["verify", str(tmp_path / name), *written.arguments()[2:]]).code == 0


@pytest.mark.parametrize("name", ["to", "to.tar"])
def test_a_copy_that_keeps_going_leaves_the_same_behind_into_a_tar(tmp_path: Path, name: str) -> None:
    """A tar is written as a whole: it ended with 16, where a directory got the image."""
    written = damaged(tmp_path, sbom)
    ran = run_here(["copy", "--keep-going", str(written.layout), str(tmp_path / name), "--format", "json"])
    (artifact,) = ran.document["artifacts"]
    kinds = [item["artifact_type"] for item in artifact["referrers"]]
    assert (ran.code, artifact["status"], len(artifact["left_behind"]), len(kinds)) == (20, "partial", 1, 1), ran
    assert run_here(["verify", str(tmp_path / name), *written.arguments()[2:]]).code == 0
    assert not list(tmp_path.glob(".to*"))


def test_bytes_that_are_embedded_elsewhere_are_not_there_for_what_embeds_none(tmp_path: Path) -> None:
    """The config of an SBOM was missing, that of the signature embedded: verify was 16, and the copy brought it."""
    scene = Scene()
    scene.packing.append(lambda builder, target: (sbom(builder, target), None)[1])
    scene.signature.manifest = {"config": {**bare(scene.builder.add_blob(b"{}", EMPTY)), "data": "e30="}}
    written = scene.write(tmp_path)
    (config,) = [path for path in (written.layout / "blobs/sha256").iterdir() if path.read_bytes() == b"{}"]
    config.unlink()
    assert run_here(written.arguments()).code == 16
    for ran in (
        copy(written, written.layout, tmp_path / "to"),
        copy(written, "--keep-going", written.layout, tmp_path / "to"),
        copy(written, written.layout, tmp_path / "to.tar"),
    ):
        assert (ran.code, "content.missing" in ran.err + ran.out) == (16, True), ran
    assert run_here(["copy", str(written.layout), str(tmp_path / "plain")]).code == 0  # which mends it
    assert run_here(["verify", str(tmp_path / "plain"), *written.arguments()[2:]]).code == 0
