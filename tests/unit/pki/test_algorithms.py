from __future__ import annotations

import pytest
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from airgap.errors import Rejected
from airgap.pki import algorithms
from airgap.pki.algorithms import Algorithm, SignatureScheme, UnverifiedError
from tests.support import asn1
from tests.support.keyring import key
from tests.support.pki import algorithm_identifier, raw_signature

MESSAGE = b"what was signed"
TABLE = (
    ("rsa2048", "PS256", -37, "sha256", "RSA-2048", "RSASSA-PSS-SHA-256"),
    ("rsa3072", "PS384", -38, "sha384", "RSA-3072", "RSASSA-PSS-SHA-384"),
    ("rsa4096", "PS512", -39, "sha512", "RSA-4096", "RSASSA-PSS-SHA-512"),
    ("p256", "ES256", -7, "sha256", "EC-256", "ECDSA-SHA-256"),
    ("p384", "ES384", -35, "sha384", "EC-384", "ECDSA-SHA-384"),
    ("p521", "ES512", -36, "sha512", "EC-521", "ECDSA-SHA-512"),
)
HASHES = {"sha256": hashes.SHA256(), "sha384": hashes.SHA384(), "sha512": hashes.SHA512()}


def demanded(kind: str) -> Algorithm:
    row = algorithms.for_key(key(kind).public_key())
    assert row is not None
    return row


def sign(kind: str, hash_name: str, *, salt: int | None = None) -> bytes:
    """A signature value as an envelope carries it."""
    private, algorithm = key(kind), HASHES[hash_name]
    if isinstance(private, rsa.RSAPrivateKey):
        length = algorithm.digest_size if salt is None else salt
        return private.sign(MESSAGE, padding.PSS(padding.MGF1(algorithm), length), algorithm)
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    width = (private.key_size + 7) // 8
    r, s = decode_dss_signature(private.sign(MESSAGE, ec.ECDSA(algorithm)))
    return r.to_bytes(width, "big") + s.to_bytes(width, "big")


def refused(algorithm: Algorithm, kind: str, signature: bytes, message: bytes = MESSAGE) -> str:
    with pytest.raises(Rejected) as caught:
        algorithms.verify(algorithm, key(kind).public_key(), signature, message)
    assert caught.value.reason == "envelope.signature"
    return str(caught.value)


@pytest.mark.parametrize("expected", TABLE, ids=lambda expected: expected[0])
def test_the_key_alone_decides_the_algorithm(expected: tuple[str, str, int, str, str, str]) -> None:
    """Table ALG, all columns."""
    kind, jws, cose, hash_name, *_ = expected
    row = demanded(kind)
    assert (kind, row.jws, row.cose, row.hash_name, row.key_spec, row.name) == expected
    assert algorithms.by_jws(jws) is row
    assert algorithms.by_cose(cose) is row
    assert row.hash.name == hash_name


def test_the_table_has_no_other_rows() -> None:
    assert len(algorithms.ALGORITHMS) == len(TABLE)


@pytest.mark.parametrize("name", ["RS256", "ps256", "PS256 ", "none", "EdDSA", "HS256", ""])
def test_other_jws_names_are_unknown(name: str) -> None:
    assert algorithms.by_jws(name) is None


@pytest.mark.parametrize("label", [-257, -8, 0, 5, 37])
def test_other_cose_labels_are_unknown(label: int) -> None:
    assert algorithms.by_cose(label) is None


@pytest.mark.parametrize("kind", ["rsa1024", "rsa2047", "rsa3584", "p224", "secp256k1", "ed25519", "dsa2048"])
def test_every_other_key_has_no_algorithm(kind: str) -> None:
    """ALG-1; ALG-2: the modulus of 2047 bits is not one of 2048 (NEG-66, NEG-67)."""
    assert algorithms.for_key(key(kind).public_key()) is None


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("rsa2047", "RSA-2047"),
        ("p384", "EC-384"),
        ("secp256k1", "EC secp256k1"),
        ("ed25519", "Ed25519"),
        ("dsa2048", "DSA"),
    ],
)
def test_describes_keys(kind: str, name: str) -> None:
    assert algorithms.key_name(key(kind).public_key()) == name


@pytest.mark.parametrize("kind", [row[0] for row in TABLE])
def test_a_right_signature_verifies(kind: str) -> None:
    row = demanded(kind)
    algorithms.verify(row, key(kind).public_key(), sign(kind, row.hash_name), MESSAGE)


