"""A layout in volumes: tars in one folder, in any order, read in place as one layout and never joined on disk.

All volumes begin with the same bytes, and their table (`volume_table.py`) says what each of them holds. A tar that
differs in either is not used: no reader of one volume sees what the whole does not have.
"""

from __future__ import annotations

import io
import os
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

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
    blob_name,
    malformed,
)
from airgap.oci.layout import loose_files_in, read_loose_in
from airgap.oci.store import hash_bytes, missing
from airgap.oci.volume_table import CHUNK_FILE, VOLUMES_FILE, Piece, PlacedBlob, VolumeTable
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


@dataclass(slots=True)
class _Sorted:
    """The volumes of a set."""

    volumes: dict[int, LayoutArchive] = field(default_factory=dict)
    unusable: dict[int, str] = field(default_factory=dict)
    """Those that are here and are not what the table says, or are not here, and why."""
    notes: list[str] = field(default_factory=list)


class LayoutVolumes(LayoutOnDisk):
    """A layout whose content is spread over tars (a `Store`); threads may share it."""

    def __init__(self, path: str, table: VolumeTable, found: _Sorted, loose: frozenset[str] | None) -> None:
        """Use `open_volumes`. `loose`: where the folder is the layout, names of files in it that are its volumes."""
        self.table: Final = table
        self.volumes: Final[Mapping[int, LayoutArchive]] = dict(sorted(found.volumes.items()))
        """Those that are here, by number."""
        self._unusable: Final = found.unusable
        self._notes: Final = tuple(found.notes)
        self._loose: Final = loose
        self._first: Final = next(iter(self.volumes.values()))
        super().__init__(path)

    @cached_property
    def _placed(self) -> Mapping[Digest, PlacedBlob]:
        whole = (PlacedBlob(piece.digest, piece.size) for piece in self.table.everywhere)
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
        """See `LooseFileHolder`: where the folder is the layout, what is in it and is no volume. Tars hold none."""
        if self._loose is None:
            return LooseFiles(())
        found = loose_files_in(self.path)
        return found._replace(names=tuple(name for name in found.names if name not in self._loose))

    def read_loose(self, name: str, limit: int) -> bytes:
        """See `LooseFileHolder`."""
        return read_loose_in(self.path, name, limit)

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


_AGAIN: Final = "Ask for this volume again."
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


def is_volume(archive: LayoutArchive) -> bool:
    """Whether a tar is a volume of a layout."""
    return archive.extent(VOLUMES_FILE) is not None


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
        return not any(os.path.lexists(folder / name) for name in names) and bool(_tars(folder))
    except (OSError, LimitError):
        return False


def _tars(folder: Path) -> list[str]:
    """The names of tars in a folder. Raises OSError, LimitError."""
    found: list[str] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if (
                entry.name.lower().endswith(".tar")
                and not entry.name.startswith(".")
                and not entry.is_dir(follow_symlinks=False)
            ):
                found.append(entry.name)
                if len(found) > limits.TARS_BESIDE:
                    raise LimitError(f"{safe(folder)} has more than {limits.TARS_BESIDE} tars")
    return sorted(found)


def open_volumes(path: str, named: LayoutArchive | None = None) -> LayoutVolumes | None:
    """The layout of which volumes are in the folder `path`, or beside the volume `named` at `path`.

    None for a folder without volumes. Raises OSError, and ContentError (`layout.malformed`) where volumes of several
    layouts are in the folder, or the table of the volumes cannot be read.
    """
    folder = Path(path).parent if named else Path(path)
    with ExitStack() as stack:
        try:
            found = _look_into(folder, stack, named)
        except LimitError as error:
            raise malformed(str(error), remedy="Put the volumes into a folder of their own.") from None
        if named is None and not found.sets:
            return None
        if named is None and len(found.sets) > 1:
            raise _several(folder, found)
        key = _key(named) if named is not None else next(iter(found.sets))
        try:
            table = VolumeTable.parse(key.table)
        except FormatError as error:
            raise malformed(f"{safe(path)}: {VOLUMES_FILE} cannot be read: {error}") from None
        volumes = _sort(path, table, found, key)
        if named is not None and named not in volumes.volumes.values():  # it is what other tools are given
            number = _number(named, dict(named.blobs()), _own(table), table)
            raise malformed(f"{safe(path)}: volume {number} {volumes.unusable[number]}")
        is_folder = named is None
        own = frozenset(Path(one.path).name for one in found.sets[key]) if is_folder else None
        layout = LayoutVolumes(path, table, volumes, own)
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
    for name in _tars(folder):
        place = folder / name
        if named is not None and os.path.realpath(place) == os.path.realpath(named.path):
            continue
        try:
            # links are for several media; what they lead to is a volume of the same set, or is not read
            archive = open_archive(os.path.realpath(place) if place.is_symlink() else str(place))
        except (AirgapError, OSError) as error:
            found.unreadable[name] = str(error) if isinstance(error, AirgapError) else str(error.strerror)
            continue
        if not is_volume(archive):
            archive.close()
            found.others.append(name)
            continue
        stack.callback(archive.close)
        try:
            found.sets[_key(archive)].append(archive)
        except AirgapError as error:
            archive.close()
            found.unreadable[name] = str(error)
    return found


