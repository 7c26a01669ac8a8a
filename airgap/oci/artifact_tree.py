"""The tree of an artifact: children of an index and referrers, recursively, as `airgap discover` shows it.

A layout is a graph: thousands of indexes may list the same manifests, which gives a huge number of paths. In one tree
each manifest is followed once. Later it is only named, and beyond a bound of such lines only counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, Literal

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.descriptor import ContentKey, Descriptor
from airgap.oci.graph import Graph
from airgap.oci.lookup import FoundBy, ReferrersLookup
from airgap.oci.manifest import Index, Manifest
from airgap.oci.nodes import Referrer
from airgap.oci.problems import ContentProblem
from airgap.oci.record import Record

Role = Literal["artifact", "child", "referrer"]
"""Of a manifest in a tree; a child is one of an index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactTree:
    """One manifest, with everything below it."""

    descriptor: Descriptor
    role: Role
    artifact_type: str | None
    shown_type: str | None
    """Its type for people: cosign's attachments look like images."""
    mechanism: FoundBy | None
    """How a referrer was found; None for others."""
    annotations: dict[str, str]
    total: int
    """Bytes of all that belongs to it, each content once, without what is attached; 0 where it cannot be read."""
    missing: str | None
    """Why the manifest cannot be read; None where it can."""
    below: tuple[ArtifactTree, ...]
    repeated: bool = False
    """Whether its annotations and the nodes below it are shown elsewhere in the tree."""
    more: int = 0
    """How many more nodes below it are shown elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Discovered:
    """One artifact of a target, with its tree."""

    reference: str
    tags: tuple[str, ...]
    tree: ArtifactTree
    unread: tuple[ContentProblem, ...]
    """Unreadable content that may belong to the tree: the tree may be incomplete."""
    record: Record | None = None
    """The newest acquisition record, a claim of the writer of the layout."""
    lookups: tuple[ReferrersLookup, ...] = ()
    """How a registry was asked for referrers, the artifact's first; empty for layouts."""


_LINE_BYTES: Final = 4096
"""Bytes of a repeated manifest that count as one line; one with megabytes of annotations counts as more."""


@dataclass(slots=True)
class TreeBuilder:
    """Draws the trees of one layout."""

    graph: Graph
    unread: dict[ContentProblem, None] = field(default_factory=dict)
    """Unreadable content that may belong to the last tree, and nodes that are too deep to be shown."""
    _followed: set[ContentKey] = field(default_factory=set)
    """The manifests of this tree."""
    _drawn: set[ContentKey] = field(default_factory=set)
    """The manifests of all trees."""
    _totals: dict[ContentKey, int] = field(default_factory=dict)
    _repeats: int = 0

    def draw(self, descriptor: Descriptor) -> ArtifactTree:
        """The tree below `descriptor`. Content of the layout never makes it raise."""
        self.unread.clear()
        self._followed.clear()
        return self._node(descriptor, "artifact", None, 0)

    def _node(self, descriptor: Descriptor, role: Role, referrer: Referrer | None, depth: int) -> ArtifactTree:
        missing: str | None = None
        repeated, more = False, 0
        below: list[ArtifactTree] = []
        annotations: dict[str, str] = {}
        artifact_type = referrer.artifact_type if referrer else None
        try:
            manifest = self.graph.node(descriptor)
        except ContentError as error:
            missing = str(error)
            if role != "child" or not error.is_missing:  # a platform that was left out is no problem
                self.unread[ContentProblem.of(error, descriptor, role)] = None
        else:
            repeated = descriptor.content_key in self._followed
            if manifest is not None:
                artifact_type = artifact_type or manifest.artifact_type
                annotations = {} if repeated else dict(manifest.annotations)
            if not repeated and self._may_follow(descriptor, depth):
                self._followed.add(descriptor.content_key)
                for way, child, link in self._below(descriptor, manifest):
                    if self._takes(child):
                        below.append(self._node(child, way, link, depth + 1))
                    else:
                        more += 1
        return ArtifactTree(
            descriptor=descriptor,
            role=role,
            artifact_type=artifact_type,
            shown_type=referrer.shown_type if referrer else artifact_type,
            mechanism=referrer.mechanism if referrer else None,
            annotations=annotations,
            total=0 if missing else self._total(descriptor),
            missing=missing,
            below=tuple(below),
            repeated=repeated,
            more=more,
        )

    def _total(self, descriptor: Descriptor) -> int:
        """Of what is repeated it is known already; the graph bounds how much is reached."""
        key = descriptor.content_key
        if key not in self._totals:
            self._totals[key] = sum(self.graph.closure(descriptor).sizes(attached=False).values())
        return self._totals[key]

    def _may_follow(self, descriptor: Descriptor, depth: int) -> bool:
        if depth < limits.GRAPH_DEPTH:
            return True
        error = ContentError("content.limit", f"{descriptor.digest} is nested more than {limits.GRAPH_DEPTH} deep")
        self.unread[ContentProblem.of(error, descriptor, "below")] = None
        return False

    def _takes(self, descriptor: Descriptor) -> bool:
        """Whether its line may be shown. The first line of a manifest always is: the graph bounds their number."""
        if descriptor.content_key not in self._drawn:
            self._drawn.add(descriptor.content_key)
            return True
        self._repeats += 1 + descriptor.size // _LINE_BYTES
        return self._repeats <= limits.REPEATS_SHOWN

    def _below(
        self, descriptor: Descriptor, manifest: Manifest | Index | None
    ) -> Iterator[tuple[Role, Descriptor, Referrer | None]]:
        for referrer in self.graph.referrers(descriptor).readable(self.report):
            yield "referrer", referrer.descriptor, referrer
        for child in manifest.manifests if isinstance(manifest, Index) else ():
            yield "child", child, None

    def report(self, problem: ContentProblem) -> None:
        """Notes unreadable content that may belong to the tree."""
        self.unread[problem] = None
