"""Finds the evidence that clears a certificate, i.e. proves that it is not revoked (decision 0009).

If the certificate names a responder, an OCSP response is used first; only if there is no usable one, CRLs for its
distribution points (REV-3). The newest usable evidence decides. Newer unusable evidence is reported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap import limits
from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.reasons import BRING_LAYOUT, MADE_SO
from airgap.revocation.ages import EvidenceAges
from airgap.revocation.answer_evidence import (
    ClearingAnswer,
    EvidenceInTarget,
    EvidenceUse,
    NewestInTargets,
    UnprovenMaker,
)
from airgap.revocation.clearing_crls import ClearingCrls
from airgap.revocation.condemning import CondemningEvidence
from airgap.revocation.entry_meaning import why_harmless
from airgap.revocation.evidence_files import CrlFile, Evidence, OcspFile, where
from airgap.revocation.freshness import DatedEvidence, Freshness
from airgap.revocation.lost_answers import LostAnswers
from airgap.revocation.query import HOLD, RevocationQuery, about_file, no_ocsp, revoked
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.pki.single_response import SingleResponse

_NEWEST: Final = 64
"""How many makers of evidence that is not proven are noted, each with the newest date."""


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
        if delegate:
            self._check_lost(query, file, delegate)
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

    def _check_lost(self, query: RevocationQuery, file: OcspFile, delegate: Certificate) -> None:
        """Checks that nothing that went with a layout may be against the delegated responder (decision 0027).

        Also where the responder was not known then, so that it was not asked what is said of it.
        """
        asked = replace(query, certificate=delegate)
        for said in query.lost.statements:
            if said.may_be_against(delegate.fingerprint) and self._condemning.may_count(said, asked):
                name = said.evidence.name
                text = f"{file.name} is signed by a responder that {name}, which was in the layout, may revoke"
                raise Undecided("recheck.unproven", text, **query.facts(evidence=name)).advising(BRING_LAYOUT)

    def _check_delegate(self, query: RevocationQuery, file: OcspFile, delegate: Certificate) -> None:
        """Checks that no available evidence says that the delegated responder is revoked or on hold, or may be so.

        Also if its issuer waives that check (nocheck): then none is needed, but known evidence is not ignored. If there
        is no evidence about it, it may answer: that is left to local policy (D37; RFC 6960, 4.2.2.2.1).
        """
        asked = replace(query, certificate=delegate, signed_at=None)
        against = self._condemning.find(asked)
        said = against.worst() or next(iter(against.holds), None)
        problem = said.rejection(asked) if said else against.first_doubt()
        of_key = self._condemning.against_key(asked, query.issuers, stated=False)
        problem = problem or next((found.error for found in of_key), None)
        if problem:
            text = f"{file.name} is signed by a responder that may not answer any more: {problem}"
            raise Undecided("revocation.ocsp.responder", text, **query.facts(evidence=file.name))


def unknown(query: RevocationQuery, file: OcspFile, single: SingleResponse) -> Undecided:
    """The error: the responder does not know the certificate (OCSP-8)."""
    text = f"the responder of {file.name} does not know {query.who}"
    return Undecided("revocation.ocsp.unknown", text, **query.facts_of(file.dated(single)))


class ClearingEvidence:
    """Answers from one body of evidence, for one judged time."""

    def __init__(
        self, evidence: Evidence, condemning: CondemningEvidence, freshness: Freshness, moment: Moment
    ) -> None:
        """`condemning`: finds revocations of delegated responders in the same evidence."""
        self._evidence = evidence
        self._ages = EvidenceAges(freshness, moment)
        self._makers = condemning.makers
        self._crls = ClearingCrls(evidence, condemning.makers, self._ages)
        self._responses = ClearingResponses(evidence, condemning, self._ages)
        self.lost = LostAnswers(evidence, condemning.makers, self._crls, self._ages)

    def answer(self, query: RevocationQuery) -> ClearingAnswer:
        """The answer that decides, of what is available and of what was in a layout and is gone.

        Raises as `_available`; Undecided (recheck.unproven) where what is gone would decide.
        """
        answer = self._available(query)
        try:
            self.lost.check(query, answer)
        except Undecided:
            if not query.certificate.names_crls:
                raise
            return self.answer_of_crls(query)  # as where a responder does not answer; CRLs alone answer the same again
        return answer

    def _available(self, query: RevocationQuery) -> ClearingAnswer:
        """The answer that decides of what is available.

        Raises Undecided if no available evidence clears the certificate, Rejected (revocation.on_hold) if the deciding
        evidence has it on hold.
        """
        certificate = query.certificate
        if not certificate.names_a_source:  # REV-1: such a certificate is not checked
            status = "good (names no way to ask)"
            subject = safe(certificate.subject_text)
            return ClearingAnswer(
                uses=(EvidenceUse(certificate=subject, chain=query.chain, kind="none", status=status),), since=None
            )
        self._check_clock(query)
        if not certificate.ocsp_urls:
            return self.answer_of_crls(query)
        try:
            return self._with_newer(query, self._responses.answer(query))
        except Undecided as no_answer:
            if not certificate.names_crls:
                raise
            try:
                return self.answer_of_crls(query)
            except Undecided as error:
                ways = " ".join(dict.fromkeys((error.remedy, no_answer.remedy)))
                text = f"{error}; and {no_answer}"
                raise Undecided(error.reason, text, **error.facts).advising(ways) from None
        except Rejected as on_hold:
            if not certificate.names_crls:
                raise
            try:  # whether it is newer than the hold, and lifts it, is decided with all holds
                return self.answer_of_crls(query)
            except Undecided:
                raise on_hold from None

    def answer_of_crls(self, query: RevocationQuery) -> ClearingAnswer:
        """The answer of CRLs alone. Raises as `answer`."""
        answer = self._with_newer(query, self._crls.answer(query))
        self.lost.check(query, answer)
        return answer

    def check_counts(self, query: RevocationQuery, file: CrlFile | OcspFile) -> None:
        """Checks whether this file alone would be an answer about the certificate. Raises Undecided if not."""
        if isinstance(file, OcspFile):
            self._responses.check_counts(query, file)
        else:
            self._crls.check_counts(query, file)

    def _check_clock(self, query: RevocationQuery) -> None:
        """If genuine evidence is newer than the clock, the clock is wrong, and no older evidence may answer.

        A clock that is set back must not make a revoked certificate good again. For a named time in the past, evidence
        that was made after it and before the clock is just not known yet.
        """
        self.lost.check_clock(query)
        for file, dated in self._dated(query):
            try:
                self._ages.check_clock(query, dated)
            except Undecided:  # in the trust directory also unproven: what proves it may be in a layout that is gone
                if file.trusted or self._makers.may_be_genuine(query, file):
                    raise

    def newest_in_targets(self, query: RevocationQuery) -> Iterator[NewestInTargets]:
        """The newest evidence outside of the trust directory that is compared with the clock.

        And before it, of each maker, what would be newer and is not proven. If there are too many of them, the next
        always counts.
        """
        if not query.certificate.names_a_source:
            return
        found = ((file, dated) for file, dated in self._dated(query) if not file.trusted)
        noted: set[UnprovenMaker] = set()
        for file, dated in sorted(found, key=lambda item: item[1].this_update, reverse=True):
            evidence = EvidenceInTarget.of(file, query.chain, query.certificate, dated.this_update)
            if self._makers.may_be_genuine(query, file):
                yield NewestInTargets(evidence, None)
                return
            maker = self._makers.unproven(query, file)
            if maker not in noted and len(noted) <= _NEWEST:
                yield NewestInTargets(evidence, maker if len(noted) < _NEWEST else UnprovenMaker(maker.named))
                noted.add(maker)

    def _dated(self, query: RevocationQuery) -> Iterator[tuple[CrlFile | OcspFile, DatedEvidence]]:
        for file in self._evidence.crls(query.issuer.subject):
            yield file, file.dated
        for ocsp in self._evidence.ocsp(query.certificate.serial):
            for single in ocsp.response.statements(query.certificate, *query.issuers):
                yield ocsp, ocsp.dated(single)

    # --- newer evidence that does not count (decision 0009) ---

    def _with_newer(self, query: RevocationQuery, answer: ClearingAnswer) -> ClearingAnswer:
        """The answer, and why genuine evidence of either kind that is newer is not usable."""
        if answer.since is None:
            raise AssertionError("an answer from evidence has a date")
        newer = (
            *self._newer_responses(query, answer.since),
            *self._newer_crls(query, answer, answer.since),
            *self._newer_misplaced(query, answer.since),
        )
        first, *others = answer.uses
        return replace(answer, uses=(replace(first, notes=(*first.notes, *_folded(newer))), *others))

    def _newer_responses(self, query: RevocationQuery, since: datetime) -> Iterator[Undecided]:
        for file in self._evidence.ocsp(query.certificate.serial):
            single = file.response.find(query.certificate, query.issuer)
            if single is None or single.this_update <= since or not self._makers.is_genuine(query, file):
                continue
            try:
                self.check_counts(query, file)
            except Undecided as error:
                yield error
            else:
                if single.status == "unknown":
                    yield unknown(query, file, single)

    def _newer_crls(self, query: RevocationQuery, answer: ClearingAnswer, since: datetime) -> Iterator[Undecided]:
        base = next(iter(answer.crls), None)  # none where an OCSP response answers
        for file in self._evidence.crls(query.issuer.subject):
            is_followed = any(
                crl.stream == file.facts.stream and file.facts.issued <= crl.issued for crl in answer.crls
            )
            if file.facts.this_update <= since or is_followed or not self._makers.is_genuine(query, file):
                continue
            try:
                if base is None:
                    self.check_counts(query, file)
                if not file.facts.is_delta:
                    self._crls.check_whole(query, file)
                elif base is None:
                    continue
                elif base.names_delta:
                    self._crls.counting_delta(query, base, file)
                else:
                    text = f"{file.name} is a delta CRL, and the base CRL that answers names none"
                    yield Undecided("revocation.crl.delta", text, **query.facts(evidence=file.name))
            except Undecided as error:
                yield error

    def _newer_misplaced(self, query: RevocationQuery, since: datetime) -> Iterator[Undecided]:
        known = self._evidence.fingerprints()
        for item in self._evidence.misplaced(query.certificate):
            file = item.file
            if isinstance(file, CrlFile):
                made = file.facts.this_update
            else:
                single = file.response.find(query.certificate, query.issuer)
                made = single.this_update if single else since
            if made > since and file.fingerprint not in known and self._makers.is_genuine(query, file):
                text = f"{item.path} {where(file.origin)} {item.problem}"
                yield Undecided("evidence.unread", text, **query.facts(evidence=file.name))


def _folded(refusals: Iterable[Undecided]) -> tuple[str, ...]:
    """One sentence for each of the first ones, and one for the rest: an issuer may have thousands of CRLs."""
    texts = [f"a newer piece of evidence does not count: {error}" for error in refusals]
    more = len(texts) - limits.NEWER_SHOWN
    rest = (f"{more} more newer pieces of evidence do not count",) if more > 0 else ()
    return (*texts[: limits.NEWER_SHOWN], *rest)
