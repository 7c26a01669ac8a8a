"""What a copy reads from and writes to: two small protocols that every transport speaks."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Protocol, runtime_checkable

from airgap.errors import AirgapError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.manifest import Index, Manifest
from airgap.transfer.pump import Advance, Readable


class TransferMethod(StrEnum):
    """How content came to be in the destination."""

    EXISTED = "existed"
    COPIED = "copied"
    CLONED = "cloned"
    """Shared with the source by the file system, until one of both changes (reflink)."""
    LINKED = "linked"
    """The same file under two names (hard link)."""
    MOUNTED = "mounted"
    """Taken over by the registry from another of its repositories."""


class BlobStream(Readable, Protocol):
    """A blob that is being read."""

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes."""

    def close(self) -> None:
        """Done with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Referral:
    """A referrer that a source names for a subject; its manifest is yet to be read, and its subject to be compared."""

    descriptor: Descriptor
    """Artifact type and annotations as listed, or (tag schema) as the manifest has them; of the API it is a claim."""
    artifact_type: str | None
    mechanism: str
    tag: str | None = None
    """Cosign's tag, where that is what names it: then its manifest states no subject."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReferrers:
    """The referrers of one subject that a source names.

    As in a layout (`airgap.oci.nodes.Referrers`) nobody gets what can be read without what cannot.
    """

    lookup: ReferrersLookup
    problems: tuple[AirgapError, ...] = field(default=(), compare=False)
    """What was named and could not be read."""
    _referrals: tuple[Referral, ...] = ()

    def all(self) -> tuple[Referral, ...]:
        """Each once, in the source's order. Raises AirgapError where one could not be read."""
        for problem in self.problems:
            raise problem
        return self._referrals

    def readable(self, hear: Callable[[AirgapError], object]) -> tuple[Referral, ...]:
        """As `all`, without those that could not be read; `hear` is told of each of them, first."""
        for problem in self.problems:
            hear(problem)
        return self._referrals

    def and_more(self, referrals: Iterable[Referral]) -> FoundReferrers:
        """These and others, which another way to look has brought."""
        return replace(self, _referrals=(*self._referrals, *referrals))


class Blobs(Protocol):
    """Where blobs can be read, by any number of threads at once."""

    def open(self, descriptor: Descriptor) -> BlobStream:
        """A blob's bytes, not proven yet. Raises ContentError (`content.missing`, ...)."""

    def path(self, descriptor: Descriptor) -> str | None:
        """The regular file that holds exactly this blob and nothing else, where there is one."""


@runtime_checkable
class Resumable(Protocol):
    """Blobs that come from far away: what arrived of one before is not asked for again."""

    def open_from(self, descriptor: Descriptor, start: int) -> BlobStream:
        """A blob's bytes from `start` on, not proven. Raises ContentError (`content.missing`, ...)."""


class Source(Blobs, Protocol):
    """The read side of a transport."""

    @property
    def name(self) -> str:
        """What the operator calls it, safe to show."""

    @property
    def concurrent(self) -> bool:
        """Whether manifests and referrers may be asked for by several threads at once; blobs always may."""

    def manifest(self, descriptor: Descriptor) -> Manifest | Index:
        """A manifest, its bytes proven. Raises AirgapError."""

    def referrers(
        self, descriptor: Descriptor, *, artifact_types: Collection[str] = (), digest_tags: bool
    ) -> FoundReferrers:
        """What refers to a manifest; `digest_tags`: by cosign's tags, too. Raises AirgapError where it cannot look.

        Those of other than `artifact_types` (empty: all) may be left out of the answer, not of its count.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What the destination shall name: a root or cosign tag under a tag, a referrer or a digest without one."""

    descriptor: Descriptor
    tag: str | None = None


@dataclass(frozen=True, slots=True)
class NamingResult:
    """What naming changed."""

    added: int = 0
    moved: tuple[str, ...] = ()
    """Tags that named something else before."""


class Destination(Protocol):
    """What can be asked of a destination without writing to it."""

    @property
    def refuses_incomplete(self) -> bool:
        """Whether a manifest that is there proves that all it points at is there, too (registries refuse it else)."""

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the content is there, with its size. Raises AirgapError."""

    def lists(self, subject: Digest, referrer: Digest) -> bool:
        """Whether a referrer that is there can be found from its subject; naming it at the end counts."""


class Sink(Destination, Protocol):
    """The write side of a transport. Safe for threads, except `finish`."""

    @property
    def name(self) -> str:
        """What the operator calls it, safe to show."""

    def reserve(self, size: int) -> None:
        """So many bytes are about to come. Raises WriteError where there is no room."""

    def put_blob(self, descriptor: Descriptor, source: Blobs, advance: Advance) -> TransferMethod:
        """Bring a blob in, proven on its way. Raises ContentError, WriteError, ..."""

    def put_manifest(self, descriptor: Descriptor, raw: bytes) -> object:
        """Bring a manifest in; all that it points at is there. Raises AirgapError."""

    def says_incomplete(self, error: AirgapError) -> bool:
        """Whether `put_manifest` failed because something it points at is not there, whatever `has` said before."""

    def flush(self) -> None:
        """Everything that was put is on the medium under its final name when this returns."""

    def finish(self, entries: Sequence[Entry]) -> NamingResult:
        """Name what was copied: the last step."""
