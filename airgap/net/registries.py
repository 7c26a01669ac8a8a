"""The registries of one run: a client for each host, shared by all that goes there."""

from __future__ import annotations

import os
import threading
from typing import Final, Self

from airgap.net.client import RegistryClient
from airgap.net.credentials import Credentials
from airgap.net.options import TransportOptions
from airgap.net.registry import RegistryStore
from airgap.oci.lookup import ReferrersTag
from airgap.oci.reference import RegistryReference


class Registries:
    """Opens repositories by reference. Safe for threads; close it when done."""

    def __init__(self, credentials: Credentials | None = None, options: TransportOptions | None = None) -> None:
        """By default credentials are those of docker and containers on this machine."""
        self.options: Final = options or TransportOptions()
        self._credentials: Final = credentials or Credentials(environment=os.environ)
        self._lock: Final = threading.Lock()
        self._clients: Final[dict[str, RegistryClient]] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close all idle connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def store(
        self,
        reference: RegistryReference,
        *,
        writable: bool = False,
        chunked: bool = False,
        referrers_tag: ReferrersTag = ReferrersTag.AUTO,
    ) -> RegistryStore:
        """The repository that `reference` names; nothing is sent yet. Raises UsageError, AirgapError.

        `chunked`: upload in pieces from the start, for sources that cannot be read twice.
        """
        with self._lock:
            client = self._clients.get(reference.registry)
            if client is None:
                client = self._clients[reference.registry] = RegistryClient(
                    reference.registry, self._credentials, self.options
                )
        return RegistryStore(
            client, reference.repository, writable=writable, chunked=chunked, referrers_tag=referrers_tag
        )
