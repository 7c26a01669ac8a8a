"""A key is the same key in a certificate that writes its point in another form (RFC 5480, 2.2).

A certificate with a compressed point was revoked for keyCompromise, and the signer's own certificate of that key, with
an uncompressed one, passed.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airgap.pki.certificate import Certificate
from tests.support import asn1
from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.ocsp import ocsp_response
from tests.support.pki import Issued, issue
from tests.support.scenario import Scene, Signature

ROOT = issue("root")
CA = issue("intermediate", issuer=ROOT)
LEAF = issue("leaf", issuer=CA)


def compressed(key: object) -> bytes:
    """SubjectPublicKeyInfo with a compressed point on P-256."""
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    point = key.public_key().public_bytes(Encoding.X962, PublicFormat.CompressedPoint)
    kind = asn1.sequence(asn1.oid("1.2.840.10045.2.1"), asn1.oid("1.2.840.10045.3.1.7"))
    return asn1.sequence(kind, asn1.bit_string(point))


def judged(folder: Path, signer: Issued, other: Issued, crls: dict[str, bytes], *, place: str = "trust") -> int:
    scene = Scene()
    scene.sign_with(signer)
    scene.crls = crls
    if place == "another signature":
        scene.signatures.append(Signature("jws", other))
    written = scene.write(folder)
    if place == "trust":
        (written.trust / "crls" / "other.pem").write_bytes(other.pem)
    return run_here(written.arguments()).code


@pytest.mark.parametrize("place", ["trust", "another signature"])
@pytest.mark.parametrize("signer_is", ["uncompressed", "compressed"])
def test_a_revoked_key_of_a_signer(tmp_path: Path, place: str, signer_is: str) -> None:
    twin = issue("leaf", issuer=CA, key=LEAF.key, public=compressed(LEAF.key), subject="C=US,ST=WA,O=Older,CN=older")
    signer, other = (LEAF, twin) if signer_is == "uncompressed" else (twin, LEAF)
    revoking = {"r.crl": crl(CA, revoked=[entry(other.serial, reason="keyCompromise")])}
    assert judged(tmp_path, signer, other, revoking, place=place) == 14


def test_a_revoked_key_of_a_ca(tmp_path: Path) -> None:
    twin = issue("intermediate", issuer=ROOT, key=CA.key, public=compressed(CA.key), subject="C=US,O=Older,CN=older")
    revoking = {"r.crl": crl(ROOT, revoked=[entry(twin.serial, reason="cACompromise")])}
    assert judged(tmp_path, LEAF, twin, revoking) == 14


def test_an_answer_names_its_ca_by_either_encoding() -> None:
    twin = issue("intermediate", issuer=ROOT, key=CA.key, public=compressed(CA.key), subject=CA.subject)
    ours, others = (Certificate.parse(item.der) for item in (CA, twin))
    assert ours.key_identity == others.key_identity
    assert ours.public_key_bits != others.public_key_bits
    assert set(ours.key_encodings) == set(others.key_encodings)


@pytest.mark.parametrize("form", [PublicFormat.CompressedPoint, PublicFormat.UncompressedPoint])
@pytest.mark.parametrize("by_key", [False, True])
def test_an_answer_with_the_key_hash_of_either_encoding_condemns(
    tmp_path: Path, form: PublicFormat, by_key: bool
) -> None:
    assert isinstance(CA.key, ec.EllipticCurvePrivateKey)
    point = CA.key.public_key().public_bytes(Encoding.X962, form)
    key_hash = hashlib.sha1(point, usedforsecurity=False).digest()
    named = asn1.explicit(2, asn1.octet_string(key_hash)) if by_key else None
    answer = ocsp_response(LEAF, status="revoked", reason="keyCompromise", key_hash=key_hash, responder_id=named)
    scene = Scene()
    scene.sign_with(LEAF)
    scene.ocsp = {"r.ors": answer}
    assert run_here(scene.write(tmp_path).arguments()).code == 14
