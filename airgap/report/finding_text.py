"""Findings, problems and notes as text: what is wrong, its reason code, and what to do."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from airgap.oci.problems import ContentProblem
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.reasons import REASONS, remedy_of
from airgap.report.artifact_names import short
from airgap.report.details import Detail, detail_lines
from airgap.report.style import Style, unbroken
from airgap.text import safe, some
from airgap.trust.levels import Action, Check
from airgap.verdict import Ruling, Verdict
from airgap.verifier.outcome import ArtifactOutcome, Finding, ReferrerOutcome, SignatureOutcome

PAINTED: Final = {
    Verdict.PASS: "good",
    Verdict.FAIL: "bad",
    Verdict.INDETERMINATE: "unsure",
    Verdict.SKIPPED: "unsure",
    Verdict.NOT_APPLICABLE: "quiet",
}
WORD: Final = {
    Verdict.PASS: "pass",
    Verdict.FAIL: "FAIL",
    Verdict.INDETERMINATE: "UNSURE",
    Verdict.SKIPPED: "SKIPPED",
    Verdict.NOT_APPLICABLE: "-",
}
_PROBLEMS_SHOWN: Final = 5
_KINDS_SHOWN: Final = 5
_UNREAD_SHOWN: Final = 100
_NAMES_SHOWN: Final = 3
_INDENT: Final = " " * 8
_DEEPER: Final = " " * 10


def reason_detail(message: str, reason: str | None, kind: str, *, check: str = "", remedy: str = "") -> Detail:
    """A sentence with its reason code and the remedy: `remedy`, else that of the reason code."""
    text = f"{check}: {message}" if check else message
    shown = "" if kind == "quiet" else remedy_of(reason, remedy)
    return Detail(kind, text, reason, shown)


# --- signatures ---


def signature_lines(signature: SignatureOutcome, style: Style, verbose: bool, *, quiet: bool) -> Iterator[str]:
    """One signature. `quiet`: another signature is good, so the faults of this one matter less."""
    if not verbose:
        yield from detail_lines(signature_details(signature), style)
    else:
        yield from _every_check(signature, style, quiet=quiet)
    for text in signature_notes(signature):
        yield from style.entry("note", text, "unsure")


def signature_details(signature: SignatureOutcome) -> Iterator[Detail]:
    """Whose it claims to be, and what keeps it from being accepted."""
    if signature.verdict is Verdict.PASS:
        return
    who = signature.signer.subject if signature.signer else "an unknown signer"
    blocking = [finding for finding in signature.findings if finding.blocks]
    if not any(who in finding.message for finding in blocking):
        yield Detail(PAINTED[signature.verdict], f"signature by {unbroken(who)}")
    for finding in blocking:
        check, remedy = finding.check.value, finding.shown_remedy
        yield reason_detail(finding.message, finding.reason, PAINTED[finding.verdict], check=check, remedy=remedy)


def other_signature(signature: SignatureOutcome) -> str:
    """A signature that is not accepted, beside one that is."""
    who = unbroken(signature.signer.subject) if signature.signer else "an unknown signer"
    why = "; ".join(f"{item.message} [{item.reason}]" for item in signature.findings if item.blocks)
    return f"another signature, by {who}, is {WORD[signature.verdict]}: {why}"


def _every_check(signature: SignatureOutcome, style: Style, *, quiet: bool) -> Iterator[str]:
    who = unbroken(signature.signer.subject) if signature.signer else "an unknown signer"
    word = style.paint(PAINTED[signature.verdict], WORD[signature.verdict])
    yield from style.paragraph(f"signature by {who}: {word}", _INDENT, _DEEPER)
    yield f"{_DEEPER}{signature.digest}"
    for finding in signature.findings:
        code = f" [{finding.reason}]" if finding.reason else ""
        first = f"{_DEEPER}{finding.check.value:<18}  {WORD[finding.verdict]:<7}  "
        yield from style.paragraph(f"{finding.message}{code}", first, f"{_DEEPER}  ")
        if finding.blocks and finding.shown_remedy and not quiet:
            yield from style.arrow(finding.shown_remedy, len(_DEEPER))
    for use in signature.evidence:
        until = f", good until {iso(use.good_until)}" if use.good_until else ""
        source = f" by {use.name} ({use.origin})" if use.name else ""
        text = f"{unbroken(use.certificate)}: {use.status}{source}{until}"
        yield from style.paragraph(text, f"{_DEEPER}{use.kind:<18}  ", f"{_DEEPER}  ")


def signature_notes(signature: SignatureOutcome) -> Iterator[str]:
    """What an accepted signature is worth less by, what is odd about it, and the stale evidence that was accepted."""
    yield from map(reservation, signature.reservations)
    yield from signature.warnings
    for use in signature.evidence:
        if use.accepted_stale:
            due = f"was due on {iso(use.next_update)}" if use.next_update else "names no nextUpdate"
            yield f"stale evidence accepted: {use.name} {due}"


def reservation(finding: Finding) -> str:
    """A check that the policy softens, and what it found."""
    how = "only logged" if finding.action is Action.LOG else "not checked"
    code = f" [{finding.reason}]" if finding.reason else ""
    return f"{finding.check.value} is {how}: {finding.message}{code}"


def soft_notes(artifact: ArtifactOutcome) -> Iterator[str]:
    """What an accepted artifact's pass is worth less by: softened checks, stale evidence, and what else is odd."""
    if (accepted := artifact.accepted) and artifact.verdict is Verdict.PASS:
        yield from dict.fromkeys((*signature_notes(accepted), *passing_notes(artifact)))
    yield from artifact.warnings


