"""The signed payload: what artifact the signature is about (requirements/payload.md)."""

from __future__ import annotations

from typing import Final

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.oci.descriptor import MANIFEST_TYPES, Descriptor, check_hints
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.signature.model import Envelope, Payload
from airgap.text import safe


def parse_payload(envelope: Envelope) -> Payload:
    """The descriptor that the envelope's payload holds. Raises Rejected payload.malformed.

    Exact member names, no duplicates (PAY-11). Members that the specification does not name are tolerated, in the
    payload and in the descriptor, and mean nothing (PAY-3, PAY-12, D4). Those that image-spec gives a descriptor mean
    nothing either, and must be what it says.
    """
    try:
        return _parse(envelope.payload)
    except FormatError as error:
        raise Rejected("payload.malformed", f"the signed payload cannot be read: {error}") from None


def check_about(payload: Payload, target: Descriptor) -> None:
    """Checks that the payload names `target`: only digest, size and media type are compared (PAY-6).

    Raises Rejected payload.mismatch.
    """
    is_artifact = payload.media_type in MANIFEST_TYPES
    what = "an artifact" if is_artifact else f"a file or blob ({safe(payload.media_type, limit=128)}), not an artifact:"
    for name, claimed, actual in (
        ("digest", str(payload.digest), str(target.digest)),
        ("size", payload.size, target.size),
        ("media type", payload.media_type, target.media_type),
    ):
        if claimed != actual:
            same = "" if name == "digest" else ", and the same digest"
            raise Rejected(
                "payload.mismatch",
                f"the signature is about {what} of {name} {safe(claimed)}, this one has {safe(actual)}{same}",
                signed=safe(claimed),
                actual=safe(actual),
            ).advising(_SAME_BYTES.get(name, "") if is_artifact else _FILE)


_SAME_BYTES: Final = {
    "size": "Ask the publisher for a correctly made signature; this one states a size that these bytes cannot have.",
    "media type": "The bytes are those that were signed, and what points at them calls them otherwise: some tool has "
    "changed the media type. Copy the artifact again from its source, with one that keeps it (airgap copy).",
}
"""The remedy if the digest is right: other bytes do not help."""
_FILE: Final = (
    "This looks like the signature of a file, which is judged beside it: airgap blob verify FILE --signature SIGNATURE."
)
TARGET: Final = "targetArtifact"
LARGEST_SIZE: Final = 2**63 - 1
"""PAY-2: an int64."""


def _parse(raw: bytes) -> Payload:
    # JWS-6: the payload is a JSON object
    document = json.load_object(raw, json.Reading.SIGNED, limit=limits.ENVELOPE_BYTES, what="payload")
    target = json.take(document, TARGET, dict)
    try:
        check_hints(target)
        return Payload(
            media_type=json.take(target, "mediaType", str),
            digest=_digest(json.take(target, "digest", str)),
            size=_size(json.take(target, "size", int)),
            annotations=json.take_strings(target, "annotations"),
            raw=raw,
        )
    except FormatError as error:
        raise error.under(TARGET) from None


def _digest(text: str) -> Digest:
    try:
        return Digest.parse(text)
    except FormatError as error:
        raise FormatError(error.problem, where="digest") from None


def _size(size: int) -> int:
    if not 0 <= size <= LARGEST_SIZE:
        raise FormatError(f"is {size}, and must be from 0 to {LARGEST_SIZE}", where="size")
    return size
