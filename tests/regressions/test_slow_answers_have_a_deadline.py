"""Servers that send a byte now and then: the time-out of a socket starts anew with each."""

from __future__ import annotations

import itertools
import socket
import threading
import time
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from airgap.errors import Undecided
from airgap.net.evidence import EvidenceClient, EvidenceOptions
from airgap.net.http import Http, Request
from airgap.net.options import TransportOptions
from airgap.net.transport_errors import TransportError
from airgap.net.url import origin_of
from tests.support.loopback import raw_server


def _trickling(start: bytes, drop: bytes) -> AbstractContextManager[str]:
    """A server that answers with `start`, then with `drop` for as long as a client reads."""

    def serve(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        connection.sendall(start)
        while not ended.wait(0.05):
            connection.sendall(drop)

    return raw_server(serve)


@pytest.mark.parametrize(
    ("start", "drop"),
    [(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x"), (b"", b"HTTP/1.1 100 Continue\r\n\r\n")],
    ids=["one line", "interim answers"],
)
def test_headers_that_do_not_end_stop_a_fetch(tmp_path: Path, start: bytes, drop: bytes) -> None:
    options = EvidenceOptions(transport=TransportOptions(retries=0, proxies={}), crl_seconds=0.3)
    began = time.monotonic()
    with _trickling(start, drop) as url, EvidenceClient(options) as client, pytest.raises(Undecided) as caught:
        client.crl(f"{url}/a.crl", tmp_path / "x")
    assert (caught.value.reason, time.monotonic() - began < 30) == ("fetch.timeout", True)


def test_a_short_answer_that_does_not_end_stops_a_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    seconds = itertools.count(step=30)
    monkeypatch.setattr(time, "monotonic", lambda: next(seconds))
    with _trickling(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"x") as url:
        asking = Http(origin_of(url), TransportOptions(retries=0, proxies={}, read_timeout=1000))
        with pytest.raises(TransportError, match=r"sent \d+ bytes in 60 s, less than 1024 a second") as caught:
            asking.send(Request(method="GET", url=url, limit=2_000_000))
        asking.close()
    assert caught.value.facts["cause"] == "timeout"
