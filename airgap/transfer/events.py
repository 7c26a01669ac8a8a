"""What a copy tells about its progress: typed events, from any thread, to one callback."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from airgap.oci.digest import Digest
from airgap.transfer.endpoint import TransferMethod


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """The plan is made: so much is not in the destination yet."""

    artifacts: int
    blobs: int
    manifests: int
    bytes: int
    present_bytes: int
    """What the destination has already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobStarted:
    """A blob is being moved."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobAdvanced:
    """So many more bytes of it went through; a repeated attempt counts again."""

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
    """Something worth telling: a retry, a registry's warning. One sentence, safe to show."""

    message: str


Event = Started | BlobStarted | BlobAdvanced | BlobDone | ManifestDone | ArtifactDone | Notice
Progress = Callable[[Event], None]


def silent(_: Event) -> None:
    """Tells nobody."""
