"""The evidence in the sources of a copy, and what of it the copy leaves there: a verifier of the copy does not see it.

Code that reads evidence is loaded only where something is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airgap.errors import LimitError
from airgap.oci.all_manifests import AllManifests
from airgap.oci.descriptor import ACQUISITION, EMPTY
from airgap.oci.documents import LayoutOnDisk, LooseFileHolder
from airgap.oci.graph import Graph
from airgap.text import safe
from airgap.transfer.copied import EvidenceLeft, Tally
from airgap.trust.separation import same_place

if TYPE_CHECKING:
    from collections.abc import Container

    from airgap.oci.digest import Digest
    from airgap.oci.store import Store
    from airgap.revocation.target_evidence import TargetEvidence


class SourceEvidence:
    """The evidence in the sources of one copy."""

    def __init__(self) -> None:
        self._of_layouts: Final[dict[Graph, TargetEvidence]] = {}
        self.in_registries: Mapping[str, TargetEvidence] = {}
        """That of sources that are registries, chosen or not, where the copy is judged."""

    def of_layout(self, store: Store, graph: Graph) -> TargetEvidence:
        """That of a layout, found once."""
        from airgap.signature.stamped_evidence import evidence_of_target

        if graph not in self._of_layouts:
            self._of_layouts[graph] = evidence_of_target(store, graph, store.name)
        return self._of_layouts[graph]

    def left(
        self, layouts: Iterable[tuple[Store, Graph]], tally: Tally, written: Path | None
    ) -> Iterator[EvidenceLeft]:
        """What a verifier of a source would use and a verifier of the copy does not get. `written`: the layout."""
        for store, graph in layouts:
            is_itself = isinstance(store, LayoutOnDisk) and written and same_place(written, Path(store.path))
            if not (is_itself or _takes_all_of(store, graph, tally.planned)):
                yield from _left(store.name, self.of_layout(store, graph).not_among(tally.planned))
        for source, evidence in self.in_registries.items():
            yield from _left(source, evidence.not_among(tally.planned))
        for item in tally.copied if not self.in_registries else ():
            # of a layout all evidence is known
            planned = item.planned
            if planned and not planned.wanted.from_layout and (unchosen := planned.unchosen + planned.about_records):
                from airgap.revocation.artifact import is_called_evidence

                named = [item.descriptor.digest for item in unchosen if is_called_evidence(item.artifact_type)]
                yield from _left(item.source, tuple(str(digest) for digest in named if digest not in tally.planned))


def _left(source: str, names: tuple[str, ...]) -> Iterator[EvidenceLeft]:
    if names:
        yield EvidenceLeft(source=source, names=tuple(safe(name, limit=160) for name in names))


def _takes_all_of(store: Store, graph: Graph, planned: Container[Digest]) -> bool:
    """Whether nothing that a layout holds is left behind, but records: then no evidence is, and none is read."""
    if isinstance(store, LooseFileHolder):
        try:
            loose = store.loose_files()
        except (LimitError, OSError):
            return False
        if loose.names or loose.closed:
            return False
    listed = AllManifests(store, graph.manifest)
    held = (
        item
        for manifest in listed.manifests
        for _, item in manifest.successors()
        if not (manifest.artifact_type == ACQUISITION and item.media_type in {EMPTY, ACQUISITION})
    )
    return listed.is_complete and all(item.digest in planned for item in (*held, *listed.entries))
