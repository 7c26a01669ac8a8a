"""Recheck in words, and as JSON: `airgap.recheck/1`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple, Self

from airgap.errors import AirgapError
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.report.artifact_names import ArtifactName, short
from airgap.report.artifact_rows import Table, TableRow
from airgap.report.details import Detail, Remark, detail_lines, note_lines
from airgap.report.finding_text import (
    PAINTED,
    WORD,
    has_reservations,
    passing_note_lines,
    problem_lines,
    problem_text,
    reason_detail,
    signature_lines,
    signature_notes,
    soft_notes,
    warning_lines,
)
from airgap.report.judged_run import JudgedItem, JudgedRun, is_wholly_good, plain, plain_details
from airgap.report.report import Json, OutcomeReport, Rows
from airgap.report.style import PLAIN, Style
from airgap.report.verdict_sentence import by_cause, problem_sentence
from airgap.report.verify_document import heading
from airgap.report.verify_text import moment_facts
from airgap.report.wording import count, sentences_of
from airgap.verdict import Verdict
from airgap.verifier.artifact_document import problem_document, signature_document
from airgap.verifier.rechecked import Basis, Change, Rechecked, RecheckOutcome

SCHEMA: Final = "airgap.recheck/1"
_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class RecheckReport(OutcomeReport[RecheckOutcome]):
    """The result of `airgap.recheck`: `airgap.recheck/1` (airgap/schemas/recheck.schema.json)."""

    verbose: bool = False
    """Whether the text lists what did not change, and every check."""

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

    def as_judged_run(self) -> JudgedRun:
        """See `Report`."""
        outcome = self.outcome
        word, rest = _headline(outcome)
        judged = _sorted(outcome)
        still_good = (f"{count(outcome.still_good, 'more artifact')} of the ledger still good",)
        return JudgedRun(
            command="airgap recheck",
            headline=f"{word}: {rest}",
            exit_code=self.exit_code,
            verdict=outcome.verdict,
            judged=outcome.moment.judged,
            trust=outcome.trust,
            facts=(*moment_facts(outcome), *(still_good if outcome.still_good else ())),
            verdicts=Counter(item.verdict for item in judged),
            items=lambda: map(_judged_item, judged),
            problems=outcome.problems,
            warnings=outcome.warnings,
            heading=self.heading,
        )

    def lines(self, style: Style) -> Iterator[str]:
        """Common facts, what changed and what is not good, what to do, and last the verdict."""
        outcome = self.outcome
        word = _headline(outcome)[0]
        total = count(len(outcome.artifacts) + outcome.still_good, "artifact")
        facts = ", ".join((f"{total} judged again", *moment_facts(outcome)))
        yield from style.entry(word, facts, PAINTED[outcome.verdict])
        yield from (_every_artifact if self.verbose else _changed)(_sorted(outcome), style)
        yield from problem_lines(outcome.problems, style)
        yield ""
        yield from self._verdict(style)

    def brief_lines(self) -> Iterator[str]:
        """The verdict with the names of what is worse, below what could not be judged at all."""
        yield from (f"problem {problem_text(problem)}" for problem in self.outcome.problems)
        yield from self._verdict(PLAIN)

    def _verdict(self, style: Style) -> Iterator[str]:
        word, rest = _headline(self.outcome)
        return style.ending(word, rest, self.exit_code, PAINTED[self.outcome.verdict])

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterator[str]:
        """Warnings about the run; with `quiet` those that touch the verdict, and what is odd about what passed."""
        yield from warning_lines(self.outcome.warnings, style, quiet=quiet)
        if quiet:
            yield from passing_note_lines((item.now for item in self.outcome.artifacts), style)


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


class _Judged(NamedTuple):
    artifact: Rechecked
    verdict: Verdict
    name: ArtifactName

    @property
    def row(self) -> TableRow:
        artifact = self.artifact
        was = WORD[artifact.was.verdict] if artifact.was else "-"
        alone = artifact.basis is Basis.REPORT and artifact.report
        basis = f"{artifact.report.name} alone" if alone and artifact.report else "its layout"
        name = f"{self.name.repository} {self.name.tag}" if self.name.repository else self.name.tag
        return TableRow(self.verdict, self.name.target, (short(name), was, basis))

    @property
    def is_news(self) -> bool:
        """Whether it changed, or is not good: what was good and is good is only counted."""
        return self.verdict is not Verdict.PASS or self.artifact.change in {Change.WORSE, Change.BETTER}


def _name(artifact: Rechecked) -> ArtifactName:
    now, was = artifact.now, artifact.was
    names = (*now.tags, *now.aliases, *(was.names if was else ()))
    return ArtifactName.of(artifact.reference, names, artifact.now.descriptor.digest)


def _sorted(outcome: RecheckOutcome) -> list[_Judged]:
    """By target and name; what is worst last."""
    found = [_Judged(artifact, artifact.verdict, _name(artifact)) for artifact in outcome.artifacts]
    return sorted(found, key=lambda item: (item.verdict.rank, item.name.target, *item.name.order))


def _every_artifact(judged: Sequence[_Judged], style: Style) -> Iterator[str]:
    table = _table(judged, style)
    yield ""
    yield from table.heading()
    for item in judged:
        yield from table.lines([item.row])
        yield f"          {item.artifact.now.descriptor.digest}"
        besides = item.artifact.besides
        yield from detail_lines(
            (reason_detail(problem.message, problem.reason, "bad", remedy=problem.remedy) for problem in besides), style
        )
        for signature in item.artifact.now.signatures:
            yield from signature_lines(signature, style, verbose=True, quiet=item.verdict is Verdict.PASS)
        yield from (line for text in soft_notes(item.artifact.now) for line in style.entry("note", text, "unsure"))


def _changed(judged: Sequence[_Judged], style: Style) -> Iterator[str]:
    """What changed or is not good, by cause; each note and remedy once."""
    yield from note_lines(((item.name, _notes(item)) for item in judged), len(judged), style)
    news = [item for item in judged if item.is_news]
    groups: dict[tuple[Detail, ...], list[_Judged]] = {}
    for item in news:
        groups.setdefault(tuple(_causes(item)), []).append(item)
    if news:
        yield ""
        table = _table(news, style)
        yield from table.heading()
        for details, group in list(groups.items())[-_SHOWN:]:
            yield from table.lines(item.row for item in group[:_SHOWN])
            if len(group) > _SHOWN:
                yield from style.entry("", f"… {len(group)} artifacts in all; -v lists each of them")
            yield from detail_lines(details, style)
        if len(groups) > _SHOWN:
            yield from style.entry("", f"… and {len(groups) - _SHOWN} more causes; -v shows all")


def _judged_item(item: _Judged) -> JudgedItem:
    artifact = item.artifact
    _, was, basis = item.row.cells
    return JudgedItem(
        name=artifact.reference,
        digest=artifact.now.descriptor.digest,
        scope=artifact.now.scope,
        verdict=item.verdict,
        exit_code=artifact.exit_code,
        facts=(("was", was), ("judged from", basis), ("change", artifact.change.value)),
        causes=plain_details(_causes(item)),
        notes=tuple(plain(note.text) for note in _notes(item)),
        is_wholly_good=(
            item.verdict is Verdict.PASS
            and artifact.basis is Basis.LAYOUT
            and is_wholly_good(artifact.now, artifact.now.verdict)
        ),
        signatures=tuple(found.digest for found in artifact.now.signatures if found.verdict is Verdict.PASS),
        document=lambda: _artifact(artifact),
    )


def _table(judged: Sequence[_Judged], style: Style) -> Table:
    several = len({item.name.target for item in judged}) > 1
    return Table((item.row for item in judged), style, host="", targets=several, head=("WAS", "JUDGED FROM"))


def _causes(item: _Judged) -> Iterator[Detail]:
    for problem in item.artifact.because:
        yield reason_detail(problem.message, problem.reason, PAINTED[item.verdict], remedy=problem.remedy)


def _notes(item: _Judged) -> Iterator[Remark]:
    yield from map(Remark, soft_notes(item.artifact.now))
    if item.verdict is not Verdict.PASS:
        for signature in item.artifact.now.signatures:
            yield from map(Remark, signature_notes(signature))


def _headline(outcome: RecheckOutcome) -> tuple[str, str]:
    """The word for the change; and what to do with what, by name and cause, and how much did not change."""
    word, *sentences = _sentences(outcome)
    return word, sentences_of(*sentences)


def _sentences(outcome: RecheckOutcome) -> Iterator[str]:
    judged = [(artifact, artifact.ruling) for artifact in outcome.artifacts]
    total = len(judged) + outcome.still_good
    open_ = [one for one in judged if one[1].verdict in {Verdict.FAIL, Verdict.INDETERMINATE}]
    worse = [one for one in open_ if one[0].change is Change.WORSE]
    bad = [one for one in worse if one[1].verdict is Verdict.FAIL]
    unsure = [one for one in worse if one[1].verdict is not Verdict.FAIL]
    others = [one for one in open_ if one[0].change is not Change.WORSE]
    failed = any(problem.verdict is Verdict.FAIL for problem in outcome.problems)
    if total and not open_ and not outcome.problems:
        yield from _good(outcome, total)
        return
    yield "CHANGED" if bad else "FAIL" if failed else "UNSURE" if worse or not others else "NOT GOOD"
    for names, cause in by_cause(bad, total, _name):
        yield f"pull out {names}: {cause}."
    for names, cause in by_cause(unsure, total, _name):
        yield f"do not use {names} until it is judged again: {cause}."
    if any("revocation." in (problem.reason or "") for artifact, _ in unsure for problem in artifact.because):
        yield "fetch newer CRLs and OCSP responses (airgap trust fetch)."
    for names, cause in by_cause(others, total, _name):
        yield f"do not use {names}: {cause}."
    if others and not worse:
        yield "no earlier judgement accepted it." if len(others) == 1 else "no earlier judgement accepted them."
    if outcome.problems:
        yield problem_sentence(outcome.problems)
    good = total - len(open_) - sum(ruling.verdict is Verdict.SKIPPED for _, ruling in judged)
    if good:
        are = "the other artifact is" if good == 1 else f"the other {good} artifacts are"
        yield f"{are} good{_as_of_reports(outcome)}."
    elif not open_ and not outcome.problems:
        yield "nothing was judged again."


def _good(outcome: RecheckOutcome, total: int) -> Iterator[str]:
    """What is said where nothing is wrong."""
    artifacts = outcome.artifacts
    are = "the artifact is" if total == 1 else f"all {total} artifacts are"
    skipped = [artifact for artifact in artifacts if artifact.verdict is Verdict.SKIPPED]
    soft = sum(has_reservations(artifact.now, artifact.now.verdict) for artifact in artifacts)
    if skipped:
        before = sum(artifact.change is Change.WORSE for artifact in skipped)
        yield "SKIPPED"
        yield f"the policy verifies no signature of {len(skipped)} of {total}. NOTHING proves who made them."
        if before:
            yield f"{before} of them had been accepted earlier."
    elif soft:
        yield "GOOD, WITH RESERVATIONS"
        softened = f"the policy does not enforce every check of {soft} of {total}"
        yield f"{softened}{_as_of_reports(outcome)}; the notes say which."
    elif any(artifact.change is not Change.UNCHANGED for artifact in artifacts):
        yield "GOOD"
        yield f"{are} good now{_as_of_reports(outcome)}."
    else:
        yield "UNCHANGED"
        yield f"{are} still good{_as_of_reports(outcome)}."


def _as_of_reports(outcome: RecheckOutcome) -> str:
    alone = outcome.still_good + sum(
        artifact.basis is Basis.REPORT and artifact.verdict is Verdict.PASS for artifact in outcome.artifacts
    )
    how = "as earlier judgements say of signature and content: they are not available"
    return f" ({alone} of them {how})" if alone else ""
