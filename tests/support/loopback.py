"""Servers on 127.0.0.1, in threads of their own: of HTTP, and of bytes that are no good HTTP."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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


@contextmanager
def raw_server(
    serve: Callable[[socket.socket, threading.Event], None], *, receive_buffer: int | None = None
) -> Iterator[str]:
    """The URL of a server that hands each connection, and the event of its end, to `serve`, in a thread of its own.

    A connection that the client closes ends `serve` quietly. `receive_buffer`: the bytes that the system takes unread.
    """
    ended = threading.Event()

    def run(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            serve(connection, ended)

    def accept() -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=run, args=(listener.accept()[0],), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        if receive_buffer is not None:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            ended.set()
            listener.shutdown(socket.SHUT_RDWR)
