"""The plan of a copy: all contents below its artifacts, known before content is copied.

Manifests and referrers are read for it, but no blobs. So every size is known, a dry run needs nothing more, and a tar
can be written in one pass. Referrers are followed recursively, also those of children of an index and of referrers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Self

from airgap.errors import AirgapError, UnsignedError, UsageError
from airgap.oci.descriptor import NOTARY_SIGNATURE, SIGNATURE_MANIFESTS, ContentKey, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, Manifest
from airgap.oci.record import FoundRecord
from airgap.oci.reference import RegistryReference
from airgap.transfer.endpoint import Blobs, Entry, FoundReferrers, ListedReferrer, Source
from airgap.transfer.platforms import PlatformFilter

Key = ContentKey
"""As a destination tells contents apart: blobs have no media type there, so theirs is empty."""


_PLACES: Final = 8
"""In which one content is tried: thousands of artifacts may share a layer."""


def key_of(descriptor: Descriptor) -> Key:
    """The key of a descriptor."""
    return descriptor.content_key if descriptor.is_manifest else (descriptor.digest, "", descriptor.size)


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """The parts of an artifact to copy."""

    referrers: bool = True
    artifact_types: frozenset[str] = frozenset()
    """Only referrers of these types, and the referrers of these (their signatures). Empty: all."""
    depth: int | None = None
    """Levels of referrers; 1: those of the artifact and its children, but not of referrers. None: all."""
    digest_tags: bool = True
    """Look for cosign's tags in registries, too."""
    platforms: tuple[PlatformFilter, ...] = ()
    """Only these platforms of an index; empty: all."""
    allow_missing_platforms: bool = False
    """Take an index without platforms that the source does not have, or that are chosen and it does not list."""
    skip_types: frozenset[str] = frozenset()
    """Referrers of these types are not copied: the destination gets its own, or none."""

    def brings(self, artifact_type: str) -> bool:
        """Whether referrers of this type come along with an artifact."""
        return self.referrers and self.depth != 0 and self.takes(artifact_type, inside=False)

    def takes(self, artifact_type: str | None, *, inside: bool) -> bool:
        """Whether a referrer of this type is copied; `inside`: it refers to a referrer that is copied."""
        if artifact_type in self.skip_types:
            return False
        return inside or not self.artifact_types or artifact_type in self.artifact_types


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyRoot:
    """One artifact to copy, as it is in its source; and its place in the destination, once that is known."""

    source: Source
    descriptor: Descriptor
    reference: str
    """The resolved reference, safe to show: `registry/repo:v1`, `./layout:v1`."""
    repository: RegistryReference | None = None
    """The repository that it comes from, or came from before."""
    names: tuple[str, ...] = ()
    """Its tags in the source; in layouts they may be full references."""
    listed: tuple[Descriptor, ...] = ()
    """The entry of a layout for each of these tags: each has its own annotations."""
    pinned: str = ""
    """The reference with its digest, for a lock file."""
    record: FoundRecord | None = None
    """Its newest acquisition record."""
    from_layout: bool = False
    is_bundle: bool = False
    """Whether it only lists what a layout carries: no signature of it is demanded."""
    typed: str | None = None
    """The tag of a layout, as the operator typed it."""
    destination: RegistryReference | None = None
    """The repository that it goes to; None: the layout or tar."""
    unnamed: UsageError | None = None
    """Why it has no place in a registry: it is judged all the same, and then refused for that."""
    named_by_source: bool = False
    """Whether the name that its source gives it decides the path of that repository, or its name in the layout."""
    tags: tuple[str, ...] = ()
    """Its tags in the destination."""
    entries: Mapping[str, Descriptor] = field(default_factory=dict)
    """For each of these tags its entry, if that has annotations of its own."""

    def placed(self, destination: RegistryReference | None, tags: tuple[str, ...]) -> CopyRoot:
        """This artifact with its place in the destination."""
        entries = dict(zip(tags, self.listed, strict=False))  # one tag may be used for all
        return replace(self, destination=destination, tags=tags, entries=entries)

    @property
    def declared_absent(self) -> frozenset[Digest]:
        """Manifests that the record of the source declares as left out."""
        return self.record.record.declared_absent() if self.record else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One content to copy."""

    descriptor: Descriptor
    source: Blobs
    manifest: Manifest | Index | None = None
    """None for blobs."""
    below: tuple[Key, ...] = ()
    subject: Key | None = None
    others: tuple[Node, ...] = ()
    """The same content in other sources, or embedded elsewhere: one may be damaged where another one is not."""

    def places(self) -> tuple[Node, ...]:
        """Where the content can be read, the first source first."""
        return self, *self.others

    def and_in(self, other: Node) -> Node:
        """This content, with one more place where it can be read, if that is another one."""
        places = self.places()
        is_known = any(
            place.source is other.source and place.descriptor.data == other.descriptor.data for place in places
        )
        return self if is_known or len(places) >= _PLACES else replace(self, others=(*self.others, other))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedArtifact:
    """One artifact with everything that is copied with it."""

    wanted: CopyRoot
    keys: frozenset[Key] = frozenset()
    own: frozenset[Key] = frozenset()
    """The contents of the artifact itself, without referrers."""
    attached: tuple[ListedReferrer, ...] = ()
    """Read, with the types of their manifests."""
    referrers: tuple[FoundReferrers, ...] = ()
    """The result of each look-up of referrers."""
    digest_tags: bool = False
    """Whether cosign's tags were looked up, or all tags are copied."""
    left_out: tuple[Descriptor, ...] = ()
    """Children of indexes that were not chosen, or that the source declares as left out."""
    elsewhere: tuple[Descriptor, ...] = ()
    """Non-distributable layers that the source does not hold: they stay where their URLs are."""
    unchosen: tuple[ListedReferrer, ...] = ()
    """Listed referrers that are not copied because their types are not chosen."""
    unasked: int = 0
    """How many of its manifests, those of referrers included, were not asked for referrers, by choice."""
    about_records: tuple[ListedReferrer, ...] = ()
    """What refers to its acquisition records: it stays behind, because a copy makes records of its own."""
    misplaced: tuple[Descriptor, ...] = ()
    """What a source lists as a referrer and is never copied as one: what is about something else, and records."""
    problems: tuple[AirgapError, ...] = ()
    """Referrers that are not copied because they could not be looked up or read."""
    notes: tuple[str, ...] = ()
    error: AirgapError | None = None
    """The error if it cannot be copied at all."""
    also: tuple[Entry, ...] = ()
    """Its acquisition record, which is named with it."""
    comes_along: bool = False
    """Whether it is about another artifact, by its tags (cosign's), and is no image: then it needs no signature.

    By the types that it states; where signatures are demanded or judged, its bytes count, too.
    """
    must_be_signed: bool = False
    """Whether it is only copied with a signature."""
    judged: bool = False
    """Whether all that comes with it was judged with it: then it is not copied without what of that is damaged."""
    accepted: frozenset[Digest] | None = None
    """The signatures of which one has to come; None: any, as none was judged."""

    @property
    def is_signed(self) -> bool:
        """Whether a signature of the Notary Project that counts comes along, or it needs none."""
        root = self.wanted.descriptor.digest
        return self.comes_along or any(
            item.artifact_type == NOTARY_SIGNATURE
            and item.descriptor.media_type in SIGNATURE_MANIFESTS
            and item.subject == root
            and (self.accepted is None or item.descriptor.digest in self.accepted)
            for item in self.attached
        )

    def signature_missing(self) -> UnsignedError | None:
        """The error of an artifact that may not be copied without a signature, and has none."""
        if not self.must_be_signed or self.is_signed:
            return None
        text = f"{self.wanted.reference} comes without a signature"
        if self.problems:
            return UnsignedError(f"{text}: {self.problems[0]}", remedy=self.problems[0].remedy)
        unjudged = ", or copy it without --require-signature" if self.accepted is None else ""
        return UnsignedError(text, remedy=f"Ask its publisher for a signature{unjudged}.")

    @property
    def needed(self) -> frozenset[Key]:
        """The contents that must be copied. With a record, this includes the referrers that the record names."""
        return self.keys if self.also else self.own

    def entries(self) -> tuple[Entry, ...]:
        """The entries for the destination: the artifact, its cosign tags, and (for layouts) its referrers."""
        wanted = self.wanted
        root = wanted.descriptor
        tagged = [Entry(descriptor=wanted.entries.get(tag, root), tag=tag) for tag in wanted.tags]
        # as oras and notation write it; annotations stay in the manifest: one of them could be a tag
        attached = [
            Entry(descriptor=replace(item.descriptor.bare, artifact_type=item.artifact_type), tag=item.tag)
            for item in self.attached
        ]
        return (*(tagged or [Entry(descriptor=root)]), *attached, *self.also)


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyPlan:
    """All contents of one run, each once."""

    artifacts: tuple[PlannedArtifact, ...]
    nodes: Mapping[Key, Node]

    @classmethod
    def of(cls, artifacts: Sequence[PlannedArtifact], nodes: Mapping[Key, Node]) -> Self:
        """The plan of these artifacts, with those of the nodes that they need."""
        used = frozenset[Key]().union(*(artifact.keys for artifact in artifacts))
        return cls(artifacts=tuple(artifacts), nodes={key: node for key, node in nodes.items() if key in used})

    @property
    def count(self) -> int:
        """How many artifacts people count in it: not the list of a bundle."""
        return sum(not artifact.wanted.is_bundle for artifact in self.artifacts)

    def demanding_signatures(self, comes_along: Callable[[PlannedArtifact], bool], *, keep_going: bool) -> Self:
        """The plan without unsigned artifacts. Raises UnsignedError for the first, unless the copy keeps going."""
        artifacts: list[PlannedArtifact] = []
        for item in self.artifacts:
            demanded = (
                item
                if item.error
                else replace(item, must_be_signed=True, comes_along=item.wanted.is_bundle or comes_along(item))
            )
            error = demanded.signature_missing()
            if error and not keep_going:
                raise error
            artifacts.append(PlannedArtifact(wanted=item.wanted, error=error) if error else demanded)
        return self.of(artifacts, self.nodes)

    def entries(self) -> tuple[Entry, ...]:
        """The entries for the destination."""
        return tuple(entry for artifact in self.artifacts if artifact.error is None for entry in artifact.entries())

    def blobs(self) -> tuple[Node, ...]:
        """All contents but manifests, the biggest first, so that no thread gets a big one at the end."""
        found = [node for node in self.nodes.values() if node.manifest is None]
        return tuple(sorted(found, key=lambda node: (-node.descriptor.size, node.descriptor.digest)))

    def levels(self) -> tuple[tuple[Node, ...], ...]:
        """Manifests in the order of writing: children and subjects are on earlier levels (DIST-20)."""
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
        # digests cannot make a cycle: both were compared with checked bytes
        subject = (node.subject,) if node.subject is not None and node.subject in self.nodes else ()
        return [step for step in (*node.below, *subject) if step in self.nodes]


def nodes_of(descriptor: Descriptor, manifest: Manifest | Index, source: Blobs) -> dict[Key, Node]:
    """A manifest and what is below it, all of it in `source`."""
    if not isinstance(manifest, Manifest):
        raise TypeError("what is added to a copy is an image manifest")
    below = [item for _, item in manifest.successors()]
    nodes = {key_of(item): Node(descriptor=item, source=source) for item in below}
    nodes[key_of(descriptor)] = Node(
        descriptor=descriptor,
        source=source,
        manifest=manifest,
        below=tuple(key_of(item) for item in below),
        subject=key_of(manifest.subject) if manifest.subject else None,
    )
    return nodes
