"""Statements against certificates that came with a target: a later judgement without the target must know them.

Whether they count then is judged then. Answers that clear are noted in `lost_answers.py`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airgap.errors import FormatError, Undecided
from airgap.pki.distinguished_names import same_name
from airgap.pki.extensions import authority_key
from airgap.revocation.answer_evidence import EvidenceInTarget, TargetStatement
from airgap.revocation.condemning import CondemningEvidence
from airgap.revocation.entry_meaning import doubt_about
from airgap.revocation.evidence_files import CrlFile, Evidence, OcspFile, UnreadableEvidence
from airgap.revocation.query import HOLD, REMOVED, RevocationQuery

if TYPE_CHECKING:
    from airgap.pki.certificate import Certificate
    from airgap.pki.single_response import SingleResponse
    from airgap.revocation.freshness import ChainKind

_RESPONDERS: Final = 64
"""Of a target with more of them, a report would be too large; then any responder counts as not known."""

_OTHERS: Final = 64
"""Of evidence that may be against responders which are not known; of the rest one is noted."""


class StatementsInTargets:
    """Finds them in the evidence outside of the trust directory."""

    def __init__(self, evidence: Evidence, condemning: CondemningEvidence) -> None:
        self._evidence: Final = evidence
        self._condemning: Final = condemning

    def find(self, query: RevocationQuery) -> Iterator[TargetStatement]:
        """The statements of evidence outside of the trust directory, whether or not they count, and are proven.

        A certificate that comes later may prove them.

        Includes those against its delegated responders, because later only an answer of these may be available; what
        may be against responders that are not known yet; and what is more than is read of a target, because it may be
        about any certificate.
        """
        yield from self._of_one(query)
        delegates = self._delegates(query.certificate)
        for delegate in delegates:
            for said in self._of_one(replace(query, certificate=delegate)):
                yield _of_responder(said, query.certificate, delegate)
        for file, item in self._of_others(query.certificate, query.chain, delegates):
            counts = not item.evidence.fingerprint or self._condemning.makers.is_genuine(query, file)
            yield from [item] if counts else self._unproven(query, file, [item])

    def find_unproven(self, certificate: Certificate, chain: ChainKind, judged: datetime) -> Iterator[TargetStatement]:
        """The same without proof, for a certificate whose issuer is not proven."""
        keys = filter(None, [authority_key(certificate.extensions)])
        unread = self._evidence.unread(certificate.issuer, frozenset(keys), frozenset())
        yield from _beyond_bounds(certificate, chain, unread, judged)
        yield from self._unproven_of_one(certificate, chain)
        delegates = self._delegates(certificate)
        for delegate in delegates:
            for said in self._unproven_of_one(delegate, chain):
                yield _of_responder(said, certificate, delegate)
        for file, item in self._of_others(certificate, chain, delegates):
            yield from self._untried(file, [item])

    def _delegates(self, certificate: Certificate) -> Collection[Certificate]:
        files = self._evidence.ocsp(certificate.serial)
        return dict.fromkeys(delegate for file in files for delegate in file.response.delegates)

    def _of_others(
        self, certificate: Certificate, chain: ChainKind, known: Collection[Certificate]
    ) -> Iterator[tuple[CrlFile | OcspFile, TargetStatement]]:
        """What says "revoked" of anything, and may say so of a responder that will answer for the certificate.

        A report that held every serial number would be too large.
        """
        if not certificate.ocsp_urls:
            return
        names = frozenset(item.fingerprint for item in known if len(known) <= _RESPONDERS)
        crls = dict.fromkeys((*self._evidence.crls(certificate.issuer), *self._evidence.indirect()))
        files: tuple[CrlFile | OcspFile, ...] = (*crls, *self._evidence.all_ocsp())
        found = [file for file in files if not file.trusted and _says_revoked(file)]
        for number, file in enumerate(found[: _OTHERS + 1]):
            evidence = EvidenceInTarget.of(file, chain, certificate, _made(file))
            if number == _OTHERS:  # one for all the others, which is nowhere
                evidence = evidence._replace(fingerprint="")
            yield file, TargetStatement(evidence=evidence, is_hold=False, other_than=names)

    def _of_one(self, query: RevocationQuery) -> Iterator[TargetStatement]:
        certificate = query.certificate
        yield from _beyond_bounds(certificate, query.chain, self._condemning.unread(query), query.moment.judged)
        for file in self._evidence.crls(query.issuer.subject):
            if not file.trusted:
                with suppress(FormatError):
                    said = _listed(certificate, query.chain, file)
                    is_proven = self._condemning.makers.is_genuine(query, file)
                    yield from said if is_proven else self._unproven(query, file, said)
        for file in self._evidence.indirect():
            if file.trusted or same_name(file.facts.issuer, query.issuer.subject):
                continue
            said = _said(certificate, query.chain, file, file.facts.this_update, [None])
            if self._condemning.of_another(query.at_any_time, file).is_against:
                yield from said
            else:
                with suppress(FormatError):
                    if any(_listed(certificate, query.chain, file)):
                        yield from self._unproven(query, file, said)
        for ocsp in self._evidence.ocsp(certificate.serial):
            if not ocsp.trusted:
                # by its number alone: its issuer may be named by a key that comes later
                singles = [single for single in ocsp.response.responses if single.may_state(certificate.serial)]
                about = ocsp.response.statements(certificate, *query.issuers)
                proven = _answered(certificate, query.chain, ocsp, about, query.issuer)
                if about and self._condemning.makers.is_genuine(query, ocsp):
                    yield from proven
                else:
                    said = _answered(certificate, query.chain, ocsp, singles, query.issuer)
                    yield from self._unproven(query, ocsp, said)

    def _unproven(
        self, query: RevocationQuery, file: CrlFile | OcspFile, said: Iterable[TargetStatement]
    ) -> Iterator[TargetStatement]:
        """What is not proven; of what may be genuine nevertheless, nothing lifts a hold."""
        if self._condemning.unproven(query, file).doubts:
            yield from (replace(item, is_hold=False) for item in said)
            return
        maker = self._condemning.makers.unproven(query, file)
        yield from (replace(item, unproven=maker) for item in said)

    def _unproven_of_one(self, certificate: Certificate, chain: ChainKind) -> Iterator[TargetStatement]:
        for file in self._evidence.crls(certificate.issuer):
            if not file.trusted:
                with suppress(FormatError):
                    yield from self._untried(file, _listed(certificate, chain, file))
        for ocsp in self._evidence.ocsp(certificate.serial):
            if not ocsp.trusted:
                singles = [single for single in ocsp.response.responses if single.may_state(certificate.serial)]
                yield from self._untried(ocsp, _answered(certificate, chain, ocsp, singles, None))

    def _untried(self, file: CrlFile | OcspFile, said: Iterable[TargetStatement]) -> Iterator[TargetStatement]:
        maker = self._condemning.makers.untried(file)
        yield from (replace(item, unproven=maker) for item in said)


def _beyond_bounds(
    certificate: Certificate, chain: ChainKind, unread: Iterable[UnreadableEvidence], judged: datetime
) -> Iterator[TargetStatement]:
    for item in unread:
        if item.in_target:
            evidence = EvidenceInTarget(item.name, "", "crl", chain, certificate.fingerprint, judged)
            yield TargetStatement(evidence=evidence, is_hold=False)


def _says_revoked(file: CrlFile | OcspFile) -> bool:
    """Whether it says so of anything, or cannot be read."""
    if isinstance(file, OcspFile):
        return any(single.status == "revoked" for single in file.response.responses)
    try:
        return not file.load().is_empty
    except FormatError:
        return True


def _made(file: CrlFile | OcspFile) -> datetime:
    return file.facts.this_update if isinstance(file, CrlFile) else file.response.produced_at


def _of_responder(said: TargetStatement, certificate: Certificate, delegate: Certificate) -> TargetStatement:
    """The statement against a delegated responder, for a certificate that it answers for."""
    evidence = said.evidence._replace(certificate=certificate.fingerprint)
    return replace(said, evidence=evidence, responder=delegate.fingerprint)


def _listed(certificate: Certificate, chain: ChainKind, file: CrlFile) -> Iterator[TargetStatement]:
    """The statements of a CRL against a certificate. Raises FormatError."""
    reasons: list[str | None] = [None]  # None if its meaning is uncertain
    with suppress(Undecided):
        entries = file.load().entries(certificate)
        reasons = [None if entry.doubt else entry.reason for entry in entries if entry.doubt or entry.reason != REMOVED]
    yield from _said(certificate, chain, file, file.facts.this_update, reasons)


def _answered(
    certificate: Certificate,
    chain: ChainKind,
    file: OcspFile,
    singles: Iterable[SingleResponse],
    issuer: Certificate | None,
) -> Iterator[TargetStatement]:
    """The statements against a certificate among the answers of a response."""
    against = [single for single in singles if single.status == "revoked"]
    if against:
        reasons = [None if doubt_about(single, certificate, issuer) else single.reason for single in against]
        yield from _said(certificate, chain, file, max(single.this_update for single in against), reasons)


def _said(
    certificate: Certificate, chain: ChainKind, file: CrlFile | OcspFile, made: datetime, reasons: Sequence[str | None]
) -> Iterator[TargetStatement]:
    if reasons:
        evidence = EvidenceInTarget.of(file, chain, certificate, made)
        yield TargetStatement(evidence=evidence, is_hold=set(reasons) == {HOLD})
