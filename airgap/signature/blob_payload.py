"""Signatures of plain files: their payload, and the names of detached signatures (requirements/trust.md).

A blob signature is an envelope in a file of its own; there is no manifest, everything else is as for artifacts
(BLOB-6).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Final

from airgap import limits
from airgap.errors import FormatError, Rejected, UsageError
from airgap.oci.descriptor import MANIFEST_TYPES, Descriptor
from airgap.oci.digest import Digest
from airgap.signature.formats import EnvelopeFormat
from airgap.signature.model import Envelope, Payload
from airgap.text import safe

OCTET_STREAM: Final = "application/octet-stream"
"""The default media type of a file (PAY-4)."""

_PARTS: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class BlobTarget:
    """The facts of a file, to compare them with the payload."""

    digest: Digest
    """By the algorithm that the signing key demands (PAY-4)."""
    size: int
    media_type: str | None = None
    """The media type that the caller demands; None to compare none (PAY-8)."""


def measure(file: BinaryIO, algorithm: str) -> tuple[Digest, int]:
    """Digest and size of the rest of a stream, of any size, in constant memory. Raises OSError."""
    digest, size = Digest.of(b"", algorithm).new_hash(), 0
    while chunk := file.read(limits.CHUNK_BYTES):
        digest.update(chunk)
        size += len(chunk)
    return Digest(algorithm, digest.hexdigest()), size


def blob_descriptor(digest: Digest, size: int, media_type: str) -> Descriptor:
    """The signed descriptor of a file. Raises UsageError for an invalid media type."""
    try:
        return Descriptor.from_json({"mediaType": media_type, "digest": str(digest), "size": size})
    except FormatError:
        raise UsageError(f"{safe(media_type, limit=128)!r} is no media type") from None


def check_blob(payload: Payload, envelope: Envelope, target: BlobTarget) -> None:
    """Checks that the payload is about this file: digest by the key's hash, size, and the media type if given (PAY-8).

    Raises Rejected payload.mismatch. The envelope's signature was verified before.
    """
    demanded = envelope.algorithm.hash_name
    if payload.digest.algorithm != demanded:
        raise Rejected(
            "payload.mismatch",
            f"the signature names {_what(payload)} by a {safe(payload.digest.algorithm, limit=32)} digest, and its "
            f"{envelope.algorithm.key_spec} key demands {demanded}",
            signed=str(payload.digest),
            demanded=demanded,
        ).advising(_OTHER_HASH)
    media_type = payload.media_type if target.media_type is None else target.media_type
    for name, claimed, actual in (
        ("size", payload.size, target.size),
        ("digest", str(payload.digest), str(target.digest)),
        ("media type", payload.media_type, media_type),
    ):
        if claimed != actual:
            raise Rejected(
                "payload.mismatch",
                f"the signature is about {_what(payload)} of {name} {safe(claimed)}, this one has {safe(actual)}",
                signed=safe(claimed),
                actual=safe(actual),
            ).advising(_remedy(payload, name))


def is_artifact(media_type: str) -> bool:
    """Whether a signature is about an artifact of a registry or a layout, not a plain file."""
    return media_type in MANIFEST_TYPES


def _what(payload: Payload) -> str:
    return f"an artifact ({payload.media_type}), not a file:" if is_artifact(payload.media_type) else "a file"


def _remedy(payload: Payload, name: str) -> str:
    if is_artifact(payload.media_type):
        return _ARTIFACT
    return _OTHER_TYPE if name == "media type" else _OTHER_FILE


_ARTIFACT: Final = (
    "This is the signature of an image or another artifact: it is judged where it is attached to that, by airgap "
    "verify LAYOUT."
)
_OTHER_TYPE: Final = (
    "Name the signed media type with --media-type, if that is what the file is, or leave the option out."
)
_OTHER_HASH: Final = "Ask the publisher to sign the file again, with the hash that belongs to the key."
_OTHER_FILE: Final = "Get the file and its signature again from their source: they do not belong together."


def signature_name(blob: str, form: str) -> str:
    """The name of a detached signature: `<blob>.jws.sig` or `<blob>.cose.sig` (BLOB-5)."""
    return f"{blob}.{form}.sig"


def media_type_of(name: str, form: EnvelopeFormat | None) -> str:
    """The envelope's media type: as `form` says, else by the end of the file name, any case (BLOB-4, D44).

    Raises UsageError for a name that says nothing; a signature is never tried as one and then as the other.
    """
    if form is not None:
        return EnvelopeFormat(form).media_type
    parts = name.lower().split(".")
    if len(parts) >= _PARTS and parts[-1] == "sig" and parts[-2] in tuple(EnvelopeFormat):
        return EnvelopeFormat(parts[-2]).media_type
    raise UsageError(
        f"{safe(name)!r} does not say what signature it holds: it does not end in .jws.sig or .cose.sig",
        remedy="Say it with --signature-format jws or --signature-format cose.",
    )
