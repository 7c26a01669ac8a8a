"""The names of the entries of `index.json`, and the one way to look up a name.

Two annotations name an entry: `org.opencontainers.image.ref.name` (skopeo, podman, oras) and `io.containerd.image.name`
(containerd, docker). Some tools give several entries one name. hauler gives an image's name to everything that is
attached to it; `docker save a:latest b:latest` gives both the tag `latest`, and their full names in the other
annotation. A name that two tools could resolve to two artifacts is refused (decision 0025).
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final, NamedTuple, Self

from airgap.errors import NotFoundError
from airgap.oci.descriptor import BASE_NAME, CONTAINERD_NAME, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX
from airgap.oci.manifest import Index
from airgap.oci.reference import whole_docker_name
from airgap.oci.tags import position, tag_part
from airgap.text import safe, some, strange

_IMPORTED: Final = re.compile(r"^import-[0-9]{4}-[0-9]{2}-[0-9]{2}:")
"""What `ctr images import` puts before a short name: the day."""
_SHOWN: Final = 10
_LONGEST: Final = 200
_DIGEST: Final = re.compile(r"sha(256|384|512):")
_DIGEST_AS_TAG: Final = "A digest is written after an @, not after a colon: LAYOUT@sha256:..."


class IndexEntry(NamedTuple):
    """An entry of `index.json`."""

    descriptor: Descriptor
    number: int
    names: tuple[str, ...]
    """Every name by which some tool runs it."""
    aside: bool = False
    """It is attached to the image of this name, and cannot be run in its place: the name belongs to the image."""

    @classmethod
    def of(cls, descriptor: Descriptor, number: int) -> Self:
        """The entry with this number, and the names in its annotations."""
        annotations = descriptor.annotations
        found = (annotations.get(REF_NAME), annotations.get(CONTAINERD_NAME)) if annotations else ()
        return cls(descriptor, number, tuple(dict.fromkeys(filter(None, found))))

    @property
    def ref(self) -> str | None:
        """The ref.name; no tool uses an empty one."""
        return self.descriptor.annotations.get(REF_NAME) or None

    @property
    def image(self) -> str | None:
        """The name that containerd gives it."""
        return self.descriptor.annotations.get(CONTAINERD_NAME) or None

    @property
    def base(self) -> str | None:
        """The name that zarf gives it when it pushes the images of a package, and no other tool."""
        return self.descriptor.annotations.get(BASE_NAME) if self.ref is None else None

    @property
    def place(self) -> str:
        """`index.json > manifests[3]`."""
        return f"{LAYOUT_INDEX} > manifests[{self.number}]"


def read_entries(
    index: Index,
    is_attachment: Callable[[Descriptor], bool],
    may_run: Callable[[Descriptor], bool],
) -> tuple[IndexEntry, ...]:
    """The entries of `index.json`.

    `is_attachment` tells whether content is attached to something and cannot run itself, `may_run` whether it may be an
    image. Files, charts and modules keep their names. So does what is attached and comes before the image of its name,
    as skopeo takes it by that name.
    """
    entries = [IndexEntry.of(descriptor, number) for number, descriptor in enumerate(index.manifests)]
    bearers: defaultdict[str, list[IndexEntry]] = defaultdict(list)
    for entry in entries:
        for name in entry.names:
            bearers[name].append(entry)
    kept: set[str] = set()
    """Names that an attachment shares with something that is none."""
    attached: dict[int, IndexEntry] = {}
    leading: set[int] = set()
    for name, group in bearers.items():
        if _is_one(group):
            continue
        apart = {entry.number: entry for entry in group if is_attachment(entry.descriptor)}
        rest = [entry for entry in group if entry.number not in apart]
        if rest and all(may_run(entry.descriptor) for entry in rest):
            kept.add(name)
            # skopeo takes the first entry with this ref.name, and knows no other annotation
            first_by_ref = next((entry.number for entry in rest if entry.ref == name), len(entries))
            leading |= {
                number
                for number, entry in apart.items()
                if number < (first_by_ref if entry.ref == name else rest[0].number)
            }
        attached |= apart
    aside = {number for number, entry in attached.items() if kept.issuperset(entry.names)} - leading
    return tuple(entry._replace(aside=True, names=()) if entry.number in aside else entry for entry in entries)


class Names:
    """The names of one layout's entries."""

    def __init__(self, entries: Sequence[IndexEntry], source: str) -> None:
        """`source`: what messages call the layout, safe to show."""
        self._entries: Final = entries
        self._source: Final = source
        self._bearers: Final[defaultdict[str, list[IndexEntry]]] = defaultdict(list)
        self._by_pin: Final[defaultdict[str, list[tuple[IndexEntry, str]]]] = defaultdict(list)
        """By the digest that a name ends in, which need not be the entry's; with that name."""
        for entry in entries:
            for name in entry.names:
                self._bearers[name].append(entry)
                self._by_pin[name.rpartition("@")[2]].append((entry, name))
        # called for each entry; a hostile layout may give all of them one name
        self._single: Final = {name for name, group in self._bearers.items() if _is_one(group)}
        self._whole_names: Final = {
            name: {entry.image for entry in group} for name, group in self._bearers.items() if len(group) > 1
        }
        """The names for containerd of the entries that share a name."""

    def tag_of(self, entry: IndexEntry) -> str | None:
        """The name to show and copy an entry by: its ref.name if no other entry has it, else containerd's name.

        None if it has no name, or only names that others have, too.
        """
        ref, image = (entry.ref, entry.image) if entry.names else (None, None)
        if ref in self._single and (image is None or self._whole_names.get(ref, set()) <= {image, None}):
            return ref
        return image if image in self._single else None

    def all(self) -> dict[str, frozenset[Digest]]:
        """Every name that some tool accepts here, and the entries that it may lead to."""
        return {
            name: frozenset(entry.descriptor.digest for entry in entries) for name, entries in self._bearers.items()
        }

    def groups(self, digest: Digest) -> Sequence[tuple[str, ...]]:
        """The names of each entry with this digest: a tool takes an entry by any of its names."""
        return self._groups.get(digest, ())

    @cached_property
    def _groups(self) -> Mapping[Digest, Sequence[tuple[str, ...]]]:
        found: defaultdict[Digest, list[tuple[str, ...]]] = defaultdict(list)
        for entry in self._entries:
            found[entry.descriptor.digest].append(entry.names)
        return found

    def doubles(self) -> Iterator[tuple[IndexEntry, str]]:
        """Entries without a name of their own, each with the first name that it shares."""
        for entry in self._entries:
            if entry.names and self.tag_of(entry) is None:
                yield entry, entry.names[0]

    def pinned_elsewhere(self, known: Container[str]) -> Iterator[tuple[IndexEntry, str]]:
        """Entries with a name that ends in the digest of something else that is `known` here, each with that name."""
        for digest, bearers in self._by_pin.items():
            if digest in known:
                yield from (bearer for bearer in bearers if str(bearer[0].descriptor.digest) != digest)

    def image_beside(self, entry: IndexEntry) -> Descriptor | None:
        """The image whose names an attached entry has; None if there is not exactly one."""
        names = [name for name in (entry.ref, entry.image) if name is not None]
        firsts = [self._bearers[name][0].descriptor for name in names]
        one = all(name in self._single for name in names) and all(item.same_content(firsts[0]) for item in firsts)
        return firsts[0] if one else None

    def look_up(self, name: str) -> tuple[IndexEntry, str]:
        """The entry that `name` names, and its name as the layout has it.

        A full name, or the tag part of one. Raises NotFoundError if there is none, or if it is ambiguous: tools differ
        in which of two entries with one name they take (LAYOUT-7), and if no ref.name is the full name, regctl takes
        one that ends with it. docker and nerdctl run what has the name as they complete it. skopeo takes `@1` for the
        second entry, whatever it is called.
        """
        exact = self._bearers.get(name, [])
        found = exact or list(self._by_tag.get(name, {}).values())
        if found and all(entry.ref != name for entry in exact):
            found = list({entry.number: entry for entry in (*found, *self._by_end.get(name, ()))}.values())
        if not found:
            odd = f" ({strange(name)})" if strange(name) else ""
            raise NotFoundError(
                f"{self._source} has no tag {safe(name, limit=_LONGEST)!r}{odd}{self.listed()}",
                remedy=_DIGEST_AS_TAG if _DIGEST.match(name) else "Name one of its tags, or a digest with @.",
                tag=safe(name),
            )
        entry = found[0]
        called = name if exact else next(whole for whole in entry.names if tag_part(whole) == name)
        others = (*self._completed_as(name, called), *self._at(name))
        found = list({entry.number: entry for entry in (*found, *others)}.values())
        if not _is_one(found):
            raise self._ambiguous(name, found)
        return entry, called

    @cached_property
    def _by_tag(self) -> Mapping[str, Mapping[int, IndexEntry]]:
        """By the tag part of their names; a whole layout is asked for no name."""
        found: defaultdict[str, dict[int, IndexEntry]] = defaultdict(dict)
        for entry in self._entries:
            for name in entry.names:
                found[tag_part(name)][entry.number] = entry
        return found

    @cached_property
    def _by_end(self) -> Mapping[str, Sequence[IndexEntry]]:
        """By the part of their name after the last colon; `:v1` and `x@y:v1` have no such part."""
        found: defaultdict[str, list[IndexEntry]] = defaultdict(list)
        for entry in self._entries:
            for name in entry.names:
                found[name.rpartition(":")[2]].append(entry)
        return found

    @cached_property
    def _by_docker(self) -> Mapping[str, Mapping[int, IndexEntry]]:
        """By the name that docker makes of theirs; most layouts are asked for no name."""
        found: defaultdict[str, dict[int, IndexEntry]] = defaultdict(dict)
        for entry in self._entries:
            if entry.base:
                found[_completed(entry.base)][entry.number] = entry
        for name, entries in self._bearers.items():
            found[_completed(name)].update((entry.number, entry) for entry in entries)
        return found

    def _completed_as(self, *names: str) -> Iterator[IndexEntry]:
        for name in dict.fromkeys(map(_completed, names)):
            yield from self._by_docker.get(name, {}).values()

    def _at(self, name: str) -> Sequence[IndexEntry]:
        """The entry that skopeo takes by a name of that form."""
        number = position(name)
        return self._entries[number:][:1] if number is not None else ()

    def check_pinned(self, name: str, digest: Digest) -> None:
        """Refuses a tag with a digest, as typed, where the tag is no name of what has the digest. Raises NotFoundError.

        A tag that is ambiguous may be typed with the digest of each of its artifacts.
        """
        self.check_literal(name, digest)
        tag = name.rpartition("@")[0]
        named = [*self._bearers.get(name, ()), *self._bearers.get(tag, ()), *self._by_tag.get(tag, {}).values()]
        if any(entry.descriptor.digest == digest for entry in named):
            return
        if named:
            others = some(list(dict.fromkeys(str(entry.descriptor.digest) for entry in named)), _SHOWN)
            problem = f"the tag {safe(tag, limit=_LONGEST)!r} of {self._source} names {others}, not {digest}"
        else:
            problem = f"{self._source} has no tag {safe(tag, limit=_LONGEST)!r}{self.listed()}"
        raise NotFoundError(
            problem, remedy=f"Name what is meant alone: by its tag, or by its digest (@{digest}).", tag=safe(tag)
        )

    def check_literal(self, name: str, digest: Digest) -> None:
        """Refuses a digest, or a tag with one, if other tools would take another artifact by it.

        It may be the full name of another entry. And where a name ends in the digest, containerd and the tools on top
        of it (CRI, nerdctl) run the entry of that name without comparing the digest. Raises NotFoundError.
        """
        bearers = [(entry, name) for entry in self._bearers.get(name, ())] + self._by_pin.get(str(digest), [])
        for entry, whole in bearers:
            if entry.descriptor.digest != digest:
                other = "" if whole == name else f"{safe(whole, limit=_LONGEST)!r} "
                raise NotFoundError(
                    f"{safe(name, limit=_LONGEST)!r} names {digest}, and {other}is the whole name of "
                    f"{entry.descriptor.digest} in {self._source}; tools disagree on which one it means",
                    remedy="Name the whole layout, or a tag.",
                    tag=safe(name),
                )

    def _ambiguous(self, name: str, found: Sequence[IndexEntry]) -> NotFoundError:
        wholes = {
            next(
                (whole for whole in entry.names if name in {whole, tag_part(whole)}),
                (*entry.names, entry.base or "")[0],
            )
            for entry in found
        }
        how = "is ambiguous"
        if len(wholes) == 1:
            name, how = wholes.pop(), "appears twice"
        shown = some(found, _SHOWN, lambda entry: self._shown(entry, name), joined=" and ")
        return NotFoundError(
            f"the tag {safe(name, limit=_LONGEST)!r} {how} in {self._source}, on {shown}; tools disagree on "
            "which one it means",
            remedy="Give the whole name where that names one thing, or a digest with @.",
            tag=safe(name),
        )

    def _shown(self, entry: IndexEntry, name: str) -> str:
        whole = self.tag_of(entry)
        digest = str(entry.descriptor.digest)
        return f"{safe(whole, limit=_LONGEST)!r} ({digest})" if whole and whole != name else digest

    def listed(self) -> str:
        """The names there are, as the end of a sentence."""
        names = dict.fromkeys(self.tag_of(entry) or entry.names[0] for entry in self._entries if entry.names)
        return names_there(names) if names else "; it has no tags"


def _completed(name: str) -> str:
    """What docker makes of a name: with a registry, a folder and a tag. One with a digest is left as it is.

    A short one is equal to what ctr makes of that.
    """
    name = _IMPORTED.sub("", name, count=1)
    return name if "@" in name else whole_docker_name(name)


def _is_one(entries: Sequence[IndexEntry]) -> bool:
    return all(entry.descriptor.same_content(entries[0].descriptor) for entry in entries)


def names_there(names: Iterable[str]) -> str:
    """Some names, as the end of a sentence; nothing where there are none."""
    known = list(names)
    return f"; there are {some(known, _SHOWN, lambda name: repr(safe(name, limit=100)))}" if known else ""
