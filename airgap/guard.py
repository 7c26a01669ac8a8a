"""A guard against network use while verifying.

An audit hook counts every attempt to open, connect, bind or resolve, also inside third-party code, and makes it an
error. It is a guard, not a sandbox: it does not see native code that does not use Python's socket module, and hostile
Python code could remove it. Use a network namespace where that matters.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from airgap.errors import NetworkForbiddenError

_FORBIDDEN = frozenset({
    "socket.__new__",
    "socket.bind",
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyaddr",
    "socket.gethostbyname",
    "socket.getnameinfo",
    "socket.sendmsg",
    "socket.sendto",
    "urllib.Request",
    "http.client.connect",
})  # fmt: skip


@dataclass(slots=True)
class NetworkGuard:
    """A guard against the network."""

    attempts: int = 0
    """How many it stopped."""
    thread: int | None = None
    """The thread that it holds for, if it is one."""


_guards: list[NetworkGuard] = []
_installed = False


@contextmanager
def no_network(*, this_thread: bool = False) -> Iterator[NetworkGuard]:
    """While the block runs, any use of the network by this process raises NetworkForbiddenError.

    The guard holds for the whole process, in every thread: use it in a process that does nothing else meanwhile. With
    `this_thread` it holds for the calling thread alone: others may talk to the machines that share the work.
    """
    global _installed  # noqa: PLW0603 - an audit hook can be installed but never removed
    if not _installed:
        sys.addaudithook(_audit)
        _installed = True
    guard = NetworkGuard(thread=threading.get_ident() if this_thread else None)
    _guards.append(guard)
    try:
        yield guard
    finally:
        _guards.remove(guard)


def _audit(event: str, _arguments: tuple[object, ...]) -> None:
    if not _guards or event not in _FORBIDDEN:
        return
    held = [guard for guard in _guards if guard.thread in {None, threading.get_ident()}]
    for guard in held:
        guard.attempts += 1
    if held:
        raise NetworkForbiddenError(
            f"something tried to use the network ({event}) while verifying",
            remedy="This is a defect of airgap or of a library: please report it.",
            event=event,
        )
