"""Recheck: judges earlier accepted artifacts again under newer evidence, and reports what changed.

If the layout is available, it is verified as always, with the same demands as then. If only the report is left, the
same verifier judges its content.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Self

from airgap import limits
from airgap.errors import AirgapError, TrustMaterialError, UsageError
from airgap.ledger.rejudging import RecordedJudgements
from airgap.oci.content_mode import Content
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.reference import parse_layout_reference
from airgap.oci.target import open_target
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.stages.recheck_sources import (
    RecheckSource,
    carried_evidence,
    is_empty,
    knowing_each_other,
    known_revocations,
    place_of,
)
from airgap.stages.verify import JudgingProgress, Workers, no_progress, verify_again
from airgap.text import safe
from airgap.trust.directory import TrustDirectory
from airgap.trust.location import Location
from airgap.trust.separation import check_apart, layout_paths
from airgap.verifier.known_revocations import KnownRevocations
from airgap.verifier.layout_evidence import LayoutEvidence, TrustBeside, evidence_of_layouts
from airgap.verifier.layout_judge import Earlier
from airgap.verifier.outcome import ArtifactOutcome, Outcome
from airgap.verifier.rechecked import Basis, Rechecked, RecheckOutcome
from airgap.verifier.recorded import RecordedArtifact, RecordedReport, RecordedSignature, RecordedSignatures
from airgap.verifier.report_judge import ReportJudge, not_recorded
from airgap.verifier.request import JudgeRequest, VerifyRequest

if TYPE_CHECKING:
    from concurrent.futures import Executor


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckRequest(JudgeRequest):
    """What to judge again.

    `metadata` is demanded in addition to that of reports; for the same key, instead of it.
    """

    sources: Sequence[str] = ()
    """Reports (files of `airgap.verify/1`), folders of them, and layouts."""
    ledger: Path | None = None
    """A ledger: everything that was accepted by it is judged again, by what it holds."""
    since: datetime | None = None
    """Of the ledger only what was recorded then or later."""
    name: str | None = None
    """Of the ledger only what has this text in a name."""
    scope: str | None = None
    """The repository for the policy, if no operator named one when a report was made."""
    content: Content = Content.ALL
    """How much content of layouts is checked again."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The input paths beside the trust directory: nothing may be written there (`airgap.trust.check_output`)."""
        return (*layout_paths(self.sources), *(() if self.ledger is None else (self.ledger,)))


def recheck(
    request: RecheckRequest,
    trust: TrustDirectory | Location | Path,
    *,
    executor: Executor | None = None,
    jobs: int = 1,
    progress: JudgingProgress = no_progress,
) -> RecheckOutcome:
    """Judge again. Content of sources never makes it raise. `executor`, `jobs` and `progress` are those of `verify`.

    Raises UsageError if there are no sources, or if the trust directory is not separate from them; TrustMaterialError
    if its policy is malformed, before anything is judged; LedgerError for a ledger that is none.
    """
    if not request.sources and request.ledger is None:
        raise UsageError("there is nothing to judge again")
    workers = Workers(executor, jobs, progress)
    workers.check(request)
    directory = TrustDirectory.open(trust)
    check_apart(directory.path, request.sources)
    directory.policy()
    read = [source for name in request.sources for source in RecheckSource.all_in(name)]
    known = known_revocations(read)
    sources = knowing_each_other(read, known)
    with ExitStack() as stack:
        ledger = None
        if request.ledger is not None:
            opened = RecordedJudgements.open(request.ledger, since=request.since, name=request.name)
            ledger = stack.enter_context(opened)
        carried = chain(*(source.carried() for source in sources), ledger.carried() if ledger else ())
        layouts = chain.from_iterable(source.layouts() for source in sources)
        layout_evidence = stack.enter_context(evidence_of_layouts(layouts, carried_evidence(carried)))
        return _Recheck(request, directory, layout_evidence, known, workers).outcome(sources, ledger)


