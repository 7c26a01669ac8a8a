"""A tar that is there already: a copy that was killed after it had named its tar finds it finished."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from airgap.errors import AirgapError
from airgap.oci.archive import LayoutArchive
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.oci.store import hash_bytes
from airgap.transfer.plan import CopyPlan, Node
from airgap.transfer.sources import LayoutSource
from airgap.transfer.tar_writer import lay_out


@dataclass(frozen=True, slots=True)
class FinishedTar:
    """A layout tar, for questions only."""

    path: Path
    layout: LayoutArchive
    source: LayoutSource
    verify: bool
    """Hash its blobs, instead of comparing their sizes."""

    def is_of(self, plan: CopyPlan) -> bool:
        """Whether it is the tar that a copy of this plan writes: with more in it, names may mean something else."""
        written, file = lay_out(plan), self.layout.file
        end = written.size - written.end
        if file.size != written.size or file.read(written.end, end) != bytes(end):
            return False
        for slot in written.slots:
            if file.read(slot.start, len(slot.head)) != slot.head:
                return False
            if slot.raw is not None and file.read(slot.body, slot.size) != slot.raw:
                return False
        return not self.verify or all(self._is_good(slot.node) for slot in written.slots if slot.node)

    def _is_good(self, node: Node) -> bool:
        try:
            hash_bytes(self.layout, node.descriptor.digest)
        except AirgapError:
            return False
        return True


@contextmanager
def finished_tar(path: Path, *, verify_existing: bool = False) -> Iterator[FinishedTar | None]:
    """The layout tar at `path`; None if there is none, or something else is there."""
    try:
        layout = open_layout(path) if path.is_file() else None
    except (AirgapError, OSError):
        layout = None
    if not isinstance(layout, LayoutArchive):
        yield None
        return
    with layout:
        yield FinishedTar(path, layout, LayoutSource(layout, Graph(layout)), verify_existing)
