"""Writes evidence into a trust directory: complete files, and never anything older (decision 0021).

The caller has proven the evidence. Older generations stay for questions about the past: newer CRLs may leave out
entries of expired certificates (RFC 5280, 3.3). `prune` removes the generations whose entries are all in newer ones.
Several processes may write at once: the folder is locked while one file and its entry in the index are written.
"""

from __future__ import annotations

import json
import os
import re
from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.collection.attempts import AttemptResult
from airgap.errors import FormatError, LimitError, Undecided
from airgap.files import make_folders, read_regular, sweep_folder, sync_folder, write_file
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
_STREAM: Final = 16  # hex digits
_OWN_NAME: Final = re.compile(rf"[0-9a-f]{{{_STREAM}}}-[0-9]{{14}}-[0-9a-f]{{8}}\.ors")


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
        self._ocsp: Final = _KnownResponses(root / OCSP)
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
            state, name = AttemptResult.UNCHANGED, known.name_of(crl)
            if name is None and issuer is not None:
                state, name = AttemptResult.OLDER, _replaced_by(folder, crl, known.generations, issuer)
            if name is None:
                state, name = AttemptResult.NEW, crl_name(crl)
                known.add(name, crl)
            known.map(_mapped(known.index, urls, name))
        return Kept(state=state, name=name)

    def prune(self, issuer: Certificate) -> tuple[str, ...]:
        """Remove CRLs of `issuer` that newer ones replace; returns their names.

        A CRL is removed if a newer usable one of its stream has all its entries. A CRL with an entry of its own stays.
        """
        folder = self._folder(CRLS)
        with exclusive(folder):
            known = self._crls
            known.look()
            gone = frozenset(name for name in known.of(issuer) if _is_unneeded(folder, name, known.generations, issuer))
            known.remove(gone)
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
            known = self._ocsp
            known.look()
            own = _stream(certificate, issuer)
            dated = f"{own}-{statements[0].this_update:%Y%m%d%H%M%S}"
            name = f"{dated}-{response.fingerprint[:8]}.ors"
            for there, rival in self._responses(folder, (name, *known.others)):
                if rival.fingerprint == response.fingerprint:
                    return Kept(state=AttemptResult.UNCHANGED, name=there)
            if _revokes_nothing(response):  # only what is as new can replace it: there may be thousands
                newer = sorted((item for item in known.of(own) if item >= dated), reverse=True)
                for there, rival in self._responses(folder, (*newer, *known.others)):
                    if _replaces(rival, response, certificate, issuer):
                        return Kept(state=AttemptResult.OLDER, name=there)
            known.add(name, data)
            # a responder's URL is mapped only if it was before: responses are found by serial number
            files = known.index.files
            known.map({**files, **{url: [name, *files[url]] for url in certificate.ocsp_urls if url in files}})
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
            self._ocsp.look()
            for name, data in files.items():
                self._ocsp.add(name, data)

    def prune_ocsp(self, certificate: Certificate, issuer: Certificate) -> tuple[str, ...]:
        """Remove responses that do not revoke `certificate` where a newer one replaces them; their names."""
        folder = self._folder(OCSP)
        with exclusive(folder):
            known = self._ocsp
            known.look()
            # by its name another one may be about another certificate
            names = (*known.of(_stream(certificate, issuer)), *known.others)
            found = [item for item in self._responses(folder, names) if item[1].statements(certificate, issuer)]
            gone = frozenset(
                name
                for name, response in found
                if _revokes_nothing(response)
                and any(_replaces(other, response, certificate, issuer) for _, other in found)
                and not self._is_needed(response)
            )
            known.remove(gone)
        return tuple(sorted(gone))

    def _is_needed(self, response: OcspResponse) -> bool:
        """Whether another response lacks the certificate of its responder, and this one holds it."""
        if self._without_responder is None:
            every = self._responses(self._folder(OCSP), self._ocsp.names)
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


