"""Answers that came with a target: a later judgement without the target must not trust an older one too far.

The newest evidence decides, also where it leaves the answer open: it is stale, its responder does not know the
certificate, or its delta CRL is missing (decision 0027). If such evidence is gone, older evidence must not answer
instead.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import FormatError, Undecided
from airgap.reasons import BRING_LAYOUT
from airgap.revocation.ages import EvidenceAges
from airgap.revocation.answer_evidence import ClearingAnswer, EvidenceInTarget, TargetAnswer
from airgap.revocation.clearing_crls import ALL_REASONS, ClearingCrls
from airgap.revocation.evidence_files import CrlFile, Evidence, OcspFile
from airgap.revocation.freshness import DatedEvidence
from airgap.revocation.makers import EvidenceMakers
from airgap.revocation.query import RevocationQuery

if TYPE_CHECKING:
    from airgap.pki.certificate import Certificate
    from airgap.pki.crl_facts import CrlFacts
    from airgap.pki.single_response import SingleResponse
    from airgap.revocation.freshness import ChainKind


class LostAnswers:
    """Notes the answers in targets, and compares later answers with what was noted and is gone."""

    def __init__(self, evidence: Evidence, makers: EvidenceMakers, crls: ClearingCrls, ages: EvidenceAges) -> None:
        self._evidence: Final = evidence
        self._makers: Final = makers
        self._crls: Final = crls
        self._ages: Final = ages

    # --- noting ---

    def in_targets(self, query: RevocationQuery) -> tuple[TargetAnswer, ...]:
        """What genuine evidence outside of the trust directory answers about the certificate, of whatever date."""
        found: list[TargetAnswer] = []
        for file in self._evidence.crls(query.issuer.subject):
            if not file.trusted:
                with suppress(FormatError, Undecided):
                    found.append(self._of_delta(query, file) if file.facts.is_delta else self._of_base(query, file))
        for ocsp in self._evidence.ocsp(query.certificate.serial):
            single = None if ocsp.trusted else ocsp.response.find(query.certificate, query.issuer)
            if single and self._makers.is_genuine(query, ocsp):
                found += _of_response(query.certificate, query.chain, ocsp, [single])
        return _folded(found)

    def unproven_in_targets(self, certificate: Certificate, chain: ChainKind) -> tuple[TargetAnswer, ...]:
        """The same without proof, for a certificate whose issuer is not proven."""
        found: list[TargetAnswer] = []
        for file in self._evidence.crls(certificate.issuer):
            if not file.trusted:
                needs_delta = not file.facts.is_delta and (file.facts.names_delta or bool(certificate.freshest_crl))
                said = _of_crl(certificate, chain, file, [file.facts], is_open=needs_delta, is_complete=True)
                found.append(replace(said, unproven=self._makers.untried(file)))
        for ocsp in self._evidence.ocsp(certificate.serial):
            if not ocsp.trusted:
                singles = [single for single in ocsp.response.responses if single.may_state(certificate.serial)]
                maker = self._makers.untried(ocsp)
                found += (replace(said, unproven=maker) for said in _of_response(certificate, chain, ocsp, singles))
        return _folded(found)

    def _of_base(self, query: RevocationQuery, file: CrlFile) -> TargetAnswer:
        """Raises Undecided, FormatError."""
        base = self._crls.usable(query, file)
        lists, is_open = [file.facts], bool(query.certificate.freshest_crl)
        if base.crl.freshest:
            delta = self._crls.newest_delta(query, base.crl)
            lists += [delta.facts] if delta else []
            is_open = delta is None
        is_complete = base.reasons >= ALL_REASONS
        return _of_crl(query.certificate, query.chain, file, lists, is_open=is_open, is_complete=is_complete)

    def _of_delta(self, query: RevocationQuery, file: CrlFile) -> TargetAnswer:
        """Raises Undecided, FormatError."""
        file.load().verify_signed_by(query.issuer)
        return _of_crl(query.certificate, query.chain, file, [file.facts], is_open=False, is_complete=True)

    # --- comparing ---

    def check(self, query: RevocationQuery, answer: ClearingAnswer) -> None:
        """Checks that nothing that is gone would have decided instead, and left the answer open. Raises Undecided."""
        if not query.lost.answers or answer.since is None:
            return
        crls, responses = self._evidence.crls(query.issuer.subject), self._evidence.ocsp(query.certificate.serial)
        files: tuple[CrlFile | OcspFile, ...] = (*crls, *responses)
        here = {file.fingerprint: file for file in files}
        lost = [
            item
            for item in query.lost.answers
            if not self._is_judged(query, item, here.get(item.evidence.fingerprint)) and self._was_known(query, item)
        ]
        deciding = _of_crls(lost, answer.crls) if answer.crls else _of_responses(lost, answer.since)
        for item in deciding:
            self._check_one(query, item)

    def check_clock(self, query: RevocationQuery) -> None:
        """A clock is wrong that is before evidence that was in the layout. Raises Undecided."""
        for made, unproven in query.lost.newest:
            if unproven is None or self._makers.may_prove(unproven, query, made.kind):
                name = f"{made.name}, which was in the layout,"
                self._ages.check_clock(query, DatedEvidence(made.kind, name, made.this_update, None))

    def _is_judged(self, query: RevocationQuery, item: TargetAnswer, here: CrlFile | OcspFile | None) -> bool:
        """Whether it is here with its proof, or with all that might have been that, so that it took part."""
        if here is None:
            return False
        may_lack_proof = item.unproven is None or self._makers.lacks(item.unproven)
        return not may_lack_proof or self._makers.is_genuine(query, here)

    def _was_known(self, query: RevocationQuery, item: TargetAnswer) -> bool:
        """Whether it had been made at the judged time, or older ones that it includes may have been."""
        try:
            self._ages.check_made(query, _dated(item))
        except Undecided:
            return item.includes_older
        return True

    def _check_one(self, query: RevocationQuery, item: TargetAnswer) -> None:
        problem = "leaves the answer open"
        try:
            self._ages.check_fresh(query, _dated(item))
        except Undecided as error:
            problem = f"would decide now: {error}"
        else:
            if not item.is_open:
                return
        name = item.evidence.name
        text = f"{name}, which was in the layout, is newer than what answers for {query.who} now, and {problem}"
        raise Undecided("recheck.unproven", text, **query.facts(evidence=name)).advising(BRING_LAYOUT)


def _of_responses(lost: Iterable[TargetAnswer], since: datetime) -> Iterator[TargetAnswer]:
    """The newest response, if it is newer than the one that answers; of two of one time an open one counts."""
    newest = _newest(item for item in lost if item.evidence.kind == "ocsp")
    return (item for item in newest if item.evidence.this_update >= since)


def _of_crls(lost: Iterable[TargetAnswer], answering: Iterable[CrlFacts]) -> Iterator[TargetAnswer]:
    """The CRLs that would be chosen instead of those that answer, or beside them."""
    crls = [item for item in lost if item.evidence.kind == "crl"]
    used = tuple(answering)
    bases = [crl for crl in used if not crl.is_delta]
    since = min(base.issued for base in bases)
    if len(bases) == 1:
        complete = (item for item in crls if item.is_complete and item.base_number is None)
        yield from (item for item in _newest(complete) if item.issued >= since)
    else:  # several that cover all reasons together: one that covers all of them comes first, of whatever date
        yield from (i for i in crls if i.base_number is None and (i.is_complete or i.issued >= since))
    for base in (base for base in bases if base.names_delta):
        least = min((crl.issued for crl in used if not crl.why_unfit_for(base)), default=base.issued)
        fitting = (item for item in crls if _may_fit(item, base))
        yield from (item for item in _newest(fitting) if item.issued >= least)


def _newest(items: Iterable[TargetAnswer]) -> Iterator[TargetAnswer]:
    """The newest one that was proven, and all that were not: one of these may be forged, and hides no other one."""
    proven: list[TargetAnswer] = []
    for item in items:
        if item.unproven is None:
            proven.append(item)
        else:
            yield item
    yield from sorted(proven, key=_order)[-1:]


def _may_fit(item: TargetAnswer, base: CrlFacts) -> bool:
    if item.base_number is None:
        return False
    if item.includes_older:  # it may be any of several
        return True
    return base.number is None or item.number is None or item.base_number <= base.number < item.number


def _order(item: TargetAnswer) -> tuple[datetime, int, bool]:
    return (*item.issued, item.is_open)


def _dated(item: TargetAnswer) -> DatedEvidence:
    evidence = item.evidence
    return DatedEvidence(evidence.kind, evidence.name, evidence.this_update, item.next_update)


def _of_crl(
    certificate: Certificate,
    chain: ChainKind,
    file: CrlFile,
    lists: list[CrlFacts],
    *,
    is_open: bool,
    is_complete: bool,
) -> TargetAnswer:
    ends = [crl.next_update for crl in lists if crl.next_update]
    return TargetAnswer(
        evidence=EvidenceInTarget.of(file, chain, certificate, file.facts.this_update),
        next_update=min(ends) if len(ends) == len(lists) else None,
        number=file.facts.number,
        base_number=file.facts.base_number,
        is_open=is_open,
        is_complete=is_complete,
        includes_older=False,
    )


def _of_response(
    certificate: Certificate, chain: ChainKind, file: OcspFile, singles: Iterable[SingleResponse]
) -> Iterator[TargetAnswer]:
    """Evidence against it is noted elsewhere (`target_statements.py`)."""
    for single in singles:
        if single.status != "revoked" and not single.doubt:
            yield TargetAnswer(
                evidence=EvidenceInTarget.of(file, chain, certificate, single.this_update),
                next_update=single.next_update,
                number=None,
                base_number=None,
                is_open=single.status == "unknown",
                is_complete=True,
                includes_older=False,
            )


def _folded(found: Iterable[TargetAnswer]) -> tuple[TargetAnswer, ...]:
    """The newest ones of each kind; of the rest, which counts for moments of long ago alone, nothing is known."""
    kinds: defaultdict[tuple[str, bool, bool], list[TargetAnswer]] = defaultdict(list)
    once = {(item.evidence.fingerprint, item.evidence.this_update, item.is_open): item for item in found}
    for item in sorted(once.values(), key=_order, reverse=True):
        kinds[item.evidence.kind, item.base_number is None, item.is_complete].append(item)
    return tuple(item for items in kinds.values() for item in _bounded(items))


def _bounded(items: list[TargetAnswer]) -> Iterator[TargetAnswer]:
    yield from items[: limits.ANSWERS_NOTED]
    for item in items[limits.ANSWERS_NOTED :][:1]:
        yield replace(item, is_open=True, includes_older=True)
