"""Copies bytes from a source to a file and hashes them. Only checked content gets its final name.

Where the file system can, a copy is a reflink: it shares its blocks with the original until one of them changes.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from airgap.errors import Cause, TransferError
from airgap.oci.descriptor import Descriptor
from airgap.oci.documents import open_regular
from airgap.oci.store import buffer, compare_digest, reading, size_error
from airgap.text import safe

if TYPE_CHECKING:
    from hashlib import _Hash as Hasher

Advance = Callable[[int], None]
"""Called after each chunk with the number of bytes; may raise to stop."""


def no_advance(_: int) -> None:
    """An `Advance` that does nothing."""


class Readable(Protocol):
    """A readable stream of a blob."""

    def readinto(self, buffer: memoryview, /) -> int | None:
        """Reads the bytes that are available; 0 at the end."""


class CheckedContent:
    """The bytes of one content, as they come: no more than its descriptor says, and at the end with its digest."""

    def __init__(self, descriptor: Descriptor, before: tuple[Hasher, int] | None = None) -> None:
        """`before`: hash and number of the bytes of an earlier part."""
        self._descriptor: Final = descriptor
        self._hasher, self.total = before or (descriptor.digest.new_hash(), 0)

    def add(self, chunk: bytes | memoryview) -> None:
        """Raises ContentError (`content.size`) where there are too many."""
        self.total += len(chunk)
        if self.total > self._descriptor.size:
            raise size_error(self._descriptor, self.total)
        self._hasher.update(chunk)

    def end(self) -> None:
        """These are all. Raises ContentError (`content.size`, `content.digest`)."""
        if self.total != self._descriptor.size:
            raise size_error(self._descriptor, self.total)
        compare_digest(self._descriptor.digest, self._hasher.hexdigest())


def copy_checked(
    source: Readable,
    descriptor: Descriptor,
    write: Callable[[memoryview], object] | None,
    advance: Advance,
    *,
    before: tuple[Hasher, int] | None = None,
) -> None:
    """Pass the content of `descriptor` to `write`, in memory that does not grow with it.

    `before`: hash and number of the bytes of an earlier part. Raises ContentError (`content.size`, `content.digest`,
    `content.unreadable`) if the content is wrong; the caller must then discard the written bytes. Errors of `write`
    pass through.
    """
    checked = CheckedContent(descriptor, before)
    view = buffer()
    while True:
        with reading(descriptor.digest):
            count = source.readinto(view)
        if not count:
            break
        chunk = view[:count]
        checked.add(chunk)
        if write is not None:
            write(chunk)
        advance(count)
    checked.end()


def check_bytes(descriptor: Descriptor, raw: bytes) -> None:
    """Raises ContentError if bytes in memory do not have the size and digest of `descriptor`."""
    checked = CheckedContent(descriptor)
    checked.add(raw)
    checked.end()


def write_whole_chunks(descriptor: int) -> Callable[[memoryview], None]:
    """Writes whole chunks to an open file: a system call may write less."""

    def write(chunk: memoryview) -> None:
        while chunk:
            chunk = chunk[os.write(descriptor, chunk) :]

    return write


class WriteError(TransferError):
    """The destination cannot be written."""


_GONE: Final = "The medium may have been pulled out or be failing. What was complete stays; copy again to go on."
_CAUSES: Final = {
    errno.ENOSPC: (Cause.FULL, "Make room there, then copy again: what is complete is not copied twice."),
    errno.EDQUOT: (Cause.FULL, "Raise the quota or make room, then copy again: what is complete is not copied twice."),
    errno.EROFS: (
        Cause.READ_ONLY,
        "Mount the medium writable (its write protection may be on), or choose another place.",
    ),
    errno.EACCES: (Cause.DENIED, "Check the permissions of the folder."),
    errno.EPERM: (Cause.DENIED, "Check the permissions of the folder."),
    errno.EFBIG: (Cause.TOO_LARGE, "FAT32 holds no file of 4 GiB or more: format the medium with exFAT or ext4."),
    errno.EIO: (Cause.GONE, _GONE),
    errno.ENODEV: (Cause.GONE, _GONE),
    errno.ENXIO: (Cause.GONE, _GONE),
    errno.ESTALE: (Cause.GONE, _GONE),
}


@contextmanager
def writing(place: Path | str) -> Iterator[None]:
    """Turns errors of the system about `place` into WriteError with a remedy."""
    try:
        yield
    except OSError as error:
        cause, remedy = _CAUSES.get(error.errno or 0, (Cause.OTHER, ""))
        reason = error.strerror or type(error).__name__
        raise WriteError(f"{safe(place)} cannot be written: {reason}", remedy=remedy, cause=cause) from None


_FICLONE: Final = 0x40049409
"""linux/fs.h; btrfs, XFS, bcachefs, ZFS and overlays of them know it."""


def clone(source: str, target: int) -> bool:
    """Make the open, empty file `target` a clone of the file `source`; False where that cannot be done."""
    if sys.platform != "linux":
        return False
    import fcntl

    try:
        with open_regular(source) as file:
            fcntl.ioctl(target, _FICLONE, file.fileno())
    except OSError:
        os.ftruncate(target, 0)
        return False
    return True
