"""Signature manifests: reads, checks and writes them (requirements/manifest.md)."""

from __future__ import annotations

import json as writer
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, Literal

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.oci.descriptor import (
    ARTIFACT_MANIFEST,
    CREATED,
    EMPTY,
    EMPTY_CONFIG,
    ENVELOPE_TYPES,
    NO_CONFIG,
    NOTARY_SIGNATURE,
    ORAS_ARTIFACT_MANIFEST,
    SIGNATURE_MANIFESTS,
    Descriptor,
)
from airgap.oci.manifest import Index, Manifest
from airgap.oci.manifest_writer import write_manifest
from airgap.parse import json
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.text import safe

THUMBPRINTS: Final = "io.cncf.notary.x509chain.thumbprint#S256"
"""The annotation with the fingerprints of the chain (MAN-7): a hint, never evidence (MAN-10, D1)."""

_BEFORE_ONE: Final = "application/vnd.cncf.notary.v2"
"""Types of early signatures: `.v2`, `.v2.signature`."""

Form = Literal["artifactType", "config"]
"""The form of a written signature manifest: MAN-2, or MAN-3 for registries of version 1.0."""


def is_signature(manifest: Manifest | Index) -> bool:
    """Whether the manifest says that it is a Notary Project signature, well-formed or not (MAN-32, LAYOUT-13)."""
    return manifest.artifact_type == NOTARY_SIGNATURE and not is_before_one(manifest)


def is_before_one(manifest: Manifest | Index) -> bool:
    """Whether it says that it is a signature as notation made them before 1.0. No release since reads these."""
    stated = manifest.artifact_type or ""
    in_oras = manifest.media_type == ORAS_ARTIFACT_MANIFEST and stated == NOTARY_SIGNATURE
    return in_oras or stated.startswith(_BEFORE_ONE)


def envelope_descriptor(manifest: Manifest | Index, subject: Descriptor) -> Descriptor:
    """The descriptor of the one envelope that `manifest` attaches to `subject`.

    Raises Rejected signature.manifest where the form is not one of MAN-2, MAN-3 and MAN-11, where the subject is
    missing or another one (D2, MAN-12, MAN-22: on every path), and where the envelope's type or size is not acceptable.
    """
    if not isinstance(manifest, Manifest) or manifest.media_type not in SIGNATURE_MANIFESTS:
        raise _rejected(f"is of type {safe(manifest.media_type, limit=128)!r}, which cannot be a signature")
    _check_type(manifest)
    _check_subject(manifest, subject)
    return _envelope(manifest)


def thumbprint_warning(manifest: Manifest, chain: Sequence[Certificate]) -> str | None:
    """What is wrong with the annotated fingerprints of the manifest; None if they match the chain.

    Never more than a warning: the annotation is not signed (MAN-7, MAN-10, D1).
    """
    text = manifest.annotations.get(THUMBPRINTS)
    if text is None:
        return f"the signature manifest lacks the annotation {THUMBPRINTS!r}"
    try:
        stated = json.load(text.encode(), json.Reading.OWN, limit=limits.CONFIG_BYTES, what="annotation")
    except FormatError as error:
        return f"the signature manifest's annotation {THUMBPRINTS!r} cannot be read: {error}"
    if not isinstance(stated, list) or not all(isinstance(item, str) for item in stated):
        return f"the signature manifest's annotation {THUMBPRINTS!r} is no list of fingerprints"
    annotated, carried = [item.lower() for item in stated], [certificate.fingerprint for certificate in chain]
    if annotated == carried:
        return None
    message = "the fingerprints that the signature manifest is annotated with are not those of the envelope's chain"
    for ours, theirs in zip(annotated, carried, strict=False):
        if (
            ours != theirs
        ):  # one key may have two certificates, one of them revoked: the annotation shows that they were exchanged
            return (
                f"{message}: {safe(ours, limit=64)} there, {theirs} here; whether it is revoked was asked for this one"
            )
    return message


def config_descriptor(form: Form) -> Descriptor:
    """That of a signature manifest of this form; nothing reads its content, `NO_CONFIG` (MAN-4)."""
    if form == "artifactType":
        return replace(EMPTY_CONFIG, data=NO_CONFIG)
    return Descriptor.of(NOTARY_SIGNATURE, NO_CONFIG)


def signature_manifest(
    *,
    subject: Descriptor,
    envelope: Descriptor,
    chain: Sequence[Certificate],
    signing_time: datetime,
    form: Form = "artifactType",
    annotations: Mapping[str, str] | None = None,
) -> bytes:
    """A signature manifest, as bytes (MAN-1).

    `annotations` are the signer's own; those of the Notary Project win over them (MAN-9). `subject` is the signed
    artifact, of which only media type, digest and size are taken; `signing_time` is the signed one, so that the same
    signature gives the same manifest.
    """
    fingerprints = [certificate.fingerprint for certificate in chain]
    stated = {
        **(annotations or {}),
        THUMBPRINTS: writer.dumps(fingerprints, separators=(",", ":")),
        CREATED: iso(signing_time.replace(microsecond=0)),  # MAN-8: the signing time
    }
    artifact_type = NOTARY_SIGNATURE if form == "artifactType" else None
    config = config_descriptor(form)
    return write_manifest(artifact_type, [envelope.bare], subject=subject, config=config, annotations=stated)[1]


def _check_type(manifest: Manifest) -> None:
    declared, config = manifest.declared_artifact_type, manifest.config
    if not is_signature(manifest):
        stated = safe(manifest.artifact_type, limit=128)
        raise _rejected(f"has the artifact type {stated!r}, not {NOTARY_SIGNATURE!r}")
    # MAN-2: with an artifactType the config is the empty one. MAN-3: without one the config says it, and is checked.
    if declared is not None and config is not None and config.media_type != EMPTY:
        raise _rejected(
            f"has a config of type {safe(config.media_type, limit=128)!r} beside its artifactType, not {EMPTY!r}"
        )


def _check_subject(manifest: Manifest, subject: Descriptor) -> None:
    # MAN-6, MAN-31: the subject is the artifact in media type, digest and size
    stated = manifest.subject
    if stated is None:
        raise _rejected("has no subject")
    for name, ours, theirs in (
        ("digest", str(subject.digest), str(stated.digest)),
        ("size", subject.size, stated.size),
        ("mediaType", subject.media_type, stated.media_type),
    ):
        if ours != theirs:
            raise _rejected(f"has a subject with the {name} {safe(theirs, limit=160)}, not {safe(ours, limit=160)}")


def _envelope(manifest: Manifest) -> Descriptor:
    # MAN-5, MAN-11, D58: layers of image manifests, blobs of artifact manifests
    entries = manifest.blobs if manifest.media_type == ARTIFACT_MANIFEST else manifest.layers
    if len(entries) != 1:
        raise _rejected(f"has {len(entries)} layers, not exactly one")
    envelope = entries[0]
    if envelope.media_type not in ENVELOPE_TYPES:
        known = " or ".join(sorted(ENVELOPE_TYPES))
        raise _rejected(f"holds an envelope of type {safe(envelope.media_type, limit=128)!r}, not {known}")
    if envelope.size > limits.ENVELOPE_BYTES:
        raise _rejected(f"holds an envelope of {envelope.size} bytes, more than {limits.ENVELOPE_BYTES}")
    return envelope


def _rejected(problem: str) -> Rejected:
    return Rejected("signature.manifest", f"the signature manifest {problem}")
