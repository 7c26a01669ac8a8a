"""An HTTP proxy on 127.0.0.1 that leads names of hosts to servers of the test, and every other name nowhere.

    with LoopbackProxy({"registry.example": registry.host}) as proxy:
        environment = proxy.environment

CONNECT for TLS, and whole URLs for http. A connection ends after SECONDS, and more than CONNECTIONS at a time are
refused.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler
from typing import Final
from urllib.parse import urlsplit

from tests.support.loopback import Loopback, Server

CONNECTIONS: Final = 64
SECONDS: Final = 30.0
BODY_BYTES: Final = 1 << 24


class LoopbackProxy(Loopback):
    """The proxy; `routes` has a host with its port on loopback for each name."""

    def __init__(self, routes: Mapping[str, str]) -> None:
        super().__init__(_Handler, block_on_close=False)
        self.routes = routes
        self.places = threading.BoundedSemaphore(CONNECTIONS)

    @property
    def environment(self) -> dict[str, str]:
        """What lets programs ask this proxy."""
        url = f"http://{self.host}"
        return {"HTTPS_PROXY": url, "HTTP_PROXY": url, "https_proxy": url, "http_proxy": url}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = SECONDS
    server: Server

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Quiet."""

    def do_CONNECT(self) -> None:
        target = self._target(self.path.rpartition(":")[0])
        if target is None:
            return
        self.close_connection = True
        places = self.server.owner.places
        if not places.acquire(blocking=False):
            self.send_error(503, "too many connections")
            return
        try:
            with socket.create_connection(target, timeout=SECONDS) as other:
                self.send_response(200)
                self.end_headers()
                self._relay(other)
        finally:
            places.release()

    def _target(self, name: str) -> tuple[str, int] | None:
        place = self.server.owner.routes.get(name)
        if place is None:
            self.send_error(502, "no such host")
            return None
        host, _, port = place.rpartition(":")
        return host, int(port)

    def _relay(self, other: socket.socket) -> None:
        """Bytes both ways until one end closes or the time is over."""
        end = time.monotonic() + SECONDS
        peers = {self.connection: other, other: self.connection}
        with suppress(OSError):
            while time.monotonic() < end and not self.server.owner.stopped.is_set():
                for ready in select.select(list(peers), [], [], 0.2)[0]:
                    data = ready.recv(1 << 16)
                    if not data:
                        return
                    peers[ready].sendall(data)

    def _forward(self) -> None:
        parts = urlsplit(self.path)
        target = self._target(parts.hostname or "")
        if target is None:
            return
        length = int(self.headers.get("Content-Length") or 0)
        if length > BODY_BYTES:
            self.send_error(413)
            return
        body = self.rfile.read(length) if length else None
        path = parts.path + (f"?{parts.query}" if parts.query else "")
        headers = {name: value for name, value in self.headers.items() if not name.lower().startswith("proxy-")}
        connection = HTTPConnection(*target, timeout=SECONDS)
        try:
            connection.request(self.command, path, body, headers)
            answer = connection.getresponse()
            content = answer.read(BODY_BYTES)
        finally:
            connection.close()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in {"connection", "transfer-encoding", "content-length", "server", "date"}:
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_HEAD = _forward  # noqa: N815 - names of http.server