def passing_notes(artifact: ArtifactOutcome) -> Iterator[str]:
    """What is odd about any signature that passed, each once: which of them is the accepted one, digests decide."""
    passing = (signature for signature in artifact.signatures if signature.verdict is Verdict.PASS)
    yield from dict.fromkeys(warning for signature in passing for warning in signature.warnings)


def passing_note_lines(artifacts: Iterable[ArtifactOutcome], style: Style) -> Iterator[str]:
    """The same of every artifact that passed, with its name: what `--quiet` leaves of notes."""
    for artifact in artifacts:
        if artifact.verdict is Verdict.PASS:
            for text in passing_notes(artifact):
                yield from style.entry("note", f"{artifact.reference}: {text}", "unsure")


def has_reservations(artifact: ArtifactOutcome, verdict: Verdict) -> bool:
    """Whether an artifact with this verdict passed only because the policy softens some check."""
    accepted = artifact.accepted if verdict is Verdict.PASS else None
    return accepted is not None and bool(accepted.reservations)


def claims_its_signer(accepted: SignatureOutcome) -> bool:
    """Whether the signer of a signature that was accepted is in no trust store, and only claims a name."""
    return any(finding.check is Check.AUTHENTICITY for finding in accepted.reservations)


def signed_by(accepted: SignatureOutcome) -> str:
    """How to name the signer of a signature that was accepted."""
    return "signature claims to be by" if claims_its_signer(accepted) else "signed by"


# --- content and attachments ---


def content_details(problems: Sequence[ContentProblem], verbose: bool) -> Iterator[Detail]:
    """What is wrong with content, and where; the first few where there is much."""
    shown = len(problems) if verbose else _PROBLEMS_SHOWN
    for problem in problems[:shown]:
        remedy = remedy_of(problem.reason, problem.remedy)
        facts = tuple(_expected(problem, verbose))
        if facts:
            text = f"content: {lower(REASONS[problem.reason].meaning)}"
            yield Detail("bad", text, problem.reason, remedy, (("at", problem.path), *facts))
        else:
            kind = PAINTED[Ruling.of_code(REASONS[problem.reason].exit_code).verdict]
            yield Detail(kind, f"content: {problem.path}: {problem.message}", problem.reason, remedy)
    if len(problems) > shown:
        yield Detail("bad", f"… and {len(problems) - shown} more problems of its content; -v shows them")


def _expected(problem: ContentProblem, verbose: bool) -> Iterator[tuple[str, str]]:
    facts = problem.facts
    digest = short(str(facts.get("digest", "")), verbose=verbose)
    if found := facts.get("found_digest"):
        yield "expected", digest
        yield "found", short(str(found), verbose=verbose)
        if "where" in facts:
            yield "in", str(facts["where"])
    elif "found_size" in facts and "expected_size" in facts:
        yield "expected", f"{facts['expected_size']} bytes ({digest})"
        yield "found", f"{facts['found_size']} bytes"


def lower(meaning: str) -> str:
    """The meaning of a reason code as a part of a sentence."""
    text = meaning.removesuffix(".")
    return text if text[1:2].isupper() else text[:1].lower() + text[1:]


