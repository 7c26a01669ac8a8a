"""CRLs, deltas and OCSP responders over HTTP on 127.0.0.1, good and misbehaving.

    with Endpoints() as web:
        url = web.put("/root.crl", lambda: crl(root))
        web.ocsp("/ocsp", lambda serial: ocsp_response(leaf))
        web.slow("/slow.crl")

What was asked is in `web.seen`.
"""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import unquote

from airgap.parse import der
from tests.support.loopback import Loopback, Server

Page = Callable[["_Handler"], None]


class Endpoints(Loopback):
    """The server and its content by path."""

    def __init__(self) -> None:
        super().__init__(_Handler, block_on_close=False)
        self.pages: dict[str, Page] = {}
        self.prefixes: dict[str, Page] = {}
        self.seen: list[tuple[str, str]] = []
        """(method, path) of every request."""

    def url(self, path: str) -> str:
        """The URL of a path."""
        return f"http://{self.host}{path}"

    def put(self, path: str, content: bytes | Callable[[], bytes], *, status: int = 200) -> str:
        """`content` is at `path`."""
        self.pages[path] = lambda handler: handler.answer(status, content() if callable(content) else content)
        return self.url(path)

    def fail(self, path: str, status: int = 503) -> str:
        """An error."""
        return self.put(path, b"no", status=status)

    def redirect(self, path: str, target: str, status: int = 302) -> str:
        """Leads to `target`."""
        self.pages[path] = lambda handler: handler.answer(status, b"", Location=target)
        return self.url(path)

    def silent(self, path: str) -> str:
        """Takes the request and never answers."""
        self.pages[path] = lambda _: self.wait(60)
        return self.url(path)

    def drip(self, path: str, pause: float = 0.02) -> str:
        """Announces a megabyte and sends a byte now and then."""

        def page(handler: _Handler) -> None:
            handler.head(200, 1 << 20)
            while not self.stopped.is_set():
                handler.wfile.write(b"0")
                self.wait(pause)

        self.pages[path] = page
        return self.url(path)

    def endless(self, path: str, size: int | None = None) -> str:
        """Zeros without end, without a length, or with the one that is stated."""

        def page(handler: _Handler) -> None:
            handler.head(200, size)
            while not self.stopped.is_set():
                handler.wfile.write(bytes(1 << 16))

        self.pages[path] = page
        return self.url(path)

    def cut(self, path: str, content: bytes, after: int) -> str:
        """States the whole length and stops after some bytes."""

        def page(handler: _Handler) -> None:
            handler.head(200, len(content))
            handler.wfile.write(content[:after])

        self.pages[path] = page
        return self.url(path)

    def ocsp(
        self,
        path: str,
        answer: Callable[[bytes], bytes],
        *,
        get: bool = True,
    ) -> str:
        """A responder: `answer` makes the response to a request's DER. Without `get` it only takes POST."""

        def page(handler: _Handler) -> None:
            if handler.command == "GET" and not get:
                handler.answer(405, b"")
            elif handler.command == "GET":
                handler.answer(200, answer(base64.b64decode(unquote(handler.path.removeprefix(path + "/")))))
            else:
                handler.answer(200, answer(handler.body()))

        self.prefixes[path] = page
        return self.url(path)

    def dead(self) -> str:
        """A URL on a port without a server."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        return f"http://127.0.0.1:{port}/dead.crl"

    def wait(self, seconds: float) -> None:
        """Until the server stops, at most."""
        self.stopped.wait(seconds)


def requested(question: bytes) -> tuple[str, int]:
    """The hash and the serial number that an OCSP request asks about."""
    request = der.read(question).children()[0].children()[0].children()[0].children()[0]
    algorithm, _, _, serial = request.children()
    names = {"1.3.14.3.2.26": "sha1", "2.16.840.1.101.3.4.2.1": "sha256"}
    return names[algorithm.children()[0].oid()], serial.integer()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.0"
    server: Server

    def do_GET(self) -> None:
        web = self.server.owner
        web.seen.append((self.command, self.path))
        page = web.pages.get(self.path)
        if page is None:
            page = next((page for prefix, page in web.prefixes.items() if self.path.startswith(prefix)), None)
        if page is None:
            self.answer(404, b"")
        else:
            page(self)

    do_POST = do_GET  # noqa: N815

    def answer(self, status: int, content: bytes, **headers: str) -> None:
        self.head(status, len(content), **headers)
        self.wfile.write(content)

    def head(self, status: int, length: int | None, **headers: str) -> None:
        self.send_response(status)
        if length is not None:
            self.send_header("Content-Length", str(length))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()

    def body(self) -> bytes:
        return self.rfile.read(int(self.headers["Content-Length"]))

    def log_message(self, *_: Any) -> None:
        """Silence."""


def until(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    """Wait for something that another thread does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)
