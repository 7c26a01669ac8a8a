"""The index that a referrers tag names: what other writers put there stays as it is (DIST-8, DIST-25)."""

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
    """A list of referrers, with whatever else stands in the document."""

    _members: JsonObject
    _entries: tuple[Any, ...] = ()

    @classmethod
    def empty(cls) -> Self:
        """Where there is no tag yet."""
        return cls(_NEW)

    @classmethod
    def parse(cls, raw: bytes) -> Self:
        """Raises FormatError."""
        document = load_object(raw, Reading.OPEN, what="index")
        return cls(document, take_list(document, "manifests", lambda item: item, limit=limits.INDEX_ENTRIES))

    @property
    def digests(self) -> frozenset[str]:
        """What is listed, as it is written."""
        return frozenset(str(item.get("digest")) for item in self._entries if isinstance(item, dict))

    def listing(self, added: Iterable[Descriptor]) -> Self:
        """With those of `added` behind that are not listed yet; each has its artifact type and annotations."""
        known = self.digests
        new = [descriptor.to_json() for descriptor in added if str(descriptor.digest) not in known]
        return replace(self, _entries=(*self._entries, *new))

    def joined(self, other: Self) -> Self:
        """With what another one lists behind, as it is written there."""
        known = self.digests
        new = (item for item in other._entries if not (isinstance(item, dict) and item.get("digest") in known))
        return replace(self, _entries=(*self._entries, *new))

    def without(self, gone: Collection[Digest]) -> Self:
        """Without these."""
        names = {str(digest) for digest in gone}
        kept = (item for item in self._entries if not (isinstance(item, dict) and item.get("digest") in names))
        return replace(self, _entries=tuple(kept))

    def encode(self) -> tuple[Descriptor, bytes]:
        """The document, and what describes it. Raises LimitError where nobody would read it."""
        raw = dump({**_NEW, **self._members, "manifests": list(self._entries)})
        if len(self._entries) > limits.REFERRERS or len(raw) > limits.MANIFEST_BYTES:
            raise LimitError(f"an index of {len(self._entries)} referrers is too large for a referrers tag")
        return Descriptor(media_type=IMAGE_INDEX, digest=Digest.of(raw), size=len(raw)), raw
