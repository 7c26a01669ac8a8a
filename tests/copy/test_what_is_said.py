"""A copy says what did not come along, and calls what came by its name."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from tests.support.command import run_here
from tests.support.copying import family, load
from tests.support.layouts import LayoutBuilder
from tests.support.registry import LoopbackRegistry, error

FOREIGN = Descriptor(
    media_type="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    digest=Digest.of(b"the base of Windows"),
    size=19,
    urls=("https://layers.example/base",),
)
COSIGN_LAYER = "application/vnd.dev.cosign.simplesigning.v1+json"


def windows(folder: Path) -> Path:
    box = LayoutBuilder()
    box.tag(box.add_image(FOREIGN, b"an application"), "v1")
    return box.write_directory(folder / "source")


@pytest.mark.parametrize("name", ["to", "to.tar"])
def test_layer_that_lies_elsewhere_is_said_and_not_counted(tmp_path: Path, name: str) -> None:
    source = windows(tmp_path)
    destination = str(tmp_path / name)
    document = run_here(["copy", str(source), destination, "--format", "json"]).document
    assert document["artifacts"][0]["elsewhere"] == [
        {"digest": str(FOREIGN.digest), "size": 19, "urls": ["https://layers.example/base"]}
    ]
    assert document["totals"]["present_bytes"] == 0
    ran = run_here(["copy", "--overwrite", str(source), destination])
    assert ran.code == 0, ran
    assert f"did not come along: {FOREIGN.digest} (19 B), only at https://layers.example/base" in ran.out


def test_registry_that_wants_such_a_layer_is_explained(tmp_path: Path, target: LoopbackRegistry) -> None:
    target.on("PUT", r"/manifests/", error(404, "MANIFEST_BLOB_UNKNOWN"), times=100)
    ran = run_here(["copy", "--retries", "0", str(windows(tmp_path)), f"{target.host}/app"])
    assert ran.code == 1
    assert f"Its layer {FOREIGN.digest} is non-distributable" in ran.err


@pytest.mark.parametrize("looked", [False, True])
def test_cosigns_tags_that_nobody_looked_for_are_said(
    tmp_path: Path, target: LoopbackRegistry, *, looked: bool
) -> None:
    load(target, "app", family())
    ran = run_here(["copy", f"{target.host}/app:v1", str(tmp_path / "to"), *(["--digest-tags"] if looked else [])])
    assert ran.code == 0, ran
    assert ("cosign's tags not looked for (--digest-tags)" in ran.out) is not looked


def test_cosign_signature_in_a_layout_is_called_so(tmp_path: Path) -> None:
    box = LayoutBuilder()
    image = box.tag(box.add_image(b"data"), "v1")
    signature = box.add_image(box.add_blob(b'{"critical":{}}', COSIGN_LAYER))
    box.tag(signature, f"sha256-{image.digest.encoded}.sig")
    ran = run_here(["copy", str(box.write_directory(tmp_path / "source")), str(tmp_path / "to")])
    assert "with 1 cosign signature" in ran.out
    assert "not looked for" not in ran.out
