"""One HTTP request: errors mapped to sentences, repetitions bounded, nothing followed.

A call is repeated where repeating does no harm (GET, HEAD, and what the caller says), on 408, 429, 5xx and
connections that were cut (DIST-28). A host that was never reached is not asked twice: a wrong name or port must
fail at once, while a registry that restarts in the middle of a copy is waited for.
"""

from __future__ import annotations

import errno
import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

import requests
import urllib3.exceptions
from requests import exceptions

from airgap import __version__, limits
from airgap.errors import AirgapError, Cause, ContentError, LimitError
from airgap.net.errors import TransportError
from airgap.net.options import TransportOptions, backoff
from airgap.net.session import Session
from airgap.net.url import Origin, origin_of, without_query
from airgap.text import safe

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_IDEMPOTENT: Final = frozenset({"GET", "HEAD"})
_PERMANENT: Final = frozenset({501, 505})
_SERVER_ERROR: Final = 500
_DISCARDED_CHUNKS: Final = 4
_GRACE_SECONDS: Final = 60.0
_LEAST_RATE: Final = limits.KIB
"""Bytes a second that an answer which is read as a whole must reach, once the time that it has anyway is over."""


class Readable(Protocol):
    """What a body is read from: any binary file or stream."""

    def read(self, size: int, /) -> bytes | None:
        """At most `size` bytes; none at the end."""

    def close(self) -> None:
        """Done with it."""


