"""Downloads CRLs and OCSP responses from the URLs in certificates (OCSP-1, OCSP-2, CRL-2).

The URLs and the answers are untrusted: sizes, times and redirects are bounded, and no secret is sent. The answers are
not proven here. Only http is used unless https is allowed: a CRL is signed, and TLS may need a CRL of its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final, Self
from urllib.parse import quote

from airgap import limits
from airgap.errors import Cause, FormatError, LimitError, Undecided
from airgap.net.http import Body, Http, Reply, Request
from airgap.net.options import TransportOptions
from airgap.net.transport_errors import TransportError
from airgap.net.url import NOWHERE, follow, origin_of, without_query
from airgap.parse.base64 import encode_standard
from airgap.text import safe

CRL_SECONDS: Final = 30.0
OCSP_SECONDS: Final = 10.0
LEAST_RATE: Final = 64 * limits.KIB
"""Bytes a second that a server must reach on average after its minimum time."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 5
_GET_CHARACTERS: Final = 255
_OK: Final = 200
_AROUND: Final = "".join(map(chr, range(ord(" ") + 1)))
"""Control characters and the blank."""
_INSIDE: Final = str.maketrans({" ": "%20", "\t": None, "\r": None, "\n": None})
_PEM_CRL_BYTES: Final = limits.CRL_BYTES * 3 // 2  # some hosts serve PEM; the parser bounds the DER
_CHUNK: Final = 256 * limits.KIB


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceOptions:
    """How to download evidence."""

    transport: TransportOptions = field(default_factory=lambda: TransportOptions(retries=1))
    allow_https: bool = False
    crl_seconds: float = CRL_SECONDS
    """Seconds to connect, between two pieces, and for a whole CRL that comes slower than LEAST_RATE."""
    ocsp_seconds: float = OCSP_SECONDS
    clock: Callable[[], float] = time.monotonic
    """The clock that measures servers, in seconds from any start."""


