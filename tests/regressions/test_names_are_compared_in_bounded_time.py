"""Names of a layout whose comparison took hours."""

from __future__ import annotations

import json
from pathlib import Path
from time import process_time

import pytest

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.descriptor import CONTAINERD_NAME, Descriptor
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.oci.tags import is_referrers_tag
from tests.support.layouts import LayoutBuilder, dump


def test_a_tag_of_dashes_is_compared_in_bounded_time() -> None:
    began = process_time()
    assert not is_referrers_tag("a-" * 500_000 + "!")
    assert process_time() - began < 5
    assert is_referrers_tag(f"sha512-{'0' * 128}")


def _item(builder: LayoutBuilder, image: Descriptor, *tags: str) -> dict[str, object]:
    manifest = json.loads(builder.blobs[image.digest])
    config, *layers = (
        item["digest"].replace("sha256:", "blobs/sha256/") for item in (manifest["config"], *manifest["layers"])
    )
    return {"Config": config, "RepoTags": tags, "Layers": layers}


@pytest.mark.parametrize("are_many", [True, False])
def test_names_of_docker_load_are_compared_in_linear_time(tmp_path: Path, *, are_many: bool) -> None:
    builder = LayoutBuilder()
    names = [f"reg.example/app{number}:v1" for number in range(1500)]
    images = [builder.add_image(b"x", config=b"%d" % (number if are_many else 0)) for number in range(len(names))]
    for image, name in zip(images, names, strict=True):
        builder.list(image, **{CONTAINERD_NAME: name})
    items = [_item(builder, image, name) for image, name in zip(images, names, strict=True)]
    builder.extra_files["manifest.json"] = dump(items if are_many else [_item(builder, images[0], *names)])
    builder.extra_files["repositories"] = dump({name.removesuffix(":v1"): {"v1": ""} for name in names})
    with open_layout(builder.write_directory(tmp_path)) as layout:
        began = process_time()
        assert not Graph(layout).disagreements
        assert process_time() - began < 4


def test_images_of_many_indexes_are_compared_in_a_bound(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = LayoutBuilder()
    images = builder.add_index(*(builder.add_image(b"x", config=b"%d" % number) for number in range(50)))
    for number in range(50):
        builder.tag(builder.add_index(images, annotations={"number": str(number)}), f"v{number}")
    builder.extra_files["manifest.json"] = dump([])
    monkeypatch.setattr(limits, "GRAPH_REACHED", 1000)
    with (
        open_layout(builder.write_directory(tmp_path)) as layout,
        pytest.raises(ContentError, match="more than 1000") as raised,
    ):
        _ = Graph(layout).disagreements
    assert raised.value.reason == "content.limit"
