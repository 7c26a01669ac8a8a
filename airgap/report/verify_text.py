"""Outcomes as text: the verdict first, then one line for each artifact, then what to do about failures."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, Self

from airgap.errors import AirgapError
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.reasons import remedy_of
from airgap.report.report import Json, VerdictReport
from airgap.report.style import PLAIN, Style
from airgap.report.wording import count, size
from airgap.text import safe, some
from airgap.trust.levels import Action, Check
from airgap.verdict import Verdict
from airgap.verifier.outcome import ArtifactOutcome, Finding, Outcome, ReferrerOutcome, SignatureOutcome

_KIND = {
    Verdict.PASS: "good",
    Verdict.FAIL: "bad",
    Verdict.INDETERMINATE: "unsure",
    Verdict.SKIPPED: "unsure",
    Verdict.NOT_APPLICABLE: "quiet",
}
_WORD = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "FAIL",
    Verdict.INDETERMINATE: "UNSURE",
    Verdict.SKIPPED: "SKIPPED",
    Verdict.NOT_APPLICABLE: "-",
}
_PROBLEMS_SHOWN = 20
_KINDS_SHOWN = 5
_NAMES_SHOWN = 5
_ARROW = "          → "


@dataclass(frozen=True, slots=True)
class VerifyReport(VerdictReport[Outcome]):
    """The result of `airgap.verify`: `airgap.verify/1` (docs/reference/verify.schema.json)."""

    @classmethod
    def of_failure(cls, error: AirgapError, now: datetime) -> Self:
        """Of a run that ended with `error` before anything was judged."""
        moment = Moment(judged=now, clock=now)
        return cls(Outcome(moment=moment, trust={}, problems=(Problem.of(error),)))

    def _members(self) -> Json:
        from airgap.report.verify_document import verify_members

        return verify_members(self.outcome, self.attempts)

    def lines(self, style: Style) -> Iterable[str]:
        """The verdict first, then one line an artifact, then what to do about failures."""
        return _lines(self.outcome, style, self.verbose)

    def brief_lines(self) -> Iterator[str]:
        """The verdict in one line.

        Never quiet: what could not be judged at all, and what was odd about signatures that something passed by.
        """
        yield headline(self.outcome)
        for artifact in self.outcome.artifacts:
            if artifact.verdict is Verdict.PASS and artifact.accepted:
                yield from (f"  note {artifact.reference}: {warning}" for warning in artifact.accepted.warnings)
        yield from map(problem_line, self.outcome.problems)


def _lines(outcome: Outcome, style: Style, verbose: bool) -> Iterator[str]:
    yield style.paint(_KIND[outcome.verdict], headline(outcome))
    for artifact in outcome.artifacts:
        yield from artifact_lines(artifact, style, verbose)
    yield from problem_and_warning_lines(outcome, style)
    yield footer(outcome, style)


def artifact_lines(artifact: ArtifactOutcome, style: Style, verbose: bool) -> Iterator[str]:
    """One artifact: its verdict in a line, then the reasons, and what to do."""
    yield _artifact_line(artifact, style)
    notes = () if verbose else (_note("", style), _note("", style, "quiet"))
    yield from _each_once(_artifact_details(artifact, style, verbose), (_ARROW, *notes))


def _each_once(lines: Iterator[str], shared: tuple[str, ...]) -> Iterator[str]:
    """The lines, with those that begin so (remedies, notes) only at their first place: several findings share one."""
    said: set[str] = set()
    for line in lines:
        if line.startswith(shared):
            if line in said:
                continue
            said.add(line)
        yield line


def headline(outcome: Outcome) -> str:
    """The verdict in one sentence, and one more for all else that is no pass: that must not be taken for good."""
    tally = Counter(artifact.verdict for artifact in outcome.artifacts)
    about, sentence = _verdict_sentence(outcome, tally)
    return " ".join((sentence, *(more for other, more in _besides(outcome, tally) if other != about)))


def _verdict_sentence(outcome: Outcome, tally: Counter[Verdict]) -> tuple[Verdict | None, str]:
    """The sentence, and whom it is about: the artifacts of a verdict; None for the problems of the run."""
    verdict = outcome.verdict
    total = count(tally.total(), "artifact")
    skipped = tally[Verdict.SKIPPED]
    match verdict:
        case Verdict.PASS if soft := sum(map(has_reservations, outcome.artifacts)):
            seen = count(soft, "artifact")
            return verdict, f"PASS, WITH RESERVATIONS: the policy does not enforce every check; see {seen}."
        case Verdict.PASS if skipped:
            rest = f"the policy skips the rest: NOTHING proves who made {_them(skipped)}"
            return Verdict.SKIPPED, f"PASS: {tally[verdict]} of {total}; {rest}."
        case Verdict.PASS:
            content = "signatures and content are" if _content_checked(outcome) else "signatures are"
            return verdict, f"PASS: {content} good ({total})."
        case Verdict.SKIPPED:
            nothing = f"NOTHING proves who made {_them(skipped)}"
            return verdict, f"SKIPPED: the policy verifies no signature of {total}. {nothing}."
        case Verdict.INDETERMINATE if unsure := tally[verdict]:
            return verdict, f"UNSURE: evidence is missing or stale for {unsure} of {total}. Do not use yet."
        case Verdict.FAIL if failed := tally[verdict]:
            return verdict, f"FAIL: {failed} of {total} did not verify. Do not use what failed."
        case _ if not tally:
            return None, f"{_WORD[verdict]}: nothing was verified."
        case _:
            return None, f"{_WORD[verdict]}: {count(len(outcome.problems), 'problem')}; see below."


def _besides(outcome: Outcome, tally: Counter[Verdict]) -> Iterator[tuple[Verdict | None, str]]:
    """What is no pass, with whom it is about."""
    if unsure := tally[Verdict.INDETERMINATE]:
        are = "is" if unsure == 1 else "are"
        yield Verdict.INDETERMINATE, f"{count(unsure, 'artifact')} {are} UNSURE: do not use {_them(unsure)} yet."
    if skipped := tally[Verdict.SKIPPED]:
        yield (
            Verdict.SKIPPED,
            f"The policy skips {count(skipped, 'artifact')}: NOTHING proves who made {_them(skipped)}.",
        )
    if outcome.problems:
        yield None, f"{count(len(outcome.problems), 'problem')} beside; see below."


def _them(number: int) -> str:
    return "it" if number == 1 else "them"


def has_reservations(artifact: ArtifactOutcome) -> bool:
    """Whether an artifact passed only because the policy softens some check."""
    accepted = artifact.accepted
    return artifact.verdict is Verdict.PASS and accepted is not None and bool(accepted.reservations)


def _content_checked(outcome: Outcome) -> bool:
    return all(artifact.content is not None and artifact.content.mode == "all" for artifact in outcome.artifacts)


def _artifact_line(artifact: ArtifactOutcome, style: Style) -> str:
    word = style.paint(_KIND[artifact.verdict], f"{_WORD[artifact.verdict]:<7}")
    return f"  {word} {artifact.reference}  {_summary(artifact)}"


def _summary(artifact: ArtifactOutcome) -> str:
    parts = []
    accepted = artifact.accepted
    if accepted and accepted.signer and not artifact.unjudged:
        others = sum(signature.verdict is Verdict.PASS for signature in artifact.signatures) - 1
        more = f" and {others} more" if others else ""
        parts.append(f"{signed_by(accepted)} {accepted.signer.subject}{more}")
    elif artifact.signatures:
        parts.append(f"none of {count(len(artifact.signatures), 'signature')} is accepted")
    elif not artifact.unjudged:
        parts.append("no signature")
    content = artifact.content
    if content is not None and content.problems:
        parts.append(f"content: {count(len(content.problems), 'problem')}")
    elif content is None or content.mode == "none":
        parts.append("content NOT checked")
    else:
        scope = "manifests only, layers NOT checked" if content.mode != "all" else "every byte"
        parts.append(f"content good ({count(content.blobs, 'blob')}, {size(content.bytes)}, {scope})")
    return "; ".join(parts)


def signed_by(accepted: SignatureOutcome) -> str:
    """How to name the signer of a signature that was accepted: one that is in no trust store only claims a name."""
    untrusted = any(finding.check is Check.AUTHENTICITY for finding in accepted.reservations)
    return "signature claims to be by" if untrusted else "signed by"


def _artifact_details(artifact: ArtifactOutcome, style: Style, verbose: bool) -> Iterator[str]:
    if problem := artifact.unjudged or artifact.unsigned:
        kind = "unsure" if problem.reason == "policy.skip" else "bad"
        yield from reason_lines(problem.message, problem.reason, style, kind, remedy=problem.remedy)
    if artifact.scope_origin == "record":
        # the acquisition record chose the statement: a reader of the verdict must know that
        yield _note(f"judged as {safe(artifact.scope)}, by the acquisition record", style)
    if others := artifact.other_names:
        listed = some(others, _NAMES_SHOWN, lambda name: safe(name, limit=128))
        yield _note(f"other names of it here: {listed}", style, "quiet")
    for signature in artifact.signatures:
        yield from signature_lines(signature, style, verbose, quiet=artifact.signature_verdict is Verdict.PASS)
    yield from _content_lines(artifact, style)
    for referrer in artifact.referrers:
        yield from _referrer_lines(referrer, style, verbose)
    yield from _attachment_lines(artifact, style)
    if artifact.foreign_signatures and artifact.signatures:  # without a Notary Project signature, the reason says it
        what = count(len(artifact.foreign_signatures), "signature")
        kinds = list(dict.fromkeys(artifact.foreign_signatures))
        yield _note(f"{what} of another kind not judged here: {', '.join(kinds)}", style, "quiet")
    for warning in artifact.warnings:
        yield _note(warning, style)


def _attachment_lines(artifact: ArtifactOutcome, style: Style) -> Iterator[str]:
    """What is attached and not proven; apart, what has a signature of which it is not known whether it is valid."""
    bare = artifact.unsigned_attachments
    unsure = [item for item in bare if item.verdict is Verdict.INDETERMINATE]
    for found, problem, so in (
        ([item for item in bare if item not in unsure], "no valid signature", "nothing proves"),
        (unsure, "a signature that may be valid", "it is not known"),
    ):
        if found:
            what = f"{count(len(found), 'attachment')} of {len(artifact.attachments)}"
            have, them = ("has", "it") if len(found) == 1 else ("have", "them")
            kinds = list(dict.fromkeys(safe(item.shown_type or "artifact", limit=128) for item in found))
            listed = ", ".join(kinds[:_KINDS_SHOWN]) + (", …" if len(kinds) > _KINDS_SHOWN else "")
            yield _note(f"{what} {have} {problem}, so {so} who made {them}: {listed}", style)


def signature_lines(signature: SignatureOutcome, style: Style, verbose: bool, *, quiet: bool) -> Iterator[str]:
    """One signature. `quiet`: another signature is good, so the faults of this one matter less."""
    signer = signature.signer.subject if signature.signer else "unknown signer"
    if verbose or signature.verdict is not Verdict.PASS:
        word = style.paint(_KIND[signature.verdict], _WORD[signature.verdict])
        yield f"          signature {signature.digest}: {word}, {signer}"
    for finding in signature.findings:
        if verbose:
            yield f"            {finding.check.value:<19} {_WORD[finding.verdict]:<8}{finding.message}"
        elif finding.blocks:
            shown = "quiet" if quiet else _KIND[finding.verdict]
            yield from reason_lines(
                finding.message, finding.reason, style, shown, check=finding.check.value, remedy=finding.shown_remedy
            )
        elif finding.is_reservation:
            yield _reservation_line(finding, style)
    if verbose:
        for use in signature.evidence:
            until = f", good until {iso(use.good_until)}" if use.good_until else ""
            source = f" by {use.name} ({use.origin})" if use.name else ""
            yield f"            {use.kind:<19} {use.certificate}: {use.status}{source}{until}"
    yield from note_lines(signature, style)


def soft_lines(artifact: ArtifactOutcome, style: Style) -> Iterator[str]:
    """What an accepted artifact's pass is worth less by: softened checks, stale evidence, and what else is odd."""
    if (accepted := artifact.accepted) and artifact.verdict is Verdict.PASS:
        yield from (_reservation_line(finding, style) for finding in accepted.reservations)
        yield from note_lines(accepted, style)
    for warning in artifact.warnings:
        yield _note(warning, style)


