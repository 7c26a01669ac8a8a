"""The registries of one run: one shared client for each host.

Network code is loaded when the first registry is named: a copy between layouts needs none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, Self

from airgap.oci.lookup import ReferrersTag

if TYPE_CHECKING:
    from airgap.net.client import RegistryClient
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions
    from airgap.net.sink import RegistrySink
    from airgap.net.source import RegistrySource
    from airgap.oci.lookup import Mechanism
    from airgap.oci.reference import RegistryReference


class Registries:
    """Opens repositories by reference. Safe for threads; close it when done: that checks what was put."""

    def __init__(self, credentials: Credentials | None = None, options: TransportOptions | None = None) -> None:
        """By default credentials are those of docker and containers on this machine."""
        self._credentials, self._options = credentials, options
        self._lock: Final = threading.Lock()
        self._clients: Final[dict[str, RegistryClient]] = {}
        self._sinks: Final[list[RegistrySink]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        """Check that all referrers that were put are listed (`RegistrySink.settle`), and close all idle connections.

        After a failure only the latter. Raises what settling raises.
        """
        try:
            if failed is None:
                self._settle()
        finally:
            with self._lock:
                for client in self._clients.values():
                    client.close()
                self._clients.clear()

    def _settle(self) -> None:
        if self._sinks:
            from airgap.transfer.workers import at_once

            at_once([sink.settle for sink in self._sinks])

    def source(self, reference: RegistryReference, *, mechanism: Mechanism | None = None) -> RegistrySource:
        """The repository that `reference` names, to be read; nothing is sent yet. Raises UsageError, AirgapError."""
        from airgap.net.source import RegistrySource

        return RegistrySource(self._client(reference.registry), reference.repository, mechanism=mechanism)

    def sink(
        self,
        reference: RegistryReference,
        *,
        writable: bool = True,
        chunked: bool = False,
        referrers_tag: ReferrersTag = ReferrersTag.AUTO,
    ) -> RegistrySink:
        """The repository that `reference` names, as a destination; nothing is sent yet. Raises UsageError, AirgapError.

        `chunked`: upload in pieces from the start, for sources that cannot be read twice.
        """
        from airgap.net.sink import RegistrySink

        client = self._client(reference.registry)
        sink = RegistrySink(
            client, reference.repository, writable=writable, chunked=chunked, referrers_tag=referrers_tag
        )
        with self._lock:
            self._sinks.append(sink)
        return sink

    def repositories(self, host: str) -> Iterator[str]:
        """The repositories that a registry lists. Raises RegistryError where it lists none, and transport errors."""
        from airgap.net.names import repositories

        return repositories(self._client(host))

    def _client(self, host: str) -> RegistryClient:
        from airgap.net.client import RegistryClient
        from airgap.net.credentials import Credentials

        with self._lock:
            if host not in self._clients:
                self._credentials = self._credentials or Credentials(environment=os.environ)
                self._credentials.given()  # before any work: a person may be asked for a password
                self._clients[host] = RegistryClient(host, self._credentials, self._options)
            return self._clients[host]
