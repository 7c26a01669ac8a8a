"""Makes test keys: a throwaway root and a signing certificate below it, labelled as test keys.

The root's key exists only while this runs, so nothing else can ever be issued below it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from airgap.errors import UsageError
from airgap.pki.algorithms import ALGORITHMS
from airgap.signature.signer import PrivateKey

LABEL: Final = "TEST"
ORGANIZATION: Final = "TEST KEY of airgap - trust nothing that it signs"
_CURVES: Final[Mapping[int, ec.EllipticCurve]] = MappingProxyType(
    {256: ec.SECP256R1(), 384: ec.SECP384R1(), 521: ec.SECP521R1()}
)
KINDS: Final = tuple(row.key_spec for row in ALGORITHMS)
"""The six kinds of keys that may sign (table ALG): `RSA-2048`, `EC-256`, ..."""
_SKEW: Final = timedelta(minutes=5)
_ROOT_BITS: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Throwaway:
    """A test key with its chain, as PEM files."""

    key: bytes = field(repr=False)
    """PKCS #8, encrypted where a pass phrase was given."""
    chain: bytes
    """The signing certificate, then the root."""
    root: bytes
    subject: str
    not_after: datetime


def generate_throwaway(name: str, *, kind: str, at: datetime, days: int, pass_phrase: bytes | None = None) -> Throwaway:
    """A new key of one of `KINDS` with a chain of two, valid from a little before `at` for `days` days.

    Raises UsageError.
    """
    row = next((row for row in ALGORITHMS if row.key_spec == kind), None)
    if row is None:
        raise UsageError(f"{kind!r} is no kind of key that may sign; there are {', '.join(KINDS)}")
    if not 0 < days <= _MOST_DAYS:
        raise UsageError(f"a test key is valid for 1 to {_MOST_DAYS} days, not {days}")
    key = new_key(row.family, row.key_bits)
    root_key = new_key("EC", _ROOT_BITS)
    start, end = at - _SKEW, at + timedelta(days=days)
    root_name, leaf_name = _name(f"{LABEL} root of {name}"), _name(f"{LABEL} {name}")
    root = _root(root_name, root_key, start, end)
    leaf = _leaf(leaf_name, key, root_name, root_key, start, end)
    encryption: serialization.KeySerializationEncryption = (
        serialization.BestAvailableEncryption(pass_phrase) if pass_phrase else serialization.NoEncryption()
    )
    pem = serialization.Encoding.PEM
    return Throwaway(
        key=key.private_bytes(pem, serialization.PrivateFormat.PKCS8, encryption),
        chain=leaf.public_bytes(pem) + root.public_bytes(pem),
        root=root.public_bytes(pem),
        subject=leaf.subject.rfc4514_string(),
        not_after=end,
    )


_MOST_DAYS: Final = 3650


def new_key(family: str, bits: int) -> PrivateKey:
    """A new private key of table ALG."""
    return rsa.generate_private_key(65537, bits) if family == "RSA" else ec.generate_private_key(_CURVES[bits])


def _name(common: str) -> x509.Name:
    # trusted identities need country, state and organization (ID-7); XX is not assigned to a country (ISO 3166)
    parts = (
        (NameOID.COUNTRY_NAME, "XX"),
        (NameOID.STATE_OR_PROVINCE_NAME, LABEL),
        (NameOID.ORGANIZATION_NAME, ORGANIZATION),
        (NameOID.COMMON_NAME, common),
    )
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in parts])


def _root(name: x509.Name, key: PrivateKey, start: datetime, end: datetime) -> x509.Certificate:
    builder = _builder(name, name, key, start, end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    builder = builder.add_extension(_usage(signs_certificates=True), critical=True)
    return builder.sign(key, hashes.SHA256())


def _leaf(
    name: x509.Name, key: PrivateKey, issuer: x509.Name, issuer_key: PrivateKey, start: datetime, end: datetime
) -> x509.Certificate:
    builder = _builder(name, issuer, key, start, end)
    builder = builder.add_extension(_usage(signs_certificates=False), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    return builder.add_extension(authority, critical=False).sign(issuer_key, hashes.SHA256())


def _builder(
    name: x509.Name, issuer: x509.Name, key: PrivateKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(start).not_valid_after(end)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
