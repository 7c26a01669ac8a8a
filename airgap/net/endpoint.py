"""A repository as `Source` and `Sink` of a copy (airgap.transfer.endpoint)."""

from __future__ import annotations

import io
import threading
from collections.abc import Collection, Iterator, Sequence
from functools import partial
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, ContentError, FormatError
from airgap.net.errors import IncompleteError
from airgap.net.registry import RegistryStore
from airgap.net.upload import Sent
from airgap.net.url import Origin
from airgap.oci.descriptor import INDEX_TYPES, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import Mechanism
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.transfer.endpoint import Blobs, BlobStream, Entry, FoundReferrers, NamingResult, Referral, TransferMethod
from airgap.transfer.pump import Advance

COSIGN: Final = "cosign-tag"
"""The mechanism of a referrer that cosign's tag names."""

_HOW: Final = {
    Sent.EXISTED: TransferMethod.EXISTED,
    Sent.MOUNTED: TransferMethod.MOUNTED,
    Sent.UPLOADED: TransferMethod.COPIED,
}


class RegistrySource:
    """A `Source` over a repository."""

    concurrent: Final = True

    def __init__(self, store: RegistryStore, *, mechanism: Mechanism | None = None) -> None:
        """`mechanism` forces the way to referrers (`--distribution-spec`)."""
        self.store: Final = store
        self._mechanism = mechanism

    @property
    def name(self) -> str:
        """`host/repository`."""
        return self.store.name

    def resolve(self, reference: str | Digest) -> Descriptor:
        """What a tag or digest names. Raises AirgapError."""
        return self.store.resolve(reference)

    def tags(self) -> Iterator[str]:
        """Every tag. Raises AirgapError."""
        return self.store.tags()

    def manifest(self, descriptor: Descriptor) -> Manifest | Index:
        """See `Source`. Raises ContentError (`content.malformed`, ...), and what the transport raises."""
        raw = self.store.read_manifest(descriptor)
        try:
            return parse_manifest(raw, descriptor.media_type)
        except FormatError as error:
            raise ContentError(
                "content.malformed", f"{descriptor.digest}: {error}", digest=str(descriptor.digest)
            ) from None

    def referrers(
        self, descriptor: Descriptor, *, artifact_types: Collection[str] = (), digest_tags: bool
    ) -> FoundReferrers:
        """See `Source`: the API, else the tag schema; cosign's tags where asked for."""
        found = self.store.referrers(descriptor.digest, artifact_types=artifact_types, mechanism=self._mechanism)
        if not digest_tags:
            return found
        return found.and_more(
            Referral(descriptor=item.descriptor, artifact_type=None, mechanism=COSIGN, tag=item.tag)
            for item in self.store.digest_tags(descriptor.digest)
        )

    def open(self, descriptor: Descriptor) -> BlobStream:
        """See `Source`: resumed where cut, its size checked; whoever reads hashes. Embedded data may stand in."""
        try:
            return self.store.open_blob(descriptor, verify=False)
        except ContentError as error:
            if descriptor.data is None or error.reason != "content.missing":
                raise
            return io.BytesIO(descriptor.data)

    def open_from(self, descriptor: Descriptor, start: int) -> BlobStream:
        """See `Resumable`."""
        return self.store.open_blob(descriptor, verify=False, start=start)

    def path(self, descriptor: Descriptor) -> str | None:  # noqa: ARG002
        """There is no file."""
        return None


class Mounts:
    """Which repository of a registry this copy has brought a blob into. Safe for threads."""

    def __init__(self) -> None:
        self._known: dict[tuple[Origin, Digest], str] = {}
        self._lock = threading.Lock()

    def note(self, store: RegistryStore, digest: Digest) -> None:
        """The repository holds it."""
        with self._lock:
            self._known.setdefault((store.client.origin, digest), store.repository)

    def find(self, store: RegistryStore, digest: Digest) -> str | None:
        """Another repository of the same registry that holds it."""
        with self._lock:
            repository = self._known.get((store.client.origin, digest))
        return repository if repository != store.repository else None


