"""Certificate revocation lists as facts (RFC 5280, 5; requirements 10.3).

A CRL is read from its bytes as received, its signature is checked over the signed slice, and its entries are read only
when a serial number is looked up. airgap.revocation.judge decides which CRL counts, how old it may be, and what an
entry means for a signature.

To condemn a certificate and to clear it are two questions with their own conditions (design 10). For the entries it is
enough that the issuer made the CRL (`verify_made_by`, `entries`). For the absence of an entry, the CRL must also have
version 2 (CRL-3), a SHA-2 signature of a CA that may sign CRLs (CRL-4), cover the certificate (D34; RFC 5280, 6.3.3),
and have no unknown critical extension, where freshestCRL counts as unknown (CRL-7). This is stricter than the
reference.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from typing import Any, Final, NoReturn, Self, TypeVar

from airgap import limits
from airgap.errors import Fact, FormatError, LimitError, Undecided
from airgap.hashing import fingerprint
from airgap.parse import der
from airgap.parse.base64 import decode_standard
from airgap.parse.der import Element
from airgap.pki.algorithms import UnverifiedError, verify_ever_accepted, verify_identified
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.pki.crl_entries import RevokedEntry, RevokedList
from airgap.pki.crl_scope import ISSUING_DISTRIBUTION_POINT, Scope, same_scope
from airgap.pki.distinguished_names import name_key, name_text, read_name, same_name
from airgap.pki.extensions import (
    AUTHORITY_KEY_IDENTIFIER,
    FRESHEST_CRL,
    ISSUER_ALTERNATIVE_NAME,
    Extension,
    authority_key,
    distribution_points,
    read_authority_key,
    read_extensions,
)
from airgap.pki.native import guarded
from airgap.reasons import MADE_SO
from airgap.text import quoted, safe

__all__ = [
    "Crl",
    "CrlFacts",
    "RevokedEntry",
    "Scope",
    "claimed_issuer",
    "claimed_key",
    "read_facts",
    "split_pem",
    "whole_key",
]

T = TypeVar("T")

CRL_NUMBER: Final = "2.5.29.20"
DELTA_CRL_INDICATOR: Final = "2.5.29.27"
_UNDERSTOOD: Final = frozenset({ISSUING_DISTRIBUTION_POINT, DELTA_CRL_INDICATOR})
_HARMLESS: Final = _UNDERSTOOD | {CRL_NUMBER, FRESHEST_CRL, AUTHORITY_KEY_IDENTIFIER, ISSUER_ALTERNATIVE_NAME}
"""Extensions that do not change the meaning of an entry, critical or not."""

_VERSION: Final = 2
_KEY_BYTES: Final = 80
"""Bytes of an authorityKeyIdentifier that are searched in a damaged CRL: the key comes first in it."""
_TIMES: Final = (der.UTC_TIME, der.GENERALIZED_TIME)
_PEM = re.compile(rb"-----BEGIN X509 CRL-----[ \t]*\r?\n(?P<body>[A-Za-z0-9+/=\s]*)-----END X509 CRL-----")
_PEM_BEGUN = re.compile(rb"-----BEGIN X509 CRL-----[ \t]*\r?\n(?P<body>[A-Za-z0-9+/\s]*)")
_PEM_OTHER = re.compile(
    rb"-----BEGIN (?P<label>(?:TRUSTED |X509 )?CERTIFICATE)-----[A-Za-z0-9+/=\s]*-----END (?P=label)-----"
)
_PEM_BYTES: Final = limits.CRL_BYTES * 3 // 2


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
    """What cannot be read in it beside its list, so that it clears nobody; what it lists is revoked all the same."""

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
        issuer = repr(name_key(self.issuer)).encode()
        key = b"\0".join((issuer, self.raw_scope, b"delta" if self.is_delta else b"base"))
        return fingerprint(key)[:16]

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
    parts = _Parts.read(_der_of(data))
    return CrlFacts(**parts.facts(_Extensions.in_(parts.extensions)))


def split_pem(data: bytes) -> tuple[bytes, ...]:
    """Each PEM block "X509 CRL" of `data`, if there are several (as nginx and Apache need); else `data` itself.

    Certificates and text between them are left out. Other content between them that may be evidence is returned as a
    piece that no reader accepts: it may be a damaged or cut CRL.
    """
    if data[:1] == b"\x30":
        return (data,)
    from airgap.pki.wrong_files import may_hide_more

    blocks = [match[0] for match in _PEM.finditer(data)]
    rest = [part for gap in _gaps(_PEM_OTHER.sub(b"", data)) for part in re.split(rb"(?=-----BEGIN )", gap)]
    pieces = (*blocks, *(piece for piece in rest if may_hide_more(piece)))
    return pieces if blocks and len(pieces) > 1 else (data,)


def _gaps(data: bytes) -> Iterator[bytes]:
    """The bytes before, between and after the blocks "X509 CRL"."""
    start = 0
    for match in _PEM.finditer(data):
        yield data[start : match.start()]
        start = match.end()
    yield data[start:]


def claimed_issuer(data: bytes) -> bytes | None:
    """The raw issuer Name of a CRL that may be damaged after it; None if it cannot be read.

    None also if there is trailing data: that may be another CRL of any issuer.
    """
    try:
        data = _der_of(data, damaged=True)
        if _end(data) < len(data):
            return None
        # the outer lengths are useless in a cut CRL
        element = der.element_at(data, der.content_at(data, der.content_at(data, 0)), len(data))
        if element.tag == der.INTEGER:
            element = der.element_at(data, element.end, len(data))
        name = der.element_at(data, element.end, len(data)).expect(der.SEQUENCE, "crl.issuer")
        said = name_text(read_name(name, "crl.issuer"))
    except FormatError:
        return None
    return name.raw if said.isprintable() else None  # zeros in it are damage


def _end(data: bytes) -> int:
    """The stated end of the structure at the start of `data`; the end of `data` if it is cut."""
    try:
        return der.element_at(data, 0, len(data)).end
    except FormatError:
        return len(data)


def claimed_key(data: bytes) -> bytes:
    """Bytes of a damaged CRL that contain the identifier of its signing key; empty if not found."""
    try:
        data = _der_of(data, damaged=True)
    except FormatError:
        return b""
    _, _, rest = data.rpartition(der.oid(AUTHORITY_KEY_IDENTIFIER))
    return rest[:_KEY_BYTES]


def whole_key(claimed: bytes) -> bytes | None:
    """The key identifier in the result of `claimed_key`, if the whole extension can be read."""
    try:
        element = der.element_at(claimed, 0, len(claimed))
        if element.tag == der.BOOLEAN:
            element = der.element_at(claimed, element.end, len(claimed))
        return read_authority_key(element.expect(der.OCTET_STRING, "authorityKeyIdentifier").value)
    except FormatError:
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Crl(CrlFacts):
    """One CRL. Compared by fingerprint."""

    der: bytes = field(repr=False, compare=False)
    issuer_text: str = field(compare=False)
    """For people; made by others, so use `safe` before a terminal sees it."""
    scope: Scope | None = field(compare=False)
    """The issuing distribution point; None if the CRL covers all certificates of its issuer."""
    freshest: tuple[DistributionPoint, ...] = field(compare=False)
    """The distribution points of its delta CRLs."""
    critical_extensions: frozenset[str] = field(compare=False)
    signature_algorithm: bytes = field(repr=False, compare=False)
    """The raw DER AlgorithmIdentifier."""
    _signed: Element = field(repr=False, compare=False)
    _signature: bytes = field(repr=False, compare=False)
    _revoked: RevokedList = field(repr=False, compare=False)
    _unread: str = field(repr=False, compare=False)
    """Why its extensions cannot be told from each other; empty where they can."""
    _verified: set[tuple[str, bool]] = field(repr=False, compare=False, default_factory=set)
    """Issuers (by fingerprint) under whose key the signature has verified; True if SHA-1 was not accepted."""
    _found: dict[tuple[int, bytes], tuple[RevokedEntry, ...]] = field(repr=False, compare=False, default_factory=dict)

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The CRL in `data` (DER, or one PEM block "X509 CRL"). Raises only FormatError.

        `entries` reads the entries later, and raises if they are malformed.
        """
        parts = _Parts.read(_der_of(data))
        said = _Extensions.in_(parts.extensions)
        return cls(
            **parts.facts(said),
            der=parts.data,
            issuer_text=name_text(read_name(parts.issuer, "crl.issuer")),
            scope=said.scope,
            freshest=said.freshest,
            critical_extensions=frozenset(item.oid for item in parts.extensions.values() if item.critical),
            signature_algorithm=parts.algorithm,
            _signed=parts.signed,
            _signature=parts.signature,
            _revoked=RevokedList(parts.data, parts.revoked),
            _unread=parts.unread,
        )

    @property
    def facts(self) -> CrlFacts:
        """Its facts, without its bytes."""
        return CrlFacts(**{member.name: getattr(self, member.name) for member in fields(CrlFacts)})

    def check_base(self) -> None:
        """Checks that it is a complete CRL and no delta (CRL-16). Raises Undecided (revocation.crl.malformed)."""
        if self.is_delta:
            self._refuse("revocation.crl.malformed", "is a delta CRL where a base is needed")

    def may_be_from(self, issuer: Certificate) -> bool:
        """False if the CRL has another issuer name, or claims another key of the same name."""
        if not same_name(self.issuer, issuer.subject):
            return False
        known = issuer.subject_key
        return self.authority_key is None or known is None or self.authority_key == known

    def verify_made_by(self, issuer: Certificate, *others: Certificate) -> Certificate:
        """Checks that the key of `issuer` made this CRL: enough for entries that condemn (design 10).

        `others`: further certificates of the same CA, with other keys. Returns the one whose key signed. Names are
        compared by RFC 5280, 7.1; any hash is accepted; no key usage is required. Raises Undecided:
        revocation.crl.issuer, revocation.crl.signature.
        """
        try:
            self._check_named(issuer)
            self.verify_intact(issuer)
        except Undecided:
            for other in others:
                with suppress(Undecided):
                    return self.verify_made_by(other)
            raise
        return issuer

    def verify_intact(self, issuer: Certificate) -> None:
        """Checks that the key of `issuer` signed these bytes, whatever their issuer name. Raises Undecided."""
        self._verify(issuer, strict=False)

    def verify_signed_by(self, issuer: Certificate) -> None:
        """Checks that `issuer` made this CRL and may do so, with an accepted algorithm and version 2 (CRL-3, CRL-4).

        Raises Undecided: revocation.crl.issuer, revocation.crl.signature, revocation.crl.malformed. A signature that
        has verified is not computed again.
        """
        self._check_named(issuer)
        if not issuer.is_ca:
            self._refuse("revocation.crl.issuer", f"is from {quoted(issuer.subject_text)}, which is no CA")
        # RFC 5280, 6.3.3 (f): only where there is a key usage
        if issuer.key_usage and "cRLSign" not in issuer.key_usage.bits:
            self._refuse(
                "revocation.crl.issuer",
                f"is from {quoted(issuer.subject_text)}, whose key usage does not allow it to sign CRLs",
            )
        self._verify(issuer, strict=True)
        if self.version != _VERSION:
            self._refuse("revocation.crl.malformed", f"has version {self.version}, not {_VERSION}")

    def _check_named(self, issuer: Certificate) -> None:
        if not same_name(self.issuer, issuer.subject):
            self._refuse(
                "revocation.crl.issuer",
                f"is from {quoted(self.issuer_text)}, not from the certificate's issuer {quoted(issuer.subject_text)}",
            )

    def _verify(self, issuer: Certificate, *, strict: bool) -> None:
        if not self._verified.isdisjoint({(issuer.fingerprint, strict), (issuer.fingerprint, True)}):
            return
        verify = verify_identified if strict else verify_ever_accepted
        try:
            guarded(verify, self.signature_algorithm, issuer.public_key, self._signature, self._signed.raw)
        except UnverifiedError as error:
            self._check_key_named(issuer)
            self._refuse("revocation.crl.signature", f"is not valid: its signature {error.problem}")
        except FormatError as error:
            self._refuse("revocation.crl.signature", f"is not valid: its signature {error}")
        self._verified.add((issuer.fingerprint, strict))

    def _check_key_named(self, issuer: Certificate) -> None:
        """Raises the better error for a CRL that claims another key than that of `issuer`."""
        if self.may_be_from(issuer) or not self.authority_key or not issuer.subject_key:
            return
        raise Undecided(
            "revocation.crl.signature",
            f"the CRL is of another key of {quoted(self.issuer_text)}: it names the key {self.authority_key.hex()}, "
            f"and the certificate was issued with {issuer.subject_key.hex()}",
            **self._facts(),
        ).advising(
            "A CA that renewed its key has a CRL for each of its keys: fetch the one of the key that issued the "
            "certificate (airgap trust fetch), or ask the CA for it."
        )

    def check_covers(self, certificate: Certificate, point: DistributionPoint | None) -> None:
        """Checks that the absence of `certificate` is an answer (D34; RFC 5280, 6.3.3 (b)); see `Scope.reasons`.

        `point`: the distribution point to answer for; None means any point of the certificate. Raises Undecided:
        revocation.crl.issuer, revocation.crl.scope, revocation.crl.extension, revocation.crl.malformed.
        """
        self.check_understood()
        if not same_name(self.issuer, certificate.issuer):
            self._refuse(
                "revocation.crl.issuer",
                f"is from {quoted(self.issuer_text)}, not from the certificate's issuer "
                f"{quoted(certificate.issuer_text)}",
            )
        if self._names_issuers() and self._revoked.lists(certificate.serial):
            self._refuse("revocation.crl.extension", "lists certificates of another issuer (certificateIssuer)")
        if point and point.crl_issuer:
            self._refuse(
                "revocation.crl.scope", "cannot answer for a distribution point that names a CRL issuer", MADE_SO
            )
        points = (point,) if point else certificate.distribution_points
        scope, issuer = self.scope, certificate.issuer
        problem = scope.problem(is_ca=certificate.is_ca, points=points, issuer=issuer) if scope else None
        if problem:
            remedy = MADE_SO if scope and scope.indirect else ""
            self._refuse(
                "revocation.crl.scope", f"does not cover {quoted(certificate.subject_text)}: {problem}", remedy
            )

    def check_fits(self, base: CrlFacts) -> None:
        """Checks that it is a delta CRL for `base` (RFC 5280, 5.2.4 and 6.3.3 (c); CRL-13, CRL-14).

        The caller checks dates. Raises Undecided: revocation.crl.delta, revocation.crl.extension.
        """
        self.check_understood()
        if problem := self.why_unfit_for(base):
            self._refuse("revocation.crl.delta", problem)

    def entries(self, certificate: Certificate) -> tuple[RevokedEntry, ...]:
        """All entries for `certificate`, in their order; empty if it is not listed. Some may be in doubt.

        Does not check the signature and the scope of the CRL. Raises Undecided (revocation.crl.malformed) if the list
        cannot be read.
        """
        key = certificate.serial, certificate.issuer
        if key not in self._found:  # condemning and clearing look up the same entries
            self._found[key] = self.entries_for(*key)
        return self._found[key]

    def entries_for(self, serial: int, issuer: bytes) -> tuple[RevokedEntry, ...]:
        """The same for a serial number of `issuer` (raw DER Name)."""
        try:
            is_indirect = self.scope is not None and self.scope.indirect
            found = self._revoked.find(serial, issuer, self.issuer, is_indirect=is_indirect)
        except Undecided as error:
            raise Undecided(error.reason, str(error), **{**self._facts(), **error.facts}) from None
        unknown = sorted(self.critical_extensions - _HARMLESS)
        if unknown or self._unread:
            what = f"with a critical extension that is not understood ({safe(unknown[0], limit=64)})" if unknown else ""
            doubt = f"stands in a CRL {what or f'that {self._unread}'}"
            return tuple(replace(entry, doubt=entry.doubt or doubt) for entry in found)
        return found

    def lists_all_of(self, older: Crl) -> bool:
        """Whether every entry of `older` is in this CRL, too, byte for byte, so that `older` is not needed."""
        return self._revoked.contains(older._revoked)

    def check_understood(self) -> None:
        """Checks that all is read and no critical extension is unknown: else a missing entry means nothing (CRL-7).

        Raises Undecided.
        """
        if self.flaw:
            self._refuse("revocation.crl.malformed", self.flaw)
        unknown = sorted(self.critical_extensions - _UNDERSTOOD)
        if unknown:
            self._refuse(
                "revocation.crl.extension",
                "has a critical extension that is not understood "
                f"({', '.join(safe(oid, limit=64) for oid in unknown)})",
                extension=safe(unknown[0], limit=64),
            )

    def check_clears(self) -> None:
        """Checks that the absence of an entry is an answer for every certificate in its scope. Raises Undecided."""
        self.check_understood()
        if self._names_issuers():
            self._refuse("revocation.crl.extension", "lists certificates of another issuer (certificateIssuer)")

    def _names_issuers(self) -> bool:
        try:
            return self._revoked.names_issuers
        except FormatError as error:
            self._refuse("revocation.crl.malformed", f"has a list that is malformed: {error}")

    def _refuse(self, reason: str, problem: str, remedy: str = "", **facts: Fact) -> NoReturn:
        raise Undecided(reason, f"the CRL {problem}", **{**self._facts(), **facts}).advising(remedy)

    def _facts(self) -> dict[str, Fact]:
        return {
            "crl": self.fingerprint,
            "crl_issuer": safe(self.issuer_text),
            "crl_number": None if self.number is None else str(self.number),
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
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
    signature: bytes

    @classmethod
    def read(cls, data: bytes) -> Self:
        outer = der.read(data, "crl").fields("crl")
        signed = outer.take(der.SEQUENCE, "tbsCertList")
        algorithm = outer.take(der.SEQUENCE, "signatureAlgorithm").raw
        signature = outer.any("signatureValue").bits("crl.signatureValue")
        outer.end()
        fields = signed.fields("crl")
        stated = fields.maybe(der.INTEGER)
        version = stated.integer("crl.version") + 1 if stated else 1
        if version not in (1, _VERSION) or (stated and version == 1):
            raise FormatError("is neither 1 nor 2", where="crl.version")
        if fields.take(der.SEQUENCE, "signature").raw != algorithm:
            raise FormatError("differs from the algorithm outside of the signed part", where="crl.signature")
        issuer = fields.take(der.SEQUENCE, "issuer")
        this_update = fields.any("thisUpdate").time("crl.thisUpdate")
        next_update = fields.maybe(*_TIMES)
        revoked = fields.maybe(der.SEQUENCE)
        explicit = fields.maybe(der.context(0))
        fields.end()
        if explicit and version == 1:
            raise FormatError("has extensions, which version 1 does not know", where="crl")
        extensions, unread = _read_extensions(explicit)
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
            signature=signature,
        )

    def facts(self, said: _Extensions) -> dict[str, Any]:
        """The members of `CrlFacts`."""
        scope = self.extensions.get(ISSUING_DISTRIBUTION_POINT)
        return {
            "fingerprint": fingerprint(self.data),
            "version": self.version,
            "issuer": self.issuer.raw,
            "this_update": self.this_update,
            "next_update": self.next_update,
            "number": said.number,
            "base_number": said.base_number,
            "authority_key": said.authority_key,
            "raw_scope": scope.value if scope else b"",
            "size": len(self.data),
            "names_delta": FRESHEST_CRL in self.extensions,
            "flaw": self.unread or said.flaw,
        }


