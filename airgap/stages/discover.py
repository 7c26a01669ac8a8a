"""Discover: the tree of an artifact: its children and its referrers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airgap.net.artifacts import Artifacts, FetchedParts, open_artifacts
from airgap.net.registries import Registries
from airgap.oci.artifact_tree import Discovered, TreeBuilder
from airgap.oci.nodes import Root
from airgap.oci.record import newest_record

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions
    from airgap.oci.lookup import Mechanism

_PARTS: Final = FetchedParts(records=True, digest_tags=True)


def discover(
    target: str,
    *,
    transport: TransportOptions | None = None,
    credentials: Credentials | None = None,
    mechanism: Mechanism | None = None,
) -> tuple[Discovered, ...]:
    """The tree of every artifact that `target` names, in a layout or a registry.

    `transport`, `credentials` and `mechanism` (the one way to ask for referrers) are for registries. Unreadable content
    that may belong to a tree is in the result (`Discovered.unread`). Raises AirgapError where the target cannot be
    read, and where a registry does not say what refers to the artifact.
    """
    with (
        Registries(credentials, transport) as registries,
        open_artifacts(target, registries, _PARTS, mechanism) as opened,
    ):
        builder = TreeBuilder(opened.graph)
        return tuple(_discovered(opened, builder, root) for root in opened.all_roots())


def _discovered(opened: Artifacts, builder: TreeBuilder, root: Root) -> Discovered:
    tree = builder.draw(root.descriptor)
    record = newest_record(opened.store, opened.graph, root.descriptor, builder.report)
    return Discovered(
        reference=opened.name(root),
        tags=root.tags,
        tree=tree,
        unread=(*map(opened.located, builder.unread), *opened.unread),
        record=record,
        lookups=opened.lookups,
    )
