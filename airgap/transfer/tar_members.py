"""The members of the tars that are written here: their headers, their sizes, and the copying of their bytes.

ustar headers with times and owners of zero; sizes beyond 8 GiB in GNU's base-256 form, which every reader of the field
reads (some lose the PAX form).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import closing
from typing import Final

from airgap import limits
from airgap.oci.descriptor import Descriptor
from airgap.oci.tar_header import BLOCK
from airgap.transfer.checked_bytes import copy_checked
from airgap.transfer.endpoint import BlobStream, TransferMethod
from airgap.transfer.events import BlobAdvanced, BlobDone, BlobStarted, Progress
from airgap.transfer.workers import WorkerPool

RECORD: Final = 20 * BLOCK
"""Tars are filled up to whole records of 10 KiB (POSIX); GNU tar says so if they are not."""
FLUSHED_BYTES: Final = 16 * limits.MIB
"""A blob of so many bytes is flushed while others hash, so that there is less to wait for at the end."""
_OCTAL_LIMIT: Final = 8**11
_NAME_BYTES: Final = 100


def header(name: str, size: int) -> bytes:
    """The header blocks of a plain file: one, or with GNU's long name (sha384 and sha512) three."""
    raw = name.encode("ascii")
    if len(raw) <= _NAME_BYTES:
        return _block(raw, size)
    long = raw + b"\0"
    return (
        _block(b"././@LongLink", len(long), b"L") + long + bytes(-len(long) % BLOCK) + _block(raw[:_NAME_BYTES], size)
    )


def _block(name: bytes, size: int, kind: bytes = b"0") -> bytes:
    block = bytearray(BLOCK)
    sized = b"%011o\0" % size if size < _OCTAL_LIMIT else b"\x80" + size.to_bytes(11, "big")
    for offset, value in (
        (0, name),
        (100, b"0000644\0" + b"0000000\0" * 2),
        (124, sized),
        (136, b"00000000000\0"),
        (148, b" " * 8),
        (156, kind),
        (257, b"ustar\x0000"),
    ):
        block[offset : offset + len(value)] = value
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def head_size(name: str) -> int:
    """The bytes of a header."""
    length = len(name.encode("ascii"))
    return BLOCK if length <= _NAME_BYTES else 2 * BLOCK + _whole_blocks(length + 1)


def member_size(name: str, size: int) -> int:
    """The bytes of a member with its header and padding."""
    return head_size(name) + _whole_blocks(size)


def tar_size(end: int) -> int:
    """The bytes of a tar whose last member ends at `end`: with its end marker, in whole records."""
    return -(-(end + 2 * BLOCK) // RECORD) * RECORD


def _whole_blocks(size: int) -> int:
    return size + -size % BLOCK


def takes_gaps(file: int) -> bool:
    """Whether a file may be written at several offsets: FAT and similar file systems fill gaps with zeros first.

    The new file stays empty.
    """
    if not hasattr(os, "pwrite"):
        return False
    try:
        os.ftruncate(file, limits.MIB)
    except OSError:  # network shares, MTP and some FUSE file systems cannot grow a file without writing to it
        return False
    blocks = os.fstat(file).st_blocks
    os.ftruncate(file, 0)
    return blocks * BLOCK < limits.MIB


def write_at(file: int, offset: int, chunk: memoryview) -> None:
    """Writes at an offset, independently of other writers. Where the system cannot do that, one thread alone writes."""
    if not hasattr(os, "pwrite"):
        os.lseek(file, offset, os.SEEK_SET)
        while chunk:
            chunk = chunk[os.write(file, chunk) :]
        return
    while chunk:
        count = os.pwrite(file, chunk, offset)
        offset += count
        chunk = chunk[count:]


def writer_from(file: int, offset: int) -> Callable[[memoryview], None]:
    """Writes from an offset on."""
    position = offset

    def write(chunk: memoryview) -> None:
        nonlocal position
        write_at(file, position, chunk)
        position += len(chunk)

    return write


def copy_member(
    descriptor: Descriptor,
    opened: Callable[[], BlobStream],
    write: Callable[[memoryview], object],
    workers: WorkerPool,
    progress: Progress,
) -> None:
    """Passes a content to `write` while it is compared with its descriptor. Raises as `copy_checked` does."""

    def advance(count: int) -> None:
        workers.check()
        progress(BlobAdvanced(digest=descriptor.digest, bytes=count))

    progress(BlobStarted(digest=descriptor.digest, size=descriptor.size))
    with closing(opened()) as stream:
        copy_checked(stream, descriptor, write, advance)
    progress(BlobDone(digest=descriptor.digest, size=descriptor.size, how=TransferMethod.COPIED))
