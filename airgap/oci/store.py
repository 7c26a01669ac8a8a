"""Stores: where blobs are read from, and the only two ways to their bytes.

Everything that reads content goes through `read_verified` (small things, returned) or `check_descriptor` and then
`hash_bytes` (large things, streamed): size first, then digest (LAYOUT-3, LAYOUT-5, MAN-14). Embedded `data` is compared
as well, and stands in for a blob that is not there.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

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
        """What the operator calls it, for sentences."""

    def index(self) -> Index:
        """The layout's `index.json`, parsed once."""

    def size(self, digest: Digest) -> int | None:
        """The size in bytes of the blob as it lies there; None where it is not. Raises ContentError."""

    def open(self, digest: Digest) -> io.RawIOBase:
        """The blob's bytes, nothing verified yet; close it. Raises ContentError (`content.missing`, ...)."""


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
    if not check_descriptor(store, descriptor):
        return descriptor.data or b""
    with reading(digest), store.open(digest) as blob:
        content = _read_all(blob, descriptor.size)
    if len(content) != descriptor.size:
        raise size_error(descriptor, len(content))
    hasher = digest.new_hash()
    hasher.update(content)
    compare_digest(digest, hasher.hexdigest())
    return content


def hash_bytes(store: Store, digest: Digest) -> int:
    """Prove that the bytes in the store have this digest; returns how many they are. Raises ContentError."""
    hasher = digest.new_hash()
    view = buffer()
    total = 0
    with reading(digest), store.open(digest) as blob:
        while count := blob.readinto(view):
            hasher.update(view[:count])
            total += count
    compare_digest(digest, hasher.hexdigest())
    return total


def check_descriptor(store: Store, descriptor: Descriptor) -> bool:
    """All that can be checked of a descriptor without reading the blob: embedded data, presence and size.

    Returns whether the blob lies in the store; False says that verified embedded data stands in for it. Raises
    ContentError.
    """
    digest = descriptor.digest
    check_embedded(descriptor)
    if not digest.supported:
        digest.new_hash()  # says why not
    found = store.size(digest)
    if found is None:
        if descriptor.data is not None:
            return False
        raise missing(store, digest)
    if found != descriptor.size:
        raise size_error(descriptor, found)
    return True


def missing(store: Store, digest: Digest) -> ContentError:
    """The error for a blob that `store` does not hold."""
    message = f"{digest} is not in {store.name}"
    look = getattr(store, "renamed", None)  # layouts on disk have it: their blobs are files with names
    name = look(digest) if look else None
    if name is None:
        return ContentError("content.missing", message, digest=str(digest))
    from airgap.near_names import CARRY_NAMES  # seldom needed

    return ContentError(
        "content.missing",
        f"{message}; {safe(name, limit=80)!r} lies there, and may be it: a medium changes names that it cannot keep",
        remedy=CARRY_NAMES,
        digest=str(digest),
    )


def unreadable(digest: Digest, problem: str) -> ContentError:
    """The error for a blob that is there but is no file, or cannot be read."""
    return ContentError("content.unreadable", f"{digest} {problem}", digest=str(digest))


@contextmanager
def reading(digest: Digest) -> Iterator[None]:
    """Turns what the medium says (a read error, a permission) into ContentError."""
    try:
        yield
    except OSError as error:
        raise unreadable(digest, f"cannot be read: {error.strerror or type(error).__name__}") from None


_local = threading.local()


def buffer() -> memoryview:
    """This thread's own chunk to read into: whoever calls it next reads over what is in it."""
    # One buffer a thread: to allocate a fresh one per blob costs more than to hash a small blob.
    if not hasattr(_local, "view"):
        _local.view = memoryview(bytearray(limits.CHUNK_BYTES))
    view: memoryview = _local.view
    return view


def _read_all(blob: io.RawIOBase, expected: int) -> bytes:
    # One byte more than expected, so that trailing bytes are seen; a raw read may return less than asked for.
    pieces: list[bytes] = []
    wanted = expected + 1
    while wanted and (piece := blob.read(wanted)):
        pieces.append(piece)
        wanted -= len(piece)
    return b"".join(pieces)


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
