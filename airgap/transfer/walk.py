"""Walks the graph below the artifacts of a copy, each manifest once, several at a time where the source allows it."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from dataclasses import dataclass, field
from typing import Final, NamedTuple, Self

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError, NotFoundError
from airgap.oci.attached import is_stated_image
from airgap.oci.descriptor import Descriptor, Platform
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.manifest import Index, Manifest
from airgap.transfer.endpoint import FoundReferrers, ListedReferrer, Source, read_blob
from airgap.transfer.plan import CopyRoot, Key, Selection, key_of
from airgap.transfer.platforms import choose, platform_of

IN_SEVERAL_RUNS: Final = "If so many are meant, copy in several runs, some artifacts at a time."
"""The remedy where a bound is that of one run."""


@dataclass(frozen=True, slots=True)
class Step:
    """One visit of a manifest, or of an artifact of an unknown type.

    Those for which `level` and `inside` make no difference are visited once.
    """

    source: Source
    key: Key
    level: int = 0
    """The number of referrers between it and the artifact, counted only if there is a limit."""
    inside: bool = False
    """Whether it is below a referrer: then platforms and types are not chosen any more."""

    @classmethod
    def of(cls, wanted: CopyRoot) -> Self:
        """The visit of an artifact of the copy."""
        return cls(wanted.source, key_of(wanted.descriptor))


class _Visit(NamedTuple):
    """A step that is to be made."""

    step: Step
    descriptor: Descriptor
    depth: int
    root: Step
    """The artifact of the copy from which it was reached first."""


@dataclass(slots=True, kw_only=True)
class Visited:
    """What a source answered about one manifest, and where it leads."""

    descriptor: Descriptor
    manifest: Manifest | Index | None = None
    """None for an artifact of an unknown type: it has referrers like others, and nothing below it."""
    error: AirgapError | None = None
    found: FoundReferrers | None = None
    platform: Platform | None = None
    """The platform in the config of an image that no index lists."""
    elsewhere: dict[Descriptor, None] = field(default_factory=dict)
    """Non-distributable layers that the source does not have."""
    below: list[tuple[Descriptor, Step | None]] = field(default_factory=list)
    """Blobs have no step."""
    referrers: list[tuple[ListedReferrer, Step]] = field(default_factory=list)
    left_out: list[Descriptor] = field(default_factory=list)
    unknown: list[Descriptor] = field(default_factory=list)
    """Listed referrers of unknown media types."""
    unchosen: list[ListedReferrer] = field(default_factory=list)
    """Listed referrers of types that are not chosen."""
    skipped: list[Step] = field(default_factory=list)
    """Those of them that the copy makes anew: what refers to them is reported."""


class Walk:
    """One walk from all artifacts of a copy."""

    def __init__(self, selection: Selection, executor: Executor, *, keep_going: bool) -> None:
        self._selection: Final = selection
        self._executor: Final = executor
        self._keep_going: Final = keep_going
        self.visited: Final[dict[Step, Visited]] = {}
        """Each step that was reached, and its result."""
        self._roots: Final[set[Step]] = set()
        self._queue: Final[deque[_Visit]] = deque()
        self._listed: Final[Counter[Step]] = Counter()
        """How many referrers are listed below each artifact of the copy."""
        self._over: Final[dict[Step, ContentError]] = {}
        """The artifacts that reach more than is looked at: nothing more is read of them."""
        self._bytes = 0
        self._known: Final[set[Key]] = set()

    def start(self, wanted: CopyRoot) -> None:
        """Begin at an artifact of the copy, too."""
        step = Step.of(wanted)
        self._roots.add(step)
        self._schedule(_Visit(step, wanted.descriptor, 0, step))

    def check_bounds(self, wanted: CopyRoot) -> None:
        """Raises ContentError (`content.limit`) where not all of an artifact was looked at."""
        if over := self._over.get(Step.of(wanted)):
            raise over

    def _schedule(self, visit: _Visit) -> Step:
        """Schedule the visit of a manifest once. Raises ContentError where it is too deep."""
        if visit.step not in self.visited:
            if visit.depth > limits.GRAPH_DEPTH:
                digest = visit.descriptor.digest
                message = f"{digest}: the artifact is nested more than {limits.GRAPH_DEPTH} deep"
                raise ContentError("content.limit", message, digest=str(digest))
            if len(self.visited) >= limits.GRAPH_NODES:
                self._stop(visit.root, f"what is copied reaches more than {limits.GRAPH_NODES} manifests")
            self.visited[visit.step] = Visited(descriptor=visit.descriptor)
            self._queue.append(visit)
        return visit.step

    def _following(self, visit: _Visit, descriptor: Descriptor, *, refers: bool = False) -> Step:
        """Schedule what a manifest leads to: its child, or a referrer of it. Raises ContentError."""
        step = visit.step
        level = step.level + (refers and self._selection.depth is not None)
        following = Step(step.source, key_of(descriptor), level, step.inside or refers)
        return self._schedule(_Visit(following, descriptor, visit.depth + 1, visit.root))

    def _stop(self, root: Step, problem: str) -> None:
        """Let nothing more be read of an artifact of the copy. What is listed beyond a bound may have no end."""
        error = ContentError("content.limit", f"{root.key[0]}: {problem}", remedy=IN_SEVERAL_RUNS)
        self._over.setdefault(root, error)

    def run(self) -> None:
        """Visits everything that is reached; in this thread if the source is not safe for threads."""
        running: dict[Future[Visited], _Visit] = {}
        try:
            while self._queue or running:
                while self._queue:
                    visit = self._queue.popleft()
                    if visit.step.source.concurrent:
                        running[self._executor.submit(self._read, visit)] = visit
                    else:
                        self._take(visit, self._read(visit))
                if running:
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        self._take(running.pop(future), future.result())
        finally:
            for future in running:
                future.cancel()

    def _read(self, visit: _Visit) -> Visited:
        descriptor, source = visit.descriptor, visit.step.source
        if visit.root in self._over:
            return Visited(descriptor=descriptor, error=self._over[visit.root])
        try:
            manifest = source.manifest(descriptor)
            return Visited(
                descriptor=descriptor,
                manifest=manifest,
                platform=self._platform(visit.step, descriptor, manifest),
                elsewhere=_elsewhere(source, manifest),
                found=self._referrers(visit.step, descriptor),
            )
        except AirgapError as error:
            return Visited(descriptor=descriptor, error=error)

    def _referrers(self, step: Step, descriptor: Descriptor) -> FoundReferrers | None:
        selection = self._selection
        if not selection.referrers or (selection.depth is not None and step.level >= selection.depth):
            return None
        try:
            return step.source.referrers(descriptor, digest_tags=selection.digest_tags)
        except AirgapError as error:
            if not self._keep_going:
                raise
            lookup = ReferrersLookup(subject=descriptor.digest, mechanism=None)
            return FoundReferrers(lookup=lookup, problems=(error,))

    def _platform(self, step: Step, descriptor: Descriptor, manifest: Manifest | Index | None) -> Platform | None:
        """The platform of an image from its config, if platforms are chosen and no index names one."""
        if not self._selection.platforms or step.inside:
            return None
        if descriptor.platform is not None and step not in self._roots:
            return None
        if not isinstance(manifest, Manifest) or manifest.config is None or not is_stated_image(manifest):
            return None
        try:
            return platform_of(_read_config(step.source, manifest.config))
        except FormatError as error:
            raise ContentError(
                "content.malformed",
                f"the platform of {descriptor.digest} is not known: its config {manifest.config.digest} cannot be "
                f"read: {error}",
                remedy="Name the image by its own digest, without --platform, if it is the right one.",
                digest=str(manifest.config.digest),
            ) from None

    def _take(self, visit: _Visit, visited: Visited) -> None:
        if over := self._over.get(visit.root):
            visited = Visited(descriptor=visit.descriptor, error=over)
        self.visited[visit.step] = visited
        if visited.error is not None:
            if not self._keep_going and not isinstance(visited.error, (ContentError, NotFoundError)):
                raise visited.error  # the source cannot be reached: all other requests will fail, too
            return
        self._count(visit.step, visited.manifest)
        try:
            self._follow(visit, visited)
        except (ContentError, NotFoundError) as error:
            visited.error = error

    def _count(self, step: Step, manifest: Manifest | Index | None) -> None:
        if manifest is not None and step.key not in self._known:
            self._known.add(step.key)
            self._bytes += len(manifest.raw)
            if self._bytes > limits.GRAPH_BYTES:
                raise ContentError(
                    "content.limit",
                    f"the manifests to copy have more than {limits.GRAPH_BYTES} bytes",
                    remedy=IN_SEVERAL_RUNS,
                )

    def _follow(self, visit: _Visit, visited: Visited) -> None:
        for descriptor in self._chosen(visit.step, visited):
            if descriptor not in visited.elsewhere:
                is_node = descriptor.is_manifest or isinstance(visited.manifest, Index)
                below = self._following(visit, descriptor) if is_node else None
                visited.below.append((descriptor, below))
        referrers = tuple(visited.found.readable(_reported_later)) if visited.found else ()
        self._listed[visit.root] += len(referrers)
        if self._listed[visit.root] > limits.REFERRERS_BELOW:
            where = "it, its children and its referrers together"
            self._stop(visit.root, f"more than {limits.REFERRERS_BELOW} referrers are listed for {where}")
            visited.error = self._over[visit.root]
            return
        for referrer in referrers:
            descriptor, kind = referrer.descriptor, referrer.artifact_type
            # a listing may lack the type: then the manifest decides
            if kind and not self._selection.takes(kind, inside=visit.step.inside):
                visited.unchosen.append(referrer)
                if kind in self._selection.skip_types and descriptor.is_manifest:
                    visited.skipped.append(self._following(visit, descriptor, refers=True))
            elif descriptor.is_manifest:
                visited.referrers.append((referrer, self._following(visit, descriptor, refers=True)))
            else:
                visited.unknown.append(descriptor)

    def _chosen(self, step: Step, visited: Visited) -> Iterator[Descriptor]:
        manifest = visited.manifest
        if isinstance(manifest, Index) and self._selection.platforms and not step.inside:
            chosen = choose(manifest, self._selection.platforms)
            visited.left_out.extend(entry for entry in manifest.manifests if entry not in chosen)
            yield from chosen
        elif manifest is not None:
            yield from (descriptor for _, descriptor in manifest.successors())


def _elsewhere(source: Source, manifest: Manifest | Index | None) -> dict[Descriptor, None]:
    """The layers that need not be in a source and are not. Raises AirgapError where that cannot be determined."""
    layers = manifest.layers if isinstance(manifest, Manifest) else ()
    return dict.fromkeys(layer for layer in layers if layer.is_external and not _has(source, layer))


def _has(source: Source, layer: Descriptor) -> bool:
    try:
        source.open(layer).close()
    except ContentError as error:
        if error.is_missing:
            return False
        raise
    return True


def _read_config(source: Source, descriptor: Descriptor) -> bytes:
    """Raises ContentError, and what the source raises."""
    if descriptor.size > limits.MANIFEST_BYTES:
        message = f"the config {descriptor.digest} has more than {limits.MANIFEST_BYTES} bytes"
        raise ContentError("content.limit", message, digest=str(descriptor.digest))
    return read_blob(source, descriptor)


def _reported_later(_: AirgapError) -> None:
    """The error is kept and reported with the artifact that it belongs to."""
