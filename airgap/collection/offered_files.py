"""Finds evidence in files and folders that a person offers, and in which order it is taken."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import FormatError, LimitError, UsageError
from airgap.files import read_regular, reading_problem
from airgap.pki.crl_pem import split_pem
from airgap.revocation.evidence_directory import CRLS, OCSP
from airgap.revocation.evidence_reader import holds_responders_alone
from airgap.revocation.misplaced import POSSIBLE, says_evidence
from airgap.text import safe

_ENDINGS: Final = frozenset({".crl", ".ors"})
_COMMON_ENDINGS: Final = frozenset({".pem", ".der"})


def offered_files(path: Path) -> Iterator[tuple[str, bytes]]:
    """A file, or all files in a folder with names of evidence, in the order of names. Raises UsageError."""
    names = sorted(_below(path)) if path.is_dir() else [path]
    if len(names) > limits.EVIDENCE_FILES:
        raise UsageError(f"{safe(path)} holds {len(names)} files, more than {limits.EVIDENCE_FILES}")
    for name in names:
        if path.is_dir() and not _ends_in(name, _ENDINGS):
            yield from _unnamed(name, path)
            continue
        try:
            yield safe(name), read_regular(name, limits.CRL_FILE_BYTES)
        except FormatError as error:
            raise _cannot_read(name, error) from None


def _below(folder: Path) -> Iterator[Path]:
    """Files below a folder with endings of evidence, and all in folders of evidence; no links to folders."""
    for parent, folders, names in os.walk(folder, onerror=_cannot_list):
        folders[:] = [name for name in folders if not name.startswith(".") or says_evidence(name)]
        for path in (Path(parent, name) for name in names):
            is_possible = path.parent == folder or path.suffix.lower() in POSSIBLE
            if is_possible or _is_likely(path, folder) or _ends_in(path, _ENDINGS):
                yield path
        yield from (path for name in folders if says_evidence(name) and (path := Path(parent, name)).is_symlink())


def _ends_in(path: Path, endings: frozenset[str]) -> bool:
    """Whether a file that is not hidden has one of these endings."""
    return not path.name.startswith(".") and not endings.isdisjoint(map(str.lower, path.suffixes))


def _is_likely(path: Path, folder: Path) -> bool:
    """Whether its name, or that of one of its folders, is usual for evidence."""
    return any(map(says_evidence, path.relative_to(folder).parts))


def _unnamed(path: Path, folder: Path) -> Iterator[tuple[str, bytes]]:
    """Whether a file with another name is evidence, or may contain some and has a name or folder of evidence.

    Or holds the certificate of an OCSP responder, which a response may lack.
    """
    from airgap.pki.file_kinds import Kind, recognise
    from airgap.pki.wrong_files import is_no_evidence, may_hide_evidence

    is_meant = not path.name.startswith(".") and _is_likely(path, folder)
    is_ambiguous = path.parent in {folder, folder / CRLS, folder / OCSP} and _ends_in(path, _COMMON_ENDINGS)
    try:
        data = read_regular(path, limits.CRL_FILE_BYTES)
    except FormatError as error:
        if is_meant or is_ambiguous:
            raise _cannot_read(path, error) from None
        return
    found = recognise(data)
    is_evidence = found is not None and found.kind in {Kind.CRL, Kind.OCSP_RESPONSE}
    is_possible = is_meant or (path.suffix.lower() in POSSIBLE and not path.name.startswith("."))
    if (
        is_evidence
        or holds_responders_alone(data)
        or (is_possible and may_hide_evidence(data))
        or (is_ambiguous and not is_no_evidence(data))
    ):
        yield safe(path), data


def _cannot_read(path: Path, error: FormatError) -> UsageError:
    return UsageError(f"{safe(path)} {error.problem}", remedy=error.remedy or "Name files with CRLs or OCSP responses.")


def _cannot_list(error: OSError) -> None:
    raise UsageError(f"{safe(error.filename)} cannot be listed: {reading_problem(error)}") from None


def pieces_of(data: bytes) -> tuple[bytes, ...]:
    """The CRLs of a file; a file that holds too many is refused as a whole where it is taken."""
    try:
        return split_pem(data)
    except LimitError:
        return (data,)


def order_of(data: bytes) -> tuple[bool, bool, float]:
    """Sorts evidence as it is taken: CRLs by age, bases before deltas, and then all else."""
    from airgap.pki.crl_facts import read_facts

    try:
        facts = read_facts(data)
    except FormatError:
        return True, False, 0.0
    return False, facts.is_delta, facts.this_update.timestamp()