@pytest.mark.parametrize("kind", [row[0] for row in TABLE])
def test_another_message_does_not_verify(kind: str) -> None:
    row = demanded(kind)
    assert "does not verify" in refused(row, kind, sign(kind, row.hash_name), MESSAGE + b".")


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
def test_a_flipped_bit_does_not_verify(kind: str) -> None:
    row = demanded(kind)
    signature = bytearray(sign(kind, row.hash_name))
    signature[7] ^= 1
    refused(row, kind, bytes(signature))


@pytest.mark.parametrize("kind", ["rsa2048", "p256"])
@pytest.mark.parametrize("signature", [b"", b"\x00", b"\x00" * 64, b"\xff" * 64, b"\xff" * 256], ids=len)
def test_malformed_signatures_are_refused(kind: str, signature: bytes) -> None:
    refused(demanded(kind), kind, signature)


def test_another_algorithm_than_the_keys_is_refused_even_if_the_value_verifies() -> None:
    """JWS-40: RSA-3072 with PS256 is refused, although it is a good PSS signature."""
    row = algorithms.by_jws("PS256")
    assert row is not None
    assert "RSA-3072" in refused(row, "rsa3072", sign("rsa3072", "sha256"))


@pytest.mark.parametrize("salt", [0, 20, 222])
def test_the_salt_is_as_long_as_the_hash(salt: int) -> None:
    """JWS-42, D11, NEG-42."""
    refused(demanded("rsa2048"), "rsa2048", sign("rsa2048", "sha256", salt=salt))


def test_pkcs1_is_no_envelope_signature() -> None:
    refused(demanded("rsa2048"), "rsa2048", raw_signature(key("rsa2048"), MESSAGE))


def test_an_ecdsa_signature_in_der_is_refused() -> None:
    """JWS-41."""
    assert "not 64" in refused(demanded("p256"), "p256", raw_signature(key("p256"), MESSAGE))


def test_p521_coordinates_have_66_octets() -> None:
    """JWS-41: 132 bytes, although 521 bits are 65 octets and a bit."""
    assert demanded("p521").coordinate_bytes == 66
    signature = sign("p521", "sha512")
    assert "131 bytes, not 132" in refused(demanded("p521"), "p521", signature[1:])


# Signatures of X.509 structures


@pytest.mark.parametrize("hash_name", HASHES)
@pytest.mark.parametrize(
    ("kind", "pss", "family"),
    [("rsa2048", False, "RSASSA-PKCS1-v1_5"), ("rsa2048", True, "RSASSA-PSS"), ("p256", False, "ECDSA")],
)
def test_nine_schemes_are_accepted(kind: str, pss: bool, family: str, hash_name: str) -> None:
    """TS-21, CHAIN-15."""
    identifier = algorithm_identifier(key(kind), hash_name, pss=pss)
    scheme = algorithms.signature_scheme(identifier)
    assert scheme is not None
    assert (scheme.family, scheme.hash_name) == (family, hash_name)
    assert algorithms.signature_text(identifier) == f"{family} with SHA-{hash_name[3:]}"
    signature = raw_signature(key(kind), MESSAGE, hash_name, pss=pss)
    algorithms.verify_identified(identifier, key(kind).public_key(), signature, MESSAGE)
    with pytest.raises(UnverifiedError, match="does not verify"):
        algorithms.verify_identified(identifier, key(kind).public_key(), signature, b"another message")


@pytest.mark.parametrize(
    ("oid", "text"),
    [
        ("1.2.840.113549.1.1.4", "MD5 with RSA"),
        ("1.2.840.113549.1.1.5", "SHA-1 with RSA"),
        ("1.2.840.113549.1.1.14", "SHA-224 with RSA"),
        ("1.2.840.10045.4.1", "SHA-1 with ECDSA"),
        ("1.3.101.112", "Ed25519"),
        ("1.2.3.4", "1.2.3.4"),
    ],
)
def test_other_schemes_are_named_and_refused(oid: str, text: str) -> None:
    """CHAIN-15."""
    identifier = asn1.sequence(asn1.oid(oid), asn1.null())
    assert algorithms.signature_scheme(identifier) is None
    with pytest.raises(UnverifiedError, match=f"{text}, which is not accepted"):
        algorithms.verify_identified(identifier, key("rsa2048").public_key(), b"", MESSAGE)


