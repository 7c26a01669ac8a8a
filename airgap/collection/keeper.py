"""Writing evidence into a trust directory: complete or not at all, and never anything older (design 4, 9).

What is handed in has been proven by the caller. Older generations stay for questions about the past: an issuer may drop
entries of expired certificates from newer CRLs (RFC 5280, 3.3). `prune` removes those of which nothing would be lost.
Several processes may write at once: the folder is locked while one file and its entry in the index are written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import FormatError, LimitError, Undecided
from airgap.files import make_folders, read_regular, sync_folder, write_file
from airgap.locking import exclusive
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.digests import digest
from airgap.pki.ocsp import OcspResponse, SingleResponse
from airgap.revocation.directory import CRLS, MAKE_ROOM, OCSP, file_names, read_index
from airgap.revocation.index import INDEX, EvidenceIndex
from airgap.revocation.kept import CrlFacts, Kept, State, list_crls, read_crl
from airgap.text import safe

_FOLDER_MODE: Final = 0o700  # as notation's (STORE-14)
_SPARE: Final = 3
"""Room for the new file, the index and a temporary name."""
_OWN_NAME: Final = re.compile(r"[0-9a-f]{16}-[0-9]{14}-[0-9a-f]{8}\.ors")


class EvidenceKeeper:
    """The folders `crls` and `ocsp` below `root`, for writing. Safe for threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root

    # --- CRLs ---

    def keep_crl(self, crl: Crl, issuer: Certificate | None, urls: Sequence[str]) -> Kept:
        """Put a CRL that `issuer` signed under the distribution point `urls`; none where nobody says whose it is.

        Without `issuer` nobody has proven it, nor what is there: it is put beside, whatever its date. Raises LimitError
        where the folder is full.

        Raises TrustMaterialError(evidence.malformed) where the index can not be read, OSError.
        """
        folder = self._folder(CRLS)
        facts = CrlFacts.of("", crl)
        with exclusive(folder):
            index = read_index(folder)
            mapped = frozenset(name for url in urls for name in index.files.get(url, ()))
            # files of these URLs, or of none: those of others may be parts of a whole that share a name and no scope
            names = [n for n in file_names(folder, ".crl", index) if n in mapped or n not in index.claimed]
            rivals = list_crls(folder, names)
            if issuer is not None and (newer := _newer(folder, facts, rivals, issuer)):
                return Kept(state=State.OLDER, name=newer.name)
            same = next((file for file in rivals if file.fingerprint == facts.fingerprint), None)
            name = same.name if same else facts.file_name
            if not same:
                _check_room(folder)
                write_file(folder / name, crl.der)
            if urls:
                adopted = self._adopted(folder, facts, rivals, issuer) if issuer and not mapped else ()
                kept = [name, *mapped, *adopted]
                _map(folder, index, urls, kept, rivals, facts)
        return Kept(state=State.UNCHANGED if same else State.NEW, name=name)

    def _adopted(self, folder: Path, facts: CrlFacts, rivals: Iterable[CrlFacts], issuer: Certificate) -> list[str]:
        """Names for the files that answered for these URLs while no index did: once it does, only its files count.

        Copies, because a file that one URL claims no longer answers for others.
        """
        names: list[str] = []
        for file in rivals:
            if file.issuer != facts.issuer or file.is_delta != facts.is_delta or file.fingerprint == facts.fingerprint:
                continue
            try:
                crl = read_crl(folder, file.name)
                crl.verify_signed_by(issuer)
            except (FormatError, Undecided):
                continue
            if file.file_name != file.name:
                _check_room(folder)
                write_file(folder / file.file_name, crl.der)
            names.append(file.file_name)
        return names

    def prune(self, issuer: Certificate, urls: Sequence[str]) -> tuple[str, ...]:
        """Remove generations of which nothing would be lost; the names of what is gone.

        A base goes when a newer one of its stream lists all that it lists, a delta when a newer one is there or its
        base has caught up. What an older CRL alone says stays.
        """
        folder = self._folder(CRLS)
        with exclusive(folder):
            index = read_index(folder)
            mapped = frozenset(name for url in urls for name in index.files.get(url, ()))
            files = [file for file in list_crls(folder, sorted(mapped)) if file.issuer == issuer.subject]
            gone = frozenset(_superseded(folder, files, issuer))
            if gone:
                _write_index(folder, {url: [n for n in names if n not in gone] for url, names in index.files.items()})
                _remove(folder, gone)
        return tuple(sorted(gone))

    # --- OCSP ---

    def keep_ocsp(self, data: bytes, response: OcspResponse, certificate: Certificate, issuer: Certificate) -> Kept:
        """Put a response (`data`) that was proven to answer for `certificate`. Raises as `keep_crl`."""
        single = response.find(certificate, issuer)
        if single is None:
            raise ValueError("the response is about another certificate")
        folder = self._folder(OCSP)
        with exclusive(folder):
            index = read_index(folder)
            for name, rival in _answers(folder, index, certificate, issuer):
                if rival.fingerprint == response.fingerprint:
                    return Kept(state=State.UNCHANGED, name=name)
                if _is_newer(rival, single, certificate, issuer):
                    return Kept(state=State.OLDER, name=name)
            name = f"{_stream(certificate, issuer)}-{single.this_update:%Y%m%d%H%M%S}-{response.fingerprint[:8]}.ors"
            _check_room(folder)
            write_file(folder / name, data)
            # a responder's URL is mapped only if it was before: responses are found by what they are about
            if mapped := [url for url in certificate.ocsp_urls if url in index.files]:
                _write_index(folder, {**index.files, **{url: [name, *index.files[url]] for url in mapped}})
        return Kept(state=State.NEW, name=name)

    def prune_ocsp(self, certificate: Certificate, issuer: Certificate) -> tuple[str, ...]:
        """Remove responses that only say `good` about `certificate` where there is a newer one; their names."""
        folder = self._folder(OCSP)
        with exclusive(folder):
            index = read_index(folder)
            found = [
                (single, name, len(response.responses))
                for name, response in _answers(folder, index, certificate, issuer)
                if (single := response.find(certificate, issuer)) is not None and _is_signed(response, single, issuer)
            ]
            newest = max((single.this_update for single, _, _ in found), default=None)
            gone = frozenset(
                name
                for single, name, answers in found
                # what revokes stays, and what answers for others, too
                if newest is not None and single.this_update < newest and single.status == "good" and answers == 1
            )
            if gone:
                files = {url: [n for n in names if n not in gone] for url, names in index.files.items()}
                if files:
                    _write_index(folder, files)
                _remove(folder, gone)
        return tuple(sorted(gone))

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        make_folders(folder, mode=_FOLDER_MODE)
        return folder


