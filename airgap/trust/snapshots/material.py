"""The files of a trust directory that may travel: known folders and known names only.

    trustpolicy.oci.json, trustpolicy.json, trustpolicy.blob.json
    truststore/x509/{ca,signingAuthority,tsa}/<store>/<file>.{pem,crt,cer}
    crls/<file>.crl, crls/index.json, ocsp/<file>.ors, ocsp/index.json

`airgap.toml` (how stale evidence may be here) and `.airgap/` (pins, and the state of accepted snapshots) belong to one
machine and never travel. Names must be valid on every file system of a medium: printable ASCII without characters that
FAT and Windows refuse, and no two names that differ only in case.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import Final, Self

from airgap import limits
from airgap.errors import FormatError, LimitError, TrustMaterialError
from airgap.files import is_there, read_regular, reading_problem
from airgap.oci.digest import Digest
from airgap.oci.documents import open_regular
from airgap.revocation.evidence_directory import hidden_evidence
from airgap.revocation.index import INDEX
from airgap.revocation.misplaced import find_misplaced
from airgap.revocation.pool import EvidencePool
from airgap.text import safe
from airgap.trust.policy_files import BLOB_POLICY_FILES, OCI_POLICY_FILES
from airgap.trust.store_types import FOLDER, StoreType
from airgap.trust.stores import EXTENSIONS


class Part(StrEnum):
    """The kind of a file of a trust directory."""

    POLICY = "policy"
    ANCHOR = "anchor"
    CRL = "crl"
    OCSP = "ocsp"
    CRL_INDEX = "crl-index"
    OCSP_INDEX = "ocsp-index"

    @property
    def is_evidence(self) -> bool:
        """Whether its issuer signed it, so that it may come from anywhere (RULE-1)."""
        return self not in {Part.POLICY, Part.ANCHOR}


_POLICIES: Final = (*OCI_POLICY_FILES, *BLOB_POLICY_FILES)
_EVIDENCE: Final = {"crls": (".crl", Part.CRL, Part.CRL_INDEX), "ocsp": (".ors", Part.OCSP, Part.OCSP_INDEX)}
_BYTES: Final = {
    Part.POLICY: limits.POLICY_BYTES,
    Part.ANCHOR: limits.STORE_FILE_BYTES,
    Part.CRL: limits.CRL_BYTES * 3 // 2,
    Part.OCSP: limits.OCSP_BYTES,
    Part.CRL_INDEX: limits.EVIDENCE_INDEX_BYTES,
    Part.OCSP_INDEX: limits.EVIDENCE_INDEX_BYTES,
}
_NAME = re.compile(r"(?![ .])[ -~]{1,128}(?<![ .])", re.ASCII)
_STORE_NAME = re.compile(r"(?!\.)[a-zA-Z0-9_.-]{1,128}(?<!\.)", re.ASCII)
_FORBIDDEN: Final = frozenset('/\\:*?"<>|')
_DEVICES: Final = frozenset({"con", "prn", "aux", "nul", *(f"{kind}{n}" for kind in ("com", "lpt") for n in range(10))})


@dataclass(frozen=True, slots=True, kw_only=True)
class MaterialFile:
    """One file of a trust directory that may travel."""

    path: str
    """Relative, with `/` between its parts."""
    part: Part
    digest: Digest
    size: int


_PIECES: Final = frozenset({Part.CRL, Part.OCSP})


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The changes by a snapshot: relative paths."""

    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()

    @classmethod
    def between(cls, old: Iterable[MaterialFile], new: Iterable[MaterialFile]) -> Self:
        """From `old` to `new`, by path and content."""
        before = {file.path: file.digest for file in old}
        after = {file.path: file.digest for file in new}
        return cls(
            added=tuple(path for path in after if path not in before),
            changed=tuple(path for path in after if path in before and before[path] != after[path]),
            removed=tuple(path for path in before if path not in after),
        )

    @classmethod
    def by_applying(cls, new: Iterable[MaterialFile], *, to: Iterable[MaterialFile]) -> Self:
        """What applying `new` changes in the trust directory that holds `to`.

        Evidence stays, and what comes is added, unless its content is there under any name. The indexes of both sides
        are brought together, and change no answer: they are left out.
        """
        old, new = tuple(to), tuple(new)
        trusted = cls.between(*((file for file in side if not file.part.is_evidence) for side in (old, new)))
        there = {file.digest for file in old if file.part in _PIECES}
        coming = (file.path for file in new if file.part in _PIECES and file.digest not in there)
        return replace(trusted, added=tuple(sorted((*trusted.added, *coming))))

    @property
    def is_empty(self) -> bool:
        """Whether nothing would change."""
        return not (self.added or self.changed or self.removed)


