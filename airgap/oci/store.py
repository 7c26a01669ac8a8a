"""Stores of blobs, and the functions that read them.

All content is read with `read_verified` (small blobs, returned) or with `check_descriptor` and then `hash_bytes` (large
blobs, streamed): size first, then digest (LAYOUT-3, LAYOUT-5, MAN-14). Embedded `data` is checked as well, and is used
if the blob is missing.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final, Protocol, runtime_checkable

from airgap import limits
from airgap.errors import ContentError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index
from airgap.text import safe


class Store(Protocol):
    """The read side of every transport: a layout directory, a layout tar, memory."""

    @property
    def name(self) -> str:
        """Its name in messages."""

    def index(self) -> Index:
        """The layout's `index.json`, parsed once."""

    def size(self, digest: Digest) -> int | None:
        """The stored size of the blob in bytes; None if it is missing. Raises ContentError."""

    def open(self, digest: Digest) -> io.RawIOBase:
        """The bytes of the blob, not verified; close the file. Raises ContentError (`content.missing`, ...)."""


@runtime_checkable
class OnMedium(Protocol):
    """A store whose blobs are files, the names of which a medium may have changed."""

    def renamed(self, digest: Digest) -> str | None:
        """The name that a medium may have given to a missing blob."""


@runtime_checkable
class InVolumes(Protocol):
    """A store of which parts may not be here."""

    @property
    def notes(self) -> Sequence[str]:
        """What is beside the volumes and is not read; safe to show."""

    def problems(self) -> Iterator[ContentError]:
        """Each volume that is not here or cannot be used."""

    def absence(self, digest: Digest) -> ContentError | None:
        """The error for a blob that is in a volume that is not here, or cannot be used; None for others."""

    def damaged(self, error: ContentError, digest: Digest) -> ContentError:
        """The error for a blob with other bytes, with the volume that has them."""


def lost_volumes(store: Store) -> Iterator[ContentError]:
    """Each volume of the store that is not here or cannot be used; nothing where it is not in volumes."""
    if isinstance(store, InVolumes):
        yield from store.problems()


def check_volumes(store: Store) -> None:
    """Raises ContentError where the store is a set of volumes of which one is not here or cannot be used."""
    for problem in lost_volumes(store):
        raise problem


def read_verified(store: Store, descriptor: Descriptor, limit: int = limits.MANIFEST_BYTES) -> bytes:
    """The content of `descriptor`, at most `limit` bytes, proven to have its size and digest.

    Raises ContentError: `content.limit`, `content.data`, `content.missing`, `content.unreadable`, `content.size`,
    `content.algorithm` or `content.digest`.
    """
    digest = descriptor.digest
    if descriptor.size > limit:
        raise ContentError(
            "content.limit",
            f"{digest} has {descriptor.size} bytes, more than the {limit} accepted for its kind",
            digest=str(digest),
            media_type=safe(descriptor.media_type),
            expected_size=descriptor.size,
            limit=limit,
        )
    if (embedded := check_descriptor(store, descriptor)) is not None:
        return embedded
    # buffered: a raw read may return less than asked for
    with reading(digest), io.BufferedReader(store.open(digest)) as blob:
        content = blob.read(descriptor.size + 1)  # one byte more, so that trailing bytes are seen
    if len(content) != descriptor.size:
        raise size_error(descriptor, len(content))
    hasher = digest.new_hash()
    hasher.update(content)
    _compare(store, digest, hasher.hexdigest())
    return content


def read_by_digest(store: Store, descriptor: Descriptor, limit: int) -> bytes:
    """The bytes with the digest, embedded or in the store, whatever size and other data the descriptor states.

    For content that proves itself (decision 0020): a wrong descriptor must not hide it. Raises ContentError.
    """
    found = embedded(descriptor)
    return read_verified(store, as_stored(store, descriptor), limit) if found is None or len(found) > limit else found


def embedded(descriptor: Descriptor) -> bytes | None:
    """The embedded data, if they have the digest."""
    if descriptor.data is None:
        return None
    try:
        check_embedded(replace(descriptor, size=len(descriptor.data)))
    except ContentError:
        return None
    return descriptor.data


def as_stored(store: Store, descriptor: Descriptor) -> Descriptor:
    """The descriptor without its embedded data, and with the size of the blob in the store, if that is there."""
    size = stored_size(store, descriptor.digest)
    return replace(descriptor, data=None, size=descriptor.size if size is None else size)


def stored_size(store: Store, digest: Digest) -> int | None:
    """The size of the blob in the store; None if it is missing, or cannot be examined."""
    try:
        return store.size(digest)
    except ContentError:
        return None


