"""The one table of algorithms, and the only place that verifies a signature value.

There are two separate sets: the algorithms of envelopes, which the key decides (ALG-1, ALG-2), and the
AlgorithmIdentifiers in the signatures of certificates, CRLs, OCSP responses and timestamp tokens (CHAIN-15, TS-21).
Nothing else in the package compares the name of an algorithm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from airgap.errors import AirgapError, FormatError, Rejected
from airgap.parse import der
from airgap.text import safe


class UnusableKey(NamedTuple):
    """A key that cannot verify anything here: its certificate is read, and a chain that needs the key fails."""

    name: str
    """For messages: `GOST R 34.10-2012`, `EC with explicit parameters`."""


PublicKey = PublicKeyTypes | UnusableKey
"""Any public key that cryptography can load, or the name of another kind."""

CA_RSA_BITS: Final = 2048
"""The smallest RSA key of a CA (D17)."""

RSA_EXPONENT: Final = 2**31 - 1
"""The largest public exponent of an RSA key, as in Go's crypto/rsa, which the reference uses."""


KeyFamily = Literal["RSA", "EC"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithm:
    """One row of table ALG: the algorithm that a signing key requires in an envelope."""

    name: str
    """Its name for plugins: `RSASSA-PSS-SHA-256`."""
    jws: str
    """JWS `alg` (RFC 7518)."""
    cose: int
    """COSE `alg` (RFC 9053)."""
    hash_name: str
    """The name of the hash in hashlib."""
    family: KeyFamily
    key_bits: int
    """Exact length of the modulus, or of the curve's field (ALG-2, D11)."""

    @property
    def key_spec(self) -> str:
        """The name of the key for plugins: `RSA-2048`."""
        return f"{self.family}-{self.key_bits}"

    @property
    def hash(self) -> hashes.HashAlgorithm:
        """The hash as an object of cryptography."""
        return _HASHES[self.hash_name]

    @property
    def coordinate_bytes(self) -> int:
        """Width of r and of s in an ES* signature (JWS-41)."""
        return (self.key_bits + 7) // 8


_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}


# Notary signature-specification, "Algorithm Selection"
ALGORITHMS: Final = (
    Algorithm(name="RSASSA-PSS-SHA-256", jws="PS256", cose=-37, hash_name="sha256", family="RSA", key_bits=2048),
    Algorithm(name="RSASSA-PSS-SHA-384", jws="PS384", cose=-38, hash_name="sha384", family="RSA", key_bits=3072),
    Algorithm(name="RSASSA-PSS-SHA-512", jws="PS512", cose=-39, hash_name="sha512", family="RSA", key_bits=4096),
    Algorithm(name="ECDSA-SHA-256", jws="ES256", cose=-7, hash_name="sha256", family="EC", key_bits=256),
    Algorithm(name="ECDSA-SHA-384", jws="ES384", cose=-35, hash_name="sha384", family="EC", key_bits=384),
    Algorithm(name="ECDSA-SHA-512", jws="ES512", cose=-36, hash_name="sha512", family="EC", key_bits=521),
)
"""Table ALG; every other key is refused for signing (ALG-1)."""

_BY_JWS: Final = MappingProxyType({row.jws: row for row in ALGORITHMS})
_BY_COSE: Final = MappingProxyType({row.cose: row for row in ALGORITHMS})
_BY_KEY_SPEC: Final = MappingProxyType({row.key_spec: row for row in ALGORITHMS})
_CURVES: Final = MappingProxyType({"secp256r1": "EC-256", "secp384r1": "EC-384", "secp521r1": "EC-521"})


def by_jws(name: str) -> Algorithm | None:
    """The row with this JWS `alg`."""
    return _BY_JWS.get(name)


def by_cose(label: int) -> Algorithm | None:
    """The row with this COSE `alg`."""
    return _BY_COSE.get(label)


def for_key(public_key: PublicKey) -> Algorithm | None:
    """The row for this key, by its exact size (ALG-1, ALG-2); None if there is none."""
    return _BY_KEY_SPEC.get(key_name(public_key))


