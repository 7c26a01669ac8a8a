"""What a layout's artifacts reach: children, referrers and their tags, each read once (LAYOUT-10).

All known ways to record referrers are understood (decision 0025): untagged entries, referrers-tag indexes, cosign tags.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import replace
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.attached import IMAGE_CONFIGS
from airgap.oci.descriptor import (
    ARTIFACT_MANIFESTS,
    NOTARY_ANNOTATIONS,
    NOTARY_SIGNATURE,
    Claims,
    Descriptor,
    ManifestKey,
)
from airgap.oci.digest import Digest
from airgap.oci.entry_names import IndexEntry
from airgap.oci.examined_manifests import ExaminedManifests
from airgap.oci.lookup import FoundBy
from airgap.oci.manifest import Index, Manifest
from airgap.oci.manifest_reader import HiddenManifestError
from airgap.oci.nodes import Referrer
from airgap.oci.problems import ContentProblem, shortened
from airgap.oci.store import Store
from airgap.oci.tags import referrers_tags, tag_part
from airgap.text import safe

CheckOpaque = Callable[[Descriptor], None]
"""Raises ContentError where a descriptor of an unknown type leads to a manifest."""


class _Reached(NamedTuple):
    """A descriptor that was reached from an entry of `index.json`."""

    descriptor: Descriptor
    name: str
    """Its name in its parent: `index.json > manifests[3]` for an entry, `linux/arm64` for a child."""
    depth: int = 0
    named: bool = False
    above: _Reached | None = None

    @property
    def place(self) -> str:
        """The path to it; built on demand, because most are never shown."""
        return f"{self.above.place} > {self.name}" if self.above else self.name

    @property
    def may_refer(self) -> bool:
        """Whether it may be a referrer, judging by its descriptor: a platform makes it an image (decision 0020)."""
        stated = self.named and self.descriptor.artifact_type
        return self._states_referrer or not (self.descriptor.platform or stated)

    @property
    def is_likely_image(self) -> bool:
        """Whether it has a name. That is no proof: people name signatures, too, with tools that state no type."""
        return self.named and not self._states_referrer

    @property
    def _states_referrer(self) -> bool:
        """Whether its descriptor says that it is no image: by its type, or an annotation of signatures.

        An artifact type says so unless it is that of an image's config: crane writes that into the entries of an index.
        """
        descriptor = self.descriptor
        return (
            descriptor.artifact_type not in {None, *IMAGE_CONFIGS}
            or descriptor.media_type in ARTIFACT_MANIFESTS
            or any(name.startswith(NOTARY_ANNOTATIONS) for name in descriptor.annotations)
        )

    def to(self, name: str, below: Descriptor, *, named: bool = False) -> _Reached:
        return _Reached(below, name, self.depth + 1, named, self)


class LayoutWalk:
    """Walks through a layout from entries of `index.json`, and notes what it meets."""

    def __init__(
        self,
        store: Store,
        examined: ExaminedManifests,
        check_opaque: CheckOpaque,
        mechanisms: Mapping[Digest, FoundBy],
    ) -> None:
        self._store: Final = store
        self._examined: Final = examined
        self._check_opaque: Final = check_opaque
        self._mechanisms: Final = mechanisms
        self.referrers: Final[defaultdict[Digest, list[Referrer]]] = defaultdict(list)
        self.known: Final[dict[Digest, Descriptor]] = {}
        """Everything that was reached, by the first descriptor that pointed at it."""
        self.unread: Final[dict[ManifestKey, ContentProblem]] = {}
        """Unreadable content that may refer to anything."""
        self._referring: Final[set[ManifestKey]] = set()
        """That of it which has a subject, and cannot be read because of its media type."""
        self._unread_named: Final[dict[ManifestKey, ContentProblem]] = {}
        self.problems: Final[list[ContentProblem]] = []
        self.notes: Final[list[ContentProblem]] = []
        self.waiting: Final[defaultdict[str | Digest, list[IndexEntry]]] = defaultdict(list)
        """Referrers tags and cosign tags whose subject is not reached yet by an artifact that is judged."""
        self.covered: Final[dict[Digest, Descriptor]] = {}
        """Everything that the artifacts found so far reach: it is judged and checked with them."""
        self._visited: Final[set[ManifestKey]] = set()
        self._depths: Final[dict[tuple[Claims, bool, bool], int]] = {}
        """The smallest depth at which each descriptor was reached."""
        self._claims: Final[list[tuple[str | Digest, ContentProblem]]] = []
        """Unreadable referrers, by their referrers tag or digest."""
        self._taken: Final[set[tuple[Claims, str]]] = set()
        """Indexes under a referrers tag that were looked at: thousands of entries may give one the same tag."""
        self.misplaced: Final[list[IndexEntry]] = []
        """What an index under a referrers tag lists and is not about its subject, with the number of that entry."""
        self._late: Final[deque[Descriptor]] = deque()
        """Referrers of covered content that were found later."""

    def note(self, descriptor: Descriptor, path: str, message: str) -> None:
        """Notes what is odd about an entry, and no fault."""
        self.notes.append(ContentProblem(reason="layout.entry", message=message, path=path, descriptor=descriptor))

    def walk_entries(self, entries: Iterable[IndexEntry], unsure: Container[int]) -> None:
        """Everything below these entries. The names of those whose numbers are in `unsure` do not count."""
        start = [
            _Reached(entry.descriptor, entry.place, named=bool(entry.names) and entry.number not in unsure)
            for entry in entries
        ]
        self._walk(start, FoundBy.ENTRY)

    def _walk(self, start: Iterable[_Reached], mechanism: FoundBy) -> None:
        """Everything below, with subjects (MAN-30), breadth first, so that depths are the smallest."""
        queue = deque(found for found in start if self._is_new(found))
        while queue:
            found = queue.popleft()
            descriptor = found.descriptor
            self.known.setdefault(descriptor.digest, descriptor)
            key = descriptor.manifest_key
            if key in self._visited:
                continue
            try:
                manifest = self._bounded(found)
            except ContentError as error:
                if found.may_refer:
                    unread = self._unread_named if found.is_likely_image else self.unread
                    if unread is self.unread and key not in unread and _has_hidden_subject(error):
                        self._referring.add(key)
                    unread.setdefault(key, ContentProblem.of(error, descriptor, found.place))
                continue
            if manifest is None:
                continue
            self._visited.add(key)
            for unread in (self.unread, self._unread_named):
                unread.pop(key, None)  # it may be readable at a smaller depth, or with its right size
            following = (found.to(name, below) for name, below in manifest.children())
            queue.extend(step for step in following if self._is_new(step))
            if manifest.subject is not None:
                referrer = Referrer(
                    descriptor=descriptor,
                    mechanism=self._mechanisms.get(descriptor.digest, mechanism),
                    artifact_type=manifest.artifact_type,
                    manifest=manifest,
                    subject=manifest.subject,
                )
                self.add(manifest.subject.digest, referrer)
                subject = manifest.subject
                if subject.is_manifest and subject.manifest_key not in self._visited and self._has(subject.digest):
                    queue.append(found.to("subject", subject, named=True))

    def _is_new(self, found: _Reached) -> bool:
        """Whether it was not reached before; a million entries may list the same manifest."""
        key = (found.descriptor.claims, found.may_refer, found.is_likely_image)
        if self._depths.get(key, found.depth + 1) <= found.depth:
            return False
        self._depths[key] = found.depth
        return True

    def _bounded(self, found: _Reached) -> Manifest | Index | None:
        """The manifest; None for content of an unknown type that is no manifest."""
        if not found.descriptor.is_manifest:
            if found.may_refer:
                self._check_opaque(found.descriptor)
            return None
        if found.depth > limits.GRAPH_DEPTH:
            raise ContentError(
                "content.limit",
                f"{found.descriptor.digest} is nested more than {limits.GRAPH_DEPTH} deep",
                digest=str(found.descriptor.digest),
            )
        return self._examined.read(found.descriptor)

    def add(self, subject: Digest, referrer: Referrer) -> None:
        """Notes a referrer of `subject`, however it was found."""
        self.referrers[subject].append(referrer)
        covered = self.covered.get(subject)
        if covered is not None and _is_about(referrer, covered):
            self._late.append(referrer.descriptor)

    def refers(self, descriptor: Descriptor) -> bool:
        """Whether it is a referrer by its content, and cannot be read as one because of its media type."""
        return descriptor.manifest_key in self._referring

    def _has(self, digest: Digest) -> bool:
        try:
            return self._store.size(digest) is not None
        except ContentError:
            return True  # it is there but cannot be examined: reading it gives the error

    def cover(self, root: Descriptor) -> None:
        """Marks everything that `root` reaches as covered, including referrers, also those by tags.

        Two artifacts can each list the other in a referrer: then the first of them is an artifact, never none.
        """
        queue = deque([root])
        while queue:
            descriptor = queue.popleft()
            if descriptor.digest in self.covered:
                continue
            self.covered[descriptor.digest] = descriptor
            queue.extend(self._examined.below(descriptor))
            queue.extend(
                referrer.descriptor
                for referrer in self.referrers.get(descriptor.digest, ())
                if _is_about(referrer, descriptor)
            )
            self._take_tagged(descriptor.digest)
            queue.extend(self._late)
            self._late.clear()

    def _take_tagged(self, digest: Digest) -> None:
        for entry in self.waiting.pop(digest, []):
            self._take_cosign(entry, digest)
        for tag in referrers_tags(digest) if digest.supported else ():
            for entry in self.waiting.pop(tag, []):
                self.take_referrers_tag(entry)

    def take_referrers_tag(self, entry: IndexEntry) -> None:
        """The referrers that the index under a referrers tag lists."""
        tag = tag_part(entry.ref or "")
        key = (entry.descriptor.claims, tag)
        if key in self._taken:
            return
        self._taken.add(key)
        self.known.setdefault(entry.descriptor.digest, entry.descriptor)
        try:
            index = self._examined.read(entry.descriptor)
        except ContentError as error:
            self._claims.append(
                (tag, ContentProblem.of(error, entry.descriptor, f"referrers tag {safe(tag, limit=160)}"))
            )
            return
        for number, (_, child) in enumerate(index.successors()):
            place = f"referrers tag {safe(tag, limit=160)} > manifests[{number}]"
            try:
                manifest = self._examined.read(child)
            except ContentError as error:
                self._claims.append((tag, ContentProblem.of(error, child, place)))
                continue
            self._walk([_Reached(child, place)], FoundBy.TAG)
            if not refers_by(manifest, tag):  # decision 0025: its own subject counts, and not the tag
                self.misplaced.append(IndexEntry.of(replace(child, annotations={}), entry.number))
                message = f"{child.digest} is listed as a referrer under a tag of which it has not the subject"
                self.note(child, place, message)

    def _take_cosign(self, entry: IndexEntry, target: Digest) -> None:
        self.known.setdefault(entry.descriptor.digest, entry.descriptor)
        try:
            manifest = self._examined.read(entry.descriptor)
        except ContentError as error:
            place = f"cosign tag {safe(entry.ref, limit=160)}"
            self._claims.append((target, ContentProblem.of(error, entry.descriptor, place)))
            return
        self.add(target, cosigned(entry.descriptor, manifest, entry.ref))

    def attributed(self) -> dict[Digest, tuple[ContentProblem, ...]]:
        """For each subject the unreadable content that a tag assigns to it; what is left of it becomes a problem."""
        if not self._claims:
            return {}
        subjects = {tag: digest for digest in self.covered for tag in referrers_tags(digest)}
        found: defaultdict[Digest, list[ContentProblem]] = defaultdict(list)
        for claim, problem in self._claims:
            subject = claim if isinstance(claim, Digest) else subjects.get(claim)
            if subject in self.covered:
                found[subject].append(problem)
            else:
                self.problems.append(problem)
        return {subject: shortened(problems, problems[-1].path) for subject, problems in found.items()}

    def unread_named(self) -> list[ContentProblem]:
        """Unreadable content with a name, for which nothing proves that it is an artifact of its own.

        What something here refers to is one.
        """
        named = self._unread_named.items()
        return [problem for key, problem in named if key not in self.unread and key[0] not in self.referrers]

    def signed(self) -> frozenset[Digest]:
        """Everything that artifacts with a readable signature reach."""
        found: set[Digest] = set()
        queue = deque(
            self.known.get(subject, referrer.descriptor)
            for subject, referrers in self.referrers.items()
            for referrer in referrers
            if referrer.artifact_type == NOTARY_SIGNATURE
        )
        while queue:
            descriptor = queue.popleft()
            if descriptor.digest not in found:
                found.add(descriptor.digest)
                manifest = self._examined.manifest(descriptor)
                queue.extend(below for _, below in (manifest.successors() if manifest else ()))
                queue.extend(referrer.descriptor for referrer in self.referrers.get(descriptor.digest, ()))
        return frozenset(found)

    def note_dangling(self, places: Mapping[Digest, str]) -> None:
        """Notes referrers whose subject is missing (MAN-31). That is no fault, but explains why they are not shown."""
        noted: set[Digest] = set()
        for referrer in (referrer for found in self.referrers.values() for referrer in found):
            digest, subject = referrer.descriptor.digest, referrer.subject
            target = self.known.get(subject.digest) if subject else None
            if subject is None or digest in noted or (target is not None and target.same_content(subject)):
                continue
            noted.add(digest)
            message = f"{digest} refers to {subject.digest}, which is not in this layout"
            if target is not None:
                message = (
                    f"{digest} refers to {subject.digest} with media type {safe(subject.media_type, limit=128)} and "
                    f"{subject.size} bytes, but that is {safe(target.media_type, limit=128)} with {target.size} bytes"
                )
            self.note(referrer.descriptor, places.get(digest, referrer.mechanism.value), message)


def refers_by(manifest: Manifest | Index, tag: str) -> bool:
    """Whether it has the subject that the tag names."""
    return manifest.subject is not None and tag_part(tag) in referrers_tags(manifest.subject.digest)


def _has_hidden_subject(error: ContentError) -> bool:
    return isinstance(error, HiddenManifestError) and error.refers


def _is_about(referrer: Referrer, descriptor: Descriptor) -> bool:
    return referrer.subject is None or referrer.subject.same_content(descriptor)


def cosigned(descriptor: Descriptor, manifest: Manifest | Index, tag: str | None) -> Referrer:
    """A referrer by cosign's tag, which has no subject."""
    return Referrer(
        descriptor=descriptor,
        mechanism=FoundBy.COSIGN,
        artifact_type=manifest.artifact_type,
        manifest=manifest,
        subject=None,
        tag=tag,
    )
