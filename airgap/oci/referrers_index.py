"""The index of a referrers tag. Entries of other writers stay unchanged (DIST-8, DIST-25)."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import LimitError
from airgap.oci.descriptor import IMAGE_INDEX, Descriptor
from airgap.oci.digest import Digest
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
        """The index with those of `added` at its end that are not listed yet, with artifact type and annotations."""
        known = self.digests
        new = [descriptor.to_json() for descriptor in added if str(descriptor.digest) not in known]
        return replace(self, _entries=(*self._entries, *new))

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
