"""A strict reader of tars: finds the bytes of each member, and refuses what two readers could read differently.

ustar (POSIX.1-1988), PAX extended headers (POSIX.1-2001) and GNU's long names and base-256 sizes. Python's tarfile is
not used: it accepts duplicates, damaged records and truncated archives, and keeps an object for every member.
Nothing is unpacked. Only forms that honest tools write are accepted, instead of refusing a list of known tricks
(docs/decisions/0024); tests/differential compares the result with four other readers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.oci.tar_header import (
    BLOCK,
    COPY_AGAIN,
    META,
    REPACK,
    Header,
    MemberKind,
    check_global,
    check_records,
    parse_header,
    parse_records,
    tar_name,
)
from airgap.text import safe

_WINDOW: Final = 64 * limits.KIB
_ZERO: Final = bytes(BLOCK)
_OCTAL_LIMIT: Final = 8**11
"""Sizes from here on do not fit into the octal digits of a header."""


class Bytes(Protocol):
    """The bytes of an archive: a file at any offset, or a stream at growing offsets."""

    @property
    def size(self) -> int:
        """Size in bytes; a number above all archives if it is not known."""

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`; fewer only at the end."""


@dataclass(frozen=True, slots=True)
class Member:
    """One member: `name` as written; `offset` and `size` of its bytes."""

    name: str
    header_name: str
    """Its name for readers that do not know the meta header before it."""
    kind: MemberKind
    start: int
    """Of its first header block."""
    offset: int
    size: int

    @property
    def stop(self) -> int:
        """Where the next header starts."""
        return self.offset + self.size + -self.size % BLOCK


def members(shared: Bytes) -> Iterator[Member]:
    """The members of the archive in their order, with meta headers applied. Raises FormatError or LimitError.

    The whole archive is read. It is refused if it is cut short, or if there is anything but zeros after the end
    marker.
    """
    blocks = _Blocks(shared)
    offset, count = 0, 0
    pending = _Pending()
    while (block := blocks.header(offset)) is not None:
        count += 1
        if count > limits.TAR_MEMBERS:
            raise LimitError(f"the tar has more than {limits.TAR_MEMBERS} members")
        header = parse_header(block, offset)
        if header.kind in META:
            pending.take(header, blocks.meta(header, offset), offset)
            offset += BLOCK + header.size + -header.size % BLOCK
        else:
            member = pending.applied_to(header, offset)
            _check_extent(shared, member.name, member.offset, member.size)
            yield member
            pending = _Pending()
            offset = member.stop
    if pending.used or pending.global_seen:
        raise FormatError(
            f"the tar ends after an extended header, where a member has to follow (byte {offset})", remedy=COPY_AGAIN
        )
    blocks.check_end(offset)


class _Blocks:
    """Reads header blocks, several at once, because small blobs are close together."""

    def __init__(self, shared: Bytes) -> None:
        self._shared = shared
        self._window = b""
        self._start = 0

    def header(self, offset: int) -> bytes | None:
        """The block at `offset`, or None for one of zeros."""
        at = offset - self._start
        if not 0 <= at <= len(self._window) - BLOCK:
            self._window, self._start, at = self._shared.read(offset, _WINDOW), offset, 0
        block = self._window[at : at + BLOCK]
        if len(block) < BLOCK:
            raise FormatError(
                f"the tar is cut short: it has {len(block)} bytes where a header or the end marker is expected",
                remedy=COPY_AGAIN,
            )
        return block if block != _ZERO else None

    def meta(self, header: Header, offset: int) -> bytes:
        """The data of a meta header."""
        if header.size > limits.TAR_PAX_BYTES:
            raise LimitError(
                f"the extended header at byte {offset} has {header.size} bytes, more than {limits.TAR_PAX_BYTES}"
            )
        _check_extent(self._shared, header.name, offset + BLOCK, header.size)
        blocks = self._shared.read(offset + BLOCK, header.size + -header.size % BLOCK)
        if blocks[header.size :].strip(b"\0"):
            raise FormatError(
                f"{header.kind.value} at byte {offset} of the tar ({safe(header.name, limit=160)!r}) is filled up with "
                "other bytes than zeros: some readers read on in them",
                remedy=REPACK,
            )
        return blocks[: header.size]

    def check_end(self, offset: int) -> None:
        """Checks for two blocks of zeros, and only zeros after them up to the last byte."""
        position = offset
        while chunk := self._shared.read(position, _WINDOW):
            if chunk.strip(b"\0"):
                raise FormatError(
                    f"trailing data after the end marker of the tar (byte {offset}): some readers go on there, others "
                    "end before",
                    remedy="Copy the file again. If tars were joined, unpack each and pack one tar of all.",
                )
            position += len(chunk)
            if position - offset > limits.TAR_END_BYTES:
                raise LimitError(f"more than {limits.TAR_END_BYTES} bytes of zeros are at the end of the tar")
        if position - offset < 2 * BLOCK:
            raise FormatError(
                f"the tar is cut short: its end marker has {position - offset} bytes, not {2 * BLOCK} (byte {offset})",
                remedy=COPY_AGAIN,
            )


