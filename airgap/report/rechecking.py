"""Recheck in words, and as JSON: `airgap.recheck/1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Final, Self

from airgap.errors import AirgapError
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.report.finding_text import (
    has_reservations,
    problem_lines,
    problem_text,
    signature_notes,
    soft_notes,
    touches_verdict,
    warning_lines,
)
from airgap.report.report import Json, OutcomeReport, Rows
from airgap.report.style import PLAIN, Style
from airgap.report.verify_document import heading
from airgap.report.wording import count
from airgap.verdict import Verdict
from airgap.verifier.artifact_document import problem_document, signature_document
from airgap.verifier.rechecked import Basis, Change, Rechecked, RecheckOutcome

SCHEMA: Final = "airgap.recheck/1"
_KIND = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.INDETERMINATE: "unsure", Verdict.SKIPPED: "unsure"}


@dataclass(frozen=True, slots=True)
class RecheckReport(OutcomeReport[RecheckOutcome]):
    """The result of `airgap.recheck`: `airgap.recheck/1` (docs/reference/recheck.schema.json)."""

    @classmethod
    def of_failure(cls, error: AirgapError, now: datetime) -> Self:
        """Of a run that ended with `error` before anything was judged."""
        moment = Moment(judged=now, clock=now)
        return cls(RecheckOutcome(moment=moment, trust={}, problems=(Problem.of(error),)))

    def _members(self) -> Json:
        outcome = self.outcome
        return {
            **heading(SCHEMA, outcome),
            "trust": dict(outcome.trust),
            "worse": sum(artifact.change is Change.WORSE for artifact in outcome.artifacts),
            "still_good": outcome.still_good,
            "artifacts": Rows(lambda: map(_artifact, outcome.artifacts), count=len(outcome.artifacts)),
            "problems": [problem_document(problem) for problem in outcome.problems],
            "warnings": [problem_document(warning) for warning in outcome.warnings],
        }

    def lines(self, style: Style) -> Iterable[str]:
        """The verdict first, then what changed, then the rest in one line each."""
        return _lines(self.outcome, style)

    def brief_lines(self) -> Iterator[str]:
        """The verdict in one line; what is worse and what could not be judged is never quiet."""
        yield _headline(self.outcome)
        yield from (_line(artifact, PLAIN) for artifact in self.outcome.artifacts if artifact.change is Change.WORSE)
        yield from (f"problem {problem_text(problem)}" for problem in self.outcome.problems)

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterator[str]:
        """Warnings about the run; with `quiet` those that touch the verdict."""
        found = [warning for warning in self.outcome.warnings if not quiet or touches_verdict(warning)]
        return warning_lines(found, style)


def _artifact(artifact: Rechecked) -> Json:
    was, report = artifact.was, artifact.report
    return {
        "reference": artifact.reference,
        "digest": str(artifact.now.descriptor.digest),
        "scope": artifact.now.scope,
        "basis": artifact.basis.value,
        "was": {"verdict": was.verdict.value, "judged": iso(report.judged), "report": report.name}
        if was and report
        else None,
        "now": artifact.verdict.value,
        "change": artifact.change.value,
        "exit_codes": sorted(artifact.exit_codes),
        "because": [{"reason": item.reason, "message": item.message} for item in artifact.because],
        "signatures": [signature_document(signature) for signature in artifact.now.signatures],
    }


def _lines(outcome: RecheckOutcome, style: Style) -> Iterator[str]:
    yield style.paint(_KIND[outcome.verdict], _headline(outcome))
    order = (Change.WORSE, Change.UNKNOWN, Change.BETTER, Change.UNCHANGED)
    for artifact in sorted(outcome.artifacts, key=lambda item: order.index(item.change)):
        yield _line(artifact, style)
        for problem in artifact.because:
            yield f"          {problem.message}" + (f" [{problem.reason}]" if problem.reason else "")
            if problem.shown_remedy:
                yield f"          → {problem.shown_remedy}"
        notes = [*soft_notes(artifact.now)]
        if artifact.verdict is not Verdict.PASS:
            notes += chain.from_iterable(map(signature_notes, artifact.now.signatures))
        for text in notes:
            yield from style.entry("note", text, "unsure")
    if outcome.still_good:
        yield f"  {count(outcome.still_good, 'artifact')} of the ledger: was pass, is pass"
    yield from problem_lines(outcome.problems, style)


def _line(artifact: Rechecked, style: Style) -> str:
    """One artifact, then and now."""
    was = f"was {artifact.was.verdict.value}, " if artifact.was else ""
    how = f" (from {artifact.report.name} alone)" if artifact.basis is Basis.REPORT and artifact.report else ""
    word = style.paint(_KIND[artifact.verdict], f"{was}is {artifact.verdict.value}")
    return f"  {artifact.reference} {artifact.now.descriptor.digest}: {word}{how}"


def _headline(outcome: RecheckOutcome) -> str:
    artifacts = outcome.artifacts
    total = len(artifacts) + outcome.still_good
    all_are = "the artifact is" if total == 1 else f"all {total} artifacts are"
    verified = [artifact for artifact in artifacts if artifact.verdict is not Verdict.SKIPPED]
    worse = [artifact for artifact in verified if artifact.change is Change.WORSE]
    bad = [artifact for artifact in worse if artifact.verdict is Verdict.FAIL]
    if bad:
        return f"CHANGED: {len(bad)} of {total} that were better earlier are not good any more. Pull them out."
    if any(problem.verdict is Verdict.FAIL for problem in outcome.problems):
        return "FAIL: not everything could be judged again; see below."
    if worse:
        return f"UNSURE: {len(worse)} of {total} that were better earlier are not known to be good now; see why below."
    if count := sum(artifact.verdict is not Verdict.PASS for artifact in verified):
        return f"NOT GOOD: {count} of {total} not accepted now. No earlier judgement accepted it."
    if outcome.verdict not in {Verdict.PASS, Verdict.SKIPPED}:
        return "UNSURE: nothing was judged again in some of what was named; see below."
    if skipped := len(artifacts) - len(verified):
        before = sum(artifact.change is Change.WORSE for artifact in artifacts)
        good = f" {before} of them had been accepted earlier." if before else ""
        return f"SKIPPED: the policy verifies no signature of {skipped} of {total}. NOTHING proves who made them.{good}"
    if soft := sum(has_reservations(artifact.now) for artifact in artifacts):
        softened = f"the policy does not enforce every check; see {soft} of {total}"
        return f"GOOD, WITH RESERVATIONS: {softened}{_as_of_reports(outcome)}."
    if any(artifact.change is not Change.UNCHANGED for artifact in artifacts):
        return f"GOOD: {all_are} good now{_as_of_reports(outcome)}."
    return f"UNCHANGED: {all_are} still good{_as_of_reports(outcome)}."


def _as_of_reports(outcome: RecheckOutcome) -> str:
    alone = outcome.still_good + sum(artifact.basis is Basis.REPORT for artifact in outcome.artifacts)
    how = "as earlier judgements say of signature and content: they are not available"
    return f" ({alone} of them {how})" if alone else ""
