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
from airgap.errors import AirgapError, LimitError, UsageError
from airgap.files import complete_or_absent, is_temporary, list_folder, make_folders, sweep_leftovers
from airgap.hashing import new_hash
from airgap.oci.archive import open_archive
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_FILE, LAYOUT_INDEX
from airgap.oci.tar_header import BLOCK
from airgap.oci.volume_set import is_volume
from airgap.oci.volume_table import CHUNK_FILE, VOLUMES_FILE
from airgap.text import safe
from airgap.transfer.checked_bytes import writing
from airgap.transfer.events import Progress, Started, silent
from airgap.transfer.index_writer import LAYOUT_CONTENT
from airgap.transfer.room import check_room
from airgap.transfer.tar_members import FLUSHED_BYTES, copy_member, header, takes_gaps, write_at, writer_from
from airgap.transfer.volume_layout import PlacedContent, Volume, VolumeContent, VolumeLayout, VolumeSlot
from airgap.transfer.workers import WorkerPool


def check_volumes_folder(folder: Path, layout: VolumeLayout, *, overwrite: bool) -> tuple[Volume, ...]:
    """The volumes to be. Raises UsageError where the folder has anything but what an interrupted run left of them.

    With `overwrite`, it may have volumes of these names.
    """
    volumes = layout.volumes(folder.absolute().name)
    names = {volume.name for volume in volumes}
    with writing(folder):
        if not folder.is_dir():
            if folder.exists():
                raise UsageError(f"{safe(folder)} is no folder", remedy="Volumes are written into a new folder.")
            return volumes
        found = _names_in(folder)
    strange = [name for name in found if name not in names]
    others = [] if overwrite else [name for name in found if not _is_of(folder / name, layout.index)]
    if strange or others or (len(found) == len(names) and not overwrite):
        what = (strange or others or found)[0]
        raise UsageError(
            f"{safe(folder)} holds {safe(what)} already",
            remedy="Choose another folder, or remove it." if strange else "Choose another folder, or add --overwrite.",
        )
    return volumes


def _names_in(folder: Path) -> list[str]:
    """What is in it, without what dead writers left. Raises OSError, and UsageError where there is much."""
    try:
        return [name for name in list_folder(folder, limits.TARS_BESIDE) if not is_temporary(name)]
    except LimitError as error:
        raise UsageError(f"{safe(folder)} {error}", remedy="Volumes are written into a new folder.") from None


def _is_of(path: Path, index: bytes) -> bool:
    """Whether a file may be a volume of the layout, or damaged."""
    try:
        with open_archive(str(path)) as there:
            return there.document(LAYOUT_INDEX, limits.LAYOUT_INDEX_BYTES) == index
    except (AirgapError, OSError):
        return True


def write_volumes(
    folder: Path,
    layout: VolumeLayout,
    executor: Executor,
    *,
    artifacts: int,
    only: int | None = None,
    progress: Progress = silent,
) -> None:
    """Writes the volumes into `folder`, each complete or not at all.

    `artifacts`: how many the layout has, for `progress`. `only`: write this volume alone; the blobs of which it has a
    chunk are read whole. Raises WriteError, ContentError, and what sources raise.
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
        table = _Writing(layout, files, executor, progress).run(artifacts)
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

    def run(self, artifacts: int) -> bytes:
        """Returns the table."""
        layout = self._layout
        self._progress(
            Started(
                artifacts=artifacts,
                blobs=len(self._wanted),
                manifests=len(layout.everywhere),
                bytes=sum(
                    item.descriptor.size for item in (*(one.content for one in self._wanted), *layout.everywhere)
                ),
                present_bytes=0,
            )
        )
        has_gaps = all(takes_gaps(file) for file in self._files.values())  # while they are empty
        table_at, table = self._write_heads()
        if has_gaps:
            self._workers.run(self._wanted, self._put, _collect)
        else:  # one after the other, so that no file gets bytes before earlier ones
            for item in self._wanted:
                self._put(item)
        if self._chunks:  # whose digests were not known before
            table = layout.table(self._chunks).dump()
            self._write_all(table_at, memoryview(table))
        for number, file in self._files.items():
            end = layout.ends[number - 1]
            write_at(file, end, memoryview(bytes(layout.sizes[number - 1] - end)))
        return table

    def _write_heads(self) -> tuple[int, bytes]:
        """What all volumes begin with. Returns the offset of the table, and the table, without digests of chunks."""
        table = self._layout.table(self._chunks).dump()
        position = table_at = 0
        documents = ((LAYOUT_FILE, LAYOUT_CONTENT), (LAYOUT_INDEX, self._layout.index), (VOLUMES_FILE, table))
        for name, raw in documents:
            head = header(name, len(raw))
            table_at = position + len(head)
            member = head + raw + bytes(-len(raw) % BLOCK)
            self._write_all(position, memoryview(member))
            position += len(member)
        for content in self._layout.everywhere:
            self._put_everywhere(content, position)
            position += content.member_size
        return table_at, table

    def _write_all(self, offset: int, chunk: memoryview) -> None:
        for file in self._files.values():
            write_at(file, offset, chunk)

    def _put_everywhere(self, content: VolumeContent, start: int) -> None:
        writers = [writer_from(file, start) for file in self._files.values()]

        def write(chunk: memoryview) -> None:
            for write_one in writers:
                write_one(chunk)

        size = content.descriptor.size
        write(memoryview(header(content.name, size)))
        self._read(content, write)
        write(memoryview(bytes(-size % BLOCK)))

    def _put(self, item: PlacedContent) -> None:
        digest = item.content.descriptor.digest
        output = _Output(item, self._files)
        self._read(item.content, output.write)
        chunks = output.end()
        if item.is_cut:
            self._chunks[digest] = chunks
        if item.content.descriptor.size >= FLUSHED_BYTES:
            for place in item.places:
                if place.volume in self._files:
                    os.fsync(self._files[place.volume])

    def _read(self, content: VolumeContent, write: Callable[[memoryview], object]) -> None:
        copy_member(content.descriptor, content.open, write, self._workers, self._progress)


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
        name = f"{CHUNK_FILE}{self._place.volume}" if self._item.is_cut else self._item.content.name
        if self._file is not None:
            write_at(self._file, self._place.start, memoryview(header(name, self._place.size)))

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
                write_at(self._file, self._place.body + self._done, part)
            self._done += len(part)
            chunk = chunk[len(part) :]

    def _finish(self) -> None:
        padding = memoryview(bytes(self._place.padding))
        if self._item.is_cut:
            self._digests.append(Digest("sha256", self._hasher.hexdigest()))
            self._hasher = new_hash("sha256")
        if self._file is not None:
            write_at(self._file, self._place.body + self._place.size, padding)

    def end(self) -> list[Digest]:
        """The digests of the chunks; of a whole blob none."""
        self._finish()
        return self._digests


def _collect(_: PlacedContent, future: Future[None]) -> None:
    future.result()
