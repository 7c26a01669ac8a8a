"""What goes into volumes: everything of a plan, or of a layout, in the order in which artifacts need it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from functools import partial

from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Index, Manifest
from airgap.oci.store import Store, stored_size
from airgap.transfer.index_writer import index_document
from airgap.transfer.plan import CopyPlan
from airgap.transfer.sources import LayoutSource
from airgap.transfer.volume_layout import VolumeContent, VolumeLayout, lay_out_volumes


def planned_contents(plan: CopyPlan, judged: Collection[str]) -> Iterator[VolumeContent]:
    """All contents of a plan. Each volume holds manifests, and the blobs of artifacts of the types `judged`."""
    everywhere = _blobs_of((node.manifest for node in plan.nodes.values()), judged)
    for artifact in plan.artifacts:
        for key in sorted(artifact.keys):
            node = plan.nodes[key]
            is_everywhere = node.manifest is not None or node.descriptor.digest in everywhere
            yield VolumeContent(node.descriptor, is_everywhere, partial(node.source.open, node.descriptor))


def lay_out_plan(plan: CopyPlan, judged: Collection[str], size: int) -> VolumeLayout:
    """The volumes of a plan. Raises UsageError, ContentError, LimitError."""
    return lay_out_volumes(index_document(plan.entries()), tuple(planned_contents(plan, judged)), size)


def layout_contents(store: Store, graph: Graph, judged: Collection[str]) -> Iterator[VolumeContent]:
    """All contents of a layout, as they are. Raises ContentError where one is missing or cannot be read.

    Platforms of an index that are not here stay absent: whether they may be, verify says.
    """
    for problem in graph.problems:
        raise problem.error()
    known = [item for item in graph.known if stored_size(store, item.digest) is not None or item.data is not None]
    manifests = {item.digest: graph.manifest(item) for item in known if item.is_manifest}
    everywhere = _blobs_of(manifests.values(), judged)
    absent = _absent_children(manifests.values(), store)
    source = LayoutSource(store, graph)

    def content(descriptor: Descriptor) -> VolumeContent:
        is_everywhere = descriptor.digest in manifests or descriptor.digest in everywhere
        return VolumeContent(descriptor, is_everywhere, partial(source.open, descriptor))

    for root in graph.roots():
        closure = graph.closure(root.descriptor, declared_absent=absent)
        for problem in closure.problems:
            raise problem.error()
        for reached in closure.reached:
            descriptor = reached.descriptor
            if descriptor.digest in absent or (descriptor.is_external and _is_absent(store, descriptor)):
                continue
            if (error := source.lacks(descriptor)) is not None:
                raise error
            yield content(descriptor)
    yield from map(content, known)


def _is_absent(store: Store, descriptor: Descriptor) -> bool:
    return stored_size(store, descriptor.digest) is None and descriptor.data is None


def _absent_children(manifests: Iterable[Manifest | Index], store: Store) -> frozenset[Digest]:
    return frozenset(
        item.digest
        for manifest in manifests
        if isinstance(manifest, Index)
        for item in manifest.manifests
        if _is_absent(store, item)
    )


def _blobs_of(manifests: Iterable[Manifest | Index | None], types: Collection[str]) -> frozenset[Digest]:
    return frozenset(
        item.digest
        for manifest in manifests
        if isinstance(manifest, Manifest) and manifest.artifact_type in types
        for _, item in manifest.successors()
    )
