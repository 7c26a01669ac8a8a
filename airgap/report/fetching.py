"""The result of `airgap trust fetch`, in words and as the document `airgap.fetch/1`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Self

from airgap.collection.attempts import Attempt, AttemptResult
from airgap.collection.coverage import CertificateCoverage, FetchOutcome, Status
from airgap.errors import AirgapError
from airgap.parse.time import iso, iso_or_null
from airgap.reasons import REASONS, remedy_of
from airgap.report.artifact_names import short
from airgap.report.artifact_rows import common_name
from airgap.report.columns import Columns
from airgap.report.finding_text import problem_lines, problem_text, warning_lines
from airgap.report.report import Json, OutcomeReport
from airgap.report.style import PLAIN, Style, unbroken
from airgap.report.wording import count
from airgap.revocation.answer_evidence import EvidenceUse
from airgap.revocation.freshness import by_age
from airgap.text import safe, some
from airgap.verifier.artifact_document import problem_document

FETCH_SCHEMA = "airgap.fetch/1"

_NAMES: Final = 3
_INDENT: Final = " " * 8
_DEEPER: Final = " " * 10
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
            **self.first_members(FETCH_SCHEMA),
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

    def lines(self, style: Style) -> Iterator[str]:
        """Common facts, a row a certificate, each gap with its reason and what to do, and last the result."""
        return _lines(self.outcome, style, self.verbose)

    def brief_lines(self) -> Iterator[str]:
        """In one sentence, whether a verifier will be able to decide."""
        yield from (f"problem {problem_text(problem)}" for problem in self.outcome.problems)
        yield from _ending(self.outcome, PLAIN)

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterator[str]:
        """What is odd; with `quiet` what touches the verdict."""
        return warning_lines(self.outcome.warnings, style, quiet=quiet)

    def sentence(self) -> str:
        """The same in a sentence, for the result of another command."""
        return _headline(self.outcome)

    def table_lines(self, style: Style) -> Iterator[str]:
        """The certificates, and what to do about gaps."""
        return _table_lines(self.outcome, style, self.verbose)


def _ending(outcome: FetchOutcome, style: Style) -> Iterator[str]:
    word, _, text = _headline(outcome).partition(": ")
    return style.ending(word, text, outcome.exit_code, _kind(outcome))


def _kind(outcome: FetchOutcome) -> str:
    return "good" if outcome.complete and not outcome.is_revoked else "unsure"


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


_HEAD: Final = ("CERTIFICATE", "OF", "EVIDENCE", "GOOD UNTIL")
_LEAST: Final = (16, 7, 16, 20)
_ROWS: Final = 20


def _lines(outcome: FetchOutcome, style: Style, verbose: bool) -> Iterator[str]:
    facts = [f"{count(outcome.signatures, 'signature')} of {count(len(outcome.targets), 'target')}"]
    facts.append(f"fetched at {iso(outcome.at)}")
    if outcome.directory:
        facts.append(f"kept in {outcome.directory}")
    if outcome.use_by:
        facts.append(f"good until {iso(outcome.use_by[0])} ({outcome.use_by[1]})")
    yield from style.entry(_headline(outcome).partition(":")[0], ", ".join(facts), _kind(outcome))
    if told := [attempt for attempt in outcome.offered if verbose or attempt.outcome is AttemptResult.REFUSED]:
        for attempt in told:
            yield from style.entry("offered", f"{attempt.source}: {_attempt(attempt)}", "unsure")
    if outcome.pruned:
        names = some(outcome.pruned, len(outcome.pruned) if verbose else _NAMES)
        yield from style.entry("pruned", names, "quiet")
    yield from _beside(outcome, style, verbose)
    yield from _table_lines(outcome, style, verbose)
    yield from problem_lines(outcome.problems, style)
    yield ""
    yield from _ending(outcome, style)


def _table_lines(outcome: FetchOutcome, style: Style, verbose: bool) -> Iterator[str]:
    """What is covered, then what is not, with what was asked and what to do."""
    good = [item for item in outcome.certificates if not (item.is_gap or item.unanswered or item.reason)]
    bad = [item for item in outcome.certificates if item not in good]
    rows = {id(item): _row(item) for item in outcome.certificates}
    if rows:
        yield ""
        table = Columns(_HEAD, rows.values(), style, least=_LEAST)
        yield from table.heading()
        shown = good if verbose else good[:_ROWS]
        for item in (*shown, *bad):
            yield from table.row(rows[id(item)], _WORD[item.status], _KIND[item.status])
            yield from _certificate(item, outcome, style, verbose)
        if len(shown) < len(good):
            yield from style.entry("", f"… and {len(good) - len(shown)} more that are covered; -v lists each of them")
    if gaps := [item for item in outcome.certificates if item.is_gap]:
        asked = any(item.attempts for item in gaps)
        ways = dict.fromkeys(way for item in gaps for way in _ways_out(item))
        for way in ways or [_ASK_AGAIN if asked else _NOT_ASKED]:
            yield from style.arrow(way)
    for unread in outcome.unread:
        text = short(f"signature {unread.signature}: {unread.message}", verbose=verbose)
        yield from style.entry("NOT READ", text, "unsure")


def _beside(outcome: FetchOutcome, style: Style, verbose: bool) -> Iterator[str]:
    """What was put beside the artifacts of a layout."""
    for changed, word in ((True, "written"), (False, "unchanged")):
        found = [item for item in outcome.written if item.changed is changed]
        names = [item.reference for item in found]
        if verbose:
            for item in found:
                text = f"{count(item.files, 'file')} of evidence beside {item.reference} ({item.digest})"
                yield from style.entry(word, text, "quiet")
        elif found:
            files = sum(item.files for item in found)
            text = f"{count(files, 'file')} of evidence beside {short(some(names, _NAMES))}"
            yield from style.entry(word, text, "quiet")


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


def _row(item: CertificateCoverage) -> tuple[str, ...]:
    role = "responder" if item.role == "responder" else item.chain
    named = [use for use in item.evidence if use.name]  # not where it names no distribution point and no responder
    kinds = ", ".join(dict.fromkeys(f"{use.kind}{_number(use)}" for use in named))
    ends = [use.good_until for use in named if use.good_until]
    return common_name(item.subject), role, kinds or "-", iso(min(ends)) if ends else "-"


def _certificate(item: CertificateCoverage, outcome: FetchOutcome, style: Style, verbose: bool) -> Iterator[str]:
    if verbose:
        yield from style.paragraph(item.subject, _INDENT, _DEEPER)
        for use in item.evidence:
            if use.name:
                yield from style.paragraph(f"{use.kind}: {_use(use, outcome)}", _INDENT, _DEEPER)
    for use in item.evidence:
        for note in use.notes:
            yield from style.entry("note", note, "unsure")
    if item.status is Status.NOTHING:
        yield from style.paragraph("names no way to ask about its revocation", _INDENT, _DEEPER)
    if item.reason:
        yield from style.paragraph(f"{item.message} [{item.reason}]", _INDENT, _DEEPER)
    shown = item.attempts if verbose or item.is_gap or item.unanswered else [a for a in item.attempts if a.reason]
    for attempt in shown:
        yield from style.paragraph(f"{attempt.kind} {attempt.source}: {_attempt(attempt)}", _DEEPER, f"{_DEEPER}  ")


def _number(use: EvidenceUse) -> str:
    return unbroken(f" number {use.number}") if use.number is not None else ""


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
