"""Doors of signature envelopes, and of CBOR below one of them."""

from __future__ import annotations

from airgap.oci.descriptor import COSE_ENVELOPE, JWS_ENVELOPE
from airgap.parse import cbor
from airgap.pki.chain import check_code_signing_chain
from airgap.signature.envelope import parse_envelope, verify_signature
from airgap.signature.payload import parse_payload
from airgap.signature.sealing import with_timestamp
from fuzz.doors.law import refusable, same


def jws(data: bytes) -> None:
    """A JWS envelope, with every check that needs no trust."""
    _envelope(JWS_ENVELOPE, data)


def cose(data: bytes) -> None:
    """A COSE envelope, with every check that needs no trust."""
    _envelope(COSE_ENVELOPE, data)


def _envelope(media_type: str, data: bytes) -> None:
    with refusable():
        envelope = parse_envelope(media_type, data)
        for check in (verify_signature, parse_payload):
            with refusable():
                check(envelope)
        with refusable():
            check_code_signing_chain(envelope.certificates)
        with refusable():  # SCHEME-9: a timestamp is put in, and nothing that is signed changes
            again = parse_envelope(media_type, with_timestamp(media_type, data, b"token"))
            same(again.signing_input, envelope.signing_input, "what is signed, after a timestamp was put in")
            same(again.certificates, envelope.certificates, "the chain, after a timestamp was put in")


def cbor_value(data: bytes) -> None:
    """Any CBOR; what is accepted is the same after it was written."""
    with refusable():
        written = cbor.encode(cbor.load(data, times=True))
        same(cbor.encode(cbor.load(written, times=True)), written, "the value, written twice")