class _KnownFolder:
    """What is known of a folder of evidence, which is locked. It is listed again only where others have changed it."""

    def __init__(self, folder: Path, ending: str) -> None:
        self._folder, self._ending = folder, ending
        self.index = EvidenceIndex()
        self.names: dict[str, object] = {}
        """Its files of evidence, each with what shows whether it is still the same."""
        self._entries = 0
        """Everything in it."""
        self._states: tuple[object, object] = (None, None)
        """Of the folder and of its index."""

    def changed(self) -> Sequence[str] | None:
        """The names of files that are new or another one; None where nothing has changed.

        Raises TrustMaterialError(evidence.malformed).
        """
        if self._now() == self._states:
            return None
        sweep_folder(self._folder)  # here, and not again for each file that is written
        self.index = read_evidence_index(self._folder)
        before = self.names
        self.names = {name: _state(self._folder / name) for name in file_names(self._folder, self._ending, self.index)}
        self._entries = len(os.listdir(self._folder))  # noqa: PTH208 - names alone
        self._states = self._now()
        return [name for name, mark in self.names.items() if mark is None or mark != before.get(name)]

    def forget(self) -> None:
        """List it again the next time."""
        self._states = (None, None)

    def write(self, name: str, data: bytes) -> None:
        """A new file. Raises LimitError where there is no room: a verifier refuses a folder with more files."""
        if self._entries + _SPARE > limits.EVIDENCE_FILES:
            raise LimitError(
                f"{safe(self._folder)} has {self._entries} entries, and no more than {limits.EVIDENCE_FILES} are read",
                remedy=MAKE_ROOM,
            )
        path = self._folder / name
        write_file(path, data, sweep=False)
        if name not in self.names:
            self._entries += 1
        if name.lower().endswith(self._ending):
            self.names[name] = _state(path)
        self._states = self._now()

    def map(self, files: Mapping[str, Sequence[str]]) -> None:
        """Make these the index."""
        if files != self.index.files:
            self._entries += not self.index.files
            _write_index(self._folder, files)
            self.index = read_evidence_index(self._folder)
            self._states = self._now()

    def remove(self, gone: Collection[str]) -> None:
        """Remove files, and their names in the index."""
        if not gone:
            return
        self.map({url: [name for name in names if name not in gone] for url, names in self.index.files.items()})
        for name in gone:
            with suppress(FileNotFoundError):
                (self._folder / name).unlink()
        sync_folder(self._folder)

    def _now(self) -> tuple[object, object]:
        return _state(self._folder), _state(self._folder / INDEX)


class _KnownCrls(_KnownFolder):
    """The same of the folder of CRLs."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ".crl")
        self.generations = _Generations({})
        self._facts: dict[str, CrlFacts] = {}
        self._by_fingerprint: dict[str, str] = {}

    def look(self) -> None:
        """Read what others have changed. Raises TrustMaterialError(evidence.malformed)."""
        changed = self.changed()
        if changed is None:
            return
        unread = set(changed)
        known = {name: facts for name, facts in self._facts.items() if name in self.names and name not in unread}
        self._facts = dict(sorted({**known, **list_crls(self._folder, changed)}.items()))
        self.generations = _Generations(self._facts)
        self._by_fingerprint = {}
        for name, facts in self._facts.items():
            self._by_fingerprint.setdefault(facts.fingerprint, name)

    def of(self, issuer: Certificate) -> Iterator[str]:
        """Those with the name of this issuer."""
        return (name for name, facts in self._facts.items() if same_name(facts.issuer, issuer.subject))

    def name_of(self, crl: CrlFacts) -> str | None:
        """The file that is this CRL."""
        name = self._by_fingerprint.get(crl.fingerprint)
        if name is not None and _state(self._folder / name) != self.names[name]:  # the clock of a file system is coarse
            self.forget()
            self.look()
            name = self._by_fingerprint.get(crl.fingerprint)
        return name

    def add(self, name: str, crl: Crl) -> None:
        """Write a CRL."""
        self.write(name, crl.der)
        self._facts[name] = crl.facts
        self._by_fingerprint.setdefault(crl.fingerprint, name)
        self.generations.add(name, crl.facts)


class _KnownResponses(_KnownFolder):
    """The same of the folder of OCSP responses, by their names: there may be thousands."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, ".ors")
        self.others: list[str] = []
        """Those with a name that is not ours."""
        self._own: defaultdict[str, set[str]] = defaultdict(set)

    def look(self) -> None:
        """Sort them anew where others have changed something. Raises TrustMaterialError(evidence.malformed)."""
        if self.changed() is None:
            return
        self.others = []
        self._own.clear()
        for name in self.names:
            self._sort(name)

    def add(self, name: str, data: bytes) -> None:
        """Write a response, or the certificate of a responder."""
        is_new = name not in self.names
        self.write(name, data)
        if is_new and name in self.names:
            self._sort(name)

    def of(self, stream: str) -> Collection[str]:
        """Those with a name of ours that are about one certificate."""
        return self._own.get(stream, ())

    def _sort(self, name: str) -> None:
        if _OWN_NAME.fullmatch(name):
            self._own[name[:_STREAM]].add(name)
        else:
            self.others.append(name)


