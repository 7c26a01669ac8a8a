"""Discover: the tree of what an artifact consists of and what refers to it."""

from __future__ import annotations

from airgap.oci.outline import Discovered, outline
from airgap.oci.record import newest_record
from airgap.oci.target import open_target


def discover(target: str) -> tuple[Discovered, ...]:
    """The tree of every artifact that `target` names. Raises AirgapError where the target can not be read."""
    with open_target(target) as opened:
        return tuple(
            Discovered(
                reference=opened.name(root),
                tags=root.tags,
                tree=outline(opened.graph, root.descriptor),
                record=newest_record(opened.store, opened.graph, root.descriptor),
            )
            for root in opened.roots()
        )
