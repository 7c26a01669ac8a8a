"""One file that many threads read at many offsets at once, for layouts in a tar."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

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
