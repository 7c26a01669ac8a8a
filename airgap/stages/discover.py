"""Discover: the tree of an artifact: its children and its referrers."""

from __future__ import annotations

from airgap.oci.artifact_tree import Discovered, Outliner
from airgap.oci.nodes import Root
from airgap.oci.record import newest_record
from airgap.oci.target import Target, open_target


def discover(target: str) -> tuple[Discovered, ...]:
    """The tree of every artifact that `target` names. Raises AirgapError where the target cannot be read.

    Unreadable content that may belong to a tree is in the result (`Discovered.unread`).
    """
    with open_target(target) as opened:
        outliner = Outliner(opened.graph)
        return tuple(_discovered(opened, outliner, root) for root in opened.all_roots())


def _discovered(opened: Target, outliner: Outliner, root: Root) -> Discovered:
    tree = outliner.draw(root.descriptor)
    record = newest_record(opened.store, opened.graph, root.descriptor, outliner.report)
    return Discovered(
        reference=opened.name(root),
        tags=root.tags,
        tree=tree,
        unread=tuple(outliner.unread),
        record=record,
    )
