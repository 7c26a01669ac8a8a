from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from airgap import limits
from airgap.oci.descriptor import Descriptor
from airgap.oci.graph import Graph
from airgap.oci.images import Images
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
