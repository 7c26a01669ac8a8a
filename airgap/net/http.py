"""One HTTP request: errors become sentences, repetitions are bounded, and redirects are not followed.

A request is repeated if that is harmless (GET, HEAD, and where the caller says so), after 408, 429, 5xx and a cut
connection (DIST-28). A host that was never reached is not asked twice: a wrong name or port must fail at once, but a
registry that restarts during a copy is waited for.
"""

from __future__ import annotations

import io
import math
import time
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import requests
import urllib3.exceptions
from requests.adapters import HTTPAdapter
from requests.utils import select_proxy

from airgap import __version__, limits
from airgap.errors import AirgapError, Cause, ContentError, LimitError
from airgap.net.connections import foreign_adapter, home_adapter, proxies
from airgap.net.deadline import span
from airgap.net.diagnosis import diagnosed
from airgap.net.options import TransportOptions, backoff
from airgap.net.transport_errors import TransportError
from airgap.net.url import Origin, origin_of, without_query
from airgap.oci.descriptor import Descriptor
from airgap.oci.recognise import GZIP
from airgap.oci.store import size_error
from airgap.text import safe
from airgap.transfer.checked_bytes import CheckedContent
from airgap.transfer.endpoint import BlobStream

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_GZIP_FORMAT: Final = 16 + zlib.MAX_WBITS
_ZLIB_METHOD: Final = 8
_ZLIB_CHECK: Final = 31
_JSON_OR_HTML: Final = frozenset({b"{", b"[", b"<"})
_IDEMPOTENT: Final = frozenset({"GET", "HEAD"})
_PERMANENT: Final = frozenset({501, 505})
_SERVER_ERROR: Final = 500
_DISCARDED_CHUNKS: Final = 4
_DEAD_SECONDS: Final = 15.0
"""After this time a host that has never answered is not asked again: a person waits for the command."""
STALLED_SECONDS: Final = 90.0
"""After this time without anything new, a host that answers nothing is not asked again, either."""


