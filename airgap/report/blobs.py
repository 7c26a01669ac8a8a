"""The reports of `airgap blob`: text, or the documents `airgap.blob.verify/1` and so on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Self

from airgap.errors import AirgapError
from airgap.moment import Moment
from airgap.problem import Problem
from airgap.reasons import REASONS
from airgap.report.details import Detail
from airgap.report.finding_text import (
    PAINTED,
    WORD,
    lower,
    problem_lines,
    problem_text,
    reason_detail,
    signature_details,
    signature_lines,
    signature_notes,
    signed_by,
    warning_lines,
)
from airgap.report.inspection import inspected_document, inspected_exit_code, inspected_lines
from airgap.report.judged_run import JudgedItem, JudgedRun, plain, plain_details
from airgap.report.report import Json, Report, VerdictReport
from airgap.report.signing import signature_json, signed_lines
from airgap.report.style import PLAIN, Style
from airgap.report.verify_document import heading, network_document
from airgap.report.verify_text import moment_facts
from airgap.report.wording import count, described
from airgap.signature.results import InspectedSignature, SignedBlob
from airgap.text import safe
from airgap.verdict import Verdict
from airgap.verifier.artifact_document import (
    certificates_document,
    policy_document,
    problem_document,
    signature_document,
)
from airgap.verifier.blob_outcome import BlobOutcome
from airgap.verifier.outcome import Finding

SIGN_SCHEMA = "airgap.blob.sign/1"
VERIFY_SCHEMA = "airgap.blob.verify/1"
INSPECT_SCHEMA = "airgap.blob.inspect/1"

# airgap blob sign


@dataclass(frozen=True, slots=True)
class SignedBlobReport(Report):
    """What `airgap.sign_blob` made: `airgap.blob.sign/1`."""

    item: SignedBlob

    def document(self) -> Json:
        """The file and its signature."""
        item = self.item
        return {
            **self.first_members(SIGN_SCHEMA),
            "path": safe(item.path),
            "blob": described(item.subject),
            "signature": safe(item.signature),
            **signature_json(item),
        }

    def lines(self, style: Style) -> Iterator[str]:
        """What was signed, and where the signature is."""
        item = self.item
        yield style.paint("good", f"Successfully signed {safe(item.path)}")
        yield f"  signature  {safe(item.signature)}"
        yield f"  file       {item.subject.digest}, {item.subject.size} bytes, {safe(item.subject.media_type)}"
        yield from signed_lines(item)


# airgap blob verify


@dataclass(frozen=True, slots=True)
class BlobReport(VerdictReport[BlobOutcome]):
    """The result of `airgap.verify_blob`: `airgap.blob.verify/1`."""

    @classmethod
    def of_failure(cls, error: AirgapError, path: Path, now: datetime) -> Self:
        """Of a run that ended with `error` before anything was judged."""
        moment = Moment(judged=now, clock=now)
        return cls(BlobOutcome(moment=moment, trust={}, path=safe(path), problems=(Problem.of(error),)))

    def _members(self) -> Json:
        """The whole outcome (schema in airgap/schemas/blob-verify.schema.json)."""
        outcome = self.outcome
        signature = outcome.signature
        return {
            **heading(VERIFY_SCHEMA, outcome),
            "network": network_document(outcome.plugins, self.attempts),
            "trust": dict(outcome.trust),
            "path": outcome.path,
            "digest": str(outcome.digest) if outcome.digest else None,
            "size": outcome.size,
            "signature_path": outcome.signature_path,
            "policy": policy_document(outcome.policy, outcome.unjudged, catch_all="global"),
            "signature": signature_document(signature) if signature else None,
            "certificates": certificates_document([signature] if signature else []),
            "problems": [problem_document(problem) for problem in outcome.problems],
            "warnings": [problem_document(warning) for warning in outcome.warnings],
        }

    def as_judged_run(self) -> JudgedRun:
        """See `Report`."""
        outcome = self.outcome
        signature = outcome.signature
        item = JudgedItem(
            name=outcome.path,
            digest=outcome.digest,
            verdict=outcome.verdict,
            exit_code=outcome.exit_code,
            facts=(("signed by", signature.signer.subject),) if signature and signature.signer else (),
            causes=plain_details(_causes(outcome)),
            notes=tuple(map(plain, signature_notes(signature))) if signature else (),
            is_wholly_good=outcome.verdict is Verdict.PASS and signature is not None and not signature.reservations,
            document=self.document,
        )
        return JudgedRun(
            command="airgap blob verify",
            headline=_headline(outcome),
            exit_code=self.exit_code,
            verdict=outcome.verdict,
            judged=outcome.moment.judged,
            trust=outcome.trust,
            facts=tuple(moment_facts(outcome)),
            verdicts=Counter([outcome.verdict]),
            items=lambda: (item,),
            problems=outcome.problems,
            warnings=outcome.warnings,
            heading=lambda: heading(VERIFY_SCHEMA, outcome),
        )

    def lines(self, style: Style) -> Iterable[str]:
        """The file, what decided, what to do about failures, and last the verdict."""
        outcome = self.outcome
        yield from style.entry(WORD[outcome.verdict].upper(), ", ".join(_facts(outcome)), PAINTED[outcome.verdict])
        yield ""
        yield from _judged_lines(outcome, style, self.verbose)
        yield from problem_lines(outcome.problems, style)
        yield ""
        yield from self._verdict(style)

    def brief_lines(self) -> Iterator[str]:
        """The verdict, below what could not be judged at all."""
        yield from (f"problem {problem_text(problem)}" for problem in self.outcome.problems)
        yield from self._verdict(PLAIN)

    def _verdict(self, style: Style) -> Iterator[str]:
        word, _, rest = _headline(self.outcome).partition(":")
        return style.ending(word, rest.lstrip(), self.exit_code, PAINTED[self.outcome.verdict])

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterator[str]:
        """Warnings about the run; with `quiet` what touches the verdict, and what is odd about a good signature."""
        outcome = self.outcome
        yield from warning_lines(outcome.warnings, style, quiet=quiet)
        if quiet and outcome.signature and outcome.verdict is Verdict.PASS:
            for warning in outcome.signature.warnings:
                yield from style.entry("note", warning, "unsure")


def _headline(outcome: BlobOutcome) -> str:
    match outcome.verdict:
        case Verdict.PASS if outcome.signature and outcome.signature.reservations:
            what = f"{outcome.path} is what was signed; the policy does not enforce every check of its signature"
            return f"PASS, WITH RESERVATIONS: {what}."
        case Verdict.PASS:
            return f"PASS: {outcome.path} is what was signed, and the signature is good."
        case Verdict.SKIPPED:
            return f"SKIPPED: the policy verifies no signature of {outcome.path}. NOTHING proves who made it."
        case Verdict.INDETERMINATE:
            return f"UNSURE: do not use {outcome.path} yet: {_cause(outcome)}."
        case _:
            return f"FAIL: do not use {outcome.path}: {_cause(outcome)}."


def _cause(outcome: BlobOutcome) -> str:
    """The meaning of the reason that makes the exit code."""
    found: list[Problem | Finding] = [*outcome.problems, *([outcome.unjudged] if outcome.unjudged else [])]
    found += [finding for finding in (outcome.signature.findings if outcome.signature else ()) if finding.blocks]
    reasons = [item.reason for item in found if item.reason]
    reason = next((reason for reason in reasons if REASONS[reason].exit_code == outcome.exit_code), None)
    return lower(REASONS[reason].meaning) if reason else "it was not verified"


_REMEDIES = {
    "signature.none": "Bring the signature along (FILE.jws.sig or FILE.cose.sig), or name it with --signature.",
    "policy.no_statement": "Name a statement of trustpolicy.blob.json with --policy-name, or make one the global one.",
}
"""Remedies that differ between files and artifacts."""


def _judged_lines(outcome: BlobOutcome, style: Style, verbose: bool) -> Iterator[str]:
    signature = outcome.signature
    if signature and signature.signer and signature.verdict is Verdict.PASS:
        yield from style.entry("pass", f"{signed_by(signature)} {signature.signer.subject}", "good")
        for key, value in signature.metadata.items():
            yield from style.entry("", f"{key}={value}")
    yield from (line for detail in _unjudged(outcome) for line in detail.lines(style))
    if signature:
        yield from signature_lines(signature, style, verbose, quiet=False)


def _unjudged(outcome: BlobOutcome) -> Iterator[Detail]:
    if unjudged := outcome.unjudged:
        kind = "unsure" if unjudged.reason == "policy.skip" else "bad"
        remedy = unjudged.remedy or _REMEDIES.get(unjudged.reason or "", "")
        yield reason_detail(unjudged.message, unjudged.reason, kind, remedy=remedy)


def _causes(outcome: BlobOutcome) -> Iterator[Detail]:
    """What keeps it from being good, and what to do."""
    yield from _unjudged(outcome)
    if outcome.signature:
        yield from signature_details(outcome.signature)


def _facts(outcome: BlobOutcome) -> Iterator[str]:
    yield f"{outcome.path}: {count(outcome.size, 'byte')}" if outcome.size is not None else outcome.path
    if outcome.digest:
        yield str(outcome.digest)
    yield from moment_facts(outcome)
    if outcome.policy:
        yield f"statement {safe(outcome.policy.statement)!r}, level {outcome.policy.level}"
    if outcome.plugins:
        yield f"plugins were run, which may use the network: {', '.join(outcome.plugins)}"


# airgap blob inspect


@dataclass(frozen=True, slots=True)
class InspectedBlobReport(Report):
    """What `airgap.inspect_blob` shows of the signature in the file `path`: `airgap.blob.inspect/1`."""

    path: Path
    signature: InspectedSignature

    @property
    def exit_code(self) -> int:
        """12 where the signature cannot be decoded."""
        return inspected_exit_code([self.signature])

    def document(self) -> Json:
        """All that the signature says."""
        return {
            **self.first_members(INSPECT_SCHEMA),
            "judged": False,
            "path": safe(self.path),
            "signature": inspected_document(self.signature),
        }

    def lines(self, style: Style) -> Iterable[str]:
        """A tree, below the warning that nothing was judged."""
        return inspected_lines(safe(self.path), self.signature, style)
