"""Makes an envelope that a verifier accepts, or fails.

The signing chain is checked by the rules of the verifier before anything is signed. The finished envelope is parsed and
verified like that of an unknown signer: this detects one that uses another key, signs another payload or gives invalid
data. Used by `airgap sign` and by all other makers of envelopes.

A timestamp for an envelope that exists changes its unsigned header and nothing else (SCHEME-9). The new envelope has
another digest and another signature manifest: the old one stays what it is.
"""

from __future__ import annotations

import json as writer
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import MappingProxyType
from typing import Final

from airgap import limits
from airgap.errors import Rejected
from airgap.oci.descriptor import JWS_ENVELOPE
from airgap.parse import base64, cbor, json
from airgap.pki.certificate import Certificate, Offered
from airgap.pki.chain import check_code_signing_chain, check_validity
from airgap.pki.timestamp_token import VerifiedTimestamp
from airgap.signature import cose, model
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope, verify_signature
from airgap.signature.model import Envelope, Payload
from airgap.signature.payload import parse_payload
from airgap.signature.produce import ENCODERS, Draft, EnvelopeSigner, MadeEnvelope
from airgap.signature.signer import Signer, SigningError
from airgap.signature.timestamper import Timestamper, token_about
from airgap.text import safe

_SECOND: Final = timedelta(seconds=1)
_CHAIN: Final = "Sign with a certificate chain that meets the Notary Project's requirements; nothing was attached."
_TIME: Final = "Check this machine's clock, or sign with a certificate that is valid now; nothing was attached."
_MADE: Final = "Nothing was attached. The signer does not do what it was asked for."


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """A finished envelope that passed every check that can be made without a trust policy."""

    media_type: str
    raw: bytes = field(repr=False)
    envelope: Envelope = field(repr=False)
    payload: Payload = field(repr=False)
    timestamp: VerifiedTimestamp | None = None
    annotations: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """Annotations of the signer for the signature manifest (MAN-9)."""


def seal(
    draft: Draft, signer: Signer | EnvelopeSigner, *, media_type: str, timestamper: Timestamper | None = None
) -> Sealed:
    """A verified envelope in the format of `media_type` with the content of `draft`.

    Raises SigningError (with the reason a verifier would give), UsageError, and what signer and timestamper raise.
    """
    if isinstance(signer, EnvelopeSigner):
        made = signer.make_envelope(draft, media_type)
    else:
        if signer.chain:
            check_signing_chain(signer.chain, draft)
        made = MadeEnvelope(raw=ENCODERS[media_type](draft, signer))
    # a maker of envelopes may demand a verification plugin of its own, and have critical attributes for it
    own_plugin = isinstance(signer, EnvelopeSigner) and draft.plugin is None
    envelope, payload = _checked(media_type, made.raw, draft, own_plugin=own_plugin)
    if timestamper is None:
        return Sealed(
            media_type=media_type, raw=made.raw, envelope=envelope, payload=payload, annotations=made.annotations
        )
    # TS-11: the token is about the signature value, so the envelope comes first; it is verified again afterwards
    token, timestamp = token_about(timestamper, envelope.signature, envelope.algorithm.hash_name, envelope.certificates)
    raw = with_timestamp(media_type, made.raw, token)
    envelope, payload = _checked(media_type, raw, draft, own_plugin=own_plugin)
    return Sealed(
        media_type=media_type,
        raw=raw,
        envelope=envelope,
        payload=payload,
        timestamp=timestamp,
        annotations=made.annotations,
    )


def stamp(media_type: str, raw: bytes, timestamper: Timestamper) -> Sealed:
    """A verified envelope with a timestamp instead of whatever it has: only its unsigned header changes (SCHEME-9).

    Raises SigningError, and what the timestamper raises; Rejected where `raw` does not verify.
    """
    before = parse_envelope(media_type, raw, plugins=ANY_PLUGIN)  # it is not accepted here
    verify_signature(before)
    check_code_signing_chain(before.certificates)
    token, timestamp = token_about(timestamper, before.signature, before.algorithm.hash_name, before.certificates)
    stamped = with_timestamp(media_type, raw, token)
    envelope = parse_envelope(media_type, stamped, plugins=ANY_PLUGIN)
    verify_signature(envelope)
    return Sealed(
        media_type=media_type, raw=stamped, envelope=envelope, payload=parse_payload(envelope), timestamp=timestamp
    )


def check_signing_chain(chain: Sequence[Certificate], draft: Draft) -> None:
    """The chain meets the verifier's rules, and is valid at the signing time (CHAIN-17). Raises SigningError."""
    try:
        check_code_signing_chain(Offered(tuple(chain)))
    except Rejected as error:
        raise SigningError(str(error), reason=error.reason, remedy=_CHAIN, **error.facts) from None
    try:
        check_validity(chain, draft.signing_time)
    except Rejected as error:
        raise SigningError(str(error), reason=error.reason, remedy=_TIME, **error.facts) from None