def _reservation_line(finding: Finding, style: Style) -> str:
    how = "only logged" if finding.action is Action.LOG else "not checked"
    code = f" [{finding.reason}]" if finding.reason else ""
    return _note(f"{finding.check.value} is {how}: {finding.message}{code}", style)


def _note(text: str, style: Style, kind: str = "unsure") -> str:
    return f"          {style.paint(kind, 'note')} {text}"


def note_lines(signature: SignatureOutcome, style: Style) -> Iterator[str]:
    """The warnings about one signature, and the stale evidence that was accepted."""
    for warning in signature.warnings:
        yield _note(warning, style)
    for use in signature.evidence:
        if use.accepted_stale:
            due = f"was due on {iso(use.next_update)}" if use.next_update else "names no nextUpdate"
            yield _note(f"stale evidence accepted: {use.name} {due}", style)


def _content_lines(artifact: ArtifactOutcome, style: Style) -> Iterator[str]:
    content = artifact.content
    if content is None:
        return
    for problem in content.problems[:_PROBLEMS_SHOWN]:
        message = f"{problem.path}: {problem.message}"
        yield from reason_lines(message, problem.reason, style, "bad", check="content", remedy=problem.remedy)
    hidden = len(content.problems) - _PROBLEMS_SHOWN
    if hidden > 0:
        yield f"          … and {hidden} more; all of them are in --format json"
    if content.absent:
        what = count(len(content.absent), "manifest")
        yield _note(f"left out on purpose when this was copied: {what}", style)
    if content.external:
        what = count(len(content.external), "layer")
        yield _note(f"{what} are stored elsewhere by design and were not checked", style)


