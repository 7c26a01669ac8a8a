"""A server of HTTP on 127.0.0.1, in a thread of its own."""

from __future__ import annotations

import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self


class Loopback:
    """Runs as long as its block lasts; handlers find it as `self.server.owner`."""

    def __init__(
        self,
        handler: type[BaseHTTPRequestHandler],
        *,
        tls: ssl.SSLContext | None = None,
        block_on_close: bool = True,
    ) -> None:
        self.stopped = threading.Event()
        """Set when the block ends."""
        self.scheme = "http" if tls is None else "https"
        self._server = Server(("127.0.0.1", 0), handler)
        self._server.owner = self
        self._server.block_on_close = block_on_close
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopped.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"


class Server(ThreadingHTTPServer):
    """What serves it."""

    daemon_threads = True
    request_queue_size = 64
    owner: Any

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Cut connections are what these tests are about."""
