"""The tree of an artifact: children of an index and referrers, recursively, as `airgap discover` shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Index
from airgap.oci.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """One manifest, with what hangs on it."""

    descriptor: Descriptor
    role: str
    """`artifact`, `child` of an index, or `referrer`."""
    artifact_type: str | None
    mechanism: str | None
    """How a referrer was found; None for others."""
    annotations: dict[str, str]
    missing: str | None
    """Why the manifest can not be read; None where it can."""
    below: tuple[Outline, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """One artifact of a target, with its tree."""

    reference: str
    tags: tuple[str, ...]
    tree: Outline
    record: Record | None = None
    """The newest acquisition record: a claim of whoever made the layout."""


def outline(graph: Graph, descriptor: Descriptor, *, artifact_type: str | None = None) -> Outline:
    """The tree below `descriptor`, bounded in depth; a manifest met again on its own path is not followed."""
    return _node(graph, descriptor, "artifact", None, artifact_type, frozenset())


def _node(
    graph: Graph,
    descriptor: Descriptor,
    role: str,
    mechanism: str | None,
    artifact_type: str | None,
    path: frozenset[Digest],
) -> Outline:
    missing: str | None = None
    below: tuple[Outline, ...] = ()
    annotations: dict[str, str] = {}
    if descriptor.is_manifest:
        try:
            manifest = graph.manifest(descriptor)
        except ContentError as error:
            missing = str(error)
        else:
            artifact_type = artifact_type or manifest.artifact_type
            annotations = dict(manifest.annotations)
            if descriptor.digest not in path and len(path) < limits.GRAPH_DEPTH:
                below = tuple(_below(graph, descriptor, manifest if isinstance(manifest, Index) else None, path))
    return Outline(
        descriptor=descriptor,
        role=role,
        artifact_type=artifact_type,
        mechanism=mechanism,
        annotations=annotations,
        missing=missing,
        below=below,
    )


def _below(graph: Graph, descriptor: Descriptor, index: Index | None, path: frozenset[Digest]) -> Iterator[Outline]:
    longer = path | {descriptor.digest}
    for referrer in graph.referrers(descriptor):
        yield _node(graph, referrer.descriptor, "referrer", referrer.mechanism, referrer.artifact_type, longer)
    for child in index.manifests if index else ():
        yield _node(graph, child, "child", None, None, longer)