def key_name(public_key: PublicKey) -> str:
    """Kind and size of a key, for messages: `RSA-2048`, `EC-384`, `EC secp256k1`, `Ed25519`."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return f"RSA-{public_key.key_size}"
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        return _CURVES.get(public_key.curve.name, f"EC {public_key.curve.name}")
    if isinstance(public_key, UnusableKey):
        return public_key.name
    return type(public_key).__name__.removesuffix("PublicKey")


_UNKNOWN_KINDS: Final = MappingProxyType(
    {
        "1.2.643.2.2.19": "GOST R 34.10-2001",
        "1.2.643.7.1.1.1.1": "GOST R 34.10-2012 (256 bits)",
        "1.2.643.7.1.1.1.2": "GOST R 34.10-2012 (512 bits)",
        "1.2.840.113549.1.9.16.3.17": "HSS/LMS",
        "1.3.101.110": "X25519",
        "1.3.101.111": "X448",
        **{f"2.16.840.1.101.3.4.3.{17 + row}": f"ML-DSA-{name}" for row, name in enumerate((44, 65, 87))},
        **{f"2.16.840.1.101.3.4.3.{row}": "SLH-DSA" for row in range(20, 32)},
        **{f"2.16.840.1.101.3.4.4.{1 + row}": f"ML-KEM-{name}" for row, name in enumerate((512, 768, 1024))},
    }
)


def unknown_kind(dotted: str) -> str:
    """The name of an unknown kind of key, by its object identifier."""
    return _UNKNOWN_KINDS.get(dotted, f"of the kind {dotted}")


def is_contrived(public_key: PublicKeyTypes) -> bool:
    """Whether the key may have been made to fit the signature of another signer.

    A person who chooses both the modulus and a large exponent can find an RSA key under which a given signature is
    valid, and put a CA of their own above a genuine certificate.
    """
    return isinstance(public_key, rsa.RSAPublicKey) and public_key.public_numbers().e > RSA_EXPONENT


def signs_certificates(public_key: PublicKey) -> bool:
    """Whether keys of this kind make signatures that are accepted in certificates: RSA and ECDSA."""
    return isinstance(public_key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)


def strong_enough_for_ca(public_key: PublicKey) -> bool:
    """Whether a CA may have this key: RSA of 2048 bits or more, or a curve of table ALG (D17)."""
    if isinstance(public_key, rsa.RSAPublicKey):
        return public_key.key_size >= CA_RSA_BITS
    return isinstance(public_key, ec.EllipticCurvePublicKey) and public_key.curve.name in _CURVES


def verify(algorithm: Algorithm, public_key: PublicKey, signature: bytes, message: bytes) -> None:
    """Verify the signature value of an envelope over `message`.

    PS*: the salt is as long as the hash (JWS-42, D11). ES*: r and s side by side, each of exactly the field's width
    (JWS-41). Raises Rejected("envelope.signature").
    """
    if for_key(public_key) is not algorithm:
        raise Rejected(
            "envelope.signature",
            f"the signature cannot be {algorithm.name}: the signing key is {key_name(public_key)}, "
            f"not {algorithm.key_spec}",
            algorithm=algorithm.name,
            key=key_name(public_key),
        )
    if isinstance(public_key, ec.EllipticCurvePublicKey):
        signature = _from_raw(algorithm, signature)
    try:
        padded = _padding(_ENVELOPE_FAMILY[algorithm.family], algorithm.hash)
        _verify(padded, algorithm.hash, public_key, signature, message)
    except InvalidSignature:
        raise Rejected(
            "envelope.signature",
            f"the signature value does not verify as {algorithm.name} under the {key_name(public_key)} key of the "
            "signing certificate",
            algorithm=algorithm.name,
            key=key_name(public_key),
        ) from None


def _from_raw(algorithm: Algorithm, signature: bytes) -> bytes:
    width = algorithm.coordinate_bytes
    if len(signature) != 2 * width:
        raise Rejected(
            "envelope.signature",
            f"the {algorithm.jws} signature value has {len(signature)} bytes, not {2 * width}",
            algorithm=algorithm.name,
            bytes=len(signature),
        )
    return encode_dss_signature(int.from_bytes(signature[:width], "big"), int.from_bytes(signature[width:], "big"))


# Signatures of certificates, CRLs, OCSP responses and timestamp tokens

SchemeFamily = Literal["RSASSA-PKCS1-v1_5", "RSASSA-PSS", "ECDSA"]
_ENVELOPE_FAMILY: Final[dict[str, SchemeFamily]] = {"RSA": "RSASSA-PSS", "EC": "ECDSA"}


class SignatureScheme(NamedTuple):
    """The algorithms of a signature of an X.509 structure: one of the nine accepted ones (CHAIN-15, TS-21)."""

    family: SchemeFamily
    hash_name: str

    @property
    def name(self) -> str:
        """For messages: `ECDSA with SHA-384`."""
        return f"{self.family} with {self.hash_name.upper().replace('SHA', 'SHA-')}"


class UnverifiedError(AirgapError):
    """A signature does not verify. The caller turns this into its own error.

    `problem` completes a sentence about the signed thing: "its signature ...".
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem: str = problem


