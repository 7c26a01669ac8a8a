from __future__ import annotations

import base64
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwcrypto import jwk
from jwcrypto import jws as jwcrypto_jws

from airgap.errors import UsageError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.parse import cbor
from airgap.pki.certificate import Certificate
from airgap.signature.envelope import parse_envelope, verify_signature
from airgap.signature.model import ExtendedAttribute, PluginDemand, Scheme
from airgap.signature.payload import parse_payload
from airgap.signature.produce import ENCODERS, Draft, encode_cose, encode_jws, encode_payload
from airgap.signature.signer import LocalSigner
from tests.support import envelopes
from tests.support.envelopes import COSE, EXPIRES_AT, JWS, SIGNED_AT
from tests.support.pki import Issued, Pki

TARGET = Descriptor(media_type="application/vnd.oci.image.manifest.v1+json", digest=Digest.of(b"x"), size=1)
LEAF = Pki().code_chain()
DRAFT = Draft(payload=encode_payload(TARGET), signing_time=SIGNED_AT)
both = pytest.mark.parametrize("media_type", [JWS, COSE], ids=["jws", "cose"])


def local(leaf: Issued) -> LocalSigner:
    assert isinstance(leaf.key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    return LocalSigner(leaf.key, tuple(Certificate.parse(issued.der) for issued in leaf.chain))


@both
@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521"])
@pytest.mark.parametrize("scheme", Scheme)
def test_reads_what_it_writes(media_type: str, kind: str, scheme: Scheme) -> None:
    draft = Draft(
        payload=DRAFT.payload,
        signing_time=SIGNED_AT,
        scheme=scheme,
        expiry=EXPIRES_AT,
        extended={"com.example.note": ExtendedAttribute("kept", critical=False)},
        plugin=PluginDemand("acme", "1.2.3"),
        signing_agent="tool/1",
    )
    signer = local(Pki().code_chain(kind))
    raw = ENCODERS[media_type](draft, signer, countersign=lambda value: b"token of " + value)
    envelope = parse_envelope(media_type, raw)
    verify_signature(envelope)
    assert envelope.media_type == media_type
    assert envelope.algorithm is signer.algorithm
    assert envelope.payload == draft.payload
    assert envelope.scheme is scheme
    assert envelope.stated_time == SIGNED_AT
    assert envelope.expiry == EXPIRES_AT
    assert envelope.extended == draft.extended
    assert envelope.plugin == draft.plugin
    assert envelope.certificates == signer.chain
    assert envelope.signing_agent == "tool/1"
    assert envelope.timestamp_token == b"token of " + envelope.signature
    assert parse_payload(envelope).digest == TARGET.digest


@both
def test_writes_no_absent_attributes(media_type: str) -> None:
    envelope = parse_envelope(media_type, ENCODERS[media_type](DRAFT, local(LEAF)))
    assert (envelope.expiry, envelope.plugin, envelope.signing_agent, envelope.timestamp_token) == (None,) * 4
    assert envelope.extended == {}


@both
def test_times_are_written_to_the_second(media_type: str) -> None:
    """JWS-18, JWS-43."""
    moment = SIGNED_AT.replace(microsecond=999_999).astimezone(timezone(timedelta(hours=-7)))
    draft = replace(DRAFT, signing_time=moment, expiry=EXPIRES_AT.replace(microsecond=1))
    envelope = parse_envelope(media_type, ENCODERS[media_type](draft, local(LEAF)))
    assert envelope.signing_time == SIGNED_AT
    assert envelope.expiry == EXPIRES_AT


def test_a_moment_before_1970_is_written() -> None:
    """COSE-15."""
    moment = datetime(1969, 12, 31, 23, 59, 58, 500_000, tzinfo=UTC)
    envelope = parse_envelope(COSE, encode_cose(replace(DRAFT, signing_time=moment), local(LEAF)))
    assert envelope.signing_time == moment.replace(microsecond=0)


def test_a_written_jws_has_sorted_members_and_no_white_space() -> None:
    """JWS-43."""
    raw = encode_jws(DRAFT, local(LEAF))
    document = json.loads(raw)
    assert raw == json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    header = base64.urlsafe_b64decode(document["protected"] + "===")
    assert header == json.dumps(json.loads(header), sort_keys=True, separators=(",", ":")).encode()
    assert json.loads(header) == envelopes.jws_header(LEAF)


@pytest.mark.parametrize("kind", ["rsa2048", "rsa3072", "rsa4096", "p256", "p384", "p521"])
def test_jwcrypto_verifies_a_written_jws(kind: str) -> None:
    """A second engine on what is written here."""
    leaf = Pki().code_chain(kind)
    understood = jwcrypto_jws.JWSEHeaderParameter("notary", mustprotect=True, supported=True, check_fn=None)
    token = jwcrypto_jws.JWS(header_registry={envelopes.SCHEME: understood, envelopes.EXPIRY: understood})
    token.allowed_algs = [envelopes.algorithm_for(leaf.key)]
    token.deserialize(encode_jws(replace(DRAFT, expiry=EXPIRES_AT), local(leaf)).decode())
    token.verify(jwk.JWK.from_pem(leaf.pem))
    assert token.payload == DRAFT.payload


def test_a_written_cose_is_core_deterministic() -> None:
    """COSE-1, COSE-4."""
    raw = encode_cose(replace(DRAFT, expiry=EXPIRES_AT), local(LEAF))
    assert raw[:2] == b"\xd2\x84"
    items = cbor.load(raw[1:])
    assert cbor.encode(items) == raw[1:]
    header = cbor.load(items[0], times=True)
    assert cbor.encode(header) == items[0]
    # RFC 8949, 4.2.1: by encoded bytes; expiry (75) before signingTime (78 1a) before signingScheme (78 1c)
    assert list(header) == [1, 2, 3, "io.cncf.notary.expiry", envelopes.SIGNING_TIME, envelopes.SCHEME]


@pytest.mark.parametrize("later", [timedelta(0), timedelta(milliseconds=900), timedelta(days=-1)])
def test_an_expiry_that_is_not_later_is_refused(later: timedelta) -> None:
    """JWS-17: as it will be written, to the second."""
    with pytest.raises(UsageError, match="is not later than"):
        replace(DRAFT, expiry=SIGNED_AT + later)


@pytest.mark.parametrize(
    "label", ["alg", "crit", "cty", "b64", "x5c", "io.cncf.notary.expiry", "io.cncf.notary.signingAgent"]
)
def test_refuses_defined_names_as_extended_attributes(label: str) -> None:
    with pytest.raises(UsageError, match="defined by the format"):
        replace(DRAFT, extended={label: ExtendedAttribute("x", critical=False)})


def test_a_payload_holds_what_is_signed_and_nothing_else() -> None:
    """PAY-2, PAY-3."""
    target = Descriptor.from_json(
        {**TARGET.to_json(), "annotations": {"a": "b"}, "urls": ["http://x"], "artifactType": "x/y"}
    )
    raw = encode_payload(target, {"team": "blü"})
    assert json.loads(raw) == {"targetArtifact": {**TARGET.to_json(), "annotations": {"a": "b", "team": "blü"}}}
    assert "blü".encode() in raw


def test_a_payload_without_metadata_has_no_annotations() -> None:
    assert json.loads(encode_payload(TARGET)) == {"targetArtifact": TARGET.to_json()}


@pytest.mark.parametrize("reserved", ["io.cncf.notary", "io.cncf.notary.x", "io.cncf.notaryx"])
def test_reserved_metadata_is_refused(reserved: str) -> None:
    """PAY-5."""
    with pytest.raises(UsageError, match="may not begin with"):
        encode_payload(TARGET, {reserved: "x"})


def test_metadata_may_not_replace_an_annotation() -> None:
    """PAY-5."""
    with pytest.raises(UsageError, match="already"):
        encode_payload(replace(TARGET, annotations={"team": "red"}), {"team": "red"})
