"""Attaches a manifest with a subject, and its blobs, to an artifact.

A `Place` is one artifact in one transport. Layout directories and tars are here; registries are in
`airgap.net.registry_place`. `airgap.net.attach_places` opens both and attaches to both.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Final, Protocol, Self

from airgap import limits
from airgap.errors import LimitError, UsageError
from airgap.files import sweep_leftovers
from airgap.oci.archive import LayoutArchive
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import LAYOUT_INDEX
from airgap.oci.graph import Graph
from airgap.oci.manifest import Manifest
from airgap.oci.nodes import reported_elsewhere
from airgap.oci.open import open_layout
from airgap.oci.reference import LayoutReference
from airgap.oci.store import InVolumes, read_verified
from airgap.text import safe
from airgap.transfer.checked_bytes import no_advance
from airgap.transfer.endpoint import Entry
from airgap.transfer.layout_referrers_tags import LayoutReferrersTags, Relisted
from airgap.transfer.sources import MemoryBlobs
from airgap.transfer.staging import sweep_staging
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


class Holder(Protocol):
    """A layout, or an artifact in a registry."""

    @property
    def name(self) -> str:
        """What distinguishes it from all others on this machine."""

    def renewed(self) -> AbstractContextManager[Callable[[Place], Place | None]]:
        """For each of its places how it is now; None where nothing has changed since it was opened."""

    def attach(self, attachments: Sequence[Attachment]) -> Iterable[str]:
        """Attach all; says of each how it can be found. Raises AirgapError: those without an answer cannot be found."""

    def settle(self) -> None:
        """Check that what was attached can be found, when nothing more will be. Raises AirgapError."""


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

    @property
    def holder(self) -> Holder:
        """What holds it, and is written when something is attached."""

    @property
    def shared(self) -> bool:
        """Whether other machines can attach something to it at the same time, as in a registry."""

    def read(self, descriptor: Descriptor, limit: int) -> bytes:
        """A blob of at most `limit` bytes, its digest checked. Raises AirgapError."""


class AttachableLayout:
    """A layout directory or layout tar to attach to: it is read and written once for all of its artifacts."""

    def __init__(self, path: str, *, by_tag: bool = False) -> None:
        """`by_tag`: keep the referrers tags, too, for tools that know nothing else. Raises ContentError."""
        self._path: Final = os.path.realpath(path)  # rewriting a tar must not replace a link to it
        self._state: Final = _state(self._path)
        self.store: Final = open_layout(path)
        if isinstance(self.store, InVolumes):
            self.store.close()
            raise UsageError(
                f"{safe(path)} is a layout in volumes, to which nothing is added",
                remedy="Add it before the layout is split; or copy the volumes to a new layout, and add it there.",
            )
        self.graph: Final = Graph(self.store)
        self._by_tag: Final = by_tag
        self._places: Final[dict[Digest, LayoutPlace]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.store.close()
        # also where nothing had to be attached: a run that was killed after it had attached it left its files
        if isinstance(self.store, LayoutArchive):
            sweep_leftovers(Path(self._path))
        else:
            sweep_staging(Path(self._path))

    @property
    def name(self) -> str:
        """See `Holder`."""
        return self._path

    @contextmanager
    def renewed(self) -> Iterator[Callable[[Place], Place | None]]:
        """See `Holder`."""
        if _state(self._path) == self._state:
            yield lambda _: None
            return
        with AttachableLayout(self._path) as now:
            yield lambda place: LayoutPlace(now, place.subject, place.name)

    def place(self, reference: LayoutReference) -> LayoutPlace:
        """The artifact that a reference to this layout names, or the only one in it: one place, however it is spelt.

        Raises NotFoundError where the reference names nothing, or several artifacts. ContentError where the artifact's
        own bytes are not what the layout says of them: a claim must not be signed.
        """
        root = self.graph.find(reference)
        subject = as_subject(root.descriptor)
        self.graph.manifest(root.descriptor)  # media type, digest and size in index.json are unverified
        name = safe(f"{reference.whole}@{root.descriptor.digest}")
        return self._places.setdefault(subject.digest, LayoutPlace(self, subject, name))

    def attach(self, attachments: Sequence[Attachment], *, replaced: Collection[Digest] = ()) -> list[str]:
        """Attach all of them in one step; returns for each how it can be found. Raises AirgapError: none is then there.

        Each is an untagged entry of `index.json`, as oras and notation write it (MAN-36). If the layout already has a
        referrers tag for an artifact, as regctl writes it, the tag lists it, too. `replaced`: manifests that are listed
        no more, as these replace them.
        """
        if not attachments:  # a tar would be written again for nothing
            return []
        self._check_room(attachments, replaced)
        blobs: dict[Digest, tuple[Descriptor, bytes]] = {}
        for item in attachments:
            for descriptor, raw in (*item.blobs, (item.manifest, item.raw)):
                blobs.setdefault(descriptor.digest, (descriptor, raw))
        entries = [Entry(descriptor=item.manifest) for item in attachments]
        listings = self._listings(attachments, replaced)
        for listing in listings.values():
            blobs[listing.entry.descriptor.digest] = (listing.entry.descriptor, listing.raw)
            entries.append(listing.entry)
        drop = frozenset(replaced).union(*(listing.old for listing in listings.values()))
        if isinstance(self.store, LayoutArchive):
            self.store.close()  # Windows cannot rename over an open file
            add_to_tar(self._path, [*blobs.values()], entries, drop=drop)
        else:
            _add_to_folder(self._path, [*blobs.values()], entries, drop)
        return [
            "index.json and the referrers tag" if item.subject.digest in listings else "index.json"
            for item in attachments
        ]

    def settle(self) -> None:
        """Does nothing: what was written is there."""

    def _check_room(self, attachments: Sequence[Attachment], replaced: Collection[Digest]) -> None:
        new: dict[Descriptor, set[Digest]] = {}
        for item in attachments:
            new.setdefault(item.subject, set()).add(item.manifest.digest)
        for subject, added in new.items():
            known = self.graph.referrers(subject).readable(reported_elsewhere)
            check_referrers(subject.digest, added.union(item.descriptor.digest for item in known).difference(replaced))

    def _listings(self, attachments: Sequence[Attachment], replaced: Collection[Digest]) -> dict[Digest, Relisted]:
        """The indexes of the referrers tags with the attachments, by subject; only of subjects with such a tag."""
        manifests: dict[Digest, list[Descriptor]] = {}
        for item in attachments:
            manifests.setdefault(item.subject.digest, []).append(item.manifest)
        subjects = {item.subject.digest: item.subject for item in attachments}
        found: dict[Digest, Relisted] = {}
        with open_layout(self._path) as now:  # others may have attached something in between
            tags, graph = LayoutReferrersTags(now), Graph(now)
            for digest, added in manifests.items():
                known = partial(_listed, graph, subjects[digest]) if self._by_tag else None
                if listing := tags.relisted(digest, added, {*replaced, *(item.digest for item in added)}, known=known):
                    found[digest] = listing
        return found


@dataclass(frozen=True, slots=True)
class LayoutPlace:
    """An artifact in a layout directory or layout tar (`AttachableLayout.place`)."""

    holder: AttachableLayout
    subject: Descriptor
    name: str
    shared: bool = False

    def attached(self, artifact_type: str) -> Iterator[AttachedManifest]:
        """See `Place`."""
        for referrer in self.holder.graph.referrers(self.subject).all():
            if referrer.artifact_type == artifact_type and isinstance(referrer.manifest, Manifest):
                yield AttachedManifest(descriptor=referrer.descriptor, manifest=referrer.manifest)

    def read(self, descriptor: Descriptor, limit: int) -> bytes:
        """See `Place`."""
        return read_verified(self.holder.store, descriptor, limit)


def check_referrers(subject: Digest, referrers: Collection[Digest]) -> None:
    """Refuse more referrers of an artifact than are looked at, before one is written. Raises LimitError."""
    if len(referrers) > limits.REFERRERS:
        raise LimitError(
            f"{subject} would have {len(referrers)} referrers, and no more than {limits.REFERRERS} are looked at",
            remedy="Nothing was attached. Remove referrers that are not needed.",
        )


def _state(path: str) -> tuple[int, int, int]:
    """What changes whenever a layout is written: inode, size and time of its `index.json`, or of the tar."""
    index = os.path.join(path, LAYOUT_INDEX)  # noqa: PTH118
    try:
        found = os.stat(index if os.path.isdir(path) else path)  # noqa: PTH112, PTH116
    except OSError:
        return 0, 0, 0  # opening it reports the error
    return found.st_ino, found.st_size, found.st_mtime_ns


def _listed(graph: Graph, subject: Descriptor) -> list[Descriptor]:
    return [
        replace(referrer.descriptor, artifact_type=referrer.artifact_type, annotations=referrer.manifest.annotations)
        for referrer in graph.referrers(subject).all()
    ]


def _add_to_folder(
    path: str, blobs: Sequence[tuple[Descriptor, bytes]], entries: Sequence[Entry], drop: frozenset[Digest]
) -> None:
    source = MemoryBlobs({descriptor.digest: raw for descriptor, raw in blobs})
    with LayoutWriter(path, verify_existing=True) as writer:
        for descriptor, _ in blobs:
            if not writer.has(descriptor):
                writer.put_blob(descriptor, source, no_advance)
        writer.finish(entries, drop=drop)


def as_subject(descriptor: Descriptor) -> Descriptor:
    """Only media type, digest and size: other members of the descriptor are neither signed nor copied."""
    if not descriptor.is_manifest:
        raise UsageError(
            f"{descriptor.digest} is of type {safe(descriptor.media_type, limit=128)}; only manifests and indexes can "
            "have referrers"
        )
    return descriptor.bare
