"""Walks the graph below the artifacts of a copy, each manifest once, several at a time where the source allows it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field, replace
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError, LimitError, NotFoundError
from airgap.oci.attached import IMAGE_CONFIGS, cosign_suffix, is_stated_image
from airgap.oci.descriptor import Descriptor, Platform
from airgap.oci.digest import Digest
from airgap.oci.images import Images, platform_missing, platform_names
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.manifest import Index, Manifest
from airgap.text import safe
from airgap.transfer.checked_bytes import copy_checked, no_advance
from airgap.transfer.endpoint import FoundReferrers, Referral, Source
from airgap.transfer.plan import CopyPlan, CopyRoot, Key, Node, PlannedArtifact, PlannedReferrer, Selection, key_of
from airgap.transfer.platforms import choose, is_any_of, platform_of

_SHOWN: Final = 12


def make_plan(
    wanted: Sequence[CopyRoot], selection: Selection, executor: Executor, *, keep_going: bool = False
) -> CopyPlan:
    """The plan of a copy of `wanted`.

    Raises AirgapError for the first artifact that cannot be read as a whole, referrers included; with `keep_going`
    it becomes the artifact's error or one of its problems, and the others are planned.
    """
    planner = _Planner(selection, executor, keep_going=keep_going)
    for item in wanted:
        planner.start(item)
    planner.run()
    return planner.plan(wanted)


@dataclass(frozen=True, slots=True)
class _Step:
    """One visit of a manifest, or of an artifact of an unknown type.

    Those for which `level` and `chosen` make no difference are visited once.
    """

    source: Source
    key: Key
    level: int
    """The number of referrers between it and the artifact, counted only if there is a limit."""
    inside: bool
    """Whether it is below a referrer: then platforms and types are not chosen any more."""


class _Visit(NamedTuple):
    """A step that is to be made."""

    step: _Step
    depth: int
    root: _Step
    """The artifact of the copy from which it was reached first."""


@dataclass(slots=True)
class _Visited:
    descriptor: Descriptor
    manifest: Manifest | Index | None = None
    error: AirgapError | None = None
    found: FoundReferrers | None = None
    below: list[tuple[Descriptor, _Step | None]] = field(default_factory=list)
    """Blobs have no step."""
    referrers: list[tuple[Referral, _Step]] = field(default_factory=list)
    platform: Platform | None = None
    """The platform in the config of an image that no index lists."""
    left_out: list[Descriptor] = field(default_factory=list)
    elsewhere: list[Descriptor] = field(default_factory=list)
    """Non-distributable layers that the source does not have."""
    unknown: list[Descriptor] = field(default_factory=list)
    """Listed referrers of unknown media types."""
    unchosen: list[Referral] = field(default_factory=list)
    """Listed referrers of types that are not chosen."""


class _Answer(NamedTuple):
    """The answers of a source about one manifest."""

    manifest: Manifest | Index | None
    """None for an artifact of an unknown type: it has referrers like others, and nothing below it."""
    found: FoundReferrers | None = None
    platform: Platform | None = None
    elsewhere: frozenset[Descriptor] = frozenset()


class _Planner:
    def __init__(self, selection: Selection, executor: Executor, *, keep_going: bool) -> None:
        self._selection: Final = selection
        self._executor: Final = executor
        self._keep_going: Final = keep_going
        self._visited: Final[dict[_Step, _Visited]] = {}
        self._roots: Final[set[_Step]] = set()
        self._queue: Final[deque[_Visit]] = deque()
        self._listed: Final[Counter[_Step]] = Counter()
        """How many referrers are listed below each artifact of the copy."""
        self._over: Final[dict[_Step, LimitError]] = {}
        """The artifacts that reach more than is looked at: nothing more is read of them."""
        self._bytes = 0
        self._known: Final[set[Key]] = set()

    # --- walking ---

    def start(self, wanted: CopyRoot) -> None:
        step = self._step(wanted.source, wanted.descriptor, 0, inside=False)
        self._roots.add(step)
        self._schedule(_Visit(step, 0, step), wanted.descriptor)

    def _step(self, source: Source, descriptor: Descriptor, level: int, *, inside: bool) -> _Step:
        return _Step(source, key_of(descriptor), level if self._selection.depth is not None else 0, inside)

    def _schedule(self, visit: _Visit, descriptor: Descriptor) -> _Step:
        """Schedule the visit of a manifest once. Raises LimitError where it is too deep."""
        step = visit.step
        if step not in self._visited:
            if visit.depth > limits.GRAPH_DEPTH:
                raise LimitError(f"{descriptor.digest}: the artifact is nested more than {limits.GRAPH_DEPTH} deep")
            if len(self._visited) >= limits.GRAPH_NODES:
                self._stop(visit.root, f"what is copied reaches more than {limits.GRAPH_NODES} manifests")
            self._visited[step] = _Visited(descriptor)
            self._queue.append(visit)
        return step

    def _stop(self, root: _Step, problem: str) -> None:
        """Let nothing more be read of an artifact of the copy. What is listed beyond a bound may have no end."""
        remedy = "If so many are meant, copy in several runs, some at a time."
        self._over.setdefault(root, LimitError(f"{root.key[0]}: {problem}", remedy=remedy))

    def run(self) -> None:
        """Visits everything that is reached; in this thread if the source is not safe for threads."""
        running: dict[Future[_Answer | AirgapError], _Visit] = {}
        try:
            while self._queue or running:
                while self._queue:
                    visit = self._queue.popleft()
                    descriptor = self._visited[visit.step].descriptor
                    if visit.step.source.concurrent:
                        running[self._executor.submit(self._read, visit, descriptor)] = visit
                    else:
                        self._take(visit, self._read(visit, descriptor))
                if running:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._take(running.pop(future), future.result())
        finally:
            for future in running:
                future.cancel()

    def _read(self, visit: _Visit, descriptor: Descriptor) -> _Answer | AirgapError:
        if visit.root in self._over:
            return self._over[visit.root]
        try:
            return self._ask(visit.step, descriptor)
        except AirgapError as error:
            return error

    def _ask(self, step: _Step, descriptor: Descriptor) -> _Answer:
        manifest = step.source.manifest(descriptor) if descriptor.is_manifest else None
        platform = self._platform(step, descriptor, manifest)
        elsewhere = _elsewhere(step.source, manifest)
        if not self._looks_at(step):
            return _Answer(manifest, platform=platform, elsewhere=elsewhere)
        try:
            found = step.source.referrers(descriptor, digest_tags=self._selection.digest_tags)
        except AirgapError as error:
            if not self._keep_going:
                raise
            lookup = ReferrersLookup(subject=descriptor.digest, mechanism=None)
            found = FoundReferrers(lookup=lookup, problems=(error,))
        return _Answer(manifest, found, platform, elsewhere)

    def _platform(self, step: _Step, descriptor: Descriptor, manifest: Manifest | Index | None) -> Platform | None:
        """The platform of an image from its config, if platforms are chosen and no index names one."""
        if not self._selection.platforms or step.inside:
            return None
        if descriptor.platform is not None and step not in self._roots:
            return None
        if not isinstance(manifest, Manifest) or manifest.config is None or not is_stated_image(manifest):
            return None
        try:
            return platform_of(_read_small(step.source, manifest.config))
        except FormatError as error:
            raise ContentError(
                "content.malformed",
                f"the platform of {descriptor.digest} is not known: its config {manifest.config.digest} cannot be "
                f"read: {error}",
                remedy="Name the image by its own digest, without --platform, if it is the right one.",
                digest=str(manifest.config.digest),
            ) from None

    def _looks_at(self, step: _Step) -> bool:
        selection = self._selection
        return selection.referrers and (selection.depth is None or step.level < selection.depth)

    def _take(self, visit: _Visit, outcome: _Answer | AirgapError) -> None:
        step, visited = visit.step, self._visited[visit.step]
        outcome = self._over.get(visit.root, outcome)
        if isinstance(outcome, AirgapError):
            if not self._keep_going and not isinstance(outcome, (ContentError, NotFoundError)):
                raise outcome  # the source cannot be reached: all other requests will fail, too
            visited.error = outcome
            return
        visited.manifest, visited.found, visited.platform = outcome.manifest, outcome.found, outcome.platform
        self._count(step, visited.manifest)
        try:
            self._follow(visit, visited, outcome.elsewhere)
        except (LimitError, NotFoundError) as error:
            visited.error = error

    def _count(self, step: _Step, manifest: Manifest | Index | None) -> None:
        if manifest is not None and step.key not in self._known:
            self._known.add(step.key)
            self._bytes += len(manifest.raw)
            if self._bytes > limits.GRAPH_BYTES:
                raise LimitError(
                    f"the manifests to copy have more than {limits.GRAPH_BYTES} bytes",
                    remedy="Copy in several runs, some artifacts at a time.",
                )

    def _follow(self, visit: _Visit, visited: _Visited, elsewhere: frozenset[Descriptor]) -> None:
        step = visit.step
        for descriptor in self._chosen(step, visited):
            if descriptor in elsewhere:
                visited.elsewhere.append(descriptor)
                continue
            below = None
            if descriptor.is_manifest:
                following = self._step(step.source, descriptor, step.level, inside=step.inside)
                below = self._schedule(_Visit(following, visit.depth + 1, visit.root), descriptor)
            visited.below.append((descriptor, below))
        referrals = tuple(visited.found.readable(_reported_later)) if visited.found else ()
        self._listed[visit.root] += len(referrals)
        if self._listed[visit.root] > limits.REFERRERS_BELOW:
            where = "it, its children and its referrers together"
            self._stop(visit.root, f"more than {limits.REFERRERS_BELOW} referrers are listed for {where}")
            visited.error = self._over[visit.root]
            return
        for referral in referrals:
            descriptor, kind = referral.descriptor, referral.artifact_type
            # a listing may lack the type: then the manifest decides
            if kind and not self._selection.takes(kind, inside=step.inside):
                visited.unchosen.append(referral)
                continue
            if descriptor.is_manifest:
                following = self._step(step.source, descriptor, step.level + 1, inside=True)
                above = self._schedule(_Visit(following, visit.depth + 1, visit.root), descriptor)
                visited.referrers.append((referral, above))
            else:
                visited.unknown.append(descriptor)

    def _chosen(self, step: _Step, visited: _Visited) -> Iterator[Descriptor]:
        manifest = visited.manifest
        if isinstance(manifest, Index) and self._selection.platforms and not step.inside:
            chosen = choose(manifest, self._selection.platforms)
            visited.left_out.extend(entry for entry in manifest.manifests if entry not in chosen)
            yield from chosen
        elif manifest is not None:
            yield from (descriptor for _, descriptor in manifest.successors())

    # --- gathering ---

    def _check_bounds(self, wanted: CopyRoot) -> None:
        """Raises LimitError where not all of an artifact was looked at."""
        over = self._over.get(self._step(wanted.source, wanted.descriptor, 0, inside=False))
        if over is not None:
            raise over

    def plan(self, wanted: Sequence[CopyRoot]) -> CopyPlan:
        nodes: dict[Key, Node] = {}
        artifacts: list[PlannedArtifact] = []
        reached = 0
        for item in wanted:
            try:
                self._check_bounds(item)
                if reached > limits.GRAPH_REACHED:
                    raise LimitError(
                        f"the artifacts to copy reach more than {limits.GRAPH_REACHED} contents together, each counted "
                        "for each artifact",
                        remedy="Copy in several runs, some artifacts at a time.",
                    )
                planned = _Gathering(item, self._visited, self._selection, keep_going=self._keep_going).run(nodes)
            except AirgapError as error:
                if not self._keep_going:
                    raise
                planned = PlannedArtifact(wanted=item, error=error)
            reached += len(planned.keys)
            artifacts.append(planned)
        return CopyPlan.of(artifacts, nodes)


class _Gathering:
    """Collects the contents of one artifact."""

    def __init__(
        self, wanted: CopyRoot, visited: dict[_Step, _Visited], selection: Selection, *, keep_going: bool
    ) -> None:
        self._wanted, self._visited, self._selection, self._keep_going = wanted, visited, selection, keep_going
        self._keys: set[Key] = set()
        self._own: set[Key] = set()
        self._attached: dict[Digest, PlannedReferrer] = {}
        self._found: dict[Digest, FoundReferrers] = {}
        self._left_out: dict[Digest, Descriptor] = {}
        self._elsewhere: dict[Digest, Descriptor] = {}
        self._unchosen: dict[Digest, Referral] = {}
        self._unasked: set[Digest] = set()
        self._indexes: list[_Visited] = []
        self._parents: dict[_Step, _Visited] = {}
        self._problems: list[AirgapError] = []
        self._notes: list[str] = []

    def run(self, nodes: dict[Key, Node]) -> PlannedArtifact:
        """Adds new contents to `nodes`. Raises AirgapError."""
        start = _Step(self._wanted.source, key_of(self._wanted.descriptor), 0, inside=False)
        self._check_platforms(start)
        queue = deque([start])
        seen = {start}
        while queue:
            step = queue.popleft()
            for following in self._visit(step, nodes):
                if following not in seen:
                    seen.add(following)
                    queue.append(following)
        self._check_excuses()
        return self._planned()

    def _visit(self, step: _Step, nodes: dict[Key, Node]) -> Iterator[_Step]:
        visited = self._visited[step]
        if visited.error is not None:
            if self._is_declared_absent(visited):
                self._left_out[visited.descriptor.digest] = visited.descriptor
                return
            raise self._explained(step, visited.error, visited)
        blobs = {key_of(descriptor) for descriptor, below in visited.below if below is None}
        self._keys |= {step.key, *blobs}
        if not step.inside:
            self._own |= {step.key, *blobs}
        subject = visited.manifest.subject if visited.manifest else None
        nodes.setdefault(
            step.key,
            Node(
                descriptor=visited.descriptor,
                source=step.source,
                manifest=visited.manifest,
                below=tuple(key_of(descriptor) for descriptor, _ in visited.below),
                subject=key_of(subject) if subject else None,
            ),
        )
        if isinstance(visited.manifest, Index):
            self._indexes.append(visited)
        for entry in visited.left_out:
            self._left_out[entry.digest] = entry
        for layer in visited.elsewhere:
            self._elsewhere.setdefault(layer.digest, layer)
        for descriptor, below in visited.below:
            if below is not None:
                self._parents.setdefault(below, visited)
                yield below
            else:
                nodes.setdefault(key_of(descriptor), Node(descriptor=descriptor, source=step.source))
        yield from self._referrers(step, visited)

    def _check_platforms(self, start: _Step) -> None:
        """Checks that every chosen platform is in some index, and that an image has one of them.

        Raises NotFoundError.
        """
        root = self._visited[start]
        filters = self._selection.platforms
        if not filters or root.manifest is None:
            return
        there, unread = self._platforms_below(start)
        shown = ", ".join(sorted(str(platform) for platform in there)[:_SHOWN])
        name = root.descriptor.digest
        if isinstance(root.manifest, Index):
            for wanted in filters:
                if not any(wanted.matches(platform) for platform in there):
                    problem = f"{name} has nothing for {wanted}; it has {shown or 'no platforms'}"
                    maybe = f"; and {unread[0]}" if unread else ""
                    raise NotFoundError(f"{problem}{maybe}", platform=str(wanted))
        elif there and not any(is_any_of(filters, platform) for platform in there):
            wanted_here = ", ".join(str(wanted) for wanted in filters)
            raise NotFoundError(f"{name} is an image for {shown}, not for {wanted_here}", platform=wanted_here)

    def _platforms_below(self, start: _Step) -> tuple[dict[Platform, None], list[AirgapError]]:
        """The platforms of all images, and the problems of images with unknown platforms."""
        there: dict[Platform, None] = {}
        unread: list[AirgapError] = []
        queue, seen = deque([start]), {start}
        while queue:
            visited = self._visited[queue.popleft()]
            entries = visited.manifest.manifests if isinstance(visited.manifest, Index) else ()
            named = (visited.platform, *(entry.platform for entry in entries))
            there.update((platform, None) for platform in named if platform is not None)
            if visited.error is not None and visited.descriptor.platform is None:
                unread.append(visited.error)
            following = [below for _, below in visited.below if below is not None and below not in seen]
            seen.update(following)
            queue.extend(following)
        return there, unread

    def _explained(self, step: _Step, error: AirgapError, visited: _Visited) -> AirgapError:
        parent = self._parents.get(step)
        if parent is None or not isinstance(error, ContentError):
            return error
        here = [entry for entry, below in parent.below if below is not None and self._visited[below].manifest]
        return platform_missing(error, visited.descriptor, platform_names(here))

    def _check_excuses(self) -> None:
        """Checks that an image of every index is here: a record is a claim and does not excuse a missing image."""
        images = Images(self._read)
        for visited in self._indexes:
            below = [self._visited[step] for _, step in visited.below if step is not None]
            lost = [child for child in below if self._is_declared_absent(child)]
            if lost and lost[0].error and isinstance(visited.manifest, Index) and not images.any_in(visited.manifest):
                raise lost[0].error

    def _read(self, descriptor: Descriptor) -> Manifest | Index:
        visited = self._visited.get(_Step(self._wanted.source, key_of(descriptor), 0, inside=False))
        if visited is None or visited.manifest is None:
            raise ContentError("content.missing", f"{descriptor.digest} was not read")
        return visited.manifest

    def _is_declared_absent(self, visited: _Visited) -> bool:
        error = visited.error
        return (
            isinstance(error, ContentError)
            and error.reason == "content.missing"
            and visited.descriptor.digest in self._wanted.declared_absent
        )

    def _referrers(self, step: _Step, visited: _Visited) -> Iterator[_Step]:
        found = visited.found
        if found is None:
            self._unasked.add(visited.descriptor.digest)
            return
        for referral in visited.unchosen:
            self._leave(referral)
        self._found.setdefault(found.lookup.subject, found)
        self._notes.extend(found.lookup.notes)
        for problem in found.problems:
            self._left_behind(problem)
        for descriptor in visited.unknown:
            self._left_behind(
                AirgapError(
                    f"{visited.descriptor.digest} has the referrer {descriptor.digest} of the unknown type "
                    f"{safe(descriptor.media_type, limit=128)}, which cannot be copied",
                    remedy="--keep-going leaves it behind, and the record says so.",
                )
            )
        for referral, above in visited.referrers:
            if self._is_true(step, visited.descriptor, referral, above):
                digest = referral.descriptor.digest
                manifest = self._visited[above].manifest
                self._attached.setdefault(
                    digest,
                    PlannedReferrer(
                        descriptor=referral.descriptor,
                        subject=visited.descriptor.digest,
                        artifact_type=manifest.artifact_type if manifest else referral.artifact_type,
                        mechanism=referral.mechanism,
                        tag=referral.tag,
                        cosign=_cosign_kind(referral.descriptor, manifest) if manifest else None,
                    ),
                )
                yield above

    def _is_true(self, step: _Step, subject: Descriptor, referral: Referral, above: _Step) -> bool:
        """Whether the referrer was read, has this subject (MAN-31) and a chosen type."""
        visited = self._visited[above]
        digest = referral.descriptor.digest
        if visited.error is not None or visited.manifest is None:
            error = visited.error or AirgapError(f"{digest} was not read")
            self._left_behind(
                ContentError(
                    _reason_of(error),
                    f"{subject.digest} has the referrer {digest}, which cannot be read: {error}",
                    remedy="Copy again later. --keep-going leaves it behind, and the record says so.",
                )
            )
            return False
        manifest = visited.manifest
        if referral.tag is None and (manifest.subject is None or not manifest.subject.same_content(subject)):
            self._notes.append(f"{digest} is listed as a referrer of {subject.digest} but has another subject")
            return False
        is_taken = self._selection.takes(manifest.artifact_type, inside=step.inside)
        if not is_taken:
            self._leave(replace(referral, artifact_type=manifest.artifact_type))
        return is_taken

    def _leave(self, referral: Referral) -> None:
        """Note a referrer that is not chosen. What the copy makes anew by itself is not missed."""
        if referral.artifact_type not in self._selection.skip_types:
            self._unchosen.setdefault(referral.descriptor.digest, referral)

    def _left_behind(self, problem: AirgapError) -> None:
        if not self._keep_going:
            raise problem
        self._problems.append(problem)

    def _planned(self) -> PlannedArtifact:
        # a child that is left out in one index may be present in another
        digests = {digest for digest, _, _ in self._keys}
        return PlannedArtifact(
            wanted=self._wanted,
            keys=frozenset(self._keys),
            own=frozenset(self._own),
            attached=tuple(self._attached.values()),
            referrers=tuple(self._found.values()),
            digest_tags=self._selection.digest_tags,
            left_out=tuple(item for digest, item in sorted(self._left_out.items()) if digest not in digests),
            elsewhere=tuple(item for digest, item in sorted(self._elsewhere.items()) if digest not in digests),
            unchosen=tuple(item for digest, item in sorted(self._unchosen.items()) if digest not in self._attached),
            unasked=len(self._unasked - self._found.keys()),
            problems=tuple(self._problems),
            notes=tuple(dict.fromkeys(self._notes)),
        )


def _cosign_kind(descriptor: Descriptor, manifest: Manifest | Index) -> str | None:
    """Cosign's signatures look like images; content with an artifact type is named by it."""
    return cosign_suffix(descriptor, manifest) if manifest.artifact_type in {None, *IMAGE_CONFIGS} else None


