"""The results of signing and timestamping, for reports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from airgap.oci.descriptor import Descriptor
from airgap.pki.certificate import Certificate
from airgap.pki.timestamp_token import VerifiedTimestamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What there is to say about every signature that was made."""

    subject: Descriptor
    """What was signed."""
    envelope: Descriptor
    signer: Certificate
    signed_at: datetime | None
    expiry: datetime | None
    timestamp: VerifiedTimestamp | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedBlob(Signed):
    """A file and the signature that was made for it."""

    path: Path
    signature: Path
    """The file that the detached signature was written to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedArtifact(Signed):
    """One artifact and its signature."""

    target: str
    """The reference as it was given."""
    name: str
    """The artifact by its digest, safe to show."""
    signature: Descriptor
    """The signature manifest."""
    existed: bool = False
    """An equal signature was there already, and nothing was attached."""
    listed: str = ""
    """Where the signature is listed: `referrers API`, `referrers tag`, `index.json`."""
    warnings: tuple[str, ...] = ()


class Stamping(StrEnum):
    """The result for a signature."""

    STAMPED = "stamped"
    HAS_ONE = "has a timestamp"
    COPIED = "has a stamped copy"
    AUTHORITY = "needs none: a signing authority states its time"
    UNUSABLE = "does not verify"


@dataclass(frozen=True, slots=True, kw_only=True)
class StampedSignature:
    """One signature and its result."""

    name: str
    """The signed artifact by its digest, safe to show."""
    before: Descriptor
    """The manifest of the signature as it was found; it stays attached."""
    state: Stamping
    after: Descriptor | None = None
    """The manifest of the stamped copy."""
    signer: Certificate | None = None
    timestamp: VerifiedTimestamp | None = None
    listed: str = ""
    problem: str = ""
