"""airgap.guard: an attempt to use the network is an error, and is counted."""

from __future__ import annotations

import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from airgap.errors import NetworkForbiddenError
from airgap.guard import no_network

ATTEMPTS: list[Callable[[], object]] = [
    socket.socket,
    lambda: socket.create_connection(("127.0.0.1", 9), timeout=0.1),
    lambda: socket.getaddrinfo("localhost", 80),
    lambda: socket.gethostbyname("localhost"),
]


@pytest.mark.parametrize("attempt", ATTEMPTS)
def test_refuses_and_counts(attempt: Callable[[], object]) -> None:
    with no_network() as guard:
        with pytest.raises(NetworkForbiddenError, match="tried to use the network"):
            attempt()
        assert guard.attempts == 1


def test_holds_in_other_threads() -> None:
    with no_network() as guard, ThreadPoolExecutor(1) as pool, pytest.raises(NetworkForbiddenError):
        pool.submit(socket.socket).result()
    assert guard.attempts == 1


def test_is_lifted_afterwards_also_after_an_error() -> None:
    def fail() -> None:
        with no_network():
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    socket.socket().close()


def test_can_be_nested() -> None:
    with no_network() as outer, no_network() as inner, pytest.raises(NetworkForbiddenError):
        socket.socket()
    assert (outer.attempts, inner.attempts) == (1, 1)


def test_holds_for_one_thread_where_others_talk_to_workers() -> None:
    with no_network(this_thread=True) as guard, ThreadPoolExecutor(1) as pool:
        pool.submit(lambda: socket.socket().close()).result()
        assert guard.attempts == 0
        with pytest.raises(NetworkForbiddenError):
            socket.socket()
    assert guard.attempts == 1
