"""Certificate revocation lists as facts (RFC 5280, 5; requirements 10.3).

A CRL is read over its bytes as received, its signature is checked over the slice that was signed, and its entries are
looked at only when someone asks for a serial number. Which CRL counts, how old it may be and what an entry means for a
signature is said elsewhere (airgap.revocation.judge).

Stricter than the reference, by decision: version 2 only (CRL-3); SHA-2 signatures only (CRL-4); the issuer's name is
compared byte for byte, and the scope is enforced (D34); a critical extension that is not understood, freshestCRL
included, makes the CRL useless (CRL-7).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, NoReturn, Self

from airgap import limits
from airgap.errors import Fact, FormatError, LimitError, Undecided
from airgap.parse import der
from airgap.parse.base64 import decode_standard
from airgap.parse.der import Element
from airgap.pki.algorithms import UnverifiedError, verify_identified
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.pki.crl_entries import RevokedEntry, RevokedList
from airgap.pki.crl_scope import ISSUING_DISTRIBUTION_POINT, Scope
from airgap.pki.extensions import FRESHEST_CRL, Extension, distribution_points, read_extensions
from airgap.pki.names import name_text, read_name
from airgap.pki.native import guarded
from airgap.text import safe

__all__ = ["Crl", "CrlHeader", "RevokedEntry", "Scope", "read_header"]

CRL_NUMBER: Final = "2.5.29.20"
DELTA_CRL_INDICATOR: Final = "2.5.29.27"
_UNDERSTOOD: Final = frozenset({ISSUING_DISTRIBUTION_POINT, DELTA_CRL_INDICATOR})

_VERSION_2: Final = 1
_TIMES: Final = (der.UTC_TIME, der.GENERALIZED_TIME)
_PEM = re.compile(rb"-----BEGIN X509 CRL-----[ \t]*\r?\n(?P<body>[A-Za-z0-9+/=\s]*)-----END X509 CRL-----")
_PEM_BYTES: Final = limits.CRL_BYTES * 3 // 2


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlHeader:
    """What a CRL says about itself, read without looking at its entries; nothing of it is verified."""

    issuer: bytes
    """The raw DER Name."""
    this_update: datetime
    next_update: datetime | None
    number: int | None
    is_delta: bool
    size: int
    """Bytes of the DER."""


def read_header(data: bytes) -> CrlHeader:
    """The header of a CRL (DER or PEM): microseconds for DER of any size. Raises FormatError."""
    parts = _Parts.read(_der_of(data))
    return CrlHeader(
        issuer=parts.issuer.raw,
        this_update=parts.this_update,
        next_update=parts.next_update,
        number=parts.number(CRL_NUMBER),
        is_delta=DELTA_CRL_INDICATOR in parts.extensions,
        size=len(parts.data),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Crl:
    """One CRL. Equal and hashed by its fingerprint."""

    der: bytes = field(repr=False, compare=False)
    fingerprint: str
    """SHA-256 of the DER, lower-case hex."""
    issuer: bytes = field(repr=False, compare=False)
    """The raw DER Name."""
    issuer_text: str = field(compare=False)
    """For people; made by others, so use `safe` before a terminal sees it."""
    this_update: datetime = field(compare=False)
    next_update: datetime | None = field(compare=False)
    """None where the CRL states none, which is stale and not eternal (CRL-5)."""
    number: int | None = field(compare=False)
    base_number: int | None = field(compare=False)
    """The delta CRL indicator: the number of the base that a delta builds on; None for a base."""
    scope: Scope | None = field(compare=False)
    """The issuing distribution point; None where the CRL covers all that its issuer issued."""
    freshest: tuple[DistributionPoint, ...] = field(compare=False)
    """Where its delta CRLs are."""
    critical_extensions: frozenset[str] = field(compare=False)
    signature_algorithm: bytes = field(repr=False, compare=False)
    """The raw DER AlgorithmIdentifier."""
    _signed: Element = field(repr=False, compare=False)
    _signature: bytes = field(repr=False, compare=False)
    _revoked: RevokedList = field(repr=False, compare=False)
    _verified: set[str] = field(repr=False, compare=False, default_factory=set)
    """Fingerprints of issuers under whose key the signature has verified."""

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The CRL that `data` (DER, or one PEM block "X509 CRL") holds. Raises FormatError, nothing else.

        The entries are read by `entries`, which says so where they are malformed.
        """
        parts = _Parts.read(_der_of(data))
        scope = parts.extensions.get(ISSUING_DISTRIBUTION_POINT)
        return cls(
            der=parts.data,
            fingerprint=hashlib.sha256(parts.data).hexdigest(),
            issuer=parts.issuer.raw,
            issuer_text=name_text(read_name(parts.issuer, "crl.issuer")),
            this_update=parts.this_update,
            next_update=parts.next_update,
            number=parts.number(CRL_NUMBER),
            base_number=parts.number(DELTA_CRL_INDICATOR),
            scope=Scope.parse(scope.value) if scope else None,
            freshest=distribution_points(parts.extensions, FRESHEST_CRL),
            critical_extensions=frozenset(item.oid for item in parts.extensions.values() if item.critical),
            signature_algorithm=parts.algorithm,
            _signed=parts.signed,
            _signature=parts.signature,
            _revoked=RevokedList(parts.data, parts.revoked),
        )

    def verify_signed_by(self, issuer: Certificate) -> None:
        """The CRL names `issuer` byte for byte, who may sign CRLs, and its signature verifies under that key (CRL-4).

        Raises Undecided: revocation.crl.issuer, revocation.crl.signature. A signature that has verified is not
        computed again.
        """
        if self.issuer != issuer.subject:
            self._refuse(
                "revocation.crl.issuer",
                f"is from {_quoted(self.issuer_text)}, not from the certificate's issuer "
                f"{_quoted(issuer.subject_text)}",
            )
        if not issuer.is_ca:
            self._refuse("revocation.crl.issuer", f"is from {_quoted(issuer.subject_text)}, which is no CA")
        # RFC 5280, 6.3.3 (f): only where there is a key usage
        if issuer.key_usage and "cRLSign" not in issuer.key_usage.bits:
            self._refuse(
                "revocation.crl.issuer",
                f"is from {_quoted(issuer.subject_text)}, whose key usage does not allow it to sign CRLs",
            )
        if issuer.fingerprint in self._verified:
            return
        try:
            guarded(verify_identified, self.signature_algorithm, issuer.public_key, self._signature, self._signed.raw)
        except UnverifiedError as error:
            self._refuse("revocation.crl.signature", f"is not valid: its signature {error.problem}")
        except FormatError as error:
            self._refuse("revocation.crl.signature", f"is not valid: its signature {error}")
        self._verified.add(issuer.fingerprint)

    def check_covers(self, certificate: Certificate, point: DistributionPoint | None = None) -> None:
        """The absence of `certificate` from this CRL means that it is not revoked (D34; RFC 5280, 6.3.3 (b)).

        `point`: the distribution point that is to be answered; None takes any of the certificate's. Raises Undecided:
        revocation.crl.issuer, revocation.crl.scope, revocation.crl.extension.
        """
        self._check_extensions()
        if self.issuer != certificate.issuer:
            self._refuse(
                "revocation.crl.issuer",
                f"is from {_quoted(self.issuer_text)}, not from the certificate's issuer "
                f"{_quoted(certificate.issuer_text)}",
            )
        if point and point.crl_issuer:
            self._refuse("revocation.crl.scope", "can not answer for a distribution point that names a CRL issuer")
        points = (point,) if point else certificate.distribution_points
        problem = self.scope.problem(is_ca=certificate.is_ca, points=points) if self.scope else None
        if problem:
            self._refuse("revocation.crl.scope", f"does not cover {_quoted(certificate.subject_text)}: {problem}")

    def check_fits(self, base: Crl) -> None:
        """This delta CRL has the issuer and the scope of `base` (RFC 5280, 6.3.3 (c)).

        Numbers and dates are the caller's business (CRL-13, CRL-14). Raises Undecided: revocation.crl.delta,
        revocation.crl.extension.
        """
        self._check_extensions()
        if self.issuer != base.issuer:
            self._refuse("revocation.crl.delta", "is a delta of another issuer than the base CRL")
        if (self.scope and self.scope.raw) != (base.scope and base.scope.raw):
            self._refuse("revocation.crl.delta", "is a delta of another scope than the base CRL")

    def entries(self, serial: int) -> tuple[RevokedEntry, ...]:
        """All entries for this serial number, in their order; empty if it is not listed.

        Says nothing of who signed the CRL and whether it covers the certificate. Raises Undecided:
        revocation.crl.malformed, revocation.crl.extension (CRL-7, CRL-9).
        """
        self._check_extensions()
        try:
            return self._revoked.find(serial)
        except Undecided as error:
            raise Undecided(error.reason, str(error), **{**self._facts(), **error.facts}) from None

    def lists_all_of(self, older: Crl) -> bool:
        """Whether every entry of `older` stands in this CRL, too, byte for byte: nothing would be lost with it."""
        return self._revoked.contains(older._revoked)

    def _check_extensions(self) -> None:
        unknown = sorted(self.critical_extensions - _UNDERSTOOD)
        if unknown:
            self._refuse(
                "revocation.crl.extension",
                "has a critical extension that is not understood "
                f"({', '.join(safe(oid, limit=64) for oid in unknown)})",
                extension=safe(unknown[0], limit=64),
            )

    def _refuse(self, reason: str, problem: str, **facts: Fact) -> NoReturn:
        raise Undecided(reason, f"the CRL {problem}", **{**self._facts(), **facts})

    def _facts(self) -> dict[str, Fact]:
        return {
            "crl": self.fingerprint,
            "crl_issuer": safe(self.issuer_text),
            "crl_number": None if self.number is None else str(self.number),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """The frame of a CRL: its members, the entries left alone."""

    data: bytes
    signed: der.Element
    issuer: der.Element
    algorithm: bytes
    this_update: datetime
    next_update: datetime | None
    revoked: der.Element | None
    extensions: Mapping[str, Extension]
    signature: bytes

    @classmethod
    def read(cls, data: bytes) -> Self:
        outer = der.read(data, "crl").fields("crl")
        signed = outer.take(der.SEQUENCE, "tbsCertList")
        algorithm = outer.take(der.SEQUENCE, "signatureAlgorithm").raw
        signature = outer.any("signatureValue").bits("crl.signatureValue")
        outer.end()
        fields = signed.fields("crl")
        version = fields.maybe(der.INTEGER)
        if version is None or version.integer("crl.version") != _VERSION_2:
            raise FormatError("is not 2", where="crl.version")
        if fields.take(der.SEQUENCE, "signature").raw != algorithm:
            raise FormatError("differs from the algorithm outside of the signed part", where="crl.signature")
        issuer = fields.take(der.SEQUENCE, "issuer")
        this_update = fields.any("thisUpdate").time("crl.thisUpdate")
        next_update = fields.maybe(*_TIMES)
        revoked = fields.maybe(der.SEQUENCE)
        explicit = fields.maybe(der.context(0))
        fields.end()
        return cls(
            data=data,
            signed=signed,
            issuer=issuer,
            algorithm=algorithm,
            this_update=this_update,
            next_update=next_update.time("crl.nextUpdate") if next_update else None,
            revoked=revoked,
            extensions=read_extensions(explicit.only("crl.extensions")) if explicit else {},
            signature=signature,
        )

    def number(self, oid: str) -> int | None:
        """The value of an extension that is a CRL number."""
        extension = self.extensions.get(oid)
        if extension is None:
            return None
        number = der.read(extension.value, "crl.number").integer("crl.number")
        if number < 0:
            raise FormatError("is negative", where="crl.number")
        return number


def _der_of(data: bytes) -> bytes:
    if len(data) > _PEM_BYTES:
        raise LimitError(f"the CRL has {len(data)} bytes, more than {_PEM_BYTES}")
    if data[:1] != b"\x30":
        block = _PEM.search(data)
        if not block:
            raise FormatError("the CRL is neither DER nor a PEM block X509 CRL")
        if _PEM.search(data, block.end()):
            raise FormatError("the file holds more than one CRL")
        data = decode_standard(b"".join(block["body"].split()).decode("ascii"), where="crl")
    if len(data) > limits.CRL_BYTES:
        raise LimitError(f"the CRL has {len(data)} bytes, more than {limits.CRL_BYTES}")
    return data


def _quoted(text: str) -> str:
    return f'"{safe(text, limit=200)}"'
