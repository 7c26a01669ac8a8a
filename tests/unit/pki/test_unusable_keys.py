"""Keys of kinds that are not known here, and curves that a certificate writes out itself (RFC 5480, 2.1.1)."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from airgap.errors import FormatError, Rejected
from airgap.pki.certificate import Certificate, Offered, verify_issued
from airgap.pki.certificate_files import load_certificates
from airgap.pki.chain import Anchors, check_code_signing_chain, check_timestamping_chain
from airgap.pki.ocsp import OcspResponse
from airgap.pki.timestamp_token import TimestampToken
from tests.support import asn1
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, explicit_info, foreign_info, issue
from tests.support.tsa import token

SM2, GOST_CURVE = "1.2.156.10197.1.301", asn1.sequence(asn1.oid("1.2.643.2.2.35.1"))
EC_KEY = "1.2.840.10045.2.1"
P256 = key("p256")
assert isinstance(P256, ec.EllipticCurvePrivateKey)


def rsa_info(exponent: int) -> bytes:
    """A subjectPublicKeyInfo of an RSA key with this public exponent."""
    public = key("rsa2048").public_key()
    assert isinstance(public, rsa.RSAPublicKey)
    numbers = rsa.RSAPublicNumbers(exponent, public.public_numbers().n)
    return numbers.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


KINDS = [
    pytest.param(foreign_info("1.2.643.7.1.1.1.1", GOST_CURVE), "GOST R 34.10-2012", id="gost"),
    pytest.param(foreign_info("1.2.643.2.2.19", GOST_CURVE), "GOST R 34.10-2001", id="gost-2001"),
    pytest.param(foreign_info("2.16.840.1.101.3.4.3.20"), "SLH-DSA", id="slh-dsa"),
    pytest.param(foreign_info("2.16.840.1.101.3.4.4.2"), "ML-KEM-768", id="ml-kem"),
    pytest.param(foreign_info("2.16.840.1.101.3.4.3.18"), "ML-DSA-65", id="ml-dsa-broken"),
    pytest.param(foreign_info("1.3.6.1.4.1.55555.7"), "of the kind 1.3.6.1.4.1.55555.7", id="nobodys"),
    pytest.param(foreign_info(EC_KEY, asn1.oid(SM2)), "EC", id="sm2"),
    pytest.param(foreign_info(EC_KEY, asn1.oid("1.3.132.0.6")), "EC", id="secp112r1"),
    pytest.param(explicit_info(P256), "EC with explicit parameters", id="explicit-p256"),
    pytest.param(foreign_info(EC_KEY), "EC without a named curve", id="no-curve"),
    pytest.param(foreign_info(EC_KEY, asn1.null()), "EC without a named curve", id="implicit-curve"),
    pytest.param(rsa_info(2**31 + 1), "RSA with an exponent above 2147483647", id="rsa-exponent"),
    pytest.param(rsa_info(2**1024 + 1), "RSA with an exponent above 2147483647", id="rsa-huge-exponent"),
]  # fmt: skip


@pytest.mark.parametrize(("public", "name"), KINDS)
def test_reads_a_certificate_with_an_unusable_key_and_verifies_nothing_with_it(public: bytes, name: str) -> None:
    root = issue("root", public=public)
    leaf = issue("leaf", issuer=root)
    parsed = Certificate.parse(root.der)
    assert parsed.key_name.startswith(name)
    assert parsed.unusable_key
    assert parsed.algorithm is None
    assert not parsed.self_signed
    assert parsed.is_ca
    with pytest.raises(Rejected, match=r"its signature cannot be checked: the key is .*, which is of no kind"):
        verify_issued(Certificate.parse(leaf.der), parsed)


@pytest.mark.parametrize(("public", "name"), KINDS)
def test_refuses_a_chain_with_an_unusable_key(public: bytes, name: str) -> None:
    root, good = issue("root", public=public), issue("root")
    below = issue("leaf", issuer=root)
    leaf = issue("leaf", issuer=good, public=public)
    stamper = issue("tsa", issuer=good, public=public)
    for check, chain in (
        (check_code_signing_chain, (below, root)),
        (check_code_signing_chain, (leaf, good)),
        (check_timestamping_chain, (stamper, good)),
        (check_code_signing_chain, (issue("leaf", issuer=issue("intermediate", issuer=good, public=public)), good)),
    ):
        with pytest.raises(Rejected) as caught:
            check(_offered(*chain))
        assert name in str(caught.value) or "was issued by" in str(caught.value)


@pytest.mark.parametrize(("public", "name"), KINDS)
def test_an_anchor_with_an_unusable_key_matches_nothing(public: bytes, name: str) -> None:
    root, good = (Certificate.parse(item.der) for item in (issue("root", public=public), issue("root")))
    anchors = Anchors.of({"ca:harbour": (root, good)})
    assert list(anchors) == [good]
    assert root not in anchors
    assert anchors.named(root.subject) == ((good,) if good.subject == root.subject else ())
    assert name


@pytest.mark.parametrize(("public", "name"), KINDS)
def test_accepts_tokens_and_responses_with_such_a_certificate_beside(public: bytes, name: str) -> None:
    root = issue("root")
    stranger = issue("intermediate", issuer=root, public=public, subject="C=RU,O=Stranger")
    tsa, leaf = issue("tsa", issuer=root), issue("leaf", issuer=root)
    parsed = TimestampToken.parse(token(tsa, b"signature", embed=(tsa, stranger)))
    anchors = Anchors.of({"tsa:harbour": (Certificate.parse(root.der),)})
    assert parsed.verify(b"signature", anchors)[0].chain[0].der == tsa.der
    delegate = issue("ocsp", issuer=root)
    answer = OcspResponse.parse(ocsp_response(leaf, responder=delegate, embed=(stranger, delegate)))
    assert answer.verify_signed_for(Certificate.parse(root.der), at=AT).certificate.der == delegate.der
    assert name


def test_an_rsa_key_has_an_exponent_of_31_bits_at_most() -> None:
    parsed = Certificate.parse(issue("leaf", issuer=issue("root"), public=rsa_info(2**31 - 1)).der)
    assert not parsed.unusable_key
    assert parsed.algorithm is not None


def test_a_broken_key_of_a_known_kind_is_no_certificate() -> None:
    for dotted, parameters in (("1.2.840.113549.1.1.1", (asn1.null(),)), (EC_KEY, (asn1.oid("1.2.840.10045.3.1.7"),))):
        with pytest.raises(FormatError, match="holds no valid key"):
            Certificate.parse(issue("root", public=foreign_info(dotted, *parameters)).der)


def test_reads_a_store_file_with_such_a_certificate_whole() -> None:
    odd, good = issue("root", public=foreign_info("1.2.643.7.1.1.1.1")), issue("root")
    assert [item.der for item in load_certificates(odd.pem + good.pem)] == [odd.der, good.der]


def _offered(*chain: Issued) -> Offered:
    return Offered(tuple(Certificate.parse(item.der) for item in chain))