class _Generations:
    """CRLs by stream and age, so that each is compared with those alone that may replace it."""

    def __init__(self, facts: Mapping[str, CrlFacts]) -> None:
        self._streams: Final[defaultdict[str, list[_Aged]]] = defaultdict(list)
        for name, item in sorted(facts.items(), key=lambda found: found[1].age):
            self._streams[item.stream].append((item.age, name, item))

    def add(self, name: str, crl: CrlFacts) -> None:
        """One more."""
        insort(self._streams[crl.stream], (crl.age, name, crl), key=_age)

    def replacing(self, crl: CrlFacts) -> Iterator[str]:
        """Those that claim to replace it, the newest first."""
        found: list[Iterator[_Aged]] = []
        for stream in dict.fromkeys((crl.stream, crl.base_stream)):
            known = self._streams.get(stream, [])
            # a complete CRL that is as new replaces a delta, whatever its fingerprint
            first = bisect_left(known, (*crl.issued, ""), key=_age)
            found.append(reversed(known[first:]))
        for _, name, facts in merge(*found, key=_age, reverse=True):
            if facts.may_replace(crl):
                yield name


_Aged = tuple[tuple[datetime, int, str], str, CrlFacts]


def _age(item: _Aged) -> tuple[datetime, int, str]:
    return item[0]


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


def _replaced_by(folder: Path, crl: Crl, rivals: _Generations, issuer: Certificate) -> str | None:
    """The newest CRL among `rivals` that replaces `crl`: newer, of its stream, genuine, and with all its entries.

    A complete CRL of the same scope that is as new also replaces a delta CRL.
    """
    for name in rivals.replacing(crl):
        try:
            other = read_crl(folder, name)
            other.verify_signed_by(issuer)
            other.check_clears()
        except (FormatError, Undecided):
            continue
        if other.lists_all_of(crl):
            return name
    return None


def _is_unneeded(folder: Path, name: str, rivals: _Generations, issuer: Certificate) -> bool:
    """Whether a newer CRL replaces this one. A CRL that is not proven is never removed."""
    crl = read_crl(folder, name)
    try:
        crl.verify_made_by(issuer)
    except Undecided:
        return False
    return _replaced_by(folder, crl, rivals, issuer) is not None


def _stream(certificate: Certificate, issuer: Certificate) -> str:
    return digest("sha256", issuer.fingerprint.encode() + certificate.der).hex()[:_STREAM]


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


def _mapped(index: EvidenceIndex, urls: Sequence[str], name: str) -> Mapping[str, Sequence[str]]:
    """With where a file came from, the last one first. The index is for people and tools; it decides nothing."""
    files: dict[str, Sequence[str]] = dict(index.files)
    for url in urls:
        known = index.files.get(url, ())
        files[url] = known if name in known else (name, *known)
    return files


def _write_index(folder: Path, files: Mapping[str, Sequence[str]]) -> None:
    kept = {url: names[0] if len(names) == 1 else list(names) for url, names in sorted(files.items()) if names}
    data = (json.dumps(kept, indent=2, ensure_ascii=False) + "\n").encode()
    if len(data) > limits.EVIDENCE_INDEX_BYTES:  # who reads it would refuse all of it
        raise LimitError(f"{safe(folder / INDEX)} would have {len(data)} bytes", remedy=MAKE_ROOM)
    write_file(folder / INDEX, data, sweep=False)
