"""Offline revocation checks: the status of the certificates of a chain by the available evidence (decision 0009).

There are two questions with different conditions. Evidence that *condemns* needs no scope, freshness and channel
(`airgap.revocation.condemning`); evidence that *clears* needs all of them (`airgap.revocation.clearing`). More evidence
can make an answer newer or more severe, never milder. The answer does not depend on order and file names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from copy import copy
from dataclasses import replace
from datetime import datetime

from airgap import limits
from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.reasons import BRING_LAYOUT
from airgap.revocation.answer_evidence import (
    NOTHING_FOUND,
    ClearingAnswer,
    EvidenceInTarget,
    EvidenceUse,
    FoundInTargets,
    NewestInTargets,
    TargetStatement,
)
from airgap.revocation.clearing import ClearingEvidence
from airgap.revocation.combined import CombinedEvidence
from airgap.revocation.condemning import CondemningEvidence
from airgap.revocation.damage import DamagedEvidence
from airgap.revocation.evidence_files import CrlFile, Evidence, where
from airgap.revocation.freshness import ChainKind, Freshness
from airgap.revocation.known_certificates import KnownCertificates
from airgap.revocation.makers import EvidenceMakers
from airgap.revocation.pool import EvidencePool
from airgap.revocation.query import RevocationQuery
from airgap.revocation.statements import AgainstKey, RevocationStatement, RevocationStatements
from airgap.revocation.target_statements import StatementsInTargets

_Answered = tuple[EvidenceUse, ...] | Rejected | Undecided


class RevocationJudge:
    """Checks chains with one body of evidence. Results are cached: chains repeat across artifacts."""

    def __init__(
        self, evidence: Evidence, freshness: Freshness, moment: Moment, *, stored: Callable[[], Iterable[Certificate]]
    ) -> None:
        """`stored`: reads the certificates of all trust stores; what it raises, each method here does."""
        self._moment = moment
        self._freshness = freshness
        known = KnownCertificates(stored, evidence)
        self._damaged = DamagedEvidence(evidence, EvidenceMakers(evidence, known.stored))
        self._use(evidence, known)

    def _use(self, evidence: Evidence, known: KnownCertificates) -> None:
        self._evidence = evidence
        self._known = known
        self._condemning = CondemningEvidence(evidence, self._damaged, known)
        self._in_targets = StatementsInTargets(evidence, self._condemning)
        self._clearing = ClearingEvidence(evidence, self._condemning, self._freshness, self._moment)
        self._answers: dict[RevocationQuery, _Answered] = {}
        self._found: dict[RevocationQuery, FoundInTargets] = {}
        self._said: dict[RevocationQuery, RevocationStatements] = {}

    def using(self, more: Iterable[Evidence], carried: Iterable[Certificate] = ()) -> RevocationJudge:
        """A judge that uses `more` evidence of a target, and the certificates that signatures carry, too.

        It does not search the trust directory again: there may be thousands of files and of targets. This one, with
        all that it remembers, where there is nothing new.
        """
        new = tuple(item for item in dict.fromkeys(carried) if not self._known.is_offered(item))
        more = [*more, *([EvidencePool((), unread=(), signers=new)] if new else [])]
        if not more:
            return self
        judge = copy(self)
        together = CombinedEvidence([self._evidence, *more])
        judge._use(together, self._known.with_those_of(together))  # noqa: SLF001 - a copy of its own
        return judge

    def check_chain(
        self,
        chain: Sequence[Certificate],
        *,
        kind: ChainKind,
        signed_at: datetime | None,
        lost: FoundInTargets = NOTHING_FOUND,
        roots: Iterable[Certificate] = (),
    ) -> tuple[EvidenceUse, ...]:
        """The evidence that clears every certificate of `chain` but the last, leaf first (REV-2, D38).

        Nothing clears one whose key the final revocation of another certificate is about (decision 0012): of any
        available one that signatures prove below this chain or `roots`.
        `lost`: what an earlier judgement found in a layout: older answers do not replace its answers, and no responder
        answers that it may be against. What it says against the chain itself, `unanswered` judges.

        Raises Rejected (revocation.revoked, revocation.on_hold) if one is revoked, even if another one is unknown
        (REV-4); else Undecided if there is no answer for one of them.
        """
        queries = self._queries(chain, kind, signed_at, lost)
        keys = self._revoked_keys(queries, (*chain[1:], *roots))
        return _worst_of([*map(self._answer, queries), *keys])

    def check_certificate(
        self,
        certificate: Certificate,
        authorities: tuple[Certificate, ...],
        renewed: tuple[Certificate, ...],
        *,
        kind: ChainKind,
    ) -> tuple[EvidenceUse, ...]:
        """The same for one certificate below `authorities`, its issuer first, without a signing time.

        `renewed`: others that may be its issuer's.
        """
        query = self._query(certificate, authorities, kind, None, renewed)
        return _worst_of([self._answer(query), *self._revoked_keys([query], authorities)])

    def _revoked_keys(
        self, queries: Iterable[RevocationQuery], authorities: tuple[Certificate, ...]
    ) -> Iterator[Rejected | Undecided]:
        """The errors for final revocations of other certificates that are about the keys of these."""
        return (found.error for _, found in self._against_keys(queries, authorities))

    def _against_keys(
        self, queries: Iterable[RevocationQuery], authorities: tuple[Certificate, ...]
    ) -> Iterator[tuple[Certificate, AgainstKey]]:
        """What is about the keys of these certificates.

        A signer may renew a certificate with its key, and the CA revoke the older one without a reason.
        """
        for query in queries:
            stated = query.chain == "signing"
            for found in self._condemning.against_key(query, authorities, stated=stated):
                yield query.certificate, found

    def refuse_condemned(
        self, chain: Sequence[Certificate], *, signed_at: datetime | None, roots: Iterable[Certificate] = ()
    ) -> None:
        """For chains that a plugin clears: available evidence that condemns still counts.

        `roots`: as for `check_chain`.

        Raises Rejected (revocation.revoked) if that evidence has a final revocation of a certificate of `chain`,
        Rejected (revocation.on_hold) if it is on hold and no newer evidence clears it; Undecided if either may be true.
        """
        queries = self._queries(chain, "signing", signed_at)
        _worst_of([*map(self._condemned, queries), *self._revoked_keys(queries, (*chain[1:], *roots))])

    def in_targets(
        self, chain: Sequence[Certificate], *, kind: ChainKind, roots: Iterable[Certificate] = ()
    ) -> FoundInTargets:
        """Evidence of a target about `chain`: a later judgement without the target must know it.

        `roots`: as for `check_chain`.
        """
        queries = self._queries(chain, kind, None)
        of_keys = tuple(
            TargetStatement(
                evidence=EvidenceInTarget.of(file, kind, certificate, found.said.this_update), is_hold=False
            )
            for certificate, found in self._against_keys([query.at_any_time for query in queries], (*chain[1:], *roots))
            if not (file := found.said.file).trusted
        )
        return _joined([*map(self._find_in_targets, queries), FoundInTargets(statements=of_keys)])

    def _find_in_targets(self, query: RevocationQuery) -> FoundInTargets:
        if query not in self._found:
            self._found[query] = FoundInTargets(
                statements=_folded(self._in_targets.find(query)),
                answers=self._clearing.lost.in_targets(query),
                newest=tuple(self._clearing.newest_in_targets(query)),
            )
        return self._found[query]

    def unproven_in_targets(self, certificates: Sequence[Certificate], *, kind: ChainKind) -> FoundInTargets:
        """The same for certificates without a proven chain; a machine with their issuers can check it."""
        return _joined([self._find_unproven(item, kind) for item in certificates])

    def _find_unproven(self, certificate: Certificate, kind: ChainKind) -> FoundInTargets:
        statements = _folded(self._in_targets.find_unproven(certificate, kind, self._moment.judged))
        answers = self._clearing.lost.unproven_in_targets(certificate, kind)
        named = [
            *(said.evidence for said in statements if not said.is_about_responder),
            *(item.evidence for item in answers),
        ]
        dated = [item for item in named if item.fingerprint and certificate.names_a_source]
        newest = sorted(dated, key=lambda item: item.this_update)[-1:]
        return FoundInTargets(statements, answers, tuple(NewestInTargets(item, None) for item in newest))

    def unanswered(
        self,
        said: Iterable[TargetStatement],
        chain: Sequence[Certificate],
        *,
        kind: ChainKind,
        signed_at: datetime | None,
        lost: FoundInTargets = NOTHING_FOUND,
    ) -> list[TargetStatement]:
        """Of what came with a target and said something against this chain: what may still count.

        What is here now with its proof was judged with the chain. Of the rest, a hold is over where newer evidence
        lifts it. `lost`: as for `check_chain`, which judges what is about responders. Raises Rejected
        (revocation.on_hold).
        """
        queries = {query.certificate.fingerprint: query for query in self._queries(chain, kind, signed_at, lost)}
        return [
            item
            for item in said
            if item.evidence.certificate in queries
            and not item.is_about_responder
            and self._condemning.may_count(item, queries[item.evidence.certificate])
            and not (item.is_hold and self._is_over(item, queries[item.evidence.certificate]))
        ]

    def unproven_warnings(
        self, chain: Sequence[Certificate], *, kind: ChainKind, lost: FoundInTargets
    ) -> tuple[str, ...]:
        """What says of a certificate of `chain` that it is revoked, came with a target, and is not proven: for people.

        Whatever the answer is. `lost`: what an earlier judgement found in a layout, proven or not.
        """
        found: list[str] = []
        for query in self._queries(chain, kind, None, lost):
            asked = kind, query.certificate.fingerprint
            said = [item for item in lost.statements if (item.evidence.chain, item.evidence.certificate) == asked]
            found += self._against(query).unproven_warnings()
            found += self._condemning.warnings_of_lost((i for i in said if not i.is_about_responder), query)
        return tuple(found)

    def refuse_unproven(self, chain: Sequence[Certificate], *, kind: ChainKind) -> None:
        """For a report that left the answer open: a response about `chain` may have been found damaged by its layout.

        Which may have held the certificate of its responder. Raises Undecided (recheck.unproven).
        """
        for query in self._queries(chain, kind, None):
            for file in self._evidence.ocsp(query.certificate.serial):
                about = file.response.statements(query.certificate, *query.issuers)
                if about and not self._condemning.makers.is_genuine(query, file):
                    text = (
                        f"{file.name} is about {query.who}, and who made it is not proven: the answer was open, says "
                        "the earlier judgement, and the certificate of its responder may have been in the layout"
                    )
                    raise Undecided("recheck.unproven", text, **query.facts(evidence=file.name)).advising(BRING_LAYOUT)

    def _against(self, query: RevocationQuery) -> RevocationStatements:
        if query not in self._said:
            self._said[query] = self._condemning.find(query)
        return self._said[query]

    def _is_over(self, hold: TargetStatement, query: RevocationQuery) -> bool:
        """Whether what is available lifts a hold that is not available. Raises Rejected (revocation.on_hold).

        Nothing does where its proof may be lost, as if it were here (`CondemningEvidence.unproven`).
        """
        maker = hold.unproven
        if maker and self._condemning.makers.lost_proof(query, maker.named):
            return False
        return self._lifting(query, hold.evidence, self._cleared(query)) is not None

    def _queries(
        self,
        chain: Sequence[Certificate],
        kind: ChainKind,
        signed_at: datetime | None,
        lost: FoundInTargets = NOTHING_FOUND,
    ) -> list[RevocationQuery]:
        whole = tuple(chain)
        return [
            replace(
                self._query(certificate, whole[position:], kind, signed_at, whole), lost=lost.about(certificate, kind)
            )
            for position, certificate in enumerate(whole[:-1], start=1)
        ]

    def _query(
        self,
        certificate: Certificate,
        authorities: tuple[Certificate, ...],
        kind: ChainKind,
        signed_at: datetime | None,
        offered: tuple[Certificate, ...],
    ) -> RevocationQuery:
        """About one certificate; `authorities`: its issuer, and those above. `offered`: may be its issuer's."""
        renewed = self._known.renewed(authorities, offered)
        return RevocationQuery(certificate, authorities, kind, self._moment, signed_at, renewed, NOTHING_FOUND)

    def _condemned(self, query: RevocationQuery) -> _Answered:
        """What condemns a certificate that a plugin clears; no evidence where nothing does."""
        against = self._against(query)
        if worst := against.worst():
            return worst.rejection(query)
        try:
            if against.holds:
                self._check_holds(query, against.holds, self._cleared(query))
            if against.misplaced_holds:
                self._check_misplaced_holds(query, against, self._cleared(query))
        except (Rejected, Undecided) as error:
            return error
        return next(iter(against.doubts), ())

    def _cleared(self, query: RevocationQuery) -> ClearingAnswer:
        """The clearing answer for a certificate; empty if there is none. Raises Rejected (revocation.on_hold)."""
        try:
            return self._clearing.answer(query)
        except Undecided:
            return ClearingAnswer(uses=(), since=None)

    def _answer(self, query: RevocationQuery) -> _Answered:
        # The signing time can only make an answer milder, so that most answers are the same for all signatures.
        answer = self._remembered(replace(query, signed_at=None))
        if query.signed_at and isinstance(answer, Exception):
            return self._remembered(query)
        return answer

    def _remembered(self, query: RevocationQuery) -> _Answered:
        if query not in self._answers:
            try:
                self._answers[query] = self._ask(query)
            except (Rejected, Undecided) as error:
                self._answers[query] = error
        return self._answers[query]

    def _ask(self, query: RevocationQuery) -> tuple[EvidenceUse, ...]:
        against = self._against(query)
        if worst := against.worst():
            raise worst.rejection(query)
        try:
            answer = self._clearing.answer(query)
        except Undecided as error:
            raise self._with_hints(query, error, against.first_doubt()) from None
        lifting = self._check_holds(query, against.holds, answer)
        if against.doubts:
            raise against.doubts[0]
        lifting = (*lifting, *self._check_misplaced_holds(query, against, answer))
        status = against.softened
        first, *others = (replace(use, status=status) if status else use for use in (*answer.uses, *lifting))
        return replace(first, notes=(*first.notes, *against.unproven_warnings())), *others

    def _with_hints(self, query: RevocationQuery, error: Undecided, doubt: Undecided | None) -> Undecided:
        """The same error with unreadable evidence against the certificate, and misplaced evidence that may help."""
        text, ways = str(error), [error.remedy]
        if doubt and str(doubt) not in text:
            text, ways = f"{text}; and {doubt}", [doubt.remedy, *ways]
        for item in self._evidence.misplaced(query.certificate)[:1]:
            if item.path not in text:
                text, ways = f"{text}; and {item.path} {where(item.file.origin)} {item.problem}", [item.remedy, *ways]
        return Undecided(error.reason, text, **error.facts).advising(" ".join(dict.fromkeys(ways)))

    def _check_holds(
        self, query: RevocationQuery, holds: Sequence[RevocationStatement], answer: ClearingAnswer
    ) -> tuple[EvidenceUse, ...]:
        """A hold that is newer than all that clears: on hold where it would count, else open.

        Returns what lifts a hold beside `answer`, which rests on that as well.
        Raises Rejected (revocation.on_hold), Undecided.
        """
        undecided: Undecided | None = None
        besides: tuple[EvidenceUse, ...] = ()
        for hold in sorted(holds, key=lambda said: said.age, reverse=True):
            if lifting := self._lifting(query, hold, answer):
                besides = lifting.uses if lifting is not answer else besides
                continue
            try:
                self._clearing.check_counts(query, hold.file)
            except Undecided as error:
                text = f"{hold.rejection(query)}, and nothing newer clears it; it cannot be used by itself: {error}"
                undecided = undecided or Undecided(error.reason, text, **error.facts).advising(error.remedy)
            else:
                raise hold.rejection(query)
        if undecided:
            raise undecided
        return besides

    def _check_misplaced_holds(
        self, query: RevocationQuery, against: RevocationStatements, answer: ClearingAnswer
    ) -> tuple[EvidenceUse, ...]:
        """The same for misplaced holds: open where nothing newer lifts them. Raises Undecided."""
        besides: tuple[EvidenceUse, ...] = ()
        for hold, doubt in against.misplaced_holds:
            lifting = self._lifting(query, hold, answer)
            if lifting is None:
                raise doubt
            besides = lifting.uses if lifting is not answer else besides
        return besides

    def _lifting(
        self, query: RevocationQuery, hold: RevocationStatement | EvidenceInTarget, answer: ClearingAnswer
    ) -> ClearingAnswer | None:
        """The clearing answer that lifts the hold: `answer`, else that of CRLs."""
        if _lifts(answer, hold):
            return answer
        if answer.crls or not (query.certificate.distribution_points or hold.kind == "crl"):
            return None
        try:  # CRLs were not checked: a responder answered first, or the certificate names no distribution point
            crls = self._clearing.answer_of_crls(query)
        except (Rejected, Undecided):
            return None
        return crls if _lifts(crls, hold) else None


