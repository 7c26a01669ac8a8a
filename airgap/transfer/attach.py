"""Attaches a manifest with a subject, and its blobs, to an artifact.

A `Place` is one artifact in one transport. Layout directories and tars are here; registries are in airgap.net.attach.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final, Protocol

from airgap.errors import UsageError
from airgap.oci.archive import LayoutArchive
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.open import open_layout
from airgap.oci.record import bare
from airgap.oci.reference import LayoutReference
from airgap.oci.store import Store, read_verified
from airgap.text import safe
from airgap.transfer.checked_bytes import no_advance
from airgap.transfer.endpoint import Entry
from airgap.transfer.layout_referrers_tags import Relisted, relisted
from airgap.transfer.sources import MemoryBlobs
from airgap.transfer.tar_rewrite import add_to_tar
from airgap.transfer.writer import LayoutWriter


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A manifest that refers to an artifact, with its blobs."""

    subject: Descriptor
    manifest: Descriptor
    """With artifact type and annotations, as in lists of referrers."""
    raw: bytes = field(repr=False)
    blobs: tuple[tuple[Descriptor, bytes], ...] = field(repr=False)
    """In the order in which they are written, all before the manifest (MAN-13)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedManifest:
    """An attached referrer."""

    descriptor: Descriptor
    manifest: Manifest


class Place(Protocol):
    """One artifact in one transport, to which something can be attached."""

    @property
    def name(self) -> str:
        """The name of the artifact with its digest; safe to show."""

    @property
    def subject(self) -> Descriptor:
        """The artifact: only media type, digest and size."""

    def attached(self, artifact_type: str) -> Iterator[AttachedManifest]:
        """Image manifests of this type that refer to the artifact. Raises AirgapError if the look-up fails."""

    def read(self, descriptor: Descriptor, limit: int) -> bytes:
        """A blob of at most `limit` bytes, its digest checked. Raises AirgapError."""

    def attach(self, attachment: Attachment) -> str:
        """Attach it; returns how it can be found. Raises AirgapError, and then it cannot be found."""


class LayoutPlace:
    """An artifact in a layout directory or layout tar."""

    def __init__(self, reference: LayoutReference, store: Store, path: str, *, fallback: bool) -> None:
        """Use `open_layout_place`. Raises NotFoundError where the reference names nothing, or several artifacts.

        ContentError where the artifact's own bytes are not what the layout says of them: nobody shall sign a claim.
        """
        self._graph: Final = Graph(store)
        self._store: Final = store
        self._path: Final = path
        self._fallback: Final = fallback
        root = self._graph.find(reference)
        self.subject: Final = as_subject(root.descriptor)
        self._graph.manifest(root.descriptor)  # media type, digest and size in index.json are unverified
        self.name: Final = safe(f"{reference.transport}{reference.path}@{root.descriptor.digest}")

    def attached(self, artifact_type: str) -> Iterator[AttachedManifest]:
        """See `Place`."""
        for referrer in self._graph.referrers(self.subject).all():
            if referrer.artifact_type == artifact_type and isinstance(referrer.manifest, Manifest):
                yield AttachedManifest(descriptor=referrer.descriptor, manifest=referrer.manifest)

    def read(self, descriptor: Descriptor, limit: int) -> bytes:
        """See `Place`."""
        return read_verified(self._store, descriptor, limit)

    def attach(self, attachment: Attachment) -> str:
        """An untagged entry of `index.json`, as oras and notation write it (MAN-36).

        If the layout already has a fallback tag for the artifact, as regctl writes it, the tag lists it, too.
        """
        blobs = [*attachment.blobs, (attachment.manifest, attachment.raw)]
        entries = [Entry(descriptor=attachment.manifest)]
        drop: tuple[Digest, ...] = ()
        listing = self._listing(attachment)
        if listing is not None:
            blobs.append((listing.entry.descriptor, listing.raw))
            entries.append(listing.entry)
            drop = tuple(listing.old)
        if isinstance(self._store, LayoutArchive):
            self._store.close()  # Windows cannot rename over an open file
            add_to_tar(self._path, blobs, entries, drop=drop)
        else:
            _add_to_folder(self._path, blobs, entries, drop)
        return "index.json" if listing is None else "index.json and the referrers tag"

    def _listing(self, attachment: Attachment) -> Relisted | None:
        """The index of the referrers tag with the attachment; None if the layout has no such tag."""
        subject, manifest = attachment.subject, attachment.manifest
        with open_layout(self._path) as now:  # others may have attached something in between
            known = partial(_listed, now, subject) if self._fallback else None
            return relisted(now, subject.digest, [manifest], (manifest.digest,), known=known)


def _listed(store: Store, subject: Descriptor) -> list[Descriptor]:
    return [
        replace(referrer.descriptor, artifact_type=referrer.artifact_type, annotations=referrer.manifest.annotations)
        for referrer in Graph(store).referrers(subject).all()
    ]


def _add_to_folder(
    path: str, blobs: list[tuple[Descriptor, bytes]], entries: list[Entry], drop: tuple[Digest, ...]
) -> None:
    source = MemoryBlobs({descriptor.digest: raw for descriptor, raw in blobs})
    with LayoutWriter(path, verify_existing=True) as writer:
        for descriptor, _ in blobs:
            if not writer.has(descriptor):
                writer.put_blob(descriptor, source, no_advance)
        writer.finish(entries, drop=drop)


@contextmanager
def open_layout_place(reference: LayoutReference, *, fallback: bool = False) -> Iterator[LayoutPlace]:
    """The artifact that a reference to a layout names, or the only one in the layout.

    `fallback`: keep the referrers tag, too, for tools that know nothing else. Raises NotFoundError, ContentError.
    """
    with open_layout(reference.path) as store:
        path = os.path.realpath(reference.path)  # rewriting a tar must not replace a link to it
        yield LayoutPlace(reference, store, path, fallback=fallback)


def as_subject(descriptor: Descriptor) -> Descriptor:
    """Only media type, digest and size: other members of the descriptor are neither signed nor copied."""
    if not descriptor.is_manifest:
        raise UsageError(
            f"{descriptor.digest} is of type {safe(descriptor.media_type, limit=128)}; only manifests and indexes can "
            "have referrers"
        )
    return bare(descriptor)