class UncheckedError(UnverifiedError):
    """The signature may be genuine: its algorithm, or the kind of the key, is not known here."""


_RSA_ENCRYPTION: Final = "1.2.840.113549.1.1"
_PSS_OID: Final = f"{_RSA_ENCRYPTION}.10"
_MGF1_OID: Final = f"{_RSA_ENCRYPTION}.8"
_HASH_OIDS: Final = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_PKCS1_OIDS: Final = {f"{_RSA_ENCRYPTION}.{11 + row}": name for row, name in enumerate(_HASHES)}
_ECDSA_OIDS: Final = {f"1.2.840.10045.4.3.{2 + row}": name for row, name in enumerate(_HASHES)}
_REFUSED: Final = MappingProxyType(
    {
        f"{_RSA_ENCRYPTION}.4": "MD5 with RSA",
        f"{_RSA_ENCRYPTION}.5": "SHA-1 with RSA",
        "1.3.14.3.2.29": "SHA-1 with RSA",
        f"{_RSA_ENCRYPTION}.14": "SHA-224 with RSA",
        _PSS_OID: "RSASSA-PSS with parameters other than one SHA-2 hash and a salt of its length",
        "1.2.840.10040.4.3": "SHA-1 with DSA",
        "2.16.840.1.101.3.4.3.2": "SHA-256 with DSA",
        "1.2.840.10045.4.1": "SHA-1 with ECDSA",
        "1.2.840.10045.4.3.1": "SHA-224 with ECDSA",
        "1.3.101.112": "Ed25519",
        "1.3.101.113": "Ed448",
    }
)


_SHA3: Final = (hashes.SHA3_224(), hashes.SHA3_256(), hashes.SHA3_384(), hashes.SHA3_512())
_SHA1_OID: Final = "1.3.14.3.2.26"
_NIST_SIGNATURES: Final = "2.16.840.1.101.3.4.3"
_EVER_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = MappingProxyType(
    {
        "1.2.840.113549.2.5": hashes.MD5(),  # noqa: S303 - these only ever condemn
        _SHA1_OID: hashes.SHA1(),  # noqa: S303
        "2.16.840.1.101.3.4.2.4": hashes.SHA224(),
        "2.16.840.1.101.3.4.2.5": hashes.SHA512_224(),
        "2.16.840.1.101.3.4.2.6": hashes.SHA512_256(),
        **{dotted: _HASHES[name] for name, dotted in _HASH_OIDS.items()},
        **{f"2.16.840.1.101.3.4.2.{7 + row}": algorithm for row, algorithm in enumerate(_SHA3)},
    }
)
_EVER_SIGNED: Final[Mapping[str, hashes.HashAlgorithm | None]] = MappingProxyType(
    {
        f"{_RSA_ENCRYPTION}.4": hashes.MD5(),  # noqa: S303
        f"{_RSA_ENCRYPTION}.5": hashes.SHA1(),  # noqa: S303
        "1.3.14.3.2.29": hashes.SHA1(),  # noqa: S303
        f"{_RSA_ENCRYPTION}.14": hashes.SHA224(),
        f"{_RSA_ENCRYPTION}.15": hashes.SHA512_224(),
        f"{_RSA_ENCRYPTION}.16": hashes.SHA512_256(),
        "1.2.840.10045.4.1": hashes.SHA1(),  # noqa: S303
        "1.2.840.10045.4.3.1": hashes.SHA224(),
        **{dotted: _HASHES[name] for dotted, name in (_PKCS1_OIDS | _ECDSA_OIDS).items()},
        **{f"{_NIST_SIGNATURES}.{9 + row}": algorithm for row, algorithm in enumerate(_SHA3 * 2)},
        "1.3.101.112": None,
        "1.3.101.113": None,
    }
)
"""The hash by the identifier of the algorithm: of RSA (PKCS #1, version 1.5), ECDSA and EdDSA, which has its own."""