def _key(archive: LayoutArchive) -> _SetKey:
    try:
        table = archive.read_loose(VOLUMES_FILE, limits.VOLUME_TABLE_BYTES)
    except LimitError as error:
        raise malformed(str(error)) from None
    return _SetKey(archive.document(LAYOUT_INDEX, limits.LAYOUT_INDEX_BYTES), table)


def _several(folder: Path, found: _Folder) -> ContentError:
    groups = "; ".join(some([_name(one) for one in volumes], _SHOWN) for volumes in found.sets.values())
    return malformed(
        f"{safe(folder)} holds volumes of {len(found.sets)} sets, which are different layouts: {groups}",
        remedy="Name one volume of the set that you mean, or move the others away.",
    )


def _name(archive: LayoutArchive) -> str:
    return safe(Path(archive.path).name, limit=80)


def _sort(path: str, table: VolumeTable, found: _Folder, key: _SetKey) -> _Sorted:
    """Which volume is which, and what cannot be used. Raises ContentError where none can be."""
    own = _own(table)
    everywhere = {piece.digest: piece.size for piece in table.everywhere}
    result = _Sorted()
    candidates: list[tuple[int, LayoutArchive, int]] = []
    for archive in found.sets[key]:
        held = dict(archive.blobs())
        number = _number(archive, held, own, table)
        if strange := _strange(
            archive, number, held, table, everywhere
        ):  # no medium makes that, and it may be evidence
            raise malformed(f"{archive.name} is volume {number} and {strange}", remedy="Remove that file. " + _AGAIN)
        head, problem = _compare(archive, number, held, table, everywhere)
        if problem:
            result.unusable.setdefault(number, f"cannot be used: {archive.name} {problem}")
        else:
            candidates.append((number, archive, head))
    heads = _heads(candidates, everywhere)
    for number, archive, _ in candidates:
        if archive not in heads:
            result.unusable.setdefault(number, f"cannot be used: {archive.name} differs in what all volumes hold")
        elif number in result.volumes:
            result.notes.append(f"{archive.name} is volume {number} again, and is not read")
        else:
            result.volumes[number] = archive
    if not result.volumes:
        number, why = next(iter(result.unusable.items()))
        raise malformed(f"{safe(path)}: volume {number} {why}, and no other volume is here")
    result.notes += [
        f"volume {number} is here twice, and one {why}"
        for number, why in result.unusable.items()
        if number in result.volumes
    ]
    for number in range(1, table.count + 1):
        if number not in result.volumes and number not in result.unusable and found.unreadable:
            result.unusable[number] = _maybe(number, table.count, found.unreadable)
    result.notes += _beside(found, key)
    return result


def _own(table: VolumeTable) -> Mapping[Digest, int]:
    return {blob.digest: blob.volume for blob in table.blobs if blob.volume}


def _number(archive: LayoutArchive, held: Iterable[Digest], own: Mapping[Digest, int], table: VolumeTable) -> int:
    """The number of its chunk, or the volume that most of its blobs belong to. All it holds is compared after that."""
    for number in table.chunks:
        if archive.extent(f"{CHUNK_FILE}{number}"):
            return number
    votes = Counter(own[digest] for digest in held if digest in own)
    return votes.most_common(1)[0][0] if votes else table.count


