"""Writes a layout into volumes in one reading of its sources, with no other copy on disk.

Each blob is hashed once; chunks get their digests while it passes. The table, which names them, is at the beginning of
each volume: its length is known before, and it is written last.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, UsageError
from airgap.files import complete_or_absent, is_temporary, list_folder, make_folders, sweep_leftovers
from airgap.hashing import new_hash
from airgap.oci.archive import open_archive
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_FILE, LAYOUT_INDEX, blob_name
from airgap.oci.tar_header import BLOCK
from airgap.oci.volume_table import CHUNK_FILE, VOLUMES_FILE
from airgap.oci.volumes import is_volume
from airgap.text import safe
from airgap.transfer.checked_bytes import copy_checked, writing
from airgap.transfer.endpoint import TransferMethod
from airgap.transfer.events import BlobAdvanced, BlobDone, BlobStarted, Progress, Started, silent
from airgap.transfer.index_writer import LAYOUT_CONTENT
from airgap.transfer.room import check_room
from airgap.transfer.tar_writer import header, takes_gaps
from airgap.transfer.volume_layout import PlacedContent, Volume, VolumeContent, VolumeLayout, VolumeSlot
from airgap.transfer.workers import WorkerPool

_FLUSHED_BYTES: Final = 16 * limits.MIB


def check_volumes_folder(folder: Path, layout: VolumeLayout, *, overwrite: bool) -> tuple[Volume, ...]:
    """The volumes to be. Raises UsageError where the folder has anything but what an interrupted run left of them.

    With `overwrite`, it may have volumes of these names.
    """
    volumes = layout.volumes(folder.absolute().name)
    names = {volume.name for volume in volumes}
    if not folder.is_dir():
        if folder.exists():
            raise UsageError(f"{safe(folder)} is no folder", remedy="Volumes are written into a new folder.")
        return volumes
    found = [name for name in list_folder(folder, limits.TARS_BESIDE) if not is_temporary(name)]
    strange = [name for name in found if name not in names]
    others = [] if overwrite else [name for name in found if not _is_of(folder / name, layout.index)]
    if strange or others or (len(found) == len(names) and not overwrite):
        what = (strange or others or found)[0]
        raise UsageError(
            f"{safe(folder)} holds {safe(what)} already",
            remedy="Choose another folder, or remove it." if strange else "Choose another folder, or add --overwrite.",
        )
    return volumes


def _is_of(path: Path, index: bytes) -> bool:
    """Whether a file may be a volume of the layout, or damaged."""
    try:
        with open_archive(str(path)) as there:
            return there.document(LAYOUT_INDEX, limits.LAYOUT_INDEX_BYTES) == index
    except (AirgapError, OSError):
        return True


def write_volumes(
    folder: Path, layout: VolumeLayout, executor: Executor, *, only: int | None = None, progress: Progress = silent
) -> None:
    """Writes the volumes into `folder`, each complete or not at all.

    `only`: write this one alone; the blobs of which it has a chunk are read whole. Raises WriteError, ContentError, and
    what sources raise.
    """
    volumes = layout.volumes(folder.absolute().name)
    numbers = range(1, len(volumes) + 1) if only is None else (only,)
    with writing(folder), ExitStack() as stack:
        make_folders(folder, mode=0o755)
        wanted = {number: volumes[number - 1] for number in numbers}
        for volume in wanted.values():
            sweep_leftovers(folder / volume.name)
        sizes = [volume.size for volume in wanted.values()]
        check_room(folder, sum(sizes), max(sizes))
        files = {
            number: stack.enter_context(complete_or_absent(folder / volume.name)).fileno()
            for number, volume in wanted.items()
        }
        table = _Writing(layout, files, executor, progress).run()
        for volume in volumes if only is not None else ():
            _check_same_set(folder / volume.name, layout.index, table)


def _check_same_set(path: Path, index: bytes, table: bytes) -> None:
    """Raises UsageError where a volume that is there is of another set: then the new one would not fit the others."""
    try:
        with open_archive(str(path)) as there:
            held = there.document(LAYOUT_INDEX, limits.LAYOUT_INDEX_BYTES)
            known = there.read_loose(VOLUMES_FILE, limits.VOLUME_TABLE_BYTES) if is_volume(there) else b""
    except (AirgapError, OSError):
        return  # not there, or damaged: it is made again, too
    if (held, known) != (index, table):
        raise UsageError(
            f"{safe(path)} is a volume of another set: of another size, or of a layout with other content",
            remedy="Make all volumes again, into a new folder; or name the layout and size that these were made of.",
        )


class _Writing:
    """Volumes being written; `files` are open, by number."""

    def __init__(self, layout: VolumeLayout, files: dict[int, int], executor: Executor, progress: Progress) -> None:
        self._layout, self._files, self._progress = layout, files, progress
        self._workers: Final = WorkerPool(executor)
        self._chunks: Final = layout.unknown_chunks()
        self._wanted: Final = [item for item in layout.placed if self._is_wanted(item)]

    def _is_wanted(self, item: PlacedContent) -> bool:
        # the table names the chunks of all blobs that are cut, also of those in other volumes
        return item.is_cut or item.places[0].volume in self._files

    def run(self) -> bytes:
        """Returns the table."""
        layout = self._layout
        self._progress(
            Started(
                artifacts=0,
                blobs=len(self._wanted),
                manifests=len(layout.everywhere),
                bytes=sum(item.descriptor.size for item in (*self._wanted_contents(), *layout.everywhere)),
                present_bytes=0,
            )
        )
        has_gaps = all(takes_gaps(file) for file in self._files.values())  # while they are empty
        self._write_heads()
        if has_gaps:
            self._workers.run(self._wanted, self._put, _collect)
        else:  # one after the other, so that no file gets bytes before earlier ones
            for item in self._wanted:
                self._put(item)
        if self._chunks:
            self._write_table()
        for number, file in self._files.items():
            end = layout.ends[number - 1]
            _write(file, end, memoryview(bytes(layout.sizes[number - 1] - end)))
        return layout.table(self._chunks).dump()

    def _wanted_contents(self) -> list[VolumeContent]:
        return [item.content for item in self._wanted]

    def _write_heads(self) -> None:
        documents = [(LAYOUT_FILE, LAYOUT_CONTENT), (LAYOUT_INDEX, self._layout.index)]
        table = self._layout.table(self._chunks).dump()
        position = 0
        for name, raw in (*documents, (VOLUMES_FILE, table)):
            member = header(name, len(raw)) + raw + bytes(-len(raw) % BLOCK)
            self._table_at = position + len(header(name, len(raw)))
            for file in self._files.values():
                _write(file, position, memoryview(member))
            position += len(member)
        for content in self._layout.everywhere:
            self._put_everywhere(content, position)
            size = content.descriptor.size
            position += len(header(blob_name(content.descriptor.digest), size)) + size + -size % BLOCK

    def _write_table(self) -> None:
        raw = memoryview(self._layout.table(self._chunks).dump())
        for file in self._files.values():
            _write(file, self._table_at, raw)

    def _put_everywhere(self, content: VolumeContent, start: int) -> None:
        descriptor = content.descriptor
        head = header(blob_name(descriptor.digest), descriptor.size)
        position = start + len(head)

        def write(chunk: memoryview) -> None:
            nonlocal position
            for file in self._files.values():
                _write(file, position, chunk)
            position += len(chunk)

        for file in self._files.values():
            _write(file, start, memoryview(head))
        self._read(content, write)
        for file in self._files.values():
            _write(file, position, memoryview(bytes(-descriptor.size % BLOCK)))

    def _put(self, item: PlacedContent) -> None:
        digest = item.content.descriptor.digest
        output = _Output(item, self._files)
        self._read(item.content, output.write)
        chunks = output.end()
        if item.is_cut:
            self._chunks[digest] = chunks
        if item.content.descriptor.size >= _FLUSHED_BYTES:
            for place in item.places:  # flushed while others hash
                if place.volume in self._files:
                    os.fsync(self._files[place.volume])

    def _read(self, content: VolumeContent, write: Callable[[memoryview], object]) -> None:
        descriptor = content.descriptor

        def advance(count: int) -> None:
            self._workers.check()
            self._progress(BlobAdvanced(digest=descriptor.digest, bytes=count))

        self._progress(BlobStarted(digest=descriptor.digest, size=descriptor.size))
        stream = content.open()
        try:
            copy_checked(stream, descriptor, write, advance)
        finally:
            stream.close()
        self._progress(BlobDone(digest=descriptor.digest, size=descriptor.size, how=TransferMethod.COPIED))


class _Output:
    """The members that get the bytes of one blob."""

    def __init__(self, item: PlacedContent, files: dict[int, int]) -> None:
        self._item, self._files = item, files
        self._number = 0
        self._done = 0
        """Bytes of the current member."""
        self._hasher = new_hash("sha256")
        self._digests: list[Digest] = []
        self._begin()

    @property
    def _place(self) -> VolumeSlot:
        return self._item.places[self._number]

    @property
    def _file(self) -> int | None:
        return self._files.get(self._place.volume)

    def _begin(self) -> None:
        """A header in front of the bytes."""
        name = (
            f"{CHUNK_FILE}{self._place.volume}"
            if self._item.is_cut
            else blob_name(self._item.content.descriptor.digest)
        )
        if self._file is not None:
            _write(self._file, self._place.start, memoryview(header(name, self._place.size)))

    def write(self, chunk: memoryview) -> None:
        while chunk:
            if self._done == self._place.size:
                self._finish()
                self._number += 1
                self._done = 0
                self._begin()
            part = chunk[: self._place.size - self._done]
            if self._item.is_cut:
                self._hasher.update(part)
            if self._file is not None:
                _write(self._file, self._place.body + self._done, part)
            self._done += len(part)
            chunk = chunk[len(part) :]

    def _finish(self) -> None:
        padding = memoryview(bytes(self._place.end - self._place.body - self._place.size))
        if self._item.is_cut:
            self._digests.append(Digest("sha256", self._hasher.hexdigest()))
            self._hasher = new_hash("sha256")
        if self._file is not None:
            _write(self._file, self._place.body + self._place.size, padding)

    def end(self) -> list[Digest]:
        """The digests of the chunks; of a whole blob none."""
        self._finish()
        return self._digests


def _write(file: int, offset: int, chunk: memoryview) -> None:
    """Writes at an offset. Where the system has no such call, only one thread writes."""
    if not hasattr(os, "pwrite"):
        os.lseek(file, offset, os.SEEK_SET)
        while chunk:
            chunk = chunk[os.write(file, chunk) :]
        return
    while chunk:
        count = os.pwrite(file, chunk, offset)
        offset += count
        chunk = chunk[count:]


def _collect(_: PlacedContent, future: Future[None]) -> None:
    future.result()
