"""The result of `airgap trust fetch`, in words and as the document `airgap.fetch/1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from airgap.collection.attempts import Attempt, AttemptResult
from airgap.collection.coverage import CertificateCoverage, FetchOutcome, Status
from airgap.errors import AirgapError
from airgap.parse.time import iso, iso_or_null
from airgap.reasons import REASONS, remedy_of
from airgap.report.finding_text import problem_and_warning_lines
from airgap.report.report import TOOL, Json, OutcomeReport
from airgap.report.style import Style
from airgap.report.wording import count
from airgap.revocation.answer_evidence import EvidenceUse
from airgap.revocation.freshness import by_age
from airgap.text import safe
from airgap.verifier.artifact_document import problem_document

FETCH_SCHEMA = "airgap.fetch/1"

_KIND = {
    Status.COVERED: "good",
    Status.NOTHING: "quiet",
    Status.GAP: "unsure",
    Status.UNPROVEN: "unsure",
    Status.REVOKED: "bad",
}
_WORD = {
    Status.COVERED: "covered",
    Status.NOTHING: "-",
    Status.GAP: "GAP",
    Status.UNPROVEN: "UNPROVEN",
    Status.REVOKED: "REVOKED",
}


@dataclass(frozen=True, slots=True)
class FetchReport(OutcomeReport[FetchOutcome]):
    """The result of `airgap.fetch`: `airgap.fetch/1`."""

    verbose: bool = False
    """Whether the text says every attempt."""

    @classmethod
    def of_failure(cls, error: AirgapError, targets: Sequence[str], now: datetime) -> Self:
        """Of a run that ended with `error`."""
        named = tuple(map(safe, targets))
        nothing = FetchOutcome(at=now, targets=named, directory=None, signatures=0, certificates=())
        return cls(nothing.ended_by(error))

    def _members(self) -> Json:
        """The whole outcome (schema in airgap/schemas/fetch.schema.json)."""
        outcome = self.outcome
        return {
            "schema": FETCH_SCHEMA,
            "tool": TOOL,
            "exit_code": outcome.exit_code,
            "time": iso(outcome.at),
            "complete": outcome.complete,
            "targets": list(outcome.targets),
            "directory": outcome.directory,
            "signatures": outcome.signatures,
            "use_by": {"at": iso(outcome.use_by[0]), "evidence": outcome.use_by[1]} if outcome.use_by else None,
            "certificates": [_certificate_json(item, outcome) for item in outcome.certificates],
            "unread": [{"signature": str(item.signature), "message": item.message} for item in outcome.unread],
            "offered": [_attempt_json(attempt) for attempt in outcome.offered],
            "pruned": list(outcome.pruned),
            "evidence_artifacts": [
                {"reference": item.reference, "digest": item.digest, "files": item.files, "changed": item.changed}
                for item in outcome.written
            ],
            "problems": [problem_document(problem) for problem in outcome.problems],
            "warnings": [problem_document(warning) for warning in outcome.warnings],
        }

    def lines(self, style: Style) -> Iterable[str]:
        """Whether it is complete, then one line a certificate, and each gap with its reason."""
        return _lines(self.outcome, style, self.verbose)

    def brief_lines(self) -> Iterable[str]:
        """In one sentence, whether a verifier will be able to decide."""
        return (_headline(self.outcome),)


def _headline(outcome: FetchOutcome) -> str:
    chain = [item for item in outcome.certificates if item.role == "chain"]
    of_all = f"{count(len(chain), 'certificate')} of {count(outcome.signatures, 'signature')}"
    lacking = list(_lacking(outcome, sum(item.is_gap for item in chain), of_all))
    if revoked := sum(item.status is Status.REVOKED for item in chain):
        return "; ".join((f"REVOKED: {revoked} of {of_all}, by the available evidence", *lacking)) + "."
    if lacking:
        return f"INCOMPLETE: {'; '.join(lacking)}."
    if not outcome.signatures:
        return "NOTHING TO DO: no target has a signature."
    if refused := sum(item.unanswered for item in chain):
        return (
            f"INCOMPLETE: what was asked for {refused} of {of_all} gave no answer that counts; what is available may "
            "be older."
        )
    if unreadable := len(outcome.unreadable):
        return f"INCOMPLETE: {count(unreadable, 'offered file')} cannot be read, and may hold a newer answer."
    return f"COMPLETE: evidence for {of_all}."


def _lacking(outcome: FetchOutcome, gaps: int, of_all: str) -> Iterator[str]:
    """What was not looked at or not found."""
    if targets := len({problem.target for problem in outcome.problems}):
        yield f"{count(targets, 'target')} could not be read"
    if gaps or outcome.unread:
        unread = f", {count(len(outcome.unread), 'signature')} could not be read" if outcome.unread else ""
        yield f"no proven evidence for {gaps} of {of_all}{unread}"


_CAUSES: Final = {
    *(reason for reason in REASONS if reason.startswith("fetch.")),
    "revocation.crl.extension",
    "revocation.ocsp.unknown",
}
"""Reasons of attempts whose own remedy helps more than to ask again."""
_ASK_AGAIN: Final = "Ask again later, or get the file in another way and name it: --from PATH."
_NOT_ASKED: Final = (
    "No URL was asked, as none is named or --no-download was: get the file in another way and name it: --from PATH."
)


def _lines(outcome: FetchOutcome, style: Style, verbose: bool) -> Iterator[str]:
    yield style.paint("good" if outcome.complete and not outcome.is_revoked else "unsure", _headline(outcome))
    for item in outcome.certificates:
        yield from _certificate(item, outcome, style, verbose)
    if gaps := [item for item in outcome.certificates if item.is_gap]:
        asked = any(item.attempts for item in gaps)
        ways = dict.fromkeys(way for item in gaps for way in _ways_out(item))
        yield from (f"          → {way}" for way in ways or [_ASK_AGAIN if asked else _NOT_ASKED])
    for unread in outcome.unread:
        yield f"  {style.paint('unsure', 'unread')} signature {unread.signature}: {unread.message}"
    told = [attempt for attempt in outcome.offered if verbose or attempt.outcome is AttemptResult.REFUSED]
    yield from (f"  offered {attempt.source}: {_attempt(attempt)}" for attempt in told)
    for name in outcome.pruned:
        yield f"  {style.paint('quiet', 'pruned')} {name}"
    for artifact in outcome.written:
        word = "written" if artifact.changed else "unchanged"
        yield f"  beside {artifact.reference}: {count(artifact.files, 'file')} of evidence, {word} ({artifact.digest})"
    yield from problem_and_warning_lines(outcome, style)
    parts = [f"fetched at {iso(outcome.at)}"]
    if outcome.directory:
        parts.append(f"kept in {outcome.directory}")
    if outcome.use_by:
        parts.append(f"good until {iso(outcome.use_by[0])} ({outcome.use_by[1]})")
    yield style.paint("quiet", "; ".join(parts))


def _ways_out(item: CertificateCoverage) -> Iterator[str]:
    """What helps against this gap; nothing where only another answer does."""
    if item.reason == "fetch.unkept":
        yield remedy_of(item.reason)
        return
    for attempt in item.attempts:
        if attempt.reason and attempt.reason in _CAUSES:
            yield remedy_of(attempt.reason)
        elif attempt.file and attempt.next_update is None:
            yield by_age("ocsp" if attempt.kind == "ocsp" else "crl", item.chain)


def _certificate(item: CertificateCoverage, outcome: FetchOutcome, style: Style, verbose: bool) -> Iterator[str]:
    role = "responder" if item.role == "responder" else item.chain
    yield f"  {style.paint(_KIND[item.status], f'{_WORD[item.status]:<8}')} {role:<9} {item.subject}"
    for use in item.evidence:
        if use.name:  # not for a certificate that names no distribution point and no responder
            yield f"             {use.kind}: {_use(use, outcome)}"
        yield from (f"             {style.paint('unsure', 'note')} {note}" for note in use.notes)
    if item.reason:
        yield f"             {item.message} {style.paint(_KIND[item.status], f'[{item.reason}]')}"
    shown = item.attempts if verbose or item.is_gap or item.unanswered else [a for a in item.attempts if a.reason]
    for attempt in shown:
        yield f"             {attempt.kind} {attempt.source}: {_attempt(attempt)}"
    if item.status is Status.NOTHING:
        yield "             names no way to ask about its revocation"


def _use(use: EvidenceUse, outcome: FetchOutcome) -> str:
    number = f", number {use.number}" if use.number is not None else ""
    until = f", good until {iso(use.good_until)}" if use.good_until else ""
    made = f" of {iso(use.this_update)}" if use.this_update else ""
    source = outcome.sources.get(use.name)
    return f"{use.name}{made}{number}{until}" + (f", from {source}" if source else ", was there")


def _attempt(attempt: Attempt) -> str:
    if attempt.reason:
        return f"{attempt.message} [{attempt.reason}]"
    return f"{attempt.outcome.value} ({attempt.file})"


def _certificate_json(item: CertificateCoverage, outcome: FetchOutcome) -> Json:
    return {
        "subject": item.subject,
        "issuer": item.issuer,
        "serial": item.serial,
        "fingerprint": item.fingerprint,
        "chain": item.chain,
        "role": item.role,
        "status": item.status.value,
        "reason": item.reason,
        "message": item.message,
        "evidence": [
            {
                "kind": use.kind,
                "file": use.name,
                "source": outcome.sources.get(use.name),
                "number": use.number,
                "this_update": iso_or_null(use.this_update),
                "next_update": iso_or_null(use.next_update),
            }
            for use in item.evidence
        ],
        "attempts": [_attempt_json(attempt) for attempt in item.attempts],
    }


def _attempt_json(attempt: Attempt) -> Json:
    return {
        "source": attempt.source,
        "kind": attempt.kind,
        "outcome": attempt.outcome.value,
        "reason": attempt.reason,
        "message": attempt.message,
        "file": attempt.file,
        "number": attempt.number,
        "this_update": iso_or_null(attempt.this_update),
        "next_update": iso_or_null(attempt.next_update),
    }
