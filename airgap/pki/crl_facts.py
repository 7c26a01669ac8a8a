"""The facts of a CRL (RFC 5280, 5): what it says of itself, read without its entries and without its signature."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any, Final, Self, TypeVar

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.hashing import fingerprint
from airgap.parse import der
from airgap.pki.crl_pem import crl_der
from airgap.pki.crl_scope import ISSUING_DISTRIBUTION_POINT, Scope, same_scope
from airgap.pki.distinguished_names import name_key, same_name
from airgap.pki.extensions import (
    FRESHEST_CRL,
    DistributionPoint,
    Extension,
    authority_key,
    distribution_points,
    read_extensions,
)

T = TypeVar("T")

CRL_NUMBER: Final = "2.5.29.20"
DELTA_CRL_INDICATOR: Final = "2.5.29.27"
VERSION: Final = 2
_TIMES: Final = (der.UTC_TIME, der.GENERALIZED_TIME)


@lru_cache(maxsize=limits.EVIDENCE_FILES)
def _stream(issuer: bytes, raw_scope: bytes, is_delta: bool) -> str:  # noqa: FBT001 - private
    key = b"\0".join((repr(name_key(issuer)).encode(), raw_scope, b"delta" if is_delta else b"base"))
    return fingerprint(key)[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlFacts:
    """The unverified facts of a CRL, read without its entries. Compared by fingerprint."""

    fingerprint: str
    """SHA-256 of the DER, lower-case hex."""
    version: int = field(compare=False)
    """1 or 2."""
    issuer: bytes = field(compare=False, repr=False)
    """The raw DER Name."""
    this_update: datetime = field(compare=False)
    next_update: datetime | None = field(compare=False)
    """None if the CRL states none: such a CRL is stale, not valid for ever (CRL-5)."""
    number: int | None = field(compare=False)
    base_number: int | None = field(compare=False)
    """The delta CRL indicator: the number of the base of a delta; None for a base."""
    authority_key: bytes | None = field(compare=False, repr=False)
    """The identifier of the signing key that it claims (authorityKeyIdentifier)."""
    raw_scope: bytes = field(compare=False, repr=False)
    """DER of the issuing distribution point; empty where there is none."""
    size: int = field(compare=False)
    """Bytes of the DER."""
    names_delta: bool = field(compare=False)
    """Whether it names delta CRLs; without them it is no answer (CRL-13)."""
    flaw: str = field(compare=False)
    """What cannot be read in it beside its list, so that it clears no certificate. What it lists is revoked."""

    @property
    def is_delta(self) -> bool:
        """Whether it calls itself a delta CRL."""
        return self.base_number is not None

    @property
    def age(self) -> tuple[datetime, int, str]:
        """A sort key: of two CRLs the one with the greater key is newer. Nothing else decides that.

        By thisUpdate, then by number, which only grows (RFC 5280, 5.2.3). The fingerprint only makes the order total.
        Compare `issued` where the order of two CRLs with equal date and number matters.
        """
        return (*self.issued, self.fingerprint)

    @property
    def issued(self) -> tuple[datetime, int]:
        """When it was issued: thisUpdate and the number, which differs between CRLs of the same time."""
        return self.this_update, -1 if self.number is None else self.number

    @property
    def stream(self) -> str:
        """An identifier of all generations of one CRL: issuer, scope, and whether it is a base or a delta. Hex."""
        return _stream(self.issuer, self.raw_scope, self.is_delta)

    @property
    def base_stream(self) -> str:
        """The stream of the complete CRLs of this issuer and scope; a delta's own stream is another one."""
        return _stream(self.issuer, self.raw_scope, False)  # noqa: FBT003 - private

    def may_replace(self, older: CrlFacts) -> bool:
        """Whether it claims to replace `older`, so that the age of `older` does not matter any more.

        A newer generation of the same CRL does. A delta of a later base does not, because it does not fit the bases of
        the older one. A complete CRL that is as new as a delta replaces the delta.
        """
        if self.flaw:
            return False
        if self.stream == older.stream:
            return self.age > older.age and (self.base_number or 0) <= (older.base_number or 0)
        if self.is_delta or not older.is_delta or self.raw_scope != older.raw_scope or self.issued < older.issued:
            return False
        return same_name(self.issuer, older.issuer) and (self.number or 0) >= (older.number or 0)

    def why_unfit_for(self, base: CrlFacts) -> str:
        """Why it is no delta CRL for `base` (RFC 5280, 5.2.4 and 6.3.3 (c); CRL-13, CRL-14); empty if it is one."""
        if self.base_number is None:
            return "has no delta CRL indicator"
        if not same_name(self.issuer, base.issuer):
            return "is a delta of another issuer than the base CRL"
        if not same_scope(self.raw_scope, base.raw_scope, self.issuer):
            return "is a delta of another scope than the base CRL"
        if base.number is None:  # D50: nothing tells which deltas fit
            return "cannot be applied: the base CRL has no number"
        if self.number is None or self.number <= base.number:
            return f"has number {self.number}, not above the base CRL's {base.number}"
        if self.base_number > base.number:
            return f"builds on base number {self.base_number}, newer than the base CRL's {base.number}"
        return ""


def read_facts(data: bytes) -> CrlFacts:
    """The facts of a CRL (DER, or one PEM block), without reading its entries. Raises FormatError."""
    return CrlFacts(**CrlParts.read(crl_der(data)).facts())


