"""Sources of a copy without a network: layouts, and bytes in memory."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Final

from airgap.errors import AirgapError, ContentError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import BLOBS, LayoutOnDisk
from airgap.oci.graph import Graph
from airgap.oci.layout import LayoutDirectory
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.manifest import Index, Manifest
from airgap.oci.problems import ContentProblem
from airgap.oci.store import Store, size_error
from airgap.transfer.endpoint import BlobStream, FoundReferrers, ListedReferrer
from airgap.transfer.plan import Node

LAYOUT: Final = "layout"
"""The mechanism for referrers of a layout: its whole index was read."""


class LayoutSource:
    """A `Source` over a layout, directory or tar."""

    concurrent: Final = False

    def __init__(self, store: Store, graph: Graph) -> None:
        self.store: Final = store
        self.graph: Final = graph
        self._folder: Final = store.path if isinstance(store, LayoutDirectory) else None

    @property
    def name(self) -> str:
        """The path, safe to show."""
        return self.store.name

    def manifest(self, descriptor: Descriptor) -> Manifest | Index | None:
        """See `Source`."""
        return self.graph.node(descriptor)

    def referrers(self, descriptor: Descriptor, *, digest_tags: bool) -> FoundReferrers:  # noqa: ARG002
        """All forms at once: a layout is read as a whole, so cosign's tags are always included."""
        problems: list[ContentProblem] = []
        referrers = tuple(
            ListedReferrer(
                descriptor=referrer.descriptor,
                subject=descriptor.digest,
                artifact_type=referrer.artifact_type,
                mechanism=referrer.mechanism,
                tag=referrer.tag,
            )
            for referrer in self.graph.referrers(descriptor).readable(problems.append)
        )
        return FoundReferrers(
            lookup=ReferrersLookup(subject=descriptor.digest, mechanism=LAYOUT, listed=len(referrers) + len(problems)),
            _found=referrers,
            problems=tuple(problem.error() for problem in problems),
        )

    def open(self, descriptor: Descriptor) -> BlobStream:
        """See `Source`; embedded data replaces a missing blob."""
        if descriptor.data is not None and self.store.size(descriptor.digest) is None:
            return io.BytesIO(descriptor.data)
        return _Stream(self.store.open(descriptor.digest))

    def lacks(self, descriptor: Descriptor) -> ContentError | None:
        """Why the content cannot be copied, as far as that is seen without reading it."""
        try:
            size = self.store.size(descriptor.digest)
            self.open(descriptor).close()
        except ContentError as error:
            return error
        return size_error(descriptor, size) if size not in {None, descriptor.size} else None

    def path(self, descriptor: Descriptor) -> str | None:
        """The file of the blob in a layout directory; None for a tar."""
        if self._folder is None or self.store.size(descriptor.digest) != descriptor.size:
            return None
        return str(Path(self._folder, BLOBS, descriptor.digest.algorithm, descriptor.digest.encoded))


def lacking(node: Node) -> ContentError | None:
    """Why no source has the content, as far as that is seen without reading it."""
    errors = [
        place.source.lacks(place.descriptor) if isinstance(place.source, LayoutSource) else None
        for place in node.places()
    ]
    return errors[0] if all(errors) else None


def without_mending(node: Node) -> Node:
    """The content without the places that embed what their layout lacks, where another descriptor there does not.

    Verify finds that content missing, as other tools do: a judged copy must not fill it in (decision 0036).
    """
    places = node.places()
    if all(place.descriptor.data is None for place in places):  # most embed nothing
        return node
    lacking = {
        id(place.source)
        for place in places
        if place.descriptor.data is None
        and isinstance(place.source, LayoutSource)
        and place.source.lacks(node.descriptor.bare)
    }
    left = [place for place in places if place.descriptor.data is None or id(place.source) not in lacking]
    if len(left) == len(places):
        return node
    first, *others = left
    return replace(first, others=tuple(replace(place, others=()) for place in others))


class MemoryBlobs:
    """Bytes in memory as `Blobs`: contents that the copy itself makes."""

    def __init__(self, contents: Mapping[Digest, bytes]) -> None:
        self._contents: Final = contents

    def open(self, descriptor: Descriptor) -> BlobStream:
        """See `Blobs`."""
        if descriptor.digest not in self._contents:
            raise ContentError("content.missing", f"{descriptor.digest} is not available")
        return io.BytesIO(self._contents[descriptor.digest])

    def path(self, descriptor: Descriptor) -> str | None:  # noqa: ARG002
        """None: there is no file."""
        return None


class MemoryFile(io.RawIOBase):
    """Bytes in memory as a raw file."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._inner: Final = io.BytesIO(data)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Reads the remaining bytes."""
        return self._inner.readinto(buffer)


class _Stream:
    """A raw file whose errors are reported as errors of the source."""

    def __init__(self, raw: io.RawIOBase) -> None:
        self._raw: Final = raw

    def readinto(self, buffer: memoryview, /) -> int | None:
        try:
            return self._raw.readinto(buffer)
        except OSError as error:
            raise _unreadable(error) from None

    def read(self, size: int = -1, /) -> bytes:
        try:
            return self._raw.read(size) or b""
        except OSError as error:
            raise _unreadable(error) from None

    def close(self) -> None:
        self._raw.close()


def _unreadable(error: OSError) -> AirgapError:
    return AirgapError(
        f"the source cannot be read any more: {error.strerror or os.strerror(error.errno or 0)}",
        remedy="The medium may have been pulled out or be failing.",
    )


def path_of(source: object) -> str | None:
    """The path of the layout that a source or store reads, as results name it; None for others."""
    store = source.store if isinstance(source, LayoutSource) else source
    return str(Path(store.path).absolute()) if isinstance(store, LayoutOnDisk) else None
