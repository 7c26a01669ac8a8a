"""A finished envelope as an attachment to an artifact: manifest, config and blobs (requirements/manifest.md)."""

from __future__ import annotations

from dataclasses import dataclass, field

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.oci.descriptor import IMAGE_MANIFEST, NO_CONFIG, NOTARY_SIGNATURE, Descriptor
from airgap.oci.manifest import Manifest, parse_manifest
from airgap.pki.chain import check_code_signing_chain
from airgap.pki.timestamp_token import TimestampToken
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope, verify_signature
from airgap.signature.model import Envelope, Payload
from airgap.signature.payload import check_about, parse_payload
from airgap.signature.sealing import Sealed
from airgap.signature.signature_manifest import (
    Form,
    config_descriptor,
    envelope_descriptor,
    signature_manifest,
)
from airgap.signature.signer import SigningError
from airgap.transfer.attach import AttachedManifest, Attachment, Place, as_subject


def signature_attachment(sealed: Sealed, target: Descriptor, form: Form = "artifactType") -> Attachment:
    """The attachment of the envelope to `target`, checked by the rules of a verifier.

    Raises SigningError where the envelope is about something else, or the manifest would not be accepted.
    """
    subject = as_subject(target)
    envelope = Descriptor.of(sealed.media_type, sealed.raw)
    stated = sealed.envelope.stated_time
    if stated is None:
        raise SigningError("the finished signature states no signing time", reason="envelope.time")
    try:
        check_about(sealed.payload, subject)
        raw = signature_manifest(
            subject=subject,
            envelope=envelope,
            chain=sealed.envelope.certificates,
            signing_time=stated,
            form=form,
            annotations=sealed.annotations,
        )
        manifest = parse_manifest(raw, IMAGE_MANIFEST)
        envelope_descriptor(manifest, subject)
    except Rejected as error:
        raise SigningError(f"the finished signature is not acceptable: {error}", reason=error.reason) from None
    descriptor = Descriptor.of(IMAGE_MANIFEST, raw, artifact_type=NOTARY_SIGNATURE, annotations=manifest.annotations)
    config = config_descriptor(form)
    return Attachment(
        subject=subject, manifest=descriptor, raw=raw, blobs=((envelope, sealed.raw), (config, NO_CONFIG))
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedSignature:
    """A signature that is attached to an artifact and is about it; the trust in its signer is not checked."""

    descriptor: Descriptor
    """Of its manifest."""
    manifest: Manifest = field(repr=False)
    layer: Descriptor
    raw: bytes = field(repr=False)
    """The envelope."""
    envelope: Envelope = field(repr=False)
    payload: Payload = field(repr=False)

    @property
    def has_timestamp(self) -> bool:
        """Whether it has a token about its own signature value; whatever else is in that place is no timestamp."""
        try:
            TimestampToken.parse(self.envelope.timestamp_token or b"").check_imprint(self.envelope.signature)
        except (FormatError, Rejected):
            return False
        return True

    @property
    def form(self) -> Form:
        """The form by which its manifest is a signature."""
        declared = self.manifest.declared_artifact_type
        return "config" if declared is None and self.manifest.config is not None else "artifactType"


def read_attached(place: Place, found: AttachedManifest) -> AttachedSignature:
    """A signature after all checks that need no trust: manifest, envelope, signature value, chain, payload.

    Raises Rejected, and what reading raises.
    """
    layer = envelope_descriptor(found.manifest, place.subject)
    raw = place.read(layer, limits.ENVELOPE_BYTES)
    envelope = parse_envelope(layer.media_type, raw, plugins=ANY_PLUGIN)
    verify_signature(envelope)
    check_code_signing_chain(envelope.certificates)
    payload = parse_payload(envelope)
    check_about(payload, place.subject)
    return AttachedSignature(
        descriptor=found.descriptor, manifest=found.manifest, layer=layer, raw=raw, envelope=envelope, payload=payload
    )
