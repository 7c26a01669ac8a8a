"""Judges what a copy will write before it is written: `airgap copy --trust`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import Final, NamedTuple

from airgap import __version__
from airgap.errors import AirgapError, NotFoundError, UntrustedError, UsageError
from airgap.oci.content import ContentChecker
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.nodes import Root
from airgap.oci.problems import ContentProblem
from airgap.oci.reference import docker_name
from airgap.oci.store import Store
from airgap.oci.target import Target
from airgap.reasons import ExitCode, most_severe
from airgap.revocation.target_evidence import TargetEvidence
from airgap.signature.stamped_evidence import evidence_of_target
from airgap.stages.gate_layout import (
    LEAVE_OUT,
    PlannedLayout,
    Refused,
    as_layout,
    brought,
    subjects_of,
    without_refused,
)
from airgap.stages.verify import RequestedArtifact, verify_opened
from airgap.text import safe
from airgap.transfer.plan import CopyPlan, CopyRoot, PlannedArtifact, Selection, key_of
from airgap.transfer.planner import make_plan
from airgap.transfer.records import Records
from airgap.transfer.sources import LayoutSource, path_of, without_mending
from airgap.trust.choice import repository_of
from airgap.trust.directory import TrustDirectory
from airgap.trust.location import Location
from airgap.verdict import Verdict, worst_first
from airgap.verifier.layout_evidence import LayoutEvidence
from airgap.verifier.layout_judge import check_judged, evidence_reached
from airgap.verifier.outcome import ArtifactOutcome, Outcome
from airgap.verifier.planned import planned_target, refusal, untrusted
from airgap.verifier.request import VerifyRequest

_REGISTRIES: Final = "the source registry"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """By what a copy is judged."""

    trust: TrustDirectory | Location | Path
    request: VerifyRequest
    """The moment and the demands. Without a scope, the name that was typed counts, or what names and records say."""
    selection: Selection
    is_one_layout: bool
    """Whether all goes into one layout, where artifacts of one digest share what is attached to them.

    Else each medium is judged by itself, as verify does: in registries it has repositories of its own.
    """
    tolerated: frozenset[int] = frozenset()
    """Exit codes of verdicts with which an artifact is accepted, too."""

    def judge(self, plans: Sequence[CopyPlan], evidence: Iterable[TargetEvidence]) -> Judgement:
        """The judgement of everything that is planned. `evidence`: that of all layouts and registries, copied or not.

        Raises TrustMaterialError, and AirgapError where a signature or evidence cannot be read.
        """
        wanted: dict[_JudgedKey, list[PlannedArtifact]] = {}
        targets: list[tuple[Target, list[RequestedArtifact]]] = []
        exempt: dict[object, PlannedLayout] = {}
        for medium, part in self._media(plans).items():
            exempt[medium] = kept = PlannedLayout.of(self._target(part))
            found: defaultdict[_JudgedKey, list[PlannedArtifact]] = defaultdict(list)
            for plan in part:
                for item in plan.artifacts:
                    if item.error is None and kept.leaves_to_judge(item):
                        found[_JudgedKey(medium, _requested(item))].append(item)
            targets.append((kept.target, [asked.artifact for asked in found]))
            wanted |= found
        outcome = self._verdicts(targets, evidence)
        return Judgement.of_outcome(wanted, outcome, exempt, self._medium, self.request.scope, self.tolerated)

    def _verdicts(
        self, targets: Iterable[tuple[Target, Iterable[RequestedArtifact]]], evidence: Iterable[TargetEvidence]
    ) -> Outcome:
        held = LayoutEvidence({str(number): item for number, item in enumerate(evidence)})  # two may have one name
        return verify_opened(self.request, self.trust, targets, held)

    def accepted(
        self,
        judgement: Judgement,
        plans: Sequence[CopyPlan],
        there: Iterable[tuple[Store, Graph]],
        evidence: Collection[TargetEvidence],
        *,
        keep_going: bool,
    ) -> list[CopyPlan]:
        """The plans without what is not accepted, and without what brings more that verify would judge by itself.

        An image that is attached could be run in the place of what it refers to. What is left out may have named or
        covered others, so the question is asked again until nothing more is refused. Raises as `Judgement.accepted`.
        """
        kept = judgement.accepted(plans, there, keep_going=keep_going)
        media: Mapping[object, PlannedLayout] = judgement.media
        while True:
            if any(item.error is not None for plan in kept for item in plan.artifacts):
                media = {medium: PlannedLayout.of(self._target(part)) for medium, part in self._media(kept).items()}
            own: defaultdict[object, set[Digest]] = defaultdict(set)
            for item in (item for plan in kept for item in plan.artifacts if item.error is None):
                own[self._medium(item)].add(item.wanted.descriptor.digest)
            refused = self._refused_beside(media, own, evidence)
            fewer = without_refused(kept, refused, keep_going=keep_going) if refused else None
            if fewer is None:
                return kept
            kept = fewer

    def _refused_beside(
        self,
        media: Mapping[object, PlannedLayout],
        own: Mapping[object, Collection[Digest]],
        evidence: Iterable[TargetEvidence],
    ) -> Refused | None:
        """Why an artifact is refused that brings what is not accepted by itself; None where nothing is so."""
        beside = {medium: layout.beside(own.get(medium, ())) for medium, layout in media.items()}
        asked = [(medium, root) for medium, roots in beside.items() for root in roots]
        if not asked:
            return None
        outcome = self._verdicts(
            (
                (media[medium].target, [RequestedArtifact(root.descriptor.digest, None) for root in roots])
                for medium, roots in beside.items()
            ),
            evidence,
        )
        bad: defaultdict[object, dict[Digest, Root]] = defaultdict(dict)
        why: dict[tuple[object, Digest], ArtifactOutcome] = {}
        for (medium, root), judged in zip(asked, outcome.artifacts, strict=True):
            if judged.exit_code not in {0, *self.tolerated}:
                bad[medium][root.descriptor.digest] = root
                why[medium, root.descriptor.digest] = judged

        def refused(item: PlannedArtifact) -> AirgapError | None:
            medium = self._medium(item)
            for root in brought(item, bad[medium]):
                if damage := media[medium].damage(root):
                    return UntrustedError(
                        f"{item.wanted.reference} is not copied: something that is attached to it is damaged: {damage} "
                        f"[{damage.reason}]",
                        exit_code=damage.exit_code,
                        reason=damage.reason,
                        remedy=damage.remedy,
                    )
                what = f"{media[medium].named(root)}, is judged by itself: "
                error = refusal(why[medium, root.descriptor.digest], item.wanted.reference, why=what)
                error.remedy = f"{error.remedy} {LEAVE_OUT}".lstrip()
                return error
            return None

        return refused if why else None

    def _medium(self, item: PlannedArtifact) -> object:
        """The layout that an artifact comes from; None for what is judged together."""
        return item.wanted.source if item.wanted.from_layout and not self.is_one_layout else None

    def _media(self, plans: Iterable[CopyPlan]) -> dict[object, list[CopyPlan]]:
        """The plans of each medium."""
        media: defaultdict[object, list[CopyPlan]] = defaultdict(list)
        for plan in plans:
            parts: defaultdict[object, list[PlannedArtifact]] = defaultdict(list)
            for item in plan.artifacts:
                parts[self._medium(item)].append(item)
            for medium, items in parts.items():
                media[medium].append(plan if len(parts) == 1 else CopyPlan.of(items, plan.nodes))
        return media

    def _target(self, plans: Sequence[CopyPlan]) -> Target:
        """All plans as one layout, with the records of a copy, so that verifying the copy gives the same verdicts."""
        records = Records(tool=__version__, at=self.request.clock, selection=self.selection)
        return as_layout(records.add_to(plan) for plan in plans)


def everything_listed(plans: Sequence[CopyPlan], selection: Selection, executor: Executor) -> CopyPlan:
    """What comes from registries and is not copied, with all referrers (of layouts, all is read anyway).

    That is what is not chosen, and what is listed as a referrer and not copied as one.
    """
    every = replace(selection, artifact_types=frozenset(), depth=None, digest_tags=True)
    found = [item for plan in plans for item in plan.artifacts if item.error is None and not item.wanted.from_layout]
    is_all = every == replace(selection, skip_types=every.skip_types)
    whole = make_plan([] if is_all else [item.wanted for item in found], every, executor, keep_going=True)
    every = replace(every, platforms=())
    done: set[Digest] = set()
    while roots := _left(chain(found, whole.artifacts), done):
        more = make_plan(roots, every, executor, keep_going=True)
        kept = [item for item in more.artifacts if not _is_absent_platform(item)]
        whole = CopyPlan.of([*whole.artifacts, *kept], {**whole.nodes, **more.nodes})
    return whole


def _left(planned: Iterable[PlannedArtifact], done: set[Digest]) -> list[CopyRoot]:
    """What these list and leave (other platforms, what is no referrer), as artifacts of their own; each once."""
    found = {
        descriptor.digest: replace(item.wanted, descriptor=descriptor, names=(), listed=(), tags=(), entries={})
        for item in planned
        for descriptor in (*item.misplaced, *item.left_out)
        if descriptor.digest not in done
    }
    done.update(found)
    return list(found.values())


def _is_absent_platform(item: PlannedArtifact) -> bool:
    """Whether it is an image of a platform that the registry does not have: that is no evidence."""
    return item.error is not None and item.error.is_missing and item.wanted.descriptor.platform is not None


def evidence_in_registries(whole: CopyPlan) -> dict[str, TargetEvidence]:
    """The evidence among all that is in registries, by a name for its place: it counts also where it is not chosen.

    Raises UntrustedError where some of it cannot be read, AirgapError.
    """
    for item in whole.artifacts:
        for problem in (item.error, *item.problems):
            if problem is not None:
                raise _unread(item.wanted.reference, problem)
    if not whole.artifacts:
        return {}
    target = planned_target(whole, [() for _ in whole.artifacts])
    evidence = evidence_of_target(target.store, target.graph, _REGISTRIES)
    for digest, _ in sorted(evidence.named - evidence.whole):
        raise _unread(_REGISTRIES, f"{digest} is missing or damaged there")
    return {_REGISTRIES: evidence}


def _unread(name: str, problem: AirgapError | str) -> UntrustedError:
    return UntrustedError(
        f"nothing is copied: what refers to {name} cannot be read, and may be evidence about any signer: {problem} "
        "[evidence.unread]",
        reason="evidence.unread",
        remedy=problem.remedy if isinstance(problem, AirgapError) else "",
    )


class _JudgedKey(NamedTuple):
    """An artifact of a medium that is to be judged."""

    medium: object
    artifact: RequestedArtifact

    def reaching(self, digest: Digest) -> _JudgedKey:
        """The same for what it reaches."""
        return self._replace(artifact=self.artifact._replace(digest=digest))


def _requested(item: PlannedArtifact) -> RequestedArtifact:
    wanted = item.wanted
    typed = wanted.repository.name if wanted.repository and not wanted.from_layout else wanted.typed
    return RequestedArtifact(wanted.descriptor.digest, typed)


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts on everything that is planned."""

    outcome: Outcome
    """All that was judged, each artifact by the name that it is copied by."""
    _outcomes: Mapping[_JudgedKey, ArtifactOutcome]
    _reached: frozenset[_JudgedKey]
    """What passed, and all that it reaches: cosign's tags are about any of it."""
    media: Mapping[object, PlannedLayout]
    """What was judged as one, by medium."""
    _medium: Callable[[PlannedArtifact], object]
    _scope: str | None
    """The repository that everything was judged as; None: each by its own name."""
    _tolerated: frozenset[int]
    _checkers: dict[LayoutSource, ContentChecker]
    """Of each layout, so that evidence of many artifacts is hashed once."""

    @classmethod
    def of_outcome(
        cls,
        asked: Mapping[_JudgedKey, Sequence[PlannedArtifact]],
        outcome: Outcome,
        exempt: Mapping[object, PlannedLayout],
        medium: Callable[[PlannedArtifact], object],
        scope: str | None,
        tolerated: Collection[int],
    ) -> Judgement:
        """The verdicts on what was asked for, in that order, and what needs none."""
        artifacts = [
            replace(artifact, reference=items[0].wanted.reference, path=path_of(items[0].wanted.source))
            for items, artifact in zip(asked.values(), outcome.artifacts, strict=True)
        ]
        outcomes = dict(zip(asked, artifacts, strict=True))
        passed = {name: items for name, items in asked.items() if outcomes[name].exit_code in (0, *tolerated)}
        reached = frozenset(
            name.reaching(digest) for name, items in passed.items() for item in items for digest, _, _ in item.keys
        )
        whole = replace(outcome, artifacts=tuple(artifacts))
        return cls(whole, outcomes, reached, exempt, medium, scope, frozenset(tolerated), {})

    def _key(self, item: PlannedArtifact) -> _JudgedKey:
        return _JudgedKey(self._medium(item), _requested(item))

    def verdict(self, item: PlannedArtifact) -> ArtifactOutcome | None:
        """That on one artifact; None for what comes with another one (cosign's tags), and for evidence."""
        return self._outcomes.get(self._key(item))

    def accepted(
        self, plans: Iterable[CopyPlan], there: Iterable[tuple[Store, Graph]], *, keep_going: bool
    ) -> list[CopyPlan]:
        """The plans without what does not verify, or would not in a layout that is `there` and gets more.

        Raises UntrustedError for that, unless the copy keeps going, and for a problem of the whole copy.
        """
        for problem in worst_first(self.outcome.problems):
            raise untrusted(problem, "nothing is copied: ", problem.exit_code)
        result: list[CopyPlan] = []
        for plan in plans:
            brought = {digest for digest, _, _ in plan.nodes}
            held = [_Held(graph, ContentChecker(store), brought) for store, graph in there]
            items = [self._accepted(item, held, keep_going=keep_going) for item in plan.artifacts]
            result.append(CopyPlan.of(items, {key: without_mending(node) for key, node in plan.nodes.items()}))
        return result

    def _accepted(self, item: PlannedArtifact, held: Iterable[_Held], *, keep_going: bool) -> PlannedArtifact:
        if item.error is not None:
            return item
        try:
            accepted = replace(self._checked(item), judged=True)
            for one in held:
                one.check(item)
            return accepted  # noqa: TRY300 - what raises is above
        except UntrustedError as error:
            if not keep_going:
                raise
            return PlannedArtifact(wanted=item.wanted, error=error)

    def _checked(self, item: PlannedArtifact) -> PlannedArtifact:
        accepted = self._judged(item)
        name = item.wanted.reference
        for unread in item.problems:
            if not isinstance(unread, UsageError):  # that is about names in the destination
                raise UntrustedError(
                    f"{name} is not copied: what refers to it cannot be read, and may be evidence about any signer: "
                    f"{unread} [evidence.unread]",
                    exit_code=most_severe({unread.exit_code, ExitCode.INDETERMINATE}),
                    reason="evidence.unread",
                    remedy=unread.remedy,
                )
        if self._scope is not None and (claimed := _claimed(item.wanted)) not in {None, docker_name(self._scope)}:
            raise UntrustedError(
                f"{name} is not copied: --scope says that it is of {safe(self._scope)}, and it would get the place of "
                f"{safe(claimed)}, as its source calls it [policy.name_conflict]",
                reason="policy.name_conflict",
                remedy="Leave --scope out, or name the repository that it goes to: REGISTRY/team/app.",
            )
        _check_names(item.wanted)
        for wrong in self._wrong_in_its_layout(item):
            raise _wrong(wrong, name)
        return accepted

    def _wrong_in_its_layout(self, item: PlannedArtifact) -> Iterator[ContentProblem]:
        """What is wrong with what a judgement reads in the layout of the artifact: evidence also if it is not copied.

        What is not chosen stays behind, and so does an older acquisition record with all that refers to it. Bytes that
        another descriptor embeds are not what this one needs: verify does not find them.
        """
        source = item.wanted.source
        if isinstance(source, LayoutSource):
            checker = self._checkers.setdefault(source, ContentChecker(source.store))
            closure = source.graph.closure(item.wanted.descriptor, declared_absent=item.wanted.declared_absent)
            evidence = evidence_reached(source.graph, closure)
            for wrong in check_judged(checker, source.graph, closure).problems:
                found = wrong.descriptor
                if found and (found.digest in evidence or key_of(found) in item.keys):
                    yield wrong

    def _judged(self, item: PlannedArtifact) -> PlannedArtifact:
        outcome = self.verdict(item)
        if outcome is not None:
            if outcome.exit_code in self._tolerated:
                return item
            if outcome.exit_code:
                raise refusal(outcome, item.wanted.reference, item.problems)
            accepted = frozenset(found.digest for found in outcome.signatures if found.verdict is Verdict.PASS)
            judged = replace(item, must_be_signed=bool(accepted), accepted=accepted or None, comes_along=False)
            if missing := judged.signature_missing():  # another artifact of this digest has it
                raise UntrustedError(
                    f"{item.wanted.reference} is not copied: the signature that was accepted is attached to another "
                    "artifact with the same digest, and does not come with this one",
                    exit_code=missing.exit_code,
                    reason="signature.none",
                )
            return judged
        exempt, asked = self.media[self._medium(item)], self._key(item)
        if exempt.comes_with_its_subject(item):
            if all(asked.reaching(subject) in self._reached for subject in subjects_of(item)):
                return item
            message = "is not copied: the artifact that it is about is not among those that verify"
            raise UntrustedError(f"{item.wanted.reference} {message}", reason="signature.none")
        if exempt.is_bundle(item):
            return item
        if exempt.is_evidence(item):
            for wrong in exempt.evidence[item.wanted.descriptor.digest].problems:
                raise _wrong(wrong, item.wanted.reference)
            return item
        raise TypeError("an artifact was not judged")


