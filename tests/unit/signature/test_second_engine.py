"""jwcrypto reads the envelopes that we make as we do, and its refusal stops signing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from airgap.errors import Rejected
from airgap.oci.descriptor import IMAGE_MANIFEST, JWS_ENVELOPE, Descriptor
from airgap.oci.digest import Digest
from airgap.signature import sealing
from airgap.signature.envelope import parse_envelope
from airgap.signature.model import ExtendedAttribute, PluginDemand, Scheme
from airgap.signature.produce import Draft, encode_jws, encode_payload
from airgap.signature.second_engine import verify_with_second_engine
from airgap.signature.signer import SigningError
from tests.support.envelopes import signer as raw_signer
from tests.support.pki import AT, Pki
from tests.support.signing import KINDS, local

DRAFT = Draft(
    payload=encode_payload(Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"x"), size=1), {"team": "blue"}),
    signing_time=AT,
    expiry=AT + timedelta(days=1),
)


@pytest.mark.parametrize("kind", KINDS)
def test_jwcrypto_accepts_our_signatures(kind: str) -> None:
    """JWS-40 to JWS-42, with every key that may sign."""
    raw = encode_jws(DRAFT, local(Pki().code_chain(kind)))
    verify_with_second_engine(raw, parse_envelope(JWS_ENVELOPE, raw))


@pytest.mark.parametrize("scheme", list(Scheme))
def test_jwcrypto_accepts_our_critical_headers(scheme: Scheme) -> None:
    """JWS-12, JWS-20: it refuses critical headers that it was not told of."""
    extended = {"io.example.critical": ExtendedAttribute("x", critical=True)}
    draft = replace(DRAFT, scheme=scheme, plugin=PluginDemand("com.example.plugin", "1.0.0"), extended=extended)
    raw = encode_jws(draft, local(Pki().code_chain()))
    envelope = parse_envelope(JWS_ENVELOPE, raw, plugins=["com.example.plugin"])
    verify_with_second_engine(raw, envelope)
    with pytest.raises(Rejected, match="jwcrypto"):
        verify_with_second_engine(raw, replace(envelope, extended={}))


def test_jwcrypto_refuses_another_payload_or_key() -> None:
    raw = encode_jws(DRAFT, local(Pki().code_chain()))
    envelope = parse_envelope(JWS_ENVELOPE, raw)
    with pytest.raises(Rejected, match="another payload"):
        verify_with_second_engine(raw, replace(envelope, payload=b"{}"))
    other = parse_envelope(JWS_ENVELOPE, encode_jws(DRAFT, local(Pki().code_chain("rsa3072"))))
    with pytest.raises(Rejected, match="does not verify it"):
        verify_with_second_engine(raw, replace(envelope, certificates=other.certificates))


def test_a_refusal_of_jwcrypto_stops_signing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where our own reader is wrong, the other one still keeps a bad envelope out of the registry."""
    bad = local(Pki().code_chain())
    wrong = raw_signer(Pki().code_chain("rsa3072").key)
    monkeypatch.setattr(type(bad), "sign", lambda _, message: wrong(message))
    monkeypatch.setattr(sealing, "verify_signature", lambda _: None)
    with pytest.raises(SigningError, match="jwcrypto"):
        sealing.seal(DRAFT, bad, media_type=JWS_ENVELOPE)
