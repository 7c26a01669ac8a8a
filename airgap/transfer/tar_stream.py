"""Reads a layout tar from a pipe, once, from start to end.

Blobs are written to the destination in the order of the tar. Only possible manifests are kept in memory, within a
bound, because the index may come last. Every blob is compared with the digest in its name.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.digest import Digest
from airgap.oci.documents import malformed
from airgap.oci.members import layout_files, loose_name
from airgap.oci.recognise import STANDARD_INPUT, check_head
from airgap.oci.tar import Member, members
from airgap.oci.tar_header import BLOCK

_SKIP: Final = 64 * limits.KIB


class ReadOnce(Protocol):
    """A stream that is read from its start to its end."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes; empty at the end."""


class ForwardFile:
    """A stream for the reader of tar headers: reads at growing offsets, and skips the bytes between them."""

    size: Final = 2**62
    """Unknown: a stream that is cut short is noticed at its end."""

    def __init__(self, stream: ReadOnce) -> None:
        self._stream: Final = stream
        self._ahead = b""
        self._position = 0
        """The offset of `_ahead`."""

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`, which are kept: the next read may start inside them."""
        self._forward(offset)
        while len(self._ahead) < count and (chunk := self._stream.read(count - len(self._ahead))):
            self._ahead += chunk
        return self._ahead[:count]

    def take(self, offset: int, buffer: memoryview) -> int:
        """Reads bytes from `offset` into `buffer` without keeping them; 0 at the end of the stream."""
        self._forward(offset)
        if not self._ahead:
            # header bytes are kept; bytes of a body go directly into the buffer
            chunk = self._stream.read(len(buffer))
            buffer[: len(chunk)] = chunk
            self._position += len(chunk)
            return len(chunk)
        count = min(len(buffer), len(self._ahead))
        buffer[:count] = self._ahead[:count]
        self._ahead, self._position = self._ahead[count:], self._position + count
        return count

    def _forward(self, offset: int) -> None:
        if offset < self._position:
            raise ValueError("a stream does not go back")
        skip = offset - self._position
        dropped = min(skip, len(self._ahead))
        self._ahead, skip = self._ahead[dropped:], skip - dropped
        while skip and (chunk := self._stream.read(min(skip, _SKIP))):
            skip -= len(chunk)
        self._position = offset


class MemberBody(io.RawIOBase):
    """The content of one member; read it before the next member."""

    def __init__(self, stream: ForwardFile, offset: int, size: int) -> None:
        super().__init__()
        self._stream, self._offset, self._left = stream, offset, size

    def readable(self) -> bool:
        """Yes."""
        return True

    def peek(self, count: int) -> bytes:
        """The next bytes without consuming them; fewer at the end."""
        return self._stream.read(self._offset, min(self._left, count))

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads the bytes that are available. Raises ContentError if the stream is cut short."""
        view = memoryview(buffer).cast("B")[: self._left]
        if not self._left:
            return 0
        count = self._stream.take(self._offset, view)
        if not count:
            raise malformed(
                f"the tar on {STANDARD_INPUT} is cut short", remedy="See what the sender says; send it again."
            )
        self._offset += count
        self._left -= count
        return count


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the layout: `oci-layout`, `index.json`, or a blob with its digest."""

    name: str
    digest: Digest | None
    size: int
    body: MemberBody


class LooseFile(NamedTuple):
    """A file beside the layout."""

    size: int
    data: bytes | None
    """None where it is larger than is kept."""


def items(
    stream: ReadOnce, others: set[str], loose: dict[str, LooseFile], wanted: Callable[[str], bool]
) -> Iterator[Item]:
    """The layout's files in the order of the tar. Raises ContentError (`layout.malformed`).

    Names of other files are added to `others`, and those that are `wanted` to `loose`, both within bounds. The stream
    is read to its end, so that the writer of the pipe does not get an error.
    """
    forward = ForwardFile(stream)
    head = forward.read(0, BLOCK)
    check_head(STANDARD_INPUT, head, len(head))
    try:
        for part in layout_files(_kept(members(forward), forward, loose, wanted), STANDARD_INPUT, others):
            body = MemberBody(forward, part.member.offset, part.member.size)
            yield Item(part.name, part.digest, part.member.size, body)
    except FormatError as error:
        raise malformed(f"{STANDARD_INPUT}: {error}", remedy=error.remedy) from None


def _kept(
    found: Iterable[Member], forward: ForwardFile, loose: dict[str, LooseFile], wanted: Callable[[str], bool]
) -> Iterator[Member]:
    """The members; loose files that are wanted are read as they come by."""
    room = limits.TARGET_EVIDENCE_BYTES
    for member in found:
        name = loose_name(member)
        if name is not None and len(loose) <= limits.LOOSE_FILES and wanted(name):
            is_kept = member.size <= min(limits.CRL_FILE_BYTES, room)
            room -= member.size if is_kept else 0
            data = MemberBody(forward, member.offset, member.size).readall() if is_kept else None
            loose[name] = LooseFile(member.size, data)
        yield member
