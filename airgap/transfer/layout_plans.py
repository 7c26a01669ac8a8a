"""The plan of a copy as a layout or tar gets it: with records and referrers tags, its names checked."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from airgap.oci.descriptor import REF_NAME
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.layout import LayoutDirectory
from airgap.oci.manifest import parse_layout_index
from airgap.oci.open import Layout
from airgap.oci.record import listed_records
from airgap.transfer.destinations import TaggedSource, check_meanings, check_takeover, check_whole_names
from airgap.transfer.endpoint import Source
from airgap.transfer.index_writer import index_document
from airgap.transfer.plan import CopyPlan, Selection
from airgap.transfer.records import Records
from airgap.transfer.writer import GrownLayout

_COPY: Final = "the copy"


class PreparedPlan(NamedTuple):
    """A plan with its records."""

    plan: CopyPlan
    replaced: frozenset[Digest]
    """What is in the layout, and is replaced by what the plan has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LayoutPlans:
    """Prepares the plans of one copy."""

    tool: str
    at: datetime
    selection: Selection
    with_records: bool
    with_referrers_tags: bool
    pack: Callable[[CopyPlan, Layout | None], tuple[CopyPlan, frozenset[Digest]]] | None = None
    """Adds what is known only when all else is (a bundle), and says what that replaces in the layout."""

    def prepared(
        self, plan: CopyPlan, layout: Layout | None, *, tag: str | None = None, there: Source | None = None
    ) -> PreparedPlan:
        """The plan with its records, after the check that it takes no tag of another repository.

        `layout`: what is there already. `tag`: the one that the operator named there. `there`: the destination, if it
        is written as a whole. Raises UsageError, ContentError.
        """
        present = listed_records(layout) if layout else {}
        roots = [item.wanted for item in plan.artifacts]
        if layout and tag is None:
            origins = {
                tag: TaggedSource(entry.digest, name)
                for entry in layout.index().manifests
                if (tag := entry.annotations.get(REF_NAME)) is not None
                and (found := present.get(entry.digest))
                and (name := found[0].record.name)
            }
            check_takeover(roots, origins)
        if layout:
            check_whole_names(roots, layout.index().manifests)
        replaced: frozenset[Digest] = frozenset()
        if self.with_referrers_tags:
            from airgap.transfer.layout_referrers_tags import with_referrers_tags

            plan, replaced = with_referrers_tags(plan, layout)
        if self.pack is not None:  # the same records, whatever is there
            present, there = {}, None
        if self.with_records:
            records = Records(tool=self.tool, at=self.at, selection=self.selection, present=present, there=there)
            plan, replaced = records.add_to(plan), replaced | records.replaced
        if self.pack is not None:
            plan, more = self.pack(plan, layout)
            replaced |= more
        _check_meanings(plan, layout, replaced)
        return PreparedPlan(plan, replaced)


def _check_meanings(plan: CopyPlan, layout: Layout | None, replaced: Collection[Digest]) -> None:
    """Each name of the copy means one thing in its layout, before that is written. Raises UsageError, ContentError."""
    entries = plan.entries()
    if not isinstance(layout, LayoutDirectory):  # a tar is written as a whole
        check_meanings(entries, parse_layout_index(index_document(entries)), None, _COPY)
        return
    new = {node.descriptor.digest: node.manifest.raw for node in plan.nodes.values() if node.manifest is not None}
    grown = GrownLayout(layout.path, entries, new, replaced)
    check_meanings(entries, grown.index(), Graph(grown) if grown.docker_documents() else None, layout.name)