def attachment_notes(artifact: ArtifactOutcome) -> Iterator[str]:
    """What is attached and not proven; apart, what has a signature of which it is not known whether it is valid."""
    bare = artifact.unsigned_attachments
    unsure = [item for item in bare if item.verdict is Verdict.INDETERMINATE]
    for found, problem, so in (
        ([item for item in bare if item not in unsure], "no valid signature", "nothing proves"),
        (unsure, "a signature that may be valid", "it is not known"),
    ):
        if found:
            what = f"{len(found)} of {len(artifact.attachments)} attachments"
            if len(artifact.attachments) == 1:
                what = "the attachment"
            have, them = ("has", "it") if len(found) == 1 else ("have", "them")
            kinds = list(dict.fromkeys(safe(item.shown_type or "artifact", limit=128) for item in found))
            codes = dict.fromkeys(
                f" [{finding.reason}]"
                for item in found
                for signature in item.signatures
                for finding in signature.findings
                if finding.blocks
            )
            listed = f"{some(kinds, _KINDS_SHOWN)}{some(list(codes), _KINDS_SHOWN, joined='')}"
            yield f"{what} {have} {problem}, so {so} who made {them}: {listed}"


def referrer_lines(referrer: ReferrerOutcome, style: Style) -> Iterator[str]:
    """An attachment and every check of its signatures."""
    word = WORD[referrer.verdict] if referrer.verdict else "unsigned"
    kind = style.paint(PAINTED[referrer.verdict] if referrer.verdict else "quiet", word)
    text = f"attached {safe(referrer.shown_type or 'artifact')}: {kind}"
    yield from style.paragraph(text, _INDENT, _DEEPER)
    yield f"{_DEEPER}{referrer.descriptor.digest}"
    for signature in referrer.signatures:
        yield from signature_lines(signature, style, verbose=True, quiet=True)


# --- problems and warnings ---


def problem_lines(problems: Iterable[Problem], style: Style) -> Iterator[str]:
    """What could not be judged, and what to do."""
    for problem in problems:
        yield from _problem_lines(problem, style, "problem", "bad")


def unread_lines(unread: Iterable[tuple[str, ContentProblem]], style: Style, *, verbose: bool = False) -> Iterator[str]:
    """What cannot be read, each once, with the names of the artifacts (empty for none); remedies are said once, too."""
    names: dict[Problem, list[str]] = {}
    for name, item in unread:
        names.setdefault(item.as_problem().alone, []).append(name)
    shown = [*names] if verbose else [*names][:_UNREAD_SHOWN]
    last = {problem.shown_remedy: place for place, problem in enumerate(shown)}
    for place, problem in enumerate(shown):
        about = list(dict.fromkeys(filter(None, names[problem])))
        before = f"{some(about, len(about) if verbose else _NAMES_SHOWN)}: " if about else ""
        yield from style.entry("NOT READ", short(f"{before}{problem_text(problem)}", verbose=verbose), "bad")
        if problem.shown_remedy and last[problem.shown_remedy] == place:
            yield from style.arrow(problem.shown_remedy)
    if len(names) > len(shown):
        yield from style.entry("", f"… {len(names)} in all; -v lists each of them")


def warning_lines(warnings: Iterable[Problem], style: Style, *, quiet: bool = False) -> Iterator[str]:
    """Warnings about the whole run, and the remedies; with `quiet` those without which a verdict would say too much."""
    for warning in warnings:
        if quiet and warning.reason in _BESIDE:
            continue
        if warning.reason in _NOTES:
            yield from style.entry("note", problem_text(warning), "quiet")
        else:
            yield from _problem_lines(warning, style, "warning", "unsure")


_NOTES: Final = frozenset({"bundle.claims", "content.held.there"})
"""Warnings that are notes: nothing is odd."""
_BESIDE: Final = frozenset({"content.held.there", "bundle.claims", "bundle.more", "trust.proposal", "content.absent"})
"""Warnings that change no verdict: what they are about was not used, or was judged as always."""


def problem_text(problem: Problem) -> str:
    """Problems and warnings in a sentence, without the remedy."""
    target = f"{problem.target}: " if problem.target and not _names(problem.message, problem.target) else ""
    code = f" [{problem.reason}]" if problem.reason else ""
    return f"{target}{problem.message}{code}"


def _names(text: str, target: str) -> bool:
    """Whether the text names the target, and not only a word or path that has its letters."""
    return re.search(rf"(?<![\w./-]){re.escape(target)}(?![\w-]|[./]\w)", text) is not None


def _problem_lines(problem: Problem, style: Style, word: str, kind: str) -> Iterator[str]:
    yield from style.entry(word, problem_text(problem), kind)
    if remedy := problem.shown_remedy:
        yield from style.arrow(remedy)