def _accepted_identifiers() -> dict[bytes, SignatureScheme]:
    """Accepted AlgorithmIdentifiers as bytes: issuers differ in NULL or absent parameters (RFC 4055, 5; RFC 5758, 3.2).

    PSS (RFC 4055, 3.1) is accepted only with one hash for message and mask and a salt of its length, as in the
    reference; other parameters are weaker.
    """
    accepted: dict[bytes, SignatureScheme] = {}
    for parameters in (der.null(), b""):
        for dotted, name in _PKCS1_OIDS.items():
            accepted[der.sequence(der.oid(dotted), parameters)] = SignatureScheme("RSASSA-PKCS1-v1_5", name)
        for dotted, name in _ECDSA_OIDS.items():
            accepted[der.sequence(der.oid(dotted), parameters)] = SignatureScheme("ECDSA", name)
        for inner in (der.null(), b""):
            for name, dotted in _HASH_OIDS.items():
                mask = der.sequence(der.oid(_MGF1_OID), der.sequence(der.oid(dotted), inner))
                pss = der.sequence(
                    der.tlv(der.context(0), der.sequence(der.oid(dotted), parameters)),
                    der.tlv(der.context(1), mask),
                    der.tlv(der.context(2), der.integer(_HASHES[name].digest_size)),
                )
                accepted[der.sequence(der.oid(_PSS_OID), pss)] = SignatureScheme("RSASSA-PSS", name)
    return accepted


_IDENTIFIERS: Final = MappingProxyType(_accepted_identifiers())


def signature_scheme(identifier: bytes) -> SignatureScheme | None:
    """The scheme that this DER AlgorithmIdentifier names; None if it is not accepted, as SHA-1."""
    return _IDENTIFIERS.get(identifier)


def signature_text(identifier: bytes) -> str:
    """The name of this DER AlgorithmIdentifier for messages: `SHA-1 with RSA`."""
    if scheme := _IDENTIFIERS.get(identifier):
        return scheme.name
    dotted = _identifier_oid(identifier)
    return _REFUSED.get(dotted, f"the algorithm {safe(dotted, limit=64)}")


def _identifier_oid(identifier: bytes) -> str:
    try:
        return der.read(identifier).fields("algorithm").any("algorithm").oid()
    except FormatError:
        return "(malformed)"


def verify_scheme(scheme: SignatureScheme, public_key: PublicKey, signature: bytes, message: bytes) -> None:
    """Verify the signature of an X.509 structure over its raw bytes. Raises UnverifiedError."""
    if isinstance(public_key, UnusableKey):
        raise UncheckedError(f"cannot be checked: the key is {public_key.name}, which is of no kind that is known here")
    try:
        algorithm = _HASHES[scheme.hash_name]
        _verify(_padding(scheme.family, algorithm), algorithm, public_key, signature, message)
    except InvalidSignature:
        raise UnverifiedError(f"does not verify as {scheme.name} under the {key_name(public_key)} key") from None


def verify_identified(identifier: bytes, public_key: PublicKey, signature: bytes, message: bytes) -> None:
    """Like `verify_scheme`, with the scheme that a DER AlgorithmIdentifier names. Raises UnverifiedError."""
    scheme = signature_scheme(identifier)
    if scheme is None:
        raise UnverifiedError(f"is made with {signature_text(identifier)}, which is not accepted")
    verify_scheme(scheme, public_key, signature, message)


