"""The answer of an OCSP responder about one certificate (RFC 6960, SingleResponse)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal, Self

from airgap.errors import FormatError
from airgap.hashing import digest
from airgap.parse import der
from airgap.parse.der import Element
from airgap.pki import digests
from airgap.pki.certificate import Certificate
from airgap.pki.extensions import Extension, read_extensions
from airgap.pki.revoked import INVALIDITY_DATE, read_invalidity_date, read_reason, unsigned
from airgap.text import safe

Status = Literal["good", "revoked", "unknown"]
SEVERITY: Final[tuple[Status, ...]] = ("revoked", "unknown", "good")


@dataclass(frozen=True, slots=True, kw_only=True)
class SingleResponse:
    """The answer of the responder about one certificate."""

    hash_name: str
    """The hashlib name of the hash of the CertID (SHA-1 is usual and harmless), or its identifier."""
    issuer_name_hash: bytes
    issuer_key_hash: bytes
    serial: int
    status: Status
    this_update: datetime
    next_update: datetime | None
    """None where the responder states none: what that means is the caller's decision (D36)."""
    revocation_time: datetime | None = None
    reason: str | None = None
    """A name of RFC 5280, 5.3.1; None where none is stated."""
    invalidity_date: datetime | None = None
    doubt: str = ""
    """Why the meaning of the answer is uncertain (an unknown critical extension); empty if it is certain."""

    @classmethod
    def parse(cls, element: Element, doubt: str) -> Self:
        """The answer in `element`; `doubt`: why all answers of the response are uncertain. Raises FormatError."""
        where = "ocsp.responses"
        fields = element.fields(where)
        identifier = fields.any("certID").fields(f"{where}.certID")
        hash_name = digests.hash_identifier(identifier.any("hashAlgorithm"), f"{where}.certID.hashAlgorithm")
        name_hash = identifier.any("issuerNameHash").octets(f"{where}.certID.issuerNameHash")
        key_hash = identifier.any("issuerKeyHash").octets(f"{where}.certID.issuerKeyHash")
        serial = identifier.any("serialNumber").integer(f"{where}.certID.serialNumber")
        identifier.end()
        status, revocation_time, reason = _status(fields.any("certStatus"))
        this_update = fields.any("thisUpdate").generalized_time(f"{where}.thisUpdate", fractions=False)
        next_update = fields.maybe(der.context(0))
        known = frozenset({INVALIDITY_DATE})
        extensions, in_doubt = read_known_extensions(fields.maybe(der.context(1)), f"{where}.singleExtensions", known)
        fields.end()
        invalidity = extensions.get(INVALIDITY_DATE)
        return cls(
            hash_name=hash_name,
            issuer_name_hash=name_hash,
            issuer_key_hash=key_hash,
            serial=serial,
            status=status,
            this_update=this_update,
            next_update=_time(next_update, f"{where}.nextUpdate") if next_update else None,
            revocation_time=revocation_time,
            reason=reason,
            invalidity_date=_invalidity_date(invalidity),
            doubt=doubt or in_doubt,
        )

    def may_be_about(self, certificate: Certificate, issuers: Iterable[Certificate]) -> bool:
        """Whether it may be about this certificate: the serial number with the key or the name of an issuer is enough.

        Issuers write their own name in several string types, so its hash may differ. The request may have used another
        certificate of the CA, as after a renewal, with another spelling of the name. And an unknown or wrong hash
        algorithm may hide any issuer.
        """
        is_certain = digests.may_be_of(self.issuer_key_hash, self.hash_name)
        return self.may_state(certificate.serial) and (not is_certain or any(map(self.has_key_or_name_of, issuers)))

    def may_state(self, serial: int) -> bool:
        """Whether it is about this serial number, or states it without the zero that makes it positive."""
        return unsigned(self.serial) == unsigned(serial)

    def names(self, issuer: Certificate) -> bool:
        """Whether the key hash in the CertID is that of `issuer`."""
        return digests.known(self.hash_name) and self.issuer_key_hash in issuer.key_hashes(self.hash_name)

    def has_key_or_name_of(self, issuer: Certificate) -> bool:
        """Whether the CertID has the key or the name of `issuer`: a damaged one still has the other."""
        return self.names(issuer) or self._has_name_of(issuer)

    def is_about(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether the CertID is that of this certificate: name hash, key hash and serial number (RFC 6960, 4.1.1)."""
        return self.serial == certificate.serial and self._has_name_of(issuer) and self.names(issuer)

    def _has_name_of(self, issuer: Certificate) -> bool:
        known = digests.known(self.hash_name)
        return known and self.issuer_name_hash == digest(self.hash_name, issuer.subject)


def _status(element: Element) -> tuple[Status, datetime | None, str | None]:
    where = "ocsp.responses.certStatus"
    if element.tag == der.context(1):
        fields = element.fields(where, tag=der.context(1))
        moment = fields.any("revocationTime").generalized_time(f"{where}.revocationTime", fractions=False)
        reason = fields.maybe(der.context(0))
        fields.end()
        return "revoked", moment, read_reason(reason.only(where)) if reason else None
    if element.tag not in (der.context(0, constructed=False), der.context(2, constructed=False)) or element.value:
        raise FormatError("is neither good, revoked nor unknown", where=where)
    return ("good" if element.tag == der.context(0, constructed=False) else "unknown"), None, None


def _invalidity_date(extension: Extension | None) -> datetime | None:
    """OCSP-7: an unreadable date does not weaken the revocation."""
    try:
        return read_invalidity_date(extension.value) if extension else None
    except FormatError:
        return None


def _time(explicit: Element, where: str) -> datetime:
    return explicit.only(where).generalized_time(where, fractions=False)


def read_known_extensions(
    explicit: Element | None, where: str, known: frozenset[str]
) -> tuple[Mapping[str, Extension], str]:
    """The extensions, and why it is not certain what is beside them; `known`: those that may be critical."""
    try:
        found = {} if explicit is None else read_extensions(explicit.only(where))
    except FormatError as error:
        return {}, f"has extensions that cannot be read ({error})"
    unknown = sorted(item.oid for item in found.values() if item.critical and item.oid not in known)
    return found, (f"has a critical extension that is not understood ({safe(unknown[0], limit=64)})" if unknown else "")
