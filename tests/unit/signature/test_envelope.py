"""Envelopes by media type, their certificates, and the check of the signature value."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from jwcrypto import jwk
from jwcrypto import jws as jwcrypto_jws

from airgap import limits
from airgap.errors import Rejected
from airgap.signature.envelope import FORMATS, parse_envelope, verify_signature
from tests.support import envelopes
from tests.support.envelopes import COSE, JWS, PAYLOAD, SCHEME, SIGNING_TIME, b64, cose, forge, jws, signer
from tests.support.keyring import key, pem
from tests.support.pki import Issued, Pki

KINDS = ("rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521")
LEAVES = {kind: Pki().code_chain(kind) for kind in KINDS}
LEAF = LEAVES["p256"]
both = pytest.mark.parametrize("media_type", [JWS, COSE], ids=["jws", "cose"])


def refused(media_type: str, raw: bytes, reason: str) -> str:
    with pytest.raises(Rejected) as caught:
        verify_signature(parse_envelope(media_type, raw))
    assert caught.value.reason == reason
    return str(caught.value)


@both
@pytest.mark.parametrize("kind", KINDS)
def test_every_key_of_the_table_verifies(media_type: str, kind: str) -> None:
    """Table ALG."""
    verify_signature(parse_envelope(media_type, forge(media_type, LEAVES[kind])))


@both
@pytest.mark.parametrize("kind", KINDS)
def test_a_flipped_signature_bit_is_found(media_type: str, kind: str) -> None:
    """NEG-01."""
    sign = signer(LEAVES[kind].key)
    raw = forge(media_type, LEAVES[kind], sign=lambda message: _flip(sign(message)))
    refused(media_type, raw, "envelope.signature")


@both
def test_a_changed_payload_is_found(media_type: str) -> None:
    """NEG-02."""
    other = PAYLOAD.replace(b"411", b"412")
    good = forge(media_type, LEAF)
    changed = good.replace(_spelled(media_type, PAYLOAD), _spelled(media_type, other))
    assert changed != good
    refused(media_type, changed, "envelope.signature")


def test_a_changed_protected_header_of_a_jws_is_found() -> None:
    """NEG-03."""
    document = json.loads(jws(LEAF))
    header = {**envelopes.jws_header(LEAF), SIGNING_TIME: "2026-01-02T03:04:06Z"}
    document["protected"] = envelopes.b64url(json.dumps(header).encode())
    refused(JWS, json.dumps(document).encode(), "envelope.signature")


def test_a_rewritten_protected_header_is_found() -> None:
    """NEG-03, JWS-4: the same members in other bytes are not what was signed."""
    document = json.loads(jws(LEAF))
    document["protected"] = envelopes.b64url(json.dumps(envelopes.jws_header(LEAF), indent=1).encode())
    refused(JWS, json.dumps(document).encode(), "envelope.signature")


def test_a_changed_protected_header_of_a_cose_is_found() -> None:
    """NEG-03."""
    header = envelopes.cbor(envelopes.cose_header(LEAF))
    stated = int(envelopes.SIGNED_AT.timestamp())
    other = header.replace(stated.to_bytes(4), (stated + 1).to_bytes(4))
    assert other != header
    refused(COSE, cose(LEAF).replace(header, other), "envelope.signature")


@both
def test_the_algorithm_must_be_the_one_that_the_key_demands(media_type: str) -> None:
    """NEG-05, NEG-40, JWS-40, COSE-10."""
    raw = forge(media_type, LEAF, protected={"alg": "ES384"}, sign=signer(LEAF.key, "ES384"))
    message = refused(media_type, raw, "envelope.algorithm")
    assert "ECDSA-SHA-384" in message
    assert "demands ECDSA-SHA-256" in message


@both
def test_an_rsa_3072_key_may_not_sign_with_ps256(media_type: str) -> None:
    """NEG-06, JWS-40: even where the value verifies under the stated algorithm."""
    leaf = LEAVES["rsa3072"]
    raw = forge(media_type, leaf, protected={"alg": "PS256"}, sign=signer(leaf.key, "PS256"))
    assert "demands RSASSA-PSS-SHA-384" in refused(media_type, raw, "envelope.algorithm")


@both
@pytest.mark.parametrize("kind", ["rsa1024", "rsa2047", "rsa3584", "p224", "secp256k1"])
def test_a_key_outside_the_table_is_refused(media_type: str, kind: str) -> None:
    """ALG-1, ALG-2."""
    leaf = Pki().code_chain(kind)
    name = "PS256" if kind.startswith("rsa") else "ES256"
    raw = forge(media_type, leaf, protected={"alg": name}, sign=signer(leaf.key, name))
    refused(media_type, raw, "chain.leaf.key")


@both
@pytest.mark.parametrize("salt", [0, 20, 31, 33, 222])
def test_the_pss_salt_must_be_as_long_as_the_hash(media_type: str, salt: int) -> None:
    """NEG-42, JWS-42, COSE-22, D11; the reference takes any salt in JWS."""
    leaf = LEAVES["rsa2048"]
    refused(media_type, forge(media_type, leaf, sign=signer(leaf.key, salt=salt)), "envelope.signature")


@both
def test_an_ecdsa_value_in_der_is_refused(media_type: str) -> None:
    """JWS-41, COSE-22."""
    refused(media_type, forge(media_type, LEAF, sign=signer(LEAF.key, der=True)), "envelope.signature")


@both
@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_a_value_one_byte_short_or_long_is_refused(media_type: str, kind: str) -> None:
    leaf = LEAVES[kind]
    sign = signer(leaf.key)
    for raw in (
        forge(media_type, leaf, sign=lambda message: sign(message)[:-1]),
        forge(media_type, leaf, sign=lambda message: b"\x00" + sign(message)),
    ):
        refused(media_type, raw, "envelope.signature")


@both
@pytest.mark.parametrize("value", [b"\x00" * 64, b"\xff" * 64, b"\x00" * 32 + b"\x01" * 32])
def test_degenerate_ecdsa_values_are_refused(media_type: str, value: bytes) -> None:
    refused(media_type, forge(media_type, LEAF, sign=lambda _: value), "envelope.signature")


@both
def test_the_key_is_that_of_the_first_certificate(media_type: str) -> None:
    """NEG-53, JWS-40."""
    chain = [issued.der for issued in reversed(LEAF.chain)]
    outside = {"header": {"x5c": [b64(der) for der in chain]}} if media_type == JWS else {"unprotected": {33: chain}}
    refused(media_type, forge(media_type, LEAF, **outside), "envelope.signature")


@both
def test_a_certificate_that_cannot_be_parsed_is_refused(media_type: str) -> None:
    chain = [LEAF.der, LEAF.root.der + b"\x00"]
    assert "certificate 2 of 2" in refused(media_type, _with_chain(media_type, chain), "chain.malformed")
    assert "certificate 1 of 1" in refused(media_type, _with_chain(media_type, [b""]), "chain.malformed")


@both
def test_the_number_of_certificates_is_bounded(media_type: str) -> None:
    """Decision 0002."""
    chain = [LEAF.der] * limits.CHAIN_CERTIFICATES
    verify_signature(parse_envelope(media_type, _with_chain(media_type, chain)))
    message = refused(media_type, _with_chain(media_type, [*chain, b"not even parsed"]), "chain.length")
    assert "holds 11 certificates, more than 10" in message


@both
def test_the_size_is_bounded(media_type: str) -> None:
    """LIM-2: at most 4 MiB here."""
    good = forge(media_type, LEAF)
    if media_type == JWS:
        verify_signature(parse_envelope(JWS, good.ljust(limits.ENVELOPE_BYTES)))
    message = refused(media_type, good.ljust(limits.ENVELOPE_BYTES + 1), "envelope.malformed")
    assert "more than 4194304" in message


def test_bytes_of_the_other_format_are_named() -> None:
    """NEG-43."""
    assert "labelled as COSE, but its bytes are JSON" in refused(COSE, jws(LEAF), "envelope.malformed")
    assert "labelled as COSE, but its bytes are JSON" in refused(COSE, b"\n " + jws(LEAF), "envelope.malformed")
    assert "labelled as JWS, but its bytes are CBOR" in refused(JWS, cose(LEAF), "envelope.malformed")


@pytest.mark.parametrize("media_type", ["", "application/JOSE+json", "application/pkcs7-signature", "\x1b[2J"])
def test_another_media_type_is_refused(media_type: str) -> None:
    """NEG-44, MAN-5."""
    assert "application/jose+json" in refused(media_type, jws(LEAF), "envelope.malformed")


def test_there_are_two_formats() -> None:
    assert set(FORMATS) == {JWS, COSE}


def test_an_envelope_can_be_shown_without_being_judged() -> None:
    """Neither signature nor payload nor chain is looked at when parsing (PAY-13)."""
    raw = jws(LEAF, payload=b"no JSON", sign=lambda _: b"no signature", header={"x5c": [b64(LEAF.root.der)]})
    envelope = parse_envelope(JWS, raw)
    assert envelope.payload == b"no JSON"
    assert envelope.signature == b"no signature"


@pytest.mark.parametrize("kind", KINDS)
def test_jwcrypto_signs_what_verifies_here(kind: str) -> None:
    """A second engine, both ways."""
    leaf = LEAVES[kind]
    token = jwcrypto_jws.JWS(PAYLOAD, header_registry=_registry())
    protected = json.dumps(envelopes.jws_header(leaf))
    header = json.dumps({"x5c": [b64(issued.der) for issued in leaf.chain]})
    token.allowed_algs = [envelopes.algorithm_for(leaf.key)]
    token.add_signature(jwk.JWK.from_pem(pem(leaf.key)), None, protected, header)
    envelope = parse_envelope(JWS, token.serialize(compact=False).encode())
    verify_signature(envelope)
    assert envelope.payload == PAYLOAD


@pytest.mark.parametrize("kind", KINDS)
def test_jwcrypto_agrees_on_what_is_valid_and_on_what_is_not(kind: str) -> None:
    leaf = LEAVES[kind]
    assert _jwcrypto_verifies(leaf, jws(leaf))
    sign = signer(leaf.key)
    assert not _jwcrypto_verifies(leaf, jws(leaf, sign=lambda message: _flip(sign(message))))


def _jwcrypto_verifies(leaf: Issued, raw: bytes) -> bool:
    token = jwcrypto_jws.JWS(header_registry=_registry())
    token.allowed_algs = [envelopes.algorithm_for(leaf.key)]
    token.deserialize(raw.decode())
    try:
        token.verify(jwk.JWK.from_pem(leaf.pem))
    except jwcrypto_jws.InvalidJWSSignature:
        return False
    return bool(token.payload == PAYLOAD)


def _registry() -> Any:
    parameter = jwcrypto_jws.JWSEHeaderParameter("notary", mustprotect=True, supported=True, check_fn=None)
    return {SCHEME: parameter, SIGNING_TIME: parameter}


def _with_chain(media_type: str, chain: list[bytes]) -> bytes:
    if media_type == JWS:
        return jws(LEAF, header={"x5c": [b64(der) for der in chain]})
    return cose(LEAF, unprotected={33: chain})


def _spelled(media_type: str, value: bytes) -> bytes:
    return base64.urlsafe_b64encode(value).rstrip(b"=") if media_type == JWS else value


def _flip(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])


def test_an_ed25519_key_is_refused() -> None:
    """ALG-1: no algorithm that may be stated fits it."""
    leaf = Pki().code_chain("ed25519")
    raw = jws(leaf, protected={"alg": "ES256"}, sign=signer(key("p256"), "ES256"))
    refused(JWS, raw, "chain.leaf.key")