def _referrer_lines(referrer: ReferrerOutcome, style: Style, verbose: bool) -> Iterator[str]:
    if referrer.verdict is None and not verbose:
        return
    word = _WORD[referrer.verdict] if referrer.verdict else "unsigned"
    kind = style.paint(_KIND[referrer.verdict] if referrer.verdict else "quiet", word)
    yield f"          attached {safe(referrer.shown_type or 'artifact')} {referrer.descriptor.digest}: {kind}"
    if referrer.verdict is not Verdict.PASS or verbose:
        for signature in referrer.signatures:
            yield from signature_lines(signature, style, verbose, quiet=True)


class _HasProblems(Protocol):
    @property
    def problems(self) -> Sequence[Problem]: ...

    @property
    def warnings(self) -> Sequence[Problem]: ...


def problem_and_warning_lines(outcome: _HasProblems, style: Style) -> Iterator[str]:
    """The problems and warnings of an outcome, and the remedies."""
    for problem in outcome.problems:
        yield from _problem_lines(problem, style, "problem", "bad")
    yield from warning_lines(outcome.warnings, style)


def warning_lines(warnings: Iterable[Problem], style: Style) -> Iterator[str]:
    """Warnings about the whole run, and the remedies."""
    for warning in warnings:
        if warning.reason == "bundle.claims":
            yield problem_line(warning, style, "note", "quiet")
        else:
            yield from _problem_lines(warning, style, "warning", "unsure")


