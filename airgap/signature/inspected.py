"""A signature, decoded as far as possible and not judged."""

from __future__ import annotations

from dataclasses import dataclass

from airgap.errors import AirgapError, FormatError, Rejected
from airgap.oci.descriptor import Descriptor
from airgap.oci.problems import ContentProblem
from airgap.pki.timestamp_token import TimestampToken
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope
from airgap.signature.model import Envelope, Payload
from airgap.signature.payload import parse_payload
from airgap.text import safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Obstacle:
    """Why a part of a signature cannot be shown."""

    reason: str | None
    """A code of airgap.reasons, where there is one."""
    message: str


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
    obstacles: tuple[Obstacle, ...] = ()


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
    obstacles: list[Obstacle] = []
    envelope: Envelope | None = None
    payload: Payload | None = None
    timestamp: TimestampToken | None = None
    try:
        # nothing is accepted here, so content for plugins can be shown
        envelope = parse_envelope(media_type, raw, plugins=ANY_PLUGIN)
        payload = parse_payload(envelope)
    except AirgapError as error:
        obstacles.append(obstacle(error))
    if envelope and envelope.timestamp_token is not None:
        try:
            timestamp = TimestampToken.parse(envelope.timestamp_token)
        except (Rejected, FormatError) as error:
            obstacles.append(obstacle(error))
    return InspectedSignature(
        descriptor=descriptor,
        mechanism=mechanism,
        media_type=media_type,
        envelope=envelope,
        payload=payload,
        timestamp=timestamp,
        obstacles=tuple(obstacles),
    )


def obstacle(error: AirgapError | OSError) -> Obstacle:
    """The obstacle of an error."""
    return Obstacle(reason=error.reason if isinstance(error, AirgapError) else None, message=safe(error))