class _Recheck:
    def __init__(
        self,
        request: RecheckRequest,
        directory: TrustDirectory,
        layout_evidence: LayoutEvidence,
        known: KnownRevocations,
        workers: Workers,
    ) -> None:
        self._workers = workers
        self._known = known
        self._layout_evidence = layout_evidence
        self._request, self._opened = request, directory
        self._directory = directory.accepting(request.max_age)
        self._by_report = ReportJudge(
            directory=self._directory,
            verifier=request.verifier(TrustBeside.of(self._directory, layout_evidence.bodies)),
            scope=request.scope,
            metadata=request.metadata,
        )
        self._places: dict[str, _LayoutContent] = {}
        self._problems: dict[str, Problem] = {}
        self._warnings: dict[str, Problem] = {}

    def outcome(self, sources: Sequence[RecheckSource], ledger: RecordedJudgements | None) -> RecheckOutcome:
        self._fail(*self._layout_evidence.problems)
        artifacts = [artifact for source in sources for artifact in self._source(source)]
        if ledger is not None:
            artifacts += ledger.judge_again(self._by_report)
            self._fail(*ledger.problems)
            self._warn(*ledger.warnings)
        try:
            policy = self._directory.policy()
        except TrustMaterialError:
            policy = None
        self._warn(*self._request.warnings_about(self._directory))
        return RecheckOutcome(
            moment=self._request.moment,
            trust=self._directory.overview(self._request.at, policy),
            artifacts=tuple(artifacts),
            still_good=ledger.still_good if ledger else 0,
            problems=tuple(self._problems.values()),
            warnings=tuple(self._warnings.values()),
        )

    def _source(self, source: RecheckSource) -> Iterator[Rechecked]:
        report = source.report
        if isinstance(report, Problem):
            self._fail(report)
            return
        if report is None:
            yield from self._layout(source.name)
            return
        self._fail(*(replace(problem, target=problem.target or report.name) for problem in report.problems))
        if not report.artifacts:
            self._fail(_nothing(f"the report {report.name} is about no artifact", source.name))
        yield from self._report(report)

    def _layout(self, target: str) -> Iterator[Rechecked]:
        if is_empty(target):
            self._fail(_nothing(f"the folder {safe(target)} is empty", target))
            return
        request = self._demands([target], self._request.scope, self._request.metadata)
        earlier = Earlier(layout_evidence=self._layout_evidence, lost_elsewhere=(self._known.everything,))
        outcome = verify_again(request, self._opened, earlier, self._workers)
        self._fail(*outcome.problems)
        self._warn(*outcome.warnings, *_ran(outcome))
        for artifact in outcome.artifacts:
            yield Rechecked(basis=Basis.LAYOUT, now=artifact)

    # --- the artifacts of a report ---

    def _report(self, report: RecordedReport) -> Iterator[Rechecked]:
        placed = [(place_of(artifact), artifact) for artifact in report.artifacts]
        together: dict[tuple[str, _TypedName], list[RecordedArtifact]] = {}
        for place, artifact in placed:
            if place is not None:
                together.setdefault((place, self._typed_name(artifact)), []).append(artifact)
        recorded = _recorded_signatures(placed)
        outcomes = {key: self._again(report, artifacts, recorded[key[0]], *key) for key, artifacts in together.items()}
        for place, artifact in placed:
            again = None if place is None else (place, outcomes[place, self._typed_name(artifact)])
            yield self._recorded(report, artifact, again)

    def _again(
        self,
        report: RecordedReport,
        artifacts: Sequence[RecordedArtifact],
        recorded: Mapping[Digest, RecordedSignatures],
        place: str,
        said: _TypedName,
    ) -> _Again:
        """The outcome of verifying artifacts of one layout together, so that the layout is read once.

        The demands are those of the report; what it says of the signatures counts, too.
        """
        request = self._demands(
            list(dict.fromkeys(_target(artifact, place) for artifact in artifacts)),
            said.scope,
            self._by_report.demanded_by(report),
            max_signatures=report.max_signatures,
        )
        earlier = Earlier(
            typed=said.typed,
            recorded=recorded,
            tagged=_tagged(artifacts),
            layout_evidence=self._layout_evidence,
        )
        try:
            outcome = verify_again(request, self._opened, earlier, self._workers)
        except UsageError as error:  # a bad path in one report must not stop the others
            problems = tuple(Problem.of(error, target) for target in request.targets)
            outcome = Outcome(moment=request.moment, trust={}, problems=problems)
        self._warn(*outcome.warnings, *_ran(outcome))
        return _Again.of(outcome)

    def _recorded(
        self, report: RecordedReport, artifact: RecordedArtifact, again: tuple[str, _Again] | None
    ) -> Rechecked:
        """`again`: the place of its layout, and the outcome there."""
        besides: tuple[Problem, ...] = ()
        if again is not None:
            place, outcome = again
            moved = tuple(self._moved(artifact, place))
            found = outcome.artifacts.get(artifact.descriptor.digest)
            is_gone = found is None and artifact.descriptor.digest not in self._look(place).digests
            own = outcome.problems_of(safe(_target(artifact, place)))
            stuck = tuple(item for item in own if item.exit_code != ExitCode.NOT_FOUND or not is_gone)
            self._fail(*stuck)
            if found is not None:
                self._warn(*moved)
                besides = (*not_recorded(report, artifact), *stuck)
                return Rechecked(basis=Basis.LAYOUT, now=found, was=artifact, report=report, besides=besides)
            # the layout is there but cannot be judged: the report does not make it good
            besides = stuck or moved
        self._warn(*_taken_as_it_is(report, artifact))
        return self._by_report.judge(report, artifact, besides)

    def _moved(self, artifact: RecordedArtifact, place: str) -> Iterator[Problem]:
        """The problem that a name of the artifact now leads to other content."""
        for name in artifact.names:
            others = self._look(place).names.get(name, frozenset()) - {artifact.descriptor.digest}
            if others:
                message = (
                    f"{safe(artifact.reference)} was {artifact.descriptor.digest} when it was judged; the name "
                    f"{safe(name)!r} leads to {min(others)} now, which is another artifact and was not judged"
                )
                yield Problem.of_reason("recheck.replaced", message)

    def _look(self, place: str) -> _LayoutContent:
        if place not in self._places:
            self._places[place] = _LayoutContent.of(place)
        return self._places[place]

    def _typed_name(self, artifact: RecordedArtifact) -> _TypedName:
        """The repository, if an operator named one."""
        scope, origin = self._by_report.scope_of(artifact)
        return _TypedName(scope if origin == "option" else None, scope if origin == "name" else None)

    def _demands(
        self,
        targets: Sequence[str],
        scope: str | None,
        metadata: Mapping[str, str],
        max_signatures: int = limits.SIGNATURES,
    ) -> VerifyRequest:
        """The request for verify, with the time and the plugins of the recheck."""
        request = self._request
        return VerifyRequest(
            targets=targets,
            at=request.at,
            clock=request.clock,
            scope=scope,
            metadata=metadata,
            content=request.content,
            max_signatures=max_signatures,
            max_age=request.max_age,
            plugins=request.plugins,
        )

    def _fail(self, *problems: Problem) -> None:
        for problem in problems:
            self._problems.setdefault(f"{problem.target} {problem.message}", problem)

    def _warn(self, *warnings: Problem) -> None:
        for warning in warnings:
            self._warnings.setdefault(warning.message, warning)