def _checked(media_type: str, raw: bytes, draft: Draft, *, own_plugin: bool) -> tuple[Envelope, Payload]:
    """The envelope and its payload, checked as by a verifier and compared with the request."""
    try:
        envelope = parse_envelope(media_type, raw, plugins=ANY_PLUGIN if own_plugin else _named(draft))
        verify_signature(envelope)
        if media_type == JWS_ENVELOPE:
            from airgap.signature.second_engine import verify_with_second_engine  # jwcrypto takes a while to load

            verify_with_second_engine(raw, envelope)
        payload = parse_payload(envelope)
        wanted = parse_payload(replace(envelope, payload=draft.payload))
    except Rejected as error:
        raise SigningError(
            f"the finished signature does not verify: {error}", reason=error.reason, remedy=_MADE, **error.facts
        ) from None
    check_signing_chain(envelope.certificates, draft)
    _compare(replace(envelope, plugin=None) if own_plugin else envelope, payload, draft, wanted)
    return envelope, payload


def _named(draft: Draft) -> tuple[str, ...]:
    return () if draft.plugin is None else (draft.plugin.name,)


def _compare(envelope: Envelope, payload: Payload, draft: Draft, wanted: Payload) -> None:
    for name, asked, found in (
        ("signing scheme", draft.scheme.value, envelope.scheme.value),
        ("digest", str(wanted.digest), str(payload.digest)),
        ("size", wanted.size, payload.size),
        ("media type", wanted.media_type, payload.media_type),
        ("verification plugin", draft.plugin, envelope.plugin),
    ):
        if asked != found:
            raise SigningError(
                f"the finished signature has the {name} {safe(found)}, not {safe(asked)}",
                reason="payload.mismatch",
                remedy=_MADE,
            )
    missing = sorted(key for key, value in wanted.annotations.items() if payload.annotations.get(key) != value)
    if missing:  # PLUGIN-24: additions are allowed
        raise SigningError(
            f"the finished signature lacks the metadata {safe(missing[0])!r}", reason="payload.mismatch", remedy=_MADE
        )
    lost = sorted(str(label) for label, value in draft.extended.items() if envelope.extended.get(label) != value)
    if lost:
        raise SigningError(f"the finished signature lacks the attribute {safe(lost[0])!r}", remedy=_MADE)
    _compare_expiry(envelope, draft)


def _compare_expiry(envelope: Envelope, draft: Draft) -> None:
    """Compares lifetimes: a plugin counts from its own signing time (PLUGIN-24)."""
    stated = envelope.stated_time
    asked = None if draft.expiry is None else draft.expiry - draft.signing_time
    found = None if envelope.expiry is None or stated is None else envelope.expiry - stated
    if asked is None or found is None:
        if asked is not found:
            raise SigningError(
                f"the finished signature expires {'never' if found is None else f'after {found}'}, "
                f"not {'never' if asked is None else f'after {asked}'}",
                remedy=_MADE,
            )
    elif abs(asked - found) > _SECOND:
        raise SigningError(f"the finished signature expires after {found}, not after {asked}", remedy=_MADE)


def with_timestamp(media_type: str, raw: bytes, token: bytes) -> bytes:
    """The envelope `raw` with this token (DER) instead of whatever timestamp it has.

    What is signed, the signature value and all other unsigned attributes are the same afterwards. Raises Rejected
    envelope.* where `raw` cannot be read, SigningError where the new envelope is not as it has to be.
    """
    before = parse_envelope(media_type, raw, plugins=ANY_PLUGIN)
    made = _jws(raw, token) if media_type == JWS_ENVELOPE else _cose(raw, token)
    if parse_envelope(media_type, made, plugins=ANY_PLUGIN) != replace(before, timestamp_token=token):
        raise SigningError("the envelope cannot be written again without changing more than its timestamp")
    return made


def _jws(raw: bytes, token: bytes) -> bytes:
    members = json.load_object(raw, json.Reading.SIGNED, limit=limits.ENVELOPE_BYTES, what="envelope")
    header = {**json.take(members, "header", dict), model.TIMESTAMP: base64.encode_standard(token)}
    # JWS-4: `protected`, `payload` and `signature` stay the strings that they were
    text = writer.dumps({**members, "header": header}, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def _cose(raw: bytes, token: bytes) -> bytes:
    # COSE-5: what is signed are the bytes of the protected header, which stays one byte string here
    tag = cose.PREFIX[:1]
    protected, unprotected, payload, signature = cbor.load(raw[len(tag) :], limit=limits.ENVELOPE_BYTES, what="message")
    return tag + cbor.encode([protected, {**unprotected, model.TIMESTAMP: token}, payload, signature])