class RegistrySink:
    """A `Sink` over a repository that may be written to."""

    refuses_incomplete: Final = True

    def __init__(self, store: RegistryStore, mounts: Mounts | None = None) -> None:
        """`mounts` is shared by the repositories of one copy."""
        self.store: Final = store
        self._mounts: Final = mounts or Mounts()
        self._listed: Final[dict[Digest, frozenset[Digest]]] = {}

    @property
    def name(self) -> str:
        """`host/repository`."""
        return self.store.name

    def has(self, descriptor: Descriptor) -> bool:
        """See `Sink`. An index counts where its entries are there, too.

        Some registries take an index with platforms left out; that it is there would then prove nothing, and a
        complete copy after a sparse one would leave the rest behind.
        """
        met: set[tuple[Digest, str]] = set()
        waiting = [(descriptor, 0)]
        while waiting:
            item, depth = waiting.pop()
            if (item.digest, item.media_type) in met:  # thousands of indexes may list the same manifests
                continue
            met.add((item.digest, item.media_type))
            if item.media_type not in INDEX_TYPES:
                if not self.store.has(item):
                    return False
                continue
            fetched = self.store.find(item.digest)
            if fetched is None or depth > limits.GRAPH_DEPTH:
                return False
            try:
                index = parse_manifest(fetched.raw, item.media_type)
            except FormatError:
                return False
            waiting += [(below, depth + 1) for _, below in index.successors()]
        return True

    def lists(self, subject: Digest, referrer: Digest) -> bool:
        """See `Sink`; asked once for each subject."""
        if subject not in self._listed:
            unread: list[AirgapError] = []
            # what is listed and cannot be read does not count: then it is put again
            listed = self.store.referrers(subject).readable(unread.append)
            self._listed[subject] = frozenset(item.descriptor.digest for item in listed)
        return referrer in self._listed[subject]

    def reserve(self, size: int) -> None:
        """Registries do not say how much room they have."""

    def put_blob(self, descriptor: Descriptor, source: Blobs, advance: Advance) -> TransferMethod:
        """See `Sink`: looked for, mounted where the source is on the same registry, else sent; hashed on its way."""
        sent = self.store.push_blob(
            descriptor,
            partial(_Proven, source, descriptor),
            mount_from=self._mountable(source, descriptor.digest),
            progress=advance,
        )
        self._mounts.note(self.store, descriptor.digest)
        if sent is not Sent.UPLOADED:
            advance(descriptor.size)
        return _HOW[sent]

    def put_manifest(self, descriptor: Descriptor, raw: bytes) -> None:
        """See `Sink`; the referrers tag is kept up to date where the registry needs it."""
        self.store.push_manifest(descriptor, raw)

    def says_incomplete(self, error: AirgapError) -> bool:
        """See `Sink`."""
        return isinstance(error, IncompleteError)

    def flush(self) -> None:
        """Nothing is kept back."""

    def finish(self, entries: Sequence[Entry]) -> NamingResult:
        """Put the tags, and look at the referrers tags once more."""
        added, moved = 0, []
        for entry in entries:
            if entry.tag is None:
                continue
            before = self.store.digest_of(entry.tag)
            if before == entry.descriptor.digest:
                continue
            self.store.tag(entry.descriptor, self.store.read_manifest(entry.descriptor), entry.tag)
            if before is None:
                added += 1
            else:
                moved.append(entry.tag)
        self.store.settle()
        return NamingResult(added=added, moved=tuple(moved))

    def _mountable(self, source: Blobs, digest: Digest) -> str | None:
        if isinstance(source, RegistrySource) and source.store.client.origin == self.store.client.origin:
            return source.store.repository if source.store.repository != self.store.repository else None
        return self._mounts.find(self.store, digest)


class _Proven:
    """A blob on its way out: its last bytes are handed on only if all of them are what the digest says.

    So a registry that compares nothing is never left with wrong content: the request breaks off before its end.
    """

    def __init__(self, source: Blobs, descriptor: Descriptor) -> None:
        self._descriptor = descriptor
        self._hash = descriptor.digest.new_hash()
        self._left = descriptor.size
        self._stream = source.open(descriptor)
        if not self._left:
            self._compare()

    def read(self, size: int, /) -> bytes:
        chunk = self._stream.read(min(size, self._left)) if self._left else b""
        self._hash.update(chunk)
        self._left -= len(chunk)
        if chunk and not self._left:
            self._compare()
        return chunk

    def close(self) -> None:
        self._stream.close()

    def _compare(self) -> None:
        digest = self._descriptor.digest
        if self._hash.hexdigest() == digest.encoded:
            return
        found = f"{digest.algorithm}:{self._hash.hexdigest()}"
        raise ContentError(
            "content.digest",
            f"{digest}: the bytes have the digest {found}",
            digest=str(digest),
            found_digest=found,
        )
