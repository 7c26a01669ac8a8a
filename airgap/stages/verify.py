"""Verify layouts and tars, trusting only the local trust directory.

It reads, never writes, and opens no socket: import contracts forbid it to import network code.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from airgap import limits
from airgap.errors import AirgapError, Rejected, TrustMaterialError
from airgap.moment import Moment
from airgap.oci.content import ContentChecker, ContentReport
from airgap.oci.content_mode import Content
from airgap.oci.descriptor import ACQUISITION, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.nodes import Referrer, Root, reported_elsewhere
from airgap.oci.problems import ContentProblem
from airgap.oci.target import Target, TargetOpener, open_target
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.revocation.artifact import find_proposals, is_evidence_alone
from airgap.revocation.evidence_files import Evidence
from airgap.signature.signature_manifest import is_signature
from airgap.text import safe
from airgap.trust.choice import Named, choose_statement, name_artifact
from airgap.trust.directory import TrustDirectory
from airgap.trust.location import Location
from airgap.trust.policy import OciPolicy
from airgap.trust.separation import check_apart, layout_paths
from airgap.trust.statement import Statement
from airgap.verifier.candidate import candidate_of
from airgap.verifier.engine import SignatureVerifier
from airgap.verifier.layout_evidence import (
    NOTHING_ELSE,
    LayoutEvidence,
    TrustBeside,
    evidence_in,
    evidence_of_layouts,
    name_of,
)
from airgap.verifier.nearby import NearbySignatureFinder, NearbySignatures, foreign_kind
from airgap.verifier.outcome import (
    AppliedPolicy,
    ArtifactOutcome,
    Outcome,
    ReferrerOutcome,
    SignatureOutcome,
)
from airgap.verifier.run import clock_warning

if TYPE_CHECKING:
    from concurrent.futures import Executor

    from airgap.oci.record import Record
    from airgap.verifier.recorded import RecordedSignatures
    from airgap.verifier.verification_plugins import AllowedPlugins

_Contents = Callable[[Descriptor], ContentReport | None]
"""The result for the content of an artifact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyRequest:
    """The targets and the options of a verify."""

    targets: Sequence[str]
    """References: layout directories and tars, with or without a tag or digest."""
    at: datetime
    """The moment judged for; aware."""
    clock: datetime
    """What the clock says; equal to `at` unless another time was named."""
    scope: str | None = None
    """The repository for the policy (`airgap.trust.check_scope`)."""
    metadata: Mapping[str, str] = field(default_factory=dict)
    """User metadata that must be signed."""
    content: Content = Content.ALL
    max_signatures: int = limits.SIGNATURES
    max_age: Mapping[str, timedelta] = field(default_factory=dict)
    """How stale evidence may be, by kind (`airgap.trust.parse_ages`); overrides airgap.toml."""
    plugins: AllowedPlugins | None = None
    """Verification plugins that may be run. The network guard does not watch them."""

    @property
    def inputs(self) -> tuple[Path, ...]:
        """The input paths beside the trust directory: nothing may be written there (`airgap.trust.check_output`)."""
        return tuple(layout_paths(self.targets))


class Earlier(NamedTuple):
    """What `recheck` knows from an earlier judgement and from other layouts."""

    typed: str | None = None
    """The full name that was typed as the tag, if targets name the artifact by digest."""
    recorded: Mapping[Digest, RecordedSignatures] = MappingProxyType({})
    """What the report says of signatures, by artifact: what is lost since is not forgotten.

    That is the result of a plugin that may not be run now, and evidence that was in the layout.
    """
    layout_evidence: LayoutEvidence | None = None
    """The evidence in open layouts, used for all targets; None to read it from the layouts of the targets."""


class Asked(NamedTuple):
    """An artifact of an open target."""

    digest: Digest
    typed: str | None
    """The full name by which the operator named it, if so."""


def verify(
    request: VerifyRequest, trust: TrustDirectory | Location | Path, *, executor: Executor | None = None
) -> Outcome:
    """Judge every artifact of every target.

    Malformed policies, unreadable layouts and missing references do not raise: they are problems of the outcome. A
    malformed policy is refused before anything is judged. `executor` runs the hashing; without one, this call makes a
    pool with a thread for every core. Raises UsageError if the trust directory is not separate from the targets.
    """
    return verify_again(request, trust, Earlier(), executor)