class _Pending:
    """The meta header of the next member: an extended header or a long name, not both."""

    def __init__(self) -> None:
        self.used = False
        self.global_seen = False
        self._start = 0
        self._long: str | None = None
        self._records: dict[str, str] = {}

    def take(self, header: Header, data: bytes, offset: int) -> None:
        """Keeps a meta header. Raises FormatError if two readers could understand it differently."""
        source = f"{header.kind.value} at byte {offset} of the tar ({safe(header.name, limit=160)!r})"
        if self.used:
            raise FormatError(
                f"{source} follows another one before the member that both are about; readers differ in what counts",
                remedy=REPACK,
            )
        if header.kind is MemberKind.GLOBAL:
            if self.global_seen:
                raise FormatError(
                    f"{source} follows another global one before a member, which some readers refuse", remedy=REPACK
                )
            self.global_seen = True
            check_global(header.name, parse_records(data, source), source)
            return
        self.used, self._start = True, offset
        if header.kind is MemberKind.EXTENDED:
            self._records = parse_records(data, source)
        else:
            self._long = _long_name(data, source)

    def applied_to(self, header: Header, offset: int) -> Member:
        """The member of the header at `offset`."""
        name = self._records.get("path", self._long or header.name)
        check_records(self._records, name)
        size = header.size
        if "size" in self._records:
            size = int(self._records["size"])
            # a size that the header cannot hold is 0 or base-256 in it; all other sizes agree
            if size != header.size and not (header.size == 0 and size >= _OCTAL_LIMIT):
                raise FormatError(
                    f"{safe(name, limit=160)!r} in the tar has {header.size} bytes in its header and {size} in its PAX "
                    "record 'size'",
                    remedy=REPACK,
                )
        if size > limits.TAR_BYTES:
            raise LimitError(f"{safe(name, limit=160)!r} in the tar has more than {limits.TAR_BYTES} bytes")
        if size and header.kind is not MemberKind.FILE:
            raise FormatError(
                f"{safe(name, limit=160)!r} in the tar is {header.kind.value} and states {size} bytes of data, which "
                "readers understand differently",
                remedy=REPACK,
            )
        start = self._start if self.used else offset
        return Member(name, header.name, header.kind, start, offset + BLOCK, size)


def _long_name(data: bytes, source: str) -> str:
    name = data.removesuffix(b"\0")
    if not name or b"\0" in name:
        raise FormatError(f"{source} holds {'a NUL inside' if name else 'no name'}", remedy=REPACK)
    return tar_name(name)


def _check_extent(shared: Bytes, name: str, body: int, size: int) -> None:
    if body + size > shared.size:
        raise FormatError(
            f"the tar is cut short: {safe(name, limit=160)!r} needs {size} bytes from byte {body} on, and the file "
            f"ends at byte {shared.size}",
            remedy=COPY_AGAIN,
        )
