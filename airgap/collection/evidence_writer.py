"""Writes evidence into a trust directory: complete files, and never anything older (decision 0021).

The caller has proven the evidence. Older generations stay for questions about the past: newer CRLs may leave out
entries of expired certificates (RFC 5280, 3.3). `prune` removes the generations whose entries are all in newer ones.
Several processes may write at once: the folder is locked while one file and its entry in the index are written.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.collection.attempts import AttemptResult
from airgap.errors import FormatError, LimitError, Undecided
from airgap.files import make_folders, read_regular, sync_folder, write_file
from airgap.hashing import digest
from airgap.locking import exclusive
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.crl_facts import CrlFacts
from airgap.pki.distinguished_names import same_name
from airgap.pki.ocsp import OcspResponse
from airgap.pki.single_response import SingleResponse
from airgap.revocation.evidence_directory import (
    CRLS,
    MAKE_ROOM,
    OCSP,
    EvidenceDirectory,
    file_names,
    list_crls,
    read_crl,
    read_evidence_index,
)
from airgap.revocation.index import INDEX, EvidenceIndex
from airgap.text import safe

_FOLDER_MODE: Final = 0o700  # as notation's (STORE-14)
_NUMBER: Final = 40  # hex digits of a CRL number: RFC 5280 allows 20 octets, and file names are bounded
_SPARE: Final = 3
"""Directory entries to keep free: the new file, the index and a temporary file."""
_OWN_NAME: Final = re.compile(r"[0-9a-f]{16}-[0-9]{14}-[0-9a-f]{8}\.ors")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """Where a piece of evidence is."""

    state: AttemptResult
    """NEW, UNCHANGED (the same bytes were there), or OLDER (newer evidence with the same entries is there)."""
    name: str
    """Its file; for OLDER the newer one's."""


