"""A layout in volumes: tars in one folder, in any order, read in place as one layout and never joined on disk.

All volumes have the same `index.json` and the same table (`volume_table.py`), which says what each of them holds. A
volume that holds anything else is not used: no reader of one volume sees what the whole does not have.
"""

from __future__ import annotations

import io
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError
from airgap.files import list_folder
from airgap.oci.archive import LayoutArchive, open_archive
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_FILE, LAYOUT_INDEX, LayoutOnDisk, LooseFiles, malformed
from airgap.oci.store import missing
from airgap.oci.volume_table import VOLUMES_FILE, Piece, PlacedBlob, VolumeTable
from airgap.text import safe, some

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_SHOWN: Final = 5


class _SetKey(NamedTuple):
    """What volumes of one set have in common."""

    entries: bytes
    """`index.json`."""
    table: bytes


@dataclass(slots=True)
class _Folder:
    """The tars of a folder."""

    sets: dict[_SetKey, list[LayoutArchive]] = field(default_factory=lambda: defaultdict(list))
    others: list[str] = field(default_factory=list)
    """Tars that are no volumes."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Tars that cannot be read, and why: each may be a volume."""


class LayoutVolumes(LayoutOnDisk):
    """A layout whose content is spread over tars (a `Store`); threads may share it."""

    def __init__(
        self,
        path: str,
        table: VolumeTable,
        volumes: Mapping[int, LayoutArchive],
        unusable: Mapping[int, str],
        notes: Sequence[str],
    ) -> None:
        """Use `open_volumes`."""
        self.table: Final = table
        self.volumes: Final = volumes
        """Those that are here, by number."""
        self.unusable: Final = unusable
        """Those that are here and are not what the table says, and why."""
        self._notes: Final = notes
        self._first: Final = next(iter(volumes.values()))
        super().__init__(path)

    @cached_property
    def _placed(self) -> Mapping[Digest, PlacedBlob]:
        whole = (PlacedBlob.whole(piece) for piece in self.table.everywhere)
        return {blob.digest: blob for blob in (*whole, *self.table.blobs)}

    @property
    def files(self) -> tuple[str, ...]:
        """All volumes."""
        return tuple(volume.path for volume in self.volumes.values())

    @property
    def notes(self) -> Sequence[str]:
        """See `InVolumes`."""
        return self._notes

    @property
    def absent(self) -> tuple[int, ...]:
        """Numbers of the volumes that are not here or cannot be used."""
        return tuple(number for number in range(1, self.table.count + 1) if number not in self.volumes)

    def size(self, digest: Digest) -> int | None:
        """The blob's size in bytes; None where there is none, or not all of it is here."""
        blob = self._placed.get(digest)
        if blob is None or self._away(blob):
            return None
        return blob.size  # `open_volumes` compared the sizes

    def open(self, digest: Digest) -> io.RawIOBase:
        """The blob's bytes, from all volumes that have some. Raises ContentError (`content.missing`)."""
        blob = self._placed.get(digest)
        if blob is None or self._away(blob):
            raise missing(self, digest)
        parts = [self.volumes.get(piece.volume, self._first).open(piece.digest) for piece in blob.pieces]
        return parts[0] if len(parts) == 1 else _Joined(parts)

    def absence(self, digest: Digest) -> ContentError | None:
        """See `InVolumes`."""
        blob = self._placed.get(digest)
        away = self._away(blob) if blob else []
        if not away:
            return None
        message = f"{digest} is in {self.called(away[0])}, which {self._why(away[0])}"
        if len(away) > 1:
            message = f"{digest} is in the volumes {some(away, _SHOWN)} of {self.table.count}, which are not here"
        return ContentError("content.missing", message, remedy=self.remedy, digest=str(digest))

    def damaged(self, error: ContentError, digest: Digest) -> ContentError:
        """See `InVolumes`. The chunks of a blob have digests of their own, so that one volume can be named."""
        blob = self._placed[digest]
        bad = (
            [piece.volume for piece in blob.pieces if not self._is_good(piece)]
            if blob.is_cut
            else [piece.volume or next(iter(self.volumes)) for piece in blob.pieces]
        )
        names = some([f"{self.called(number)} ({self.volumes[number].name})" for number in bad], _SHOWN)
        where = f"; in {names}" if bad else "; its chunks are not parts of it"
        found = ContentError(error.reason, f"{error}{where}", remedy=self._again(bad))
        found.facts = error.facts
        return found

    def _is_good(self, piece: Piece) -> bool:
        """Whether a volume that is here holds a piece as its digest says."""
        hasher = piece.digest.new_hash()
        try:
            with self.volumes[piece.volume].open(piece.digest) as part:
                while chunk := part.read(limits.CHUNK_BYTES):
                    hasher.update(chunk)
        except (ContentError, OSError):
            return False
        return hasher.hexdigest() == piece.digest.encoded

    def _again(self, bad: Sequence[int]) -> str:
        numbers = some(bad, _SHOWN)
        return (
            f"Copy volume {numbers} again from where it was made, or make it again there: "
            f"airgap bundle split TARGET DST --volume-size SIZE --volume {bad[0]}"
            if bad
            else "Ask the maker of the volumes to make them again."
        )

    def called(self, number: int) -> str:
        """A volume, for messages."""
        return f"volume {number} of {self.table.count}"

    def _why(self, number: int) -> str:
        return self.unusable.get(number, "is not here")

    def _away(self, blob: PlacedBlob) -> list[int]:
        return [piece.volume for piece in blob.pieces if piece.volume and piece.volume not in self.volumes]

    @property
    def remedy(self) -> str:
        """What to do about volumes that are not here."""
        return "Put all volumes into one folder, in any order, and name the folder or any of them."

    def problems(self) -> Iterator[ContentError]:
        """See `InVolumes`."""
        for number in self.absent:
            yield ContentError(
                "content.missing", f"{self.called(number)} {self._why(number)}", remedy=self.remedy, volume=number
            )
        yield from self.damaged_copies()

    def damaged_copies(self) -> Iterator[ContentError]:
        """See `InVolumes`."""
        for number, volume in self.volumes.items():
            for piece in self.table.everywhere if volume is not self._first else ():
                if not self._is_good(replace(piece, volume=number)):
                    yield ContentError(
                        "content.digest",
                        f"{self.called(number)} ({volume.name}) is damaged: {piece.digest} has other bytes there",
                        remedy=self._again([number]),
                        digest=str(piece.digest),
                        volume=number,
                    )

    def loose_files(self) -> LooseFiles:
        """None: a volume with other files is not used."""
        return LooseFiles(())

    def read_loose(self, name: str, limit: int) -> bytes:  # noqa: ARG002 - see `LooseFileHolder`
        """There is none."""
        raise malformed(f"{self.name} has no file {safe(name)}")

    def close(self) -> None:
        """Closes the volumes."""
        for volume in self.volumes.values():
            volume.close()

    def __reduce__(self) -> tuple[object, ...]:
        # an executor of processes opens the volumes again on its side
        return (open_volumes, (self.path,))

    def _has(self, name: str) -> bool:
        return name in {LAYOUT_FILE, LAYOUT_INDEX}

    def document(self, name: str, limit: int) -> bytes:
        """See `LayoutOnDisk`."""
        return self._first.document(name, limit)


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


