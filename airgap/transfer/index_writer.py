"""Writes and merges `index.json`: entries and members of others stay, but for what they say of the same content."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.oci.descriptor import CONTAINERD_NAME, IMAGE_INDEX, REF_NAME
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX, malformed
from airgap.oci.referrers_index import corrected
from airgap.oci.tags import is_referrers_tag, tag_part
from airgap.parse.json import Reading, dump, load_object, take_list
from airgap.transfer.endpoint import Entry, NamingResult

LAYOUT_CONTENT: Final = b'{"imageLayoutVersion":"1.0.0"}'
EMPTY_INDEX: Final = b'{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'


def index_document(entries: Sequence[Entry]) -> bytes:
    """A new `index.json` that lists `entries`, the same bytes for the same entries in any order. Raises LimitError."""
    # one entry for each tag or digest: a copy may find the same content twice
    unique = {_order(entry): entry for entry in sorted(entries, key=_order, reverse=True)}
    manifests = [entry_json(unique[name]) for name in sorted(unique)]
    return _dumped({"schemaVersion": 2, "mediaType": IMAGE_INDEX}, manifests, "the layout")


def merged_index(
    current: bytes, entries: Sequence[Entry], *, drop: Collection[Digest], source: str
) -> tuple[bytes, NamingResult]:
    """`current` with `entries` listed; the same bytes if they are listed already.

    A tag names one artifact: it moves, and the former artifact stays listed without it. `drop` removes entries without
    a tag and those with a tag of `entries`; entries with another name stay. Where one states another type or size for
    content of `entries`, it gets theirs: that was proven. Raises ContentError for an unreadable `index.json`,
    LimitError for one that would become too large.
    """
    try:
        document = load_object(current, Reading.WHOLE, limit=limits.LAYOUT_INDEX_BYTES, what=f"layout's {LAYOUT_INDEX}")
        listed = [*take_list(document, "manifests", lambda item: item, limit=limits.INDEX_ENTRIES)]
    except FormatError as error:
        raise malformed(f"{source} has an {LAYOUT_INDEX} that cannot be read: {error}") from None
    dropped = {str(digest) for digest in drop} - {str(entry.descriptor.digest) for entry in entries}
    taken = {entry.tag for entry in entries if entry.tag is not None}
    kept = [
        item
        for item in listed
        if not (isinstance(item, dict) and item.get("digest") in dropped and _is_free(_tag(item), taken))
    ]
    wanted = sorted(set(entries), key=_order)
    table = _Table(corrected(kept, (entry.descriptor for entry in wanted)))
    for entry in wanted:
        table.take(entry)
    if table.items == listed:
        return current, NamingResult()
    return _dumped(document, table.items, source), NamingResult(table.added, tuple(table.moved))


def _dumped(document: Mapping[str, Any], entries: Sequence[Any], source: str) -> bytes:
    """The document with these entries, within the bounds of those who read it."""
    raw = dump({**document, "manifests": entries})
    if len(entries) > limits.INDEX_ENTRIES or len(raw) > limits.LAYOUT_INDEX_BYTES:
        raise LimitError(
            f"{source} would list {len(entries)} entries in {len(raw)} bytes, more than are read",
            remedy="Copy to several layouts or tars, some artifacts to each.",
        )
    return raw


class _Table:
    """The entries of an `index.json`, by name and digest."""

    def __init__(self, items: list[Any]) -> None:
        self.items = items
        self.added = 0
        self.moved: dict[str, None] = {}
        self._others: defaultdict[str, defaultdict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
        """The former entries by name and digest; the names of new entries are final."""
        self._tagged: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        """Entries by tag and digest that have or had the tag."""
        self._listed: set[str] = set()
        """Digests."""
        self._bare: dict[str, int] = {}
        """Unnamed entries by digest."""
        for number, item in enumerate(items):
            if isinstance(item, dict):
                self._list(number)
                for name in _names(item):
                    self._others[name][str(item.get("digest"))].append(number)

    def _list(self, number: int) -> None:
        item = self.items[number]
        digest = str(item.get("digest"))
        self._listed.add(digest)
        if (tag := _tag(item)) is not None:
            self._tagged[tag, digest].append(number)
        if not _names(item):
            self._bare.setdefault(digest, number)

    def take(self, entry: Entry) -> None:
        digest = str(entry.descriptor.digest)
        new = entry_json(entry)
        if entry.tag is None:
            if digest not in self._listed:
                self._append(new)
            return
        for name in _names(new):
            self._take_from_others(name, digest)
        if self._is_named(entry.tag, digest, _annotation(new, CONTAINERD_NAME)):
            return
        bare = self._bare.pop(digest, None)
        if bare is None:
            self._append(new)
            return
        # an unnamed entry gets the name, instead of a second entry
        self.items[bare] = new
        self._list(bare)
        self.added += 1

    def _append(self, item: dict[str, Any]) -> None:
        self.items.append(item)
        self._list(len(self.items) - 1)
        self.added += 1

    def _is_named(self, tag: str, digest: str, image: str | None) -> bool:
        """Whether an entry has both names, or only lacks containerd's, which it then gets."""
        for number in self._tagged[tag, digest]:
            item = self.items[number]
            if _tag(item) != tag:
                continue
            known = _annotation(item, CONTAINERD_NAME)
            if image is None or known == image:
                return True
            if known is None:
                self.items[number] = {**item, "annotations": {**item["annotations"], CONTAINERD_NAME: image}}
                self.added += 1
                return True
        return False

    def _take_from_others(self, name: str, digest: str) -> None:
        """The name moves: several entries may have it, as a tag or as containerd's name."""
        found = self._others[name]
        same = found.pop(digest, [])
        for number in (number for numbers in found.values() for number in numbers):
            if name in _names(self.items[number]):
                self._unname(number, name)
                self.moved[name] = None
        found.clear()
        if same:
            found[digest] = same

    def _unname(self, number: int, name: str) -> None:
        item = self.items[number]
        annotations = dict(item["annotations"])
        image = _annotation(item, CONTAINERD_NAME)
        if _tag(item) == name:
            del annotations[REF_NAME]
        if image is not None and (image == name or (REF_NAME not in annotations and _fits(image, name))):
            del annotations[CONTAINERD_NAME]
        self.items[number] = {**item, "annotations": annotations}
        if not annotations:
            del self.items[number]["annotations"]
        if not _names(self.items[number]):
            self._bare.setdefault(str(item.get("digest")), number)