def _nothing(message: str, source: str) -> Problem:
    return Problem.of_reason("recheck.nothing", message, target=safe(source))


def _recorded_signatures(
    artifacts: Iterable[tuple[str | None, RecordedArtifact]],
) -> dict[str | None, dict[Digest, RecordedSignatures]]:
    """What a report says of the signatures of each artifact, by the place of its layout.

    Several descriptors may have one digest, and each was judged with other signatures: all of these count.
    """
    found: dict[str | None, dict[Digest, list[RecordedSignature]]] = {}
    for place, artifact in artifacts:
        found.setdefault(place, {}).setdefault(artifact.descriptor.digest, []).extend(artifact.signatures)
    return {
        place: {digest: RecordedSignatures.of(items) for digest, items in by_digest.items()}
        for place, by_digest in found.items()
    }


def _tagged(artifacts: Iterable[RecordedArtifact]) -> dict[Digest, tuple[str, Descriptor]]:
    """The artifacts that were named by a tag, with that; none whose digest the report describes in two ways."""
    found: dict[Digest, tuple[str, Descriptor]] = {}
    described: dict[Digest, Descriptor] = {}
    ambiguous: set[Digest] = set()
    for artifact in artifacts:
        own = artifact.descriptor
        if not described.setdefault(own.digest, own).same_content(own):
            ambiguous.add(own.digest)
        with suppress(AirgapError):
            if tag := parse_layout_reference(artifact.reference).tag:
                found[own.digest] = tag, own
    return {digest: item for digest, item in found.items() if digest not in ambiguous}