@dataclass(frozen=True, slots=True, kw_only=True)
class CrlParts:
    """The members of a CRL; the entries are not parsed."""

    data: bytes
    version: int
    signed: der.Element
    issuer: der.Element
    algorithm: bytes
    this_update: datetime
    next_update: datetime | None
    revoked: der.Element | None
    extensions: Mapping[str, Extension]
    unread: str
    """Why its extensions are ambiguous; empty where they can."""
    said: CrlExtensions
    signature: bytes

    @classmethod
    def read(cls, data: bytes) -> Self:
        """The members of a CRL in DER. Raises FormatError."""
        outer = der.read(data, "crl").fields("crl")
        signed = outer.take(der.SEQUENCE, "tbsCertList")
        algorithm = outer.take(der.SEQUENCE, "signatureAlgorithm").raw
        signature = outer.any("signatureValue").bits("crl.signatureValue")
        outer.end()
        fields = signed.fields("crl")
        stated = fields.maybe(der.INTEGER)
        version = stated.integer("crl.version") + 1 if stated else 1
        if version not in (1, VERSION) or (stated and version == 1):
            raise FormatError("is neither 1 nor 2", where="crl.version")
        if fields.take(der.SEQUENCE, "signature").raw != algorithm:
            raise FormatError("differs from the algorithm outside of the signed part", where="crl.signature")
        issuer = fields.take(der.SEQUENCE, "issuer")
        this_update = fields.any("thisUpdate").time("crl.thisUpdate")
        next_update = fields.maybe(*_TIMES)
        revoked = fields.maybe(der.SEQUENCE)
        explicit = fields.maybe(der.context(0))
        fields.end()
        frame = len(data) - (len(revoked.value) if revoked else 0)
        if frame > limits.CRL_FRAME_BYTES:  # else names and extensions would be read for hours
            raise LimitError(f"the CRL has {frame} bytes beside its entries, more than {limits.CRL_FRAME_BYTES}")
        if explicit and version == 1:
            raise FormatError("has extensions, which version 1 does not know", where="crl")
        extensions, unread = _told_apart(explicit)
        return cls(
            data=data,
            version=version,
            signed=signed,
            issuer=issuer,
            algorithm=algorithm,
            this_update=this_update,
            next_update=next_update.time("crl.nextUpdate") if next_update else None,
            revoked=revoked,
            extensions=extensions,
            unread=unread,
            said=CrlExtensions.read(extensions),
            signature=signature,
        )

    def facts(self) -> dict[str, Any]:
        """The members of `CrlFacts`."""
        scope = self.extensions.get(ISSUING_DISTRIBUTION_POINT)
        return {
            "fingerprint": fingerprint(self.data),
            "version": self.version,
            "issuer": self.issuer.raw,
            "this_update": self.this_update,
            "next_update": self.next_update,
            "number": self.said.number,
            "base_number": self.said.base_number,
            "authority_key": self.said.authority_key,
            "raw_scope": scope.value if scope else b"",
            "size": len(self.data),
            "names_delta": FRESHEST_CRL in self.extensions,
            "flaw": self.unread or self.said.flaw,
        }


@dataclass(frozen=True, slots=True)
class CrlExtensions:
    """What extensions say that has no part in the meaning of an entry; what cannot be read in them is a flaw."""

    number: int | None
    base_number: int | None
    authority_key: bytes | None
    scope: Scope | None
    freshest: tuple[DistributionPoint, ...]
    flaw: str

    @classmethod
    def read(cls, extensions: Mapping[str, Extension]) -> Self:
        """What they say; never raises."""
        flaws: list[str] = []

        def read(what: str, reader: Callable[[], T]) -> T | None:
            try:
                return reader()
            except FormatError as error:
                flaws.append(f"has a {what} that cannot be read ({error})")
                return None

        return cls(
            number=read("number", lambda: _number(extensions, CRL_NUMBER)),
            base_number=read("delta CRL indicator", lambda: _number(extensions, DELTA_CRL_INDICATOR)),
            authority_key=read("authorityKeyIdentifier", lambda: authority_key(extensions)),
            scope=read("issuing distribution point", lambda: _scope(extensions)),
            freshest=read("freshestCRL", lambda: distribution_points(extensions, FRESHEST_CRL)) or (),
            flaw=next(iter(flaws), ""),
        )


def _scope(extensions: Mapping[str, Extension]) -> Scope | None:
    found = extensions.get(ISSUING_DISTRIBUTION_POINT)
    return Scope.parse(found.value) if found else None


def _number(extensions: Mapping[str, Extension], oid: str) -> int | None:
    """The number in an extension of type CRLNumber."""
    extension = extensions.get(oid)
    if extension is None:
        return None
    number = der.read(extension.value, "crl.number").integer("crl.number")
    if number < 0:
        raise FormatError("is negative", where="crl.number")
    return number


def _told_apart(explicit: der.Element | None) -> tuple[Mapping[str, Extension], str]:
    """The extensions; none, and why, where they are ambiguous: any may be among them."""
    try:
        return (read_extensions(explicit.only("crl.extensions")) if explicit else {}), ""
    except FormatError as error:
        return {}, f"has extensions that cannot be read ({error})"