def part_of(path: str) -> Part:
    """The kind of the file at this relative path. Raises FormatError for unknown paths."""
    if len(path) > limits.SNAPSHOT_PATH_CHARACTERS:
        raise LimitError(
            f"the path {safe(path, limit=64)!r} has more than {limits.SNAPSHOT_PATH_CHARACTERS} characters"
        )
    parts = path.split("/")
    if path in _POLICIES:
        return Part.POLICY
    for name in parts:
        _check_name(name, path)
    if len(parts) == len(FOLDER) + 3 and tuple(parts[: len(FOLDER)]) == FOLDER:
        return _store_file(parts, path)
    if len(parts) == 2 and parts[0] in _EVIDENCE:  # noqa: PLR2004 - folder and file
        ending, part, index = _EVIDENCE[parts[0]]
        if parts[1] == INDEX:
            return index
        if parts[1].lower().endswith(ending):
            return part
    raise FormatError(f"{safe(path, limit=160)!r} is no file of a trust directory that may travel")


def largest(part: Part) -> int:
    """How many bytes a file of this kind may have."""
    return _BYTES[part]


def check_together(paths: Iterable[str]) -> None:
    """Checks that no two paths are equal on a file system that ignores case. Raises FormatError."""
    seen: dict[str, str] = {}
    for path in paths:
        twin = seen.setdefault(path.casefold(), path)
        if twin is not path:
            raise FormatError(f"{safe(path, limit=160)!r} and {safe(twin, limit=160)!r} are one file on FAT")


def list_material(root: Path, *, evidence_only: bool = False) -> tuple[MaterialFile, ...]:
    """Every file of the trust directory `root` that may travel, in the order of paths, hashed.

    A file in a known folder that cannot travel (a foreign name, a symbolic link, evidence in a folder of its own,
    outside of its folders, under a hidden name) is an error and not left out: what arrives would not be
    what was meant, and a CRL that revokes could be missing. Other hidden files, `airgap.toml` and folders that have no
    meaning are passed over. Raises TrustMaterialError(snapshot.malformed).
    """
    evidence = _evidence_paths(root)
    return _list(root, evidence if evidence_only else chain(_trust_paths(root), evidence))


def list_trust_material(root: Path) -> tuple[MaterialFile, ...]:
    """Policies and trust stores alone, as `list_material` lists them. Raises TrustMaterialError(snapshot.malformed)."""
    return _list(root, _trust_paths(root))


def evidence_digests(root: Path) -> frozenset[Digest]:
    """The content of every file of evidence that can be read, whatever its name and in whatever folder below."""
    found: set[Digest] = set()
    for folder in _EVIDENCE:
        for parent, _, names in os.walk(root / folder):
            for name in names:
                with suppress(FormatError):
                    found.add(Digest.of(read_regular(Path(parent, name), max(_BYTES.values()))))
    return frozenset(found)


def _list(root: Path, paths: Iterable[str]) -> tuple[MaterialFile, ...]:
    files: list[MaterialFile] = []
    try:
        for path in sorted(paths):
            files.append(_hashed(root, path))
            if len(files) > limits.SNAPSHOT_FILES:
                raise LimitError(f"there are more than {limits.SNAPSHOT_FILES} files")
        check_together(file.path for file in files)
        if sum(file.size for file in files) > limits.SNAPSHOT_BYTES:
            raise LimitError(f"the files have more than {limits.SNAPSHOT_BYTES} bytes together")
    except FormatError as error:
        raise TrustMaterialError(
            "snapshot.malformed", f"the trust directory {safe(root)} cannot be packed: {error}", path=safe(root),
            remedy="Rename, move or remove the file that the message names.",
        ) from None  # fmt: skip
    return tuple(files)


