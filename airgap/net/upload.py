"""Uploads a blob to a registry: HEAD, mount, one piece, or chunks if one piece is refused.

A registry says where to upload to (`Location`). That URL is checked, and on another origin no Authorization is sent
(the client ensures that).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, suppress
from typing import Final
from urllib.parse import urlencode

from airgap import limits
from airgap.errors import AirgapError, Cause, ContentError, FormatError
from airgap.net.auth import Access
from airgap.net.client import RegistryClient
from airgap.net.http import Body, Outgoing, Reply, is_transient
from airgap.net.transport_errors import AuthenticationError, RegistryError, TransportError
from airgap.net.url import follow, origin_of, with_query
from airgap.net.wire import WRONG_THERE, has_code, refusal_error, upload_offset
from airgap.oci.descriptor import Descriptor
from airgap.transfer.endpoint import BlobStream, TransferMethod

_STARTED: Final = frozenset({202})
_TAKEN: Final = frozenset({200, 201, 202, 204})
"""Statuses of an accepted chunk: 202 as specified; ECR answers 201."""
_STORED: Final = frozenset({200, 201, 204})
_REFUSED_WHOLE: Final = frozenset({400, 411, 413, 416})
"""Answers to a monolithic upload after which chunks are tried."""
_TOO_LARGE: Final = 413
_CREATED: Final = 201
_SILENCES: Final = 2
"""Time-outs without one more byte taken after which a host that answers other requests is not sent the blob again."""
_STREAM: Final = {"Content-Type": "application/octet-stream"}


class UploadSizes:
    """What a repository turned out to take; one value for all uploads into it."""

    def __init__(self, *, chunked: bool = False) -> None:
        """`chunked` sends in chunks from the start, without trying one piece first."""
        self.refused_whole = 0 if chunked else None
        """Blobs of at least so many bytes are sent in chunks from the start: one piece was refused."""
        self.piece = limits.UPLOAD_CHUNK_BYTES


def holds(client: RegistryClient, access: Access, descriptor: Descriptor) -> bool:
    """Whether the repository of `access` holds the blob; not if it cannot be asked, as some proxies take no HEAD.

    Raises ContentError where it has another size.
    """
    reply = client.send(
        "HEAD",
        client.url(f"{access.repository}/blobs/{descriptor.digest}"),
        access=access,
        accept=frozenset({200, 404, 405}),
        what=f"whether {access.repository} holds {descriptor.digest} cannot be asked",
    )
    if reply.status != 200:  # noqa: PLR2004
        return False
    # some proxies say 0 of every answer without a body, or the length of what they compress; the upload or the reader
    # compares the bytes
    if not reply.encoding and reply.length not in {None, 0, descriptor.size}:
        raise ContentError(
            "content.size",
            f"{descriptor.digest} has {reply.length} bytes in {client.host}/{access.repository}, "
            f"its descriptor says {descriptor.size}",
            remedy=WRONG_THERE,
            digest=str(descriptor.digest),
            expected_size=descriptor.size,
            found_size=reply.length,
        )
    return True


class BlobUpload:
    """One blob on its way into a repository; for one thread."""

    def __init__(
        self,
        client: RegistryClient,
        access: Access,
        descriptor: Descriptor,
        source: Callable[[], BlobStream],
        *,
        sizes: UploadSizes,
        progress: Callable[[int], None],
    ) -> None:
        """`source` opens the bytes of the blob, again for each attempt; their digest is checked.

        `progress` gets the number of bytes sent, including those of repeated attempts.
        """
        self._client, self._repository, self._reading = client, access.repository, access
        self._writing = Access(access.repository, "pull,push")
        self._descriptor, self._sizes = descriptor, sizes
        self._body = Body(descriptor.size, source, progress, descriptor)
        self._what = f"{descriptor.digest} cannot be uploaded to {access.repository}"
        self._location = ""
        """Where the next bytes go, if a session is open."""
        self._offset = 0
        """How many bytes the registry has of an upload in chunks."""
        self._failures = 0
        self._furthest = self._silences = 0
        """How many bytes the registry had at most, and the time-outs since then."""

    def run(self, *, mount_from: str | None = None) -> TransferMethod:
        """Copy the blob, if it is not there yet (DIST-21, 22, 23); `mount_from`: a repository there that may hold it.

        Raises ContentError if the bytes of the source are not those of the descriptor.
        """
        attempt, in_chunks = 0, False
        while True:
            if holds(self._client, self._reading, self._descriptor):
                return TransferMethod.EXISTED if attempt == 0 else TransferMethod.COPIED
            if mount_from and attempt == 0 and self._mount(mount_from):
                return TransferMethod.MOUNTED
            try:
                self._send(in_chunks=in_chunks)
            except (TransportError, RegistryError) as error:
                if attempt >= self._client.options.retries or not self._may_repeat(error):
                    raise
                asked = error.retry_after if isinstance(error, RegistryError) else None
                self._client.http.pause(attempt, str(error), asked)
                # a proxy that takes no large bodies often cuts the connection instead of answering 413
                in_chunks = in_chunks or (isinstance(error, TransportError) and error.cause is Cause.RESET)
                attempt, self._location = attempt + 1, ""
            else:
                return TransferMethod.COPIED

    def _mount(self, source: str) -> bool:
        """Whether the blob was mounted; if not, the registry may have opened an upload session instead (DIST-21)."""
        query = urlencode({"mount": str(self._descriptor.digest), "from": source})
        try:
            reply = self._client.send(
                "POST",
                self._client.url(f"{self._repository}/blobs/uploads/?{query}"),
                access=Access(self._repository, "pull,push", (source,)),
                accept=_STARTED | {_CREATED},
                what=f"{self._descriptor.digest} cannot be mounted from {source}",
            )
        except (AuthenticationError, RegistryError):
            return False  # no right to read there, or the registry does not mount: it is uploaded
        if reply.status == _CREATED:  # some proxies answer so to every POST
            return holds(self._client, self._reading, self._descriptor)
        self._location = self._next(reply)
        return False

    def _send(self, *, in_chunks: bool) -> None:
        location = self._location or self._start()
        size = self._descriptor.size
        large = self._sizes.refused_whole is not None and size >= self._sizes.refused_whole
        if size and (large or in_chunks):
            self._send_chunks(location)
            return
        reply = self._call("PUT", self._with_digest(location), _STORED | _REFUSED_WHOLE, self._body)
        if reply.status in _STORED:
            return
        if not size:
            raise self._refused(reply)
        self._check_content(reply)
        self._sizes.refused_whole = min(size, self._sizes.refused_whole or size)
        self._send_chunks(self._start())

    def _start(self) -> str:
        """The location of a new upload session."""
        path = f"{self._repository}/blobs/uploads/"
        if self._descriptor.digest.algorithm != "sha256":
            path += f"?digest-algorithm={self._descriptor.digest.algorithm}"
        return self._next(self._call("POST", self._client.url(path), _STARTED, Body.of(b"")))

    def _send_chunks(self, location: str) -> None:
        self._location, self._offset, self._failures = location, 0, 0
        size = self._descriptor.size
        with closing(Outgoing(self._body, f"the upload to {self._repository}")) as source:
            while self._offset < size:
                try:
                    chunk = _read_chunk(source, min(limits.UPLOAD_CHUNK_BYTES, size - self._offset))
                except AirgapError:
                    self._abandon()
                    raise
                self._send_chunk(chunk)
        reply = self._call("PUT", self._with_digest(self._location), _STORED | {400}, Body.of(b""))
        if reply.status not in _STORED:
            raise self._refused(reply)

    def _send_chunk(self, chunk: bytes) -> None:
        """Send one chunk, in pieces that the registry takes. After a cut, continue from where the registry says."""
        start, end = self._offset, self._offset + len(chunk)
        while self._offset < end:
            piece = chunk[self._offset - start : self._offset - start + self._sizes.piece]
            headers = {**_STREAM, "Content-Range": f"{self._offset}-{self._offset + len(piece) - 1}"}
            try:
                reply = self._call("PATCH", self._location, _TAKEN | {413, 416}, Body.of(piece), headers)
            except (TransportError, RegistryError) as error:
                self._count_failure(error)
                self._synchronise(start, end)
                continue
            if reply.status == _TOO_LARGE and self._sizes.piece > limits.UPLOAD_CHUNK_LEAST_BYTES:
                self._sizes.piece = max(self._sizes.piece // 4, limits.UPLOAD_CHUNK_LEAST_BYTES)
                continue
            if reply.status in _TAKEN:
                if reply.headers.get("Location"):
                    self._location = self._next(reply)
                if not _lost_some(reply, self._offset + len(piece)):
                    self._offset += len(piece)
                    if self._offset > self._furthest:
                        self._furthest, self._silences = self._offset, 0
                    continue
            self._count_failure(self._not_taken(reply))
            self._synchronise(start, end)

    def _not_taken(self, reply: Reply) -> RegistryError:
        if reply.status not in _TAKEN:
            return refusal_error(reply, self._what)
        problem = f"{self._what}: {self._client.host} took a chunk, and has less than was sent"
        return self._client.error(problem, status=503)  # it is sent again

    def _count_failure(self, error: TransportError | RegistryError) -> None:
        out_of_order = isinstance(error, RegistryError) and error.status == 416  # noqa: PLR2004
        if self._failures >= self._client.options.retries or not (out_of_order or self._may_repeat(error)):
            raise error
        self._client.http.pause(self._failures, str(error))
        self._failures += 1

    def _may_repeat(self, error: TransportError | RegistryError) -> bool:
        self._silences += isinstance(error, TransportError) and error.cause is Cause.TIMEOUT
        return self._silences < _SILENCES and _worth_repeating(error)

    def _synchronise(self, start: int, end: int) -> None:
        """Ask how many bytes the registry has (DIST-23). Only bytes that are still in memory can be sent again."""
        reply = self._call("GET", self._location, frozenset({200, 202, 204}))
        have = upload_offset(reply.headers)
        if have is None or not start <= have <= end:
            where = f"{self._descriptor.digest} to {self._repository}"
            problem = f"the upload of {where} broke at byte {self._offset}; the registry goes on at {have}"
            raise self._client.error(problem, status=503)  # the whole upload may be repeated
        self._offset = have
        if reply.headers.get("Location"):
            self._location = self._next(reply)

    def _abandon(self) -> None:
        if origin_of(self._location) == self._client.origin:
            with suppress(AirgapError):
                self._client.send(
                    "DELETE", self._location, access=self._writing, accept=frozenset({204}), what="upload"
                )

    def _call(
        self,
        method: str,
        url: str,
        accept: frozenset[int],
        body: Body | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        headers = headers or (_STREAM if body is not None and body.size else {})
        return self._client.send(
            method, url, access=self._writing, accept=accept, what=self._what, headers=headers, body=body
        )

    def _next(self, reply: Reply) -> str:
        """Where the answer says that the upload goes on."""
        try:
            return follow(reply.request.url, reply.headers.get("Location", ""), home=self._client.origin)
        except FormatError as error:
            problem = f"{self._client.host} wants the upload to go where it cannot: {error.problem}"
            raise self._client.error(problem, status=reply.status) from None

    def _with_digest(self, location: str) -> str:
        return with_query(location, urlencode({"digest": str(self._descriptor.digest)}))

    def _check_content(self, reply: Reply) -> None:
        if has_code(reply, "DIGEST_INVALID", "SIZE_INVALID"):
            digest = self._descriptor.digest
            raise ContentError(
                "content.digest",
                f"{digest}: {self._client.host} says that what it got has another digest or size",
                digest=str(digest),
            )

    def _refused(self, reply: Reply) -> RegistryError:
        self._check_content(reply)
        return refusal_error(reply, self._what)


def _lost_some(reply: Reply, sent: int) -> bool:
    """Whether the registry says that it has less than what was sent so far, although it took the chunk."""
    have = upload_offset(reply.headers)
    return have is not None and have < sent and not (have == 0 and sent == 1)  # `0-0` is one byte, or none


def _worth_repeating(error: TransportError | RegistryError) -> bool:
    """Whether the whole upload may be repeated; content-addressed uploads are safe to repeat."""
    if isinstance(error, TransportError):
        return error.cause in {Cause.RESET, Cause.TIMEOUT} and not error.is_final
    # an unknown upload: the registry was restarted and lost the session
    return "BLOB_UPLOAD_UNKNOWN" in error.codes or (error.status is not None and is_transient(error.status))


def _read_chunk(source: Outgoing, size: int) -> bytes:
    chunk = bytearray()
    while len(chunk) < size:
        chunk += source.read(size - len(chunk))
    return bytes(chunk)