class EvidenceClient:
    """Downloads evidence. Safe for threads; close it when done."""

    def __init__(self, options: EvidenceOptions) -> None:
        self._options: Final = options
        self._crl: Final = Http(NOWHERE, options.transport.within(options.crl_seconds))
        self._ocsp: Final = Http(NOWHERE, options.transport.within(options.ocsp_seconds))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all idle connections."""
        self._crl.close()
        self._ocsp.close()

    def crl(self, url: str, path: Path) -> int:
        """Write what is at `url` to the new file `path`; returns its size in bytes.

        Raises Undecided: fetch.scheme, fetch.unreachable, fetch.timeout, fetch.status, fetch.redirect, fetch.limit;
        OSError where `path` cannot be written.
        """
        deadline = self._deadline(self._options.crl_seconds)
        reply = self._answer(self._crl, Request(method="GET", url=_sendable(url)), deadline)
        with path.open("xb") as file:
            return self._read(reply, file.write, _PEM_CRL_BYTES, deadline)

    def ocsp(self, url: str, question: bytes) -> bytes:
        """What the responder at `url` answers to the request `question`: GET where it is short, else POST (OCSP-2).

        A responder that does not take GET is asked by POST. Raises Undecided as `crl`.
        """
        url = _sendable(url)
        self._check(url)
        short = _get_url(url, question)
        if short is not None:
            try:
                return self._ask(Request(method="GET", url=short))
            except Undecided as refused:
                if refused.reason != "fetch.status":
                    raise
        post = Request(
            method="POST",
            url=url,
            headers={"Content-Type": "application/ocsp-request", "Accept": "application/ocsp-response"},
            body=Body.of(question),
            repeatable=True,  # asking twice is harmless
        )
        return self._ask(post)

    def _ask(self, request: Request) -> bytes:
        deadline = self._deadline(self._options.ocsp_seconds)
        data = bytearray()
        self._read(self._answer(self._ocsp, request, deadline), data.extend, limits.OCSP_BYTES, deadline)
        return bytes(data)

    def _deadline(self, seconds: float) -> _Deadline:
        return _Deadline(self._options.clock, seconds)

    def _check(self, url: str) -> None:
        scheme = url.partition(":")[0].lower()
        if scheme == "https" and not self._options.allow_https:
            raise _refusal("fetch.scheme", url, "is https, which is only asked where --allow-https says so")
        if scheme not in {"http", "https"}:
            raise _refusal("fetch.scheme", url, f"is {safe(scheme, limit=32)}, not http, and is not asked")
        try:
            origin_of(url)
        except FormatError as error:
            raise _refusal("fetch.scheme", url, f"cannot be asked: {error.problem}") from None

    def _answer(self, http: Http, request: Request, deadline: _Deadline) -> Reply:
        """The answer with status 200, its body unread; redirects are followed, within bounds."""
        first = request.url
        for _ in range(_MOST_REDIRECTS + 1):
            self._check(request.url)
            reply = _send(http, request, first)
            if reply.status not in _REDIRECTS:
                break
            deadline.check(first, 0)
            request = replace(request, url=_target(reply, first))
        else:
            raise _refusal("fetch.redirect", first, f"led on more than {_MOST_REDIRECTS} times")
        if reply.status != _OK:
            status = reply.status
            reply.close()
            raise _refusal("fetch.status", first, f"answered with status {status}", status=status)
        return reply

    def _read(self, reply: Reply, write: Callable[[bytes], object], limit: int, deadline: _Deadline) -> int:
        url, total = reply.request.url, 0
        try:
            if reply.length is not None and reply.length > limit:
                raise _refusal("fetch.limit", url, f"has {reply.length} bytes, more than {limit}")
            while chunk := _piece(reply):
                total += len(chunk)
                if total > limit:
                    raise _refusal("fetch.limit", url, f"has more than {limit} bytes")
                deadline.check(url, total)
                write(chunk)
        finally:
            reply.close()
        return total


class _Deadline:
    """The time limit of a server: some seconds, and longer while it sends fast enough."""

    def __init__(self, clock: Callable[[], float], seconds: float) -> None:
        self._clock, self._seconds, self._start = clock, seconds, clock()

    def check(self, url: str, received: int) -> None:
        elapsed = self._clock() - self._start
        if elapsed > self._seconds + received / LEAST_RATE:
            raise _refusal("fetch.timeout", url, f"sent {received} bytes in {elapsed:.0f} s, which is too slow")


def _send(http: Http, request: Request, first: str) -> Reply:
    try:
        return http.send(request)
    except TransportError as error:
        raise _lost(error, first) from None
    except (FormatError, LimitError) as error:
        raise _refusal("fetch.redirect", first, f"cannot be asked: {error.problem}") from None


def _piece(reply: Reply) -> bytes:
    try:
        return reply.read_some(_CHUNK)
    except TransportError as error:
        raise _lost(error, reply.request.url) from None


def _lost(error: TransportError, url: str) -> Undecided:
    reason = "fetch.timeout" if error.cause is Cause.TIMEOUT else "fetch.unreachable"
    return Undecided(reason, str(error), url=safe(without_query(url)), cause=error.cause.value)


def _target(reply: Reply, first: str) -> str:
    location = _sendable(reply.headers.get("Location", ""))
    reply.close()  # reading the rest of its body could take as long as the server likes
    try:
        return follow(reply.request.url, location, home=NOWHERE)
    except FormatError as error:
        raise _refusal("fetch.redirect", first, f"leads to where it cannot be followed: {error.problem}") from None


def _sendable(url: str) -> str:
    """The URL of a certificate, or of a redirect, in the form that is sent.

    Blanks and line ends around it are removed, and blanks inside become `%20`: some authorities write them (a folder
    "Cert Enroll"), and browsers, Go and certutil do the same. Tabs and line ends inside are removed, as browsers do.
    """
    return url.strip(_AROUND).translate(_INSIDE)


def _get_url(url: str, question: bytes) -> str | None:
    """OCSP-2: both the base64 and its escaped form must be short."""
    text = encode_standard(question)
    escaped = quote(text, safe="")
    if max(len(text), len(escaped)) >= _GET_CHARACTERS or "?" in url:
        return None
    return f"{url.rstrip('/')}/{escaped}"


def _refusal(reason: str, url: str, problem: str, **facts: int) -> Undecided:
    shown = safe(without_query(url), limit=256)
    return Undecided(reason, f"{shown} {problem}", url=shown, **facts)
