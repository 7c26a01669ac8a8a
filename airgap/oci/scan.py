"""One pass over a layout: which entries of `index.json` are its own artifacts, and what refers to what.

A layout has no list of either (LAYOUT-10): every manifest that `index.json` leads to is read and its subject noted.
All known ways to record referrers are understood (design 5): untagged entries, fallback-tag indexes, cosign's tags.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Final

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.descriptor import INDEX_TYPES, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX
from airgap.oci.manifest import Index, Manifest
from airgap.oci.nodes import Mechanism, Referrer, Root
from airgap.oci.problems import ContentProblem, EntryProblem
from airgap.oci.store import Store
from airgap.oci.tags import cosign_target, fallback_tags, may_be_fallback, tag_part
from airgap.text import safe

__all__ = ["Mechanism", "Referrer", "Root", "Scan", "scan"]

Read = Callable[[Descriptor], Manifest | Index]
"""Gives the verified manifest of a descriptor; raises ContentError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scan:
    """What one pass found."""

    roots: tuple[Root, ...]
    referrers: Mapping[Digest, list[Referrer]]
    known: Mapping[Digest, Descriptor]
    """Every manifest and entry that `index.json` leads to, by the descriptor that points at it."""
    unreadable: Mapping[Digest, tuple[ContentProblem, ...]]
    """By subject: what claims by its place to refer to it, and can not be read."""
    unread: tuple[ContentProblem, ...]
    """What can not be read and may refer to anything; beyond limits.NOTES_SHOWN only their number is told."""
    problems: tuple[EntryProblem, ...]
    notes: tuple[EntryProblem, ...]


def scan(store: Store, read: Read) -> Scan:
    """Reads every manifest that `index.json` leads to. Never raises for what the layout holds."""
    return _Scanner(store, read).run()


_CONTAINERD_NAME: Final = "io.containerd.image.name"
"""The annotation by which `ctr image import` and `docker load` name an image, with or without a tag beside it."""


@dataclass(frozen=True, slots=True)
class _Entry:
    """An entry of `index.json` that is a manifest."""

    descriptor: Descriptor
    place: str
    tag: str | None
    named: bool
    """Whether some tool runs it by a name: then it is judged, whatever it says of itself. Of a tag that stands there
    twice some tools take the first, some the last; containerd and Docker have an annotation of their own."""


@dataclass(frozen=True, slots=True)
class _Found:
    """A descriptor that was come to from an entry of `index.json`."""

    descriptor: Descriptor
    name: str
    """What it is called where it stands: `index.json > manifests[3]` for an entry, `linux/arm64` for a child."""
    depth: int = 0
    named: bool = False
    above: _Found | None = None

    @property
    def place(self) -> str:
        """The way to it; made when it is asked for, since most are never shown."""
        return f"{self.above.place} > {self.name}" if self.above else self.name

    @property
    def may_refer(self) -> bool:
        """Whether it may be a referrer of something, for all that its descriptor says.

        What has a name, or a platform, is an image, which nobody needs in order to judge another one; what states the
        type of an artifact is a referrer whatever else it is called. Everything else may be the signature.
        """
        descriptor = self.descriptor
        return descriptor.artifact_type is not None or not (self.named or descriptor.platform)

    def to(self, name: str, below: Descriptor, *, named: bool = False) -> _Found:
        return _Found(below, name, self.depth + 1, named, self)