def _worst_of(answers: Iterable[_Answered]) -> tuple[EvidenceUse, ...]:
    """All answers together; the most severe error is raised. Raises Rejected, Undecided."""
    uses: list[EvidenceUse] = []
    undecided: Undecided | None = None
    on_hold: Rejected | None = None
    for answer in answers:
        if isinstance(answer, Rejected):
            if answer.reason == "revocation.revoked":
                raise answer.with_traceback(None)  # the cached error would get a longer traceback with each raise
            on_hold = on_hold or answer
        elif isinstance(answer, Undecided):
            undecided = undecided or answer
        else:
            uses.extend(answer)
    if error := on_hold or undecided:
        raise error.with_traceback(None)
    return tuple(uses)


def _lifts(answer: ClearingAnswer, hold: RevocationStatement | EvidenceInTarget) -> bool:
    """Whether the answer is newer. With equal dates the hold counts; CRLs of one stream compare by number."""
    file = hold.file if isinstance(hold, RevocationStatement) else None  # what is not available is in no answer
    if isinstance(file, CrlFile):
        if file.facts in answer.crls:
            return True
        known = [crl.issued for crl in answer.crls if crl.stream == file.facts.stream]
        if known and file.facts.issued < max(known):
            return True
    return answer.since is not None and hold.this_update < answer.since


