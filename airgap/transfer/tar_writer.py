"""Writes a layout as one tar in one pass; the same content gives the same bytes.

First come `oci-layout`, `index.json` and all manifests, so that a reader of a pipe or a slow medium gets them at once;
then everything else by digest. The descriptors have all sizes, so the place of each member is known before the first
byte. Several threads write into a file at once, without a temporary copy; a pipe gets one member after the other.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO, Final

from airgap.errors import AirgapError, ContentError, UsageError
from airgap.files import complete_or_absent, is_there, sweep_leftovers
from airgap.oci.descriptor import Descriptor
from airgap.oci.documents import LAYOUT_FILE, LAYOUT_INDEX, blob_name
from airgap.oci.store import size_error
from airgap.text import safe
from airgap.transfer.checked_bytes import write_whole_chunks, writing
from airgap.transfer.events import ArtifactDone, Progress, Started, silent
from airgap.transfer.index_writer import LAYOUT_CONTENT, index_document
from airgap.transfer.mover import Survey, TransferResult
from airgap.transfer.plan import CopyPlan, Key, Node, key_of
from airgap.transfer.room import check_room
from airgap.transfer.tar_members import (
    FLUSHED_BYTES,
    copy_member,
    header,
    member_size,
    takes_gaps,
    tar_size,
    write_at,
    writer_from,
)
from airgap.transfer.workers import WorkerPool


@dataclass(frozen=True, slots=True)
class Slot:
    """One member and its place."""

    name: str
    head: bytes
    """Its header blocks."""
    start: int
    """The offset of the header blocks."""
    size: int
    raw: bytes | None
    """Its content, if it is in memory."""
    node: Node | None

    @property
    def body(self) -> int:
        """The offset of its content."""
        return self.start + len(self.head)

    @property
    def end(self) -> int:
        """The offset of the next member."""
        return self.start + member_size(self.name, self.size)


@dataclass(frozen=True, slots=True)
class TarPlan:
    """Every member of the planned tar, in order."""

    slots: tuple[Slot, ...]

    @property
    def end(self) -> int:
        """The offset of the end marker."""
        return self.slots[-1].end

    @property
    def size(self) -> int:
        """The size of the whole tar in bytes."""
        return tar_size(self.end)


def lay_out(plan: CopyPlan) -> TarPlan:
    """The offsets of all members. Raises ContentError."""
    contents: dict[str, tuple[int, bytes | None, Node | None]] = {
        LAYOUT_FILE: (len(LAYOUT_CONTENT), LAYOUT_CONTENT, None)
    }
    index = index_document(plan.entries())
    contents[LAYOUT_INDEX] = (len(index), index, None)
    for _, node in sorted(plan.nodes.items(), key=_order):
        size = node.descriptor.size
        known = contents.setdefault(_name(node.descriptor), (size, node.manifest.raw if node.manifest else None, node))
        if known[0] != size:
            raise size_error(node.descriptor, known[0])
    slots: list[Slot] = []
    position = 0
    for name, (size, raw, content) in contents.items():
        slots.append(Slot(name, header(name, size), position, size, raw, content))
        position = slots[-1].end
    return TarPlan(tuple(slots))


def _order(item: tuple[Key, Node]) -> tuple[bool, str, str]:
    digest = item[1].descriptor.digest
    return item[1].manifest is None, digest.algorithm, digest.encoded


def _name(descriptor: Descriptor) -> str:
    descriptor.digest.new_hash()  # only the names of known algorithms become a path
    return blob_name(descriptor.digest)


# --- writing ---


def write_tar_file(
    path: Path,
    plan: CopyPlan,
    executor: Executor,
    *,
    progress: Progress = silent,
    overwrite: bool = False,
    keep_going: bool = False,
) -> TransferResult:
    """Writes the plan as a tar with the name `path`, complete or not at all.

    Raises UsageError if the path exists (without `overwrite`), WriteError, ContentError, and what sources raise. With
    `keep_going`, damaged content is a failure of the result, and then nothing was written.
    """
    if not overwrite:
        check_absent(path)
    run = _Writing(plan, executor, progress, keep_going=keep_going)
    with writing(path), suppress(_DamagedError):
        sweep_leftovers(path)
        check_room(path.parent, run.tar.size, run.tar.size)
        try:
            with complete_or_absent(path, replace=overwrite) as file:
                run.into_file(file.fileno())
                if run.failures:
                    raise _DamagedError
        except FileExistsError:
            raise _exists(path, "; it was written while this copy ran") from None
    return run.result()


def check_absent(path: Path) -> None:
    """Raises UsageError where something has the name of the new tar, including a broken link."""
    if is_there(path):
        sweep_leftovers(path)  # also of a writer that died after it had given the name
        raise _exists(path)


def _exists(path: Path, since: str = "") -> UsageError:
    return UsageError(
        f"{safe(path)} exists{since}; a tar is written as a whole and is not added to",
        remedy="Choose another name, remove it, or add --overwrite.",
    )


def write_tar_stream(
    stream: BinaryIO, plan: CopyPlan, executor: Executor, *, progress: Progress = silent
) -> TransferResult:
    """Writes the plan as a tar into a pipe, member by member; after an error the tar has no end marker.

    Raises as `write_tar_file` does.
    """
    run = _Writing(plan, executor, progress, keep_going=False)
    run.into_stream(stream)
    return run.result()


class _DamagedError(Exception):
    """Some content is damaged, and a tar is written as a whole."""


class _Writing:
    """One tar being written."""

    def __init__(self, plan: CopyPlan, executor: Executor, progress: Progress, *, keep_going: bool) -> None:
        self._plan, self._progress = plan, progress
        self._keep_going: Final = keep_going
        self.failures: Final[dict[Key, AirgapError]] = {}
        """Damaged content; the bytes behind it may be at wrong places."""
        self._executor: Final = executor
        self._workers: Final = WorkerPool(executor)
        self.tar: Final = lay_out(plan)
        self._blobs: Final = tuple(slot for slot in self.tar.slots if slot.raw is None)
        self._total: Final = sum(slot.size for slot in self.tar.slots if slot.node is not None)
        progress(
            Started(
                artifacts=plan.count,
                blobs=len(self._blobs),
                manifests=sum(slot.raw is not None and slot.node is not None for slot in self.tar.slots),
                bytes=self._total,
                present_bytes=0,
            )
        )

    def into_file(self, file: int) -> None:
        """Writes several blobs at once if the file system supports gaps; else from start to end."""
        if not takes_gaps(file):
            self._in_order(write_whole_chunks(file))
            return
        for slot in self.tar.slots:
            write_at(file, slot.start, memoryview(slot.head))
            if slot.raw is not None:
                write_at(file, slot.body, memoryview(slot.raw))
        self._workers.run(self._blobs, lambda slot: self._put(slot, file), _collect)
        os.ftruncate(file, self.tar.size)

    def _put(self, slot: Slot, file: int) -> None:
        self._copy_checked(slot, writer_from(file, slot.body))
        if slot.size >= FLUSHED_BYTES:
            os.fsync(file)  # flushed while others hash, so that there is less to wait for at the end

    def into_stream(self, stream: BinaryIO) -> None:
        def write(chunk: memoryview) -> None:
            with writing("standard output"):
                stream.write(chunk)

        self._in_order(write)
        with writing("standard output"):
            stream.flush()

    def result(self) -> TransferResult:
        if self.failures:
            nothing = Survey(missing=frozenset(), bytes=0, present_bytes=0)
            return TransferResult(survey=nothing, moved={}, failures=self.failures)
        for artifact in self._plan.artifacts:
            self._progress(ArtifactDone(reference=artifact.wanted.reference, digest=artifact.wanted.descriptor.digest))
        return TransferResult.of_all(self._plan)

    def _in_order(self, write: Callable[[memoryview], object]) -> None:
        for slot in self.tar.slots:
            write(memoryview(slot.head))
            if slot.raw is not None:
                write(memoryview(slot.raw))
            else:
                self._copy_checked(slot, write)
            write(memoryview(bytes(slot.end - slot.body - slot.size)))
        write(memoryview(bytes(self.tar.size - self.tar.end)))

    def _copy_checked(self, slot: Slot, write: Callable[[memoryview], object]) -> None:
        node = slot.node
        if node is None:
            raise TypeError("a member without content")
        descriptor = node.descriptor
        try:
            copy_member(descriptor, partial(node.source.open, descriptor), write, self._workers, self._progress)
        except ContentError as error:
            if not self._keep_going:
                raise
            self.failures[key_of(descriptor)] = error


def _collect(_: Slot, future: Future[None]) -> None:
    future.result()
