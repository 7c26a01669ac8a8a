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
from airgap.net.wire import failure, has_code, upload_offset
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
_STREAM: Final = {"Content-Type": "application/octet-stream"}


class _Upload:
    """A session of a chunked upload: where to send the next bytes, and how many the registry has."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.offset = 0
        self.failures = 0


class BlobUploader:
    """Uploads into one repository. Safe for threads."""

    def __init__(self, client: RegistryClient, access: Access, *, chunked: bool = False) -> None:
        """`chunked` sends in chunks from the start, without trying one piece first."""
        self._client, self._repository, self._reading = client, access.repository, access
        self._writing = Access(access.repository, "pull,push")
        self._whole_limit = 0 if chunked else None
        """Blobs of at least so many bytes are sent in chunks from the start: one piece was refused."""
        self._piece = limits.UPLOAD_CHUNK_BYTES

    def exists(self, descriptor: Descriptor) -> bool:
        """Whether the repository holds the blob. Raises ContentError where it has another size."""
        reply = self._client.send(
            "HEAD",
            self._client.url(f"{self._repository}/blobs/{descriptor.digest}"),
            access=self._reading,
            accept=frozenset({200, 404}),
            what=f"whether {self._repository} holds {descriptor.digest} cannot be asked",
        )
        if reply.status != 200:  # noqa: PLR2004
            return False
        if reply.length not in {None, descriptor.size}:
            raise ContentError(
                "content.size",
                f"{descriptor.digest} has {reply.length} bytes in {self._client.host}/{self._repository}, "
                f"its descriptor says {descriptor.size}",
                digest=str(descriptor.digest),
                expected_size=descriptor.size,
                found_size=reply.length,
            )
        return True

    def push(
        self,
        descriptor: Descriptor,
        source: Callable[[], BlobStream],
        *,
        mount_from: str | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> TransferMethod:
        """Copy a blob into the repository, if it is not there yet (DIST-21 to 23).

        `source` opens its bytes, again for each attempt; their digest is checked. `mount_from` names a repository of
        the same registry that may hold it. `progress` gets the number of bytes sent, including those of repeated
        attempts. Raises ContentError if the bytes of the source are not those of the descriptor.
        """
        body = Body(descriptor.size, source, progress, descriptor.digest)
        location: str | None = None
        attempt, in_chunks = 0, False
        while True:
            if self.exists(descriptor):
                return TransferMethod.EXISTED if attempt == 0 else TransferMethod.COPIED
            if mount_from and attempt == 0:
                mounted, location = self._mount(descriptor, mount_from)
                if mounted:
                    return TransferMethod.MOUNTED
            try:
                self._send(descriptor, body, location, in_chunks=in_chunks)
            except (TransportError, RegistryError) as error:
                if attempt >= self._client.options.retries or not _worth_repeating(error):
                    raise
                asked = error.retry_after if isinstance(error, RegistryError) else None
                self._client.http.pause(attempt, str(error), asked)
                # a proxy that takes no large bodies often cuts the connection instead of answering 413
                in_chunks = in_chunks or (isinstance(error, TransportError) and error.cause is Cause.RESET)
                attempt, location = attempt + 1, None
            else:
                return TransferMethod.COPIED

    def _send(self, descriptor: Descriptor, body: Body, location: str | None, *, in_chunks: bool) -> None:
        location = location or self._start(descriptor)
        large = self._whole_limit is not None and descriptor.size >= self._whole_limit
        if descriptor.size and (large or in_chunks):
            self._send_chunks(descriptor, body, location)
            return
        reply = self._call("PUT", _with_digest(location, descriptor), _STORED | _REFUSED_WHOLE, descriptor, body)
        if reply.status in _STORED:
            return
        if not descriptor.size:
            raise self._refused(reply, descriptor)
        self._check_content(reply, descriptor)
        self._whole_limit = min(descriptor.size, self._whole_limit or descriptor.size)
        self._send_chunks(descriptor, body, self._start(descriptor))

    def _mount(self, descriptor: Descriptor, source: str) -> tuple[bool, str | None]:
        """Whether the blob was mounted, and the URL of the upload session that was opened instead, if any (DIST-21)."""
        query = urlencode({"mount": str(descriptor.digest), "from": source})
        try:
            reply = self._client.send(
                "POST",
                self._client.url(f"{self._repository}/blobs/uploads/?{query}"),
                access=Access(self._repository, "pull,push", (source,)),
                accept=_STARTED | {_CREATED},
                what=f"{descriptor.digest} cannot be mounted from {source}",
            )
        except (AuthenticationError, RegistryError):
            return False, None  # no right to read there, or the registry does not mount: it is uploaded
        return reply.status == _CREATED, None if reply.status == _CREATED else self._location(reply)

    def _start(self, descriptor: Descriptor) -> str:
        path = f"{self._repository}/blobs/uploads/"
        if descriptor.digest.algorithm != "sha256":
            path += f"?digest-algorithm={descriptor.digest.algorithm}"
        return self._location(self._call("POST", self._client.url(path), _STARTED, descriptor, Body.of(b"")))

    def _send_chunks(self, descriptor: Descriptor, body: Body, location: str) -> None:
        upload = _Upload(location)
        with closing(Outgoing(body, f"the upload to {self._repository}")) as source:
            while upload.offset < descriptor.size:
                try:
                    chunk = _read_chunk(source, min(limits.UPLOAD_CHUNK_BYTES, descriptor.size - upload.offset))
                except AirgapError:
                    self._abandon(upload)
                    raise
                self._send_chunk(descriptor, upload, chunk)
        reply = self._call("PUT", _with_digest(upload.location, descriptor), _STORED | {400}, descriptor, Body.of(b""))
        if reply.status not in _STORED:
            raise self._refused(reply, descriptor)

    def _send_chunk(self, descriptor: Descriptor, upload: _Upload, chunk: bytes) -> None:
        """Send one chunk, in pieces that the registry takes. After a cut, continue from where the registry says."""
        start, end = upload.offset, upload.offset + len(chunk)
        while upload.offset < end:
            piece = chunk[upload.offset - start : upload.offset - start + self._piece]
            headers = {**_STREAM, "Content-Range": f"{upload.offset}-{upload.offset + len(piece) - 1}"}
            try:
                reply = self._call("PATCH", upload.location, _TAKEN | {413, 416}, descriptor, Body.of(piece), headers)
            except (TransportError, RegistryError) as error:
                self._count_failure(upload, error)
                self._synchronise(descriptor, upload, start, end)
                continue
            if reply.status == _TOO_LARGE and self._piece > limits.UPLOAD_CHUNK_LEAST_BYTES:
                self._piece = max(self._piece // 4, limits.UPLOAD_CHUNK_LEAST_BYTES)
                continue
            if reply.status in _TAKEN:
                if reply.headers.get("Location"):
                    upload.location = self._location(reply)
                if not _lost_some(reply, upload.offset + len(piece)):
                    upload.offset += len(piece)
                    continue
            self._count_failure(upload, self._not_taken(reply, descriptor))
            self._synchronise(descriptor, upload, start, end)

    def _not_taken(self, reply: Reply, descriptor: Descriptor) -> RegistryError:
        if reply.status not in _TAKEN:
            return failure(reply, self._what(descriptor))
        problem = f"{self._what(descriptor)}: {self._client.host} took a chunk, and has less than was sent"
        return self._client.error(problem, status=503)  # it is sent again

    def _count_failure(self, upload: _Upload, error: TransportError | RegistryError) -> None:
        out_of_order = isinstance(error, RegistryError) and error.status == 416  # noqa: PLR2004
        if upload.failures >= self._client.options.retries or not (out_of_order or _worth_repeating(error)):
            raise error
        self._client.http.pause(upload.failures, str(error))
        upload.failures += 1

    def _synchronise(self, descriptor: Descriptor, upload: _Upload, start: int, end: int) -> None:
        """Ask how many bytes the registry has (DIST-23). Only bytes that are still in memory can be sent again."""
        reply = self._call("GET", upload.location, frozenset({200, 202, 204}), descriptor)
        have = upload_offset(reply.headers)
        if have is None or not start <= have <= end:
            problem = f"broke at byte {upload.offset}; the registry goes on at {have}"
            # 503: the whole upload may be repeated
            raise self._client.error(f"the upload of {descriptor.digest} to {self._repository} {problem}", status=503)
        upload.offset = have
        if reply.headers.get("Location"):
            upload.location = self._location(reply)

    def _abandon(self, upload: _Upload) -> None:
        if origin_of(upload.location) == self._client.origin:
            with suppress(AirgapError):
                self._client.send(
                    "DELETE", upload.location, access=self._writing, accept=frozenset({204}), what="upload"
                )

    def _call(
        self,
        method: str,
        url: str,
        accept: frozenset[int],
        descriptor: Descriptor,
        body: Body | None = None,
        headers: dict[str, str] | None = None,
    ) -> Reply:
        return self._client.send(
            method,
            url,
            access=self._writing,
            accept=accept,
            what=self._what(descriptor),
            headers=headers or (_STREAM if body is not None and body.size else {}),
            body=body,
        )

    def _location(self, reply: Reply) -> str:
        location = reply.headers.get("Location", "")
        try:
            return follow(reply.request.url, location, home=self._client.origin)
        except FormatError as error:
            problem = f"{self._client.host} wants the upload to go where it cannot: {error.problem}"
            raise self._client.error(problem, status=reply.status) from None

    def _what(self, descriptor: Descriptor) -> str:
        return f"{descriptor.digest} cannot be uploaded to {self._repository}"

    def _check_content(self, reply: Reply, descriptor: Descriptor) -> None:
        if has_code(reply, "DIGEST_INVALID", "SIZE_INVALID"):
            raise ContentError(
                "content.digest",
                f"{descriptor.digest}: {self._client.host} says that what it got has another digest or size",
                digest=str(descriptor.digest),
            )

    def _refused(self, reply: Reply, descriptor: Descriptor) -> RegistryError:
        self._check_content(reply, descriptor)
        return failure(reply, self._what(descriptor))


def _lost_some(reply: Reply, sent: int) -> bool:
    """Whether the registry says that it has less than what was sent so far, although it took the chunk."""
    have = upload_offset(reply.headers)
    return have is not None and have < sent and not (have == 0 and sent == 1)  # `0-0` is one byte, or none


def _worth_repeating(error: TransportError | RegistryError) -> bool:
    """Whether the whole upload may be repeated; content-addressed uploads are safe to repeat."""
    if isinstance(error, TransportError):
        return error.cause in {Cause.RESET, Cause.TIMEOUT}
    # an unknown upload: the registry was restarted and lost the session
    return "BLOB_UPLOAD_UNKNOWN" in error.codes or (error.status is not None and is_transient(error.status))


def _with_digest(location: str, descriptor: Descriptor) -> str:
    return with_query(location, urlencode({"digest": str(descriptor.digest)}))


def _read_chunk(source: Outgoing, size: int) -> bytes:
    chunk = bytearray()
    while len(chunk) < size:
        chunk += source.read(size - len(chunk))
    return bytes(chunk)