def problem_line(problem: Problem, style: Style = PLAIN, word: str = "problem", kind: str = "bad") -> str:
    """Problems and warnings, without the remedy."""
    target = f"{problem.target}: " if problem.target and not _names(problem.message, problem.target) else ""
    code = f" [{problem.reason}]" if problem.reason else ""
    return f"  {style.paint(kind, word)} {target}{problem.message}{code}"


def _names(text: str, target: str) -> bool:
    """Whether the text names the target, and not only a word or path that has its letters."""
    return re.search(rf"(?<![\w./-]){re.escape(target)}(?![\w-]|[./]\w)", text) is not None


def _problem_lines(problem: Problem, style: Style, word: str, kind: str) -> Iterator[str]:
    yield problem_line(problem, style, word, kind)
    if remedy := problem.shown_remedy:
        yield f"{_ARROW}{remedy}"


def reason_lines(
    message: str, reason: str | None, style: Style, kind: str, check: str = "", remedy: str = ""
) -> Iterator[str]:
    """A sentence with its reason code and the remedy: `remedy`, else that of the reason code."""
    code = style.paint(kind, f"[{reason}]") if reason else ""
    yield f"          {check + ': ' if check else ''}{message} {code}".rstrip()
    if kind != "quiet" and (shown := remedy_of(reason, remedy)):
        yield f"{_ARROW}{shown}"


def footer(outcome: Outcome, style: Style) -> str:
    """For when and by what it was judged, and how long it holds."""
    moment = outcome.moment
    judged = f"judged for {iso(moment.judged)}"
    if not moment.is_now:
        judged += f" (the clock says {iso(moment.clock)})"
    parts = [judged, f"trust {outcome.trust.get('directory', 'unknown')}"]
    if outcome.plugins:
        parts.append(f"plugins were run, which may use the network: {', '.join(outcome.plugins)}")
    if expiry := outcome.earliest_expiry:
        word = "evidence good until" if expiry[0] >= moment.judged else "evidence was due for renewal on"
        parts.append(f"{word} {iso(expiry[0])} ({expiry[1]})")
    if (first := outcome.expires_first) and first != (expiry and (expiry[0], f"evidence {expiry[1]}")):
        parts.append(f"first to run out on {iso(first[0])}: {first[1]}")
    return style.paint("quiet", "; ".join(parts))
