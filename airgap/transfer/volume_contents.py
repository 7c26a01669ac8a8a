"""What goes into volumes: everything of a plan, or of a layout, in the order in which artifacts need it.

The order comes from `index.json` and the manifests alone, so that a layout that is written as volumes, and one that is
split later, are the same volumes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from functools import partial
from io import BytesIO

from airgap.oci.content import HeldElsewhere, is_said_to_be_held
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Index, Manifest, parse_layout_index
from airgap.oci.store import Store, stored_size
from airgap.transfer.endpoint import BlobStream
from airgap.transfer.index_writer import index_document
from airgap.transfer.plan import CopyPlan
from airgap.transfer.sources import LayoutSource
from airgap.transfer.volume_layout import VolumeContent, VolumeLayout, lay_out_volumes

Manifests = Mapping[Digest, "Manifest | Index"]


def lay_out_plan(plan: CopyPlan, judged: Collection[str], size: int) -> VolumeLayout:
    """The volumes of a plan. Each holds manifests, and the blobs of artifacts of the types `judged`.

    Raises UsageError, ContentError, LimitError.
    """
    index = index_document(plan.entries())
    nodes = {node.descriptor.digest: node for node in plan.nodes.values()}
    manifests = {digest: node.manifest for digest, node in nodes.items() if node.manifest is not None}

    def opener(descriptor: Descriptor) -> Callable[[], BlobStream] | None:
        node = nodes.get(descriptor.digest)
        if node is None:
            return None
        # a registry gives manifests elsewhere than blobs, and the plan has them already
        return partial(BytesIO, node.manifest.raw) if node.manifest else partial(node.source.open, node.descriptor)

    contents = tuple(_contents(parse_layout_index(index), manifests, judged, opener))
    return lay_out_volumes(index, contents, size)


def lay_out_layout(
    index: bytes, store: Store, graph: Graph, judged: Collection[str], size: int, held: HeldElsewhere
) -> VolumeLayout:
    """The volumes of a layout, as it is. `held`: what deltas say is elsewhere; it stays there.

    Raises UsageError; ContentError where content is missing or cannot be read. Platforms
    of an index that are not here stay absent: whether they may be, verify says.
    """
    for problem in graph.problems:
        raise problem.error()
    known = [item for item in graph.known if not _is_absent(store, item)]
    manifests = {item.digest: graph.manifest(item) for item in known if item.is_manifest}
    source = LayoutSource(store, graph)
    absent = frozenset(item.digest for item in _children(manifests.values()) if _is_absent(store, item))
    for root in graph.roots():
        for found in graph.closure(root.descriptor, declared_absent=absent).problems:
            raise found.error()

    def opener(descriptor: Descriptor) -> Callable[[], BlobStream] | None:
        if descriptor.digest in absent or (descriptor.is_external and _is_absent(store, descriptor)):
            return None
        if (error := source.lacks(descriptor)) is not None:
            if error.is_missing and is_said_to_be_held(store, descriptor, held):
                return None
            raise error
        return partial(source.open, descriptor)

    return lay_out_volumes(index, tuple(_contents(store.index(), manifests, judged, opener)), size)


def _contents(
    index: Index,
    manifests: Manifests,
    judged: Collection[str],
    opener: Callable[[Descriptor], Callable[[], BlobStream] | None],
) -> Iterator[VolumeContent]:
    """Everything that `index.json` leads to, an entry after the other, and each content once."""
    everywhere = frozenset(
        item.digest
        for manifest in manifests.values()
        if isinstance(manifest, Manifest) and manifest.artifact_type in judged
        for _, item in manifest.successors()
    )
    seen: set[Digest] = set()
    stack = [*reversed(index.manifests)]
    while stack:
        descriptor = stack.pop()
        if descriptor.digest in seen:
            continue
        seen.add(descriptor.digest)
        manifest = manifests.get(descriptor.digest) if descriptor.is_manifest else None
        content = opener(descriptor)
        if content is not None:
            yield VolumeContent(descriptor, manifest is not None or descriptor.digest in everywhere, content)
        if manifest is not None:
            stack += (below for _, below in reversed(manifest.successors()))


def _is_absent(store: Store, descriptor: Descriptor) -> bool:
    return stored_size(store, descriptor.digest) is None and descriptor.data is None


def _children(manifests: Iterable[Manifest | Index]) -> Iterator[Descriptor]:
    return (item for manifest in manifests if isinstance(manifest, Index) for item in manifest.manifests)
