"""How the evidence of a snapshot comes into a folder of a trust directory, and whether it fits.

One answer for who makes a snapshot, verifies it and applies it. Nothing is written here.
"""

from __future__ import annotations

import json as writer
from collections.abc import Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.files import read_regular
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.store import Store
from airgap.revocation.artifact import read_piece
from airgap.revocation.evidence_directory import MAKE_ROOM, EvidenceDirectory, read_evidence_index
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.index import INDEX, EvidenceIndex
from airgap.revocation.pool import EvidencePool
from airgap.revocation.unsigned_evidence import UnsignedEvidence
from airgap.text import safe

_MARK: Final = 12
_FILE_BYTES: Final = limits.CRL_BYTES * 3 // 2


class NoRoomError(TrustMaterialError):
    """The evidence does not fit into the trust directory."""


class IncomingFile(NamedTuple):
    """A file of evidence that is to come."""

    digest: Digest
    read: Callable[[], bytes]
    """Raises FormatError."""


def layers_as_material(store: Store, layers: Mapping[str, Descriptor]) -> dict[str, IncomingFile]:
    """The layers of a snapshot for one folder, by their file names."""
    return {name: IncomingFile(layer.digest, partial(read_piece, store, layer)) for name, layer in layers.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The evidence of one kind of one side."""

    files: Mapping[str, Digest]
    """File names to the digests of their content."""
    index: EvidenceIndex


@dataclass(frozen=True, slots=True, kw_only=True)
class Merged:
    """The additions to a folder."""

    added: Mapping[str, str]
    """New names to the names in the snapshot."""
    index: Mapping[str, tuple[str, ...]]

    def index_bytes(self) -> bytes | None:
        """`index.json`, or None where nothing is mapped."""
        if not self.index:
            return None
        members: dict[str, Any] = {
            url: names[0] if len(names) == 1 else list(names) for url, names in self.index.items()
        }
        return (writer.dumps(members, indent=2, ensure_ascii=True, sort_keys=True) + "\n").encode()


def merge(local: Side, incoming: Side, *, taken: Collection[str] = ()) -> Merged:
    """The new files of the snapshot under free names. Their content is not read.

    `taken`: names in the folder beside those of `local.files`.
    """
    # the name of a missing file that the index has stays reserved: a new file must not take it
    used = {name.casefold() for name in (*local.files, *local.index.claimed, *taken)}
    names = {digest: name for name, digest in local.files.items()}
    added: dict[str, str] = {}
    for own, digest in incoming.files.items():
        if digest not in names:
            names[digest] = _free(own, digest, used)
            added[names[digest]] = own
    index = {url: list(mapped) for url, mapped in local.index.files.items()}
    for url, mapped in incoming.index.files.items():
        index.setdefault(url, []).extend(names[incoming.files[own]] for own in mapped if own in incoming.files)
    return Merged(added=added, index={url: tuple(dict.fromkeys(mapped)) for url, mapped in index.items() if mapped})


def _free(name: str, digest: Digest, used: set[str]) -> str:
    path = PurePosixPath(name)
    chosen, number = name, 1
    while chosen.casefold() in used:
        again = f"-{number}" if number > 1 else ""
        chosen = f"{path.stem}-{digest.encoded[:_MARK]}{again}{path.suffix}"
        number += 1
    used.add(chosen.casefold())
    return chosen


class FolderPlan(NamedTuple):
    """What a folder holds with what comes."""

    kept: tuple[str, ...]
    """The names of all that is there, without the index."""
    local: Side
    merged: Merged
    document: bytes | None
    """The new index."""


def plan_folder(folder: Path, incoming: Mapping[str, IncomingFile]) -> FolderPlan:
    """How what comes is added to a folder. Raises TrustMaterialError for an index that cannot be read, FormatError."""
    names = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    kept = tuple(name for name in names if name != INDEX)
    local = Side(files=_digests(folder, kept), index=read_evidence_index(folder))
    index = incoming.get(INDEX)
    side = Side(
        files={name: file.digest for name, file in incoming.items() if name != INDEX},
        index=EvidenceIndex() if index is None else EvidenceIndex.parse(index.read(), INDEX),
    )
    merged = merge(local, side, taken=kept)
    return FolderPlan(kept, local, merged, merged.index_bytes())


def check_evidence_fits(trust: Path, incoming: Mapping[str, Mapping[str, IncomingFile]], *, signed: bool) -> None:
    """Checks that a trust directory has room for what comes; `incoming`: by folder and file name.

    What no pinned signer signed may take only a part of the room that the site's own files leave: else who carries
    media could keep signed snapshots out. Raises TrustMaterialError, FormatError.
    """
    came = UnsignedEvidence.read(trust).files
    unsigned: dict[str, Callable[[], bytes]] = {}
    added: dict[str, Callable[[], bytes]] = {}
    for folder, files in incoming.items():
        place, plan = trust / folder, plan_folder(trust / folder, files)
        foreign = [name for name in plan.kept if came.get(f"{folder}/{name}", "") == plan.local.files.get(name)]
        unsigned |= {f"{folder}/{name}": partial(read_regular, place / name, _FILE_BYTES) for name in foreign}
        added |= {f"{folder}/{name}": files[source].read for name, source in plan.merged.added.items()}
        if plan.merged.added:
            own = len(plan.kept) - len(foreign)
            room = _Room(limits.EVIDENCE_FILES - 1, own, len(foreign), len(plan.merged.added))
            room.check(place, "entries", signed=signed)
        share = 1 if signed else limits.UNSIGNED_SHARE  # whose the entries of an index are is not known
        is_mapped = plan.merged.index != plan.local.index.files
        if plan.document is not None and is_mapped and len(plan.document) > limits.EVIDENCE_INDEX_BYTES // share:
            raise _too_much(place / INDEX, limits.EVIDENCE_INDEX_BYTES // share, "bytes", signed=signed)
    if added:
        there, held = EvidenceDirectory.open(trust).count, _pieces(unsigned)
        room = _Room(limits.EVIDENCE_PIECES, there - held, held, _pieces(added))
        room.check(trust, "pieces of evidence", signed=signed)


class _Room(NamedTuple):
    limit: int
    own: int
    """Of the site, and of what signed snapshots brought."""
    unsigned: int
    added: int

    def check(self, place: Path, what: str, *, signed: bool) -> None:
        """Raises TrustMaterialError."""
        if signed and self.own + self.unsigned + self.added > self.limit:
            raise _too_much(place, self.limit, what, signed=True)
        share = (self.limit - self.own) // limits.UNSIGNED_SHARE
        if not signed and self.unsigned + self.added > share:
            raise _too_much(place, max(share, 0), what, signed=False)


def _pieces(files: Mapping[str, Callable[[], bytes]]) -> int:
    return EvidencePool([EvidenceFile(name, "", read) for name, read in files.items()], unread=()).count


def _too_much(place: Path, limit: int, what: str, *, signed: bool) -> NoRoomError:
    """The error for a snapshot that would fill the trust directory; an unsigned one may not fill all of it."""
    if signed:
        text, remedy = f"{safe(place)} would have more than {limit} {what}", MAKE_ROOM
    else:
        text = f"{safe(place)} would have more than {limit} {what} from snapshots that are not signed, as this one"
        remedy = f"Bring one that a pinned signer signed: the rest is kept for those. {MAKE_ROOM}"
    return NoRoomError("evidence.malformed", text, remedy=remedy)


def _digests(folder: Path, names: Collection[str]) -> dict[str, Digest]:
    """The digests of those that are files and can be read."""
    found: dict[str, Digest] = {}
    for name in names:
        with suppress(FormatError):
            found[name] = Digest.of(read_regular(folder / name, _FILE_BYTES))
    return found
