"""A blob as a stream: its size is checked, and the download resumes after a cut connection (DIST-3)."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Final

from airgap import limits
from airgap.errors import Cause, ContentError
from airgap.net.auth import Access
from airgap.net.client import RegistryClient
from airgap.net.http import STALLED_SECONDS, ChunkReader, Reply
from airgap.net.transport_errors import RegistryError, TransportError
from airgap.net.wire import PARTIAL, WRONG_THERE, content_range, wrong_there
from airgap.oci.descriptor import Descriptor

_PROGRESS_BYTES: Final = limits.MIB
"""Bytes between two cuts that count as progress: a server that sends one byte a connection is given up."""

_PARTIAL: Final = 206
_NOT_FOUND: Final = 404
_PAST_THE_END: Final = 416


class BlobReader(ChunkReader):
    """A blob of the repository that `access` names, whatever its media type says; for one thread; close it.

    Reading past the last byte of a blob with another size raises ContentError. The caller computes the digest.
    """

    def __init__(self, client: RegistryClient, access: Access, descriptor: Descriptor, *, start: int = 0) -> None:
        """The request is sent at once, so that a missing blob is reported here.

        `start`: the first byte that is wanted, for a reader who has those before it. Raises ContentError
        (`content.missing`, `content.size`), and what the client raises.
        """
        super().__init__()
        self._client, self._access, self._descriptor = client, access, descriptor
        self._offset = start
        self._cuts, self._cut_at, self._since = 0, start, time.monotonic()
        self._finished = False
        self._reply: Reply | None = None  # so that it can be closed if the first request fails
        self._reply = self._resume() if start else self._begin(self._fetch())

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes. Raises ContentError, TransportError, RegistryError."""
        if size < 0:
            return self.readall()
        return self._next(size) if size else b""

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
            self._cuts, self._since = 0, time.monotonic()
        elif cut.is_final:
            raise cut
        stalled = cut.cause is Cause.TIMEOUT and time.monotonic() - self._since > STALLED_SECONDS
        if self._cuts >= self._client.options.retries or stalled:
            raise cut
        self._cut_at = self._offset
        problem = f"{self._descriptor.digest}: cut after {self._offset} of {self._descriptor.size} bytes"
        self._client.http.pause(self._cuts, problem)
        self._cuts += 1

    def _begin(self, reply: Reply) -> Reply:
        if reply.status == _PARTIAL:
            self._check_whole(reply)
        if reply.is_packed and reply.length != self._descriptor.size:
            reply.unpack()  # of the right length it is the blob itself, which some servers say is compressed
        elif reply.length is not None and reply.length != self._descriptor.size:
            reply.close()
            raise self._wrong_size(f"has {reply.length}", remedy=wrong_there(reply))
        return reply

    def _fetch(self) -> Reply:
        """The answer to a request for everything from the offset on."""
        reply = self._client.send(
            "GET",
            self._client.url(f"{self._access.repository}/blobs/{self._descriptor.digest}"),
            access=self._access,
            accept=frozenset({200, _PARTIAL, _NOT_FOUND, *({_PAST_THE_END} if self._offset else ())}),
            what=f"{self._descriptor.digest} cannot be read from {self._access.repository}",
            headers={"Range": f"bytes={self._offset}-"} if self._offset else {},
            limit=None,
        )
        if reply.status == _NOT_FOUND:
            reply.discard()
            raise self._client.missing(self._descriptor.digest, self._access.repository)
        return reply

    def _resume(self) -> Reply:
        reply = self._fetch()
        if reply.status == _PARTIAL:
            self._check_range(reply)  # of what is compressed, the part that was asked for is another one
            return reply
        if reply.status == _PAST_THE_END:
            reply.close()
            raise self._wrong_size(f"ends before byte {self._offset}")
        self._begin(reply)  # a server without Range starts again; the known bytes are skipped
        skip = self._offset
        while skip:
            chunk = reply.read_chunk(min(limits.CHUNK_BYTES, skip))
            if not chunk:
                reply.close()
                raise TransportError(f"the connection ended before byte {self._offset} of {self._descriptor.digest}")
            skip -= len(chunk)
        return reply

    def _check_whole(self, reply: Reply) -> None:
        """Some caches answer with 206 to a request without Range (RFC 9110, 15.3.7), and all bytes."""
        size = self._descriptor.size
        if content_range(reply.headers) != (0, size - 1, size):
            reply.close()
            raise RegistryError(
                f"{reply.request}: the whole blob was asked for, and the answer is 206, a part of it",
                remedy=PARTIAL,
                digest=str(self._descriptor.digest),
            )

    def _check_range(self, reply: Reply) -> None:
        given = content_range(reply.headers)
        whole = {None, self._descriptor.size}
        if given is None or given[0] != self._offset or given[2] not in whole or (reply.is_packed and given[2] is None):
            reply.close()
            raise RegistryError(
                f"{reply.request}: asked for the bytes from {self._offset} on, the answer has others",
                digest=str(self._descriptor.digest),
            )

    def _finish(self) -> None:
        if self._finished:
            return
        extra = b""
        if self._reply is not None:
            with suppress(TransportError):  # all bytes have come; how the connection ends does not matter
                extra = self._reply.read_chunk(1)
            self._reply.close()
        if extra and self._reply is not None:
            raise self._wrong_size("has more", remedy=wrong_there(self._reply))
        self._finished = True

    def _wrong_size(self, what: str, *, remedy: str = WRONG_THERE) -> ContentError:
        digest = self._descriptor.digest
        return ContentError(
            "content.size",
            f"{digest}: the registry's content {what}, its descriptor says {self._descriptor.size} bytes",
            remedy=remedy,
            digest=str(digest),
            expected_size=self._descriptor.size,
        )
