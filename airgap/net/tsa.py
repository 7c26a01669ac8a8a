"""A timestamping authority over HTTP (RFC 3161, section 3.4; LIM-8, LIM-12).

This module only sends and receives bytes; airgap.signature.timestamper compares the answer with the request and
verifies it. So http is enough: no secret is sent, and the token is signed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Final

from airgap import limits
from airgap.errors import Cause, FormatError, UsageError
from airgap.net.http import Body, Http, Reply, Request, is_transient
from airgap.net.options import TransportOptions
from airgap.net.transport_errors import TransportError
from airgap.net.url import NOWHERE, follow, origin_of, without_query
from airgap.pki.tsp import TimestampingError
from airgap.text import safe

SECONDS: Final = 15.0
"""Seconds for the answer of an authority, from first to last byte (LIM-12)."""
QUERY: Final = "application/timestamp-query"
REPLY: Final = "application/timestamp-reply"

# 303 (the answer is elsewhere) is not used by authorities; the others repeat the query at the new URL
_REDIRECTS: Final = frozenset({301, 302, 307, 308})
_MOST_REDIRECTS: Final = 5
_OK: Final = 200
_REMEDY: Final = "Check the URL, or use another authority with --timestamp-url. Nothing was attached."


@dataclass(frozen=True, slots=True)
class HttpTsa:
    """An authority at a URL; an instance is an `Exchange`. Raises UsageError for what is no http or https URL."""

    url: str
    transport: TransportOptions = field(default_factory=TransportOptions)
    seconds: float = SECONDS

    def __post_init__(self) -> None:
        try:
            origin_of(self.url)
        except FormatError as error:
            raise UsageError(f"the timestamping authority's URL: {error.problem}") from None

    def __call__(self, query: bytes) -> bytes:
        """The answer (DER of a TimeStampResp, not looked at) to a TimeStampReq.

        Asked twice where the authority is overloaded or cuts the connection. Raises TimestampingError and
        TransportError.
        """
        http = Http(NOWHERE, replace(self.transport.within(self.seconds), retries=0))
        try:
            return self._ask(http, query)
        finally:
            http.close()

    def _ask(self, http: Http, query: bytes) -> bytes:
        """Send the query. It may be sent again: an authority keeps no state that a second query would change."""
        try:
            reply = self._follow(http, query)
        except TransportError as error:
            if error.cause is not Cause.RESET:
                raise
            problem = str(error)
        else:
            if not is_transient(reply.status):
                return self._read(reply)
            reply.close()
            problem = f"{reply.request}: the answer is {reply.status}"
        http.pause(0, problem)
        return self._read(self._follow(http, query))

    def _follow(self, http: Http, query: bytes) -> Reply:
        request = Request(
            method="POST", url=self.url, headers={"Content-Type": QUERY, "Accept": REPLY}, body=Body.of(query)
        )
        for _ in range(_MOST_REDIRECTS + 1):
            reply = http.send(request)
            if reply.status not in _REDIRECTS:
                return reply
            location = reply.headers.get("Location", "")
            reply.close()
            try:
                request = replace(request, url=follow(request.url, location, home=NOWHERE))
            except FormatError as error:
                raise self._failed(f"leads to where it cannot be followed: {error.problem}") from None
        raise self._failed(f"leads on more than {_MOST_REDIRECTS} times")

    def _read(self, reply: Reply) -> bytes:
        deadline = time.monotonic() + self.seconds
        try:
            if reply.status != _OK:
                raise self._failed(f"answers with status {reply.status}", status=reply.status)
            if reply.media_type != REPLY:
                raise self._failed(f"answers with {safe(reply.media_type, limit=80) or 'no media type'}, not {REPLY}")
            data = bytearray()
            while chunk := reply.read_some(limits.TOKEN_BYTES):
                data += chunk
                if len(data) >= limits.TOKEN_BYTES:  # LIM-8: 1 MiB is already too much
                    raise self._failed(f"answers with {limits.TOKEN_BYTES} bytes or more")
                if time.monotonic() > deadline:
                    raise self._failed(f"takes more than {self.seconds:g} s for its answer")
            return bytes(data)
        finally:
            reply.close()

    def _failed(self, problem: str, **facts: int) -> TimestampingError:
        shown = safe(without_query(self.url), limit=256)
        return TimestampingError(f"the timestamping authority {shown} {problem}", remedy=_REMEDY, **facts)
