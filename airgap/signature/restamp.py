"""A timestamp put into an envelope that exists: the unsigned header changes, nothing else (SCHEME-9).

The new envelope has other bytes, and so another digest and another signature manifest: the old one stays what it is.
"""

from __future__ import annotations

import json as writer
from dataclasses import replace

from airgap import limits
from airgap.oci.descriptor import JWS_ENVELOPE
from airgap.parse import base64, cbor, json
from airgap.signature import cose, model
from airgap.signature.envelope import ANY_PLUGIN, parse_envelope
from airgap.signature.signer import SigningError


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
