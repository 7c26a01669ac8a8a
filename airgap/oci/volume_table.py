"""The table of a layout in volumes, `airgap.volumes/1`: which volume holds what (docs/reference/bundle.md).

Each volume is a tar that begins with the same bytes in all volumes: `oci-layout`, `index.json`, the table, and the
blobs that all of them hold. Then comes its share of the others. A blob that is larger than a volume is cut into chunks:
files beside the blobs, at most one in a volume. The table proves nothing: content counts by its digest.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import FormatError
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.json_members import refuse_unknown
from airgap.text import safe

VOLUMES_FILE: Final = "airgap-volumes.json"
"""Its name in the tar, beside `index.json`."""
CHUNK_FILE: Final = "airgap-chunk."
"""With the number of its volume, the name of the chunk there. No reader takes it for a blob, whatever digest it has."""
VOLUMES_SCHEMA: Final = "airgap.volumes/1"
_MEMBERS: Final = ("schema", "count", "everywhere", "blobs")


@dataclass(frozen=True, slots=True)
class Piece:
    """Bytes in one volume: a blob, or a chunk of one."""

    digest: Digest
    size: int
    volume: int
    """Its number, from 1; 0 for what all of them hold."""

    @classmethod
    def from_json(cls, value: Any, volume: int | None = None) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        refuse_unknown(source, ("digest", "size") if volume is not None else ("digest", "size", "volume"))
        digest = Digest.parse(json.take(source, "digest", str))
        if not digest.supported:
            raise FormatError("has an algorithm that cannot be checked here", where="digest")
        size = json.take(source, "size", int)
        number = json.take(source, "volume", int) if volume is None else volume
        if size < 0 or (volume is None and not 1 <= number <= limits.VOLUMES):
            raise FormatError("is outside of its bounds", where="size" if size < 0 else "volume")
        return cls(digest, size, number)

    def to_json(self) -> dict[str, Any]:
        """The object."""
        place = {"volume": self.volume} if self.volume else {}
        return {"digest": str(self.digest), "size": self.size, **place}


@dataclass(frozen=True, slots=True)
class PlacedBlob:
    """A blob of the layout, and where it is: in one volume, or in chunks, in their order."""

    digest: Digest
    size: int
    volume: int = 0
    """Its number, from 1; 0 for what all volumes hold, and for what is cut."""
    chunks: tuple[Piece, ...] = ()

    @property
    def volumes(self) -> tuple[int, ...]:
        """The numbers of the volumes that are needed for it; empty for what all of them hold."""
        return tuple(chunk.volume for chunk in self.chunks) or ((self.volume,) if self.volume else ())

    @classmethod
    def from_json(cls, value: Any) -> Self:
        """Raises FormatError."""
        source = json.as_object(value)
        if "chunks" not in source:
            piece = Piece.from_json(source)
            return cls(piece.digest, piece.size, piece.volume)
        refuse_unknown(source, ("digest", "size", "chunks"))
        chunks = json.take_list(source, "chunks", Piece.from_json, limit=limits.VOLUMES)
        stated = Piece.from_json({"digest": source.get("digest"), "size": source.get("size")}, 0)
        found = cls(stated.digest, stated.size, chunks=chunks)
        if not chunks or sum(chunk.size for chunk in chunks) != found.size or not all(chunk.size for chunk in chunks):
            raise FormatError("do not have the size of their blob", where="chunks")
        if any(one.volume >= other.volume for one, other in pairwise(chunks)):
            raise FormatError("are not in the order of their volumes", where="chunks")
        return found

    def to_json(self) -> dict[str, Any]:
        """The object."""
        place = {"chunks": [chunk.to_json() for chunk in self.chunks]} if self.chunks else {"volume": self.volume}
        return {"digest": str(self.digest), "size": self.size, **place}


@dataclass(frozen=True)
class VolumeTable:
    """What is in which volume."""

    count: int
    everywhere: tuple[Piece, ...]
    """What all volumes hold: manifests, and what signatures are judged by."""
    blobs: tuple[PlacedBlob, ...]
    """All else."""

    @cached_property
    def chunks(self) -> Mapping[int, Piece]:
        """The chunk of each volume that has one."""
        return {chunk.volume: chunk for blob in self.blobs for chunk in blob.chunks}

    @cached_property
    def common(self) -> Mapping[Digest, int]:
        """The blobs that all volumes hold, with their sizes."""
        return {piece.digest: piece.size for piece in self.everywhere}

    @cached_property
    def homes(self) -> Mapping[Digest, int]:
        """The volume of each blob that is whole, and in one volume alone."""
        return {blob.digest: blob.volume for blob in self.blobs if blob.volume}

    @cached_property
    def shares(self) -> Mapping[int, Mapping[Digest, int]]:
        """The blobs of each volume, with their sizes; without those that all of them hold."""
        found: dict[int, dict[Digest, int]] = {number: {} for number in range(1, self.count + 1)}
        for blob in self.blobs:
            if blob.volume:
                found[blob.volume][blob.digest] = blob.size
        return found

    def dump(self) -> bytes:
        """The document. Its length depends on the places alone, not on the digests of chunks."""
        return json.dump(
            {
                "schema": VOLUMES_SCHEMA,
                "count": self.count,
                "everywhere": [piece.to_json() for piece in self.everywhere],
                "blobs": [blob.to_json() for blob in self.blobs],
            }
        )

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Raises FormatError, also for members that are not known and for content that is placed twice."""
        document = json.load_object(raw, json.Reading.OWN, limit=limits.VOLUME_TABLE_BYTES, what=VOLUMES_FILE)
        if (schema := json.take(document, "schema", str)) != VOLUMES_SCHEMA:
            raise FormatError(f"is {safe(schema, limit=64)!r}, not {VOLUMES_SCHEMA!r}", where="schema")
        refuse_unknown(document, _MEMBERS)
        most = limits.BUNDLE_BLOBS
        table = cls(
            count=json.take(document, "count", int),
            everywhere=json.take_list(document, "everywhere", lambda item: Piece.from_json(item, 0), limit=most),
            blobs=json.take_list(document, "blobs", PlacedBlob.from_json, limit=most),
        )
        table._check()
        return table

    def _check(self) -> None:
        numbers = {number for blob in self.blobs for number in blob.volumes}
        if not 1 <= self.count <= limits.VOLUMES or max(numbers, default=1) > self.count:
            raise FormatError("is not the number of volumes", where="count")
        once = [*(piece.digest for piece in self.everywhere), *(blob.digest for blob in self.blobs)]
        if len(set(once)) != len(once):
            raise FormatError("name a digest twice", where="blobs")
        if len(self.chunks) != sum(len(blob.chunks) for blob in self.blobs):
            raise FormatError("place two chunks in one volume", where="blobs")
