"""A layer that is missing is missing, also where another manifest embeds it: verify said 16, a judged copy 0."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from airgap.oci.descriptor import EMPTY, IMAGE_MANIFEST, Descriptor
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Written, bare
from tests.support.trust import REPOSITORY

NAME = f"{REPOSITORY}:v1"


@pytest.fixture(autouse=True)
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def written(folder: Path, *, embeds_itself: bool = False) -> Written:
    """An image without one of its layers, which an attachment embeds."""
    builder = LayoutBuilder()
    layer = builder.add_blob(b"a layer")
    config = builder.add_blob(b"{}", "application/vnd.oci.image.config.v1+json")
    embedded = {**bare(layer), "data": base64.b64encode(b"a layer").decode()}
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": bare(config),
        "layers": [embedded if embeds_itself else bare(layer)],
    }
    scene = Scene(builder=builder)
    scene.target = target = builder.add_manifest(document)
    builder.tag(target, NAME)

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        empty = builder.add_blob(b"{}", EMPTY)
        attachment = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": "application/x",
            "config": bare(empty),
            "layers": [embedded],
            "subject": bare(target),
        }
        builder.list(builder.add_manifest(attachment, artifact_type="application/x"))

    scene.packing.append(pack)
    scene.refer = lambda done: f"oci:{done.layout}:{NAME}"
    here = scene.write(folder)
    (here.layout / "blobs/sha256" / layer.digest.encoded).unlink()
    return here


@pytest.mark.parametrize(("embeds_itself", "code"), [(False, 16), (True, 0)])
@pytest.mark.parametrize("more", [[], ["--keep-going"]])
def test_a_judged_copy_says_what_verify_says(tmp_path: Path, more: list[str], embeds_itself: bool, code: int) -> None:
    here = written(tmp_path, embeds_itself=embeds_itself)
    trust = ["--trust", str(here.trust), *more]
    assert run_here(here.arguments()).code == code
    assert run_here(["copy", here.target, f"oci:{tmp_path / 'copy'}:{NAME}", *trust]).code == code
    with LoopbackRegistry() as registry:
        assert run_here(["import", here.target, registry.host, *trust]).code == code
        assert any(repository.tags for repository in registry.repositories.values()) == (code == 0)


def test_a_copy_without_a_judgement_mends_the_layout(tmp_path: Path) -> None:
    here = written(tmp_path)
    place = f"oci:{tmp_path / 'copy'}:{NAME}"
    assert run_here(["copy", here.target, place]).code == 0
    assert run_here(["verify", place, "--trust", str(here.trust)]).code == 0
