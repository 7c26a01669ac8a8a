"""Receives a layout as a tar from standard input, read once: its blobs are written while it is read.

Only possible manifests are kept in memory, within a bound, because the index may come last. Every blob is compared with
the digest in its name.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, Final, NamedTuple, Protocol

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError, LimitError, UsageError
from airgap.oci.attached import begins_as_layer
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import (
    LAYOUT_FILE,
    LAYOUT_INDEX,
    LooseFiles,
    check_layout_file,
    malformed,
    read_layout_index,
    too_large,
)
from airgap.oci.layout import LayoutDirectory
from airgap.oci.manifest import Index
from airgap.oci.members import layout_files, loose_name
from airgap.oci.recognise import STANDARD_INPUT, check_head
from airgap.oci.store import missing
from airgap.oci.tar import Member, members
from airgap.oci.tar_header import BLOCK
from airgap.oci.volume_table import VOLUMES_FILE
from airgap.transfer.endpoint import BlobStream, Sink, TransferMethod
from airgap.transfer.events import Progress
from airgap.transfer.mover import put_blob
from airgap.transfer.sources import MemoryFile
from airgap.transfer.unpacking import UnpackedStream

_BLOB: Final = "application/octet-stream"
_BEGINNINGS: Final = frozenset({b"{", b" ", b"\t", b"\r", b"\n"})
"""The start of a JSON object, after blanks."""


@dataclass(slots=True)
class StreamedLayout:
    """The received layout as a store: index and possible manifests in memory, everything else in the destination."""

    name: str = STANDARD_INPUT
    destination: LayoutDirectory | None = None
    """Where blobs can be read again; not used for registries."""
    raw_index: bytes | None = None
    kept: dict[Digest, bytes] = field(default_factory=dict)
    heads: dict[Digest, bytes] = field(default_factory=dict)
    """The first bytes of blobs that are not in memory and cannot be unpacked as layers."""
    sizes: dict[Digest, int] = field(default_factory=dict)
    wrong: dict[Digest, ContentError] = field(default_factory=dict)
    """Blobs with other bytes than their names say, which are not in the destination."""
    moved: set[Digest] = field(default_factory=set)
    """The contents that are new in the destination."""
    others: set[str] = field(default_factory=set)
    """Names of files in the tar that are not the layout's, within a bound."""
    loose: dict[str, LooseFile] = field(default_factory=dict)
    """Those of them that were wanted; they cannot be read later."""
    parsed: Index | None = None

    def index(self) -> Index:
        """The layout's index. Raises ContentError."""
        if self.raw_index is None:
            raise malformed(
                f"the tar on {STANDARD_INPUT} has no {LAYOUT_INDEX}", remedy="It may be the tar of something else."
            )
        self.parsed = self.parsed or read_layout_index(self.raw_index, STANDARD_INPUT)
        return self.parsed

    def size(self, digest: Digest) -> int | None:
        """The size of the received blob with this digest."""
        return self.sizes.get(digest)

    def open(self, digest: Digest) -> io.RawIOBase:
        """The blob from memory or from the destination. Raises ContentError."""
        if digest in self.wrong:
            raise self.wrong[digest].with_traceback(None)
        if digest in self.kept:
            return MemoryFile(self.kept[digest])
        if digest in self.sizes and self.destination is not None:
            return self.destination.open(digest)
        if digest in self.heads:
            return _Head(self.heads[digest], missing(self, digest))
        raise missing(self, digest)

    def loose_files(self) -> LooseFiles:
        """See `LooseFileHolder`: those that were wanted."""
        if len(self.loose) > limits.LOOSE_FILES:
            raise LimitError(f"has more than {limits.LOOSE_FILES} other files")
        return LooseFiles(tuple(self.loose))

    def read_loose(self, name: str, limit: int) -> bytes:
        """See `LooseFileHolder`."""
        file = self.loose[name]
        if file.data is None or file.size > limit:
            raise too_large(self.name, name, file.size, limit)
        return file.data


class _Head(MemoryFile):
    """The first bytes of a blob; reading further raises."""

    def __init__(self, data: bytes, end: ContentError) -> None:
        super().__init__(data)
        self._end: Final = end

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads the remaining bytes. Raises ContentError if there are none."""
        if count := super().readinto(buffer):
            return count
        raise self._end


class _Once:
    """The current member as the only blob; it can be read once."""

    def __init__(self, body: BlobStream) -> None:
        self._body: BlobStream | None = body

    def open(self, descriptor: Descriptor) -> BlobStream:
        body, self._body = self._body, None
        if body is None:
            raise AirgapError(
                f"{descriptor.digest} would have to be sent again, and {STANDARD_INPUT} cannot be read twice",
                remedy="Save the tar to a file, then copy from that.",
            )
        return body

    def path(self, descriptor: Descriptor) -> str | None:  # noqa: ARG002
        return None


def receive(
    stream: BinaryIO, sink: Sink, progress: Progress, *, keep: bool, wanted: Callable[[str], bool]
) -> StreamedLayout:
    """Read a tar from `stream`, which gzip or xz may have compressed, and write its blobs into `sink` as they come.

    `wanted`: by its name, whether a loose file is kept.

    `keep` is for destinations that cannot be read again: possible manifests stay in memory and are not written as
    blobs; of blobs that are no layers the first bytes are kept; all within limits.GRAPH_BYTES. Raises ContentError,
    WriteError, what the sink raises.
    """
    received = StreamedLayout()
    room = limits.GRAPH_BYTES
    for item in items(UnpackedStream(stream), received.others, received.loose, wanted):
        if VOLUMES_FILE in received.others:
            raise UsageError(
                f"{STANDARD_INPUT} is one volume of a layout, and the others are not read",
                remedy="Put all volumes into one folder, and name the folder.",
            )
        if item.digest is None:
            _document(item, received)
            continue
        descriptor = Descriptor(media_type=_BLOB, digest=item.digest, size=item.size)
        received.sizes[item.digest] = item.size
        if keep:
            room -= _keep(item, item.digest, received)
            if room < 0:
                raise ContentError(
                    "content.limit",
                    f"{STANDARD_INPUT} has more than {limits.GRAPH_BYTES} bytes of what may be manifests",
                    remedy="Save it to a file, then copy from that.",
                )
        if item.digest in received.kept or sink.has(descriptor):
            continue
        try:
            if put_blob(sink, descriptor, _Once(item.body), progress) is not TransferMethod.EXISTED:
                received.moved.add(item.digest)
        except ContentError as error:
            if error.reason != "content.digest":
                raise
            received.wrong[item.digest] = error  # it matters where some artifact reaches it, which is known last
    sink.flush()
    return received


def _keep(item: Item, digest: Digest, received: StreamedLayout) -> int:
    """The bytes of a blob that are needed later, counted against the bound."""
    head = item.body.peek(BLOCK)
    if item.size <= limits.MANIFEST_BYTES and head[:1] in _BEGINNINGS:
        received.kept[digest] = item.body.readall()
        return item.size
    if begins_as_layer(head):
        return 0
    received.heads[digest] = head
    return len(head)


def _document(item: Item, received: StreamedLayout) -> None:
    limit = limits.LAYOUT_INDEX_BYTES if item.name == LAYOUT_INDEX else limits.LAYOUT_FILE_BYTES
    if item.size > limit:
        raise malformed(f"{STANDARD_INPUT}: {item.name} has {item.size} bytes, more than {limit}")
    data = item.body.readall()
    if item.name == LAYOUT_INDEX:
        received.raw_index = data
    elif item.name == LAYOUT_FILE:
        check_layout_file(data, STANDARD_INPUT)


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