def _elsewhere(source: Source, manifest: Manifest | Index | None) -> frozenset[Descriptor]:
    """The layers that need not be in a source and are not. Raises AirgapError where that cannot be determined."""
    layers = manifest.layers if isinstance(manifest, Manifest) else ()
    return frozenset(layer for layer in layers if layer.is_external and not _has(source, layer))


def _has(source: Source, layer: Descriptor) -> bool:
    try:
        source.open(layer).close()
    except ContentError as error:
        if error.reason == "content.missing":
            return False
        raise
    return True


def _read_small(source: Source, descriptor: Descriptor) -> bytes:
    """The content of a small blob, its digest checked. Raises LimitError, ContentError, and what the source raises."""
    if descriptor.size > limits.MANIFEST_BYTES:
        raise LimitError(f"the config {descriptor.digest} has more than {limits.MANIFEST_BYTES} bytes")
    content = bytearray()
    stream = source.open(descriptor)
    try:
        copy_checked(stream, descriptor, content.extend, no_advance)
    finally:
        stream.close()
    return bytes(content)


def _reported_later(_: AirgapError) -> None:
    """The error is kept and reported with the artifact that it belongs to."""


def _reason_of(error: AirgapError) -> str:
    """Why a listed referrer was not read."""
    if isinstance(error, ContentError):
        return error.reason
    return "content.limit" if isinstance(error, LimitError) else "content.missing"