def _strange(
    archive: LayoutArchive, number: int, held: Iterable[Digest], table: VolumeTable, everywhere: Container[Digest]
) -> str | None:
    """What a volume holds that no volume of this set has."""
    names = {VOLUMES_FILE, *([f"{CHUNK_FILE}{number}"] if number in table.chunks else [])}
    others = [name for name in archive.loose_files().names if name not in names]
    others += [*archive.docker_documents(), *([archive.full_index] if archive.full_index else [])]
    if others:
        return f"holds files that no volume has: {some(others, _SHOWN, lambda name: safe(name, limit=80))}"
    own = table.shares[number]
    if more := [digest for digest in held if digest not in own and digest not in everywhere]:
        return f"holds blobs that are not of this volume: {some(more, _SHOWN)}"
    return None


def _compare(
    archive: LayoutArchive,
    number: int,
    held: Mapping[Digest, int],
    table: VolumeTable,
    everywhere: Mapping[Digest, int],
) -> tuple[int, str | None]:
    """How many bytes it begins with that all volumes have; and in which way it is not what the table says of it."""
    share = {**table.shares[number], **everywhere}
    chunk = table.chunks.get(number)
    head = [archive.extent(name) for name in (LAYOUT_FILE, LAYOUT_INDEX, VOLUMES_FILE)]
    head += [archive.extent(blob_name(digest)) for digest in everywhere]
    end = max((start + size for start, size in filter(None, head)), default=0)
    rest = [archive.extent(blob_name(digest)) for digest in table.shares[number]]
    rest += [archive.extent(f"{CHUNK_FILE}{number}")]
    if lost := [digest for digest in share if digest not in held]:
        return 0, f"lacks {len(lost)} of its blobs, as {lost[0]}"
    if sized := [digest for digest, size in share.items() if held[digest] != size]:
        return 0, f"holds {sized[0]} in another size"
    if chunk and (archive.extent(f"{CHUNK_FILE}{number}") or (0, -1))[1] != chunk.size:
        return 0, "lacks its chunk of a blob, or has it in another size"
    if any(start < end for start, _ in filter(None, rest)):
        return 0, "does not begin with what all volumes hold: it was packed again"
    return end, None


def _heads(
    candidates: Sequence[tuple[int, LayoutArchive, int]], everywhere: Mapping[Digest, int]
) -> frozenset[LayoutArchive]:
    """The volumes that begin with the same bytes: of several groups the first that is good, else the largest."""
    if len(candidates) == 1:
        return frozenset(archive for _, archive, _ in candidates)
    groups: dict[tuple[int, str], list[LayoutArchive]] = defaultdict(list)
    for _, archive, end in candidates:
        groups[end, _head_digest(archive, end)].append(archive)
    found = sorted(groups.values(), key=len, reverse=True)
    good = (group for group in found if len(found) > 1 and _is_whole(group[0], everywhere))
    return frozenset(next(good, found[0] if found else []))


def _head_digest(archive: LayoutArchive, end: int) -> str:
    """Of the first bytes of a volume: headers and all."""
    hasher = new_hash("sha256")
    for start in range(0, end, limits.CHUNK_BYTES):
        hasher.update(archive.file.read(start, min(limits.CHUNK_BYTES, end - start)))
    return hasher.hexdigest()


def _is_whole(archive: LayoutArchive, everywhere: Iterable[Digest]) -> bool:
    try:
        for digest in everywhere:
            hash_bytes(archive, digest)
    except ContentError:
        return False
    return True


def _maybe(number: int, count: int, unreadable: Mapping[str, str]) -> str:
    """Why a volume is not here: a tar that cannot be read may be it, above all one with its name."""
    named = [name for name in unreadable if re.search(rf"\.0*{number}of{count}\.tar$", name, re.IGNORECASE)]
    shown = some([f"{safe(name, limit=80)} ({unreadable[name]})" for name in named or unreadable], 3)
    return f"is not here. What cannot be read may be it: {shown}"


def _beside(found: _Folder, key: _SetKey) -> Iterator[str]:
    """What is in the folder and is not used."""
    strange = [_name(one) for other, volumes in found.sets.items() if other != key for one in volumes]
    if strange:
        yield f"volumes of another set are beside them, and are not read: {some(strange, _SHOWN)}"
    if found.unreadable:
        shown = some([f"{safe(name, limit=80)} ({why})" for name, why in found.unreadable.items()], 3)
        yield f"cannot be read, and are not used: {shown}"
    if found.others:
        yield f"no volumes, and not read: {some([safe(name, limit=80) for name in found.others], _SHOWN)}"
