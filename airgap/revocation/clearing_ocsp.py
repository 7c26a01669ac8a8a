"""Finds the OCSP response that clears a certificate (decision 0009; requirements/revocation.md)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from airgap.errors import Undecided
from airgap.pki.certificate import Certificate
from airgap.reasons import MADE_SO
from airgap.revocation.ages import EvidenceAges
from airgap.revocation.condemning import CondemningEvidence, why_harmless
from airgap.revocation.evidence_files import Evidence, OcspFile
from airgap.revocation.query import HOLD, RevocationQuery, about_file, no_ocsp, revoked
from airgap.revocation.use import ClearingAnswer, EvidenceUse
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.pki.single_response import SingleResponse


class CountingResponse(NamedTuple):
    """A response that may clear."""

    file: OcspFile
    single: SingleResponse
    delegate: Certificate | None
    """The delegated responder that signed it; None if the issuer did."""


class ClearingResponses:
    """Answers from OCSP responses."""

    def __init__(self, evidence: Evidence, condemning: CondemningEvidence, ages: EvidenceAges) -> None:
        """`condemning`: finds revocations of delegated responders in the same evidence."""
        self._evidence = evidence
        self._condemning = condemning
        self._ages = ages

    def answer(self, query: RevocationQuery) -> ClearingAnswer:
        """The newest response that counts. Raises Undecided, Rejected (revocation.on_hold)."""
        counting: list[CountingResponse] = []
        refused: list[Undecided] = []
        for file in self._evidence.ocsp(query.certificate.serial):
            if file.response.find(query.certificate, query.issuer) is None:
                continue
            try:
                counting.append(self.counting(query, file))
            except Undecided as error:
                refused.append(error)
        if not counting:
            raise refused[0] if refused else self._about_another(query) or no_ocsp(query)
        found = max(counting, key=lambda item: item.file.response.age_of(item.single))
        file, single, delegate = found.file, found.single, found.delegate
        dated = file.dated(single)
        if single.status == "unknown":
            raise unknown(query, file, single)
        stale = self._ages.check_fresh(query, dated)
        held = single.status == "revoked" and single.reason == HOLD
        if held and not why_harmless(query, single.this_update, single.revocation_time, single.invalidity_date):
            raise revoked(query, dated, single.reason, single.revocation_time)
        ends = self._ages.end(query, dated), delegate.not_after if delegate else None
        use = EvidenceUse(
            certificate=safe(query.certificate.subject_text),
            chain=query.chain,
            kind="ocsp",
            status="good",
            name=file.name,
            origin=file.origin,
            this_update=single.this_update,
            next_update=single.next_update,
            good_until=min((end for end in ends if end), default=None),
            responder=delegate.fingerprint if delegate else "",
            accepted_stale=stale,
        )
        return ClearingAnswer(uses=(use,), since=single.this_update)

    def check_counts(self, query: RevocationQuery, file: OcspFile) -> None:
        """Checks whether this file alone would be an answer about the certificate. Raises Undecided if not."""
        self._ages.check_fresh(query, file.dated(self.counting(query, file).single))

    def _about_another(self, query: RevocationQuery) -> Undecided | None:
        """The error for a response about this serial number whose CertID names the issuer in another way."""
        for file in self._evidence.ocsp(query.certificate.serial):
            for single in file.response.statements(query.certificate, *query.issuers):
                part = "name" if single.names(query.issuer) else "key"
                text = (
                    f"{file.name} is about the serial number of {query.who}, and not about this issuer: the hash of "
                    f"the issuer's {part} in it is another one"
                )
                return Undecided("revocation.ocsp.missing", text, **query.facts(evidence=file.name)).advising(
                    "Ask the responder again with the very certificate that issued this one (airgap trust fetch does)."
                )
        return None

    def counting(self, query: RevocationQuery, file: OcspFile) -> CountingResponse:
        """The answer of the response, if it may clear. Raises Undecided."""
        single = file.response.find(query.certificate, query.issuer)
        named = query.facts(evidence=file.name)
        if single is None:
            raise Undecided("revocation.ocsp.missing", f"{file.name} does not answer for {query.who}", **named)
        if single.doubt:  # OCSP-6: an unknown critical extension
            text = f"{file.name}: the OCSP response {single.doubt}"
            raise Undecided("revocation.ocsp.malformed", text, **named).advising(MADE_SO)
        self._ages.check_made(query, file.dated(single))
        judged = query.moment.judged
        try:
            responder = file.response.verify_signed_for(query.issuer, at=min(judged, single.next_update or judged))
        except Undecided as error:
            raise about_file(query, file, error) from None
        if not responder.delegated:
            return CountingResponse(file, single, None)
        self._check_delegate(query, file, responder.certificate)
        return CountingResponse(file, single, responder.certificate)

    def _check_delegate(self, query: RevocationQuery, file: OcspFile, delegate: Certificate) -> None:
        """Checks that no available evidence says that the delegated responder is revoked or on hold, or may be so.

        Also if its issuer waives that check (nocheck): then none is needed, but known evidence is not ignored. If there
        is no evidence about it, it may answer: that is left to local policy (D37; RFC 6960, 4.2.2.2.1).
        """
        asked = replace(query, certificate=delegate, signed_at=None)
        against = self._condemning.find(asked)
        said = against.worst() or next(iter(against.holds), None)
        problem = said.rejection(asked) if said else against.first_doubt()
        if problem:
            text = f"{file.name} is signed by a responder that may not answer any more: {problem}"
            raise Undecided("revocation.ocsp.responder", text, **query.facts(evidence=file.name))


def unknown(query: RevocationQuery, file: OcspFile, single: SingleResponse) -> Undecided:
    """The error: the responder does not know the certificate (OCSP-8)."""
    text = f"the responder of {file.name} does not know {query.who}"
    return Undecided("revocation.ocsp.unknown", text, **query.facts_of(file.dated(single)))
