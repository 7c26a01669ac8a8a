"""An artifact in a registry with what refers to it, as a store that can be read like a layout.

Manifests, referrers and the small blobs that are asked for are fetched, other layers are not. This is enough to show
the tree, and to find the certificates of all signatures.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import AirgapError, ContentError
from airgap.net.source import RegistrySource
from airgap.oci.attached import IMAGE_CONFIGS
from airgap.oci.descriptor import ACQUISITION, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import FoundBy
from airgap.oci.manifest import Index, Manifest, parse_layout_index
from airgap.revocation.artifact import evidence_layers, possible_evidence_layers
from airgap.signature.signature_manifest import is_signature
from airgap.transfer.endpoint import Entry, FoundReferrers
from airgap.transfer.index_writer import index_document
from airgap.transfer.sources import MemoryFile

if TYPE_CHECKING:
    from airgap.net.artifacts import FetchedParts

_ROOT: Final = "artifact"
"""The name of the artifact in the index of the store: its own tag may look like one of cosign's or a referrers tag."""


class FetchedStore:
    """A `Store` of the fetched content."""

    def __init__(self, registry: RegistrySource) -> None:
        self.name: Final = registry.name
        self.found: Final[list[tuple[Descriptor, FoundReferrers]]] = []
        """What was listed as referrers of each manifest, the artifact's first."""
        self.unlisted: Final[list[AirgapError]] = []
        """What was listed as a referrer and cannot be read."""
        self.mechanisms: Final[dict[Digest, FoundBy]] = {}
        """How each referrer was found."""
        self.evidence_bytes = 0
        self._registry: Final = registry
        self._contents: Final[dict[Digest, bytes]] = {}
        self._failed: Final[dict[Digest, ContentError]] = {}
        self._blobs: Final[dict[Digest, Descriptor]] = {}
        self._bytes = 0
        self._entries: Final[list[Entry]] = []

    @property
    def problems(self) -> tuple[AirgapError, ...]:
        """Everything that could not be read."""
        return (*self.unlisted, *self._failed.values())

    def index(self) -> Index:
        """See `Store`: the artifact, and all referrers."""
        return parse_layout_index(index_document(self._entries))

    def size(self, digest: Digest) -> int | None:
        """See `Store`. Raises the error with which it was not fetched."""
        if digest in self._failed:
            raise self._failed[digest]
        content = self._contents.get(digest)
        return None if content is None else len(content)

    def open(self, digest: Digest) -> io.RawIOBase:
        """See `Store`. Other blobs of the manifests are not held, but can be looked into."""
        if digest in self._failed:
            raise self._failed[digest]
        content = self._contents.get(digest)
        if content is not None:
            return MemoryFile(content)
        if digest in self._blobs:
            return self._registry.open_from(self._blobs[digest])
        raise ContentError("content.missing", f"{digest} was not fetched from {self.name}", digest=str(digest))

    def put(self, descriptor: Descriptor, raw: bytes) -> None:
        """Hold bytes that were proven. Raises ContentError."""
        self._bytes += len(raw)
        if self._bytes > limits.GRAPH_BYTES + self.evidence_bytes:
            message = f"the manifests and envelopes in {self.name} have more than {limits.GRAPH_BYTES} bytes"
            raise ContentError("content.limit", message)
        self._contents[descriptor.digest] = raw
        self._failed.pop(descriptor.digest, None)

    def fail(self, descriptor: Descriptor, error: ContentError) -> None:
        """Remember why content is not held: reading it raises this error."""
        if descriptor.digest not in self._contents:
            self._failed.setdefault(descriptor.digest, error)

    def holds(self, digest: Digest) -> bool:
        """Whether content is held; else another descriptor of it may be the right one."""
        return digest in self._contents

    def know(self, manifest: Manifest) -> None:
        """Remember the blobs of a manifest, so that they can be opened."""
        for _, blob in manifest.successors():
            self._blobs.setdefault(blob.digest, blob)

    def list(self, descriptor: Descriptor, tag: str | None = None) -> None:
        """Name a manifest in the index, without the annotations that a list claims for it."""
        self._entries.append(Entry(descriptor=descriptor.bare, tag=tag))


