"""Everything that a layout lists, by its bytes alone: for evidence, which proves itself wherever it is (decision 0020).

The graph of a layout (`airgap.oci.graph`) says what is an artifact, a child or a referrer, and refuses descriptors that
disagree with their content. None of that may hide evidence. So here every descriptor counts, in any index, under any
tag and with any subject, and only the digest has to be right.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Final

from airgap import limits
from airgap.errors import ContentError, FormatError
from airgap.oci.descriptor import (
    ARTIFACT_MANIFEST,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    MANIFEST_TYPES,
    Descriptor,
    ManifestKey,
)
from airgap.oci.digest import Digest
from airgap.oci.examined_manifests import Read
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.oci.store import Store, as_stored, embedded, read_verified
from airgap.parse.json import JsonObject, Reading, load_object


class AllManifests:
    """The manifests and other entries that a layout lists, at any depth, in the order in which they are met."""

    def __init__(self, store: Store, read: Read) -> None:
        """Reads every manifest. Content of the layout never makes it raise."""
        self._store: Final = store
        self._read: Final = read
        self._by_digest: Final[dict[Digest, Manifest | Index | None]] = {}
        """What blobs are, if a descriptor of them is wrong or of another type; None for what is no manifest."""
        self._bytes = 0
        self.manifests: Final[list[Manifest]] = []
        """Each once."""
        self.entries: Final[list[Descriptor]] = []
        """Entries of indexes that are no manifests."""
        self.is_complete = True
        """False where there is more than is read."""
        self._walk(store.index())

    def _walk(self, start: Index) -> None:
        waiting: deque[Index | Manifest] = deque([start])
        done: set[ManifestKey] = set()
        left = limits.GRAPH_REACHED
        while waiting:
            for descriptor in _below(waiting.popleft()):
                left -= 1
                if left < 0:
                    self.is_complete = False
                    return
                if descriptor.manifest_key in done:
                    continue
                manifest = self._manifest(descriptor)
                if manifest is None:
                    self.entries.append(descriptor)
                    continue
                key = descriptor.digest, manifest.media_type
                if key not in done:
                    done.add(key)
                    waiting.append(manifest)
                    if isinstance(manifest, Manifest):
                        self.manifests.append(manifest)

    def _manifest(self, descriptor: Descriptor) -> Manifest | Index | None:
        """The manifest or index; None for other content, and for what is not there."""
        if descriptor.is_manifest:
            try:
                return self._read(descriptor)
            except ContentError:
                pass  # the graph reports it
        digest = descriptor.digest
        if self._by_digest.get(digest) is None and (data := embedded(descriptor)) is not None:
            self._by_digest[digest] = self._parsed(data)
        elif digest not in self._by_digest:
            try:
                raw = read_verified(self._store, as_stored(self._store, descriptor), limits.MANIFEST_BYTES)
            except ContentError:
                raw = b""
            self._by_digest[digest] = self._parsed(raw)
        return self._by_digest[digest]

    def _parsed(self, raw: bytes) -> Manifest | Index | None:
        if raw.lstrip()[:1] != b"{":
            return None
        self._bytes += len(raw)
        if self._bytes > limits.GRAPH_BYTES:
            self.is_complete = False
            return None
        try:
            document = load_object(raw, Reading.OPEN, limit=limits.MANIFEST_BYTES)
            return parse_manifest(raw, _media_type(document))
        except FormatError:
            return None


def _below(manifest: Index | Manifest) -> Iterator[Descriptor]:
    """What may be a manifest, and all entries of an index."""
    listed = manifest.successors() if isinstance(manifest, Index) else manifest.children()
    yield from (below for _, below in listed)
    if manifest.subject is not None:
        yield manifest.subject


def _media_type(document: JsonObject) -> str:
    """What a document says that it is, or looks like."""
    stated = document.get("mediaType")
    if isinstance(stated, str) and stated in MANIFEST_TYPES:
        return stated
    return IMAGE_INDEX if "manifests" in document else ARTIFACT_MANIFEST if "blobs" in document else IMAGE_MANIFEST
