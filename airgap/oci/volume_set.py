"""The volumes of a layout in a folder: which tar is which volume, and which cannot be used.

All volumes begin with the same bytes, and their table says what each of them holds. A tar that differs in either is not
used: no reader of one volume sees what the whole does not have.
"""

from __future__ import annotations

import os
import re
from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import AirgapError, ContentError, LimitError
from airgap.hashing import new_hash
from airgap.oci.archive import Extent, LayoutArchive, open_archive
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_FILE, LAYOUT_INDEX, blob_name, malformed
from airgap.oci.store import hash_bytes
from airgap.oci.volume_table import CHUNK_FILE, VOLUMES_FILE, VolumeTable
from airgap.text import safe, some

_SHOWN: Final = 5
_AGAIN: Final = "Ask for this volume again."


class SetKey(NamedTuple):
    """What volumes of one set have in common."""

    entries: bytes
    """`index.json`."""
    table: bytes


@dataclass(slots=True)
class FolderOfTars:
    """The tars of a folder."""

    sets: dict[SetKey, list[LayoutArchive]] = field(default_factory=lambda: defaultdict(list))
    others: list[str] = field(default_factory=list)
    """Tars that are no volumes."""
    unreadable: dict[str, str] = field(default_factory=dict)
    """Tars that cannot be read, and why: each may be a volume."""


@dataclass(slots=True)
class VolumeSet:
    """The volumes of a set."""

    volumes: dict[int, LayoutArchive] = field(default_factory=dict)
    unusable: dict[int, str] = field(default_factory=dict)
    """Those that are here and are not what the table says, or are not here, and why."""
    notes: list[str] = field(default_factory=list)


def is_volume(archive: LayoutArchive) -> bool:
    """Whether a tar is a volume of a layout."""
    return archive.extent(VOLUMES_FILE) is not None


def tars_in(folder: Path) -> list[str]:
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


def look_into(folder: Path, stack: ExitStack, named: LayoutArchive | None) -> FolderOfTars:
    """Opens the tars of a folder; those of `named`'s set are the first. `stack` closes volumes. Raises LimitError."""
    found = FolderOfTars()
    if named is not None:
        stack.callback(named.close)
        found.sets[_key(named)].append(named)
    for name in tars_in(folder):
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


def _key(archive: LayoutArchive) -> SetKey:
    try:
        table = archive.read_loose(VOLUMES_FILE, limits.VOLUME_TABLE_BYTES)
    except LimitError as error:
        raise malformed(str(error)) from None
    return SetKey(archive.document(LAYOUT_INDEX, limits.LAYOUT_INDEX_BYTES), table)


def several_sets(folder: Path, found: FolderOfTars) -> ContentError:
    """The error for volumes of different layouts."""
    groups = "; ".join(some([_name(one) for one in volumes], _SHOWN) for volumes in found.sets.values())
    return malformed(
        f"{safe(folder)} holds volumes of {len(found.sets)} sets, which are different layouts: {groups}",
        remedy="Name one volume of the set that you mean, or move the others away.",
    )


def _name(archive: LayoutArchive) -> str:
    return safe(Path(archive.path).name, limit=80)


_ONE: Final = "Leave one of them there: the one that airgap verify accepts with the others."


def sort_volumes(
    path: str, table: VolumeTable, found: FolderOfTars, key: SetKey, named: LayoutArchive | None
) -> VolumeSet:
    """Which volume is which, and what cannot be used. Raises ContentError where `named` or all of them cannot be."""
    result = VolumeSet()
    numbers = {archive: _number(archive, table) for archive in found.sets[key]}
    refused = _refused(numbers, table)
    for archive, number in numbers.items():
        if archive in refused:
            why = f"cannot be used: {archive.name} {refused[archive]}"
            if archive is named:  # it is what other tools are given
                raise malformed(f"{safe(path)}: volume {number} {why}")
            result.unusable.setdefault(number, why)
        elif number not in result.volumes:
            result.volumes[number] = archive
        elif _is_same_file(archive, result.volumes[number]):
            result.notes.append(f"{archive.name} is volume {number} again, and is not read")
        else:  # which of them is read must not depend on their names
            why = f"differs from the other: {archive.name}, {result.volumes[number].name}"
            if named in {archive, result.volumes[number]}:
                raise malformed(f"{safe(path)}: volume {number} is here twice, and one {why}", remedy=_ONE)
            result.unusable.setdefault(number, why)
    if not result.volumes:
        number, why = next(iter(result.unusable.items()))
        raise malformed(f"{safe(path)}: volume {number} {why}, and no other volume is here")
    doubled = ((number, why) for number, why in result.unusable.items() if number in result.volumes)
    result.notes += [f"volume {number} is here twice, and one {why}" for number, why in doubled]
    for number in range(1, table.count + 1):
        if number not in result.volumes and number not in result.unusable and found.unreadable:
            result.unusable[number] = _maybe(number, table.count, found.unreadable)
    result.notes += _beside(found, key)
    return result