def _newer(folder: Path, facts: CrlFacts, rivals: Iterable[CrlFacts], issuer: Certificate) -> CrlFacts | None:
    for file in rivals:
        if file.stream == facts.stream and facts.is_older_than(file) and _verifies(folder, file, issuer):
            return file
    return None


def _verifies(folder: Path, file: CrlFacts, issuer: Certificate) -> bool:
    try:
        read_crl(folder, file.name).verify_signed_by(issuer)
    except (FormatError, Undecided):
        return False
    return True


def _superseded(folder: Path, files: Sequence[CrlFacts], issuer: Certificate) -> Iterable[str]:
    proven = [file for file in files if _verifies(folder, file, issuer)]
    for file in proven:
        newer = [other for other in proven if other.stream == file.stream and file.is_older_than(other)]
        if file.is_delta:
            bases = (other for other in proven if not other.is_delta and other.scope == file.scope)
            caught_up = any((base.number or 0) >= (file.number or 0) for base in bases)
            if newer or caught_up:
                yield file.name
        elif newer:
            newest = max(newer, key=lambda other: (other.this_update, other.number or 0))
            if read_crl(folder, newest.name).lists_all_of(read_crl(folder, file.name)):
                yield file.name


def _answers(
    folder: Path, index: EvidenceIndex, certificate: Certificate, issuer: Certificate
) -> list[tuple[str, OcspResponse]]:
    found: list[tuple[str, OcspResponse]] = []
    own = _stream(certificate, issuer)
    for name in file_names(folder, ".ors", index):
        if _OWN_NAME.fullmatch(name) and not name.startswith(own):
            continue  # by its name it is about another certificate
        try:
            response = OcspResponse.parse(read_regular(folder / name, limits.OCSP_BYTES))
        except FormatError:
            continue
        if response.find(certificate, issuer) is not None:
            found.append((name, response))
    return found


def _stream(certificate: Certificate, issuer: Certificate) -> str:
    return digest("sha256", issuer.fingerprint.encode() + certificate.der).hex()[:16]


def _is_newer(rival: OcspResponse, single: SingleResponse, certificate: Certificate, issuer: Certificate) -> bool:
    other = rival.find(certificate, issuer)
    return other is not None and other.this_update > single.this_update and _is_signed(rival, other, issuer)


def _is_signed(response: OcspResponse, single: SingleResponse, issuer: Certificate) -> bool:
    try:
        response.verify_signed_for(issuer, at=single.this_update)
    except Undecided:
        return False
    return True


def _map(
    folder: Path,
    index: EvidenceIndex,
    urls: Sequence[str],
    names: Iterable[str],
    known: Iterable[CrlFacts],
    new: CrlFacts,
) -> None:
    """Newest first, for people; the reader sorts by what the files say."""
    moments = {file.name: file.this_update for file in known} | {new.file_name: new.this_update}
    wanted = sorted(set(names), key=lambda name: (moments.get(name, new.this_update), name), reverse=True)
    files: dict[str, Sequence[str]] = {**index.files, **dict.fromkeys(urls, wanted)}
    if files != {url: list(found) for url, found in index.files.items()}:
        _write_index(folder, files)


def _write_index(folder: Path, files: Mapping[str, Sequence[str]]) -> None:
    kept = {url: names[0] if len(names) == 1 else list(names) for url, names in sorted(files.items()) if names}
    data = (json.dumps(kept, indent=2, ensure_ascii=False) + "\n").encode()
    if len(data) > limits.EVIDENCE_INDEX_BYTES:  # who reads it would refuse all of it
        raise LimitError(f"{safe(folder / INDEX)} would have {len(data)} bytes", remedy=MAKE_ROOM)
    write_file(folder / INDEX, data)


def _check_room(folder: Path) -> None:
    """One file too many, and no verification could use any: a reader refuses such a folder."""
    with os.scandir(folder) as entries:
        count = sum(1 for _ in entries)
    if count + _SPARE > limits.EVIDENCE_FILES:
        raise LimitError(
            f"{safe(folder)} has {count} entries, and no more than {limits.EVIDENCE_FILES} are read", remedy=MAKE_ROOM
        )


def _remove(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        with suppress(FileNotFoundError):
            (folder / name).unlink()
    sync_folder(folder)
