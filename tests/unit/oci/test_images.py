from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.descriptor import Descriptor, Platform
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.images import Images, platform_missing, platform_names
from airgap.oci.manifest import Index
from tests.support.layouts import LayoutBuilder, graph_of


@pytest.fixture
def builder() -> LayoutBuilder:
    return LayoutBuilder()


def _index(graph: Graph, descriptor: Descriptor) -> Index:
    found = graph.manifest(descriptor)
    assert isinstance(found, Index)
    return found


@pytest.mark.parametrize(("below", "found"), [(limits.GRAPH_DEPTH, True), (limits.GRAPH_DEPTH + 1, False)])
def test_an_image_that_is_too_deep_is_not_looked_for(
    tmp_path: Path, builder: LayoutBuilder, *, below: int, found: bool
) -> None:
    chain = [builder.add_image()]
    for _ in range(below + 1):
        chain.append(builder.add_index(chain[-1]))
    graph = graph_of(builder, tmp_path)
    images = Images(graph.manifest)
    assert images.any_in(_index(graph, chain[-1])) is found
    assert images.any_in(_index(graph, chain[1]))  # whatever was asked before


def test_a_wrong_size_in_one_index_says_nothing_of_another(tmp_path: Path, builder: LayoutBuilder) -> None:
    image = builder.add_image()
    wrong = builder.add_index(replace(image, size=image.size + 1))
    right = builder.add_index(image)
    graph = graph_of(builder, tmp_path)
    images = Images(graph.manifest)
    assert [images.any_in(_index(graph, index)) for index in (wrong, right)] == [False, True]


def _entry(architecture: str, **annotations: str) -> Descriptor:
    platform = Platform(architecture=architecture, os="unknown" if architecture == "unknown" else "linux")
    digest = Digest.of(architecture.encode())
    return Descriptor(media_type="a/b", digest=digest, size=1, platform=platform, annotations=annotations)


def test_platforms_are_named_once_and_without_attestations() -> None:
    about = _entry("arm64", **{"vnd.docker.reference.type": "attestation-manifest"})
    bare = replace(_entry("x"), platform=None)
    entries = [_entry("amd64"), _entry("amd64"), _entry("unknown"), about, bare, _entry("s390x")]
    assert platform_names(entries) == ("linux/amd64", "linux/s390x")


@pytest.mark.parametrize(
    ("error", "entry", "here"),
    [
        (ContentError("content.digest", "wrong"), _entry("arm64"), ["linux/amd64"]),
        (ContentError("content.missing", "gone"), replace(_entry("arm64"), platform=None), ["linux/amd64"]),
        (ContentError("content.missing", "gone"), _entry("unknown"), ["linux/amd64"]),
        (ContentError("content.missing", "gone", remedy="Join the pieces."), _entry("arm64"), ["linux/amd64"]),
        (ContentError("content.missing", "gone"), _entry("arm64"), []),
    ],
)
def test_other_errors_are_not_explained_by_platforms(error: ContentError, entry: Descriptor, here: list[str]) -> None:
    assert platform_missing(error, entry, here) is error


def test_a_missing_platform_is_named_with_those_that_are_here() -> None:
    error = ContentError("content.missing", "gone", digest="x")
    told = platform_missing(error, _entry("arm64"), [f"linux/{number}" for number in range(8)])
    assert "it is the platform linux/arm64 of an index; of linux/0, linux/1, " in str(told)
    assert "linux/5 the manifest is here" in str(told)
    assert (told.reason, "--platform linux/0)" in told.remedy, told.facts) == ("content.missing", True, error.facts)