def _joined(found: Sequence[FoundInTargets]) -> FoundInTargets:
    """What was found about each certificate of a chain."""
    together = FoundInTargets.joined(found)
    return together._replace(statements=_each_once(together.statements))


def _folded(said: Iterable[TargetStatement]) -> tuple[TargetStatement, ...]:
    """What a report can hold about one certificate; one more counts for all others, and is nowhere."""
    found = tuple(said)
    if len(found) <= limits.STATEMENTS_REPORTED:
        return found
    proven_first = sorted(found, key=lambda item: item.unproven is not None)
    kept, others = proven_first[: limits.STATEMENTS_REPORTED], proven_first[limits.STATEMENTS_REPORTED :]
    evidence = others[0].evidence._replace(name=f"{len(others)} more pieces of evidence", fingerprint="")
    return (*kept, TargetStatement(evidence=evidence, is_hold=False))


def _each_once(said: Iterable[TargetStatement]) -> tuple[TargetStatement, ...]:
    """What each piece says of a certificate, once; a hold is all of it only where it says no more of this one."""
    found: dict[tuple[object, ...], TargetStatement] = {}
    for item in said:
        key = item.evidence.fingerprint, item.evidence.certificate, item.responder, item.other_than
        known = found.setdefault(key, item)
        unproven = known.unproven and item.unproven
        found[key] = replace(known, is_hold=known.is_hold and item.is_hold, unproven=unproven)
    return tuple(found.values())