def _trust_paths(root: Path) -> Iterator[str]:
    yield from (name for name in _POLICIES if is_there(root / name))
    for kind in StoreType:
        base = "/".join((*FOLDER, kind.value))
        for store in _entries(root / base, folders=True):
            yield from (f"{base}/{store}/{name}" for name in _entries(root / base / store))


def _evidence_paths(root: Path) -> Iterator[str]:
    for folder, (ending, _, _) in _EVIDENCE.items():
        for inner in _entries(root / folder, folders=True):
            raise FormatError(
                f"{folder}/{safe(inner, limit=64)} is a folder, and evidence travels from {folder} itself"
            )
        yield from (f"{folder}/{name}" for name in _entries(root / folder, hidden=ending))
    misplaced = find_misplaced(root, "trust directory", tuple(_EVIDENCE))
    outside = EvidencePool(misplaced.pieces, unread=misplaced.unread)
    for item in outside.all_misplaced():
        raise FormatError(f"{item.path} {item.problem}")
    for unread in outside.all_unread():  # it makes answers undecided here, but not at a site that does not get it
        raise FormatError(f"{safe(unread.path)} cannot be used: {unread.problem}")
    for path in hidden_evidence(root):
        raise FormatError(f"{path} is evidence under a hidden name, or may hold some")


def _entries(folder: Path, *, folders: bool = False, hidden: str | None = None) -> list[str]:
    """Names of files, or of folders; hidden ones only with the ending `hidden`, and never what macOS leaves (`._*`)."""

    def counts(name: str) -> bool:
        return not name.startswith(".") or (hidden is not None and name.endswith(hidden) and not name.startswith("._"))

    try:
        with os.scandir(folder) as entries:
            return [
                entry.name for entry in entries if counts(entry.name) and entry.is_dir(follow_symlinks=False) == folders
            ]
    except FileNotFoundError:
        return []
    except OSError as error:
        raise FormatError(f"{safe(folder)} cannot be listed ({reading_problem(error)})") from None


def _hashed(root: Path, path: str) -> MaterialFile:
    part = part_of(path)
    limit = largest(part)
    hasher, size = Digest.of(b"").new_hash(), 0
    try:
        if not stat.S_ISREG((root / path).lstat().st_mode):
            raise FormatError(f"{safe(path)} is no regular file; links are not followed")
        with open_regular(str(root / path)) as file:
            while chunk := file.read(limits.CHUNK_BYTES):
                hasher.update(chunk)
                size += len(chunk)
                if size > limit:
                    raise LimitError(f"{safe(path)} has more than {limit} bytes")
    except OSError as error:
        raise FormatError(f"{safe(path)} cannot be read ({reading_problem(error)})") from None
    return MaterialFile(path=path, part=part, digest=Digest("sha256", hasher.hexdigest()), size=size)


def _store_file(parts: list[str], path: str) -> Part:
    kind, store, name = parts[len(FOLDER) :]
    if kind not in tuple(StoreType):
        raise FormatError(f"{safe(path, limit=160)!r} is in no kind of trust store ({', '.join(StoreType)})")
    if not _STORE_NAME.fullmatch(store):
        raise FormatError(f"{safe(path, limit=160)!r} is in a trust store whose name cannot travel")
    if not name.lower().endswith(EXTENSIONS):
        raise FormatError(f"{safe(path, limit=160)!r} is not named as a certificate file ({', '.join(EXTENSIONS)})")
    return Part.ANCHOR


def _check_name(name: str, path: str) -> None:
    shown = safe(path, limit=160)
    if not _NAME.fullmatch(name) or _FORBIDDEN.intersection(name):
        raise FormatError(f"{shown!r} has a name that does not hold on every file system")
    if name.partition(".")[0].rstrip(" ").casefold() in _DEVICES:
        raise FormatError(f"{shown!r} has the name of a device of Windows")
