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
from airgap.errors import FormatError
from airgap.oci.digest import Digest
from airgap.oci.documents import malformed
from airgap.oci.members import layout_files
from airgap.oci.recognise import STANDARD_INPUT, check_head
from airgap.oci.tar import members
from airgap.oci.tar_header import BLOCK

_SKIP: Final = 64 * limits.KIB


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

    def _forward(self, offset: int) -> None:
        if offset < self._position:
            raise ValueError("a stream does not go back")
        skip = offset - self._position
        dropped = min(skip, len(self._ahead))
        self._ahead, skip = self._ahead[dropped:], skip - dropped
        while skip and (chunk := self._stream.read(min(skip, _SKIP))):
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

    def peek(self, count: int) -> bytes:
        """The next bytes, which are read all the same; fewer at the end."""
        return self._stream.read(self._offset, min(self._left, count))

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """As many bytes as come at once. Raises ContentError where the stream ends in the middle."""
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
    body: Body


def items(stream: BinaryIO) -> Iterator[Item]:
    """The layout's files in the order in which they come. Raises ContentError (`layout.malformed`).

    The stream is read to its end: whoever writes into the pipe must not be told that nobody listens.
    """
    forward = ForwardFile(stream)
    head = forward.read(0, BLOCK)
    check_head(STANDARD_INPUT, head, len(head))
    try:
        for part in layout_files(members(forward), STANDARD_INPUT, set()):
            body = Body(forward, part.member.offset, part.member.size)
            yield Item(part.name, part.digest, part.member.size, body)
    except FormatError as error:
        raise malformed(f"{STANDARD_INPUT}: {error}", remedy=error.remedy) from None
