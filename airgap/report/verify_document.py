"""Outcomes as JSON documents: `airgap.verify/1` (schema in airgap/schemas/verify.schema.json)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from airgap.parse.time import iso
from airgap.report.report import TOOL, Json, Rows
from airgap.verifier.artifact_document import (
    artifact_document,
    certificates_document,
    exact_strings,
    problem_document,
)
from airgap.verifier.outcome import Outcome
from airgap.verifier.report_reader import SCHEMA

if TYPE_CHECKING:
    from airgap.verifier.run import RunOutcome


def heading(schema: str, outcome: RunOutcome) -> Json:
    """The first members of every judgement: verdict, exit code, and judged time."""
    return {
        "schema": schema,
        "tool": TOOL,
        "verdict": outcome.verdict.value,
        "exit_code": outcome.exit_code,
        "exit_codes": sorted(outcome.exit_codes),
        "time": {
            "judged": iso(outcome.moment.judged),
            "clock": iso(outcome.moment.clock),
            "is_now": outcome.moment.is_now,
        },
    }


def verify_members(outcome: Outcome, attempts: int | None) -> Json:
    """The whole outcome, its artifacts as `Rows`. `attempts` is what the no-network guard counted, None without one."""
    expiry, first = outcome.earliest_expiry, outcome.expires_first
    return {
        **heading(SCHEMA, outcome),
        "network": network_document(outcome.plugins, attempts),
        "request": {"metadata": exact_strings(outcome.metadata), "max_signatures": outcome.max_signatures},
        "trust": dict(outcome.trust),
        "evidence_expires": {"at": iso(expiry[0]), "evidence": expiry[1]} if expiry else None,
        "expires_first": {"at": iso(first[0]), "what": first[1]} if first else None,
        "artifacts": Rows(lambda: map(artifact_document, outcome.artifacts), count=len(outcome.artifacts)),
        "certificates": certificates_document(
            signature
            for artifact in outcome.artifacts
            for signatures in (artifact.signatures, *(referrer.signatures for referrer in artifact.referrers))
            for signature in signatures
        ),
        "problems": [problem_document(problem) for problem in outcome.problems],
        "warnings": [problem_document(warning) for warning in outcome.warnings],
    }


def network_document(plugins: Sequence[str], attempts: int | None) -> Json:
    """`attempts` is what the no-network guard counted, None where no guard was up."""
    return {"guard": attempts is not None, "attempts": attempts or 0, "plugins": list(plugins)}