def hash_bytes(store: Store, digest: Digest) -> int:
    """Prove that the bytes in the store have this digest; returns how many they are. Raises ContentError."""
    hasher = digest.new_hash()
    view = buffer()
    total = 0
    with reading(digest), store.open(digest) as blob:
        while count := blob.readinto(view):
            hasher.update(view[:count])
            total += count
    _compare(store, digest, hasher.hexdigest())
    return total


def check_descriptor(store: Store, descriptor: Descriptor) -> bytes | None:
    """Checks a descriptor without reading the blob: embedded data, presence and size.

    Returns the verified embedded data where it replaces the blob; None if the blob is in the store. Raises
    ContentError.
    """
    digest = descriptor.digest
    check_embedded(descriptor)
    if not digest.supported:
        digest.new_hash()  # raises with the reason
    found = store.size(digest)
    if found is None:
        if descriptor.data is not None:
            return descriptor.data
        raise missing(store, digest)
    if found != descriptor.size:
        raise size_error(descriptor, found)
    return None


def missing(store: Store, digest: Digest) -> ContentError:
    """The error for a blob that `store` does not hold."""
    if isinstance(store, InVolumes) and (error := store.absence(digest)) is not None:
        return error
    message = f"{digest} is not in {store.name}"
    name = store.renamed(digest) if isinstance(store, OnMedium) else None
    if name is None:
        return ContentError("content.missing", message, digest=str(digest))
    from airgap.near_names import CARRY_NAMES  # seldom needed

    return ContentError(
        "content.missing",
        f"{message}; {safe(name, limit=80)!r} is there, and may be it: a medium changes names that it cannot keep",
        remedy=CARRY_NAMES,
        digest=str(digest),
    )


def unreadable(digest: Digest, problem: str, *, remedy: str = "") -> ContentError:
    """The error for a blob that is no regular file or cannot be read."""
    return ContentError("content.unreadable", f"{digest} {problem}", remedy=remedy, digest=str(digest))


@contextmanager
def reading(digest: Digest) -> Iterator[None]:
    """Turns errors of the medium (read errors, permissions) into ContentError."""
    try:
        yield
    except OSError as error:
        raise unreadable(digest, f"cannot be read: {error.strerror or type(error).__name__}") from None


class _Buffer(threading.local):
    """One for each thread: allocating one for each blob costs more than hashing a small blob."""

    def __init__(self) -> None:
        self.view = memoryview(bytearray(limits.CHUNK_BYTES))


_buffer: Final = _Buffer()


def buffer() -> memoryview:
    """The read buffer of this thread; the next caller overwrites it."""
    return _buffer.view


def check_embedded(descriptor: Descriptor) -> None:
    """The data in a descriptor, if any, are what it describes. Raises ContentError (`content.data`)."""
    digest, data = descriptor.digest, descriptor.data
    if data is None:
        return
    if len(data) != descriptor.size:
        raise ContentError(
            "content.data",
            f"{digest}: the embedded data has {len(data)} bytes, its descriptor says {descriptor.size}",
            digest=str(digest),
            expected_size=descriptor.size,
            found_size=len(data),
        )
    hasher = digest.new_hash()
    hasher.update(data)
    if hasher.hexdigest() != digest.encoded:
        found = f"{digest.algorithm}:{hasher.hexdigest()}"
        raise ContentError(
            "content.data",
            f"{digest}: the embedded data has the digest {found}",
            digest=str(digest),
            found_digest=found,
        )


def compare_digest(digest: Digest, found: str) -> None:
    """Raises ContentError (`content.digest`) where the bytes had another hexadecimal digest."""
    if found != digest.encoded:
        raise ContentError(
            "content.digest",
            f"{digest}: the bytes have the digest {digest.algorithm}:{found}",
            digest=str(digest),
            found_digest=f"{digest.algorithm}:{found}",
        )


def _compare(store: Store, digest: Digest, found: str) -> None:
    try:
        compare_digest(digest, found)
    except ContentError as error:
        raise (store.damaged(error, digest) if isinstance(store, InVolumes) else error) from None


def size_error(descriptor: Descriptor, found: int) -> ContentError:
    """The error for content of another size."""
    return ContentError(
        "content.size",
        f"{descriptor.digest} has {found} bytes, its descriptor says {descriptor.size}",
        digest=str(descriptor.digest),
        media_type=safe(descriptor.media_type),
        expected_size=descriptor.size,
        found_size=found,
    )
