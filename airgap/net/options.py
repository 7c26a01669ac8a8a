"""How to connect to a registry."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airgap import limits

if TYPE_CHECKING:
    from airgap.net.deadline import Deadline

RETRY_AFTER_SECONDS: Final = 60.0
"""Longest wait that a registry can ask for. Some ask for 3600 seconds; they are asked again after this time."""

BACKOFF_SECONDS: Final = 15.0
"""Longest wait of our own between two attempts."""

_FIRST_BACKOFF_SECONDS: Final = 0.5


def _silent(_: str) -> None:
    """Report nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """How to connect: one value for all registries of a run."""

    plain_http: bool | None = None
    """True: http. False: https. None: http for a loopback name or address with a port (`localhost:5000`) where
    no TLS option is given, else https. CLI-11 and oras do so for `localhost`, docker for 127.0.0.0/8 too."""

    insecure: bool = False
    """Do not check certificates. Not the same as plain http."""

    ca_file: Path | None = None
    """PEM file of the authorities for the registry itself, instead of the system's. Other hosts (token services,
    blob storage) are checked against the system's authorities and these."""

    cert_file: Path | None = None
    """Client certificate (PEM), shown to the registry itself only."""

    key_file: Path | None = None
    """Its key (PEM); where absent, `cert_file` holds both."""

    connect_timeout: float = 10.0
    """Seconds to connect."""

    read_timeout: float = 60.0
    """Seconds without a byte."""

    first_timeout: float = 20.0
    """Seconds without a byte from a host that has not answered before: the address may be wrong, and a person waits."""

    least_rate: int = limits.KIB
    """Bytes a second that every answer, and every request that is sent, must reach ..."""

    slow_seconds: float = 60.0
    """... on the average of each time of so many seconds."""

    list_seconds: float = 600.0
    """Seconds for all pages of one list, where there is no deadline."""

    deadline: Deadline | None = None
    """When the operation ends: all requests, repetitions and pauses (`--timeout`). One value for one operation."""

    retries: int = 5
    """Repetitions of a call that may be repeated, and of a blob without progress."""

    connections: int = 8
    """Idle connections kept for each host: as many as there are threads."""

    proxies: Mapping[str, str] | None = None
    """Proxy by scheme; None: as the environment says (HTTPS_PROXY, HTTP_PROXY, NO_PROXY)."""

    notice: Callable[[str], None] = field(default=_silent)
    """Called with a safe sentence for each retry and for each warning of a registry, from any thread."""

    sleep: Callable[[float], object] = field(default=time.sleep)
    """The function that waits; hand in the `wait` of an event to be able to interrupt it."""

    @property
    def has_tls_option(self) -> bool:
        """Whether an option was given that only makes sense over TLS."""
        return self.insecure or any((self.ca_file, self.cert_file, self.key_file))

    def speaks_plain(self, host: str) -> bool:
        """Whether this registry (`host` or `host:port`) is asked without TLS."""
        if self.plain_http is not None:
            return self.plain_http
        name, colon, _ = host.rpartition(":")
        from airgap.net.url import is_loopback  # a copy between layouts needs none

        return bool(colon) and not host.endswith("]") and is_loopback(name) and not self.has_tls_option

    def within(self, seconds: float) -> TransportOptions:
        """These options for a server that has at most `seconds` until a connection is made, and between two pieces."""
        return replace(
            self, connect_timeout=min(self.connect_timeout, seconds), read_timeout=seconds, first_timeout=seconds
        )


def backoff(attempt: int, asked: float | None = None) -> float:
    """Seconds to wait before repetition `attempt` (0, 1, ...): doubling with jitter, or what Retry-After asked.

    Jitter, because all threads of a run get the same 429 at the same time.
    """
    own = min(_FIRST_BACKOFF_SECONDS * 2**attempt, BACKOFF_SECONDS) * random.uniform(0.5, 1.0)  # noqa: S311
    return own if asked is None else max(min(asked, RETRY_AFTER_SECONDS), 0.0)