class _Held(NamedTuple):
    """A layout that gets more."""

    graph: Graph
    checker: ContentChecker
    brought: Collection[Digest]
    """What the copy brings: it is put right there."""

    def check(self, item: PlannedArtifact) -> None:
        """Raises UntrustedError where what refers to the artifact there is damaged: it may be evidence about it."""
        excused = {descriptor.digest for descriptor in item.left_out} | item.wanted.declared_absent
        closure = self.graph.closure(item.wanted.descriptor, declared_absent=frozenset(excused))
        for wrong in check_judged(self.checker, self.graph, closure).problems:
            digest = wrong.descriptor.digest if wrong.descriptor else None
            if digest not in self.brought and digest not in excused:
                raise _wrong(
                    wrong,
                    item.wanted.reference,
                    f" into {self.graph.name}, where something that may be about it is damaged",
                )


def _check_names(wanted: CopyRoot) -> None:
    """Refuses a name that verify of the source refuses, because `docker load` takes something else by it (0025).

    Where that cannot be read, it may be any name (16). Raises UntrustedError.
    """
    if isinstance(wanted.source, LayoutSource):
        for unread in wanted.source.graph.names_unread:
            raise _wrong(unread, wanted.reference)
        for name in wanted.names:
            try:
                wanted.source.graph.check_name(name)
            except NotFoundError as error:
                raise UntrustedError(
                    f"{wanted.reference} is not copied: {error} [layout.disagrees]",
                    exit_code=error.exit_code,
                    reason="layout.disagrees",
                    remedy=error.remedy,
                ) from None


def _claimed(wanted: CopyRoot) -> str | None:
    """The repository by which a medium alone decides where the artifact goes; None where the operator named it."""
    if not (wanted.named_by_source and wanted.from_layout):
        return None
    if wanted.destination is None:  # tools run what is in a layout by its whole name
        named = [repository_of(tag) for tag in wanted.tags]
    else:
        named = [wanted.repository.name if wanted.repository else None]
    typed = repository_of(wanted.typed) if wanted.typed else None
    found = [docker_name(name) for name in named if name is not None]
    return next((name for name in found if typed is None or docker_name(typed) != name), None)


def _wrong(problem: ContentProblem, name: str, why: str = "") -> UntrustedError:
    found = problem.as_problem(name)
    return untrusted(found, f"{name} is not copied{why}: ", found.exit_code)
