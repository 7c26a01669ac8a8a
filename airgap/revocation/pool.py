"""The available evidence: CRLs and OCSP responses, found by issuer and serial number (decision 0009).

The place of evidence proves nothing: the revocation check verifies its signature. File names and indexes do not matter
for its meaning; the content decides what a file is. Unreadable files are `unread`: in the trust directory they may hide
an answer and are never ignored; in a target they are left out and reported.

Files are read at the first look-up, and their full content again when it is needed. Safe for threads.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeGuard

from airgap import limits
from airgap.once import Once
from airgap.pki.certificate import Certificate
from airgap.pki.distinguished_names import name_key
from airgap.pki.revoked import unsigned
from airgap.problem import Problem
from airgap.revocation.evidence_files import (
    CrlFile,
    EvidenceFile,
    EvidenceSummary,
    HeldCertificate,
    MisplacedEvidence,
    NewestEvidence,
    OcspFile,
    UnreadableEvidence,
)
from airgap.revocation.evidence_reader import read_evidence, unusable
from airgap.revocation.index import EvidenceIndex
from airgap.text import safe

_NO_INDEX = EvidenceIndex()


class EvidencePool:
    """Evidence from files."""

    def __init__(
        self,
        pieces: Sequence[EvidenceFile],
        *,
        unread: Sequence[UnreadableEvidence],
        index: EvidenceIndex = _NO_INDEX,
        notices: Sequence[Problem] = (),
        stored: Sequence[HeldCertificate] = (),
        signers: Sequence[Certificate] = (),
    ) -> None:
        """`index`: the URLs of CRLs. `unread`: files that could not be read when they were listed.

        `stored`: the certificates below `truststore`. `signers`: those in the envelopes and timestamp tokens of
        signatures.
        """
        self._index = index
        self._stored = tuple(stored)
        self.signers = tuple(signers)
        """The certificates in signatures."""
        self._sorted = Once(partial(_Sorted.of, pieces, tuple(unread), tuple(notices)))

    def crls(self, issuer: bytes) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        return self._sorted().by_issuer.get(name_key(issuer), ())

    def indirect(self) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        return self._sorted().indirect

    def ocsp(self, serial: int) -> tuple[OcspFile, ...]:
        """See `Evidence`."""
        return self._sorted().by_serial.get(unsigned(serial), ())

    def responders(self) -> Mapping[Certificate, Sequence[OcspFile]]:
        """See `Evidence`."""
        from airgap.pki.ocsp import OcspResponse  # imported only when there is a file to read

        found: defaultdict[Certificate, list[OcspFile]] = defaultdict(list)
        for file in self._sorted().responses:
            for item in file.response.certificates:
                if file.response.may_sign(item):
                    found[item].append(file)
        for held in self._sorted().certificates:
            if held.certificate and OcspResponse.may_sign(held.certificate):
                found[held.certificate] += ()
        for item in filter(OcspResponse.may_sign, self.signers):
            found[item] += ()
        return found

    def certificates(self) -> Iterator[Certificate]:
        """See `Evidence`."""
        yield from (held.certificate for held in self._all_held() if held.certificate)
        for file in self._sorted().responses:
            yield from file.response.certificates
        yield from self.signers

    def stored(self) -> Iterator[Certificate]:
        """Those of who may make evidence in all files of the operator, whatever their names and folders are."""
        return (item for held in self._all_held() if held.trusted and _may_make(item := held.certificate))

    def _all_held(self) -> Iterator[HeldCertificate]:
        return (held for held in (*self._sorted().certificates, *self._stored) if not held.problem)

    def held_certificates(self) -> tuple[HeldCertificate, ...]:
        """See `Evidence`."""
        return (*self._stored, *self._sorted().held_certificates)

    def lone_responders(self) -> tuple[Certificate, ...]:
        """Those that are in none of the responses, but in files of certificates, or beside CRLs."""
        return tuple(item for item, holders in self.responders().items() if not holders)

    @property
    def may_hold_makers(self) -> bool:
        """Whether it holds, or may hold, a certificate that shows who made evidence."""
        certificates = (held.certificate for held in self._sorted().certificates)
        return any(map(_may_make, certificates)) or bool(self.held_certificates())

    def mapped(self, urls: Iterable[str]) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        names = self._index.find(urls) or ()
        return tuple(file for file in self._sorted().crls if file.name in names)

    def unread(self, issuer: bytes, keys: Collection[bytes], urls: Collection[str]) -> tuple[UnreadableEvidence, ...]:
        """See `Evidence`."""
        return tuple(item for item in self._sorted().unread if item.trusted and item.may_be_from(issuer, keys, urls))

    def misplaced(self, certificate: Certificate) -> tuple[MisplacedEvidence, ...]:
        """See `Evidence`."""
        return tuple(item for item in self._sorted().misplaced if item.is_about(certificate))

    def trusted(self) -> tuple[CrlFile | OcspFile, ...]:
        """See `Evidence`."""
        return self._sorted().trusted

    def all_crls(self) -> tuple[CrlFile, ...]:
        """Every CRL, in the order of names."""
        return self._sorted().crls

    def all_ocsp(self) -> tuple[OcspFile, ...]:
        """Every OCSP response, in the order of names."""
        return self._sorted().responses

    def fingerprints(self) -> frozenset[str]:
        """Of every CRL and every OCSP response."""
        found = self._sorted()
        return frozenset((*(file.fingerprint for file in found.crls), *(file.fingerprint for file in found.responses)))

    @property
    def count(self) -> int:
        """Of all pieces, certificates included; of more than are read, the number that is read and one."""
        return self._sorted().pieces

    def all_unread(self) -> tuple[UnreadableEvidence, ...]:
        """Every file that cannot be read, in the order of names."""
        return self._sorted().unread

    def all_misplaced(self) -> tuple[MisplacedEvidence, ...]:
        """All evidence outside of its folders, in the order of names."""
        return self._sorted().misplaced

    def newest(self) -> NewestEvidence | None:
        """See `Evidence`."""
        return max(self._dated(), key=lambda made: (made.moment, made.name), default=None)

    def notices(self) -> tuple[Problem, ...]:
        """See `Evidence`."""
        found = self._sorted()
        return (
            *found.notices,
            *(_unread_problem(item) for item in found.unread),
            *_misplaced_problems(found.misplaced),
        )

    def summary(self) -> EvidenceSummary:
        """Counts and ages of all that is available."""
        moments = [made.moment for made in self._dated()]
        found = self._sorted()
        return EvidenceSummary(
            crls=len(found.crls),
            ocsp_responses=len(found.responses),
            unusable=len(self.notices()),
            newest=max(moments, default=None),
            oldest=min(moments, default=None),
        )

    def _dated(self) -> Iterator[NewestEvidence]:
        found = self._sorted()
        for crl in found.crls:
            yield NewestEvidence(moment=crl.facts.this_update, name=crl.name, origin=crl.origin)
        for ocsp in found.responses:
            yield NewestEvidence(moment=ocsp.response.produced_at, name=ocsp.name, origin=ocsp.origin)


def _unread_problem(item: UnreadableEvidence) -> Problem:
    """The notice about an unreadable file: left out in a target, never ignored in the trust directory."""
    if not item.trusted:
        return unusable(item.name, f"{item.problem} ({item.origin})", remedy=item.remedy)
    return Problem(
        reason="evidence.unusable",
        message=f"the evidence file {item.path!r} cannot be used: {item.problem}",
        facts={"name": item.name, "problem": item.problem},
        remedy=item.remedy,
    )


def _misplaced_problems(items: Sequence[MisplacedEvidence]) -> Iterator[Problem]:
    """One notice for each folder: a folder with a misspelt name has all evidence in it."""
    folders: defaultdict[tuple[str, str], list[MisplacedEvidence]] = defaultdict(list)
    for item in items:
        folders[item.folder, item.place].append(item)
    for (folder, place), found in folders.items():
        more = f" and {len(found) - 1} more" if len(found) > 1 else ""
        whole = f"Move what is in {safe(folder)}/ into {place}/ of the trust directory." if more else found[0].remedy
        yield Problem(
            reason="evidence.astray",
            message=f"the evidence file {found[0].path!r}{more} {found[0].problem}",
            facts={"name": found[0].path, "problem": found[0].problem},
            remedy=whole,
        )


class _Sorted(NamedTuple):
    """Evidence by kind and by look-up key."""

    pieces: int
    """Of all kinds."""
    crls: tuple[CrlFile, ...]
    responses: tuple[OcspFile, ...]
    unread: tuple[UnreadableEvidence, ...]
    notices: tuple[Problem, ...]
    by_issuer: Mapping[tuple[object, ...], tuple[CrlFile, ...]]
    indirect: tuple[CrlFile, ...]
    by_serial: Mapping[int, tuple[OcspFile, ...]]
    trusted: tuple[CrlFile | OcspFile, ...]
    misplaced: tuple[MisplacedEvidence, ...]
    certificates: tuple[HeldCertificate, ...]
    held_certificates: tuple[HeldCertificate, ...]
    """Those that may be a lost proof: not those of an unsigned snapshot, or its carrier could keep a site undecided."""

    @classmethod
    def of(
        cls, pieces: Sequence[EvidenceFile], unread: tuple[UnreadableEvidence, ...], notices: tuple[Problem, ...]
    ) -> _Sorted:
        crls: list[CrlFile] = []
        responses: list[OcspFile] = []
        left: list[UnreadableEvidence] = list(unread)
        told: list[Problem] = list(notices)
        misplaced: list[MisplacedEvidence] = []
        certificates: list[tuple[EvidenceFile, HeldCertificate]] = []
        for piece, found in _read_bounded(pieces):
            if isinstance(found, HeldCertificate):
                certificates.append((piece, found))
            elif piece.misplaced and isinstance(found, CrlFile | OcspFile):
                misplaced.append(MisplacedEvidence(file=found, folder=piece.folder))
            elif isinstance(found, CrlFile):
                crls.append(found)
            elif isinstance(found, OcspFile):
                responses.append(found)
            elif isinstance(found, UnreadableEvidence):
                left.append(found)
            else:
                told.append(found)
        by_issuer: defaultdict[tuple[object, ...], list[CrlFile]] = defaultdict(list)
        for crl in sorted(crls, key=lambda file: (file.facts.age, file.name), reverse=True):
            by_issuer[name_key(crl.facts.issuer)].append(crl)
        known = {name_key(crl.facts.issuer) for crl in crls if crl.trusted}
        return cls(
            pieces=sum((len(certificates), len(misplaced), len(crls), len(responses), len(left), len(told))),
            crls=tuple(crls),
            responses=tuple(responses),
            unread=tuple(
                replace(item, is_known=name_key(item.issuer) in known) if item.issuer else item for item in left
            ),
            notices=tuple(told),
            indirect=tuple(crl for crl in crls if crl.may_list_others),
            by_issuer={key: tuple(files) for key, files in by_issuer.items()},
            by_serial=_by_serial(responses),
            misplaced=tuple(misplaced),
            certificates=tuple(held for _, held in certificates if not held.problem),
            held_certificates=(
                *(held for piece, held in certificates if held.trusted or (held.problem and piece.unsigned is None)),
                *(held for file in responses if file.trusted for held in _certificates_in(file)),
            ),
            trusted=tuple(file for file in (*crls, *responses, *(item.file for item in misplaced)) if file.trusted),
        )


def _may_make(certificate: Certificate | None) -> TypeGuard[Certificate]:
    """Whether it is that of a CA, of a signer of CRLs or of a responder."""
    if certificate is None or certificate.may_make_crls:
        return certificate is not None
    from airgap.pki.ocsp import OcspResponse  # few files hold others

    return OcspResponse.may_sign(certificate)


def _certificates_in(file: OcspFile) -> Iterator[HeldCertificate]:
    """Those in a response of the operator. No signature covers them, so that they prove nothing by being there."""
    hold = partial(HeldCertificate, path=file.name, origin=file.origin, trusted=False, stated=file.maker)
    for item in file.response.certificates:
        yield hold(certificate=item)
    if not file.response.has_all_certificates:
        yield hold(certificate=None, problem="a certificate in it cannot be read")


def _read_bounded(
    pieces: Iterable[EvidenceFile],
) -> Iterator[tuple[EvidenceFile, CrlFile | OcspFile | HeldCertificate | UnreadableEvidence | Problem]]:
    """The content of the files; beyond the bound that there is more, which may be about any certificate."""
    left = limits.EVIDENCE_PIECES
    for piece in pieces:
        for found in read_evidence(piece):
            if not left:
                yield (
                    piece,
                    UnreadableEvidence(
                        name=safe(piece.name),
                        origin=piece.origin,
                        problem=f"it comes after {limits.EVIDENCE_PIECES} pieces of evidence, and more are not read",
                        trusted=True,
                        folder=piece.folder,
                        in_target=not piece.trusted,
                        remedy="Take out superseded evidence.",
                    ),
                )
                return
            left -= 1
            yield piece, found


def _by_serial(responses: Sequence[OcspFile]) -> Mapping[int, tuple[OcspFile, ...]]:
    """The newest first."""
    found: defaultdict[int, list[OcspFile]] = defaultdict(list)
    made = [(file.response.produced_at, file.response.fingerprint, file.name) for file in responses]
    for _, ocsp in sorted(zip(made, responses, strict=True), key=lambda item: item[0], reverse=True):
        for serial in {unsigned(single.serial) for single in ocsp.response.responses}:
            found[serial].append(ocsp)
    return {key: tuple(files) for key, files in found.items()}
