"""Certificates, valid by default, one deviation per keyword.

    root = issue("root")
    leaf = issue("leaf", issuer=root, key_usage=None)          # a leaf without key usage
    Pki().code_chain(kind="rsa3072", leaf={"not_after": EARLY})

Everything is assembled as DER by hand, so that anything can be wrong. `Issued.der` is the certificate; `chain` runs
from it to its root. Profiles: "root", "intermediate", "leaf" (code signing), "tsa", "ocsp" (delegated responder).
"""

from __future__ import annotations

import functools
import hashlib
import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, padding, rsa

from tests.support import asn1, extensions, names
from tests.support.extensions import BasicConstraints, ExtendedKeyUsage, Extension, KeyUsage, Point
from tests.support.keyring import POOL_SIZES, PrivateKey, key
from tests.support.trust import write_trust

__all__ = ["AT", "Issued", "Pki", "issue", "sign_der", "write_trust"]

START: Final = datetime(2020, 1, 1, tzinfo=UTC)
"""notBefore by default."""
AT: Final = datetime(2026, 6, 1, 12, tzinfo=UTC)
"""The moment that tests judge for unless they say otherwise."""
END: Final = datetime(2076, 1, 1, tzinfo=UTC)
"""notAfter by default: tests that use the machine's clock hold for decades."""

