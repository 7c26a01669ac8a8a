"""A snapshot in a layout or tar, open for reading."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from airgap.errors import ContentError, NotFoundError
from airgap.oci.graph import Graph
from airgap.oci.nodes import Root
from airgap.oci.reference import LayoutReference
from airgap.oci.store import Store
from airgap.oci.target import Target, open_target
from airgap.text import safe
from airgap.trust.snapshots.snapshot_document import Snapshot, is_snapshot, read_snapshot


@dataclass(frozen=True, slots=True)
class OpenSnapshot:
    """A snapshot in an open layout."""

    reference: str
    """Its name for the operator, safe to show."""
    place: LayoutReference
    """Where it is, by digest."""
    store: Store
    graph: Graph
    snapshot: Snapshot


@contextmanager
def open_snapshot(target: str) -> Iterator[OpenSnapshot]:
    """The snapshot that `target` names, or the only one of the layout. Raises AirgapError."""
    with open_target(target) as opened:
        root = _only_one(opened, target) if opened.is_whole else opened.graph.find(opened.reference)
        snapshot = read_snapshot(opened.store, root.descriptor, opened.graph.manifest(root.descriptor))
        place = opened.reference._replace(tag=None, literal=None, digest=root.descriptor.digest)
        yield OpenSnapshot(opened.name(root), place, opened.store, opened.graph, snapshot)


def _only_one(opened: Target, target: str) -> Root:
    """Refuses a layout with unreadable content that may be another, newer snapshot."""
    roots = opened.roots()
    for problem in opened.graph.problems:
        raise _unsure(problem.error())
    found = [root for root in roots if len(roots) == 1 or _is_one(root, opened.graph)]
    if len(found) == 1:
        return found[0]
    tags = ", ".join(safe(tag) for root in found for tag in root.tags)
    raise NotFoundError(
        f"{safe(target)} holds {len(found)} trust snapshots, not one{f': {tags}' if tags else ''}",
        remedy="Name one with :TAG or @DIGEST.",
    )


def _is_one(root: Root, graph: Graph) -> bool:
    """Raises ContentError if that is not certain."""
    if not root.descriptor.is_manifest:
        return False
    try:
        return is_snapshot(graph.manifest(root.descriptor))
    except ContentError as error:
        raise _unsure(error) from None


def _unsure(error: ContentError) -> ContentError:
    return ContentError(
        error.reason,
        f"it may be a trust snapshot, and cannot be read: {error}",
        remedy="Copy the medium again, or name the snapshot that is meant with :TAG or @DIGEST.",
        **error.facts,
    )