def verify_again(
    request: VerifyRequest, trust: TrustDirectory | Location | Path, earlier: Earlier, executor: Executor | None
) -> Outcome:
    """The same with what is known from an earlier judgement."""
    check_apart(trust if isinstance(trust, Path) else trust.path, request.targets)
    moment = Moment(judged=request.at, clock=request.clock)
    try:
        directory = trust if isinstance(trust, TrustDirectory) else TrustDirectory.open(trust)
        policy = directory.policy()
    except TrustMaterialError as error:
        path = trust if isinstance(trust, Path) else trust.path
        problems = (Problem.of(error), *_unopened(request.targets))
        return Outcome(moment=moment, trust={"directory": safe(path)}, problems=problems)
    with ExitStack() as stack:

        @cache
        def pool() -> Executor:
            return executor or stack.enter_context(_threads())

        layout_evidence = earlier.layout_evidence
        if layout_evidence is None:
            several = len(set(layout_paths(request.targets))) > 1  # a single target is opened when it is judged
            layout_evidence = stack.enter_context(evidence_of_layouts(request.targets)) if several else NOTHING_ELSE
        run = _Verification(request, directory, policy, earlier, layout_evidence, pool)
        stack.callback(run.close)
        for target in request.targets:
            run.target(target)
        run.close()
        return run.outcome(moment)