@dataclass(frozen=True, slots=True)
class _Extensions:
    """What extensions say that has no part in the meaning of an entry; what cannot be read in them is a flaw."""

    number: int | None
    base_number: int | None
    authority_key: bytes | None
    scope: Scope | None
    freshest: tuple[DistributionPoint, ...]
    flaw: str

    @classmethod
    def in_(cls, extensions: Mapping[str, Extension]) -> Self:
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


def _read_extensions(explicit: Element | None) -> tuple[Mapping[str, Extension], str]:
    """The extensions; none, and why, where they cannot be told from each other: any may stand among them."""
    try:
        return (read_extensions(explicit.only("crl.extensions")) if explicit else {}), ""
    except FormatError as error:
        return {}, f"has extensions that cannot be read ({error})"


def _der_of(data: bytes, *, damaged: bool = False) -> bytes:
    if len(data) > _PEM_BYTES:
        raise LimitError(f"the CRL has {len(data)} bytes, more than {_PEM_BYTES}")
    if data[:1] != b"\x30":
        block = _PEM.search(data) or (_PEM_BEGUN.search(data) if damaged else None)
        if not block:
            raise FormatError("the CRL is neither DER nor a PEM block X509 CRL")
        if _PEM.search(data, block.end()):
            raise FormatError("the file holds more than one CRL")
        body = b"".join(block["body"].split())
        data = decode_standard(body[: len(body) // 4 * 4 if damaged else None].decode("ascii"), where="crl")
    if len(data) > limits.CRL_BYTES and not damaged:
        raise LimitError(f"the CRL has {len(data)} bytes, more than {limits.CRL_BYTES}")
    return data
