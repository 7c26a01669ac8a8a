"""Judges an artifact by what an earlier report says of it, without its layout."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from airgap.errors import Rejected, TrustMaterialError
from airgap.oci.content import HELD
from airgap.problem import Problem
from airgap.text import safe
from airgap.trust.choice import (
    Named,
    ScopeOrigin,
    choose_statement,
    docker_repositories_of,
    repositories_of,
    typed_name,
)
from airgap.trust.directory import TrustDirectory
from airgap.verifier.engine import SignatureVerifier
from airgap.verifier.outcome import AppliedPolicy, ArtifactOutcome
from airgap.verifier.rechecked import Basis, Rechecked
from airgap.verifier.recorded import RecordedArtifact, RecordedReport


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportJudge:
    """The trust material and the demands of a recheck."""

    directory: TrustDirectory
    verifier: SignatureVerifier
    scope: str | None
    """The repository for the policy, if no operator named one when a report was made."""
    metadata: Mapping[str, str]
    """Demanded in addition to that of reports; for the same key, instead of it."""

    def judge(self, report: RecordedReport, artifact: RecordedArtifact, besides: tuple[Problem, ...] = ()) -> Rechecked:
        """What the report says is taken as it is. `besides`: what else is against the artifact."""
        besides = (*not_recorded(report, artifact), *besides)
        if artifact.content_failed:
            besides += (Problem.of_reason("content.digest", "the earlier judgement says that the content was bad"),)
        if artifact.content_held:
            besides += (Problem.of_reason(HELD, "the earlier judgement says that layers were held elsewhere"),)
        now = self._outcome(report, artifact)
        return Rechecked(basis=Basis.REPORT, now=now, was=artifact, report=report, besides=besides)

    def demanded_by(self, report: RecordedReport) -> Mapping[str, str]:
        """The metadata that its artifacts have to have."""
        return {**(report.metadata or {}), **self.metadata}

    def scope_of(self, artifact: RecordedArtifact) -> tuple[str | None, ScopeOrigin | None]:
        """The repository and its source: the operator then, the operator now, or a record."""
        if artifact.scope_origin in {"option", "name"} or self.scope is None:
            return artifact.scope, artifact.scope_origin
        return self.scope, "option"

    def _outcome(self, report: RecordedReport, artifact: RecordedArtifact) -> ArtifactOutcome:
        scope, origin = self.scope_of(artifact)
        outcome = ArtifactOutcome(
            reference=safe(artifact.reference),
            descriptor=artifact.descriptor,
            tags=(),
            scope=scope,
            policy=None,
            unjudged=None,
            content=None,
            signatures=(),
        )
        if artifact.policy_reason == "policy.name_conflict":  # another policy cannot resolve this
            conflict = "the earlier judgement says that its names here and in its acquisition record disagree"
            return replace(outcome, unjudged=Problem.of_reason(artifact.policy_reason, conflict))
        try:
            chosen = choose_statement(self.directory.policy(), _named(artifact, scope, origin))
        except (Rejected, TrustMaterialError) as error:
            return replace(outcome, unjudged=Problem.of_reason(error.reason, str(error)))
        statement = chosen.statement
        outcome = replace(outcome, policy=AppliedPolicy.of(statement), warnings=(chosen.note,) if chosen.note else ())
        if statement.skip:
            skipped = f"the statement {safe(statement.name)!r} has level skip"
            return replace(outcome, unjudged=Problem.of_reason("policy.skip", skipped))
        if artifact.policy_reason is not None:
            unproven = "no statement judged its signatures earlier, so that nothing is known of them"
            return replace(outcome, unjudged=Problem.of_reason("recheck.unproven", unproven))
        return replace(
            outcome,
            signatures=self.verifier.judge_all(
                artifact.signatures,
                target=artifact.descriptor,
                statement=statement,
                metadata=self.demanded_by(report),
            ),
        )


def not_recorded(report: RecordedReport, artifact: RecordedArtifact) -> tuple[Problem, ...]:
    """The warning about demands of then that are not recorded."""
    if report.metadata is not None or not artifact.demanded_unknown_metadata:
        return ()
    message = f"{report.name} was made by an older version, and does not say which metadata was demanded (-m)"
    return (Problem.of_reason("recheck.unproven", message),)


def _named(artifact: RecordedArtifact, scope: str | None, origin: ScopeOrigin | None) -> Named:
    """Further facts of the report about the name of the repository."""
    if scope is None:
        own, by_docker = repositories_of(artifact.names), docker_repositories_of(artifact.names)
        return Named(scope=None, origin=None, own=own, by_docker=by_docker)
    if origin == "name":
        return typed_name(scope, artifact.beside)
    by_docker = docker_repositories_of((*artifact.names, scope)) if origin == "record" else ()
    return Named(scope=scope, origin=origin, by_docker=by_docker)