def is_volume(archive: LayoutArchive) -> bool:
    """Whether a tar is a volume of a layout."""
    return archive.has_beside(VOLUMES_FILE)


def holds_volumes(folder: str) -> bool:
    """Whether a folder that is no layout has tars, one of which may be a volume."""
    try:
        return any(
            _is_tar(name, is_folder) for name, is_folder in list_folder(Path(folder), limits.VOLUMES * 4).items()
        )
    except (OSError, FormatError):
        return False


def _is_tar(name: str, is_folder: bool) -> bool:  # noqa: FBT001 - an item of `list_folder`
    return name.lower().endswith(".tar") and not is_folder and not name.startswith(".")


def open_volumes(path: str, named: LayoutArchive | None = None) -> LayoutVolumes | None:
    """The layout of which volumes are in the folder `path`, or beside the volume `named` at `path`.

    None for a folder without volumes. Raises OSError, and ContentError (`layout.malformed`) where volumes of several
    layouts are in the folder, or the table of the volumes cannot be read.
    """
    folder = Path(path).parent if named else Path(path)
    with ExitStack() as stack:
        found = _look_into(folder, stack, named)
        if named is not None:
            key = _key(named)
        elif not found.sets:
            return None
        elif len(found.sets) > 1:
            raise _several(folder, found)
        else:
            key = next(iter(found.sets))
        try:
            table = VolumeTable.parse(key.table)
        except FormatError as error:
            raise malformed(f"{safe(path)}: {VOLUMES_FILE} cannot be read: {error}") from None
        layout = _joined(path, table, found, key)
        stack.pop_all()
    kept = set(layout.volumes.values())
    for other in (one for some_set in found.sets.values() for one in some_set if one not in kept):
        other.close()
    return layout


def _look_into(folder: Path, stack: ExitStack, named: LayoutArchive | None) -> _Folder:
    found = _Folder()
    if named is not None:
        stack.callback(named.close)
        found.sets[_key(named)].append(named)
    for name, is_folder in list_folder(folder, limits.VOLUMES * 4).items():
        place = folder / name
        if not _is_tar(name, is_folder) or (named is not None and place.resolve() == Path(named.path).resolve()):
            continue
        try:
            # links are for several media; what they lead to is a volume of the same set, or is not read
            archive = open_archive(str(place.resolve() if place.is_symlink() else place))
        except (AirgapError, OSError) as error:
            found.unreadable[name] = str(error) if isinstance(error, AirgapError) else str(error.strerror)
            continue
        if is_volume(archive):
            stack.callback(archive.close)
            found.sets[_key(archive)].append(archive)
        else:
            archive.close()
            found.others.append(name)
    return found


