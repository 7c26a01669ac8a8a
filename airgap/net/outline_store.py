"""The signatures of an artifact in a registry, in memory, as a store that can be read like a layout.

Manifests, referrers, envelopes and evidence are fetched, other layers are not. This is enough to find the
certificates of all signatures.
"""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterator
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, ContentError, LimitError
from airgap.net.source import RegistrySource
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, Manifest, parse_layout_index, parse_manifest
from airgap.revocation.artifact import evidence_of
from airgap.signature.signature_manifest import is_signature
from airgap.transfer.endpoint import Entry
from airgap.transfer.index_writer import index_document
from airgap.transfer.sources import MemoryFile


class OutlineStore:
    """A `Store` of the fetched content. `problems` is what could not be read."""

    def __init__(self, name: str) -> None:
        self.name: Final = name
        self.problems: Final[list[AirgapError]] = []
        self.evidence_bytes = 0
        self._contents: Final[dict[Digest, bytes]] = {}
        self._entries: Final[list[Entry]] = []

    def index(self) -> Index:
        """See `Store`: the artifact, and all referrers."""
        return parse_layout_index(index_document(self._entries))

    def size(self, digest: Digest) -> int | None:
        """See `Store`."""
        content = self._contents.get(digest)
        return None if content is None else len(content)

    def open(self, digest: Digest) -> io.RawIOBase:
        """See `Store`."""
        content = self._contents.get(digest)
        if content is None:
            raise ContentError("content.missing", f"{digest} was not fetched from {self.name}", digest=str(digest))
        return MemoryFile(content)

    def put(self, descriptor: Descriptor, raw: bytes) -> None:
        """Hold bytes that were proven."""
        self._contents[descriptor.digest] = raw

    def list(self, descriptor: Descriptor, tag: str | None = None) -> None:
        """Name a manifest in the index."""
        self._entries.append(Entry(descriptor=descriptor, tag=tag))


def outline(registry: RegistrySource, reference: str | Digest) -> tuple[OutlineStore, Descriptor]:
    """The artifact, and everything that shows who signed it, its children and its referrers.

    Raises NotFoundError, LimitError, and what the transport raises if referrers cannot be listed: otherwise the
    certificates of an overlooked signature would be missing.
    """
    result = OutlineStore(registry.name)
    fetched = registry.manifests.get(reference)
    result.put(fetched.descriptor, fetched.raw)
    result.list(fetched.descriptor, None if isinstance(reference, Digest) else reference)
    queue = deque([(fetched.descriptor, parse_manifest(fetched.raw, fetched.descriptor.media_type), 0)])
    seen = {fetched.descriptor.digest}
    while queue:
        descriptor, manifest, depth = queue.popleft()
        below = [*_children(manifest), *_referrers(registry, result, descriptor)] if depth < limits.GRAPH_DEPTH else []
        for child in below:
            if child.digest in seen:
                continue
            seen.add(child.digest)
            if len(seen) > limits.REFERRERS:
                raise LimitError(f"{registry.name} has more than {limits.REFERRERS} manifests below {reference}")
            read = _read(registry, result, child)
            if read is not None:
                queue.append((child, read, depth + 1))
    return result, fetched.descriptor


def _children(manifest: Manifest | Index) -> tuple[Descriptor, ...]:
    return manifest.manifests if isinstance(manifest, Index) else ()


def _referrers(registry: RegistrySource, result: OutlineStore, descriptor: Descriptor) -> tuple[Descriptor, ...]:
    found = registry.finder.find(descriptor.digest).readable(result.problems.append)
    entries = tuple(item.descriptor for item in found)
    for entry in entries:
        result.list(entry)
    return entries


def _read(registry: RegistrySource, result: OutlineStore, descriptor: Descriptor) -> Manifest | Index | None:
    if not descriptor.is_manifest:
        return None
    try:
        manifest = registry.manifest(descriptor)
    except AirgapError as error:
        result.problems.append(error)
        return None
    result.put(descriptor, manifest.raw)
    if isinstance(manifest, Manifest):
        for layer in _wanted(result, manifest):
            result.put(layer, registry.read_blob(layer, limits.BOX_EVIDENCE_BYTES))
    return manifest


def _wanted(result: OutlineStore, manifest: Manifest) -> Iterator[Descriptor]:
    """The blobs to fetch: envelopes, and evidence that is attached already."""
    if is_signature(manifest):
        yield from (layer for layer in (*manifest.layers, *manifest.blobs) if layer.size <= limits.ENVELOPE_BYTES)
    else:
        for layer in evidence_of(manifest):
            if result.size(layer.digest) is None and result.evidence_bytes + layer.size <= limits.BOX_EVIDENCE_BYTES:
                result.evidence_bytes += layer.size
                yield layer