def _is_same_file(one: LayoutArchive, other: LayoutArchive) -> bool:
    """Whether two volumes are the same, byte for byte."""
    size = one.file.size
    if size != other.file.size:
        return False
    parts = ((start, min(limits.CHUNK_BYTES, size - start)) for start in range(0, size, limits.CHUNK_BYTES))
    return all(one.file.read(*part) == other.file.read(*part) for part in parts)


def _refused(numbers: Mapping[LayoutArchive, int], table: VolumeTable) -> Mapping[LayoutArchive, str]:
    """What cannot be used, and why. Raises ContentError where one holds what no volume has."""
    refused: dict[LayoutArchive, str] = {}
    heads: dict[LayoutArchive, int] = {}
    for archive, number in numbers.items():
        share = _Share(archive, number, table)
        if strange := share.strange():  # no medium makes that, and it may be evidence
            raise malformed(f"{archive.name} is volume {number} and {strange}", remedy="Remove that file. " + _AGAIN)
        if problem := share.problem():
            refused[archive] = problem
        else:
            heads[archive] = share.head
    same = _same_heads(heads, table)
    return refused | {archive: "differs in what all volumes hold" for archive in heads if archive not in same}


def _number(archive: LayoutArchive, table: VolumeTable) -> int:
    """The number of its chunk, or the volume that most of its blobs belong to. All it holds is compared after that."""
    for number in table.chunks:
        if archive.extent(f"{CHUNK_FILE}{number}"):
            return number
    votes = Counter(table.homes[digest] for digest, _ in archive.blobs() if digest in table.homes)
    return votes.most_common(1)[0][0] if votes else table.count


class _Share:
    """What a volume holds, beside what the table says of it."""

    def __init__(self, archive: LayoutArchive, number: int, table: VolumeTable) -> None:
        self._archive, self._table = archive, table
        self._held: Final = dict(archive.blobs())
        self._own: Final = table.shares[number]
        self._chunk: Final = table.chunks.get(number)
        self._chunk_name: Final = f"{CHUNK_FILE}{number}"

    @property
    def head(self) -> int:
        """The bytes that it begins with and that all volumes have."""
        names = (LAYOUT_FILE, LAYOUT_INDEX, VOLUMES_FILE, *map(blob_name, self._table.common))
        return max(start + size for start, size in self._extents(names))

    def _extents(self, names: Iterable[str]) -> Iterator[Extent]:
        return filter(None, map(self._archive.extent, names))

    def strange(self) -> str | None:
        """What it holds that no volume of this set has."""
        names = {VOLUMES_FILE, *([self._chunk_name] if self._chunk else [])}
        others = [name for name in self._archive.loose_files().names if name not in names]
        others += self._archive.docker_documents()
        others += [self._archive.full_index] if self._archive.full_index else []
        if others:
            return f"holds files that no volume has: {some(others, _SHOWN, lambda name: safe(name, limit=80))}"
        if more := [digest for digest in self._held if digest not in self._own and digest not in self._table.common]:
            return f"holds blobs that are not of this volume: {some(more, _SHOWN)}"
        return None

    def problem(self) -> str | None:
        """In which way it is not what the table says of it."""
        share = {**self._own, **self._table.common}
        if lost := [digest for digest in share if digest not in self._held]:
            return f"lacks {len(lost)} of its blobs, as {lost[0]}"
        if sized := [digest for digest, size in share.items() if self._held[digest] != size]:
            return f"holds {sized[0]} in another size"
        chunk = self._archive.extent(self._chunk_name)
        if self._chunk and (chunk is None or chunk[1] != self._chunk.size):
            return "lacks its chunk of a blob, or has it in another size"
        end = self.head
        if any(start < end for start, _ in self._extents((*map(blob_name, self._own), self._chunk_name))):
            return "does not begin with what all volumes hold: it was packed again"
        return None


def _same_heads(heads: Mapping[LayoutArchive, int], table: VolumeTable) -> Container[LayoutArchive]:
    """Those that begin with the same bytes: of several groups the first that is good, else the largest."""
    if len(heads) == 1:
        return heads
    groups: dict[tuple[int, str], list[LayoutArchive]] = defaultdict(list)
    for archive, end in heads.items():
        groups[end, _head_digest(archive, end)].append(archive)
    found = sorted(groups.values(), key=len, reverse=True)
    good = (group for group in found if len(found) > 1 and _is_whole(group[0], table.common))
    return next(good, found[0] if found else ())


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


def _beside(found: FolderOfTars, key: SetKey) -> Iterator[str]:
    """What is in the folder and is not used."""
    strange = [_name(one) for other, volumes in found.sets.items() if other != key for one in volumes]
    if strange:
        yield f"volumes of another set are beside them, and are not read: {some(strange, _SHOWN)}"
    if found.unreadable:
        shown = some([f"{safe(name, limit=80)} ({why})" for name, why in found.unreadable.items()], 3)
        yield f"cannot be read, and are not used: {shown}"
    if found.others:
        yield f"no volumes, and not read: {some([safe(name, limit=80) for name in found.others], _SHOWN)}"