class EvidenceWriter:
    """The folders `crls` and `ocsp` below `root`, for writing. Safe for threads and processes."""

    def __init__(self, root: Path) -> None:
        self.root: Final = root
        self._without_responder: tuple[OcspResponse, ...] | None = None
        """Of each responder a response that holds no certificate that proves it, once they were searched."""
        self._crls: Final = _KnownCrls(root / CRLS)
        self._parsed: Final[dict[tuple[Path, object], OcspResponse]] = {}

    # --- CRLs ---

    def keep_crl(self, crl: Crl, issuer: Certificate | None, urls: Sequence[str]) -> Kept:
        """Keep a CRL that `issuer` made, found at `urls`. `issuer` is None if no available certificate proves the CRL.

        An older CRL of a stream is ignored if a newer one has all its entries. Without `issuer` neither this CRL nor
        those that are there are proven: it is kept beside them, whatever its date. Raises LimitError where
        the folder is full, TrustMaterialError(evidence.malformed) where the index cannot be read, OSError.
        """
        folder = self._folder(CRLS)
        with exclusive(folder):
            known = self._crls
            known.look()
            same = known.names.get(crl.fingerprint)
            if same is None and issuer is not None and (newer := _replaced_by(folder, crl, known.facts, issuer)):
                known.map(urls, newer)
                return Kept(state=AttemptResult.OLDER, name=newer)
            name = same or crl_name(crl)
            if same is None:
                _check_room(folder)
                write_file(folder / name, crl.der)
                known.add(name, crl.facts)
            known.map(urls, name)
        return Kept(state=AttemptResult.UNCHANGED if same else AttemptResult.NEW, name=name)

    def prune(self, issuer: Certificate) -> tuple[str, ...]:
        """Remove CRLs of `issuer` that newer ones replace; returns their names.

        A CRL is removed if a newer usable one of its stream has all its entries. A CRL with an entry of its own stays.
        """
        folder = self._folder(CRLS)
        with exclusive(folder):
            index = read_evidence_index(folder)
            known = list_crls(folder, file_names(folder, ".crl", index))
            files = {name: facts for name, facts in known.items() if same_name(facts.issuer, issuer.subject)}
            gone = frozenset(name for name in files if _is_unneeded(folder, name, files, issuer))
            if gone:
                _write_index(folder, {url: [n for n in names if n not in gone] for url, names in index.files.items()})
                _remove(folder, gone)
        return tuple(sorted(gone))

    # --- OCSP ---

    def keep_ocsp(
        self,
        data: bytes,
        response: OcspResponse,
        certificate: Certificate,
        issuer: Certificate,
        renewed: tuple[Certificate, ...],
    ) -> Kept:
        """Put a response (`data`) that was proven to answer for `certificate`, by whichever key of its issuer.

        Raises as `keep_crl`.
        """
        statements = response.statements(certificate, issuer, *renewed)
        if not statements:
            raise ValueError("the response is about another certificate")
        folder = self._folder(OCSP)
        with exclusive(folder):
            index = read_evidence_index(folder)
            own = _stream(certificate, issuer)
            dated = f"{own}-{statements[0].this_update:%Y%m%d%H%M%S}"
            name = f"{dated}-{response.fingerprint[:8]}.ors"
            names = file_names(folder, ".ors", index)
            others = [item for item in names if not _OWN_NAME.fullmatch(item)]
            for there, rival in self._responses(folder, (name, *others)):
                if rival.fingerprint == response.fingerprint:
                    return Kept(state=AttemptResult.UNCHANGED, name=there)
            if _revokes_nothing(response):  # only what is as new can replace it: there may be thousands
                newer = sorted((item for item in names if item.startswith(own) and item >= dated), reverse=True)
                for there, rival in self._responses(folder, (*newer, *others)):
                    if _replaces(rival, response, certificate, issuer):
                        return Kept(state=AttemptResult.OLDER, name=there)
            _check_room(folder)
            write_file(folder / name, data)
            # a responder's URL is mapped only if it was before: responses are found by serial number
            if mapped := [url for url in certificate.ocsp_urls if url in index.files]:
                _write_index(folder, {**index.files, **{url: [name, *index.files[url]] for url in mapped}})
        return Kept(state=AttemptResult.NEW, name=name)

    def keep_responders(self, holders: Mapping[str, OcspResponse], certificates: Iterable[Certificate]) -> None:
        """Put what holds the certificates of responders that kept responses lack, where it is not there yet.

        Responses, by fingerprint: they may be about other certificates, or older than what is there. And certificates
        that are in no genuine response. Raises LimitError, TrustMaterialError, OSError.
        """
        lone = dict.fromkeys(certificates)
        if not (holders or lone):
            return
        folder = self._folder(OCSP)
        with exclusive(folder):
            kept = EvidenceDirectory.open(self.root)
            there, known = kept.fingerprints(), kept.responders()
            files = {f"{key[:24]}.ors": holder.der for key, holder in holders.items() if key not in there}
            files |= {f"{item.fingerprint[:24]}.cer": item.der for item in lone if item not in known}
            for name, data in files.items():
                _check_room(folder)
                write_file(folder / name, data)

    def prune_ocsp(self, certificate: Certificate, issuer: Certificate) -> tuple[str, ...]:
        """Remove responses that do not revoke `certificate` where a newer one replaces them; their names."""
        folder = self._folder(OCSP)
        with exclusive(folder):
            index = read_evidence_index(folder)
            own = _stream(certificate, issuer)
            # by its name it may be about another certificate
            names = (n for n in file_names(folder, ".ors", index) if not _OWN_NAME.fullmatch(n) or n.startswith(own))
            found = [item for item in self._responses(folder, names) if item[1].statements(certificate, issuer)]
            gone = frozenset(
                name
                for name, response in found
                if _revokes_nothing(response)
                and any(_replaces(other, response, certificate, issuer) for _, other in found)
                and not self._is_needed(response)
            )
            if gone:
                files = {url: [n for n in names if n not in gone] for url, names in index.files.items()}
                if files:
                    _write_index(folder, files)
                _remove(folder, gone)
        return tuple(sorted(gone))

    def _is_needed(self, response: OcspResponse) -> bool:
        """Whether another response lacks the certificate of its responder, and this one holds it."""
        if self._without_responder is None:
            folder = self._folder(OCSP)
            every = self._responses(folder, file_names(folder, ".ors", read_evidence_index(folder)))
            # it may hold the certificate of another key of its responder, too
            lacking = (other for _, other in every if not any(map(other.is_signed_by, other.delegates)))
            self._without_responder = tuple({(other.responder, other.delegates): other for other in lacking}.values())
        delegates = [item for item in response.delegates if response.may_sign(item)]
        return any(other.lacks(item) for other in self._without_responder for item in delegates)

    def _responses(self, folder: Path, names: Iterable[str]) -> Iterator[tuple[str, OcspResponse]]:
        """Those that can be read; each is parsed once while its file stays the same."""
        for name in names:
            state = folder / name, _state(folder / name)
            if state not in self._parsed:
                with suppress(FormatError):
                    self._parsed[state] = OcspResponse.parse(read_regular(folder / name, limits.OCSP_BYTES))
            if state in self._parsed:
                yield name, self._parsed[state]

    def _folder(self, name: str) -> Path:
        folder = self.root / name
        make_folders(folder, mode=_FOLDER_MODE)
        return folder


