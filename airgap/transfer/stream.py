"""Receives a layout as a tar from standard input: its blobs are written while it is read."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import BinaryIO, Final

from airgap import limits
from airgap.errors import AirgapError, ContentError, LimitError
from airgap.oci.attached import begins_as_layer
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import (
    LAYOUT_FILE,
    LAYOUT_INDEX,
    LooseFiles,
    check_layout_file,
    malformed,
    read_index,
    too_large,
)
from airgap.oci.layout import LayoutDirectory
from airgap.oci.manifest import Index
from airgap.oci.recognise import STANDARD_INPUT
from airgap.oci.store import missing
from airgap.oci.tar_header import BLOCK
from airgap.transfer.endpoint import BlobStream, Sink, TransferMethod
from airgap.transfer.events import Progress
from airgap.transfer.mover import put_blob
from airgap.transfer.sources import MemoryFile
from airgap.transfer.tar_stream import Item, LooseFile, items
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
        self.parsed = self.parsed or read_index(self.raw_index, STANDARD_INPUT)
        return self.parsed

    def size(self, digest: Digest) -> int | None:
        """The size of the received blob with this digest."""
        return self.sizes.get(digest)

    def open(self, digest: Digest) -> io.RawIOBase:
        """The blob from memory or from the destination. Raises ContentError."""
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
    LimitError, WriteError, what the sink raises.
    """
    received = StreamedLayout()
    room = limits.GRAPH_BYTES
    for item in items(UnpackedStream(stream), received.others, received.loose, wanted):
        if item.digest is None:
            _document(item, received)
            continue
        descriptor = Descriptor(media_type=_BLOB, digest=item.digest, size=item.size)
        received.sizes[item.digest] = item.size
        if keep:
            room -= _keep(item, item.digest, received)
            if room < 0:
                raise LimitError(
                    f"{STANDARD_INPUT} has more than {limits.GRAPH_BYTES} bytes of what may be manifests",
                    remedy="Save it to a file, then copy from that.",
                )
        if item.digest in received.kept or sink.has(descriptor):
            continue
        if put_blob(sink, descriptor, _Once(item.body), progress) is not TransferMethod.EXISTED:
            received.moved.add(item.digest)
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
