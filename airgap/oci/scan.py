"""One pass over a layout: finds its own artifacts and all referrers.

A layout has no list of either (LAYOUT-10): every manifest that `index.json` leads to is read and its subject noted.
All known ways to record referrers are understood (decision 0025): untagged entries, fallback-tag indexes, cosign tags.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.attached import (
    IMAGE_CONFIGS,
    cosign_suffix,
    is_attachment,
    is_image_kind,
    is_runnable,
    stated_subject,
)
from airgap.oci.descriptor import ACQUISITION, ENVELOPE_TYPES, INDEX_TYPES, NOTARY_SIGNATURE, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX
from airgap.oci.entry_names import IndexEntry, Names, read_entries
from airgap.oci.manifest import Index, Manifest
from airgap.oci.nodes import LayoutMechanism, Referrer, Root
from airgap.oci.problems import ContentProblem
from airgap.oci.store import Store, check_embedded
from airgap.oci.tags import cosign_tag, cosign_target, is_referrers_tag, referrers_tags, tag_part
from airgap.text import safe

Read = Callable[[Descriptor], Manifest | Index]
"""Returns the verified manifest of a descriptor; raises ContentError."""
CheckOpaque = Callable[[Descriptor], None]
"""Raises ContentError where a descriptor of an unknown type leads to a manifest."""


class Scan(NamedTuple):
    """The result of one pass."""

    roots: tuple[Root, ...]
    names: Names
    referrers: Mapping[Digest, list[Referrer]]
    known: Mapping[Digest, Descriptor]
    """Every manifest and entry that `index.json` leads to, by the descriptor that points at it."""
    unreadable: Mapping[Digest, tuple[ContentProblem, ...]]
    """For each subject the unreadable content that a tag assigns to it."""
    unread: tuple[ContentProblem, ...]
    """Unreadable content that may refer to anything; beyond limits.NOTES_SHOWN only its number."""
    problems: tuple[ContentProblem, ...]
    notes: tuple[ContentProblem, ...]


NO_MECHANISMS: Final[Mapping[Digest, LayoutMechanism]] = MappingProxyType({})


def scan(
    store: Store,
    read: Read,
    check_opaque: CheckOpaque,
    mechanisms: Mapping[Digest, LayoutMechanism] = NO_MECHANISMS,
) -> Scan:
    """Reads every manifest that `index.json` leads to. Content of the layout never makes it raise.

    `mechanisms`: how referrers were found that are entries of `index.json` only because of that.
    """
    return _Scanner(store, read, check_opaque, mechanisms).run()


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
        """Whether it may be a referrer, judging by its descriptor.

        A descriptor with a name or a platform is an image, which is not needed to judge another one. One that states an
        artifact type is a referrer whatever its name, unless that is the type of an image's config: crane writes that
        into the entries of an index. All others may be the signature.
        """
        descriptor = self.descriptor
        states_another = descriptor.artifact_type not in {None, *IMAGE_CONFIGS}
        return states_another or not (self.named or descriptor.platform)

    def to(self, name: str, below: Descriptor, *, named: bool = False) -> _Reached:
        return _Reached(below, name, self.depth + 1, named, self)


class _Scanner:
    def __init__(
        self, store: Store, read: Read, check_opaque: CheckOpaque, mechanisms: Mapping[Digest, LayoutMechanism]
    ) -> None:
        self._store: Final = store
        self._mechanisms: Final = mechanisms
        self._read: Final = read
        self._check_opaque: Final = check_opaque
        self._referrers: Final[defaultdict[Digest, list[Referrer]]] = defaultdict(list)
        self._known: Final[dict[Digest, Descriptor]] = {}
        self._visited: Final[set[tuple[Digest, str]]] = set()
        self._problems: Final[list[ContentProblem]] = []
        self._notes: Final[list[ContentProblem]] = []
        self._depths: Final[dict[tuple[Digest, str, int, bytes | None, bool], int]] = {}
        """The smallest depth at which each descriptor was reached."""
        self._unread: Final[dict[tuple[Digest, str], ContentProblem]] = {}
        self._claims: Final[list[tuple[str | Digest, ContentProblem]]] = []
        """Unreadable referrers, by their fallback tag or digest."""
        self._entries: tuple[IndexEntry, ...] = ()
        self._doubled: Final[set[int]] = set()
        """Numbers of entries that share their name: an unreadable one may be an attachment of hauler."""
        self._runnable: Final[dict[tuple[Digest, str], bool]] = {}
        self._images: Final[dict[tuple[Digest, str], bool]] = {}
        self._waiting: Final[defaultdict[str | Digest, list[IndexEntry]]] = defaultdict(list)
        """Referrers tags and cosign tags whose subject is not reached yet by an artifact that is judged."""
        self._covered: Final[dict[Digest, Descriptor]] = {}
        """Everything that the artifacts found so far reach: it is judged and checked with them."""
        self._late: Final[deque[Descriptor]] = deque()
        """Referrers of covered content that were found later."""

    def run(self) -> Scan:
        index = self._store.index()
        self._problems.extend(_unreadable_entries(index))
        self._entries = read_entries(index, self._is_attachment, self._signs, self._may_run)
        names = Names(self._entries, self._store.name)
        for entry, name in names.doubles():
            # LAYOUT-7: not forbidden, but tools differ in which of them they take
            message = f"the tag {safe(name, limit=200)!r} appears twice; it names neither"
            self._note(entry.descriptor, entry.place, message)
            self._doubled.add(entry.number)
        special = [entry for entry in self._entries if self._is_special(entry)]
        numbers = {entry.number for entry in special}
        plain = [entry for entry in self._entries if entry.number not in numbers]
        self._walk_entries(plain)
        self._attach_aside(names)
        roots = self._roots(plain, special)
        self._note_dangling({entry.descriptor.digest: entry.place for entry in plain})
        for entry, name in names.pinned_elsewhere({str(digest) for digest in self._known}):
            message = f"its name {safe(name, limit=300)!r} ends in the digest of something else"
            self._note(entry.descriptor, entry.place, message)
        return Scan(
            roots=_merged(roots, names),
            names=names,
            referrers=self._referrers,
            known=self._known,
            unreadable=self._attributed(),
            unread=self._unattributed(index),
            problems=tuple(self._problems),
            notes=tuple(self._notes),
        )

    def _is_attachment(self, descriptor: Descriptor) -> bool:
        manifest = self._try(descriptor) if descriptor.is_manifest else None
        return manifest is not None and is_attachment(self._store, descriptor, manifest)

    def _signs(self, descriptor: Descriptor) -> Digest | None:
        """What it is the signature of; None if it has not the form of a signature."""
        manifest = self._try(descriptor) if descriptor.is_manifest else None
        if not isinstance(manifest, Manifest) or manifest.artifact_type != NOTARY_SIGNATURE or not manifest.subject:
            return None
        is_one = ENVELOPE_TYPES.issuperset(layer.media_type for layer in manifest.layers)
        return manifest.subject.digest if is_one else None

    def _may_run(self, descriptor: Descriptor) -> bool:
        """Whether it is an image, as far as it can be read."""
        if not descriptor.is_manifest:
            return False
        manifest = self._try(descriptor)
        return manifest is None or self._is_runnable(descriptor, manifest)

    def _note(self, descriptor: Descriptor, path: str, message: str) -> None:
        self._notes.append(ContentProblem(reason="layout.entry", message=message, path=path, descriptor=descriptor))

    # --- walking ---

    def _walk_entries(self, entries: Iterable[IndexEntry]) -> None:
        start = [
            _Reached(entry.descriptor, entry.place, named=bool(entry.names) and entry.number not in self._doubled)
            for entry in entries
        ]
        self._walk(start, LayoutMechanism.ENTRY)

    def _walk(self, start: Iterable[_Reached], mechanism: LayoutMechanism) -> None:
        """Everything below, with subjects (MAN-30), breadth first, so that depths are the smallest."""
        queue = deque(found for found in start if self._is_new(found))
        while queue:
            found = queue.popleft()
            descriptor = found.descriptor
            self._known.setdefault(descriptor.digest, descriptor)
            key = (descriptor.digest, descriptor.media_type)
            if key in self._visited:
                continue
            try:
                manifest = self._bounded(found)
            except ContentError as error:
                if found.may_refer:
                    self._unread.setdefault(key, ContentProblem.of(error, descriptor, found.place))
                continue
            if manifest is None:
                continue
            self._visited.add(key)
            self._unread.pop(key, None)  # it may be readable at a smaller depth, or with its right size
            following = (found.to(name, below) for name, below in manifest.successors() if below.is_manifest)
            queue.extend(step for step in following if self._is_new(step))
            if manifest.subject is not None:
                referrer = Referrer(
                    descriptor=descriptor,
                    mechanism=self._mechanisms.get(descriptor.digest, mechanism),
                    artifact_type=manifest.artifact_type,
                    manifest=manifest,
                    subject=manifest.subject,
                )
                self._add(manifest.subject.digest, referrer)
                if manifest.subject.is_manifest and self._has(manifest.subject.digest):
                    queue.append(found.to("subject", manifest.subject, named=True))

    def _is_new(self, found: _Reached) -> bool:
        """Whether it was not reached before; a million entries may list the same manifest."""
        descriptor = found.descriptor
        key = (descriptor.digest, descriptor.media_type, descriptor.size, descriptor.data, found.may_refer)
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
        return self._read(found.descriptor)

    def _add(self, subject: Digest, referrer: Referrer) -> None:
        self._referrers[subject].append(referrer)
        covered = self._covered.get(subject)
        if covered is not None and _is_about(referrer, covered):
            self._late.append(referrer.descriptor)

    def _try(self, descriptor: Descriptor) -> Manifest | Index | None:
        try:
            return self._read(descriptor)
        except ContentError:
            return None  # the caller that needs it reads it again and gets the error

    def _has(self, digest: Digest) -> bool:
        try:
            return self._store.size(digest) is not None
        except ContentError:
            return True  # it is there but cannot be examined: reading it gives the error

    # --- forms of referrers ---

    def _is_special(self, entry: IndexEntry) -> bool:
        """Whether it has a referrers tag or a cosign tag, and cannot be run by that name.

        A referrer is not judged by itself, but tools run an image by any tag. So an image that has a subject or a
        cosign tag is an artifact of its own.
        """
        ref = entry.ref
        if ref is None or any(tag_part(name) != tag_part(ref) for name in entry.names):
            return False
        if cosign_target(ref) is None:
            return self._lists_referrers(entry, ref)
        manifest = self._try(entry.descriptor)
        return manifest is None or not self._is_runnable(entry.descriptor, manifest)

    def _lists_referrers(self, entry: IndexEntry, ref: str) -> bool:
        """Whether it is an index under such a tag with a referrer of the tag's subject, or without a readable entry.

        False for an index with an entry that can be run, whatever its subject.
        """
        if entry.descriptor.media_type not in INDEX_TYPES or not is_referrers_tag(ref):
            return False
        index = self._try(entry.descriptor)
        if not isinstance(index, Index):
            return True
        readable = [(child, manifest) for child in index.manifests if (manifest := self._try(child)) is not None]
        is_about = not readable or any(_refers(manifest, ref) for _, manifest in readable)
        return is_about and not any(self._is_runnable(child, manifest) for child, manifest in readable)

    def _is_runnable(self, descriptor: Descriptor, manifest: Manifest | Index) -> bool:
        """Computed once for each manifest: it opens layers, and a million tags may name the same manifest."""
        key = (descriptor.digest, descriptor.media_type)
        if key not in self._runnable:
            self._runnable[key] = is_runnable(self._store, manifest)
        return self._runnable[key]

    def _take_fallback(self, entry: IndexEntry) -> None:
        tag = tag_part(entry.ref or "")
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
            if _refers(manifest, tag):  # decision 0025: only entries that really have this subject count
                self._walk([_Reached(child, place)], LayoutMechanism.FALLBACK)
            else:
                message = f"{child.digest} is listed as a referrer under a tag of which it has not the subject"
                self._note(child, place, message)

    def _take_cosign(self, entry: IndexEntry, target: Digest) -> None:
        self._known.setdefault(entry.descriptor.digest, entry.descriptor)
        try:
            manifest = self._read(entry.descriptor)
        except ContentError as error:
            place = f"cosign tag {safe(entry.ref, limit=160)}"
            self._claims.append((target, ContentProblem.of(error, entry.descriptor, place)))
            return
        self._walk([_Reached(entry.descriptor, entry.place, named=True)], LayoutMechanism.COSIGN)
        self._add(target, _cosigned(entry.descriptor, manifest, entry.ref))

    def _attach_aside(self, names: Names) -> None:
        """Content that hauler stores under the name of an image is attached to that image, as under its cosign tag.

        `cosign save` gives no names: its attachments belong to the only image in the layout.
        """
        nameless = [entry for entry in self._entries if entry.ref is None and entry.image is None]
        saved = [entry.descriptor for entry in nameless if is_image_kind(entry.descriptor)]
        one = saved[0] if saved and all(item.same_content(saved[0]) for item in saved) else None
        with_it = {entry.number for entry in nameless if one and self._is_attachment(entry.descriptor)}
        for entry in self._entries:
            manifest = self._try(entry.descriptor) if entry.aside or entry.number in with_it else None
            suffix = cosign_suffix(entry.descriptor, manifest) if manifest and manifest.subject is None else None
            if manifest is None or suffix is None:
                continue
            image = names.image_beside(entry) if entry.aside else one
            if image is not None and image.digest != entry.descriptor.digest:
                stated = stated_subject(entry.descriptor)
                # only parts of the image: otherwise the entry would be reached from nowhere
                target = stated if stated is not None and stated in self._children([image]) else image.digest
                self._add(target, _cosigned(entry.descriptor, manifest, cosign_tag(target, suffix)))

    def _attributed(self) -> dict[Digest, tuple[ContentProblem, ...]]:
        if not self._claims:
            return {}
        subjects = {tag: digest for digest in self._covered for tag in referrers_tags(digest)}
        found: defaultdict[Digest, list[ContentProblem]] = defaultdict(list)
        for claim, problem in self._claims:
            subject = claim if isinstance(claim, Digest) else subjects.get(claim)
            if subject in self._covered:
                found[subject].append(problem)
            else:
                self._problems.append(problem)
        return {subject: tuple(problems) for subject, problems in found.items()}

    def _unattributed(self, index: Index) -> tuple[ContentProblem, ...]:
        """Content that may refer to anything: entries that are no descriptors, and unreadable manifests."""
        found = _unreadable_entries(index)
        found += self._unread.values()
        told = [
            replace(problem, message=f"{problem.message}; it may be a signature or another referrer")
            for problem in found[: limits.NOTES_SHOWN]
        ]
        if len(found) > limits.NOTES_SHOWN:
            more = f"{len(found) - limits.NOTES_SHOWN} more cannot be read; each may be a signature or another referrer"
            told.append(ContentProblem(reason=found[-1].reason, message=more, path=LAYOUT_INDEX, descriptor=None))
        return tuple(told)

    # --- roots ---

    def _roots(self, plain: list[IndexEntry], special: list[IndexEntry]) -> list[IndexEntry]:
        """The entries that are artifacts of their own (decision 0025), in the order of `index.json`.

        All that is named, but a referrers tag or cosign tag of something that another artifact reaches: whoever chooses
        a tag can make it look like one about something that is not here, so that what is under it would be run by
        that name and judged by no one. What could be run stands like what is named, and what is marked as the image:
        `cosign load` takes it by that. And of all else, what no other artifact reaches: tools add the children of an
        index and referrers as entries of their own; those are not artifacts beside it.
        """
        for entry in special:
            target = cosign_target(entry.ref or "")
            self._waiting[target or tag_part(entry.ref or "")].append(entry)
        chosen = self._offered(plain)
        for entry in chosen:
            self._cover(entry.descriptor)
        for some in self._unnamed(plain):
            for entry in some:
                if entry.descriptor.digest not in self._covered:
                    self._cover(entry.descriptor)
                    chosen.append(entry)
        orphans = [entry for left in self._waiting.values() for entry in left if self._is_artifact(entry)]
        self._waiting.clear()
        self._walk_entries(orphans)
        for entry in orphans:
            self._cover(entry.descriptor)
        self._report_unreadable(plain)
        return sorted(chosen + orphans, key=lambda entry: entry.number)

    def _offered(self, plain: list[IndexEntry]) -> list[IndexEntry]:
        """What has a name, what is marked as the image of the layout, and what else of it could be run.

        Tools that take all of a layout take each entry for an image of its own, whatever refers to what: `docker load`
        offers it by its digest, and of several `nerdctl run oci-archive://` runs the first. So a referrer that is an
        image, or lists one, is judged like what has a name; not so a child of something that is: the signature of that
        covers it.
        """
        named = [entry for entry in plain if entry.names]
        taken = {entry.descriptor.digest for entry in named}
        parts = self._children(entry.descriptor for entry in named)
        nameless = [entry for entry in plain if not entry.names and entry.descriptor.digest not in taken]
        more = [
            entry for entry in nameless if is_image_kind(entry.descriptor) or self._holds_image(entry.descriptor, parts)
        ]
        found = [(entry, manifest) for entry in more if (manifest := self._manifest(entry)) is not None]
        parts |= self._children(entry.descriptor for entry, manifest in found if manifest.subject is None)
        found = [(entry, manifest) for entry, manifest in found if entry.descriptor.digest not in parts]
        for entry, manifest in found:
            if manifest.subject is not None:
                refers = f"{entry.descriptor.digest} refers to {manifest.subject.digest}"
                message = f"{refers}, and could be run in its place, so it is judged by itself, too"
                self._note(entry.descriptor, entry.place, message)
        return named + [entry for entry, _ in found]

    def _holds_image(self, descriptor: Descriptor, parts: set[Digest], depth: int = 0) -> bool:
        """Whether it could be run, or lists what could, apart from what a named entry covers. Looks at each once."""
        if descriptor.digest in parts or not descriptor.is_manifest or depth > limits.GRAPH_DEPTH:
            return False
        key = (descriptor.digest, descriptor.media_type)
        if key not in self._images:
            manifest = self._try(descriptor)
            if isinstance(manifest, Index):
                self._images[key] = any(self._holds_image(item, parts, depth + 1) for item in manifest.manifests)
            else:
                self._images[key] = manifest is not None and self._is_runnable(descriptor, manifest)
        return self._images[key]

    def _unnamed(self, plain: list[IndexEntry]) -> Iterator[list[IndexEntry]]:
        """Unnamed entries that may be artifacts; first those that are likely to reach others."""
        unnamed = [entry for entry in plain if not entry.names]
        subjects = {entry.number: manifest.subject for entry in unnamed if (manifest := self._manifest(entry))}
        readable = [entry for entry in unnamed if entry.number in subjects or not entry.descriptor.is_manifest]
        # an unknown type is no error; its bytes can be checked (LAYOUT-2)
        first = [entry for entry in readable if subjects.get(entry.number) is None]
        children = self._children(entry.descriptor for entry in (*first, *(entry for entry in plain if entry.names)))
        yield [entry for entry in first if entry.descriptor.digest not in children]
        yield first
        referring = [(entry, subject) for entry in readable if (subject := subjects.get(entry.number)) is not None]
        dangling = {entry.number for entry, subject in referring if subject.digest not in self._known}
        yield [entry for entry, _ in referring if entry.number in dangling and not self._is_stray(entry)]
        yield [entry for entry, _ in referring if not self._is_stray(entry)]

    def _manifest(self, entry: IndexEntry) -> Manifest | Index | None:
        return self._try(entry.descriptor) if entry.descriptor.is_manifest else None

    def _is_stray(self, entry: IndexEntry) -> bool:
        """Whether it is a signature or record whose artifact is missing here; it cannot be run."""
        manifest = self._manifest(entry)
        return (
            manifest is not None
            and manifest.artifact_type in {NOTARY_SIGNATURE, ACQUISITION}
            and not is_runnable(self._store, manifest)
        )

    def _is_artifact(self, entry: IndexEntry) -> bool:
        """Whether a tag with a missing subject is an artifact: false for an index without entries."""
        if cosign_target(entry.ref or ""):
            return True
        index = self._try(entry.descriptor)
        if index is None:
            self._take_fallback(entry)  # judging it reports why it cannot be read
        return isinstance(index, Index) and bool(index.manifests)

    def _children(self, descriptors: Iterable[Descriptor]) -> set[Digest]:
        """All descriptors below these; digests make cycles impossible."""
        found: set[Digest] = set()
        queue = deque(below for descriptor in descriptors for below in self._below(descriptor))
        while queue:
            descriptor = queue.popleft()
            if descriptor.digest not in found:
                found.add(descriptor.digest)
                queue.extend(self._below(descriptor))
        return found

    def _cover(self, root: Descriptor) -> None:
        """Marks everything that `root` reaches as covered, including referrers, also those by tags.

        Two artifacts can each list the other in a referrer: then the first of them is an artifact, never none.
        """
        queue = deque([root])
        while queue:
            descriptor = queue.popleft()
            if descriptor.digest in self._covered:
                continue
            self._covered[descriptor.digest] = descriptor
            queue.extend(self._below(descriptor))
            queue.extend(
                referrer.descriptor
                for referrer in self._referrers.get(descriptor.digest, ())
                if _is_about(referrer, descriptor)
            )
            self._take_tagged(descriptor.digest)
            queue.extend(self._late)
            self._late.clear()

    def _take_tagged(self, digest: Digest) -> None:
        for entry in self._waiting.pop(digest, []):
            self._take_cosign(entry, digest)
        for tag in referrers_tags(digest) if digest.supported else ():
            for entry in self._waiting.pop(tag, []):
                self._take_fallback(entry)

    def _below(self, descriptor: Descriptor) -> Iterator[Descriptor]:
        manifest = self._try(descriptor) if descriptor.is_manifest else None
        return _manifests_below(manifest) if manifest else iter(())

    def _report_unreadable(self, plain: list[IndexEntry]) -> None:
        """Also entries that state another size, or embed other data, than what some artifact reaches."""
        for entry in plain:
            descriptor = entry.descriptor
            covered = self._covered.get(descriptor.digest)
            is_judged = covered is not None and covered.same_content(descriptor) and _is_sound(descriptor)
            if entry.names or not descriptor.is_manifest or is_judged:
                continue
            try:
                self._read(descriptor)
            except ContentError as error:
                self._problems.append(ContentProblem.of(error, descriptor, entry.place))

    def _note_dangling(self, places: Mapping[Digest, str]) -> None:
        """Notes referrers whose subject is missing (MAN-31). That is no fault, but explains why they are not shown."""
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
            self._note(referrer.descriptor, places.get(digest, referrer.mechanism.value), message)


def _refers(manifest: Manifest | Index, tag: str) -> bool:
    return manifest.subject is not None and tag_part(tag) in referrers_tags(manifest.subject.digest)


def _manifests_below(manifest: Manifest | Index) -> Iterator[Descriptor]:
    return (below for _, below in manifest.successors() if below.is_manifest)


def _is_about(referrer: Referrer, descriptor: Descriptor) -> bool:
    return referrer.subject is None or referrer.subject.same_content(descriptor)


def _cosigned(descriptor: Descriptor, manifest: Manifest | Index, tag: str | None) -> Referrer:
    return Referrer(
        descriptor=descriptor,
        mechanism=LayoutMechanism.COSIGN,
        artifact_type=manifest.artifact_type,
        manifest=manifest,
        subject=None,
        tag=tag,
    )


def _is_sound(descriptor: Descriptor) -> bool:
    try:
        check_embedded(descriptor)
    except ContentError:
        return False
    return True


def _merged(entries: list[IndexEntry], names: Names) -> tuple[Root, ...]:
    """One root for all entries of the same content, in the order of the first."""
    together: dict[tuple[Digest, str, int], list[IndexEntry]] = {}
    for entry in entries:
        key = (entry.descriptor.digest, entry.descriptor.media_type, entry.descriptor.size)
        together.setdefault(key, []).append(entry)
    return tuple(_root(same, names) for same in together.values())


def _unreadable_entries(index: Index) -> list[ContentProblem]:
    return [
        ContentProblem(
            reason="content.malformed",
            message=f"{LAYOUT_INDEX}: {error}",
            path=f"{LAYOUT_INDEX} > {error.where}",
            descriptor=None,
        )
        for error in index.unreadable
    ]


def _root(entries: list[IndexEntry], names: Names) -> Root:
    bearers: dict[str, IndexEntry] = {}
    for entry in entries:
        tag = names.tag_of(entry)
        # of several entries with the tag, prefer one that also has containerd's name
        if tag is not None and (tag not in bearers or bearers[tag].image is None):
            bearers[tag] = entry
    known = dict.fromkeys(name for entry in entries for name in entry.names)
    # one verdict is about all of them, so that data embedded in one of them count for each
    wrong = (entry.descriptor for entry in entries if not _is_sound(entry.descriptor))
    return Root(
        next(wrong, entries[0].descriptor),
        tuple(bearers),
        tuple(name for name in known if name not in bearers),
        entries={tag: entry.descriptor for tag, entry in bearers.items()},
    )
