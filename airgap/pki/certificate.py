"""X.509 certificates as facts, read strictly from the bytes as received.

The form is checked as in the parser of the reference (CHAIN-20): versions 1 to 3, no trailing data, no duplicate
extension, no negative serial number, equal inner and outer algorithm, well-formed known extensions. airgap.pki.chain
decides for what a certificate may be used.

Chains repeat across thousands of artifacts: parsed certificates and verified pairs are kept, within bounds.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Final, NewType

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from airgap import limits
from airgap.errors import FormatError, LimitError, Rejected, UncheckedIssuer
from airgap.hashing import digest, fingerprint
from airgap.parse import der
from airgap.pki import algorithms
from airgap.pki import extensions as ext
from airgap.pki.algorithms import Algorithm, PublicKey, UncheckedError, UnusableKey, UnverifiedError
from airgap.pki.distinguished_names import Rdn, name_text, read_name, same_name
from airgap.pki.extensions import BasicConstraints, DistributionPoint, ExtendedKeyUsage, Extension, KeyUsage
from airgap.pki.native import guarded
from airgap.text import quoted, safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """One certificate. Equal and hashed by its DER bytes."""

    der: bytes = field(repr=False)
    fingerprint: str = field(compare=False)
    """SHA-256 of the DER, lower-case hex."""
    version: int = field(compare=False)
    """1, 2 or 3."""
    serial: int = field(compare=False)
    subject: bytes = field(repr=False, compare=False)
    """The raw DER Name."""
    issuer: bytes = field(repr=False, compare=False)
    """The raw DER Name."""
    subject_rdns: tuple[Rdn, ...] = field(repr=False, compare=False)
    subject_text: str = field(compare=False)
    """For people; untrusted text, so use `safe` before a terminal."""
    issuer_text: str = field(compare=False)
    not_before: datetime = field(compare=False)
    not_after: datetime = field(compare=False)
    public_key: PublicKey = field(repr=False, compare=False)
    public_key_bits: bytes = field(repr=False, compare=False)
    """The octets of the subjectPublicKey BIT STRING, which OCSP hashes."""
    key_encodings: tuple[bytes, ...] = field(repr=False, compare=False)
    """All that these octets may be for its key: for an EC key both forms of the point (RFC 5480, 2.2), and its own.

    The first is the same for each certificate of the key.
    """
    key_name: str = field(compare=False)
    """Kind and size of the key: `RSA-2048`, `EC-384`, `RSA-2048 (PSS only)`."""
    pss_only: bool = field(compare=False)
    """Whether its key has the type id-RSASSA-PSS, which neither table ALG nor the rules for CAs allow."""
    algorithm: Algorithm | None = field(compare=False)
    """The algorithm of the key for envelopes (table ALG); None if it must not sign any (ALG-1)."""
    basic_constraints: BasicConstraints | None = field(compare=False)
    key_usage: KeyUsage | None = field(compare=False)
    extended_key_usage: ExtendedKeyUsage | None = field(compare=False)
    ocsp_urls: tuple[str, ...] = field(compare=False)
    distribution_points: tuple[DistributionPoint, ...] = field(compare=False)
    freshest_crl: tuple[DistributionPoint, ...] = field(compare=False)
    extensions: Mapping[str, Extension] = field(repr=False, compare=False)
    """All extensions by identifier, including the parsed ones above."""
    critical_extensions: frozenset[str] = field(compare=False)
    tbs: bytes = field(repr=False, compare=False)
    """The signed bytes, as received."""
    signature_algorithm: bytes = field(repr=False, compare=False)
    """The raw DER AlgorithmIdentifier."""
    signature: bytes = field(repr=False, compare=False)

    @classmethod
    def parse(cls, data: bytes) -> Certificate:
        """The certificate that `data` (DER) holds. Raises FormatError, nothing else."""
        if len(data) > limits.CERTIFICATE_BYTES:
            raise LimitError(f"the certificate has {len(data)} bytes, more than {limits.CERTIFICATE_BYTES}")
        return _parse(data)

    @property
    def key_identity(self) -> bytes:
        """Equal for certificates of one key, however each writes it."""
        return self.key_encodings[0]

    def key_hashes(self, hash_name: str) -> tuple[bytes, ...]:
        """All that OCSP may name its key by: the hash of each encoding (RFC 6960, 4.1.1, 4.2.1)."""
        return tuple(digest(hash_name, encoding) for encoding in self.key_encodings)

    @property
    def names_crls(self) -> bool:
        """Whether it names CRLs.

        That includes delta CRLs alone (freshestCRL): RFC 5280, 6.3.3 then uses any complete CRL of the issuer.
        """
        return bool(self.distribution_points or self.freshest_crl)

    @property
    def names_a_source(self) -> bool:
        """Whether it names CRLs or a responder: others are not asked about (REV-1)."""
        return self.names_crls or bool(self.ocsp_urls)

    def begins_after(self, moment: datetime) -> bool:
        """Whether the validity period begins after this moment. Its first second belongs to it (RFC 5280, 4.1.2.5)."""
        return moment < self.not_before

    def ended_before(self, moment: datetime) -> bool:
        """Whether the validity period ended before this moment. Its last second belongs to it (RFC 5280, 4.1.2.5)."""
        return moment > self.not_after

    def valid_between(self, earliest: datetime, latest: datetime) -> bool:
        """Whether the whole of this time is within the validity period."""
        return not self.begins_after(earliest) and not self.ended_before(latest)

    @property
    def self_issued(self) -> bool:
        """Issuer and subject are the same bytes."""
        return self.issuer == self.subject

    @property
    def self_signed(self) -> bool:
        """Self-issued, and the signature verifies under its own key in an accepted way."""
        return self.self_issued and not self.own_signature_problem

    @property
    def own_signature_problem(self) -> str:
        """Why its signature is not accepted under its own key, to complete "its signature ..."; empty if it is."""
        return _signature_problem(self, self)

    @property
    def unusable_key(self) -> bool:
        """Whether its key is of an unknown kind, so that it cannot verify anything."""
        return isinstance(self.public_key, UnusableKey)

    @property
    def is_ca(self) -> bool:
        """Basic constraints with cA true."""
        return self.basic_constraints is not None and self.basic_constraints.ca

    @property
    def crl_issuers(self) -> tuple[bytes, ...]:
        """The raw Names of the CRL issuers that it names (RFC 5280, 4.2.1.13)."""
        points = (*self.distribution_points, *self.freshest_crl)
        return tuple(dict.fromkeys(name for point in points for name in point.crl_issuers))

    @property
    def may_issue(self) -> bool:
        """Whether it is that of a CA that may issue certificates (RFC 5280, 4.2.1.3)."""
        return self.is_ca and (self.key_usage is None or "keyCertSign" in self.key_usage.bits)

    @property
    def may_make_crls(self) -> bool:
        """Whether it is that of a CA, or of a signer of CRLs alone: that need not be one (RFC 5280, 6.3.3 (f))."""
        return self.is_ca or (self.key_usage is not None and "cRLSign" in self.key_usage.bits)

    @property
    def subject_key(self) -> bytes | None:
        """The subject key identifier (RFC 5280, 4.2.1.2), if any."""
        extension = self.extensions.get(ext.SUBJECT_KEY_IDENTIFIER)
        return der.read(extension.value, "subjectKeyIdentifier").octets("subjectKeyIdentifier") if extension else None


Offered = NewType("Offered", tuple[Certificate, ...])
"""Certificates that came with the judged content: they can be a part of a chain but not its end (RULE-1)."""


def verify_issued(child: Certificate, issuer: Certificate) -> None:
    """Checks that `child` names `issuer` byte for byte and that its signature verifies under that key (CHAIN-2).

    Raises Rejected("chain.order").
    """
    _check_issued(child, issuer, is_named=child.issuer == issuer.subject)


def verify_delegated(child: Certificate, issuer: Certificate) -> None:
    """Checks the issuer of a certificate in no chain, as that of an OCSP responder; names are as those of evidence.

    They are one by RFC 5280, 7.1, as the key proves the issuer (decision 0010). Raises Rejected("chain.order").
    """
    _check_issued(child, issuer, is_named=same_name(child.issuer, issuer.subject))


def _check_issued(child: Certificate, issuer: Certificate, *, is_named: bool) -> None:
    facts = {"certificate": child.subject_text, "issuer": issuer.subject_text}
    if not is_named:
        raise Rejected(
            "chain.order",
            f"certificate {quoted(child.subject_text)} was issued by {quoted(child.issuer_text)}, "
            f"but the next certificate is {quoted(issuer.subject_text)}"
            + (" (the same text in other bytes)" if child.issuer_text == issuer.subject_text else ""),
            **facts,
        )
    if problem := _signature_problem(child, issuer):
        raise Rejected(
            "chain.order",
            f"certificate {quoted(child.subject_text)} was not issued by {quoted(issuer.subject_text)}: "
            f"its signature {problem}",
            **facts,
        )


def verify_ever_issued(child: Certificate, issuer: Certificate) -> None:
    """The key of `issuer` signed `child`, which names it: enough to condemn, not to clear (decision 0009).

    The names are one by RFC 5280, 7.1, and any hash will do. Raises Rejected("chain.order"); UncheckedIssuer where it
    names no other key, and the signature cannot be checked here.
    """
    if not same_name(child.issuer, issuer.subject):
        verify_issued(child, issuer)  # which says so
    verify = algorithms.verify_ever_accepted
    try:
        guarded(verify, child.signature_algorithm, issuer.public_key, child.signature, child.tbs)
    except (UnverifiedError, FormatError) as error:
        named, known = ext.authority_key(child.extensions), issuer.subject_key
        may_be = isinstance(error, UncheckedError) and (not named or not known or named == known)
        raise (UncheckedIssuer if may_be else Rejected)(
            "chain.order",
            f"certificate {quoted(child.subject_text)} was not issued by {quoted(issuer.subject_text)}: "
            f"its signature {error}",
            certificate=child.subject_text,
            issuer=issuer.subject_text,
        ) from None


_RSA_PSS_KEY: Final = "1.2.840.113549.1.1.10"
_EC_KEY: Final = "1.2.840.10045.2.1"
_KNOWN_KEYS: Final = frozenset({"1.2.840.113549.1.1.1", _RSA_PSS_KEY, _EC_KEY, "1.2.840.10040.4.1"})
"""Kinds of keys that are known here: one that cannot be loaded is invalid, not unknown."""
_VERSION: Final = der.context(0)
_UNIQUE_IDS: Final = (der.context(1, constructed=False), der.context(2, constructed=False))
_EXTENSIONS: Final = der.context(3)


_PAIRS: Final = 4096
_problems: dict[tuple[str, str], str] = {}


def _signature_problem(child: Certificate, issuer: Certificate) -> str:
    """What is wrong with the signature of `child` under the key of `issuer`; empty if it verifies.

    Cached by fingerprints, so that the cache keeps no certificates. Two threads may verify the same pair twice.
    """
    pair = (child.fingerprint, issuer.fingerprint)
    known = _problems.get(pair)
    if known is not None:
        return known
    problem = ""
    try:
        algorithms.verify_identified(child.signature_algorithm, issuer.public_key, child.signature, child.tbs)
    except UnverifiedError as error:
        problem = error.problem
    if len(_problems) >= _PAIRS:
        _problems.clear()
    _problems[pair] = problem
    return problem


@lru_cache(maxsize=512)
def _parse(data: bytes) -> Certificate:
    outer = der.read(data, "certificate").fields("certificate")
    tbs = outer.take(der.SEQUENCE, "tbsCertificate")
    algorithm = outer.take(der.SEQUENCE, "signatureAlgorithm").raw
    signature = outer.any("signatureValue").bits("certificate.signatureValue")
    outer.end()
    fields = tbs.fields("tbsCertificate")
    version = _version(fields)
    serial = fields.any("serialNumber").integer("serialNumber")
    if serial < 0:
        raise FormatError("is negative", where="serialNumber")
    if fields.take(der.SEQUENCE, "signature").raw != algorithm:
        raise FormatError("differs from the algorithm outside of the signed part", where="tbsCertificate.signature")
    issuer = fields.any("issuer")
    not_before, not_after = _validity(fields.any("validity"))
    subject = fields.any("subject")
    key, key_bits, pss_only = _public_key(fields.any("subjectPublicKeyInfo"))
    found = _extensions(fields, version)
    issuer_rdns, subject_rdns = read_name(issuer, "issuer"), read_name(subject, "subject")
    return Certificate(
        der=data,
        fingerprint=fingerprint(data),
        version=version,
        serial=serial,
        subject=subject.raw,
        issuer=issuer.raw,
        subject_rdns=subject_rdns,
        subject_text=name_text(subject_rdns),
        issuer_text=name_text(issuer_rdns),
        not_before=not_before,
        not_after=not_after,
        public_key=key,
        public_key_bits=key_bits,
        key_encodings=_encodings(key, key_bits),
        key_name=algorithms.key_name(key) + (" (PSS only)" if pss_only else ""),
        pss_only=pss_only,
        algorithm=None if pss_only else algorithms.for_key(key),
        basic_constraints=ext.basic_constraints(found),
        key_usage=ext.key_usage(found),
        extended_key_usage=ext.extended_key_usage(found),
        ocsp_urls=ext.ocsp_urls(found),
        distribution_points=ext.distribution_points(found, ext.CRL_DISTRIBUTION_POINTS),
        freshest_crl=ext.distribution_points(found, ext.FRESHEST_CRL),
        extensions=found,
        critical_extensions=frozenset(extension.oid for extension in found.values() if extension.critical),
        tbs=tbs.raw,
        signature_algorithm=algorithm,
        signature=signature,
    )


def _version(fields: der.Fields) -> int:
    explicit = fields.maybe(_VERSION)
    if explicit is None:
        return 1
    version = explicit.only("version").integer("version") + 1
    if version not in (2, 3):
        raise FormatError(f"is {version}; only versions 1 to 3 exist, and 1 is never written", where="version")
    return version


def _validity(element: der.Element) -> tuple[datetime, datetime]:
    fields = element.fields("validity")
    not_before = fields.any("notBefore").time("validity.notBefore")
    not_after = fields.any("notAfter").time("validity.notAfter")
    fields.end()
    return not_before, not_after


def _public_key(element: der.Element) -> tuple[PublicKey, bytes, bool]:
    where = "subjectPublicKeyInfo"
    fields = element.fields(where)
    algorithm = fields.take(der.SEQUENCE, "algorithm")
    oid = algorithm.fields(where).any("algorithm").oid(where)
    bits = fields.any("subjectPublicKey").bits(f"{where}.subjectPublicKey")
    fields.end()
    # RFC 4055, 1.2: a key with this identifier may only make PSS signatures; cryptography loses that
    return _load_key(element, algorithm, oid), bits, oid == _RSA_PSS_KEY


def _encodings(key: PublicKey, bits: bytes) -> tuple[bytes, ...]:
    if not isinstance(key, EllipticCurvePublicKey):
        return (bits,)
    forms = (PublicFormat.UncompressedPoint, PublicFormat.CompressedPoint)
    return tuple(dict.fromkeys((*(key.public_bytes(Encoding.X962, form) for form in forms), bits)))


def _load_key(element: der.Element, algorithm: der.Element, oid: str) -> PublicKey:
    """The key, or UnusableKey for an unknown kind. Raises FormatError for an invalid key of a known kind."""
    if oid == _EC_KEY and (curve := _unnamed_curve(algorithm)):
        return UnusableKey(curve)
    try:
        key = guarded(load_der_public_key, element.raw)
    except UnsupportedAlgorithm:
        # the cryptographic library lacks the curve or the kind
        return UnusableKey(f"EC {_curve(algorithm)}" if oid == _EC_KEY else algorithms.unknown_kind(oid))
    except (ValueError, TypeError):
        if oid in _KNOWN_KEYS:
            raise FormatError(f"holds no valid key ({safe(oid, limit=64)})", where="subjectPublicKeyInfo") from None
        return UnusableKey(algorithms.unknown_kind(oid))
    return UnusableKey(f"RSA with an exponent above {algorithms.RSA_EXPONENT}") if algorithms.is_contrived(key) else key


def _unnamed_curve(algorithm: der.Element) -> str:
    """The name for an EC key whose parameters do not name a curve, which RFC 5480, 2.1.1 forbids; else empty."""
    members = algorithm.children()
    if len(members) == 1 or members[1].tag == der.NULL:
        return "EC without a named curve"
    # explicit parameters: the maker of the certificate chose the curve and may know a key for its generator
    return "" if members[1].tag == der.OID else "EC with explicit parameters"


def _curve(algorithm: der.Element) -> str:
    return safe(algorithm.children()[1].oid("subjectPublicKeyInfo.parameters"), limit=64)


def _extensions(fields: der.Fields, version: int) -> Mapping[str, Extension]:
    if version > 1:
        for tag in _UNIQUE_IDS:
            fields.maybe(tag)
    explicit = fields.maybe(_EXTENSIONS) if version == 3 else None  # noqa: PLR2004
    fields.end()
    return ext.read_extensions(explicit.only("extensions")) if explicit else {}