def _target(artifact: RecordedArtifact, place: str) -> str:
    return f"{place}@{artifact.descriptor.digest}"


class _Again(NamedTuple):
    """The outcome for the artifacts of one layout, in a form in which each finds its own."""

    artifacts: Mapping[Digest, ArtifactOutcome]
    problems: Mapping[str | None, Sequence[tuple[int, Problem]]]
    """By their target; None for those of all. With their numbers."""

    @classmethod
    def of(cls, outcome: Outcome) -> Self:
        problems: dict[str | None, list[tuple[int, Problem]]] = {}
        for numbered in enumerate(outcome.problems):
            problems.setdefault(numbered[1].target, []).append(numbered)
        return cls({item.descriptor.digest: item for item in reversed(outcome.artifacts)}, problems)

    def problems_of(self, target: str) -> Iterator[Problem]:
        """In the order of the outcome."""
        found = sorted((*self.problems.get(None, ()), *self.problems.get(target, ())), key=itemgetter(0))
        return (problem for _, problem in found)


@dataclass(frozen=True, slots=True)
class _TypedName:
    """The repository as the operator named it: by `--scope`, or by a full name as the tag."""

    scope: str | None
    typed: str | None


@dataclass(frozen=True, slots=True)
class _LayoutContent:
    """The names and digests in a layout; empty if it cannot be read, which verifying it reports."""

    names: Mapping[str, frozenset[Digest]] = field(default_factory=dict)
    """For each name in the form of reports, the artifacts that it may lead to."""
    digests: Container[Digest] = frozenset()

    @classmethod
    def of(cls, place: str) -> Self:
        try:
            with open_target(place) as target:
                names: dict[str, frozenset[Digest]] = {}
                for name, found in target.graph.names.items():
                    names[safe(name)] = names.get(safe(name), frozenset()) | found
                return cls(names, target.graph.digests)
        except AirgapError:
            return cls()


def _ran(outcome: Outcome) -> Iterator[Problem]:
    if outcome.plugins:
        yield Problem(message=f"plugins were run, which may use the network: {', '.join(outcome.plugins)}")


def _taken_as_it_is(report: RecordedReport, artifact: RecordedArtifact) -> Iterator[Problem]:
    yield Problem(
        message=f"what {report.name} is about is not available; what it says is taken as it is",
        reason="recheck.report_alone",
    )
    if artifact.content_mode is not Content.ALL:
        yield Problem(
            message=f"{safe(artifact.reference)}: not all of its content was read when {report.name} was made "
            f"(--content {artifact.content_mode})",
            reason="recheck.report_alone",
        )
