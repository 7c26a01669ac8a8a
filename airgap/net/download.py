"""A blob as a stream: one pass, hashed on the way, taken up again where a connection was cut (DIST-3)."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import ContentError
from airgap.net.errors import RegistryError, TransportError
from airgap.net.http import Reply
from airgap.net.wire import content_range
from airgap.oci.descriptor import Descriptor

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_PROGRESS_BYTES: Final = limits.MIB
"""Counts as progress between two cuts: a server that gives a byte a connection is given up."""

_PARTIAL: Final = 206
_PAST_THE_END: Final = 416


class BlobReader(io.RawIOBase):
    """The content of a descriptor, from a registry; for one thread.

    `fetch(offset)` asks for the content from that byte on. Reading past the last byte of a content with another
    size or digest raises ContentError instead of ending; without `verify` only the size is checked, for readers
    that hash anyway.
    """

    def __init__(
        self,
        descriptor: Descriptor,
        fetch: Callable[[int], Reply],
        *,
        retries: int,
        pause: Callable[[int, str], None],
        verify: bool = True,
        start: int = 0,
    ) -> None:
        """The request is sent at once, so that what is not there is said here. Raises what `fetch` raises.

        `start`: the first byte that is wanted, for a reader who has those before it; not with `verify`.
        """
        super().__init__()
        self._descriptor, self._fetch, self._retries, self._pause = descriptor, fetch, retries, pause
        self._hash = descriptor.digest.new_hash() if verify else None
        self._offset = start
        self._cuts, self._cut_at = 0, start
        self._finished = False
        self._reply: Reply | None = None  # so that it can be closed where the first request fails
        self._reply = self._resume() if start else self._begin(fetch(0))

    def readable(self) -> bool:
        """It is."""
        return True

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes. Raises ContentError, TransportError, RegistryError."""
        if size < 0:
            return self.readall()
        chunk = self._next(size) if size else b""
        if self._hash is not None:
            self._hash.update(chunk)
        return chunk

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """As `read`, into a buffer; returns how many bytes."""
        view = memoryview(buffer).cast("B")
        chunk = self.read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        """Give the connection up."""
        if not self.closed and self._reply is not None:
            self._reply.close()
        super().close()

    def _next(self, size: int) -> bytes:
        left = self._descriptor.size - self._offset
        while left:
            try:
                chunk = self._opened().read_chunk(min(size, left))
                if chunk:
                    self._offset += len(chunk)
                    return chunk
                cut = TransportError(f"the connection ended {left} bytes before the end of {self._descriptor.digest}")
            except TransportError as error:
                cut = error
            self._lost(cut)
        self._finish()
        return b""

    def _opened(self) -> Reply:
        if self._reply is None:
            self._reply = self._resume()
        return self._reply

    def _lost(self, cut: TransportError) -> None:
        if self._reply is not None:
            self._reply.close()
            self._reply = None
        if self._offset - self._cut_at >= _PROGRESS_BYTES:
            self._cuts = 0
        if self._cuts >= self._retries:
            raise cut
        self._cut_at = self._offset
        self._pause(self._cuts, f"{self._descriptor.digest}: cut after {self._offset} of {self._descriptor.size} bytes")
        self._cuts += 1

    def _begin(self, reply: Reply) -> Reply:
        if reply.length is not None and reply.length != self._descriptor.size:
            reply.close()
            raise self._wrong_size(f"has {reply.length}")
        return reply

    def _resume(self) -> Reply:
        reply = self._fetch(self._offset)
        if reply.status == _PARTIAL:
            self._check_range(reply)
            return reply
        if reply.status == _PAST_THE_END:
            reply.close()
            raise self._wrong_size(f"ends before byte {self._offset}")
        self._begin(reply)  # a server without Range starts again; what is known is read over
        skip = self._offset
        while skip:
            chunk = reply.read_chunk(min(limits.CHUNK_BYTES, skip))
            if not chunk:
                reply.close()
                raise TransportError(f"the connection ended before byte {self._offset} of {self._descriptor.digest}")
            skip -= len(chunk)
        return reply

    def _check_range(self, reply: Reply) -> None:
        given = content_range(reply.headers)
        if given is None or given[0] != self._offset or given[2] not in {None, self._descriptor.size}:
            reply.close()
            raise RegistryError(
                f"{reply.request}: asked for the bytes from {self._offset} on, the answer has others",
                digest=str(self._descriptor.digest),
            )

    def _finish(self) -> None:
        if self._finished:
            return
        reply, extra = self._reply, False
        if reply is not None:
            with suppress(TransportError):  # all bytes are here; how the connection ends does not matter
                if reply.read_chunk(1):
                    extra = True
            reply.close()
            if extra:
                raise self._wrong_size("has more")
        if self._hash is not None and self._hash.hexdigest() != self._descriptor.digest.encoded:
            actual = f"{self._descriptor.digest.algorithm}:{self._hash.hexdigest()}"
            raise ContentError(
                "content.digest",
                f"{self._descriptor.digest}: what the registry sent is {actual}",
                digest=str(self._descriptor.digest),
                found_digest=actual,
            )
        self._finished = True

    def _wrong_size(self, what: str) -> ContentError:
        digest = self._descriptor.digest
        return ContentError(
            "content.size",
            f"{digest}: the registry's content {what}, its descriptor says {self._descriptor.size} bytes",
            digest=str(digest),
            expected_size=self._descriptor.size,
        )