class Body(NamedTuple):
    """The body of a request: `size` bytes of the stream that `open` returns; opened again for each attempt."""

    size: int
    open: Callable[[], BlobStream]
    progress: Callable[[int], None] | None = None
    """Called after each chunk with the number of bytes sent."""
    content: Descriptor | None = None
    """What the bytes must be; otherwise the last of them are not sent."""

    @classmethod
    def of(cls, data: bytes) -> Body:
        """Bytes in memory."""
        return cls(len(data), lambda: io.BytesIO(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to one URL. Header values may be secret: no message shows them."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Body | None = None
    limit: int | None = None
    """Read the body of the answer, at most so many bytes; None: leave it to be streamed."""
    repeatable: bool | None = None
    """Whether the request may be repeated; None: only GET and HEAD."""

    @property
    def may_repeat(self) -> bool:
        """Whether the request may be repeated."""
        return self.method in _IDEMPOTENT if self.repeatable is None else self.repeatable

    def __str__(self) -> str:
        """`GET https://host/path`, safe to show."""
        return f"{self.method} {safe(without_query(self.url), limit=256)}"


class Reply:
    """An answer. `body` holds what was read; `stream` is for the rest."""

    def __init__(self, request: Request, response: requests.Response) -> None:
        self.request: Final = request
        self.status: Final[int] = response.status_code
        self.headers: Final[Mapping[str, str]] = response.headers
        self.body: bytes = b""
        self._response = response
        self._unpacks = False
        self._unpacker: zlib._Decompress | None = None

    @property
    def media_type(self) -> str:
        """Content-Type without its parameters, in lower case (DIST-2)."""
        return self.headers.get("Content-Type", "").split(";", 1)[0].strip().lower()

    @property
    def length(self) -> int | None:
        """Content-Length, where it is a number."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None  # noqa: PLR2004 - 64 bits

    @property
    def encoding(self) -> str:
        """Content-Encoding in lower case; empty for a body as it is. Some servers compress without being asked."""
        encoding = self.headers.get("Content-Encoding", "").strip().lower().removeprefix("x-")
        return "" if encoding == "identity" else encoding

    @property
    def is_packed(self) -> bool:
        """Whether the body is said to be compressed in a way that is unpacked here (RFC 9110, 8.4.1)."""
        return self.encoding in {"gzip", "deflate"}

    def unpack(self) -> None:
        """From now on, `read_chunk` gives what is in the compressed body."""
        self._unpacks = True

    def read(self, limit: int) -> bytes:
        """The body, at most `limit` bytes; the connection is given back. Raises LimitError, TransportError.

        It is unpacked if it is said to be compressed, and is.
        """
        stated = self.length
        if stated is not None and stated > limit and self.request.method != "HEAD":
            self.close()
            raise LimitError(f"the answer to {self.request} has {stated} bytes, more than {limit}")
        data = bytearray()
        while len(data) <= limit and (chunk := self.read_some(limit + 1 - len(data))):
            data += chunk
        self.close()
        body = bytes(data)
        if self.is_packed and _may_be_packed(self.encoding, body):
            unpacker = _unpacker(self.encoding, body)
            body = self._unpacked(unpacker, body, limit + 1)
            if not unpacker.eof and len(body) <= limit:
                raise TransportError(f"{self.request}: the compressed answer is cut short")
        if len(body) > limit:
            raise LimitError(f"the answer to {self.request} has more than {limit} bytes")
        self.body = body
        return self.body

    def read_chunk(self, size: int) -> bytes:
        """At most `size` bytes of the body as they are on the wire; empty at its end. Raises TransportError."""
        if not self._unpacks:
            return self._take(self._response.raw.read, size)
        while self._unpacker is None or not self._unpacker.eof:
            left = self._unpacker.unconsumed_tail if self._unpacker else b""
            packed = left or self._take(self._response.raw.read, limits.CHUNK_BYTES)
            if not packed:
                break
            self._unpacker = self._unpacker or _unpacker(self.encoding, packed)
            if data := self._unpacked(self._unpacker, packed, size):
                return data
        return b""

    def _unpacked(self, unpacker: zlib._Decompress, packed: bytes, size: int) -> bytes:
        try:
            return unpacker.decompress(packed, size)
        except zlib.error:
            problem = f"{self.request}: the answer is said to be compressed with {self.encoding}, and is not"
            raise TransportError(problem) from None

    def read_some(self, size: int) -> bytes:
        """The next bytes of the body, at most `size`; empty at its end. Raises TransportError.

        Unlike `read_chunk` it returns as soon as any bytes have come, so that a caller can watch the time.
        """
        return self._take(self._response.raw.read1, size)

    def _take(self, read: Callable[..., bytes], size: int) -> bytes:
        begun = time.monotonic()
        try:
            return read(size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self.close()
            raise diagnosed(str(self.request), self.request.url, error, seconds=time.monotonic() - begun) from None

    def discard(self) -> None:
        """Skip a short body, so that the connection can be used again; close the connection if the body is long."""
        try:
            for _ in range(_DISCARDED_CHUNKS):
                if not self.read_chunk(limits.KIB * 16):
                    break
        except TransportError:
            pass
        self.close()

    def close(self) -> None:
        """Give the connection back, or close it if a part of the body is unread."""
        self._response.close()


def _unpacker(encoding: str, head: bytes) -> zlib._Decompress:
    """For a body that begins with `head`. Deflate is the zlib format; some servers send it without its header."""
    if encoding == "gzip":
        return zlib.decompressobj(_GZIP_FORMAT)
    return zlib.decompressobj(zlib.MAX_WBITS if _has_zlib_header(head) else -zlib.MAX_WBITS)


def _may_be_packed(encoding: str, body: bytes) -> bool:
    """Whether a body can be what it is said to be: some servers say of a plain one that it is compressed."""
    return body.startswith(GZIP) if encoding == "gzip" else body[:1] not in _JSON_OR_HTML


def _has_zlib_header(head: bytes) -> bool:
    """See RFC 1950, 2.2."""
    return len(head) > 1 and head[0] & 0x0F == _ZLIB_METHOD and int.from_bytes(head[:2]) % _ZLIB_CHECK == 0


class Http:
    """Sends requests to one registry and the hosts that it names. Safe for threads."""

    def __init__(self, home: Origin, options: TransportOptions) -> None:
        self.options: Final = options
        self._home: Final = home
        self._reached: set[Origin] = set()

    @cached_property
    def _to_home(self) -> HTTPAdapter:
        return home_adapter(self._home, self.options)

    @cached_property
    def _elsewhere(self) -> HTTPAdapter:
        return foreign_adapter(self.options)

    def send(self, request: Request) -> Reply:
        """The answer, whatever its status. Raises TransportError, LimitError, FormatError (the URL).

        A status that stays 408, 429 or 5xx after all repetitions is returned as it is.
        """
        attempt, started = 0, time.monotonic()
        while True:
            try:
                reply = self._once(request)
            except TransportError as error:
                if attempt >= self.options.retries or not self._worth_repeating(request, error, started):
                    raise
                reason, asked = str(error), None
            else:
                if attempt >= self.options.retries or not (request.may_repeat and is_transient(reply.status)):
                    return reply
                reply.discard()
                reason, asked = f"{request}: the answer is {reply.status}", retry_after(reply.headers)
            self.pause(attempt, reason, asked)
            attempt += 1

    def pause(self, attempt: int, reason: str, asked: float | None = None) -> None:
        """Wait before the next attempt, and report that. Raises TransportError where the deadline comes first."""
        seconds = backoff(attempt, asked)
        deadline = self.options.deadline
        if deadline is not None and time.monotonic() + seconds >= deadline.end:
            passed = deadline.passed()
            problem = f"{reason}; there is no time to try again in the {span(deadline.seconds)} for the whole operation"
            raise TransportError(problem, cause=Cause.TIMEOUT, remedy=passed.remedy, is_final=True)
        self.options.notice(f"{reason}; trying again in {seconds:.1f} s")
        self.options.sleep(seconds)

    def close(self) -> None:
        """Close all idle connections."""
        for name in ("_to_home", "_elsewhere"):
            if name in self.__dict__:
                self.__dict__[name].close()

    def _once(self, request: Request) -> Reply:
        """One request without repetition and redirects."""
        origin = origin_of(request.url)
        adapter = self._to_home if origin == self._home else self._elsewhere
        through = proxies(request.url, self.options)
        headers = {"User-Agent": f"airgap/{__version__}", "Accept-Encoding": "identity", **request.headers}
        outgoing = None if request.body is None else Outgoing(request.body, str(request))
        begun = time.monotonic()
        try:
            timeout = self._timeout(origin)
            prepared = requests.PreparedRequest()
            prepared.prepare(method=request.method, url=request.url, headers=headers, hooks={})
            if request.body is not None:
                prepared.body = outgoing  # set here because prepare() would guess the length
                prepared.headers["Content-Length"] = str(request.body.size)
            response = adapter.send(prepared, stream=True, timeout=timeout, proxies=through)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            proxy, seconds = select_proxy(request.url, through), time.monotonic() - begun
            raise diagnosed(str(request), request.url, error, proxy=proxy, seconds=seconds) from None
        finally:
            if outgoing is not None:
                outgoing.close()
        self._reached.add(origin)
        reply = Reply(request, response)
        if request.method == "HEAD":
            reply.discard()
        elif request.limit is not None:
            reply.read(request.limit)
        return reply

    def _timeout(self, origin: Origin) -> tuple[float, float]:
        """Seconds to connect, and until the next byte. Raises WaitedTooLongError at the deadline."""
        options = self.options
        silent = options.read_timeout if origin in self._reached else min(options.read_timeout, options.first_timeout)
        left = math.inf if options.deadline is None else options.deadline.left()
        return min(options.connect_timeout, left), min(silent, left)

    def _worth_repeating(self, request: Request, error: TransportError, started: float) -> bool:
        """`started`: when the first attempt began, by the monotonic clock."""
        if error.is_final:
            return False
        is_reached = origin_of(request.url) in self._reached
        if error.cause in {Cause.REFUSED, Cause.DNS, Cause.UNREACHABLE}:
            return is_reached  # nothing was sent, so any method may be repeated
        patience = STALLED_SECONDS if is_reached else _DEAD_SECONDS
        if (error.cause is Cause.TIMEOUT or not is_reached) and time.monotonic() - started > patience:
            return False
        return request.may_repeat and error.cause in {Cause.RESET, Cause.TIMEOUT}


def is_transient(status: int) -> bool:
    """Whether asking again may help: 408, 429 and 5xx (DIST-28), but not "not implemented"."""
    return status in {408, 429} or (status >= _SERVER_ERROR and status not in _PERMANENT)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds that Retry-After asks for: a number, or a date, measured from the answer's own Date."""
    text = headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max((parsedate_to_datetime(text) - parsedate_to_datetime(headers.get("Date", ""))).total_seconds(), 0.0)
    except (ValueError, TypeError, OverflowError):
        return None


class ChunkReader(io.RawIOBase):
    """A stream that is read by `read`, in pieces as they come."""

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """As `read`, into a buffer; returns how many bytes."""
        view = memoryview(buffer).cast("B")
        chunk = self.read(len(view)) or b""
        view[: len(chunk)] = chunk
        return len(chunk)


class Outgoing(ChunkReader):
    """The stream of a body: exactly `size` bytes, and the last of them only if all are the expected content.

    So a registry that does not check digests never stores wrong content: the request breaks off before its end. A
    failing source is not taken for a failing network.
    """

    def __init__(self, body: Body, what: str) -> None:
        """`what` names the sender in messages. Raises what opening the source raises."""
        super().__init__()
        self._body, self._what, self._left = body, what, body.size
        self._checked = CheckedContent(body.content) if body.content is not None else None
        self._source = body.open()
        if not self._left:
            self._check(b"")

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes. Raises ContentError where the source has others, AirgapError where it fails."""
        if self._left == 0:
            return b""
        chunk = self._next(min(size, self._left) if size >= 0 else self._left)
        if not chunk:
            raise self._too_short()
        self._left -= len(chunk)
        self._check(chunk)
        if self._body.progress is not None:
            self._body.progress(len(chunk))
        return chunk

    def close(self) -> None:
        """Close the source."""
        if not self.closed:
            self._source.close()
        super().close()

    def _next(self, size: int) -> bytes:
        try:
            return self._source.read(size)
        except OSError as error:  # would count as a broken connection
            raise AirgapError(f"what {self._what} sends cannot be read: {safe(error)}") from error

    def _too_short(self) -> ContentError:
        found = self._body.size - self._left
        if self._body.content is not None:
            return size_error(self._body.content, found)
        text = f"what {self._what} sends ends {self._left} bytes before its {self._body.size}"
        return ContentError("content.size", text, expected_size=self._body.size, found_size=found)

    def _check(self, chunk: bytes) -> None:
        if self._checked is None:
            return
        self._checked.add(chunk)
        if not self._left:
            self._checked.add(self._next(1))  # a longer source is another content
            self._checked.end()