def verify_opened(
    request: VerifyRequest,
    trust: TrustDirectory | Location | Path,
    target: Target,
    asked: Iterable[Asked],
    evidence: LayoutEvidence,
) -> Outcome:
    """Judge artifacts of an open target, which need not be on a medium; the outcome has one for each of `asked`.

    `request.targets` is not used. `evidence`: that of layouts, used beside the target's own. What cannot be judged
    raises AirgapError here; the policy and the trust stores raise TrustMaterialError.
    """
    directory = trust if isinstance(trust, TrustDirectory) else TrustDirectory.open(trust)
    with ExitStack() as stack:

        @cache
        def pool() -> Executor:
            return stack.enter_context(_threads())

        run = _Verification(request, directory, directory.policy(), Earlier(), evidence, pool)
        run.opened(target, asked)
        return run.outcome(Moment(judged=request.at, clock=request.clock))


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

    return ThreadPoolExecutor(os.cpu_count() or 1)


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
    ) -> None:
        self._request, self._earlier = request, earlier
        self._directory = directory.accepting(request.max_age)
        self._policy = policy
        self._layout_evidence, self._shared = layout_evidence, layout_evidence.whole
        self._shared_judge = self._judge = self._make_judge(layout_evidence.bodies)
        self._pool = pool
        self._targets = TargetOpener(self._enter, self._leave)
        self._judged: dict[Descriptor, tuple[Statement, ReferrerOutcome]] = {}
        """The judged attachments of that layout, with the last applied statement."""
        self._artifacts: list[ArtifactOutcome] = []
        self._problems: list[Problem] = list(layout_evidence.problems)
        self._warnings: list[Problem] = []

    def target(self, text: str) -> None:
        """Judge one target. An error becomes a problem, and the next target follows."""
        try:
            self._judge_target(self._targets.open(text), text)
        except AirgapError as error:
            self._problems.append(Problem.of(error, text))

    def opened(self, target: Target, asked: Iterable[Asked]) -> None:
        """The same for artifacts of an open target, which stays open. Raises AirgapError."""
        self._enter(target)
        # no layout of the evidence is a target, and has its own end
        self._warnings += [notice for held in self._layout_evidence.layouts.values() for notice in held.notices()]
        for digest, typed in asked:
            self._earlier = self._earlier._replace(typed=typed)
            one = target._replace(reference=target.reference._replace(digest=digest))
            self._judge_target(one, target.store.name)
        self._leave(target)

    def _judge_target(self, target: Target, text: str) -> None:
        content = self._contents(target)
        roots = _roots(target)
        alone = {root.descriptor for root in roots if target.is_whole and is_evidence_alone(target.graph, root)}
        if len(alone) == len(roots):  # where nothing else is here it is what was asked for
            alone.clear()
        for root in roots:
            if root.descriptor in alone:
                self._report_evidence(content(root.descriptor), text)
            else:
                self._artifacts.append(self._artifact(target, content, root))
        self._report_entries(target, text)

    def close(self) -> None:
        """Closes the layout that is open."""
        self._targets.close()

    def _enter(self, target: Target) -> None:
        self._open_evidence(target)
        self._checker = ContentChecker(target.store, self._pool)
        self._nearby = NearbySignatureFinder(target.graph)

    def _leave(self, _: Target) -> None:
        self._warnings += list(self._beside.notices())

    def _make_judge(self, bodies: Sequence[Evidence]) -> SignatureVerifier:
        request = self._request
        return SignatureVerifier(
            TrustBeside.of(self._directory, bodies) if bodies else self._directory,
            moment=Moment(judged=request.at, clock=request.clock),
            plugins=request.plugins,
        )

    def _open_evidence(self, target: Target) -> None:
        """The evidence in the layout and in the trust directory; trust material in the layout is only reported."""
        roots = [root.descriptor for root in target.graph.roots()]
        known = self._layout_evidence.layouts.get(target.reference.path)
        self._beside = known or evidence_in(target)
        self._judge = self._shared_judge
        self._judged.clear()
        if self._beside.beyond_bounds or self._beside.named - self._shared:
            self._judge = self._make_judge((*self._layout_evidence.bodies, self._beside))
        self._warnings += list(find_proposals(target.graph, roots, name_of(target)))

    def outcome(self, moment: Moment) -> Outcome:
        """The outcome of all targets."""
        return Outcome(
            moment=moment,
            trust=self._directory.overview(self._request.at, self._policy),
            metadata=self._request.metadata,
            max_signatures=self._request.max_signatures,
            artifacts=tuple(self._artifacts),
            problems=tuple(self._problems),
            warnings=(
                *self._warnings,
                *clock_warning(moment, self._directory.evidence.newest()),
                *self._directory.notices,
            ),
        )

    def _report_entries(self, target: Target, text: str) -> None:
        """Reports entries of no artifact: unreadable ones are wrong content if the whole layout is verified.

        Unreadable content that may name any artifact is always wrong: the names of this one are then unknown.
        """
        unread, others = target.graph.names_unread, (*target.graph.problems, *target.graph.disagreements)
        for problem in (*unread, *others):
            counts = target.is_whole or problem in unread
            if counts:
                self._problems.append(problem.beside(text))
            else:
                self._warnings.append(problem.beside(text, exit_code=ExitCode.OK))
        notes = target.graph.notes if target.is_whole else ()
        self._warnings += [note.beside(text, exit_code=ExitCode.OK) for note in notes[: limits.NOTES_SHOWN]]
        if len(notes) > limits.NOTES_SHOWN:
            more = len(notes) - limits.NOTES_SHOWN
            self._warnings.append(Problem(message=f"{more} more entries of this kind", target=safe(text)))

    def _report_evidence(self, report: ContentReport | None, text: str) -> None:
        """Evidence about what is not here: it needs no signature, and has to be whole as everything here."""
        self._problems += [problem.beside(text) for problem in (report.problems if report else ())]

    # --- one artifact ---

    def _artifact(self, target: Target, content: _Contents, root: Root) -> ArtifactOutcome:
        policy: AppliedPolicy | None = None
        unjudged: Problem | None = None
        signatures: tuple[SignatureOutcome, ...] = ()
        referrers: tuple[ReferrerOutcome, ...] = ()
        warnings: list[str] = []
        records = _records(target, root.descriptor)
        aliases = tuple(dict.fromkeys((*root.aliases, *target.graph.docker_names(root))))
        named = Named(scope=None, origin=None)
        try:
            named = name_artifact(
                scope=self._request.scope,
                typed=self._earlier.typed or target.reference.tag,
                called=root.called,
                entries=target.graph.entry_names(root),
                loaded=target.graph.docker_names(root),
                tags=(*root.tags, *aliases),
                recorded=[record.name for record in records],
            )
            warnings += [named.note] if named.note else []
            chosen = choose_statement(self._policy, named)
            warnings += [chosen.note] if chosen.note else []
            statement = chosen.statement
            policy = AppliedPolicy.of(statement)
            if statement.skip:
                unjudged = Problem.of_reason("policy.skip", f"the statement {safe(statement.name)!r} has level skip")
            else:
                demanded = self._request.metadata
                signatures = self._signatures(target, root.descriptor, statement, demanded, warnings)
                referrers = tuple(self._referrers(target, root.descriptor, statement, warnings))
        except Rejected as error:
            unjudged = Problem.of_reason(error.reason, str(error))
        record = next((found for found in records if found.name == named.scope), records[0] if records else None)
        return ArtifactOutcome(
            reference=target.name(root),
            path=str(Path(target.reference.path).absolute()),
            descriptor=root.descriptor,
            tags=root.tags,
            aliases=aliases,
            scope=named.scope,
            scope_origin=named.origin,
            beside=named.beside,
            record=record,
            left_behind=_left_behind(target, root.descriptor, record, warnings),
            policy=policy,
            unjudged=unjudged,
            content=content(root.descriptor),
            signatures=signatures,
            referrers=referrers,
            warnings=tuple(warnings),
            near=NearbySignatures() if signatures or unjudged else self._nearby.of(root.descriptor, _named(root)),
        )

    def _contents(self, target: Target) -> _Contents:
        """Starts to check all content, so that it is hashed while signatures are judged."""
        mode = self._request.content
        checker = self._checker
        closures = {}
        for root in _roots(target):
            if mode == Content.NONE:
                closures[root.descriptor] = target.graph.surface(root.descriptor)
                continue
            records = _records(target, root.descriptor)
            absent = records[0].declared_absent() if records else frozenset[Digest]()
            closures[root.descriptor] = target.graph.closure(root.descriptor, declared_absent=absent)
        checker.prepare(closures.values(), mode=mode)
        return lambda descriptor: checker.check(closures[descriptor], mode=mode)

    def _signatures(
        self,
        target: Target,
        subject: Descriptor,
        statement: Statement,
        demanded: Mapping[str, str],
        warnings: list[str],
    ) -> tuple[SignatureOutcome, ...]:
        """Every signature of `subject`, in digest order, judged; all of them, also after a good one (VERIFY-6, D27)."""
        referrers = target.graph.referrers(subject).readable(reported_elsewhere)
        found = [referrer for referrer in referrers if is_signature(referrer.manifest)]
        limit, recorded = self._request.max_signatures, self._earlier.recorded.get(subject.digest)
        if len(found) > limit:
            warnings.append(f"{len(found)} signatures are attached; only the first {limit} were judged")
        return self._judge.judge_all(
            (candidate_of(target.store, referrer, subject, recorded) for referrer in found[:limit]),
            target=subject,
            statement=statement,
            metadata=demanded,
        )

    def _referrers(
        self, target: Target, artifact: Descriptor, statement: Statement, warnings: list[str]
    ) -> Iterator[ReferrerOutcome]:
        """The referrers that are no signatures, with the results of their own signatures; each once.

        Also those of the images in an index: the SBOM of a platform is attached to the image of it.
        """
        seen: set[Digest] = set()
        queue: deque[tuple[Descriptor, Referrer | None]] = deque([(artifact, None)])
        while queue:
            descriptor, attached = queue.popleft()
            if not target.graph.spend():
                warnings.append("more artifacts are attached than were judged")
                return
            if descriptor.digest in seen:
                continue
            seen.add(descriptor.digest)
            if attached is not None:
                yield self._attached(target, attached, statement)
            queue.extend((child, None) for child in target.graph.children(descriptor))
            for referrer in target.graph.referrers(descriptor).readable(reported_elsewhere):
                if not is_signature(referrer.manifest) and referrer.artifact_type != ACQUISITION:
                    queue.append((referrer.descriptor, referrer))

    def _attached(self, target: Target, referrer: Referrer, statement: Statement) -> ReferrerOutcome:
        """Judged once, also if cosign tags attach it to many artifacts. Metadata is demanded of the artifact alone."""
        attached = referrer.descriptor
        known = self._judged.get(attached)
        if known is not None and known[0] == statement:
            return known[1]
        signatures = self._signatures(target, attached, statement, {}, [])
        outcome = ReferrerOutcome(
            descriptor=attached,
            artifact_type=referrer.artifact_type,
            signatures=signatures,
            foreign=foreign_kind(referrer),
        )
        self._judged[attached] = (statement, outcome)
        return outcome