def _key(archive: LayoutArchive) -> _SetKey:
    table = archive.read_loose(VOLUMES_FILE, limits.VOLUME_TABLE_BYTES)
    return _SetKey(archive.document(LAYOUT_INDEX, limits.LAYOUT_INDEX_BYTES), table)


def _several(folder: Path, found: _Folder) -> ContentError:
    groups = "; ".join(
        some([safe(Path(one.path).name, limit=80) for one in volumes], _SHOWN) for volumes in found.sets.values()
    )
    return malformed(
        f"{safe(folder)} holds volumes of {len(found.sets)} sets, which are different layouts: {groups}",
        remedy="Name one volume of the set that you mean, or move the others away.",
    )


def _joined(path: str, table: VolumeTable, found: _Folder, key: _SetKey) -> LayoutVolumes:
    shares: dict[int, dict[Digest, int]] = {number: {} for number in range(1, table.count + 1)}
    for piece in table.pieces():
        for number in (piece.volume,) if piece.volume else shares:
            shares[number][piece.digest] = piece.size
    own = {piece.digest: piece.volume for piece in table.pieces() if piece.volume}
    volumes: dict[int, LayoutArchive] = {}
    unusable: dict[int, str] = {}
    notes: list[str] = []
    for archive in found.sets[key]:
        held = dict(archive.blobs())
        number = _number(held, own, table.count)
        problem = _wrong(archive, held, shares[number])
        if problem:
            unusable.setdefault(number, f"cannot be used: {archive.name} {problem}")
        elif number in volumes:
            notes.append(f"{archive.name} is volume {number} again, as {volumes[number].name}; it is not read")
        else:
            volumes[number] = archive
    doubled = [number for number in volumes if number in unusable]
    notes += [f"volume {number} is here twice; one {unusable.pop(number)}" for number in doubled]
    if not volumes:
        raise malformed(f"{safe(path)} holds no volume that can be used: {next(iter(unusable.values()))}")
    notes += _beside(found, key)
    for number in shares:
        if number not in volumes and number not in unusable and found.unreadable:
            unusable[number] = _maybe(number, table.count, found.unreadable)
    return LayoutVolumes(path, table, dict(sorted(volumes.items())), unusable, notes)


def _number(held: Iterable[Digest], own: Mapping[Digest, int], count: int) -> int:
    """The volume that most of its blobs belong to; what else it holds is compared after that."""
    votes = Counter(own[digest] for digest in held if digest in own)
    return votes.most_common(1)[0][0] if votes else count


def _wrong(archive: LayoutArchive, held: Mapping[Digest, int], share: Mapping[Digest, int]) -> str | None:
    """In which way a tar is not what the table says of it."""
    others = [name for name in archive.loose_files().names if name != VOLUMES_FILE]
    others += [*archive.docker_documents(), *([archive.full_index] if archive.full_index else [])]
    if others:
        return f"holds files that no volume has: {some(others, _SHOWN, lambda name: safe(name, limit=80))}"
    if lost := [digest for digest in share if digest not in held]:
        return f"lacks {len(lost)} of its blobs, as {lost[0]}"
    if more := [digest for digest in held if digest not in share]:
        return f"holds {len(more)} blobs that it should not, as {more[0]}"
    if sized := [digest for digest, size in share.items() if held[digest] != size]:
        return f"holds {sized[0]} in another size"
    return None


def _maybe(number: int, count: int, unreadable: Mapping[str, str]) -> str:
    """Why a volume is not here: a tar that cannot be read may be it, above all one with its name."""
    named = [name for name in unreadable if re.search(rf"\.0*{number}of{count}\.tar$", name, re.IGNORECASE)]
    shown = some([f"{safe(name, limit=80)} ({unreadable[name]})" for name in named or unreadable], 3)
    return f"is not here. What cannot be read may be it: {shown}"


def _beside(found: _Folder, key: _SetKey) -> Iterator[str]:
    """What is in the folder and is not used."""
    strange = [one.path for other, volumes in found.sets.items() if other != key for one in volumes]
    if strange:
        names = some([safe(Path(name).name, limit=80) for name in strange], _SHOWN)
        yield f"volumes of another set are beside them, and are not read: {names}"
    if found.unreadable:
        shown = some([f"{safe(name, limit=80)} ({why})" for name, why in found.unreadable.items()], 3)
        yield f"cannot be read, and may be a volume: {shown}"
    if found.others:
        yield f"no volumes, and not read: {some([safe(name, limit=80) for name in found.others], _SHOWN)}"