class Body(NamedTuple):
    """What a request sends: `size` bytes from what `open` returns; opened again for each attempt."""

    size: int
    open: Callable[[], Readable]
    progress: Callable[[int], None] | None = None
    """Told how many bytes went out, after each chunk."""

    @classmethod
    def of(cls, data: bytes) -> Body:
        """Bytes that are at hand."""
        return cls(len(data), lambda: io.BytesIO(data))


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to one URL. Header values may be secret: no message shows them."""

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: Body | None = None
    limit: int | None = None
    """Read the answer's body, at most so many bytes; None: leave it to be streamed."""
    repeatable: bool | None = None
    """Whether repeating does no harm; None: GET and HEAD only."""

    @property
    def may_repeat(self) -> bool:
        """Whether repeating does no harm."""
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

    @property
    def media_type(self) -> str:
        """Content-Type without its parameters, in lower case (DIST-2)."""
        return self.headers.get("Content-Type", "").split(";", 1)[0].strip().lower()

    @property
    def length(self) -> int | None:
        """Content-Length, where it is a number."""
        text = self.headers.get("Content-Length", "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None  # noqa: PLR2004 - 64 bits

    def read(self, limit: int) -> bytes:
        """The body, at most `limit` bytes; the connection is given back. Raises LimitError, TransportError."""
        stated = self.length
        if stated is not None and stated > limit and self.request.method != "HEAD":
            self.close()
            raise LimitError(f"the answer to {self.request} has {stated} bytes, more than {limit}")
        data = bytearray()
        started = time.monotonic()
        while len(data) <= limit and (chunk := self.read_some(limit + 1 - len(data))):
            data += chunk
            if time.monotonic() - started > _GRACE_SECONDS + len(data) / _LEAST_RATE:
                self.close()
                raise _mapped(self.request, TimeoutError())
        self.close()
        if len(data) > limit:
            raise LimitError(f"the answer to {self.request} has more than {limit} bytes")
        self.body = bytes(data)
        return self.body

    def read_chunk(self, size: int) -> bytes:
        """At most `size` bytes of the body as they are on the wire; empty at its end. Raises TransportError."""
        try:
            chunk: bytes = self._response.raw.read(size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self.close()
            raise _mapped(self.request, error) from None
        return chunk

    def read_some(self, size: int) -> bytes:
        """What has come of the body, at most `size` bytes; empty at its end. Raises TransportError.

        Unlike `read_chunk` it returns as soon as there is anything, so that a caller can mind the time.
        """
        try:
            chunk: bytes = self._response.raw.read1(size, decode_content=False)
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            self.close()
            raise _mapped(self.request, error) from None
        return chunk

    def discard(self) -> None:
        """Read a short body over, so that the connection can serve again; close it where the body is long."""
        try:
            for _ in range(_DISCARDED_CHUNKS):
                if not self.read_chunk(limits.KIB * 16):
                    break
        except TransportError:
            pass
        self.close()

    def close(self) -> None:
        """Give the connection back, or close it where there is unread body."""
        self._response.close()


class Http:
    """Sends requests for one registry and the hosts that it names. Safe for threads."""

    def __init__(self, home: Origin, options: TransportOptions) -> None:
        self.options: Final = options
        self._session = Session(home, options)
        self._reached: set[Origin] = set()

    def send(self, request: Request) -> Reply:
        """The answer, whatever its status. Raises TransportError, LimitError, FormatError (the URL).

        A status that stays 408, 429 or 5xx after all repetitions is returned as it is.
        """
        attempt = 0
        while True:
            try:
                reply = self._once(request)
            except TransportError as error:
                if attempt >= self.options.retries or not self._worth_repeating(request, error):
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
        """Wait before the next attempt, and say so."""
        seconds = backoff(attempt, asked)
        self.options.notice(f"{reason}; trying again in {seconds:.1f} s")
        self.options.sleep(seconds)

    def close(self) -> None:
        """Close all idle connections."""
        self._session.close()

    def _once(self, request: Request) -> Reply:
        origin = origin_of(request.url)
        headers = {"User-Agent": f"airgap/{__version__}", "Accept-Encoding": "identity", **request.headers}
        source = _Counted(request) if request.body is not None else None
        try:
            response = self._session.send(
                request.method, request.url, headers, source, 0 if request.body is None else request.body.size
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            raise _mapped(request, error, proxy=self._session.proxy_for(request.url)) from None
        finally:
            if source is not None:
                source.close()
        self._reached.add(origin)
        reply = Reply(request, response)
        if request.method == "HEAD":
            reply.discard()
        elif request.limit is not None:
            reply.read(request.limit)
        return reply

    def _worth_repeating(self, request: Request, error: TransportError) -> bool:
        cause = error.facts["cause"]
        if cause in {"refused", Cause.DNS, "unreachable"}:  # nothing was sent: any method may be repeated
            return origin_of(request.url) in self._reached
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


class _Counted(io.RawIOBase):
    """A body on its way: exactly `size` bytes, and a failing source is not mistaken for a failing network."""

    def __init__(self, request: Request) -> None:
        super().__init__()
        body = request.body
        if body is None:
            raise ValueError("no body")
        self._body, self._request, self._left = body, request, body.size
        self._source = body.open()

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        if self._left == 0:
            return b""
        try:
            chunk = self._source.read(min(size, self._left) if size >= 0 else self._left)
        except OSError as error:  # would count as a broken connection
            raise AirgapError(f"what {self._request} sends cannot be read: {safe(error)}") from error
        if not chunk:
            raise ContentError(
                "content.size",
                f"what {self._request} sends ends {self._left} bytes before its {self._body.size}",
                expected_size=self._body.size,
            )
        self._left -= len(chunk)
        if self._body.progress is not None:
            self._body.progress(len(chunk))
        return chunk

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        chunk = self.read(len(view))
        view[: len(chunk)] = chunk
        return len(chunk)

    def close(self) -> None:
        if not self.closed:
            self._source.close()
        super().close()


_PLAIN_HTTP_SIGNS: Final = frozenset({"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"})


def _mapped(request: Request, error: BaseException, *, proxy: str | None = None) -> TransportError:
    """The sentence for what a library raised. Decided by types, errno and OpenSSL's codes, not by messages."""
    chain = tuple(_causes(error))
    cause, words, remedy = _diagnose(chain)
    via = f" through the proxy {safe(without_query(proxy), limit=128)}" if proxy else ""
    origin = origin_of(request.url)
    return TransportError(
        f"{request}: {words.format(host=origin.netloc)}{via}", remedy=remedy, cause=cause, host=origin.netloc
    )


def _diagnose(chain: tuple[BaseException, ...]) -> tuple[Cause, str, str]:
    for item in chain:
        if isinstance(item, ssl.SSLError):
            return _diagnose_tls(item)
    for item in chain:
        for kind, answer in _DIAGNOSES:
            if isinstance(item, kind):
                return answer
        if isinstance(item, OSError) and item.errno in _UNREACHABLE:
            return _NO_ROUTE
    detail = safe(chain[-1], limit=160).replace("{", "(").replace("}", ")")
    return Cause.REQUEST, f"the request to {{host}} failed: {detail}", ""


def _diagnose_tls(error: ssl.SSLError) -> tuple[Cause, str, str]:
    if isinstance(error, ssl.SSLCertVerificationError):
        detail = safe(error.verify_message, limit=160).replace("{", "(").replace("}", ")")
        return (
            Cause.TLS,
            f"the certificate of {{host}} is not trusted: {detail}",
            "Name the authority's certificate with --ca-file; --insecure skips the check.",
        )
    if error.reason in _PLAIN_HTTP_SIGNS:
        return Cause.TLS, "{host} does not speak TLS", "If the registry speaks plain HTTP, add --plain-http."
    reason = safe(error.reason or "the connection was closed", limit=80).replace("_", " ").lower()
    return (
        Cause.TLS,
        f"no TLS connection to {{host}}: {reason}",
        "If the registry asks for a client certificate, give --cert-file and --key-file.",
    )


_NO_ROUTE = (Cause.UNREACHABLE, "{host} cannot be reached: no route to it", "Check the network connection.")
_UNREACHABLE = frozenset({errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EADDRNOTAVAIL, errno.ENETDOWN})
_TIMEOUT = (Cause.TIMEOUT, "{host} did not answer in time", "Check the network connection and the address.")
_RESET = (Cause.RESET, "{host} cut the connection", "")
_DIAGNOSES: Final[tuple[tuple[type[BaseException], tuple[Cause, str, str]], ...]] = (
    (urllib3.exceptions.NameResolutionError, (Cause.DNS, "the host {host} is not known", "Check the name's spelling.")),
    (socket.gaierror, (Cause.DNS, "the host {host} is not known", "Check the name's spelling.")),
    (ConnectionRefusedError, (Cause.REFUSED, "{host} refused the connection", "Check the port, and that it runs.")),
    (exceptions.ProxyError, (Cause.PROXY, "the proxy did not connect to {host}", "Check HTTPS_PROXY and NO_PROXY.")),
    (
        urllib3.exceptions.ProxyError,
        (Cause.PROXY, "the proxy did not connect to {host}", "Check HTTPS_PROXY and NO_PROXY."),
    ),
    (urllib3.exceptions.TimeoutError, _TIMEOUT),
    (exceptions.Timeout, _TIMEOUT),
    (TimeoutError, _TIMEOUT),
    (ConnectionError, _RESET),
    (urllib3.exceptions.ProtocolError, _RESET),
    (urllib3.exceptions.IncompleteRead, _RESET),
)


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what is wrapped in it: innermost first, as that one knows most."""
    found: list[BaseException] = []
    queue: list[object] = [error]
    while queue and len(found) < 20:  # noqa: PLR2004 - a bound against cycles
        item = queue.pop(0)
        if isinstance(item, BaseException) and item not in found:
            found.append(item)
            queue += [item.__cause__, item.__context__, getattr(item, "reason", None), *item.args]
    return found[::-1]