class _KnownCrls:
    """What is known of the folder of CRLs, which is locked. A file is read again only where others have changed it."""

    def __init__(self, folder: Path) -> None:
        self._folder: Final = folder
        self.facts: dict[str, CrlFacts] = {}
        """By name."""
        self.names: dict[str, str] = {}
        """By fingerprint."""
        self._index = EvidenceIndex()
        self._entries: set[str] = set()
        self._marks: dict[str, object] = {}
        """By name, what shows whether a file is still the one that was read."""
        self._states: tuple[object, object] = (None, None)
        """Of the folder and of its index."""

    def look(self) -> None:
        """Read what has changed. Raises TrustMaterialError(evidence.malformed)."""
        entries, states = set(os.listdir(self._folder)), self._now()  # noqa: PTH208 - names alone, for each file of a run
        if entries == self._entries and states == self._states:  # the clock of a file system is coarse
            return
        if INDEX in entries or states[1] != self._states[1]:
            self._index = read_evidence_index(self._folder)
        names = file_names(self._folder, ".crl", self._index)
        marks = {name: _state(self._folder / name) for name in names}
        changed = [name for name in names if marks[name] is None or marks[name] != self._marks.get(name)]
        known = {name: facts for name, facts in self.facts.items() if name in marks and name not in set(changed)}
        self.facts, self.names = {}, {}
        for name, facts in sorted({**known, **list_crls(self._folder, changed)}.items()):
            self._list(name, facts)
        self._entries, self._marks, self._states = entries, marks, states

    def add(self, name: str, facts: CrlFacts) -> None:
        """A file that was written."""
        self._list(name, facts)
        self._entries.add(name)
        self._marks[name] = _state(self._folder / name)
        self._states = self._now()

    def map(self, urls: Sequence[str], name: str) -> None:
        """Record where a file came from."""
        before = self._index
        self._index = _map(self._folder, before, urls, name)
        if self._index is not before:
            self._entries.add(INDEX)
            self._states = self._now()

    def _list(self, name: str, facts: CrlFacts) -> None:
        self.facts[name] = facts
        self.names.setdefault(facts.fingerprint, name)

    def _now(self) -> tuple[object, object]:
        return _state(self._folder), _state(self._folder / INDEX)


def _state(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size


def crl_name(crl: Crl) -> str:
    """The name that a CRL is kept under: stream, number or date, and a piece of its fingerprint."""
    number = f"{crl.number:x}" if crl.number is not None else f"{crl.this_update:%Y%m%d%H%M%S}"
    return f"{crl.stream}-{number[:_NUMBER]}-{crl.fingerprint[:8]}{'-delta' if crl.is_delta else ''}.crl"


def _replaced_by(folder: Path, crl: Crl, rivals: Mapping[str, CrlFacts], issuer: Certificate) -> str | None:
    """The newest CRL among `rivals` that replaces `crl`: newer, of its stream, genuine, and with all its entries.

    A complete CRL of the same scope that is as new also replaces a delta CRL.
    """
    newer = {name: facts for name, facts in rivals.items() if facts.may_replace(crl)}
    for name, _ in sorted(newer.items(), key=lambda item: item[1].age, reverse=True):
        try:
            other = read_crl(folder, name)
            other.verify_signed_by(issuer)
            other.check_clears()
        except (FormatError, Undecided):
            continue
        if other.lists_all_of(crl):
            return name
    return None


def _is_unneeded(folder: Path, name: str, rivals: Mapping[str, CrlFacts], issuer: Certificate) -> bool:
    """Whether a newer CRL replaces this one. A CRL that is not proven is never removed."""
    crl = read_crl(folder, name)
    try:
        crl.verify_made_by(issuer)
    except Undecided:
        return False
    return _replaced_by(folder, crl, rivals, issuer) is not None


def _stream(certificate: Certificate, issuer: Certificate) -> str:
    return digest("sha256", issuer.fingerprint.encode() + certificate.der).hex()[:16]


def _revokes_nothing(response: OcspResponse) -> bool:
    """Whether a newer response can replace it: it answers for one certificate only, and revokes none."""
    return [single.status for single in response.responses] in (["good"], ["unknown"])


def _replaces(newer: OcspResponse, older: OcspResponse, certificate: Certificate, issuer: Certificate) -> bool:
    """Whether `newer` can replace `older`: the issuer itself signed it, or the same delegated responder.

    The certificate of another responder may end sooner, or be revoked.
    """
    there, here = newer.find(certificate, issuer), older.find(certificate, issuer)
    if there is None or here is None or there.doubt or newer.age_of(there) <= older.age_of(here):
        return False
    signer = _signer(newer, there, issuer)
    return signer is not None and signer in (issuer, _signer(older, here, issuer))


def _signer(response: OcspResponse, single: SingleResponse, issuer: Certificate) -> Certificate | None:
    """The authorized responder that signed this for `issuer`; None if there is none."""
    try:
        return response.verify_signed_for(issuer, at=single.this_update).certificate
    except Undecided:
        return None


def _map(folder: Path, index: EvidenceIndex, urls: Sequence[str], name: str) -> EvidenceIndex:
    """Record where a file came from, the last one first. The index is for people and tools; it decides nothing."""
    files: dict[str, Sequence[str]] = dict(index.files)
    for url in urls:
        known = index.files.get(url, ())
        files[url] = known if name in known else (name, *known)
    if files == index.files:
        return index
    _write_index(folder, files)
    return read_evidence_index(folder)


def _write_index(folder: Path, files: Mapping[str, Sequence[str]]) -> None:
    kept = {url: names[0] if len(names) == 1 else list(names) for url, names in sorted(files.items()) if names}
    data = (json.dumps(kept, indent=2, ensure_ascii=False) + "\n").encode()
    if len(data) > limits.EVIDENCE_INDEX_BYTES:  # who reads it would refuse all of it
        raise LimitError(f"{safe(folder / INDEX)} would have {len(data)} bytes", remedy=MAKE_ROOM)
    write_file(folder / INDEX, data)


def _check_room(folder: Path) -> None:
    """Refuses a file beyond the bound: a verifier refuses a folder with more files, and could use none of them."""
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