def fetch_artifact(registry: RegistrySource, digest: Digest, parts: FetchedParts) -> tuple[FetchedStore, Descriptor]:
    """The artifact, its children and its referrers, and theirs.

    What cannot be read of it is in the store. Raises NotFoundError, ContentError, and what the transport raises if
    referrers cannot be listed or content cannot be asked for: otherwise a signature could be overlooked.
    """
    store = FetchedStore(registry)
    fetched = registry.manifests.get(digest)
    store.list(fetched.descriptor, _ROOT)
    queue = deque([(fetched.descriptor, 0)])
    seen = {fetched.descriptor.claims}  # not by digest: a wrong descriptor does not hide a right one
    while queue:
        descriptor, depth = queue.popleft()
        manifest = _read(registry, store, descriptor, parts)
        if manifest is None:
            continue
        if depth >= limits.GRAPH_DEPTH:
            message = (
                f"{descriptor.digest} is nested {depth} deep; what is below it, or refers to it, was not looked for"
            )
            store.unlisted.append(ContentError("content.limit", message, digest=str(descriptor.digest)))
            continue
        below = list(_children(manifest))
        if parts.nested or not depth:
            below += _referrers(registry, store, descriptor, parts)
        for child in below:
            if child.claims in seen:
                continue
            seen.add(child.claims)
            if len(seen) > limits.REFERRERS_BELOW:
                message = f"{registry.name} has more than {limits.REFERRERS_BELOW} manifests below {digest}"
                raise ContentError("content.limit", message, digest=str(digest))
            queue.append((child, depth + 1))
    return store, fetched.descriptor


def _children(manifest: Manifest | Index) -> tuple[Descriptor, ...]:
    return manifest.manifests if isinstance(manifest, Index) else ()


def _referrers(
    registry: RegistrySource, store: FetchedStore, descriptor: Descriptor, parts: FetchedParts
) -> Iterator[Descriptor]:
    found = registry.referrers(descriptor, digest_tags=parts.digest_tags)
    store.found.append((descriptor, found))
    for referrer in found.readable(store.unlisted.append):
        if referrer.mechanism is not FoundBy.COSIGN:  # the entry shows the tag
            store.mechanisms.setdefault(referrer.descriptor.digest, referrer.mechanism)
        store.list(referrer.descriptor, referrer.tag)
        yield referrer.descriptor


def _read(
    registry: RegistrySource, store: FetchedStore, descriptor: Descriptor, parts: FetchedParts
) -> Manifest | Index | None:
    try:
        manifest = registry.manifest(descriptor)
    except ContentError as error:
        store.fail(descriptor, error)
        return None
    if manifest is None:
        return None
    store.put(descriptor, manifest.raw)
    if isinstance(manifest, Manifest):
        store.know(manifest)
        for layer in _blobs(store, manifest, parts):
            try:
                raw = registry.read_blob(layer, limits.TARGET_EVIDENCE_BYTES)
            except ContentError as error:
                store.fail(layer, error)
            else:
                store.put(layer, raw)
    return manifest


def _blobs(store: FetchedStore, manifest: Manifest, parts: FetchedParts) -> Iterator[Descriptor]:
    """The blobs to fetch."""
    small = (item for item in (*manifest.layers, *manifest.blobs) if item.size <= limits.ENVELOPE_BYTES)
    config = manifest.config
    if parts.configs and config is not None and config.media_type in IMAGE_CONFIGS:
        yield from (config,) if config.size <= limits.MANIFEST_BYTES else ()
    if is_signature(manifest):
        yield from small if parts.envelopes else ()
    elif manifest.artifact_type == ACQUISITION:
        yield from small if parts.records else ()
    if parts.evidence:
        possible = (item for item in possible_evidence_layers(manifest) if item.size <= limits.CRL_FILE_BYTES)
        for layer in (*evidence_layers(manifest), *possible):
            if not store.holds(layer.digest) and store.evidence_bytes + layer.size <= limits.TARGET_EVIDENCE_BYTES:
                store.evidence_bytes += layer.size
                yield layer