def pss_identifier(hashed: str, masked: str, salt: int) -> bytes:
    oids = {"sha1": "1.3.14.3.2.26", "sha256": "2.16.840.1.101.3.4.2.1", "sha384": "2.16.840.1.101.3.4.2.2"}
    inner, mask = (asn1.sequence(asn1.oid(oids[name]), asn1.null()) for name in (hashed, masked))
    parameters = asn1.sequence(
        asn1.explicit(0, inner),
        asn1.explicit(1, asn1.sequence(asn1.oid("1.2.840.113549.1.1.8"), mask)),
        asn1.explicit(2, asn1.integer(salt)),
    )
    return asn1.sequence(asn1.oid("1.2.840.113549.1.1.10"), parameters)


def test_pss_parameters_are_one_hash_and_its_salt() -> None:
    accepted = algorithms.signature_scheme(pss_identifier("sha256", "sha256", 32))
    assert accepted == SignatureScheme("RSASSA-PSS", "sha256")


@pytest.mark.parametrize(
    "identifier",
    [
        pss_identifier("sha256", "sha384", 32),
        pss_identifier("sha256", "sha256", 20),
        pss_identifier("sha1", "sha1", 20),
        asn1.sequence(asn1.oid("1.2.840.113549.1.1.10"), asn1.sequence()),
        asn1.sequence(asn1.oid("1.2.840.113549.1.1.10")),
    ],
    ids=["two hashes", "short salt", "SHA-1", "defaults, which are SHA-1", "no parameters"],
)
def test_other_pss_parameters_are_refused(identifier: bytes) -> None:
    assert algorithms.signature_scheme(identifier) is None


@pytest.mark.parametrize("identifier", [b"", b"\x30\x00", b"\x30\x02\x06\x00", b"rubbish"])
def test_a_malformed_identifier_is_refused(identifier: bytes) -> None:
    assert algorithms.signature_scheme(identifier) is None
    assert "malformed" in algorithms.signature_text(identifier)


@pytest.mark.parametrize(("signer", "kind"), [("rsa2048", "p256"), ("p256", "rsa2048"), ("rsa2048", "ed25519")])
def test_a_key_of_another_kind_does_not_verify(signer: str, kind: str) -> None:
    signature = raw_signature(key(signer), MESSAGE)
    with pytest.raises(UnverifiedError, match="does not verify"):
        algorithms.verify_identified(algorithm_identifier(key(signer)), key(kind).public_key(), signature, MESSAGE)


def test_a_key_too_small_for_the_padding_does_not_verify() -> None:
    """RSA-1024 has no room for SHA-512 and its salt."""
    with pytest.raises(UnverifiedError, match="does not verify"):
        algorithms.verify_scheme(
            SignatureScheme("RSASSA-PSS", "sha512"), key("rsa1024").public_key(), b"\0" * 128, MESSAGE
        )


def test_a_curve_that_the_library_lacks_does_not_verify(monkeypatch: pytest.MonkeyPatch) -> None:
    def lacking(_: object) -> None:
        raise UnsupportedAlgorithm("no such curve in this build")

    monkeypatch.setattr(ec, "ECDSA", lacking)
    with pytest.raises(UnverifiedError, match="does not verify"):
        algorithms.verify_scheme(SignatureScheme("ECDSA", "sha256"), key("p256").public_key(), b"", MESSAGE)


@pytest.mark.parametrize(
    ("kind", "enough"),
    [
        ("rsa1024", False),
        ("rsa2047", False),
        ("rsa2048", True),
        ("rsa3584", True),
        ("p224", False),
        ("secp256k1", False),
        ("p256", True),
        ("p521", True),
        ("ed25519", False),
        ("dsa2048", False),
    ],
)
def test_what_a_ca_may_have_as_key(kind: str, enough: bool) -> None:
    """D17: also CA keys have a least size."""
    assert algorithms.strong_enough_for_ca(key(kind).public_key()) is enough


@pytest.mark.parametrize("oid", ["1.2.840.10045.4.3.2", "1.2.840.113549.1.1.11"], ids=["ECDSA", "PKCS #1 v1.5"])
def test_an_identifier_names_the_padding_that_verifies(oid: str) -> None:
    """A signature of an RSA key with PSS is none under the identifier of another scheme."""
    private = key("rsa3072", 0)
    assert isinstance(private, rsa.RSAPrivateKey)
    padded = padding.PSS(padding.MGF1(hashes.SHA256()), 32)
    signature = private.sign(b"message", padded, hashes.SHA256())
    tail = [asn1.null()] if oid.endswith(".11") else []
    with pytest.raises(UnverifiedError):
        algorithms.verify_identified(asn1.sequence(asn1.oid(oid), *tail), private.public_key(), signature, b"message")
