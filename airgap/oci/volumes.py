"""A layout in volumes: tars in one folder, in any order, read in place as one layout and never joined on disk."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError, LimitError
from airgap.hashing import new_hash
from airgap.oci.archive import LayoutArchive, open_archive
from airgap.oci.digest import Digest
from airgap.oci.documents import (
    DOCKER_SAVE_FILES,
    FULL_INDEX_FILES,
    LAYOUT_FILE,
    LAYOUT_INDEX,
    OWN_NAMES,
    LayoutOnDisk,
    LooseFiles,
    malformed,
)
from airgap.oci.layout import loose_files_in, read_loose_in
from airgap.oci.store import missing
from airgap.oci.volume_set import VolumeSet, is_volume, look_into, several_sets, sort_volumes, tars_in
from airgap.oci.volume_table import CHUNK_FILE, VOLUMES_FILE, Piece, PlacedBlob, VolumeTable
from airgap.text import safe, some

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_SHOWN: Final = 5


class LayoutVolumes(LayoutOnDisk):
    """A layout whose content is spread over tars (a `Store`); threads may share it."""

    def __init__(self, path: str, table: VolumeTable, found: VolumeSet, folder: Path, own: frozenset[str]) -> None:
        """Use `open_volumes`. `own`: the names of the files in the folder that are its volumes."""
        self.table: Final = table
        self.volumes: Final[Mapping[int, LayoutArchive]] = dict(sorted(found.volumes.items()))
        """Those that are here, by number."""
        self._unusable: Final = found.unusable
        self._notes: Final = tuple(found.notes)
        self._folder: Final = str(folder)
        self._own: Final = own
        self._first: Final = next(iter(self.volumes.values()))
        super().__init__(path)

    @cached_property
    def _placed(self) -> Mapping[Digest, PlacedBlob]:
        whole = (PlacedBlob(digest, size) for digest, size in self.table.common.items())
        return {blob.digest: blob for blob in (*whole, *self.table.blobs)}

    @property
    def files(self) -> tuple[str, ...]:
        """All volumes."""
        return tuple(volume.path for volume in self.volumes.values())

    @property
    def notes(self) -> Sequence[str]:
        """See `InVolumes`."""
        return self._notes

    def size(self, digest: Digest) -> int | None:
        """The blob's size in bytes; None where there is none, or not all of it is here."""
        blob = self._placed.get(digest)
        return None if blob is None or self._away(blob) else blob.size  # `open_volumes` compared the sizes

    def open(self, digest: Digest) -> io.RawIOBase:
        """The blob's bytes, from all volumes that have some. Raises ContentError (`content.missing`)."""
        blob = self._placed.get(digest)
        if blob is None or self._away(blob):
            raise missing(self, digest)
        if blob.chunks:
            return _Joined([self._chunk(chunk) for chunk in blob.chunks])
        return self.volumes.get(blob.volume, self._first).open(digest)

    def _chunk(self, chunk: Piece) -> io.RawIOBase:
        found = self.volumes[chunk.volume].beside(f"{CHUNK_FILE}{chunk.volume}")
        if found is None:
            raise missing(self, chunk.digest)
        return found

    def absence(self, digest: Digest) -> ContentError | None:
        """See `InVolumes`."""
        blob = self._placed.get(digest)
        away = self._away(blob) if blob else []
        if not away:
            return None
        message = f"{digest} is in {self._called(away[0])}, which {self._why(away[0])}"
        if len(away) > 1:
            message = f"{digest} is in the volumes {some(away, _SHOWN)} of {self.table.count}, which are not here"
        return ContentError("content.missing", message, remedy=_TOGETHER, digest=str(digest))

    def damaged(self, error: ContentError, digest: Digest) -> ContentError:
        """See `InVolumes`. The chunks of a blob have digests of their own, so that one volume can be named."""
        blob = self._placed[digest]
        bad = [chunk.volume for chunk in blob.chunks if not self._is_good(chunk)] if blob.chunks else [blob.volume]
        names = [f"{self._called(number)} ({self.volumes[number].name})" for number in bad if number]
        where = f"in {some(names, _SHOWN)}" if names else "in all volumes"
        again = (
            f"Copy volume {bad[0]} again from where it was made, or make it again there: "
            f"airgap bundle split TARGET DST --volume-size SIZE --volume {bad[0]}"
            if names
            else "Ask for the volumes again: this is in all of them, or in none of their chunks alone."
        )
        found = ContentError(error.reason, f"{error}; {where}", remedy=again)
        found.facts = {**error.facts, "where": where.removeprefix("in ")}
        return found

    def _is_good(self, chunk: Piece) -> bool:
        hasher = new_hash(chunk.digest.algorithm)
        try:
            with self._chunk(chunk) as part:
                while data := part.read(limits.CHUNK_BYTES):
                    hasher.update(data)
        except (ContentError, OSError):
            return False
        return hasher.hexdigest() == chunk.digest.encoded

    def _called(self, number: int) -> str:
        return f"volume {number} of {self.table.count}"

    def _why(self, number: int) -> str:
        return self._unusable.get(number, "is not here")

    def _away(self, blob: PlacedBlob) -> list[int]:
        return [number for number in blob.volumes if number not in self.volumes]

    def problems(self) -> Iterator[ContentError]:
        """See `InVolumes`."""
        for number in range(1, self.table.count + 1):
            if number not in self.volumes:
                message = f"{self._called(number)} {self._why(number)}"
                yield ContentError("content.missing", message, remedy=_TOGETHER, volume=number)
            elif number in self._unusable:  # other tools may read that one
                message = f"{self._called(number)} is here twice, and one {self._unusable[number]}"
                yield malformed(message, remedy="Remove that file.", volume=number)

    def loose_files(self) -> LooseFiles:
        """See `LooseFileHolder`: what is in the folder and is no volume, whether it or one of its files was named."""
        found = loose_files_in(self._folder)
        return found._replace(names=tuple(name for name in found.names if name not in self._own))

    def read_loose(self, name: str, limit: int) -> bytes:
        """See `LooseFileHolder`."""
        return read_loose_in(self._folder, name, limit)

    def close(self) -> None:
        """Closes the volumes."""
        for volume in self.volumes.values():
            volume.close()

    def __reduce__(self) -> tuple[object, ...]:
        from airgap.oci.open import open_layout  # it imports this module

        # an executor of processes opens the volumes again on its side
        return (open_layout, (self.path,))

    def _has(self, name: str) -> bool:
        return name in {LAYOUT_FILE, LAYOUT_INDEX}

    def document(self, name: str, limit: int) -> bytes:
        """See `LayoutOnDisk`."""
        return self._first.document(name, limit)


