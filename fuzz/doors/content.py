"""Doors of OCI content: manifests, indexes, layouts, tars, references."""

from __future__ import annotations

import io
import os
import tempfile
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from airgap.oci.archive import LayoutArchive, open_archive
from airgap.oci.descriptor import ARTIFACT_MANIFEST, IMAGE_INDEX, IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Index, Manifest, parse_layout_index, parse_manifest
from airgap.oci.reference import LayoutReference, parse_reference, parse_registry_reference
from airgap.transfer.stream import items
from fuzz.doors.law import refusable, same


def manifest(data: bytes) -> None:
    """An image or artifact manifest; its descriptors are the same after they were written."""
    for media_type in (IMAGE_MANIFEST, ARTIFACT_MANIFEST):
        with refusable():
            _descriptors(parse_manifest(data, media_type))


def index(data: bytes) -> None:
    """An image index."""
    with refusable():
        _descriptors(parse_manifest(data, IMAGE_INDEX))


def layout_index(data: bytes) -> None:
    """The `index.json` of a layout, and the graph over it where all blobs are missing."""
    with refusable():
        found = parse_layout_index(data)
        _descriptors(found)
        _walk(Graph(Memory(found, {})))


def _descriptors(found: Manifest | Index) -> None:
    for _, descriptor in found.successors():
        again = Descriptor.from_json(descriptor.to_json())
        same(again, descriptor, "a descriptor, written again")
        same(Digest.parse(str(descriptor.digest)), descriptor.digest, "a digest, written again")


class Memory:
    """A layout of an index and some blobs (`airgap.oci.store.Store`)."""

    name = "memory"

    def __init__(self, found: Index, blobs: Mapping[Digest, bytes]) -> None:
        self._index, self._blobs = found, blobs

    def index(self) -> Index:
        """See `Store`."""
        return self._index

    def size(self, digest: Digest) -> int | None:
        """See `Store`."""
        return len(self._blobs[digest]) if digest in self._blobs else None

    def open(self, digest: Digest) -> io.RawIOBase:
        """Never called."""
        raise NotImplementedError(f"nothing was said to be there: {digest}")


def _walk(graph: Graph) -> None:
    for root in graph.roots():
        with refusable():
            graph.referrers(root.descriptor).all()
        with refusable():
            graph.closure(root.descriptor)


@cache
def _place() -> Path:
    """One file of this process, in memory where there is such a place."""
    shared = Path("/dev/shm")  # noqa: S108 - fast where it is there, and nothing hangs on it
    folder = tempfile.mkdtemp(prefix="airgap-fuzz-", dir=shared if os.access(shared, os.W_OK) else None)
    return Path(folder) / "layout.tar"


def tar(data: bytes) -> None:
    """A layout tar, in place and as it streams in: what both read, they read the same.

    A stream is refused for more: blobs whose names are not digests, which are not read in place.
    """
    streamed: dict[str, bytes] | None = None
    with refusable():
        streamed = {item.name: item.body.read() for item in items(io.BytesIO(data), set(), {}, lambda _: True)}
    _place().write_bytes(data)
    with refusable(), open_archive(str(_place())) as layout:
        _walk(Graph(layout))
        if streamed is not None:
            _compare(layout, streamed)


def _compare(layout: LayoutArchive, streamed: Mapping[str, bytes]) -> None:
    same(streamed["index.json"], layout.index().raw, "index.json, as a stream and in place")
    for name, content in streamed.items():
        folder, _, rest = name.partition("/")
        if folder == "blobs":
            digest = Digest.parse(rest.replace("/", ":", 1))
            same(layout.size(digest), len(content), f"the size of {name!r}, in place and as a stream")
            with layout.open(digest) as blob:
                same(blob.read(), content, f"{name!r}, in place and as a stream")


def reference(data: bytes) -> None:
    """What a person types, or a list of references holds; what it names is the same after it was written.

    A name in a registry is written without `docker://` or `oci://`: it is the same where no folder has that name.
    """
    text = data.decode("utf-8", "surrogateescape")
    for exists in (_nothing, _everything):
        with refusable():
            found = parse_reference(text, exists)
            here = exists if isinstance(found, LayoutReference) else _nothing
            same(parse_reference(str(found), here), found, "a reference, written again")
    with refusable():
        registry = parse_registry_reference(text)
        same(parse_registry_reference(str(registry)), registry, "a registry's reference, written again")
    with refusable():
        same(str(Digest.parse(text)), text, "a digest, written again")


def _nothing(_path: str) -> bool:
    return False


def _everything(_path: str) -> bool:
    return True
