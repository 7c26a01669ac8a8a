"""Recheck: what was accepted earlier, judged again under newer evidence, and what changed by it.

Where the layout is at hand it is verified as always (by the function that the caller hands in: stages do not import
each other); where only the report is left, what can change without the bytes is judged from it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

from airgap import limits
from airgap.errors import AirgapError, FormatError, Rejected, TrustMaterialError, UsageError
from airgap.files import read_regular
from airgap.moment import Moment
from airgap.oci.reference import LayoutReference, parse_reference
from airgap.reasons import ExitCode
from airgap.text import safe
from airgap.trust.choice import Origin, choose_statement
from airgap.trust.directory import TrustDirectory
from airgap.verifier.outcome import AppliedPolicy, ArtifactOutcome, Outcome, SignatureOutcome
from airgap.verifier.recheck import Rejudge
from airgap.verifier.rechecked import Basis, Rechecked, RecheckOutcome
from airgap.verifier.recorded import RecordedArtifact, parse_report
from airgap.verifier.run import Problem

Verify = Callable[[Sequence[str], str | None], Outcome]
"""Verifies targets, asking the policy about a scope."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckRequest:
    """What to judge again."""

    sources: Sequence[str]
    """Reports (files of `airgap.verify/1`) and layouts."""
    at: datetime
    clock: datetime
    scope: str | None = None
    """For layouts without a report; reports name the scope that they were judged by."""
    max_age: Mapping[str, timedelta] = field(default_factory=dict)


def recheck(request: RecheckRequest, directory: TrustDirectory, verify: Verify) -> RecheckOutcome:
    """Judge again. Never raises for what sources hold; UsageError where there is none."""
    if not request.sources:
        raise UsageError("there is nothing to judge again")
    return _Run(request, directory.accepting(request.max_age), verify).outcome()


class _Run:
    def __init__(self, request: RecheckRequest, directory: TrustDirectory, verify: Verify) -> None:
        self._request, self._directory, self._verify = request, directory, verify
        self._rejudge = Rejudge(directory, Moment(judged=request.at, clock=request.clock))
        self._problems: list[Problem] = []
        self._warnings: dict[str, Problem] = {}

    def outcome(self) -> RecheckOutcome:
        artifacts = tuple(artifact for source in self._request.sources for artifact in self._source(source))
        try:
            policy = self._directory.policy()
        except TrustMaterialError:
            policy = None
        return RecheckOutcome(
            moment=Moment(judged=self._request.at, clock=self._request.clock),
            trust=self._directory.overview(self._request.at, policy),
            artifacts=artifacts,
            problems=tuple(self._problems),
            warnings=tuple(self._warnings.values()),
        )

    def _source(self, source: str) -> Iterator[Rechecked]:
        try:
            records = _report(source)
        except (FormatError, OSError) as error:
            self._problems.append(
                Problem(message=f"{safe(source)} is no report: {safe(error)}", exit_code=1, target=safe(source))
            )
            return
        if records is None:
            yield from self._layout(source)
            return
        for record in records:
            yield self._recorded(record)

    def _layout(self, target: str) -> Iterator[Rechecked]:
        outcome = self._verify([target], self._request.scope)
        self._problems += outcome.problems
        self._note(outcome)
        for artifact in outcome.artifacts:
            yield Rechecked(basis=Basis.LAYOUT, now=artifact)

    def _recorded(self, record: RecordedArtifact) -> Rechecked:
        target = _target(record)
        if target is not None:
            outcome = self._verify([target], record.scope if record.scope_given else None)
            self._take_problems(outcome)
            found = [item for item in outcome.artifacts if item.descriptor.digest == record.descriptor.digest]
            if found:
                self._note(outcome)
                return Rechecked(basis=Basis.LAYOUT, now=found[0], was=record)
        self._warnings.setdefault(
            record.report,
            Problem(
                message=f"layouts that {record.report} is about are gone; what it says of them is taken as it is",
                reason="recheck.report_alone",
            ),
        )
        if record.content_mode != "all":
            reference = safe(record.reference)
            self._warnings.setdefault(
                f"{record.report} {reference}",
                Problem(
                    message=f"{reference}: not all of its content was read when {record.report} was made "
                    f"(--content {safe(record.content_mode, limit=32)})",
                    reason="recheck.report_alone",
                ),
            )
        now = self._from_record(record)
        return Rechecked(basis=Basis.REPORT, now=now, was=record, content_failed=record.content_failed)

    def _from_record(self, record: RecordedArtifact) -> ArtifactOutcome:
        outcome = ArtifactOutcome(
            reference=safe(record.reference),
            descriptor=record.descriptor,
            tags=(),
            scope=record.scope,
            policy=None,
            policy_finding=None,
            content=None,
            signatures=(),
        )
        try:
            origin: Origin = "option" if record.scope_given else "record"
            statement = choose_statement(self._directory.policy(), record.scope, origin).statement
        except (Rejected, TrustMaterialError) as error:
            return replace(outcome, policy_finding=(error.reason, str(error)))
        applied = AppliedPolicy.of(statement)
        if statement.skip:
            return replace(
                outcome,
                policy=applied,
                policy_finding=("policy.skip", f"the statement {safe(statement.name)!r} has level skip"),
            )
        judged = [self._rejudge.judge(signature, statement) for signature in record.signatures]
        return replace(outcome, policy=applied, signatures=tuple[SignatureOutcome, ...](judged))

    def _take_problems(self, outcome: Outcome) -> None:
        """A layout that is there and can not be judged is not gone: what the report says does not make it good."""
        known = {problem.message for problem in self._problems}
        self._problems += [
            problem
            for problem in outcome.problems
            if problem.exit_code != ExitCode.NOT_FOUND and problem.message not in known
        ]

    def _note(self, outcome: Outcome) -> None:
        for warning in outcome.warnings:
            self._warnings.setdefault(warning.message, warning)


def _report(source: str) -> tuple[RecordedArtifact, ...] | None:
    """The artifacts of a report; None where `source` is something else. Raises FormatError, OSError."""
    path = Path(source)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if not file.read(64).lstrip().startswith(b"{"):
            return None
    return parse_report(read_regular(path, limits.REPORT_BYTES), source)


def _target(record: RecordedArtifact) -> str | None:
    """The reference by which the layout of a report can still be found."""
    try:
        reference = parse_reference(record.reference, exists=os.path.exists)
    except AirgapError:
        return None
    if not isinstance(reference, LayoutReference) or not Path(reference.path).exists():
        return None
    return f"{reference.transport}{reference.path}@{record.descriptor.digest}"
