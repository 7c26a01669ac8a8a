"""Progress events of a copy: from any thread, to one callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airgap.oci.digest import Digest
from airgap.transfer.endpoint import TransferMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The plan is made; the event has the missing contents."""

    artifacts: int
    blobs: int
    manifests: int
    bytes: int
    present_bytes: int
    """Bytes that the destination has already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobStarted:
    """The copy of a blob has started."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobAdvanced:
    """More bytes of it were copied; a repeated attempt counts again."""

    digest: Digest
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobDone:
    """A blob is in the destination."""

    digest: Digest
    size: int
    how: TransferMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestDone:
    """A manifest is in the destination."""

    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactDone:
    """An artifact is complete in the destination, and named."""

    reference: str
    digest: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """A message: a retry, a warning of a registry. One sentence, safe to show."""

    message: str


Event = Started | BlobStarted | BlobAdvanced | BlobDone | ManifestDone | ArtifactDone | Notice
Progress = Callable[[Event], None]


def silent(_: Event) -> None:
    """Reports nothing."""
