"""What a copy will move: the graph below its artifacts, walked once, before a byte of content is moved.

Manifests and referrers are read here, blobs are not: so the plan knows every size, a dry run costs nothing more, and a
tar can be written in one pass. Referrers are followed recursively, of children of an index and of referrers, too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from airgap.errors import AirgapError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, Manifest
from airgap.oci.record import bare
from airgap.transfer.endpoint import Blobs, Entry, FoundReferrers, Source
from airgap.transfer.platforms import PlatformFilter

Key = tuple[Digest, str, int]
"""Digest, media type (of manifests; else empty) and size: what is the same content to a destination."""


def key_of(descriptor: Descriptor) -> Key:
    """The key of what a descriptor describes."""
    return descriptor.digest, descriptor.media_type if descriptor.is_manifest else "", descriptor.size


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What of an artifact is copied."""

    referrers: bool = True
    artifact_types: frozenset[str] = frozenset()
    """Only referrers of these types; what refers to a chosen one (its signature) comes with it. Empty: all."""
    depth: int | None = None
    """Levels of referrers; 1: those of the artifact and its children, but not theirs. None: all."""
    digest_tags: bool = False
    """Look for cosign's tags in registries, too."""
    platforms: tuple[PlatformFilter, ...] = ()
    """Only these platforms of an index; empty: all."""
    skip_types: frozenset[str] = frozenset()
    """Referrers of these types are never copied: the destination gets its own, or none."""

    def takes(self, artifact_type: str | None, *, inside: bool) -> bool:
        """Whether a referrer of this type is copied; `inside`: it refers to a referrer, and comes along with that."""
        if artifact_type in self.skip_types:
            return False
        return inside or not self.artifact_types or artifact_type in self.artifact_types


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRoot:
    """One artifact to copy."""

    source: Source
    descriptor: Descriptor
    reference: str
    """What the operator calls it, safe to show."""
    tags: tuple[str, ...] = ()
    """Its tags in the destination."""
    entries: Mapping[str, Descriptor] = field(default_factory=dict)
    """By tag, what is listed under it, where that has annotations of its own."""
    declared_absent: frozenset[Digest] = frozenset()
    """Manifests that the source's own record says are left out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One content to copy."""

    descriptor: Descriptor
    source: Blobs
    manifest: Manifest | Index | None = None
    """None for blobs."""
    below: tuple[Key, ...] = ()
    subject: Key | None = None

    @property
    def optional(self) -> bool:
        """May rightly lie elsewhere, and is left there if the source has it not."""
        return self.descriptor.is_external


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedReferrer:
    """A referrer that is copied along."""

    descriptor: Descriptor
    subject: Digest
    artifact_type: str | None
    mechanism: str
    tag: str | None
    cosign: str | None = None
    """`sig`, `att` or `sbom`, where it is one of cosign's and no artifact type says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArtifact:
    """One artifact with all that is copied with it."""

    wanted: CopyRoot
    keys: frozenset[Key] = frozenset()
    own: frozenset[Key] = frozenset()
    """Those of the artifact itself, without what refers to it."""
    attached: tuple[PlannedReferrer, ...] = ()
    referrers: tuple[FoundReferrers, ...] = ()
    """What looking for the referrers of each manifest came to."""
    digest_tags: bool = False
    """Whether registries were asked for cosign's tags, too, or all tags are copied."""
    left_out: tuple[Descriptor, ...] = ()
    """Children of indexes that were not chosen, or that the source declares absent."""
    problems: tuple[AirgapError, ...] = ()
    """What stays behind: referrers that could not be looked for or read."""
    notes: tuple[str, ...] = ()
    error: AirgapError | None = None
    """Why it cannot be copied at all."""
    also: tuple[Entry, ...] = ()
    """What is named together with it: its acquisition record."""

    @property
    def needed(self) -> frozenset[Key]:
        """What has to arrive. A record names the referrers that came, so that with one they have to come."""
        return self.keys if self.also else self.own

    def entries(self) -> tuple[Entry, ...]:
        """What the destination has to name: the artifact, its cosign tags, and (for layouts) its referrers."""
        wanted = self.wanted
        root = wanted.descriptor
        tagged = [Entry(descriptor=wanted.entries.get(tag, root), tag=tag) for tag in wanted.tags]
        # as oras and notation write it; annotations stay in the manifest: one of them could be a tag
        attached = [
            Entry(descriptor=replace(bare(item.descriptor), artifact_type=item.artifact_type), tag=item.tag)
            for item in self.attached
        ]
        return (*(tagged or [Entry(descriptor=root)]), *attached, *self.also)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPlan:
    """Everything that is copied in one run, each content once."""

    artifacts: tuple[PlannedArtifact, ...]
    nodes: Mapping[Key, Node]

    def blobs(self) -> tuple[Node, ...]:
        """Everything but manifests, the biggest first, so that no thread is left with a big one at the end."""
        found = [node for node in self.nodes.values() if node.manifest is None]
        return tuple(sorted(found, key=lambda node: (-node.descriptor.size, node.descriptor.digest)))

    def levels(self) -> tuple[tuple[Node, ...], ...]:
        """Manifests in the order of putting: what one points at, and its subject, come on earlier levels (DIST-20)."""
        heights: dict[Key, int] = {}
        for key in self.nodes:
            self._measure(key, heights)
        table: list[list[Node]] = []
        for key, node in self.nodes.items():
            if node.manifest is not None:
                while len(table) <= heights[key]:
                    table.append([])
                table[heights[key]].append(node)
        return tuple(tuple(level) for level in table if level)

    def _measure(self, start: Key, heights: dict[Key, int]) -> None:
        stack = [start]
        while stack:
            key = stack[-1]
            if key in heights:
                stack.pop()
                continue
            open_ones = [step for step in self._before(key) if step not in heights]
            if open_ones:
                stack.extend(open_ones)
                continue
            heights[stack.pop()] = max((heights[step] + 1 for step in self._before(key)), default=0)

    def _before(self, key: Key) -> Sequence[Key]:
        node = self.nodes[key]
        # sound digests cannot make a circle: both were compared with a manifest's proven bytes
        subject = (node.subject,) if node.subject is not None and node.subject in self.nodes else ()
        return [step for step in (*node.below, *subject) if step in self.nodes]
