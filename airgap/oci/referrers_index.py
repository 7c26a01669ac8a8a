"""The index of a referrers tag. Entries of other writers stay unchanged (DIST-8, DIST-25).

But what an entry says of content that is written now is proven: where it is wrong, readers would refuse the content.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.oci.descriptor import IMAGE_INDEX, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.store import embedded
from airgap.parse.json import JsonObject, Reading, dump, load_object, take_list

_NEW: Final[JsonObject] = {"schemaVersion": 2, "mediaType": IMAGE_INDEX}


@dataclass(frozen=True, slots=True)
class ReferrersIndex:
    """A list of referrers, with all other members of the document."""

    _members: JsonObject
    _entries: tuple[Any, ...] = ()

    @classmethod
    def empty(cls) -> Self:
        """The index for a tag that does not exist yet."""
        return cls(_NEW)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Raises FormatError."""
        document = load_object(raw, Reading.WHOLE, what="index")
        return cls(document, take_list(document, "manifests", lambda item: item, limit=limits.INDEX_ENTRIES))

    @property
    def digests(self) -> frozenset[str]:
        """The listed digests, as written."""
        return frozenset(str(item.get("digest")) for item in self._entries if isinstance(item, dict))

    def listing(self, added: Iterable[Descriptor]) -> Self:
        """The index with those of `added` at its end that are not listed yet, with artifact type and annotations.

        Where it lists one with another type or size, that is put right.
        """
        right = {str(descriptor.digest): descriptor for descriptor in added}
        known = self.digests
        new = [descriptor.to_json() for digest, descriptor in right.items() if digest not in known]
        return replace(self, _entries=(*corrected(self._entries, right.values()), *new))

    def joined(self, other: Self) -> Self:
        """With what another one lists, added at the end as it is written there."""
        known = self.digests
        new = (item for item in other._entries if not (isinstance(item, dict) and item.get("digest") in known))
        return replace(self, _entries=(*self._entries, *new))

    def without(self, gone: Collection[Digest]) -> Self:
        """Without these."""
        names = {str(digest) for digest in gone}
        kept = (item for item in self._entries if not (isinstance(item, dict) and item.get("digest") in names))
        return replace(self, _entries=tuple(kept))

    def encode(self) -> tuple[Descriptor, bytes]:
        """The document and its descriptor. Raises LimitError if readers would refuse its size."""
        raw = dump({**_NEW, **self._members, "manifests": list(self._entries)})
        if len(self._entries) > limits.REFERRERS or len(raw) > limits.MANIFEST_BYTES:
            raise LimitError(f"an index of {len(self._entries)} referrers is too large for a referrers tag")
        return Descriptor.of(IMAGE_INDEX, raw), raw


def corrected(entries: Iterable[Any], proven: Iterable[Descriptor]) -> list[Any]:
    """Entries of a list as they are, but those with the digest of one of `proven`: these lead to that content."""
    right: dict[str, list[Descriptor]] = {}
    for descriptor in proven:
        right.setdefault(str(descriptor.digest), []).append(descriptor)
    return [
        _leading_to(right[item["digest"]], item)
        if isinstance(item, dict) and isinstance(item.get("digest"), str) and item["digest"] in right
        else item
        for item in entries
    ]


def _leading_to(proven: Sequence[Descriptor], item: JsonObject) -> JsonObject:
    """The entry, if it states the type, size and data of one of `proven`; else with those, and its own names."""
    annotations = item.get("annotations")
    try:
        listed = Descriptor.from_json(item)
    except FormatError:
        names = annotations if isinstance(annotations, dict) else {}
        kept: JsonObject = {"annotations": {key: text for key, text in names.items() if isinstance(text, str)}}
    else:
        if listed.data == embedded(listed) and any(_is_same(listed, descriptor) for descriptor in proven):
            return item
        kept = {key: value for key, value in item.items() if key != "data"}
    return {**kept, **replace(proven[0], annotations={}, data=None).to_json()}


def _is_same(listed: Descriptor, proven: Descriptor) -> bool:
    kinds = {listed.artifact_type, proven.artifact_type}
    return listed.same_content(proven) and (None in kinds or len(kinds) == 1)