def verify_ever_accepted(identifier: bytes, public_key: PublicKey, signature: bytes, message: bytes) -> None:
    """Like `verify_identified`, with any hash and any parameters: for evidence that may condemn (decision 0009).

    A forged signature could only make a certificate look worse than it is. Raises UnverifiedError, UncheckedError.
    """
    if scheme := signature_scheme(identifier):
        verify_scheme(scheme, public_key, signature, message)
        return
    hashed = _ever_hashed(identifier)
    if hashed is None or isinstance(public_key, UnusableKey):
        raise UncheckedError(f"is made with {signature_text(identifier)}, which is not known here")
    algorithm, mask = hashed
    salted = padding.PSS(padding.MGF1(mask), padding.PSS.AUTO) if mask else None
    plain = padding.PKCS1v15() if isinstance(public_key, rsa.RSAPublicKey) else None
    try:
        _verify(salted or plain, algorithm, public_key, signature, message)
    except InvalidSignature:
        raise UnverifiedError(f"does not verify under the {key_name(public_key)} key") from None


def _ever_hashed(identifier: bytes) -> tuple[hashes.HashAlgorithm | None, hashes.HashAlgorithm | None] | None:
    """The hash of an algorithm, and that of the mask of PSS; None where the algorithm is not known."""
    dotted = _identifier_oid(identifier)
    if dotted in _EVER_SIGNED:
        return _EVER_SIGNED[dotted], None
    try:
        return _pss_hashes(identifier) if dotted == _PSS_OID else None
    except (FormatError, KeyError):
        return None


def _pss_hashes(identifier: bytes) -> tuple[hashes.HashAlgorithm, hashes.HashAlgorithm]:
    """RFC 4055, 3.1: SHA-1 where nothing is stated. Raises FormatError; KeyError for a hash that is not known."""
    outer = der.read(identifier).fields("algorithm")
    outer.any("algorithm")
    parameters = outer.any("parameters").fields("parameters")
    hashed, mask = parameters.maybe(der.context(0)), parameters.maybe(der.context(1))
    inner = mask.only("maskGenAlgorithm").fields("maskGenAlgorithm") if mask else None
    if inner and inner.any("algorithm").oid() != _MGF1_OID:
        raise FormatError("is not MGF1", where="maskGenAlgorithm")
    stated = (hashed.only("hashAlgorithm") if hashed else None, inner.any("hashAlgorithm") if inner else None)
    found = [item.fields("hash").any("algorithm").oid() if item else _SHA1_OID for item in stated]
    return _EVER_HASHES[found[0]], _EVER_HASHES[found[1]]


def _padding(family: SchemeFamily, algorithm: hashes.HashAlgorithm) -> padding.AsymmetricPadding | None:
    """That of RSA; the salt of PSS is as long as the hash."""
    if family == "RSASSA-PSS":
        return padding.PSS(mgf=padding.MGF1(algorithm), salt_length=algorithm.digest_size)
    return padding.PKCS1v15() if family == "RSASSA-PKCS1-v1_5" else None


def _verify(
    padded: padding.AsymmetricPadding | None,
    algorithm: hashes.HashAlgorithm | None,
    public_key: PublicKey,
    signature: bytes,
    message: bytes,
) -> None:
    """RSA with a padding, ECDSA without, EdDSA without a hash; a key of another kind never verifies."""
    try:
        if isinstance(public_key, rsa.RSAPublicKey) and padded and algorithm:
            public_key.verify(signature, message, padded, algorithm)
        elif isinstance(public_key, ec.EllipticCurvePublicKey) and not padded and algorithm:
            public_key.verify(signature, message, ec.ECDSA(algorithm))
        elif isinstance(public_key, ed25519.Ed25519PublicKey | ed448.Ed448PublicKey) and not padded and not algorithm:
            public_key.verify(signature, message)
        else:
            raise InvalidSignature
    except (ValueError, UnsupportedAlgorithm):
        # the key is too small for the padding, or OpenSSL lacks the curve
        raise InvalidSignature from None