def entry_json(entry: Entry) -> dict[str, Any]:
    """The entry in the form of `index.json`."""
    given = entry.descriptor.annotations
    annotations = {key: value for key, value in given.items() if key != REF_NAME}
    name = annotations.get(CONTAINERD_NAME)
    renamed = entry.tag is not None and entry.tag != given.get(REF_NAME)
    if name is not None and renamed and not _fits(name, entry.tag or ""):
        del annotations[CONTAINERD_NAME]  # containerd would still run it by the name of its former layout
    if entry.tag is not None:
        annotations[REF_NAME] = entry.tag
    return replace(entry.descriptor, annotations=annotations, data=None).to_json()


def names_of(entry: Entry) -> tuple[str, ...]:
    """Every name that some tool accepts for such an entry."""
    return _names(entry_json(entry))


def _fits(name: str, tag: str) -> bool:
    """Whether containerd's full name matches a tag, which may be full, short, or without its registry."""
    return name == tag or tag_part(name) == tag or name.endswith(f"/{tag}")


def _tag(item: Mapping[str, Any]) -> str | None:
    return _annotation(item, REF_NAME)


def _names(item: Mapping[str, Any]) -> tuple[str, ...]:
    found = (_annotation(item, key) for key in (REF_NAME, CONTAINERD_NAME))
    return tuple(dict.fromkeys(name for name in found if name is not None))


def _annotation(item: Mapping[str, Any], key: str) -> str | None:
    annotations = item.get("annotations")
    value = annotations.get(key) if isinstance(annotations, dict) else None
    return value if isinstance(value, str) and value else None


def _is_free(tag: str | None, taken: Collection[str]) -> bool:
    """Whether an entry to remove has no name of its own; a referrers tag in its long form is none (D46)."""
    return tag is None or tag in taken or (is_referrers_tag(tag) and any(tag.startswith(name) for name in taken))


def _order(entry: Entry) -> tuple[bool, str, str]:
    return entry.tag is None, entry.tag or "", str(entry.descriptor.digest)