def _roots(target: Target) -> tuple[Root, ...]:
    """The artifacts to judge; unreadable ones of a whole layout are reported entry by entry and do not raise."""
    return target.graph.roots() if target.is_whole and target.graph.problems else target.roots()


def _named(root: Root) -> str:
    """The name of an artifact in messages."""
    name = root.called or next(iter((*root.tags, *root.aliases)), None)
    return safe(name, limit=160) if name else str(root.descriptor.digest)


def _left_behind(target: Target, descriptor: Descriptor, record: Record | None, warnings: list[str]) -> str | None:
    """Why the signature may be missing here; warns about other lost referrers."""
    unread: list[ContentProblem] = []
    here = _here(target, descriptor, unread.append)
    if unread:
        return f"what may be one cannot be read ({unread[0].path})"
    if record is None:
        return None
    from airgap.oci.record import listed

    if lost := (*record.lost(here), *record.lost_below(target.graph.digests)):
        warnings.append(f"it was copied with {listed(lost)}, by its acquisition record; that is not here now")
    return record.left_behind(here)


def _here(target: Target, descriptor: Descriptor, report: Callable[[ContentProblem], object]) -> frozenset[Digest]:
    """The digests of the referrers of an artifact in the layout, without acquisition records."""
    referrers = target.graph.referrers(descriptor).readable(report)
    return frozenset(item.descriptor.digest for item in referrers if item.artifact_type != ACQUISITION)


def _records(target: Target, descriptor: Descriptor) -> tuple[Record, ...]:
    """The acquisition records about an artifact, the newest first."""
    referrers = target.graph.referrers(descriptor).readable(reported_elsewhere)
    if all(referrer.artifact_type != ACQUISITION for referrer in referrers):
        return ()
    from airgap.oci.record import find_records

    return tuple(found.record for found in find_records(target.store, target.graph, descriptor, reported_elsewhere))
