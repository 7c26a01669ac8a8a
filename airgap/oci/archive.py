"""A layout as one tar file: read in place by many threads, at many offsets at once, never unpacked (LAYOUT-9)."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.oci.digest import Digest
from airgap.oci.documents import (
    DOCKER_SAVE_FILES,
    FULL_INDEX_FILES,
    LayoutOnDisk,
    LooseFiles,
    blob_name,
    malformed,
    open_regular,
    too_large,
)
from airgap.oci.members import blob_digest, layout_files, loose_name, plain_top
from airgap.oci.recognise import check_head, remedy_for_damaged
from airgap.oci.store import missing
from airgap.oci.tar import Member, members
from airgap.oci.tar_header import BLOCK, MemberKind
from airgap.text import safe

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

PositionedRead = Callable[[memoryview, int], int]
"""Fills the view from an offset, and returns the number of bytes read (0 at the end)."""


class SharedFile:
    """An open regular file with independent reads at any offset."""

    def __init__(self, file: io.FileIO) -> None:
        self._file: Final = file
        self.size: Final = os.fstat(file.fileno()).st_size
        self._lock: Final = threading.Lock()
        self.read_into: Final[PositionedRead] = self._pick()

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`; fewer only at the end of the file."""
        buffer = bytearray(max(0, min(count, self.size - offset)))
        view = memoryview(buffer)
        done = 0
        while done < len(buffer) and (step := self.read_into(view[done:], offset + done)):
            done += step
        return bytes(view[:done])

    def close(self) -> None:
        """Closes the file. Open sections then fail with ValueError or OSError."""
        self._file.close()

    def _pick(self) -> PositionedRead:
        if not hasattr(os, "pread"):  # Windows: seek and read, one read at a time
            return self._seek_and_read
        return self._preadv if hasattr(os, "preadv") else self._pread

    def _preadv(self, view: memoryview, offset: int) -> int:
        return os.preadv(self._file.fileno(), [view], offset)

    def _pread(self, view: memoryview, offset: int) -> int:
        data = os.pread(self._file.fileno(), len(view), offset)
        view[: len(data)] = data
        return len(data)

    def _seek_and_read(self, view: memoryview, offset: int) -> int:
        with self._lock:
            self._file.seek(offset)
            return self._file.readinto(view) or 0


class Section(io.RawIOBase):
    """`size` bytes of a shared file from `start` on, as a file of their own; closing it leaves the file open."""

    def __init__(self, shared: SharedFile, start: int, size: int) -> None:
        super().__init__()
        self._read_into: Final = shared.read_into
        self._start: Final = start
        self._size: Final = size
        self._position = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def seekable(self) -> bool:
        """Yes."""
        return True

    def tell(self) -> int:
        """The next byte, counted from the section's start."""
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Moves to a position; after the end nothing can be read."""
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Reads into `buffer` as many bytes as the system gives at once; 0 at the end."""
        if self.closed:
            raise ValueError("read of a closed section")
        left = self._size - self._position
        if left <= 0:
            return 0
        view = memoryview(buffer).cast("B")
        count = self._read_into(view if len(view) <= left else view[:left], self._start + self._position)
        self._position += count
        return count


Extent = tuple[int, int]
"""Offset and size in bytes."""


class LayoutArchive(LayoutOnDisk):
    """An OCI image layout in a tar (a `Store`). Blobs are sections of the one open file; threads may share it."""

    def __init__(self, path: str, shared: SharedFile, table: Mapping[str, Extent], loose: Mapping[str, Extent]) -> None:
        """Use `open_archive`."""
        self.file: Final = shared
        """The tar itself."""
        self._table: Final = table
        self._loose: Final = loose
        super().__init__(path)

    def size(self, digest: Digest) -> int | None:
        """The blob's size in bytes, or None where the tar has none."""
        extent = self._extent(digest)
        return extent[1] if extent else None

    def open(self, digest: Digest) -> io.RawIOBase:
        """The blob's bytes as a file of their own. Raises ContentError (`content.missing`)."""
        extent = self._extent(digest)
        if extent is None:
            raise missing(self, digest)
        return Section(self.file, *extent)

    def blobs(self) -> Iterator[tuple[Digest, int]]:
        """Every blob of the tar with its size in bytes, also those that nothing leads to."""
        for name, (_, size) in self._table.items():
            if (digest := blob_digest(name)) is not None:
                yield digest, size

    def extent(self, name: str) -> Extent | None:
        """Where a file is in the tar: one of the layout, by its plain name, or one beside it."""
        return self._table.get(name) or self._loose.get(name)

    def beside(self, name: str) -> io.RawIOBase | None:
        """A file beside the layout."""
        extent = self._loose.get(name)
        return Section(self.file, *extent) if extent else None

    def loose_files(self) -> LooseFiles:
        """See `LooseFileHolder`."""
        if len(self._loose) > limits.LOOSE_FILES:
            raise LimitError(f"has more than {limits.LOOSE_FILES} other files")
        return LooseFiles(tuple(self._loose))

    def read_loose(self, name: str, limit: int) -> bytes:
        """See `LooseFileHolder`."""
        start, size = self._loose[name]
        if size > limit:
            raise too_large(self.name, name, size, limit)
        return self.file.read(start, size)

    def close(self) -> None:
        """Closes the file; its sections cannot be read any more."""
        self.file.close()

    def __reduce__(self) -> tuple[object, ...]:
        # an executor of processes opens the file again on its side
        return (open_archive, (self.path,))

    def _extent(self, digest: Digest) -> Extent | None:
        return self._table.get(blob_name(digest))

    def _has(self, name: str) -> bool:
        return name in self._table

    def document(self, name: str, limit: int) -> bytes:
        """See `LayoutOnDisk`."""
        start, size = self._table[name]
        if size > limit:
            raise malformed(f"{self.name}: {name} has {size} bytes, more than {limit}")
        return self.file.read(start, size)


def open_archive(path: str, *, file: io.FileIO | None = None) -> LayoutArchive:
    """The layout in the tar at `path`. Raises OSError, and ContentError saying what the file is instead.

    `file`: its unpacked content, if it is compressed; closed with the layout.
    """
    file = file or open_regular(path)
    try:
        shared = SharedFile(file)
        check_head(path, shared.read(0, BLOCK), shared.size)
        return LayoutArchive(path, shared, *_tables(path, shared))
    except FormatError as error:
        file.close()
        raise malformed(f"{safe(path)}: {error}", remedy=remedy_for_damaged(path, error.remedy)) from None
    except BaseException:
        file.close()
        raise


def _tables(path: str, shared: SharedFile) -> tuple[dict[str, Extent], dict[str, Extent]]:
    """The offsets of the layout's files and of files that other tools read instead; and of other files, in a bound.

    The rest is ignored (LAYOUT-8).
    """
    others: set[str] = set()
    telling: dict[str, Extent] = {}
    loose: dict[str, Extent] = {}
    found = layout_files(_remembered(members(shared), telling, loose), path, others)
    return telling | {part.name: (part.member.offset, part.member.size) for part in found}, loose


def _remembered(found: Iterable[Member], telling: dict[str, Extent], loose: dict[str, Extent]) -> Iterator[Member]:
    for member in found:
        name, extent = plain_top(member.name), (member.offset, member.size)
        if name in DOCKER_SAVE_FILES | FULL_INDEX_FILES and member.kind is not MemberKind.DIRECTORY:
            telling[name] = extent
        elif (beside := loose_name(member)) is not None and len(loose) <= limits.LOOSE_FILES:
            loose[beside] = extent
        yield member
