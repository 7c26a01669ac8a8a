"""The places of all content of a layout in volumes of one size, before the first byte is written.

Blobs are placed in the order in which artifacts need them, each in the first volume with room for it. So most artifacts
are in few volumes. A blob that no volume can hold fills what the last one has left, as many more as it needs, and
leaves the rest of the last to others. The same content and size give the same volumes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from airgap import limits
from airgap.errors import UsageError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_FILE, LAYOUT_INDEX, blob_name
from airgap.oci.store import size_error
from airgap.oci.tar_header import BLOCK
from airgap.oci.volume_table import CHUNK_FILE, VOLUMES_FILE, Piece, PlacedBlob, VolumeTable
from airgap.text import safe
from airgap.transfer.endpoint import BlobStream
from airgap.transfer.index_writer import LAYOUT_CONTENT
from airgap.transfer.tar_members import RECORD, head_size, member_size, tar_size

_DISC: Final = 4 * limits.MIB
"""For the file system of a disc itself."""
VOLUME_SIZES: Final = {
    "fat32": 2**32 - 1,
    "cd": 360_000 * 2048 - _DISC,
    "dvd": 2_295_104 * 2048 - _DISC,
    "dvd-dl": 4_171_712 * 2048 - _DISC,
    "bd": 12_219_392 * 2048 - _DISC,
}
"""The largest file of a file system, or what a disc holds, in bytes."""
_SIZE: Final = re.compile(r"([1-9][0-9]{0,18}) ?(?:([KMGT])(i?)B?|B)?", re.IGNORECASE)
_OPEN: Final = 16
"""Volumes that are looked at for room: the others are nearly full."""


@dataclass(frozen=True, slots=True)
class VolumeContent:
    """One content of the layout."""

    descriptor: Descriptor
    everywhere: bool
    """Whether each volume holds it."""
    open: Callable[[], BlobStream]

    @property
    def name(self) -> str:
        """Its name in a tar."""
        return blob_name(self.descriptor.digest)

    @property
    def member_size(self) -> int:
        """The bytes of its member in a tar."""
        return member_size(self.name, self.descriptor.size)


@dataclass(frozen=True, slots=True)
class VolumeSlot:
    """The member of a tar that holds a blob or a chunk of one."""

    volume: int
    start: int
    """The offset of its header."""
    head: int
    """The bytes of its header."""
    size: int

    @property
    def body(self) -> int:
        """The offset of its bytes."""
        return self.start + self.head

    @property
    def end(self) -> int:
        """The offset of the next member."""
        return self.body + self.size + self.padding

    @property
    def padding(self) -> int:
        """The bytes after it, up to a whole block."""
        return -self.size % BLOCK


@dataclass(frozen=True, slots=True)
class PlacedContent:
    """A content with the member, or the members, that hold it."""

    content: VolumeContent
    places: tuple[VolumeSlot, ...]

    is_cut: bool = False

    def as_blob(self, chunks: Sequence[Digest]) -> PlacedBlob:
        """Its row in the table; `chunks`: the digests of its chunks, if it is cut."""
        digest, size = self.content.descriptor.digest, self.content.descriptor.size
        if not self.is_cut:
            return PlacedBlob(digest, size, self.places[0].volume)
        found = (Piece(name, place.size, place.volume) for name, place in zip(chunks, self.places, strict=True))
        return PlacedBlob(digest, size, chunks=tuple(found))


@dataclass(frozen=True, slots=True)
class Volume:
    """One volume, as a file."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class VolumeLayout:
    """All volumes of a layout."""

    index: bytes
    everywhere: tuple[VolumeContent, ...]
    placed: tuple[PlacedContent, ...]
    """In the order of their places."""
    ends: tuple[int, ...]
    """Of each volume, the offset of its end marker."""

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the tars, in bytes."""
        return tuple(map(tar_size, self.ends))

    def volumes(self, stem: str) -> tuple[Volume, ...]:
        """The files: trip.1of5.tar and so on, with as many digits each as sort them."""
        count = len(self.ends)
        width = len(str(count))
        return tuple(
            Volume(f"{stem}.{number:0{width}}of{count}.tar", size) for number, size in enumerate(self.sizes, 1)
        )

    def table(self, chunks: dict[Digest, list[Digest]]) -> VolumeTable:
        """`chunks`: for each blob that is cut the digests of its chunks."""
        return VolumeTable(
            count=len(self.ends),
            everywhere=tuple(Piece(item.descriptor.digest, item.descriptor.size, 0) for item in self.everywhere),
            blobs=tuple(item.as_blob(chunks.get(item.content.descriptor.digest, ())) for item in self.placed),
        )

    def unknown_chunks(self) -> dict[Digest, list[Digest]]:
        """Digests of the right length for chunks that are not read yet."""
        return {
            item.content.descriptor.digest: [_unknown_digest(number) for number in range(len(item.places))]
            for item in self.placed
            if item.is_cut
        }


def volume_bytes(text: str) -> int:
    """The size of a volume: a number of bytes, 650MB, 64MiB, 4G, or the name of a medium (`VOLUME_SIZES`).

    As everywhere, MB are 1,000,000 bytes and MiB 1,048,576; a lone letter means the smaller one. Raises UsageError.
    """
    if (known := VOLUME_SIZES.get(text.lower())) is not None:
        return known
    match = _SIZE.fullmatch(text)
    if match is None:
        raise UsageError(
            f"{safe(text, limit=64)!r} is no size of a volume",
            remedy=f"Write a number of bytes, 650MB, 64MiB, 4GB, or one of {', '.join(VOLUME_SIZES)}.",
        )
    number, unit, binary = match.groups()
    factor: int = (1024 if binary else 1000) ** " KMGT".index((unit or " ").upper())
    return int(number) * factor


def _unknown_digest(number: int) -> Digest:
    """A digest of the right length."""
    return Digest("sha256", f"{number:064x}")


def lay_out_volumes(index: bytes, contents: Sequence[VolumeContent], size: int) -> VolumeLayout:
    """The places in volumes of at most `size` bytes.

    Raises UsageError where volumes are too small or too many, ContentError where two descriptors of a content differ.
    """
    by_digest: dict[Digest, VolumeContent] = {}
    for item in contents:
        item.descriptor.digest.new_hash()  # only the names of known algorithms become a path
        known = by_digest.setdefault(item.descriptor.digest, item)
        if known.descriptor.size != item.descriptor.size:
            raise size_error(item.descriptor, known.descriptor.size)
        if item.everywhere and not known.everywhere:
            by_digest[item.descriptor.digest] = item
    everywhere = sorted((one for one in by_digest.values() if one.everywhere), key=lambda one: one.descriptor.digest)
    shared = [one for one in by_digest.values() if not one.everywhere]
    documents = member_size(LAYOUT_FILE, len(LAYOUT_CONTENT)) + member_size(LAYOUT_INDEX, len(index))
    base = documents + sum(one.member_size for one in everywhere)
    needed = sum(one.member_size for one in shared)
    length = 0
    while True:  # the table has a place for each chunk, and takes room from them
        placing = _Placing(base + member_size(VOLUMES_FILE, length), size, needed)
        placed = [placing.add(one) for one in shared]
        found = VolumeLayout(index, tuple(everywhere), tuple(placed), tuple(placing.ends))
        table = len(found.table(found.unknown_chunks()).dump())
        if table <= length:
            return found
        length = table


@dataclass(slots=True)
class _Placing:
    """Volumes that are being filled."""

    head: int
    """The bytes of what each volume begins with."""
    size: int
    needed: int
    """The bytes of all that is placed."""
    ends: list[int] = field(default_factory=list)
    room: list[int] = field(default_factory=list)
    """Numbers of volumes that may have room."""
    chunked: int = 0
    """The last volume with a chunk."""

    @property
    def last(self) -> int:
        """The largest offset that the end marker can have."""
        return self.size // RECORD * RECORD - 2 * BLOCK

    def __post_init__(self) -> None:
        self._begin()

    def _begin(self) -> int:
        if len(self.ends) >= limits.VOLUMES:
            raise UsageError(
                f"volumes of {self.size} bytes are too small: there would be more than {limits.VOLUMES}",
                remedy=f"Choose a size of at least {2 * self.needed // limits.VOLUMES + self.head}.",
            )
        if self.last - self.head < max(BLOCK * 128, self.head // 4):
            raise UsageError(
                f"volumes of {self.size} bytes are too small: each has {self.head} bytes of manifests and signatures",
                remedy=f"Choose a size of at least {4 * self.head + 16 * RECORD}.",
            )
        self.ends.append(self.head)
        self.room.append(len(self.ends))
        del self.room[:-_OPEN]
        return len(self.ends)

    def add(self, content: VolumeContent) -> PlacedContent:
        """The next content, where it has room."""
        needed, size = content.member_size, content.descriptor.size
        if self.head + needed > self.last:
            return PlacedContent(content, tuple(self._cut(size)), is_cut=True)
        fits = (number for number in self.room if self.ends[number - 1] + needed <= self.last)
        return PlacedContent(content, (self._take(next(fits, 0) or self._begin(), content.name, size),))

    def _cut(self, size: int) -> list[VolumeSlot]:
        """Chunks, one at most in a volume; the first one fills what the last volume has left, unless that is little."""
        found: list[VolumeSlot] = []
        while size:
            volume = len(self.ends)
            if volume == self.chunked or self.last - self.ends[-1] < (self.last - self.head) // 8:
                volume = self._begin()
            self.chunked = volume
            name = f"{CHUNK_FILE}{volume}"
            most = (self.last - self.ends[-1] - head_size(name)) // BLOCK * BLOCK
            found.append(self._take(volume, name, min(size, most)))
            size -= found[-1].size
        return found

    def _take(self, volume: int, name: str, size: int) -> VolumeSlot:
        place = VolumeSlot(volume, self.ends[volume - 1], head_size(name), size)
        self.ends[volume - 1] = place.end
        return place
