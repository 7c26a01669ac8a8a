"""The addresses of a host, waited for no longer than was said.

getaddrinfo takes no time-out: it asks each name server of the machine several times, and a plugin of the resolver may
wait for ever. So a thread asks. One that has no answer in time is left behind; it does not keep the process alive.
"""

from __future__ import annotations

import socket
import threading
from concurrent.futures import Future
from typing import Any

from urllib3.util.connection import allowed_gai_family

Addresses = list[tuple[Any, ...]]
"""As getaddrinfo returns them."""


def addresses_of(host: str, port: int, seconds: float | None) -> Addresses:
    """The addresses of a host for streams; None: for as long as it takes.

    Raises TimeoutError where there is no answer in time, and what getaddrinfo raises.
    """
    answer: Future[Addresses] = Future()
    threading.Thread(target=_ask, args=(answer, host, port), name=f"look-up of {host}", daemon=True).start()
    return answer.result(seconds)


def _ask(answer: Future[Addresses], host: str, port: int) -> None:
    try:
        answer.set_result(socket.getaddrinfo(host, port, allowed_gai_family(), socket.SOCK_STREAM))
    except BaseException as error:  # noqa: BLE001 - raised where the answer is waited for
        answer.set_exception(error)
