"""The text of a verify: common facts, the artifacts, what failed and what to do about it, and last the verdict."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Final, Self

from airgap.errors import AirgapError
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.reasons import severity
from airgap.report.artifact_names import ArtifactName
from airgap.report.artifact_rows import JudgedRow, Signers, Table, folded, rows_of
from airgap.report.details import Detail, Remark, detail_lines, note_lines
from airgap.report.finding_text import (
    PAINTED,
    attachment_notes,
    content_details,
    other_signature,
    passing_note_lines,
    problem_lines,
    problem_text,
    reason_detail,
    referrer_lines,
    signature_details,
    signature_lines,
    signature_notes,
    warning_lines,
)
from airgap.report.report import Json, VerdictReport
from airgap.report.style import PLAIN, Style
from airgap.report.verdict_sentence import RuledOutcome, headline, verdict_sentence, verdict_word
from airgap.report.wording import count, size
from airgap.text import safe, some
from airgap.verdict import Verdict
from airgap.verifier.outcome import ArtifactOutcome, Outcome
from airgap.verifier.run import RunOutcome

if TYPE_CHECKING:
    from airgap.report.judged_run import JudgedRun

_NAMES: Final = 3
_GROUPS: Final = 20
"""So many causes and notes are said; -v has all."""
_FAILED: Final = 8
"""So many rows of one cause."""
_BESIDE: Final = 8
"""Rows of a screen for all else but what is good."""


@dataclass(frozen=True, slots=True)
class VerifyReport(VerdictReport[Outcome]):
    """The result of `airgap.verify`: `airgap.verify/1` (airgap/schemas/verify.schema.json)."""

    @classmethod
    def of_failure(cls, error: AirgapError, now: datetime) -> Self:
        """Of a run that ended with `error` before anything was judged."""
        moment = Moment(judged=now, clock=now)
        return cls(Outcome(moment=moment, trust={}, problems=(Problem.of(error),)))

    def _members(self) -> Json:
        from airgap.report.verify_document import verify_members

        return verify_members(self.outcome, self.attempts)

    def as_judged_run(self) -> JudgedRun:
        """See `Report`."""
        from airgap.report.judged_run import run_of

        return run_of(
            self.outcome,
            command="airgap verify",
            headline=headline(self.outcome),
            exit_code=self.exit_code,
            heading=self.heading,
        )

    def lines(self, style: Style) -> Iterable[str]:
        """Common facts, a row an artifact, what failed and what to do about it, and last the verdict."""
        ruled = RuledOutcome.of(self.outcome)
        yield from _facts_lines(ruled, style)
        yield from _table_lines(ruled, style, verbose=self.verbose)
        yield from problem_lines(self.outcome.problems, style)
        yield ""
        yield from _verdict(ruled, style)

    def brief_lines(self) -> Iterator[str]:
        """The verdict with the names of what failed, below what could not be judged at all."""
        yield from (f"problem {problem_text(problem)}" for problem in self.outcome.problems)
        yield from _verdict(RuledOutcome.of(self.outcome), PLAIN)

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterator[str]:
        """Warnings about the run; with `quiet` those that touch the verdict, and what is odd about what passed."""
        yield from warning_lines(self.outcome.warnings, style, quiet=quiet)
        if quiet:
            yield from passing_note_lines(self.outcome.artifacts, style)


def _verdict(ruled: RuledOutcome, style: Style) -> Iterator[str]:
    word, rest = verdict_sentence(ruled)
    return style.ending(word, rest, ruled.ruling.exit_code, PAINTED[ruled.ruling.verdict])


def _facts_lines(ruled: RuledOutcome, style: Style) -> Iterator[str]:
    """What was judged, for when and by what, and how long it holds; the first word is the verdict."""
    outcome, verdict = ruled.outcome, ruled.ruling.verdict
    names = dict.fromkeys(_target(item) for item in outcome.artifacts)
    names |= dict.fromkeys(item.target for item in outcome.problems if item.target)
    target = f"{len(names)} targets" if len(names) > 1 else next(iter(names), None) or "nothing was read"
    parts = [f"{target}: {count(len(outcome.artifacts), 'artifact')}"] if outcome.artifacts else [target]
    parts += content_facts(outcome)
    parts += judged_by(outcome)
    yield from style.entry(verdict_word(ruled), ", ".join(parts), PAINTED[verdict])


def content_facts(outcome: Outcome) -> Iterator[str]:
    """How much of the content was looked at, where there are artifacts."""
    modes = {artifact.content.mode if artifact.content else "none" for artifact in outcome.artifacts}
    if modes == {"all"}:
        yield f"{size(outcome.read)} read"
    elif modes:
        yield "content NOT checked" if modes == {"none"} else f"{size(outcome.read)} read, layers NOT checked"


def moment_facts(outcome: RunOutcome) -> Iterator[str]:
    """For when and by what it was judged."""
    moment = outcome.moment
    clock = "" if moment.is_now else f" (the clock says {iso(moment.clock)})"
    yield f"checked as of {iso(moment.judged)}{clock}"
    yield f"trust directory {outcome.trust.get('directory', 'unknown')}"


def judged_by(outcome: Outcome) -> Iterator[str]:
    """The same, and how long it holds."""
    yield from moment_facts(outcome)
    if outcome.plugins:
        yield f"plugins were run, which may use the network: {', '.join(outcome.plugins)}"
    if expiry := outcome.earliest_expiry:
        word = "evidence good until" if expiry[0] >= outcome.moment.judged else "evidence was due for renewal on"
        yield f"{word} {iso(expiry[0])} ({expiry[1]})"
    if (first := outcome.expires_first) and first != (expiry and (expiry[0], f"evidence {expiry[1]}")):
        yield f"first to run out on {iso(first[0])}: {first[1]}"


def _target(artifact: ArtifactOutcome) -> str:
    return ArtifactName.of_artifact(artifact).target


def _sorted(ruled: RuledOutcome) -> tuple[str, list[JudgedRow]]:
    """The registry that all are from, and the artifacts by target, in the order of the command, and by name."""
    signers = Signers(ruled.outcome.artifacts)
    judged = [signers.judged(artifact, ruling) for artifact, ruling in ruled.artifacts]
    targets = {target: number for number, target in enumerate(dict.fromkeys(item.name.target for item in judged))}
    judged.sort(key=lambda item: (targets[item.name.target], *item.name.order))
    hosts = {item.name.host for item in judged}
    host = hosts.pop() if len(hosts) == 1 else ""
    rest = len(host) + 1 if host else 0
    return host, [
        item._replace(place=place, repository=item.name.repository[rest:]) for place, item in enumerate(judged)
    ]


_ORDER: Final = (Verdict.PASS, Verdict.SKIPPED, Verdict.NOT_APPLICABLE, Verdict.INDETERMINATE, Verdict.FAIL)


def _every_artifact(ruled: RuledOutcome, style: Style) -> Iterator[str]:
    """Each artifact with all that is known about it; what failed is last."""
    host, judged = _sorted(ruled)
    several = len({item.name.target for item in judged}) > 1
    table = Table(rows_of(judged, verbose=True), style, host=host, targets=several)
    yield ""
    yield from table.heading()
    for verdict in _ORDER:
        for item in judged:
            if item.ruling.verdict is verdict:
                yield from table.lines([item.row(verbose=True)])
                yield from _all_about(item.artifact, style)


def _all_about(artifact: ArtifactOutcome, style: Style) -> Iterator[str]:
    yield f"          {artifact.descriptor.digest}"
    if problem := artifact.unjudged or artifact.unsigned:
        kind = "unsure" if problem.reason == "policy.skip" else "bad"
        detail = reason_detail(problem.message, problem.reason, kind, remedy=problem.remedy)
        yield from detail.lines(style)
    good = artifact.signature_verdict is Verdict.PASS
    for signature in artifact.signatures:
        yield from signature_lines(signature, style, verbose=True, quiet=good)
    if artifact.content:
        yield from detail_lines(content_details(artifact.content.problems, verbose=True), style)
        for layer in artifact.content.held:
            yield f"          NOT CHECKED  {layer.digest}  {size(layer.size)}"
    for referrer in artifact.referrers:
        yield from referrer_lines(referrer, style)
    for note in (*_notes_on_names(artifact), *_notes_on_rest(artifact)):
        yield from style.entry("note", note.text, note.kind)


class _Screen:
    """As much as a person takes in: what is good in few rows, each cause and each note once."""

    def __init__(self, ruled: RuledOutcome, style: Style) -> None:
        self._style = style
        self._host, self._judged = _sorted(ruled)

    def __iter__(self) -> Iterator[str]:
        style = self._style
        good = [item for item in self._judged if item.ruling.verdict in _GOOD]
        most = max(1, style.height - _BESIDE)
        rows = list(islice(rows_of(good, verbose=False), most + 1))
        hidden = len(rows) > most
        if hidden:
            rows = list(folded(good))
        groups, unsaid = self._groups()
        failed = [(list(islice(rows_of(group, verbose=False), _FAILED + 1)), group) for _, group in groups]
        several = len({item.name.target for item in self._judged}) > 1
        table = Table((*rows, *(row for found, _ in failed for row in found)), style, host=self._host, targets=several)
        yield from self._notes()
        yield ""
        yield from table.heading()
        rows.sort(key=lambda row: _ORDER.index(row.verdict))
        yield from table.lines(rows)
        if hidden:
            yield from style.entry("", style.paint("quiet", "-v lists each of them"))
        for (details, _), (found, group) in zip(groups, failed, strict=True):
            yield from table.lines(found[:_FAILED])
            if len(found) > _FAILED:
                yield from style.entry("", f"… {len(group)} artifacts in all; -v lists each of them")
            yield from detail_lines(details, style)
        if unsaid:
            yield from style.entry("", f"… and {count(unsaid, 'artifact')} more, for other causes; -v shows all")

    def _groups(self) -> tuple[list[tuple[tuple[Detail, ...], list[JudgedRow]]], int]:
        """What did not pass, by its causes, the worst last; and how many are not among them."""
        groups: dict[tuple[tuple[Detail, ...], str], list[JudgedRow]] = {}
        unsaid = 0
        for verdict in (Verdict.FAIL, Verdict.INDETERMINATE):
            for item in self._judged:
                if item.ruling.verdict is verdict:
                    key = (tuple(causes_of(item.artifact)), verdict.value)
                    if key in groups or len(groups) < _GROUPS:
                        groups.setdefault(key, []).append(item)
                    else:
                        unsaid += 1
        worst_last = sorted(groups.items(), key=lambda group: severity(group[1][0].ruling.exit_code), reverse=True)
        return [(details, group) for (details, _), group in worst_last], unsaid

    def _notes(self) -> Iterator[str]:
        found = ((item.name, notes_of(item.artifact, item.ruling.verdict)) for item in self._judged)
        return note_lines(found, len(self._judged), self._style)


_GOOD: Final = frozenset({Verdict.PASS, Verdict.SKIPPED, Verdict.NOT_APPLICABLE})


def causes_of(artifact: ArtifactOutcome, *, verbose: bool = False) -> Iterator[Detail]:
    """What keeps an artifact from being good, and what to do; with `verbose` all of it, and whole digests."""
    if problem := artifact.unjudged or artifact.unsigned:
        yield reason_detail(problem.message, problem.reason, "bad", remedy=problem.remedy)
    if artifact.signature_verdict is not Verdict.PASS:
        for signature in artifact.signatures:
            yield from (Detail("unsure", f"note: {text}") for text in signature_notes(signature))
            yield from signature_details(signature)
    if artifact.content:
        yield from content_details(artifact.content.problems, verbose=verbose)
    yield from (Detail("unsure", f"note: {text}") for text in artifact.warnings)


def notes_of(artifact: ArtifactOutcome, verdict: Verdict) -> Iterator[Remark]:
    """Everything about an artifact with this verdict that decides nothing."""
    yield from _notes_on_names(artifact)
    if artifact.signature_verdict is Verdict.PASS:
        for signature in artifact.signatures:
            if signature.verdict is not Verdict.PASS:
                yield Remark(other_signature(signature), "quiet")
            yield from (Remark(text) for text in signature_notes(signature))
    if verdict in _GOOD:
        yield from map(Remark, artifact.warnings)
    yield from _notes_on_rest(artifact, warnings=False)


def _notes_on_names(artifact: ArtifactOutcome) -> Iterator[Remark]:
    if artifact.scope_origin == "record":
        # the acquisition record chose the statement: a reader of the verdict must know that
        yield Remark(
            f"judged as {safe(artifact.scope)}, by the acquisition record",
            several="judged as the repository that the acquisition record of each names; -v shows it",
        )
    if others := artifact.other_names:
        listed = some(others, _NAMES, lambda name: safe(name, limit=128))
        several = "each has other names here, too; -v shows them"
        yield Remark(f"other names of it here: {listed}", "quiet", several)


def _notes_on_rest(artifact: ArtifactOutcome, *, warnings: bool = True) -> Iterator[Remark]:
    content = artifact.content
    if content and content.absent:
        yield Remark(f"left out on purpose when this was copied: {count(len(content.absent), 'manifest')}")
    if content and content.external:
        what = count(len(content.external), "layer")
        yield Remark(f"{what} are stored elsewhere by design and were not checked")
    yield from map(Remark, attachment_notes(artifact))
    if artifact.foreign_signatures and artifact.signatures:  # without a Notary Project signature, the reason says it
        what = count(len(artifact.foreign_signatures), "signature")
        kinds = Counter(artifact.foreign_signatures)
        yield Remark(f"{what} of another kind not judged here: {', '.join(kinds)}", "quiet")
    if warnings:
        yield from map(Remark, artifact.warnings)


def artifact_table(outcome: Outcome, style: Style, *, verbose: bool, accepted: bool) -> Iterator[str]:
    """Notes and a row for each artifact, as verify shows them; without `accepted` of what did not pass alone."""
    ruled = RuledOutcome.of(outcome)
    if not accepted:
        ruled = ruled._replace(artifacts=tuple(item for item in ruled.artifacts if item[1].exit_code))
    return _table_lines(ruled, style, verbose=verbose)


def _table_lines(ruled: RuledOutcome, style: Style, *, verbose: bool) -> Iterator[str]:
    if ruled.artifacts:
        yield from (_every_artifact if verbose else _Screen)(ruled, style)
