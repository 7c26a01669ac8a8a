"""The results of signing, timestamping and inspecting, for reports. Inspected signatures are not judged."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from airgap.errors import AirgapError, FormatError, Rejected
from airgap.oci.descriptor import Descriptor
from airgap.oci.problems import ContentProblem
from airgap.pki.certificate import Certificate
from airgap.pki.timestamp_token import TimestampToken, VerifiedTimestamp
from airgap.problem import Problem
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope
from airgap.signature.model import Envelope, Payload
from airgap.signature.payload import parse_payload


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


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedSignature:
    """One signature. Everything in it is a claim of its maker."""

    descriptor: Descriptor
    """The signature manifest."""
    mechanism: str
    """How it was found among the referrers."""
    media_type: str | None = None
    """The envelope's."""
    envelope: Envelope | None = None
    payload: Payload | None = None
    timestamp: TimestampToken | None = None
    obstacles: tuple[Problem, ...] = ()
    """Why a part of it cannot be shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InspectedArtifact:
    """One artifact with its signatures."""

    reference: str
    descriptor: Descriptor
    signatures: tuple[InspectedSignature, ...]
    unread: tuple[ContentProblem, ...]
    """Unreadable content: its own manifest, an envelope, or a possible signature of it."""


def inspect_envelope(descriptor: Descriptor, mechanism: str, media_type: str, raw: bytes) -> InspectedSignature:
    """The envelope `raw` of the signature manifest `descriptor`; never raises for what it holds."""
    obstacles: list[Problem] = []
    envelope: Envelope | None = None
    payload: Payload | None = None
    timestamp: TimestampToken | None = None
    try:
        # nothing is accepted here, so content for plugins can be shown
        envelope = parse_envelope(media_type, raw, plugins=ANY_PLUGIN)
        payload = parse_payload(envelope)
    except AirgapError as error:
        obstacles.append(Problem.of(error))
    if envelope and envelope.timestamp_token is not None:
        try:
            timestamp = TimestampToken.parse(envelope.timestamp_token)
        except (Rejected, FormatError) as error:
            obstacles.append(Problem.of(error))
    return InspectedSignature(
        descriptor=descriptor,
        mechanism=mechanism,
        media_type=media_type,
        envelope=envelope,
        payload=payload,
        timestamp=timestamp,
        obstacles=tuple(obstacles),
    )
