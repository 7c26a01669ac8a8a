"""Everything that an artifact of a layout reaches, and the walk that finds it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.descriptor import ENVELOPE_TYPES, INDEX_TYPES, Claims, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.images import Images, platform_missing, platform_names
from airgap.oci.manifest import Index
from airgap.oci.problems import ContentProblem, own_remedy

if TYPE_CHECKING:
    from airgap.oci.graph import Graph
    from airgap.oci.nodes import Referrer


class Reached(NamedTuple):
    """One descriptor of a closure, and the path to it: `index > linux/arm64 > layers[2]`."""

    descriptor: Descriptor
    path: str
    parsed: bool
    """Its content was read, verified and parsed while the graph was walked."""
    small: bool
    """Whether it is a manifest, config or envelope: these are checked in mode `manifests`."""
    attached: bool
    """Whether it was reached through a referrer: then it is no part of the artifact itself."""


class Closure(NamedTuple):
    """Everything that an artifact reaches: children, configs, layers, and its referrers with theirs."""

    root: Descriptor
    reached: tuple[Reached, ...]
    referrers: tuple[Referrer, ...]
    """All readable referrers of what is reached, each once."""
    problems: tuple[ContentProblem, ...]
    """Manifests that cannot be read, so that the content below them is unknown; and unreadable content that may refer
    to something in the closure."""
    absent: tuple[Digest, ...]
    """Missing manifests that were declared to be left out."""
    declared_absent: frozenset[Digest]
    """The digests that the caller declared to be left out."""

    def sizes(self, *, attached: bool) -> dict[Digest, int]:
        """The bytes of each content that is here: of the artifact itself, or of what is attached to it."""
        here = (item for item in self.reached if item.parsed or not item.descriptor.urls)  # others are elsewhere
        found: dict[Digest, int] = {}
        for item in here:
            if item.attached is attached:
                found.setdefault(item.descriptor.digest, item.descriptor.size)
        return found


class _Step(NamedTuple):
    """One descriptor on the walk, and how it was reached."""

    descriptor: Descriptor
    path: str
    depth: int
    small: bool
    entry: bool
    """Whether it is the root or an entry of an index: then it is a blob only if its type is really unknown."""
    attached: bool = False

    def to(self, name: str, below: Descriptor, *, small: bool, entry: bool, refers: bool = False) -> _Step:
        return _Step(below, f"{self.path} > {name}", self.depth + 1, small, entry, self.attached or refers)

    def reached(self, *, parsed: bool) -> Reached:
        return Reached(self.descriptor, self.path, parsed, self.small or parsed, self.attached)


class ClosureWalk:
    """The walk through everything that one artifact reaches."""

    def __init__(self, graph: Graph, declared_absent: frozenset[Digest], *, inside: bool = True) -> None:
        """`inside`: whether to follow the descriptors in manifests, or only referrers."""
        self._graph, self._declared_absent, self._inside = graph, declared_absent, inside
        self._reached: Final[list[Reached]] = []
        self._referrers: Final[dict[Digest, Referrer]] = {}
        self._problems: list[ContentProblem] = []
        self._absent: Final[list[tuple[Digest, ContentProblem]]] = []
        self._indexes: Final[list[Index]] = []
        self._unreported: Final[dict[int, ContentProblem]] = {}
        """Unreadable content that may refer to something here."""
        self._seen: Final[set[tuple[Claims, bool]]] = set()
        self._limits_reported: Final[set[str]] = set()
        """Messages about bounds that were given already: one bound of the layout may concern thousands of artifacts."""

    def run(self, root: Descriptor) -> Closure:
        """The closure of `root`, breadth first, each descriptor once."""
        label = "index" if root.media_type in INDEX_TYPES else "manifest" if root.is_manifest else "blob"
        queue = deque([_Step(root, label, 0, small=True, entry=True)])
        while queue:
            step = queue.popleft()
            descriptor = step.descriptor
            entry = step.entry and not descriptor.is_manifest
            key = (descriptor.claims, entry)
            within = self._graph.spend()  # also for what was seen: thousands of artifacts may share a million entries
            if key in self._seen and within:
                continue
            self._seen.add(key)
            if step.depth > limits.GRAPH_DEPTH or len(self._seen) > limits.GRAPH_NODES or not within:
                self._bound(step)
                break
            queue.extend(self._visit(step))
        not_excused = self._not_excused()
        self._problems += [problem for digest, problem in self._absent if digest in not_excused]
        absent = [(digest, problem) for digest, problem in self._absent if digest not in not_excused]
        self._explain()
        known = {problem.descriptor for problem in (*self._problems, *(problem for _, problem in absent))}
        self._problems += [
            problem
            for problem in self._unreported.values()
            if not problem.descriptor or problem.descriptor not in known
        ]
        return Closure(
            root=root,
            reached=tuple(self._reached),
            referrers=tuple(self._referrers.values()),
            problems=tuple(self._problems),
            absent=tuple(dict.fromkeys(digest for digest, _ in absent)),
            declared_absent=self._declared_absent,
        )

    def _visit(self, step: _Step) -> Iterator[_Step]:
        descriptor = step.descriptor
        try:
            if descriptor.is_manifest:
                manifest = self._graph.manifest(descriptor)
                self._reached.append(step.reached(parsed=True))
                entry = isinstance(manifest, Index)
                if isinstance(manifest, Index):
                    self._indexes.append(manifest)
                for name, below in manifest.successors() if self._inside else ():
                    small = name == "config" or below.media_type in ENVELOPE_TYPES
                    yield step.to(name, below, small=small, entry=entry)
            else:
                if step.entry:
                    self._graph.node(descriptor)
                self._reached.append(step.reached(parsed=False))
        except ContentError as error:
            self._unread(step, error)
        for referrer in self._graph.referrers(descriptor).readable(self._report, path=step.path):
            digest = referrer.descriptor.digest
            self._referrers.setdefault(digest, referrer)
            name = f"referrer {digest.algorithm}:{digest.encoded[:12]}"
            yield step.to(name, referrer.descriptor, small=True, entry=True, refers=True)

    def _report(self, problem: ContentProblem) -> None:
        # the same problems come for each of a million descriptors
        self._unreported[id(problem)] = problem

    def _unread(self, step: _Step, error: ContentError) -> None:
        if error.reason == "content.limit":
            if str(error) in self._limits_reported:
                return
            self._limits_reported.add(str(error))
        problem = ContentProblem.of(error, step.descriptor, step.path)
        left_out = step.depth > 0 and step.entry and step.descriptor.digest in self._declared_absent
        if error.is_missing and left_out:
            self._absent.append((step.descriptor.digest, problem))
        else:
            self._problems.append(problem)

    def _explain(self) -> None:
        """Adds to the problem of a missing platform which platforms are here."""
        lost = {p.descriptor.digest for p in self._problems if p.is_missing and p.descriptor}
        read = {item.descriptor.digest for item in self._reached if item.parsed}
        here: dict[Digest, tuple[str, ...]] = {}
        for index in self._indexes if lost else ():
            missing = lost.intersection(entry.digest for entry in index.manifests)
            if missing:
                platforms = platform_names(entry for entry in index.manifests if entry.digest in read)
                here.update(dict.fromkeys(missing, platforms))
        for number, problem in enumerate(self._problems):
            if problem.descriptor is not None and (platforms := here.get(problem.descriptor.digest, ())):
                error = ContentError(problem.reason, problem.message, remedy=problem.remedy)
                error = platform_missing(error, problem.descriptor, platforms)
                self._problems[number] = replace(problem, message=str(error), remedy=own_remedy(error))

    def _not_excused(self) -> set[Digest]:
        """Missing children of an index of which no image is here: a record does not excuse these."""
        absent = {digest for digest, _ in self._absent}
        found: set[Digest] = set()
        images = Images(self._graph.manifest)
        for index in self._indexes if absent else ():
            lost = absent.intersection(entry.digest for entry in index.manifests)
            if lost and not images.any_in(index):
                found |= lost
        return found

    def _bound(self, step: _Step) -> None:
        self._problems.append(ContentProblem.of(beyond_bounds(), step.descriptor, step.path))


def beyond_bounds() -> ContentError:
    """The error for an artifact of which not all is looked at."""
    message = (
        f"the artifact is nested more than {limits.GRAPH_DEPTH} deep or reaches more than {limits.GRAPH_NODES} "
        f"descriptors, or all that were asked for together more than {limits.GRAPH_REACHED}; what is beyond was "
        "not looked at"
    )
    return ContentError("content.limit", message)
