"""Writes envelopes, in the style of the reference (JWS-43, COSE-4); jws, cose and payload read them."""

from __future__ import annotations

import json as writer
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final, Protocol, runtime_checkable

from airgap.errors import UsageError
from airgap.oci.descriptor import COSE_ENVELOPE, JWS_ENVELOPE, Descriptor
from airgap.parse import base64, cbor
from airgap.parse.time import iso
from airgap.signature import cose, model
from airgap.signature.attributes import DEFINED
from airgap.signature.jws import X5C
from airgap.signature.model import ExtendedAttribute, PluginDemand, Scheme
from airgap.signature.payload import TARGET
from airgap.signature.signer import Signer
from airgap.text import safe

Countersign = Callable[[bytes], bytes]
"""From a signature value to the DER of an RFC 3161 token about it (TS-11)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """The content of a signature to make. Raises UsageError if no correct envelope can have it."""

    payload: bytes
    signing_time: datetime
    """Aware; written to the second (JWS-43). With the scheme signingAuthority it is the authentic one."""
    scheme: Scheme = Scheme.X509
    expiry: datetime | None = None
    extended: Mapping[str, ExtendedAttribute] = field(default_factory=lambda: MappingProxyType({}))
    plugin: PluginDemand | None = None
    signing_agent: str | None = None

    def __post_init__(self) -> None:
        # JWS-17, on what will be written
        if self.expiry is not None and _whole(self.expiry) <= _whole(self.signing_time):
            raise UsageError(
                f"the expiry {iso(self.expiry)} is not later than the signing time {iso(self.signing_time)}"
            )
        for label in self.extended:
            if label in DEFINED or label in _FORMAT_LABELS:
                raise UsageError(f"{safe(label)!r} is defined by the format and is no extended attribute")


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeEnvelope:
    """The untrusted result of an `EnvelopeSigner`."""

    raw: bytes
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """For the signature manifest; the two of the Notary Project win over these (MAN-9)."""


@runtime_checkable
class EnvelopeSigner(Protocol):
    """A maker of whole envelopes: a plugin that generates envelopes (PLUGIN-24)."""

    def make_envelope(self, draft: Draft, media_type: str) -> MadeEnvelope:
        """An envelope in the format of `media_type` with the content of the draft.

        The payload may have annotations beside the draft's; the signing time is the maker's own.
        """
        ...


_FORMAT_LABELS: Final = frozenset({"alg", "cty", "crit", "b64", X5C, model.TIMESTAMP, model.SIGNING_AGENT})


def encode_payload(target: Descriptor, metadata: Mapping[str, str] | None = None) -> bytes:
    """The payload for this artifact with this metadata (PAY-2, PAY-3).

    Of `target` the media type, digest, size and annotations are signed, nothing else. Raises UsageError where a
    metadata key is reserved or the target's annotations have it already (PAY-5).
    """
    annotations = dict(target.annotations)
    for key, value in (metadata or {}).items():
        if key.startswith(model.RESERVED_PREFIX):
            raise UsageError(f"metadata may not begin with {model.RESERVED_PREFIX!r}: {safe(key)!r}")
        if key in annotations:
            raise UsageError(f"the artifact has the annotation {safe(key)!r} already")
        annotations[key] = value
    # PAY-3: artifactType, platform, urls and data are not signed, as the reference's signer has it (D4)
    members: dict[str, Any] = {"mediaType": target.media_type, "digest": str(target.digest), "size": target.size}
    if annotations:
        members["annotations"] = annotations
    return _json({TARGET: members})


def encode_jws(draft: Draft, signer: Signer, *, countersign: Countersign | None = None) -> bytes:
    """A JWS envelope."""
    protected = _json(
        {
            "alg": signer.algorithm.jws,
            "cty": model.PAYLOAD_CONTENT_TYPE,
            "crit": _critical(draft),
            **_attributes(draft, lambda moment: iso(_whole(moment))),
        }
    )
    members = {"protected": base64.encode_url(protected), "payload": base64.encode_url(draft.payload)}
    signature = signer.sign(f"{members['protected']}.{members['payload']}".encode("ascii"))
    header: dict[str, Any] = {X5C: [base64.encode_standard(certificate.der) for certificate in signer.chain]}
    if countersign is not None:
        header[model.TIMESTAMP] = base64.encode_standard(countersign(signature))
    if draft.signing_agent is not None:
        header[model.SIGNING_AGENT] = draft.signing_agent
    return _json({**members, "header": header, "signature": base64.encode_url(signature)})


def encode_cose(draft: Draft, signer: Signer, *, countersign: Countersign | None = None) -> bytes:
    """A COSE envelope, in core deterministic encoding."""
    protected = cbor.encode(
        {
            cose.ALGORITHM: signer.algorithm.cose,
            cose.CRITICAL: _critical(draft),
            cose.CONTENT_TYPE: model.PAYLOAD_CONTENT_TYPE,
            **_attributes(draft, lambda moment: cbor.Epoch(int(_whole(moment).timestamp()))),
        }
    )
    signature = signer.sign(cose.sig_structure(protected, draft.payload))
    unprotected: dict[cbor.Label, Any] = {cose.X5CHAIN: [certificate.der for certificate in signer.chain]}
    if countersign is not None:
        unprotected[model.TIMESTAMP] = countersign(signature)
    if draft.signing_agent is not None:
        unprotected[model.SIGNING_AGENT] = draft.signing_agent
    # one byte for tag 18, then an array of four (COSE-1)
    return cose.PREFIX[:1] + cbor.encode([protected, unprotected, draft.payload, signature])


ENCODERS: Final[Mapping[str, Callable[..., bytes]]] = MappingProxyType(
    {JWS_ENVELOPE: encode_jws, COSE_ENVELOPE: encode_cose}
)
"""The encoders by media type, all with the signature of `encode_jws`."""


def _attributes(draft: Draft, write_time: Callable[[datetime], Any]) -> dict[Any, Any]:
    authority = draft.scheme is Scheme.SIGNING_AUTHORITY
    members: dict[Any, Any] = {
        model.SCHEME: draft.scheme.value,
        model.AUTHENTIC_SIGNING_TIME if authority else model.SIGNING_TIME: write_time(draft.signing_time),
    }
    if draft.expiry is not None:
        members[model.EXPIRY] = write_time(draft.expiry)
    if draft.plugin is not None:
        members[model.PLUGIN] = draft.plugin.name
        if draft.plugin.min_version is not None:
            members[model.PLUGIN_MIN_VERSION] = draft.plugin.min_version
    members.update((label, attribute.value) for label, attribute in draft.extended.items())
    return members


def _critical(draft: Draft) -> list[str]:
    # JWS-13, JWS-14, JWS-15, JWS-16: what must be critical
    listed = [model.SCHEME]
    if draft.scheme is Scheme.SIGNING_AUTHORITY:
        listed.append(model.AUTHENTIC_SIGNING_TIME)
    if draft.expiry is not None:
        listed.append(model.EXPIRY)
    if draft.plugin is not None:
        listed.append(model.PLUGIN)
        if draft.plugin.min_version is not None:
            listed.append(model.PLUGIN_MIN_VERSION)
    return listed + [label for label, attribute in draft.extended.items() if attribute.critical]


def _whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def _json(value: Any) -> bytes:
    return writer.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