_HASHES: Final[Mapping[str, hashes.HashAlgorithm]] = {
    "md5": hashes.MD5(),  # noqa: S303 - what some tests are about
    "sha1": hashes.SHA1(),  # noqa: S303
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_RSA_OIDS: Final = {
    "md5": "1.2.840.113549.1.1.4",
    "sha1": "1.2.840.113549.1.1.5",
    "sha256": "1.2.840.113549.1.1.11",
    "sha384": "1.2.840.113549.1.1.12",
    "sha512": "1.2.840.113549.1.1.13",
}
_ECDSA_OIDS: Final = {
    "sha1": "1.2.840.10045.4.1",
    "sha256": "1.2.840.10045.4.3.2",
    "sha384": "1.2.840.10045.4.3.3",
    "sha512": "1.2.840.10045.4.3.4",
}
_DIGEST_OIDS: Final = {
    "sha256": "2.16.840.1.101.3.4.2.1",
    "sha384": "2.16.840.1.101.3.4.2.2",
    "sha512": "2.16.840.1.101.3.4.2.3",
}
_SERIALS: Final = itertools.count(0x1000)
_CA_USAGE: Final = KeyUsage(("keyCertSign", "cRLSign"))
_PROFILES: Final[Mapping[str, Mapping[str, Any]]] = {
    "root": {"key": "p256", "basic_constraints": BasicConstraints(), "key_usage": _CA_USAGE},
    "intermediate": {"key": "p256", "basic_constraints": BasicConstraints(), "key_usage": _CA_USAGE},
    "leaf": {
        "key": "p256",
        "basic_constraints": BasicConstraints(ca=False),
        "key_usage": KeyUsage(("digitalSignature",)),
        "extended_key_usage": ExtendedKeyUsage((extensions.CODE_SIGNING,)),
    },
    "tsa": {
        "key": "p256",
        "key_usage": KeyUsage(("digitalSignature",)),
        "extended_key_usage": ExtendedKeyUsage((extensions.TIME_STAMPING,), critical=True),
    },
    "ocsp": {
        "key": "p256",
        "key_usage": KeyUsage(("digitalSignature",)),
        "extended_key_usage": ExtendedKeyUsage((extensions.OCSP_SIGNING,)),
        "extensions": (Extension(extensions.OCSP_NOCHECK, asn1.null()),),
    },
}


@dataclass(frozen=True, slots=True)
class Issued:
    """A certificate with its private key and its issuer (None where it is self-signed)."""

    der: bytes
    key: PrivateKey = field(repr=False)
    subject: bytes = field(repr=False)
    serial: int
    issuer: Issued | None = field(default=None, repr=False)

    @property
    def chain(self) -> tuple[Issued, ...]:
        """This certificate first, its root last."""
        return (self,) if self.issuer is None else (self, *self.issuer.chain)

    @property
    def root(self) -> Issued:
        return self.chain[-1]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the DER, lower-case hex."""
        return hashlib.sha256(self.der).hexdigest()

    @property
    def pem(self) -> bytes:
        return self.x509.public_bytes(serialization.Encoding.PEM)

    @property
    def x509(self) -> x509.Certificate:
        """As cryptography sees it."""
        return x509.load_der_x509_certificate(self.der)


def issue(
    profile: str,
    *,
    issuer: Issued | None = None,
    key: str | PrivateKey | None = None,
    slot: int | None = None,
    subject: bytes | str | None = None,
    issuer_name: bytes | None = None,
    signed_by: PrivateKey | None = None,
    serial: int | None = None,
    not_before: datetime = START,
    not_after: datetime = END,
    hash_name: str = "sha256",
    pss: bool = False,
    version: int = 3,
    outer_hash_name: str | None = None,
    ocsp_urls: Iterable[str] = (),
    crl_urls: Iterable[str] = (),
    points: Iterable[Point] = (),
    freshest: Iterable[Point] = (),
    extra: Iterable[Extension] = (),
    public: bytes | None = None,
    **changes: Any,
) -> Issued:
    """A certificate of `profile`, self-signed if `issuer` is None.

    `key`: a kind ("rsa2048", "p384", "ed25519", ...) with `slot`, or a private key. `subject`: raw Name, or
    "C=US,O=...". `issuer_name`: another issuer Name than the issuer's subject. `signed_by`: sign with another key than
    the issuer's. `outer_hash_name`: makes inner and outer AlgorithmIdentifier differ. `crl_urls`: one point per URL;
    `points`: any.
    `public`: another subjectPublicKeyInfo. `changes`: basic_constraints, key_usage, extended_key_usage (None leaves
    the extension out).
    """
    wanted = {**_PROFILES[profile], **changes}
    kind = wanted.pop("key") if key is None else key
    if isinstance(kind, str):
        wanted.pop("key", None)
        private = _key(profile, kind, slot)
    else:
        wanted.pop("key", None)
        private = kind
    own_name = _subject(profile, subject, issuer)
    signer = signed_by or (issuer.key if issuer else private)
    number = next(_SERIALS) if serial is None else serial
    every_point = [*(Point((url,)) for url in crl_urls), *points]
    listed = [*_usages(wanted), *_identifiers(private, issuer.key if issuer else private)]
    if urls := tuple(ocsp_urls):
        listed.append(extensions.ocsp_access(urls))
    if every_point:
        listed.append(extensions.points(extensions.DISTRIBUTION_POINTS, every_point))
    if freshest_points := tuple(freshest):
        listed.append(extensions.points(extensions.FRESHEST_CRL, freshest_points))
    listed += [*wanted.pop("extensions", ()), *extra]
    if wanted:
        raise TypeError(f"unknown deviation: {', '.join(wanted)}")
    body = asn1.sequence(
        *([asn1.explicit(0, asn1.integer(version - 1))] if version > 1 else []),
        asn1.integer(number),
        algorithm_identifier(signer, hash_name, pss=pss),
        issuer_name or (issuer.subject if issuer else own_name),
        asn1.sequence(asn1.time(not_before), asn1.time(not_after)),
        own_name,
        public or public_info(private),
        *([asn1.explicit(3, asn1.sequence(*(item.der() for item in listed)))] if version == 3 else []),
    )
    return Issued(sign_der(body, signer, hash_name, pss=pss, outer=outer_hash_name), private, own_name, number, issuer)


def _key(profile: str, kind: str, slot: int | None) -> PrivateKey:
    """A key of its own for each role where the pool is large enough."""
    return key(kind, list(_PROFILES).index(profile) % POOL_SIZES.get(kind, 8) if slot is None else slot)


def _subject(profile: str, subject: bytes | str | None, issuer: Issued | None) -> bytes:
    if isinstance(subject, bytes):
        return subject
    if subject is not None:
        return names.parse(subject)
    depth = len(issuer.chain) if issuer else 0
    return names.harbour({"intermediate": f"Intermediate {depth}", "leaf": "builder"}.get(profile, f"Test {profile}"))


def _usages(wanted: dict[str, Any]) -> list[Extension]:
    values = (wanted.pop(name, None) for name in ("basic_constraints", "key_usage", "extended_key_usage"))
    return [value.extension() for value in values if value is not None]


def _identifiers(own: PrivateKey, issuers: PrivateKey) -> list[Extension]:
    authority = asn1.sequence(asn1.implicit(0, key_identifier(issuers)))
    return [
        Extension(extensions.SUBJECT_KEY_IDENTIFIER, asn1.octet_string(key_identifier(own))),
        Extension(extensions.AUTHORITY_KEY_IDENTIFIER, authority),
    ]


@functools.cache
def public_info(private: PrivateKey) -> bytes:
    """SubjectPublicKeyInfo."""
    return private.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def foreign_info(dotted: str, *parameters: bytes) -> bytes:
    """SubjectPublicKeyInfo of a key of any kind; its bits mean nothing."""
    return asn1.sequence(asn1.sequence(asn1.oid(dotted), *parameters), asn1.bit_string(b"\x04" + bytes(64)))


def explicit_info(private: ec.EllipticCurvePrivateKey) -> bytes:
    """SubjectPublicKeyInfo of a P-256 key that writes the curve out instead of naming it (RFC 3279, 2.3.5)."""
    p = 2**256 - 2**224 + 2**192 + 2**96 - 1
    b = 0x5AC635D8AA3A93E7B3EBBD55769886BC651D06B0CC53B0F63BCE3C3E27D2604B
    generator = ec.derive_private_key(1, ec.SECP256R1()).public_key()
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    points = [
        public.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
        for public in (generator, private.public_key())
    ]
    curve = asn1.sequence(
        asn1.integer(1),
        asn1.sequence(asn1.oid("1.2.840.10045.1.1"), asn1.integer(p)),
        asn1.sequence(asn1.octet_string((p - 3).to_bytes(32, "big")), asn1.octet_string(b.to_bytes(32, "big"))),
        asn1.octet_string(points[0]),
        asn1.integer(order),
        asn1.integer(1),
    )
    return asn1.sequence(asn1.sequence(asn1.oid("1.2.840.10045.2.1"), curve), asn1.bit_string(points[1]))


@functools.cache
def key_identifier(private: PrivateKey) -> bytes:
    """SHA-1 of the public key's bits (RFC 5280 4.2.1.2)."""
    return x509.SubjectKeyIdentifier.from_public_key(private.public_key()).digest


def algorithm_identifier(private: PrivateKey, hash_name: str = "sha256", *, pss: bool = False) -> bytes:
    """The identifier of this signature algorithm in certificates, CRLs and CMS."""
    if isinstance(private, rsa.RSAPrivateKey):
        return _pss_identifier(hash_name) if pss else asn1.sequence(asn1.oid(_RSA_OIDS[hash_name]), asn1.null())
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return asn1.sequence(asn1.oid(_ECDSA_OIDS[hash_name]))
    return asn1.sequence(
        asn1.oid("2.16.840.1.101.3.4.3.2" if isinstance(private, dsa.DSAPrivateKey) else "1.3.101.112")
    )


def _pss_identifier(hash_name: str) -> bytes:
    hashed = asn1.sequence(asn1.oid(_DIGEST_OIDS[hash_name]), asn1.null())
    masked = asn1.sequence(asn1.oid("1.2.840.113549.1.1.8"), hashed)
    salt = asn1.integer(_HASHES[hash_name].digest_size)
    parts = (asn1.explicit(0, hashed), asn1.explicit(1, masked), asn1.explicit(2, salt))
    return asn1.sequence(asn1.oid("1.2.840.113549.1.1.10"), asn1.sequence(*parts))


def raw_signature(private: PrivateKey, message: bytes, hash_name: str = "sha256", *, pss: bool = False) -> bytes:
    """The signature value as certificates, CRLs and CMS carry it (ECDSA: DER)."""
    algorithm = _HASHES[hash_name]
    if isinstance(private, rsa.RSAPrivateKey):
        scheme = padding.PSS(padding.MGF1(algorithm), algorithm.digest_size) if pss else padding.PKCS1v15()
        return private.sign(message, scheme, algorithm)
    if isinstance(private, ec.EllipticCurvePrivateKey):
        return private.sign(message, ec.ECDSA(algorithm))
    if isinstance(private, dsa.DSAPrivateKey):
        return private.sign(message, algorithm)
    return private.sign(message)


def sign_der(
    body: bytes, private: PrivateKey, hash_name: str = "sha256", *, pss: bool = False, outer: str | None = None
) -> bytes:
    """SEQUENCE { body, AlgorithmIdentifier, BIT STRING }: the frame of certificates, CRLs and OCSP responses."""
    value = raw_signature(private, body, hash_name, pss=pss)
    return asn1.sequence(body, algorithm_identifier(private, outer or hash_name, pss=pss), asn1.bit_string(value))


class Pki:
    """Chains, valid by default; `root`, `intermediate`, `leaf` and `tsa` are deviations of that role."""

    def code_chain(
        self,
        kind: str = "p256",
        depth: int = 3,
        *,
        root: Mapping[str, Any] | None = None,
        intermediate: Mapping[str, Any] | None = None,
        leaf: Mapping[str, Any] | None = None,
    ) -> Issued:
        """A code-signing leaf of this key kind with `depth` certificates up to the root; depth 1 is self-signed."""
        parent = self._parents(depth - 1, root or {}, intermediate or {}, "")
        return issue("leaf", **{"key": kind, "issuer": parent, **(leaf or {})})

    def tsa_chain(
        self,
        kind: str = "p256",
        depth: int = 3,
        *,
        root: Mapping[str, Any] | None = None,
        intermediate: Mapping[str, Any] | None = None,
        tsa: Mapping[str, Any] | None = None,
    ) -> Issued:
        """A timestamping certificate with `depth` certificates up to the root."""
        parent = self._parents(depth - 1, root or {}, intermediate or {}, "TSA ")
        return issue("tsa", **{"key": kind, "issuer": parent, **(tsa or {})})

    @staticmethod
    def _parents(count: int, root: Mapping[str, Any], intermediate: Mapping[str, Any], prefix: str) -> Issued | None:
        parent: Issued | None = None
        slots = {"slot": 5} if prefix else {}
        for level in range(count):
            if parent is None:
                parent = issue("root", **{"subject": names.harbour(f"{prefix}Root"), **slots, **root})
            else:
                subject = names.harbour(f"{prefix}Intermediate {level}")
                slots = {"slot": 6 if prefix else (1, 7)[level % 2 == 0]}
                parent = issue("intermediate", **{"issuer": parent, "subject": subject, **slots, **intermediate})
        return parent