class _Scanner:
    def __init__(self, store: Store, read: Read) -> None:
        self._store: Final = store
        self._read: Final = read
        self._referrers: Final[defaultdict[Digest, list[Referrer]]] = defaultdict(list)
        self._known: Final[dict[Digest, Descriptor]] = {}
        self._visited: Final[set[tuple[Digest, str]]] = set()
        self._problems: Final[list[EntryProblem]] = []
        self._notes: Final[list[EntryProblem]] = []
        self._depths: Final[dict[tuple[Digest, str, int, bytes | None, bool], int]] = {}
        """The least depth at which something was come to."""
        self._unread: Final[dict[tuple[Digest, str], ContentProblem]] = {}
        self._claims: Final[list[tuple[str | Digest, ContentProblem]]] = []
        """Unreadable referrers, by the fallback tag or the digest that they stand under."""

    def run(self) -> Scan:
        index = self._store.index()
        for error in index.unreadable:
            self._problems.append(
                EntryProblem(
                    reason="content.malformed",
                    message=f"{LAYOUT_INDEX}: {error}",
                    path=f"{LAYOUT_INDEX} > {error.where}",
                    descriptor=None,
                )
            )
        entries = self._entries(index)
        fallbacks = [entry for entry in entries if self._is_fallback(entry)]
        special = set(map(id, fallbacks))
        cosigned = [entry for entry in entries if id(entry) not in special and entry.tag and cosign_target(entry.tag)]
        special.update(map(id, cosigned))
        plain = [entry for entry in entries if id(entry) not in special]
        self._walk_entries(plain)
        orphans = set(map(id, self._take_attached(fallbacks, cosigned)))
        plain = [entry for entry in entries if id(entry) not in special or id(entry) in orphans]
        roots = self._roots(plain)
        self._note_beside()
        self._note_dangling({entry.descriptor.digest: entry.place for entry in plain})
        return Scan(
            roots=roots,
            referrers=self._referrers,
            known=self._known,
            unreadable=self._attributed(),
            unread=self._unattributed(index),
            problems=tuple(self._problems),
            notes=tuple(self._notes),
        )

    def _entries(self, index: Index) -> list[_Entry]:
        last: dict[str, int] = {}
        for number, descriptor in enumerate(index.manifests):
            tag = descriptor.annotations.get(REF_NAME)
            if tag is None:
                continue
            if tag in last and not index.manifests[last[tag]].same_content(descriptor):
                # LAYOUT-7: not forbidden; as the reference does, the last one counts
                self._note(descriptor, number, f"the tag {safe(tag, limit=200)!r} stands there twice; the last counts")
            last[tag] = number
        return [
            _Entry(
                descriptor,
                _place(number),
                tag if tag is not None and self._keeps(index, last[tag], descriptor) else None,
                named=tag is not None or _CONTAINERD_NAME in descriptor.annotations,
            )
            for number, descriptor in enumerate(index.manifests)
            for tag in [descriptor.annotations.get(REF_NAME)]
        ]

    @staticmethod
    def _keeps(index: Index, last: int, descriptor: Descriptor) -> bool:
        tag = descriptor.annotations[REF_NAME]
        # an older fallback index under the same tag still names referrers: their own subjects decide
        return index.manifests[last].same_content(descriptor) or may_be_fallback(tag)

    def _note(self, descriptor: Descriptor, number: int, message: str) -> None:
        self._notes.append(
            EntryProblem(reason="layout.entry", message=message, path=_place(number), descriptor=descriptor)
        )

    # --- walking ---

    def _walk_entries(self, entries: Iterable[_Entry]) -> None:
        self._walk([_Found(entry.descriptor, entry.place, named=entry.named) for entry in entries], Mechanism.ENTRY)

    def _walk(self, start: Iterable[_Found], mechanism: Mechanism) -> None:
        """Everything below, and what it refers to (MAN-30), breadth first, so that depths are the least ones."""
        queue = deque(found for found in start if self._is_new(found))
        while queue:
            found = queue.popleft()
            descriptor = found.descriptor
            self._known.setdefault(descriptor.digest, descriptor)
            key = (descriptor.digest, descriptor.media_type)
            if not descriptor.is_manifest or key in self._visited:
                continue
            try:
                manifest = self._bounded(found)
            except ContentError as error:
                if found.may_refer:
                    self._unread.setdefault(key, ContentProblem.of(error, descriptor, found.place))
                continue
            self._visited.add(key)
            self._unread.pop(key, None)  # it could be read where it stands less deep, or with its right size
            following = (found.to(name, below) for name, below in manifest.successors() if below.is_manifest)
            queue.extend(step for step in following if self._is_new(step))
            if manifest.subject is not None:
                self._register(descriptor, manifest, manifest.subject, mechanism)
                if manifest.subject.is_manifest and self._has(manifest.subject.digest):
                    queue.append(found.to("subject", manifest.subject, named=True))

    def _is_new(self, found: _Found) -> bool:
        """Whether nothing was come to from here that is the same; a million entries may list the same manifest."""
        descriptor = found.descriptor
        key = (descriptor.digest, descriptor.media_type, descriptor.size, descriptor.data, found.may_refer)
        if self._depths.get(key, found.depth + 1) <= found.depth:
            return False
        self._depths[key] = found.depth
        return True

    def _bounded(self, found: _Found) -> Manifest | Index:
        if found.depth > limits.GRAPH_DEPTH:
            raise ContentError(
                "content.limit",
                f"{found.descriptor.digest} is nested more than {limits.GRAPH_DEPTH} deep",
                digest=str(found.descriptor.digest),
            )
        return self._read(found.descriptor)

    def _register(
        self, descriptor: Descriptor, manifest: Manifest | Index, subject: Descriptor, mechanism: Mechanism
    ) -> None:
        self._referrers[subject.digest].append(
            Referrer(
                descriptor=descriptor,
                mechanism=mechanism,
                artifact_type=manifest.artifact_type,
                manifest=manifest,
                subject=subject,
            )
        )

    def _try(self, descriptor: Descriptor) -> Manifest | Index | None:
        try:
            return self._read(descriptor)
        except ContentError:
            return None  # whoever needs it asks again, and is told why

    def _has(self, digest: Digest) -> bool:
        try:
            return self._store.size(digest) is not None
        except ContentError:
            return True  # it lies there and can not be looked at: whoever reads it is told why

    # --- forms of referrers ---

    def _is_fallback(self, entry: _Entry) -> bool:
        """An index under such a tag that holds a referrer the tag is about, or nothing, or nothing readable."""
        if entry.tag is None or entry.descriptor.media_type not in INDEX_TYPES or not may_be_fallback(entry.tag):
            return False
        index = self._try(entry.descriptor)
        if not isinstance(index, Index):
            return True
        readable = [manifest for child in index.manifests if (manifest := self._try(child)) is not None]
        return not readable or any(_refers(manifest, entry.tag) for manifest in readable)

    def _take_fallback(self, entry: _Entry) -> None:
        tag = tag_part(entry.tag or "")
        self._known.setdefault(entry.descriptor.digest, entry.descriptor)
        try:
            index = self._read(entry.descriptor)
        except ContentError as error:
            self._claims.append(
                (tag, ContentProblem.of(error, entry.descriptor, f"fallback tag {safe(tag, limit=160)}"))
            )
            return
        for number, (_, child) in enumerate(index.successors()):
            place = f"fallback tag {safe(tag, limit=160)} > manifests[{number}]"
            try:
                manifest = self._read(child)
            except ContentError as error:
                self._claims.append((tag, ContentProblem.of(error, child, place)))
                continue
            if _refers(manifest, tag):  # design 5: only entries that truly have this subject count
                self._walk([_Found(child, place)], Mechanism.FALLBACK)
            else:
                message = f"{child.digest} is listed as a referrer under a tag of which it has not the subject"
                self._notes.append(EntryProblem(reason="layout.entry", message=message, path=place, descriptor=child))

    def _take_attached(self, fallbacks: list[_Entry], cosigned: list[_Entry]) -> list[_Entry]:
        """Takes those whose target is here, which may be another of them; the rest are nobody's but their tag's.

        Whoever chooses a tag can make it look like one about something that is not here, so that what lies under it
        would be run by that name and judged by no one.
        """
        waiting: defaultdict[str | Digest, list[_Entry]] = defaultdict(list)
        for entry in fallbacks:
            waiting[tag_part(entry.tag or "")].append(entry)
        for entry in cosigned:
            if target := cosign_target(entry.tag or ""):
                waiting[target].append(entry)
        looked = 0
        while waiting and looked < len(self._known):
            digests = tuple(islice(self._known, looked, None))
            looked += len(digests)
            for digest in digests:
                for entry in waiting.pop(digest, []):
                    self._take_cosign(entry)
                for entry in (entry for tag in fallback_tags(digest) for entry in waiting.pop(tag, [])):
                    self._take_fallback(entry)
        orphans = [entry for left in waiting.values() for entry in left if self._is_artifact(entry)]
        self._walk_entries(orphans)
        return orphans

    def _is_artifact(self, entry: _Entry) -> bool:
        """Whether a tag about nothing that is here leads to something: not to an index without entries."""
        if cosign_target(entry.tag or ""):
            return True
        index = self._try(entry.descriptor)
        if index is None:
            self._take_fallback(entry)  # which says why it can not be read
        return isinstance(index, Index) and bool(index.manifests)

    def _take_cosign(self, entry: _Entry) -> None:
        target = cosign_target(entry.tag or "")
        self._known.setdefault(entry.descriptor.digest, entry.descriptor)
        if target is None:
            return
        try:
            manifest = self._read(entry.descriptor)
        except ContentError as error:
            place = f"cosign tag {safe(entry.tag, limit=160)}"
            self._claims.append((target, ContentProblem.of(error, entry.descriptor, place)))
            return
        self._walk([_Found(entry.descriptor, entry.place, named=True)], Mechanism.COSIGN)
        self._referrers[target].append(
            Referrer(
                descriptor=entry.descriptor,
                mechanism=Mechanism.COSIGN,
                artifact_type=manifest.artifact_type,
                manifest=manifest,
                subject=None,
            )
        )

    def _attributed(self) -> dict[Digest, tuple[ContentProblem, ...]]:
        if not self._claims:
            return {}
        subjects = {tag: digest for digest in self._known for tag in fallback_tags(digest)}
        found: defaultdict[Digest, list[ContentProblem]] = defaultdict(list)
        for claim, problem in self._claims:
            subject = claim if isinstance(claim, Digest) else subjects.get(claim)
            if subject in self._known:
                found[subject].append(problem)
            else:
                self._problems.append(
                    EntryProblem(
                        reason=problem.reason, message=problem.message, path=problem.path, descriptor=problem.descriptor
                    )
                )
        return {subject: tuple(problems) for subject, problems in found.items()}

    def _unattributed(self, index: Index) -> tuple[ContentProblem, ...]:
        """What may refer to anything: entries that describe nothing, and manifests that can not be read."""
        found = [
            ContentProblem(
                reason="content.malformed",
                message=f"{LAYOUT_INDEX}: {error}",
                path=f"{LAYOUT_INDEX} > {error.where}",
                descriptor=None,
            )
            for error in index.unreadable
        ]
        found += self._unread.values()
        told = [
            replace(problem, message=f"{problem.message}; it may be a signature or another referrer")
            for problem in found[: limits.NOTES_SHOWN]
        ]
        if len(found) > limits.NOTES_SHOWN:
            more = (
                f"{len(found) - limits.NOTES_SHOWN} more can not be read; each may be a signature or another referrer"
            )
            told.append(ContentProblem(reason=found[-1].reason, message=more, path=LAYOUT_INDEX, descriptor=None))
        return tuple(told)

    # --- roots ---

    def _roots(self, plain: list[_Entry]) -> tuple[Root, ...]:
        """Named entries; and others without subject that no other artifact of the layout reaches anyway.

        Tools add the children of an index as entries of their own; those are not artifacts beside it.
        """
        candidates = [entry for entry in plain if entry.named or self._may_be_root(entry)]
        children = self._children(candidates)
        covered: set[Digest] = set()
        for entry in candidates:
            if entry.named:
                self._cover(entry.descriptor, covered)
        chosen: list[_Entry] = []
        for entry in candidates:
            digest = entry.descriptor.digest
            if not entry.named:
                if digest in children or digest in covered:
                    continue
                self._cover(entry.descriptor, covered)
            chosen.append(entry)
        self._report_unreadable(plain, covered)
        return _merged(chosen)

    def _may_be_root(self, entry: _Entry) -> bool:
        if not entry.descriptor.is_manifest:
            return True  # LAYOUT-2: an unknown type is no error, and its bytes can be checked
        manifest = self._try(entry.descriptor)
        return manifest is not None and manifest.subject is None

    def _children(self, candidates: list[_Entry]) -> set[Digest]:
        """What candidates lead to by their own words; digests make this free of cycles."""
        found: set[Digest] = set()
        queue = deque(below for entry in candidates for below in self._below(entry.descriptor))
        while queue:
            descriptor = queue.popleft()
            if descriptor.digest not in found:
                found.add(descriptor.digest)
                queue.extend(self._below(descriptor))
        return found

    def _cover(self, root: Descriptor, covered: set[Digest]) -> None:
        """Adds what `root` reaches, its referrers and theirs included.

        Two artifacts can each list the other in a referrer: the first of them then counts, never none.
        """
        queue = deque([root])
        while queue:
            descriptor = queue.popleft()
            if descriptor.digest in covered:
                continue
            covered.add(descriptor.digest)
            queue.extend(self._below(descriptor))
            queue.extend(
                referrer.descriptor
                for referrer in self._referrers.get(descriptor.digest, ())
                if referrer.subject is None or referrer.subject.same_content(descriptor)
            )

    def _below(self, descriptor: Descriptor) -> Iterator[Descriptor]:
        manifest = self._try(descriptor) if descriptor.is_manifest else None
        return _manifests_below(manifest) if manifest else iter(())

    def _report_unreadable(self, plain: list[_Entry], covered: set[Digest]) -> None:
        for entry in plain:
            descriptor = entry.descriptor
            if entry.named or not descriptor.is_manifest or descriptor.digest in covered:
                continue
            try:
                self._read(descriptor)
            except ContentError as error:
                self._problems.append(
                    EntryProblem(reason=error.reason, message=str(error), path=entry.place, descriptor=descriptor)
                )

    def _note_beside(self) -> None:
        for name in getattr(self._store, "beside", ()):  # layouts on disk have it; other stores hold nothing else
            message = "docker load may read this instead of index.json; nothing that it names was looked at"
            self._notes.append(EntryProblem(reason="layout.entry", message=message, path=name, descriptor=None))

    def _note_dangling(self, places: Mapping[Digest, str]) -> None:
        """Notes what refers to nothing that is here (MAN-31): not a fault, but the reason why it is not shown."""
        noted: set[Digest] = set()
        for referrer in (referrer for found in self._referrers.values() for referrer in found):
            digest, subject = referrer.descriptor.digest, referrer.subject
            target = self._known.get(subject.digest) if subject else None
            if subject is None or digest in noted or (target is not None and target.same_content(subject)):
                continue
            noted.add(digest)
            message = f"{digest} refers to {subject.digest}, which is not in this layout"
            if target is not None:
                message = (
                    f"{digest} refers to {subject.digest} with media type {safe(subject.media_type, limit=128)} and "
                    f"{subject.size} bytes, but that is {safe(target.media_type, limit=128)} with {target.size} bytes"
                )
            path = places.get(digest, referrer.mechanism.value)
            self._notes.append(
                EntryProblem(reason="layout.entry", message=message, path=path, descriptor=referrer.descriptor)
            )


def _place(number: int) -> str:
    return f"{LAYOUT_INDEX} > manifests[{number}]"


def _refers(manifest: Manifest | Index, tag: str) -> bool:
    return manifest.subject is not None and tag_part(tag) in fallback_tags(manifest.subject.digest)


def _manifests_below(manifest: Manifest | Index) -> Iterator[Descriptor]:
    return (below for _, below in manifest.successors() if below.is_manifest)


def _merged(entries: list[_Entry]) -> tuple[Root, ...]:
    """One root for all entries of the same content, in the order of the first."""
    tags: dict[tuple[Digest, str, int], dict[str, None]] = {}
    first: dict[tuple[Digest, str, int], Descriptor] = {}
    for entry in entries:
        key = (entry.descriptor.digest, entry.descriptor.media_type, entry.descriptor.size)
        first.setdefault(key, entry.descriptor)
        named = tags.setdefault(key, {})
        if entry.tag is not None:
            named[entry.tag] = None
    return tuple(Root(descriptor, tuple(tags[key])) for key, descriptor in first.items())
