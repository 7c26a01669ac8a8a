"""The source and the destination of a copy: two small protocols that every transport implements."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, runtime_checkable

from airgap.errors import AirgapError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import FoundBy, ReferrersLookup
from airgap.oci.manifest import Index, Manifest
from airgap.transfer.checked_bytes import Advance, Readable, copy_checked, no_advance


class TransferMethod(StrEnum):
    """How content came into the destination."""

    EXISTED = "existed"
    COPIED = "copied"
    CLONED = "cloned"
    """Blocks shared with the source by the file system (reflink)."""
    LINKED = "linked"
    """A hard link."""
    MOUNTED = "mounted"
    """Mounted by the registry from another repository."""


class BlobStream(Readable, Protocol):
    """An open blob."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""

    def close(self) -> None:
        """Done with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedReferrer:
    """A manifest that a source lists as a referrer of a subject. Its manifest may say otherwise, and then counts."""

    descriptor: Descriptor
    """Artifact type and annotations as the API lists them (a claim), or (tag schema) from the manifest."""
    subject: Digest
    artifact_type: str | None
    mechanism: FoundBy
    tag: str | None = None
    """Its cosign tag, if it was found by that: then its manifest has no subject."""
    cosign: str | None = None
    """`sig`, `att` or `sbom` for content of cosign without an artifact type, once its manifest is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReferrers:
    """The referrers of one subject in a source.

    As in a layout (`airgap.oci.nodes.Referrers`), a caller cannot ignore the unreadable ones by mistake.
    """

    lookup: ReferrersLookup
    problems: tuple[AirgapError, ...] = field(default=(), compare=False)
    """Listed referrers that could not be read."""
    misplaced: tuple[Descriptor, ...] = ()
    """What was listed and is not about the subject: no referrer of it, but it may be evidence."""
    _found: tuple[ListedReferrer, ...] = ()

    def all(self) -> tuple[ListedReferrer, ...]:
        """Each once, in the order of the source. Raises AirgapError if one could not be read."""
        for problem in self.problems:
            raise problem
        return self._found

    def readable(self, report: Callable[[AirgapError], object]) -> tuple[ListedReferrer, ...]:
        """As `all`, without the unreadable ones; `report` is called with each of these first."""
        for problem in self.problems:
            report(problem)
        return self._found

    def and_more(self, referrers: Iterable[ListedReferrer]) -> FoundReferrers:
        """These and those that another look-up listed."""
        others = tuple(referrers)
        lookup = replace(self.lookup, listed=self.lookup.listed + len(others))
        return replace(self, lookup=lookup, _found=(*self._found, *others))


class Blobs(Protocol):
    """Readable blobs. Safe for threads."""

    def open(self, descriptor: Descriptor) -> BlobStream:
        """The unverified bytes of a blob. Raises ContentError (`content.missing`, ...)."""

    def path(self, descriptor: Descriptor) -> str | None:
        """The regular file with exactly this blob, if there is one."""


@runtime_checkable
class Resumable(Protocol):
    """Blobs of a network: a partly received blob can be resumed."""

    def open_from(self, descriptor: Descriptor, start: int) -> BlobStream:
        """The unverified bytes of a blob from `start` on. Raises ContentError (`content.missing`, ...)."""


class Source(Blobs, Protocol):
    """The read side of a transport."""

    @property
    def name(self) -> str:
        """What the operator calls it, safe to show."""

    @property
    def concurrent(self) -> bool:
        """Whether several threads may read manifests and referrers; they always may read blobs."""

    def manifest(self, descriptor: Descriptor) -> Manifest | Index | None:
        """A manifest, its digest checked; None for an artifact of an unknown type. Raises AirgapError."""

    def referrers(self, descriptor: Descriptor, *, digest_tags: bool) -> FoundReferrers:
        """All referrers of a manifest; `digest_tags`: also by cosign's tags. Raises AirgapError if the look-up fails.

        No type is left out: what is not copied by choice is reported.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry for the destination: a root or cosign tag with a tag, a referrer or a digest without one."""

    descriptor: Descriptor
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class NamingResult:
    """The changes of names."""

    added: int = 0
    moved: tuple[str, ...] = ()
    """Tags that named something else before."""
    refused: Mapping[str, AirgapError] = field(default_factory=dict)
    """Tags that the destination does not take."""


class IncompleteManifestError(AirgapError):
    """A destination refuses a manifest because its content is not there, although `has` may have said that it is."""


class DestinationStore(Protocol):
    """Questions to a destination that do not write."""

    @property
    def refuses_incomplete(self) -> bool:
        """Whether an existing manifest proves that its content exists, too (registries refuse incomplete ones)."""

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the content is there, with its size. Raises AirgapError."""

    def lists(self, subject: Digest, referrer: Digest) -> bool:
        """Whether an existing referrer can be found from its subject, or will be after `finish`."""

    def arrived(self, descriptor: Descriptor) -> int:
        """The bytes of a missing blob that an interrupted copy left there: they need no more room."""


class Sink(DestinationStore, Protocol):
    """The write side of a transport. Safe for threads, except `finish`."""

    def reserve(self, size: int, largest: int) -> None:
        """Announces so many bytes. Raises WriteError if there is no room."""

    def put_blob(self, descriptor: Descriptor, source: Blobs, advance: Advance) -> TransferMethod:
        """Write a blob; its digest is checked. Raises ContentError, WriteError, ..."""

    def put_manifest(self, descriptor: Descriptor, raw: bytes) -> object:
        """Write a manifest whose content exists. Raises AirgapError; IncompleteManifestError if content is missing."""

    def flush(self) -> None:
        """Flushes everything: afterwards it is on the medium under its final names."""

    def finish(self, entries: Sequence[Entry], *, keep_going: bool = False) -> NamingResult:
        """Write the names: the last step, but for what a registry checks when the run ends (`Registries`).

        `keep_going`: a name that is refused stops no other one.
        """


def read_blob(source: Blobs, descriptor: Descriptor) -> bytes:
    """The content of a small blob, its digest checked. Raises ContentError, and what the source raises."""
    content = bytearray()
    with closing(source.open(descriptor)) as stream:
        copy_checked(stream, descriptor, content.extend, no_advance)
    return bytes(content)
