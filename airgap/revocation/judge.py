"""Revocation from files: which CRL or OCSP response counts, and what it says (section 10).

Per certificate, the root excepted (D38): an OCSP response first where the certificate names a responder; only if
there is no usable answer, its CRL distribution points. Every distribution point must be answered, by any one of its
URIs (D32). The newest CRL that counts decides. Revoked in any certificate wins over unknown in another (REV-4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NoReturn, TypeVar

from airgap import limits
from airgap.errors import Fact, FormatError, Rejected, Undecided
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.pki.extensions import REASON_FLAGS
from airgap.revocation.freshness import Freshness
from airgap.revocation.pool import CrlFile, Evidence, OcspFile
from airgap.revocation.question import (
    HOLD,
    ChainKind,
    Question,
    crl_use,
    evidence_use,
    facts_about,
    no_crl,
    no_delta,
    no_ocsp,
    rejection,
    revoked_by,
    who,
)
from airgap.revocation.use import EvidenceUse
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.pki.crl import Crl, RevokedEntry
    from airgap.pki.ocsp import SingleResponse

_REMOVED = "removeFromCRL"
_ALL_REASONS = frozenset(REASON_FLAGS[1:])
_GRAVITY = ("good", "unknown", "revoked")

_FUTURE = frozenset({"revocation.crl.future", "revocation.ocsp.future"})

T = TypeVar("T")
U = TypeVar("U")


class RevocationJudge:
    """Answers for chains, out of one body of evidence. Answers are remembered: chains repeat across artifacts."""

    def __init__(self, evidence: Evidence, freshness: Freshness, moment: Moment) -> None:
        """Every answer is for `moment`.

        Proven evidence from after "now" says that the clock is wrong, and no older evidence may answer then: a clock
        that is set back must not bring a revoked certificate back. For a named moment it is merely not known yet.
        """
        self._evidence = evidence
        self._freshness = freshness
        self._moment = moment
        self._conclusive: frozenset[str] = _FUTURE if moment.is_now else frozenset()
        self._answers: dict[Question, tuple[EvidenceUse, ...] | Rejected | Undecided] = {}

    def check_chain(
        self, chain: Sequence[Certificate], *, kind: ChainKind, signed_at: datetime | None
    ) -> tuple[EvidenceUse, ...]:
        """What the evidence says about every certificate of `chain` but the last, leaf first.

        Raises Rejected (revocation.revoked, revocation.on_hold) where one is revoked, else Undecided where one can
        not be answered for.
        """
        uses: list[EvidenceUse] = []
        undecided: Undecided | None = None
        for certificate, issuer in pairwise(chain):
            answer = self._answer(Question(certificate, issuer, kind, self._moment.judged, signed_at))
            if isinstance(answer, Rejected):
                raise answer.with_traceback(None)  # it is remembered: each raise would add to its traceback
            if isinstance(answer, Undecided):
                undecided = undecided or answer
            else:
                uses.extend(answer)
        if undecided:
            raise undecided.with_traceback(None)
        return tuple(uses)

    def _answer(self, question: Question) -> tuple[EvidenceUse, ...] | Rejected | Undecided:
        # The time of signing only ever softens a revocation, so that most answers are the same for all signatures.
        answer = self._remembered(replace(question, signed_at=None))
        if question.signed_at and isinstance(answer, Rejected):
            return self._remembered(question)
        return answer

    def _remembered(self, question: Question) -> tuple[EvidenceUse, ...] | Rejected | Undecided:
        if question not in self._answers:
            try:
                self._answers[question] = self._ask(question)
            except (Rejected, Undecided) as error:
                self._answers[question] = error
        return self._answers[question]

    def _ask(self, question: Question) -> tuple[EvidenceUse, ...]:
        certificate = question.certificate
        points = certificate.distribution_points
        if not certificate.ocsp_urls and not points:  # REV-1
            return (evidence_use(question, kind="none", status="good (names no way to ask)"),)
        if not certificate.ocsp_urls:
            return self._ask_points(question)
        try:
            answer = self._ask_ocsp(question)  # REV-3: good and revoked are final
        except Undecided as no_answer:
            if not points or no_answer.reason in self._conclusive:
                raise
            try:
                return self._ask_points(question)
            except Undecided as error:
                raise Undecided(error.reason, f"{error}; and {no_answer}", **error.facts) from None
        self._refuse_if_revoked_since(question, answer)
        return (answer,)

    def _refuse_if_revoked_since(self, question: Question, answer: EvidenceUse) -> None:
        """A CRL that is newer than a good OCSP response and revokes is heard.

        Responses live for days and travel: without this, an older one laid beside would undo what a newer CRL says. Of
        two that are equally new the response counts, as REV-3 has it.
        """
        for point in question.certificate.distribution_points:
            try:
                self._ask_point(question, point)
            except Undecided as error:
                if error.reason in self._conclusive:
                    raise
                continue  # it was not needed
            except Rejected as error:
                listed = error.facts["this_update"]  # RFC 3339 in UTC, to the second: sorts as the moments do
                if answer.this_update is None or str(listed) > iso(answer.this_update):
                    raise

    def _ask_points(self, question: Question) -> tuple[EvidenceUse, ...]:
        uses: list[EvidenceUse] = []
        undecided: Undecided | None = None
        for point in question.certificate.distribution_points:
            try:
                uses.extend(self._ask_point(question, point))
            except Undecided as error:  # another point may still revoke, and revoked wins (REV-4)
                undecided = undecided or error
        if undecided:
            raise undecided
        self._check_reasons(question)
        return tuple(uses)

    @staticmethod
    def _check_reasons(question: Question) -> None:
        """RFC 5280, 6.3.3: points that each cover some reasons must cover all of them together."""
        points = question.certificate.distribution_points
        stated = (_ALL_REASONS if point.reasons is None else point.reasons for point in points)
        covered = frozenset[str]().union(*stated)
        if missing := sorted(_ALL_REASONS - covered):
            raise Undecided(
                "revocation.crl.scope",
                f"the distribution points of {who(question)} leave out reasons for a revocation: {', '.join(missing)}",
                certificate=safe(question.certificate.subject_text),
                chain=question.chain,
            )

    # --- OCSP (10.2) ---

    def _ask_ocsp(self, question: Question) -> EvidenceUse:
        file, single = self._newest_response(question)
        facts = facts_about(question, file.name, single.this_update, single.next_update)
        if single.status == "unknown":  # OCSP-8
            raise Undecided(
                "revocation.ocsp.unknown", f"the responder of {file.name} does not know {who(question)}", **facts
            )
        softened = single.status == "revoked" and _made_before(question, single.invalidity_date)  # OCSP-7
        if single.status == "revoked" and not softened and single.reason != HOLD:  # for good, however old (as D33)
            raise rejection(question, file.name, single.reason, single.revocation_time, facts)
        stale = self._staleness(question, "ocsp", single.next_update, file.name, single.this_update)
        use = evidence_use(
            question, kind="ocsp", status="good", name=file.name, origin=file.origin,
            this_update=single.this_update, next_update=single.next_update, accepted_stale=stale,
        )  # fmt: skip
        if single.status == "good":
            return use
        if softened:
            return replace(use, status="revoked, but its key was only invalid after this signature was made")
        raise rejection(question, file.name, single.reason, single.revocation_time, facts)

    def _newest_response(self, question: Question) -> tuple[OcspFile, SingleResponse]:
        """The response whose status is known to be right at the latest time (RFC 6960, 2.4: thisUpdate).

        When it was put together (producedAt) says nothing of that; of two that are equally new the graver one counts.
        """
        counted: list[tuple[OcspFile, SingleResponse]] = []
        first: Undecided | None = None
        for file in self._evidence.ocsp(question.certificate, question.issuer):
            try:
                counted.append((file, self._counting_response(question, file)))
            except Undecided as error:
                if error.reason in self._conclusive:
                    raise
                first = first or error
        if not counted:
            raise first or no_ocsp(question)
        return max(counted, key=lambda item: (item[1].this_update, _GRAVITY.index(item[1].status)))

    def _counting_response(self, question: Question, file: OcspFile) -> SingleResponse:
        facts: dict[str, Fact] = {"certificate": safe(question.certificate.subject_text), "evidence": file.name}
        try:
            response = file.load()
        except FormatError as error:
            raise Undecided("revocation.ocsp.malformed", f"{file.name} is no OCSP response: {error}", **facts) from None
        single = response.find(question.certificate, question.issuer)
        if single is None:
            raise Undecided("revocation.ocsp.missing", f"{file.name} does not answer for {who(question)}", **facts)
        until = min(question.at, single.next_update or question.at)
        responder = response.verify_signed_for(question.issuer, at=until)
        if responder.delegated and not responder.no_check:
            self._refuse_revoked_responder(question, responder.certificate, facts)
        if single.this_update > question.at + limits.CLOCK_SKEW:  # D36
            raise Undecided(
                "revocation.ocsp.future",
                f"{file.name} was made at {iso(single.this_update)}, after the moment judged for, {iso(question.at)}",
                **facts,
            )
        return single

    def _refuse_revoked_responder(self, question: Question, delegate: Certificate, facts: dict[str, Fact]) -> None:
        """A delegate that a CRL at hand revokes answers for nothing (D37; RFC 6960, 4.2.2.2.1).

        Where no CRL says anything of it, it is believed: that is left to local policy there.
        """
        asked = replace(question, certificate=delegate, signed_at=None)
        for point in delegate.distribution_points or (DistributionPoint(),):
            try:
                self._ask_point(asked, point)
            except Undecided:
                continue
            except Rejected as error:
                problem = f"{facts['evidence']} is signed by a responder that may not answer any more: {error}"
                raise Undecided("revocation.ocsp.responder", problem, **facts) from None

    # --- CRL (10.3) ---

    def _ask_point(self, question: Question, point: DistributionPoint) -> tuple[EvidenceUse, ...]:
        files = self._evidence.crls(question.certificate.issuer, point)
        bases = [file for file in files if not file.is_delta]
        file, base = _newest(
            bases, partial(self._counting_crl, question, point), no_crl(question, point), self._conclusive
        )
        entries = self._entries(question, file, base)
        for twin in bases:  # of several that are equally new, no name of a file decides: any may revoke
            if twin is not file and twin.rank == file.rank:
                entries += self._entries_if_counting(question, point, twin)
        self._refuse_if_dropped(question, point, bases, base)
        uses = [crl_use(question, "crl", file, base)]
        recent: tuple[RevokedEntry, ...] = ()
        delta_file, delta = file, base
        if base.freshest:
            delta_file, delta = self._delta(question, base)
            recent = self._entries(question, delta_file, delta)
            entries += recent
            uses.append(crl_use(question, "delta-crl", delta_file, delta))
        elif question.certificate.freshest_crl:  # CRL-15
            raise Undecided(
                "revocation.crl.delta",
                f"{who(question)} names a delta CRL that its base CRL {file.name} does not name",
                **facts_about(question, file.name, base.this_update, base.next_update),
            )
        stale = self._staleness(question, "crl", base.next_update, file.name, base.this_update)
        hold = _hold(entries)  # a stale hold may have been lifted since, so staleness comes first (D33)
        if hold and not _made_before(question, hold.invalidity_date):
            raise revoked_by(question, *((delta_file, delta) if hold in recent else (file, base)), hold)
        status = "revoked, but its key was only invalid after this signature was made" if entries else "good"
        return tuple(replace(use, status=status, accepted_stale=stale) for use in uses)

    def _entries(self, question: Question, file: CrlFile, crl: Crl) -> tuple[RevokedEntry, ...]:
        """The entries of `crl` for the certificate. One that is for good is raised at once, however old (D33)."""
        entries = crl.entries(question.certificate.serial)
        for entry in entries:
            if entry.reason not in {HOLD, _REMOVED} and not _made_before(question, entry.invalidity_date):
                raise revoked_by(question, file, crl, entry)
        return entries

    def _counting_crl(self, question: Question, point: DistributionPoint, file: CrlFile) -> Crl:
        facts: dict[str, Fact] = {"certificate": safe(question.certificate.subject_text), "evidence": file.name}
        try:
            crl = file.load()
        except FormatError as error:
            raise Undecided("revocation.crl.malformed", f"{file.name} is no usable CRL: {error}", **facts) from None
        if crl.base_number is not None:  # CRL-16
            raise Undecided("revocation.crl.malformed", f"{file.name} is a delta CRL where a base is needed", **facts)
        crl.verify_signed_by(question.issuer)
        crl.check_covers(question.certificate, point)
        if crl.this_update > question.at + limits.CLOCK_SKEW:  # CRL-6, D52
            raise Undecided(
                "revocation.crl.future",
                f"{file.name} was made at {iso(crl.this_update)}, after the moment judged for, {iso(question.at)}",
                **facts,
            )
        return crl

    def _refuse_if_dropped(
        self, question: Question, point: DistributionPoint, files: Sequence[CrlFile], newest: Crl
    ) -> None:
        """Older CRLs decide about a certificate that had expired when the newest one was made.

        RFC 5280, 3.3: an issuer may drop entries of expired certificates, so that absence from a newer CRL no longer
        means "not revoked" for them. Timestamped signatures outlive their certificates.
        """
        if question.certificate.not_after >= newest.this_update:
            return
        for file in files:
            self._entries_if_counting(question, point, file)

    def _entries_if_counting(
        self, question: Question, point: DistributionPoint, file: CrlFile
    ) -> tuple[RevokedEntry, ...]:
        """The entries of a CRL beside the deciding one; raises Rejected for one that revokes for good."""
        try:
            return self._entries(question, file, self._counting_crl(question, point, file))
        except Undecided:  # it does not count, so it says nothing
            return ()

    def _delta(self, question: Question, base: Crl) -> tuple[CrlFile, Crl]:
        files = [file for point in base.freshest for file in self._evidence.crls(question.certificate.issuer, point)]
        files = sorted((file for file in files if file.is_delta), key=lambda file: file.rank, reverse=True)
        return _newest(files, partial(self._counting_delta, question, base), no_delta(question), self._conclusive)

    def _counting_delta(self, question: Question, base: Crl, file: CrlFile) -> Crl:
        facts: dict[str, Fact] = {"certificate": safe(question.certificate.subject_text), "evidence": file.name}

        def refuse(problem: str) -> NoReturn:
            raise Undecided("revocation.crl.delta", f"the delta CRL {file.name} {problem}", **facts)

        try:
            delta = file.load()
        except FormatError as error:
            refuse(f"can not be used: {error}")
        if delta.base_number is None:
            refuse("has no delta CRL indicator")
        delta.verify_signed_by(question.issuer)
        delta.check_fits(base)
        if base.number is None:  # D50
            refuse("can not be applied: the base CRL has no number")
        if delta.number is None or delta.number <= base.number:  # CRL-13
            refuse(f"has number {delta.number}, not above the base CRL's {base.number}")
        if delta.base_number > base.number:  # CRL-14
            refuse(f"builds on base number {delta.base_number}, newer than the base CRL's {base.number}")
        if delta.this_update > question.at + limits.CLOCK_SKEW:
            refuse(f"was made at {iso(delta.this_update)}, after the moment judged for, {iso(question.at)}")
        self._staleness(question, "crl", delta.next_update, file.name, delta.this_update)
        return delta

    # --- dates ---

    def _staleness(
        self,
        question: Question,
        kind: Literal["crl", "ocsp"],
        next_update: datetime | None,
        name: str,
        this_update: datetime,
    ) -> bool:
        """Whether evidence is stale and accepted all the same. Raises Undecided where it is too old (design 9)."""
        what = "CRL" if kind == "crl" else "OCSP response"
        facts = facts_about(question, name, this_update, next_update)
        reason = f"revocation.{kind}.stale"
        if next_update is None:  # CRL-5, D36: without an end it is stale, not eternal
            raise Undecided(reason, f"the {what} {name} names no nextUpdate", **facts)
        if question.at <= next_update:
            return False
        allowed = self._freshness.allowed(kind, question.chain)
        if question.at <= next_update + allowed:
            return True
        days = (question.at - next_update).days
        tolerance = f", more than the {allowed.days} that are accepted" if allowed else ""
        raise Undecided(
            reason, f"the {what} {name} was due for renewal on {iso(next_update)}, {days} days ago{tolerance}", **facts
        )


def _newest(
    files: Sequence[T], counting: Callable[[T], U], missing: Undecided, conclusive: frozenset[str]
) -> tuple[T, U]:
    """The first of `files` (newest first) that counts; where none does, why the newest does not.

    A reason in `conclusive` ends the search: no older file may answer then.
    """
    first: Undecided | None = None
    for file in files:
        try:
            return file, counting(file)
        except Undecided as error:
            if error.reason in conclusive:
                raise
            first = first or error
    raise first or missing


def _hold(entries: Sequence[RevokedEntry]) -> RevokedEntry | None:
    """The hold that is in force: the latest of holds and removals, the one seen first on a tie (CRL-10)."""
    passing = [entry for entry in entries if entry.reason in {HOLD, _REMOVED}]
    latest = max(passing, key=lambda entry: entry.revocation_date, default=None)
    return latest if latest and latest.reason == HOLD else None


def _made_before(question: Question, invalidity_date: datetime | None) -> bool:
    """Whether the signature was provably made before the key became invalid (CRL-12, D31)."""
    return invalidity_date is not None and question.signed_at is not None and question.signed_at < invalidity_date