_TOGETHER: Final = "Put all volumes into one folder, in any order, and name the folder or any of them."


class _Joined(io.RawIOBase):
    """The chunks of a blob, one after the other."""

    def __init__(self, parts: Sequence[io.RawIOBase]) -> None:
        super().__init__()
        self._parts: Final = parts
        self._current = 0

    def readable(self) -> bool:
        """Yes."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Reads into `buffer` what the system gives at once; 0 at the end."""
        while self._current < len(self._parts):
            count: int | None = self._parts[self._current].readinto(buffer)
            if count:
                return count
            self._current += 1
        return 0

    def close(self) -> None:
        """Closes all chunks."""
        for part in self._parts:
            part.close()
        super().close()


def is_volume_at(path: Path) -> bool:
    """Whether the file at `path` is a volume of a layout."""
    try:
        with open_archive(str(path)) as archive:
            return is_volume(archive)
    except (AirgapError, OSError, ValueError):
        return False


def may_hold_volumes(folder: Path) -> bool:
    """Whether a folder has tars and no file of a layout: with `index.json` or `blobs` it is one, whole or not."""
    names = OWN_NAMES | DOCKER_SAVE_FILES | FULL_INDEX_FILES
    try:
        return not any(os.path.lexists(folder / name) for name in names) and bool(tars_in(folder))
    except (OSError, LimitError):
        return False


def open_volumes(path: str, named: LayoutArchive | None = None) -> LayoutVolumes | None:
    """The layout of which volumes are in the folder `path`, or beside the volume `named` at `path`.

    None for a folder without volumes. Raises OSError, and ContentError (`layout.malformed`) where volumes of several
    layouts are in the folder, or the table of the volumes cannot be read.
    """
    folder = Path(path).parent if named else Path(path)
    with ExitStack() as stack:
        try:
            found = look_into(folder, stack, named)
        except LimitError as error:
            raise malformed(str(error), remedy="Put the volumes into a folder of their own.") from None
        if named is None and not found.sets:
            return None
        if named is None and len(found.sets) > 1:
            raise several_sets(folder, found)
        key = next(iter(found.sets))  # that of `named` is the first
        try:
            table = VolumeTable.parse(key.table)
        except FormatError as error:
            raise malformed(f"{safe(path)}: {VOLUMES_FILE} cannot be read: {error}") from None
        volumes = sort_volumes(path, table, found, key, named)
        own = frozenset(Path(one.path).name for one in found.sets[key])
        layout = LayoutVolumes(path, table, volumes, folder, own)
        stack.pop_all()
    kept = set(layout.volumes.values())
    for other in (one for some_set in found.sets.values() for one in some_set if one not in kept):
        other.close()
    return layout
