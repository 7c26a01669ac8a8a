"""One pass over a layout: which entries of `index.json` are artifacts of their own, and what refers to what.

A layout has no list of either (LAYOUT-10): every manifest that `index.json` leads to is read and its subject noted
(`layout_walk.py`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, NamedTuple

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.attached import cosign_suffix, is_image_kind, is_runnable, stated_subject
from airgap.oci.descriptor import ACQUISITION, INDEX_TYPES, NOTARY_SIGNATURE, REF_NAME, Claims, ContentKey, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX
from airgap.oci.entry_names import IndexEntry, Names, read_entries
from airgap.oci.examined_manifests import ExaminedManifests, Read
from airgap.oci.layout_walk import CheckOpaque, LayoutWalk, cosigned, refers_by
from airgap.oci.lookup import FoundBy
from airgap.oci.manifest import Index
from airgap.oci.nodes import Referrer, Root
from airgap.oci.problems import ContentProblem, shortened
from airgap.oci.store import Store, check_embedded
from airgap.oci.tags import cosign_tag, cosign_target, is_referrers_tag, tag_part
from airgap.text import safe


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
    """Unreadable content that may refer to anything. Each artifact reports it, so several are one problem."""
    unread_named: tuple[ContentProblem, ...]
    """The same, of what has a name, likely an artifact of its own: only artifacts outside of `signed` report it."""
    signed: frozenset[Digest]
    """What artifacts with a readable signature reach; empty where nothing with a name is unread."""
    problems: tuple[ContentProblem, ...]
    """Unreadable entries; beyond limits.NOTES_SHOWN only their number."""
    notes: tuple[ContentProblem, ...]


_DAMAGED_INDEX: Final = (
    "Copy the layout again from its source: index.json may have been damaged on its way. If it is the same there, ask "
    "its maker to write it again."
)
"""The remedy for entries that are no descriptors: no digest proves what was sent."""
NO_MECHANISMS: Final[Mapping[Digest, FoundBy]] = MappingProxyType({})


def scan(
    store: Store,
    read: Read,
    check_opaque: CheckOpaque,
    mechanisms: Mapping[Digest, FoundBy] = NO_MECHANISMS,
) -> Scan:
    """Reads every manifest that `index.json` leads to. Content of the layout never makes it raise.

    `mechanisms`: how referrers were found that are entries of `index.json` only because of that.
    """
    examined = ExaminedManifests(store, read)
    return _Scanner(store, examined, LayoutWalk(store, examined, check_opaque, mechanisms)).run()


class _Scanner:
    """Tells the artifacts of a layout, which are judged by themselves, from what belongs to one."""

    def __init__(self, store: Store, examined: ExaminedManifests, walk: LayoutWalk) -> None:
        self._store: Final = store
        self._examined: Final = examined
        self._walk: Final = walk
        self._tagged: Final[dict[tuple[Claims, str], bool]] = {}
        """Whether an index lists referrers under a tag: thousands of entries may give one the same tag."""
        self._entries: tuple[IndexEntry, ...] = ()
        self._doubled: Final[set[int]] = set()
        """Numbers of entries that share their name: an unreadable one may be an attachment of hauler."""

    def run(self) -> Scan:
        index = self._store.index()
        self._walk.problems.extend(unreadable_entries(index))
        examined = self._examined
        self._entries = read_entries(index, examined.is_attachment, examined.may_run)
        names = Names(self._entries, self._store.name)
        for entry, name in names.doubles():
            # LAYOUT-7: not forbidden, but tools differ in which of them they take
            message = f"the tag {safe(name, limit=200)!r} appears twice; it names neither"
            self._walk.note(entry.descriptor, entry.place, message)
            self._doubled.add(entry.number)
        special = [entry for entry in self._entries if self._is_special(entry)]
        numbers = {entry.number for entry in special}
        plain = [entry for entry in self._entries if entry.number not in numbers]
        self._walk.walk_entries(plain, self._doubled)
        # by its subject, what has a cosign tag belongs to an artifact, also if its tag names something else, or itself
        tagged = [entry for entry in special if cosign_target(entry.ref or "")]
        self._walk.walk_entries([entry for entry in tagged if self._examined.find(entry.descriptor)], self._doubled)
        self._attach_aside(names)
        roots = self._roots(plain, special)
        self._walk.note_dangling({entry.descriptor.digest: entry.place for entry in plain})
        for entry, name in names.pinned_elsewhere({str(digest) for digest in self._walk.known}):
            message = f"its name {safe(name, limit=300)!r} ends in the digest of something else"
            self._walk.note(entry.descriptor, entry.place, message)
        unread = [*unreadable_entries(index), *self._walk.unread.values()]
        unread_named = self._walk.unread_named()
        return Scan(
            roots=_merged(roots, names),
            names=names,
            referrers=self._walk.referrers,
            known=self._walk.known,
            unreadable=self._walk.attributed(),
            unread=_unattributed(unread),
            unread_named=_unattributed(unread_named),
            signed=self._walk.signed() if unread_named else frozenset(),
            problems=shortened(self._walk.problems, LAYOUT_INDEX),
            notes=tuple(self._walk.notes),
        )

    def _is_special(self, entry: IndexEntry) -> bool:
        """Whether it has a referrers tag or a cosign tag, and cannot be run by that name.

        A referrer is not judged by itself, but tools run an image by any tag. So an image that has a subject or a
        cosign tag is an artifact of its own.
        """
        ref = entry.ref
        if ref is None or any(tag_part(name) != tag_part(ref) for name in entry.names):
            return False
        if cosign_target(ref) is None:
            key = (entry.descriptor.claims, tag_part(ref))
            if key not in self._tagged:
                self._tagged[key] = self._lists_referrers(entry, ref)
            return self._tagged[key]
        manifest = self._examined.find(entry.descriptor)
        return manifest is None or not self._examined.is_runnable(entry.descriptor, manifest)

    def _lists_referrers(self, entry: IndexEntry, ref: str) -> bool:
        """Whether it is an index under such a tag with a referrer of the tag's subject, or without a readable entry.

        False for an index with an entry that can be run, whatever its subject.
        """
        if entry.descriptor.media_type not in INDEX_TYPES or not is_referrers_tag(ref):
            return False
        index = self._examined.find(entry.descriptor)
        if not isinstance(index, Index):
            return True
        readable = [
            (child, manifest) for child in index.manifests if (manifest := self._examined.find(child)) is not None
        ]
        is_about = not readable or any(refers_by(manifest, ref) for _, manifest in readable)
        return is_about and not any(self._examined.is_runnable(child, manifest) for child, manifest in readable)

    def _attach_aside(self, names: Names) -> None:
        """Content that hauler stores under the name of an image is attached to that image, as under its cosign tag.

        `cosign save` gives no names: its attachments belong to the only image in the layout.
        """
        nameless = [entry for entry in self._entries if entry.ref is None and entry.image is None]
        saved = [entry.descriptor for entry in nameless if is_image_kind(entry.descriptor)]
        one = saved[0] if saved and all(item.same_content(saved[0]) for item in saved) else None
        parts: dict[Claims, set[Digest]] = {}
        """What each image lists: thousands of attachments may name the same one."""
        with_it = {entry.number for entry in nameless if one and self._examined.is_attachment(entry.descriptor)}
        for entry in self._entries:
            manifest = self._examined.find(entry.descriptor) if entry.aside or entry.number in with_it else None
            suffix = cosign_suffix(entry.descriptor, manifest) if manifest and manifest.subject is None else None
            if manifest is None or suffix is None:
                continue
            image = names.image_beside(entry) if entry.aside else one
            if image is not None and image.digest != entry.descriptor.digest:
                stated = stated_subject(entry.descriptor)
                # only parts of the image: otherwise the entry would be reached from nowhere
                if stated is not None and image.claims not in parts:
                    parts[image.claims] = self._examined.children([image])
                target = stated if stated is not None and stated in parts[image.claims] else image.digest
                self._walk.add(target, cosigned(entry.descriptor, manifest, cosign_tag(target, suffix)))

    def _roots(self, plain: list[IndexEntry], special: list[IndexEntry]) -> list[IndexEntry]:
        """The entries that are artifacts of their own (decision 0025), in the order of `index.json`.

        1. Each entry with a name. A referrers tag or a cosign tag counts only if no other artifact reaches what the tag
           is about: else an image could hide under such a tag, and would be run by that name and not be judged.
        2. Each entry that could be run, or is marked as the image: `cosign load` takes it by that mark.
        3. Of the rest, each entry that no other artifact reaches: tools add the children of an index and referrers as
           entries of their own, and those are parts of an artifact.
        4. What an index under a referrers tag lists and no other artifact reaches.
        """
        for entry in special:
            target = cosign_target(entry.ref or "")
            self._walk.waiting[target or tag_part(entry.ref or "")].append(entry)
        chosen = self._offered(plain)
        for entry in chosen:
            self._walk.cover(entry.descriptor)
        for some in self._unnamed(plain):
            for entry in some:
                if entry.descriptor.digest not in self._walk.covered:
                    self._walk.cover(entry.descriptor)
                    chosen.append(entry)
        orphans = [entry for left in self._walk.waiting.values() for entry in left if self._is_artifact(entry)]
        self._walk.waiting.clear()
        self._walk.walk_entries(orphans, self._doubled)
        for entry in orphans:
            self._walk.cover(entry.descriptor)
        chosen += self._misplaced()
        self._report_unreadable(plain)
        return sorted(chosen + orphans, key=lambda entry: entry.number)

    def _misplaced(self) -> list[IndexEntry]:
        """What an index under a referrers tag lists, and what no artifact reaches: else it would not be judged."""
        found: list[IndexEntry] = []
        for entry in self._walk.misplaced:  # which grows meanwhile
            if entry.descriptor.digest not in self._walk.covered and not self._is_stray(entry):
                self._walk.cover(entry.descriptor)
                found.append(entry)
        return found

    def _offered(self, plain: list[IndexEntry]) -> list[IndexEntry]:
        """What has a name, what is marked as the image of the layout, and what else of it could be run.

        Tools that take all of a layout take each entry for an image of its own, whatever refers to what: `docker load`
        offers it by its digest, and of several `nerdctl run oci-archive://` runs the first. So a referrer that is an
        image, or lists one, is judged like what has a name; not so a child of something that is: the signature of that
        covers it.
        """
        named = [entry for entry in plain if entry.names]
        taken = {entry.descriptor.digest for entry in named}
        parts = self._examined.children(entry.descriptor for entry in named)
        nameless = [entry for entry in plain if not entry.names and entry.descriptor.digest not in taken]
        more = [
            entry
            for entry in nameless
            if is_image_kind(entry.descriptor) or self._examined.holds_image(entry.descriptor, parts)
        ]
        found = [
            (entry, manifest) for entry in more if (manifest := self._examined.manifest(entry.descriptor)) is not None
        ]
        parts |= self._examined.children(entry.descriptor for entry, manifest in found if manifest.subject is None)
        found = [(entry, manifest) for entry, manifest in found if entry.descriptor.digest not in parts]
        for entry, manifest in found:
            if manifest.subject is not None:
                refers = f"{entry.descriptor.digest} refers to {manifest.subject.digest}"
                message = f"{refers}, and could be run in its place, so it is judged by itself, too"
                self._walk.note(entry.descriptor, entry.place, message)
        return named + [entry for entry, _ in found]

    def _unnamed(self, plain: list[IndexEntry]) -> Iterator[list[IndexEntry]]:
        """Unnamed entries that may be artifacts; first those that are likely to reach others."""
        unnamed = [entry for entry in plain if not entry.names]
        subjects = {
            entry.number: manifest.subject
            for entry in unnamed
            if (manifest := self._examined.manifest(entry.descriptor))
        }
        readable = [
            entry
            for entry in unnamed
            if entry.number in subjects or not (entry.descriptor.is_manifest or self._walk.refers(entry.descriptor))
        ]
        # an unknown type is no error; its bytes can be checked (LAYOUT-2)
        first = [entry for entry in readable if subjects.get(entry.number) is None]
        children = self._examined.children(
            entry.descriptor for entry in (*first, *(entry for entry in plain if entry.names))
        )
        yield [entry for entry in first if entry.descriptor.digest not in children]
        yield first
        referring = [(entry, subject) for entry in readable if (subject := subjects.get(entry.number)) is not None]
        dangling = {entry.number for entry, subject in referring if subject.digest not in self._walk.known}
        yield [entry for entry, _ in referring if entry.number in dangling and not self._is_stray(entry)]
        yield [entry for entry, _ in referring if not self._is_stray(entry)]

    def _is_stray(self, entry: IndexEntry) -> bool:
        """Whether it is a signature or record whose artifact is missing here; it cannot be run."""
        manifest = self._examined.manifest(entry.descriptor)
        return (
            manifest is not None
            and manifest.artifact_type in {NOTARY_SIGNATURE, ACQUISITION}
            and not is_runnable(self._store, manifest)
        )

    def _is_artifact(self, entry: IndexEntry) -> bool:
        """Whether a tag with a missing subject is an artifact: false for an index without entries."""
        if cosign_target(entry.ref or ""):
            return True
        index = self._examined.find(entry.descriptor)
        if index is None:
            self._walk.take_referrers_tag(entry)  # judging it reports why it cannot be read
        return isinstance(index, Index) and bool(index.manifests)

    def _report_unreadable(self, plain: list[IndexEntry]) -> None:
        """Also entries that state another size, or embed other data, than what some artifact reaches."""
        for entry in plain:
            descriptor = entry.descriptor
            covered = self._walk.covered.get(descriptor.digest)
            is_judged = covered is not None and covered.same_content(descriptor) and _is_sound(descriptor)
            if entry.names or not descriptor.is_manifest or is_judged:
                continue
            try:
                self._examined.read(descriptor)
            except ContentError as error:
                self._walk.problems.append(ContentProblem.of(error, descriptor, entry.place))


def _is_sound(descriptor: Descriptor) -> bool:
    try:
        check_embedded(descriptor)
    except ContentError:
        return False
    return True


def _unattributed(found: Sequence[ContentProblem]) -> tuple[ContentProblem, ...]:
    """Content that may refer to anything: entries that are no descriptors, and unreadable manifests."""
    if len(found) <= limits.UNREAD_REPEATED:
        return tuple(replace(problem, message=f"{problem.message}; {_called(problem)}") for problem in found)
    first = found[0]
    message = (
        f"{len(found)} manifests or entries cannot be read; each may be a signature or another referrer (airgap ls "
        f"lists unreadable entries); the first is {first.path}: {first.message}"
    )
    return (replace(first, message=message, path=LAYOUT_INDEX, descriptor=None),)


def _called(problem: ContentProblem) -> str:
    name = problem.descriptor.annotations.get(REF_NAME) if problem.descriptor else None
    called = f"its name is {safe(name, limit=200)!r}, and " if name else ""
    return f"{called}it may be a signature or another referrer"


def _merged(entries: list[IndexEntry], names: Names) -> tuple[Root, ...]:
    """One root for all entries of the same content, in the order of the first."""
    together: dict[ContentKey, list[IndexEntry]] = {}
    for entry in entries:
        together.setdefault(entry.descriptor.content_key, []).append(entry)
    return tuple(_root(same, names) for same in together.values())


def unreadable_entries(index: Index) -> list[ContentProblem]:
    """A problem for each entry of `index.json` that is no descriptor."""
    return [
        ContentProblem(
            reason="content.malformed",
            message=error.problem,
            path=f"{LAYOUT_INDEX} > {error.where}",
            descriptor=None,
            remedy=_DAMAGED_INDEX,
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
