"""Clients for the loopback registry: no waiting, everything noted."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from airgap.net.client import RegistryClient
from airgap.net.credentials import Credential, Credentials
from airgap.net.options import TransportOptions
from airgap.net.sink import RegistrySink
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.transfer.checked_bytes import Advance, no_advance
from airgap.transfer.endpoint import BlobStream, TransferMethod

NOWHERE: Mapping[str, str] = {"HOME": "/nonexistent", "PATH": ""}
"""An environment without any configuration."""


@dataclass
class Diary:
    """What a client did beside answering."""

    notices: list[str] = field(default_factory=list)
    waits: list[float] = field(default_factory=list)


@contextmanager
def client(
    host: str,
    *,
    given: Credential | None = None,
    environment: Mapping[str, str] = NOWHERE,
    explicit_file: Path | None = None,
    diary: Diary | None = None,
    **options: Any,
) -> Iterator[RegistryClient]:
    diary = diary or Diary()
    chosen = {"retries": 3, "read_timeout": 5.0, "connect_timeout": 2.0, "proxies": {}, "sleep": diary.waits.append}
    transport = TransportOptions(notice=diary.notices.append, **{**chosen, **options})
    credentials = Credentials(environment=environment, explicit_file=explicit_file, given=given)
    with RegistryClient(host, credentials, transport) as connected:
        yield connected


@contextmanager
def store(
    host: str, repository: str = "app", *, writable: bool = False, chunked: bool = False, **options: Any
) -> Iterator[RegistrySink]:
    with client(host, **options) as connected:
        yield RegistrySink(connected, repository, writable=writable, chunked=chunked)


def described(data: bytes, media_type: str = "application/octet-stream") -> Descriptor:
    return Descriptor(media_type=media_type, digest=Digest.of(data), size=len(data))


def source(data: bytes) -> Callable[[], io.BytesIO]:
    return lambda: io.BytesIO(data)


@dataclass
class _OneBlob:
    """The source of one blob: `Blobs` of a copy."""

    stream: Callable[[], BlobStream]

    def open(self, descriptor: Descriptor) -> BlobStream:
        return self.stream()

    def path(self, descriptor: Descriptor) -> str | None:
        return None


def push(
    repository: RegistrySink,
    descriptor: Descriptor,
    stream: Callable[[], BlobStream],
    *,
    mount_from: str | None = None,
    progress: Advance = no_advance,
) -> TransferMethod:
    """Put a blob; `mount_from`: a repository of the registry that this run has put it into."""
    if mount_from is not None:
        repository.client.holders[descriptor.digest] = mount_from
    return repository.put_blob(descriptor, _OneBlob(stream), progress)
