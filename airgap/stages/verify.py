"""Verify layouts and tars, trusting only the local trust directory.

It reads, never writes, and opens no socket: import contracts forbid it to import network code.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from airgap import limits
from airgap.errors import AirgapError, TrustMaterialError, UsageError, WorkerError
from airgap.oci.content import ContentReport, HeldElsewhere
from airgap.oci.digest import Digest
from airgap.oci.nodes import Root
from airgap.oci.reference import LayoutReference
from airgap.oci.store import InVolumes
from airgap.oci.target import Target, TargetOpener, open_target
from airgap.problem import Problem
from airgap.revocation.artifact import find_proposals, is_evidence_alone
from airgap.revocation.evidence_files import Evidence
from airgap.revocation.target_evidence import PieceKey
from airgap.text import safe
from airgap.trust.directory import TrustDirectory
from airgap.trust.location import Location
from airgap.trust.policy import OciPolicy
from airgap.trust.separation import check_apart, layout_paths
from airgap.verifier.engine import SignatureVerifier
from airgap.verifier.layout_evidence import (
    NOTHING_ELSE,
    LayoutEvidence,
    TrustBeside,
    evidence_in,
    evidence_of_layouts,
    name_of,
)
from airgap.verifier.layout_judge import Earlier, LayoutJudge, judged_roots
from airgap.verifier.outcome import ArtifactOutcome, Outcome
from airgap.verifier.request import JudgeRequest, VerifyRequest

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from airgap.transfer.carried_bundles import CarriedBundle


class RequestedArtifact(NamedTuple):
    """An artifact of an open target that is to be judged."""

    digest: Digest
    typed: str | None
    """The full name by which the operator named it, if so."""


JudgingProgress = Callable[[int, int], object]
"""Is called with the number of artifacts that are judged, and of those that are known so far."""


def no_progress(_judged: int, _known: int) -> None:
    """Reports nothing."""


def verify(
    request: VerifyRequest,
    trust: TrustDirectory | Location | Path,
    *,
    executor: Executor | None = None,
    jobs: int = 1,
    progress: JudgingProgress = no_progress,
) -> Outcome:
    """Judge every artifact of every target.

    Malformed policies, unreadable layouts and missing references do not raise: they are problems of the outcome. A
    malformed policy is refused before anything is judged.

    `jobs` processes judge; with one, a thread for every core hashes meanwhile. `executor`: a pool of threads hashes in
    place of these; any other executor judges slices of the artifacts, wherever its workers are
    (`airgap.verifier.slices`). The outcome is the same. `progress` is called in this thread. Raises UsageError if the
    trust directory is not separate from the targets, or for plugins with several processes; WorkerError if one does
    not do its part.
    """
    return verify_again(request, trust, Earlier(), Workers(executor, jobs, progress))


class Workers(NamedTuple):
    """Who judges beside this thread, and who hears how far they are."""

    executor: Executor | None = None
    jobs: int = 1
    progress: JudgingProgress = no_progress

    @property
    def threads(self) -> Executor | None:
        """Those that hash, where the caller has any."""
        return None if self.takes_slices else self.executor

    @property
    def takes_slices(self) -> bool:
        """Whether artifacts are judged in other processes."""
        if self.executor is None:
            return self.jobs > 1
        from concurrent.futures import ThreadPoolExecutor

        return not isinstance(self.executor, ThreadPoolExecutor)

    def check(self, request: JudgeRequest) -> None:
        """Refuses plugins with other processes. Raises UsageError."""
        if request.plugins is not None and self.takes_slices:
            raise UsageError(
                "verification plugins are run by one process", remedy="Leave out --jobs, --dask or the executor."
            )


THIS_PROCESS = Workers()


def verify_again(
    request: VerifyRequest, trust: TrustDirectory | Location | Path, earlier: Earlier, workers: Workers = THIS_PROCESS
) -> Outcome:
    """Judge as `verify` does, with what is known from an earlier judgement."""
    path = trust if isinstance(trust, Path) else trust.path
    check_apart(path, request.targets)
    workers.check(request)
    try:
        directory = TrustDirectory.open(trust)
        policy = directory.policy()
    except TrustMaterialError as error:
        problems = (Problem.of(error), *_unopened(request.targets))
        return Outcome(moment=request.moment, trust={"directory": safe(path)}, problems=problems)
    try:
        return _verify(request, directory, policy, earlier, workers)
    except _OneProcess:
        return _verify(request, directory, policy, earlier, THIS_PROCESS)


def _verify(
    request: VerifyRequest, directory: TrustDirectory, policy: OciPolicy, earlier: Earlier, workers: Workers
) -> Outcome:
    with ExitStack() as stack:

        @cache
        def pool() -> Executor:
            return workers.threads or stack.enter_context(_threads())

        layout_evidence = earlier.layout_evidence
        if layout_evidence is None:
            several = len(set(layout_paths(request.targets))) > 1  # a single target is opened when it is judged
            layout_evidence = stack.enter_context(evidence_of_layouts(request.targets)) if several else NOTHING_ELSE
        run = _Verification(request, directory, policy, earlier, layout_evidence, pool, workers)
        stack.callback(run.abandon)
        for target in request.targets:
            run.target(target)
        run.close()
        return run.outcome()


def verify_opened(
    request: VerifyRequest,
    trust: TrustDirectory | Location | Path,
    targets: Iterable[tuple[Target, Iterable[RequestedArtifact]]],
    evidence: LayoutEvidence,
) -> Outcome:
    """Judge artifacts of open targets, which need not be on a medium; the outcome has each, in this order.

    `request.targets` is not used. `evidence`: that of layouts, used beside the target's own. What cannot be judged
    raises AirgapError here; the policy and the trust stores raise TrustMaterialError.
    """
    directory = TrustDirectory.open(trust)
    with ExitStack() as stack:

        @cache
        def pool() -> Executor:
            return stack.enter_context(_threads())

        run = _Verification(request, directory, directory.policy(), Earlier(), evidence, pool)
        for target, asked in targets:
            run.opened(target, asked)
        return run.outcome()


def _unopened(targets: Iterable[str]) -> Iterator[Problem]:
    """The problems of targets that cannot be opened, if nothing can be judged anyway: one run reports all problems."""
    for text in targets:
        try:
            with open_target(text):
                pass
        except AirgapError as error:
            yield Problem.of(error, text)


def _threads() -> Executor:
    from concurrent.futures import ThreadPoolExecutor  # imported only if there is enough to hash

    return ThreadPoolExecutor(min(limits.HASHING_THREADS, os.cpu_count() or 1))


def bundles_in(target: Target, roots: Sequence[Root]) -> tuple[Root, ...]:
    """The bundles of a whole layout: lists of what is in it, which have no name and need no signature."""
    if not target.is_whole or all(root.tags for root in roots):
        return ()
    from airgap.bundle.opened_bundle import is_bundle  # few layouts have one

    return tuple(root for root in roots if is_bundle(target.graph, root))


def _held_elsewhere(target: Target) -> HeldElsewhere:
    """What the deltas in a layout say that their receiver holds."""
    from airgap.bundle.opened_bundle import held_elsewhere  # few layouts have one

    return held_elsewhere(target.store, target.graph)


class _OneProcess(Exception):  # noqa: N818 - no fault: it ends the first of two attempts
    """Judging in slices met what only one process reports in its place: a bound of the layout, an error."""


class _Verification:
    """One call of `verify`: the state that its targets share."""

    def __init__(
        self,
        request: VerifyRequest,
        directory: TrustDirectory,
        policy: OciPolicy,
        earlier: Earlier,
        layout_evidence: LayoutEvidence,
        pool: Callable[[], Executor],
        workers: Workers = THIS_PROCESS,
    ) -> None:
        self._request, self._earlier = request, earlier
        self._workers = workers
        self._slices: list[tuple[LayoutReference, Root]] = []
        """What workers are to judge before the layout is closed."""
        self._directory = directory.accepting(request.max_age)
        self._policy = policy
        self._layout_evidence, self._shared = layout_evidence, layout_evidence.whole
        self._shared_signers = layout_evidence.signers
        self._shared_verifier = self._verifier(layout_evidence.bodies)
        self._pool = pool
        self._targets = TargetOpener(self._enter, self._leave)
        self._judged = self._known = 0
        """Artifacts, for the progress."""
        self._artifacts: list[ArtifactOutcome] = []
        self._read = 0
        self._problems: list[Problem] = list(layout_evidence.problems)
        self._warnings: list[Problem] = []
        self._bundles: list[CarriedBundle] = []
        self._told: set[PieceKey] = set()
        """The evidence of open layouts, about which all notices are given; a copy has the same."""

    def target(self, text: str) -> None:
        """Judge one target. An error becomes a problem, and the next target follows."""
        try:
            self._judge_target(self._targets.open(text), text)
        except WorkerError:  # the outcome would lack artifacts
            raise
        except AirgapError as error:
            self._problems.append(Problem.of(error, text))

    def opened(self, target: Target, asked: Iterable[RequestedArtifact]) -> None:
        """Judge artifacts of an open target, which stays open. Raises AirgapError."""
        self._enter(target)
        for held in self._layout_evidence.layouts.values():  # none of these is a target, which has its own end
            self._warnings += [notice for notice in held.new_notices(self._told) if notice not in self._warnings]
            self._told |= held.named
        for digest, typed in asked:
            self._earlier = self._earlier._replace(typed=typed)
            one = target._replace(reference=target.reference._replace(digest=digest))
            self._judge_target(one, target.store.name)
        self._leave(target)

    def _judge_target(self, target: Target, text: str) -> None:
        roots = judged_roots(target, self._earlier)
        bundles = bundles_in(target, roots)
        alone = {root.descriptor for root in roots if target.is_whole and is_evidence_alone(target.graph, root)}
        alone |= {root.descriptor for root in bundles}
        if len(alone) == len(roots):  # where nothing else is here it is what was asked for
            alone.clear()
        here = [root for root in roots if root.descriptor in alone] if self._workers.takes_slices else roots
        content = self._judge.contents(target, here)
        self._known += len(roots) - len(alone)
        for root in roots:
            if root.descriptor in alone:
                self._report_content(content(root.descriptor), text)
            elif self._workers.takes_slices:
                self._slices.append((target.reference, root))
            else:
                self._artifacts.append(self._judge.artifact(target, root, content, self._earlier))
                self._tell(1)
        if bundles:
            self._report_bundles(target, bundles, [root for root in roots if root.descriptor not in alone])
        self._report_entries(target, text)

    def close(self) -> None:
        """Closes the layout that is open."""
        self._targets.close()

    def abandon(self) -> None:
        """The same where judging ended early."""
        self._slices.clear()
        self.close()

    def _enter(self, target: Target) -> None:
        """The evidence in the layout counts beside the trust directory; trust material in it is only reported."""
        if self._workers.takes_slices:
            from airgap.verifier.slices import SeenLayout

            self._seen = SeenLayout.of(target)
        known = self._layout_evidence.layouts.get(target.reference.path)
        self._beside = known or evidence_in(target)
        verifier, self._bodies = self._shared_verifier, self._layout_evidence.bodies
        if self._beside.beyond_bounds or self._beside.named - self._shared or self._new_signers():
            self._bodies = (*self._bodies, self._beside)
            verifier = self._verifier(self._bodies)
        roots = [root.descriptor for root in target.graph.roots()]
        self._warnings += list(find_proposals(target.graph, roots, name_of(target)))
        beside = self._beside
        self._judge = LayoutJudge(
            target,
            self._request,
            self._policy,
            verifier,
            self._pool,
            lambda: beside.damaged,
            cache(partial(_held_elsewhere, target)),
        )

    def _new_signers(self) -> bool:
        """Whether the signatures of the open layout have certificates that are not among those of all."""
        return not self._shared_signers.issuperset(self._beside.signers)

    def _leave(self, target: Target) -> None:
        self._read += self._judge.read
        self._judge_slices(target)
        self._warnings += self._beside.new_notices(self._told)

    def _judge_slices(self, target: Target) -> None:
        """Lets workers judge what is left. Raises _OneProcess, WorkerError."""
        artifacts, self._slices = self._slices, []
        if not artifacts:
            return
        from airgap.verifier import slices

        earlier = self._earlier._replace(layout_evidence=None)
        opened = slices.OpenedLayout(target, self._judge, self._directory, earlier)
        kit = slices.Kit(
            layout=self._seen,
            reference=target.reference,
            request=self._request,
            directory=self._directory,
            bodies=self._bodies,
            damaged=frozenset(digest for digest, _ in self._beside.named - self._beside.whole),
            held=self._judge.held(),
            earlier=earlier,
        )
        judged = slices.judge(
            opened, kit, artifacts, executor=self._workers.executor, jobs=self._workers.jobs, tell=self._tell
        )
        if judged is None:
            raise _OneProcess
        self._artifacts += judged.outcomes
        self._read += judged.read

    def _tell(self, judged: int) -> None:
        self._judged += judged
        self._workers.progress(self._judged, self._known)

    def _verifier(self, bodies: Sequence[Evidence]) -> SignatureVerifier:
        return self._request.verifier(TrustBeside.of(self._directory, bodies) if bodies else self._directory)

    def outcome(self) -> Outcome:
        """The outcome of all targets."""
        return Outcome(
            moment=self._request.moment,
            trust=self._directory.overview(self._request.at, self._policy),
            metadata=self._request.metadata,
            max_signatures=self._request.max_signatures,
            artifacts=tuple(self._artifacts),
            read=self._read,
            problems=tuple(self._problems),
            warnings=(*self._warnings, *self._request.warnings_about(self._directory)),
            bundles=tuple(self._bundles),
        )

    def _report_entries(self, target: Target, text: str) -> None:
        """Reports entries of no artifact: unreadable ones are wrong content if the whole layout is verified.

        Unreadable content that may name any artifact is always wrong: the names of this one are then unknown.
        """
        unread, others = target.graph.names_unread, (*target.graph.problems, *target.graph.disagreements)
        for problem in (*unread, *others):
            counts = target.is_whole or problem in unread
            (self._problems if counts else self._warnings).append(problem.as_problem(text, counts=counts))
        if isinstance(target.store, InVolumes):
            self._warnings += [
                Problem(message=note, reason="layout.volumes", target=safe(text)) for note in target.store.notes
            ]
            if target.is_whole:
                self._problems += [Problem.of(error, text) for error in target.store.problems()]
        notes = target.graph.notes if target.is_whole else ()
        self._warnings += [note.as_problem(text) for note in notes[: limits.NOTES_SHOWN]]
        if len(notes) > limits.NOTES_SHOWN:
            more = len(notes) - limits.NOTES_SHOWN
            self._warnings.append(Problem(message=f"{more} more entries of this kind", target=safe(text)))

    def _report_bundles(self, target: Target, bundles: Sequence[Root], others: Sequence[Root]) -> None:
        """Whether what bundles list is here; what is not listed is judged as always."""
        from airgap.bundle.bundle_check import carried_bundles, check_bundles  # few layouts have one

        path = str(Path(target.reference.path).absolute())
        carried = carried_bundles(
            target.store, target.graph, lambda _: None, is_asked_for=True
        )  # `check_bundles` says it
        self._bundles += [replace(bundle, path=path) for bundle in carried]
        for found in check_bundles(target, bundles, others):
            (self._problems if found.exit_code else self._warnings).append(found)

    def _report_content(self, report: ContentReport | None, text: str) -> None:
        """Bundles, and evidence about what is not here: they need no signature, and have to be whole as all else."""
        self._problems += [problem.as_problem(text) for problem in (report.problems if report else ())]
