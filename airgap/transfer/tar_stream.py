"""A layout tar that comes through a pipe: read once, from its start to its end.

Whatever order its members have, blobs go to the destination as they come. Only what may be a manifest is kept in
memory, within a bound, as the layout's index may come last. Every blob is compared with the digest in its name.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final

from airgap import limits
from airgap.errors import ContentError, FormatError
from airgap.oci.digest import Digest
from airgap.oci.documents import BLOBS, malformed
from airgap.oci.members import layout_files
from airgap.oci.tar import BLOCK, members
from airgap.text import safe

_END_READ: Final = 64 * limits.KIB


class ForwardFile:
    """A stream as the reader of tar headers wants it: reads at growing offsets; what is skipped is read over."""

    size: Final = 2**62
    """Unknown: a stream that ends too early is noticed when it ends."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream: Final = stream
        self._ahead = b""
        self._position = 0
        """Where `_ahead` starts."""

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`, which are kept: what comes next may start among them."""
        self._forward(offset)
        while len(self._ahead) < count and (chunk := self._stream.read(count - len(self._ahead))):
            self._ahead += chunk
        return self._ahead[:count]

    def take(self, offset: int, buffer: memoryview) -> int:
        """Bytes from `offset` into `buffer`, not kept; 0 at the stream's end."""
        self._forward(offset)
        if not self._ahead:
            # what is read for headers is kept, so a body's bytes go past it, straight into the buffer
            chunk = self._stream.read(len(buffer))
            buffer[: len(chunk)] = chunk
            self._position += len(chunk)
            return len(chunk)
        count = min(len(buffer), len(self._ahead))
        buffer[:count] = self._ahead[:count]
        self._ahead, self._position = self._ahead[count:], self._position + count
        return count

    def drain(self) -> None:
        """Read the rest: whoever writes into the pipe must not be told that nobody listens."""
        while self._stream.read(_END_READ):
            pass

    def _forward(self, offset: int) -> None:
        if offset < self._position:
            raise ValueError("a stream does not go back")
        skip = offset - self._position
        dropped = min(skip, len(self._ahead))
        self._ahead, skip = self._ahead[dropped:], skip - dropped
        while skip and (chunk := self._stream.read(min(skip, _END_READ))):
            skip -= len(chunk)
        self._position = offset


class Body(io.RawIOBase):
    """The content of one member, to be read before the next one is asked for."""

    def __init__(self, stream: ForwardFile, offset: int, size: int) -> None:
        super().__init__()
        self._stream, self._offset, self._left = stream, offset, size

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As many bytes as come at once. Raises ContentError where the stream ends in the middle."""
        view = memoryview(buffer).cast("B")[: self._left]
        if not self._left:
            return 0
        count = self._stream.take(self._offset, view)
        if not count:
            raise malformed("the tar on standard input is cut short", remedy="See what the sender says; send it again.")
        self._offset += count
        self._left -= count
        return count


@dataclass(frozen=True, slots=True)
class Item:
    """One file of the layout: `oci-layout`, `index.json`, or a blob with its digest."""

    name: str
    digest: Digest | None
    size: int
    body: Body


def items(stream: BinaryIO) -> Iterator[Item]:
    """The layout's files in the order in which they come. Raises ContentError (`layout.malformed`)."""
    forward = ForwardFile(stream)
    _check_start(forward)
    try:
        for name, member in layout_files(members(forward), set()):
            yield Item(name, _digest(name), member.size, Body(forward, member.offset, member.size))
    except FormatError as error:
        raise malformed(f"the tar on standard input: {error}", remedy=error.remedy) from None
    forward.drain()


def _check_start(forward: ForwardFile) -> None:
    head = forward.read(0, BLOCK)
    if not head:
        raise malformed("standard input is empty", remedy="The sender may have failed: see what it says.")
    if head[257:262] != b"ustar":
        raise malformed(
            "what comes on standard input is no tar", remedy="Send a tar that is not compressed: zcat FILE | airgap ..."
        )


def _digest(name: str) -> Digest | None:
    folder, _, rest = name.partition("/")
    if folder != BLOBS:
        return None
    try:
        digest = Digest.parse(rest.replace("/", ":", 1))
        digest.new_hash()
    except (FormatError, ContentError) as error:
        raise FormatError(f"{safe(name, limit=160)!r} is no blob's name: {error}") from None
    return digest
