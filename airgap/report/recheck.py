"""Recheck in words, and as JSON: `airgap.recheck/1`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from airgap.parse.time import iso
from airgap.reasons import REASONS
from airgap.report.document import heading, problem_document, signature_document
from airgap.report.style import PLAIN, Style
from airgap.verifier.outcome import Verdict
from airgap.verifier.rechecked import Change, Rechecked, RecheckOutcome

SCHEMA: Final = "airgap.recheck/1"
Json = dict[str, Any]
_KIND = {Verdict.PASS: "good", Verdict.FAIL: "bad", Verdict.INDETERMINATE: "unsure", Verdict.SKIPPED: "unsure"}


def recheck_document(outcome: RecheckOutcome, *, version: str) -> Json:
    """The document; complete on failure, too."""
    return {
        **heading(SCHEMA, outcome, version),
        "trust": dict(outcome.trust),
        "worse": sum(artifact.change is Change.WORSE for artifact in outcome.artifacts),
        "artifacts": [_artifact(artifact) for artifact in outcome.artifacts],
        "problems": [problem_document(problem) for problem in outcome.problems],
        "warnings": [problem_document(warning) for warning in outcome.warnings],
    }


def _artifact(artifact: Rechecked) -> Json:
    was = artifact.was
    return {
        "reference": artifact.now.reference,
        "digest": str(artifact.now.descriptor.digest),
        "scope": artifact.now.scope,
        "basis": artifact.basis.value,
        "was": {"verdict": was.verdict.value, "judged": iso(was.judged), "report": was.report} if was else None,
        "now": artifact.verdict.value,
        "change": artifact.change.value,
        "exit_codes": sorted(artifact.exit_codes),
        "because": [{"reason": reason, "message": message} for reason, message in artifact.because],
        "signatures": [signature_document(signature) for signature in artifact.now.signatures],
    }


def recheck_text(outcome: RecheckOutcome, *, style: Style = PLAIN) -> str:
    """The verdict first, then what changed, then the rest in one line each."""
    return "\n".join(_lines(outcome, style)) + "\n"


def _lines(outcome: RecheckOutcome, style: Style) -> Iterator[str]:
    yield style.paint(_KIND[outcome.verdict], _headline(outcome))
    order = (Change.WORSE, Change.UNKNOWN, Change.BETTER, Change.UNCHANGED)
    for artifact in sorted(outcome.artifacts, key=lambda item: order.index(item.change)):
        was = f"was {artifact.was.verdict.value}, " if artifact.was else ""
        how = "" if artifact.basis.value == "layout" else " (from the report alone)"
        word = style.paint(_KIND[artifact.verdict], f"{was}is {artifact.verdict.value}")
        yield f"  {artifact.now.reference} {artifact.now.descriptor.digest}: {word}{how}"
        for reason, message in artifact.because:
            yield f"          {message} [{reason}]"
            if REASONS[reason].remedy:
                yield f"          → {REASONS[reason].remedy}"
    for name, problems in (("problem", outcome.problems), ("warning", outcome.warnings)):
        for problem in problems:
            yield f"  {name} {problem.message}" + (f" [{problem.reason}]" if problem.reason else "")


def _headline(outcome: RecheckOutcome) -> str:
    worse = [artifact for artifact in outcome.artifacts if artifact.change is Change.WORSE]
    bad = [artifact for artifact in outcome.artifacts if artifact.verdict is not Verdict.PASS]
    total = len(outcome.artifacts)
    if worse:
        return f"CHANGED: {len(worse)} of {total} that were better earlier are not good any more. Pull them out."
    if outcome.problems:
        return "FAIL: not everything could be judged again; see below."
    if bad:
        return f"NOT GOOD: {len(bad)} of {total} are not accepted; none of them is known to have been."
    return f"UNCHANGED: all {total} are still good."
