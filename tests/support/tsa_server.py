"""A timestamping authority on 127.0.0.1 that can be made to misbehave.

    with LoopbackTsa() as tsa:
        tsa.mischief = "wrong_nonce"
        tsa.url, tsa.issued.root

Every query that it got is in `queries`, read by asn1crypto, so that requests are not judged by their own writer.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from asn1crypto import tsp

from tests.support import asn1
from tests.support.loopback import Loopback, Server
from tests.support.pki import Issued, Pki
from tests.support.tsa import POLICY, response, token

REPLY: Final = "application/timestamp-reply"


@dataclass
class Query:
    """One request as it came in."""

    path: str
    content_type: str
    hash_name: str
    imprint: bytes
    nonce: int | None
    policy: str | None
    wants_certificate: bool
    headers: dict[str, str] = field(default_factory=dict)


Answer = tuple[int, dict[str, str], bytes]
Mischief = Callable[["LoopbackTsa", Query], Answer]


def _granted(tsa: LoopbackTsa, query: Query, **changes: Any) -> Answer:
    issued = changes.pop("by", None) or tsa.issued
    options = {
        "imprint_hash": query.hash_name,
        "imprint": query.imprint,
        "nonce": query.nonce,
        "gen_time": tsa.gen_time or datetime.now(UTC).replace(microsecond=0),
        "policy": query.policy or POLICY,
        **tsa.options,
        **changes,
    }
    return 200, {"Content-Type": REPLY}, response(token(issued, b"", **options))


def _rejected(tsa: LoopbackTsa, query: Query) -> Answer:
    text = asn1.sequence(asn1.tlv(asn1.UTF8, b"no such\x1b[31m customer"))
    status = asn1.sequence(asn1.integer(2), text, asn1.named_bits({2}))
    return 200, {"Content-Type": REPLY}, asn1.sequence(status)


def _without_token(tsa: LoopbackTsa, query: Query) -> Answer:
    return 200, {"Content-Type": REPLY}, asn1.sequence(asn1.sequence(asn1.integer(0)))


def _bare_token(tsa: LoopbackTsa, query: Query) -> Answer:
    return 200, {"Content-Type": REPLY}, token(tsa.issued, b"", imprint=query.imprint, nonce=query.nonce)


def _slow(tsa: LoopbackTsa, query: Query) -> Answer:
    tsa.stopped.wait(5)
    return _granted(tsa, query)


def _once(first: Answer) -> Mischief:
    def act(tsa: LoopbackTsa, query: Query) -> Answer:
        return first if len(tsa.queries) == 1 else _granted(tsa, query)

    return act


MISCHIEF: Final[dict[str, Mischief]] = {
    "none": _granted,
    "wrong_nonce": lambda tsa, query: _granted(tsa, query, nonce=(query.nonce or 0) ^ 1),
    "no_nonce": lambda tsa, query: _granted(tsa, query, nonce=None),
    "wrong_imprint": lambda tsa, query: _granted(tsa, query, imprint=bytes(len(query.imprint))),
    "wrong_hash": lambda tsa, query: _granted(tsa, query, imprint_hash="sha512", imprint=bytes(64)),
    "wrong_policy": lambda tsa, query: _granted(tsa, query, policy="1.2.3.4"),
    "other_root": lambda tsa, query: _granted(tsa, query, by=tsa.stranger),
    "no_certificates": lambda tsa, query: _granted(tsa, query, embed=[]),
    "broken_signature": lambda tsa, query: _granted(tsa, query, corrupt_signature=True),
    "ess_v1": lambda tsa, query: _granted(tsa, query, ess="v1"),
    "from_the_past": lambda tsa, query: _granted(tsa, query, gen_time=datetime(2021, 1, 1, tzinfo=UTC)),
    "rejection": _rejected,
    "no_token": _without_token,
    "bare_token": _bare_token,
    "garbage": lambda tsa, query: (200, {"Content-Type": REPLY}, b"\x30\x82garbage"),
    "empty": lambda tsa, query: (200, {"Content-Type": REPLY}, b""),
    "oversize": lambda tsa, query: (200, {"Content-Type": REPLY}, bytes(1024 * 1024)),
    "page": lambda tsa, query: (200, {"Content-Type": "text/html"}, b"<html>Log in to this hotel</html>"),
    "http_500": lambda tsa, query: (500, {"Content-Type": "text/plain"}, b"no"),
    "http_404": lambda tsa, query: (404, {"Content-Type": "text/plain"}, b"no"),
    "http_503_once": _once((503, {"Content-Type": "text/plain"}, b"busy")),
    "redirect_loop": lambda tsa, query: (307, {"Location": f"/{len(tsa.queries)}"}, b""),
    "redirect_file": lambda tsa, query: (307, {"Location": "file:///etc/passwd"}, b""),
    "redirect_once": _once((308, {"Location": "/elsewhere"}, b"")),
    "redirect_to_http": lambda tsa, query: (307, {"Location": f"http://127.0.0.1:{tsa.port}/"}, b""),
    "slow": _slow,
}


class LoopbackTsa(Loopback):
    """The authority, and how it misbehaves."""

    def __init__(self, issued: Issued | None = None, *, tls: ssl.SSLContext | None = None, **options: Any) -> None:
        """`options` are deviations of its tokens (tests.support.tsa)."""
        super().__init__(_Handler, tls=tls)
        self.issued = issued or Pki().tsa_chain()
        self.stranger: Issued = Pki().tsa_chain(root={"slot": 3}, intermediate={"slot": 2})
        self.options = options
        self.gen_time: datetime | None = None
        self.mischief = "none"
        self.drip = 0.0
        """Seconds between the bytes of an answer."""
        self.queries: list[Query] = []

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/tsa"

    def answer(self, query: Query) -> Answer:
        return MISCHIEF[self.mischief](self, query)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""

    def do_POST(self) -> None:
        tsa = self.server.owner
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request = tsp.TimeStampReq.load(body, strict=True)
        imprint = request["message_imprint"]
        query = Query(
            path=self.path,
            content_type=self.headers.get("Content-Type", ""),
            hash_name=imprint["hash_algorithm"]["algorithm"].native,
            imprint=imprint["hashed_message"].native,
            nonce=request["nonce"].native,
            policy=request["req_policy"].native,
            wants_certificate=request["cert_req"].native,
            headers={name.lower(): value for name, value in self.headers.items()},
        )
        tsa.queries.append(query)
        status, headers, answer = tsa.answer(query)
        self.send_response(status)
        for name, value in {"Content-Length": str(len(answer)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if not tsa.drip:
            self.wfile.write(answer)
            return
        for byte in answer:
            if tsa.stopped.is_set():
                return
            self.wfile.write(bytes((byte,)))
            self.wfile.flush()
            time.sleep(tsa.drip)
