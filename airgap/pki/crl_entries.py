"""The entries of one CRL, with a fast and complete search for a serial number.

A CRL may have a million entries, and most certificates are not listed. So compiled code checks the list once as a
whole, and then the bytes of a serial number are searched in it. That is complete: the list is strict DER, so an entry
for the serial must contain exactly these bytes. The bytes may also occur elsewhere (in a date, an extension or across
entries), so hits are compared with the real boundaries of the entries.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import itemgetter
from typing import Final

from cryptography.exceptions import UnsupportedAlgorithm

from airgap import limits
from airgap.errors import FormatError, Undecided
from airgap.hashing import short_hash
from airgap.parse import der
from airgap.pki.distinguished_names import parse_maker, same_name
from airgap.pki.extensions import Extension, read_extensions
from airgap.pki.native import guarded
from airgap.pki.revoked import CERTIFICATE_ISSUER, INVALIDITY_DATE, REASON_CODE, read_invalidity_date, read_reason
from airgap.text import safe

_UNDERSTOOD: Final = frozenset({REASON_CODE, INVALIDITY_DATE, CERTIFICATE_ISSUER})
_CERTIFICATE_ISSUER_DER: Final = der.oid(CERTIFICATE_ISSUER)
_LONG: Final = 0x80
"""The first octet of a length with several octets."""
_STRIDE: Final = 64
"""The offset of one entry in so many is kept."""


@dataclass(frozen=True, slots=True)
class RevokedEntry:
    """One entry for a certificate."""

    reason: str | None
    """A name of RFC 5280, 5.3.1 ("keyCompromise"); None where the entry states none."""
    revocation_date: datetime
    invalidity_date: datetime | None
    doubt: str = ""
    """Why the meaning or the certificate of the entry is uncertain; empty if it is certain."""


class RevokedList:
    """The revokedCertificates of the CRL `data`; `element` is None if the CRL has none."""

    __slots__ = ("_checked", "_data", "_element", "_found_issuers", "_known_marks", "_places")

    def __init__(self, data: bytes, element: der.Element | None) -> None:
        self._data = data
        self._element = element
        self._checked = False
        self._found_issuers: Sequence[tuple[int, bytes | None]] | None = None
        self._places: Sequence[int] = ()
        self._known_marks: Sequence[int] | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is in it."""
        return self._element is None or not self._element.value

    def find(self, serial: int, issuer: bytes, crl_issuer: bytes, *, is_indirect: bool) -> tuple[RevokedEntry, ...]:
        """Every entry for the certificate of `issuer` (raw DER Name) with this serial number, in their order.

        An entry belongs to the issuer in the last certificateIssuer at or before it, or to `crl_issuer` if there is
        none (RFC 5280, 5.3.3). Only an indirect CRL may have that extension. An entry with an uncertain meaning has a
        `RevokedEntry.doubt`: it has an unknown critical extension (CRL-9) or an unreadable extension, it names another
        issuer in a CRL that is not indirect, or it has the serial number without its sign. Raises Undecided
        (revocation.crl.malformed) if the list itself is malformed.
        """
        try:
            self._check_form()
            return tuple(self._found(serial, issuer, crl_issuer, is_indirect=is_indirect))
        except FormatError as error:
            raise Undecided("revocation.crl.malformed", f"the CRL's list is malformed: {error}") from None

    def _found(self, serial: int, issuer: bytes, crl_issuer: bytes, *, is_indirect: bool) -> Iterator[RevokedEntry]:
        whole = der.integer(serial)
        bits = serial.bit_length()
        # how broken CAs write it: without the zero that makes it positive
        negative = [] if serial <= 0 or bits % 8 else [der.tlv(der.INTEGER, serial.to_bytes(bits // 8, "big"))]
        for needle in (whole, *negative):
            for count, item in enumerate(self._entries_for(needle)):
                if count == limits.ENTRIES_OF_ONE_SERIAL:
                    yield _read_entry(item, f"is one of more than {count} with this serial number")
                    break
                name = self._issuer_of(item, crl_issuer)
                if name is None:
                    yield _read_entry(item, "belongs to a certificateIssuer that cannot be read")
                elif same_name(name, issuer):
                    yield _read_entry(item, "" if needle is whole else "states the serial number as a negative one")
                elif not is_indirect and same_name(crl_issuer, issuer):
                    yield _read_entry(
                        item, "belongs to another issuer (certificateIssuer), and the CRL is not indirect"
                    )

    def _issuer_of(self, entry: der.Element, crl_issuer: bytes) -> bytes | None:
        """The raw Name of the issuer of the certificate of an entry; None if it cannot be read."""
        before = bisect_right(self._issuers, entry.start, key=itemgetter(0))
        return self._issuers[before - 1][1] if before else crl_issuer

    def lists(self, serial: int) -> bool:
        """Whether there is an entry for this serial number, for any issuer. False in a malformed list."""
        try:
            return any(True for _ in self._entries_for(der.integer(serial)))
        except FormatError:
            return False

    def contains(self, other: RevokedList) -> bool:
        """Whether every entry of `other` is here with the same bytes. False if either list is malformed.

        Entries are compared by eight bytes of their hashes, so that two lists of a million take 50 MB, not 500.
        """
        try:
            marks, others = self._marks(), other._marks()
        except FormatError:
            return False
        return marks == others or all(_holds(marks, mark) for mark in others)

    def _marks(self) -> Sequence[int]:
        """In order; kept, because a list is compared with many others. Raises FormatError."""
        if self._known_marks is None:
            entries = self._element.walk() if self._element else ()
            self._known_marks = array("Q", sorted(short_hash(entry.raw) for entry in entries))
        return self._known_marks

    def _check_form(self) -> None:
        if self._checked or self._element is None:
            return
        from cryptography import (
            x509,
        )  # imported here: it costs a tenth of the time of a small verify, and most CRLs are empty

        try:
            guarded(x509.load_der_x509_crl, self._data)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise FormatError(f"is no list of revoked certificates ({safe(error, limit=200)})") from None
        self._checked = True

    def _entries_for(self, needle: bytes) -> Iterator[der.Element]:
        return (entry for entry in self._entries_with(needle) if self._data.startswith(needle, entry.content))

    @property
    def names_issuers(self) -> bool:
        """Whether some entry has a certificateIssuer, as only indirect CRLs may (RFC 5280, 5.3.3).

        Raises FormatError if the list itself is malformed.
        """
        return bool(self._issuers)

    def owners(self, crl_issuer: bytes) -> Iterator[bytes | None]:
        """For each entry the raw Name of the issuer of its certificate, as in `find`; None if it cannot be read.

        Raises FormatError if the list itself is malformed.
        """
        stated: dict[int, bytes | None] = dict(self._issuers)
        owner: bytes | None = crl_issuer
        for entry in self._element.walk() if self._element else ():
            owner = stated.get(entry.start, owner)
            yield owner

    @property
    def _issuers(self) -> Sequence[tuple[int, bytes | None]]:
        """The offset of each entry with a certificateIssuer, and the raw Name in it, in their order."""
        if self._found_issuers is None:
            self._found_issuers = tuple(
                (entry.start, _issuer_name(extension.value))
                for entry in self._entries_with(_CERTIFICATE_ISSUER_DER)
                if (extension := _entry_extensions(entry).get(CERTIFICATE_ISSUER))
            )
        return self._found_issuers

    def _entries_with(self, needle: bytes) -> Iterator[der.Element]:
        """The entries in which `needle` begins, each once: one entry may hold it a million times."""
        element = self._element
        if element is None:
            return
        data = self._data
        offset = data.find(needle, element.content, element.end)
        while offset >= 0:
            self._places = self._places or _places(data, element)
            position = self._places[bisect_right(self._places, offset) - 1]
            while (end := _end(data, position, element.end)) <= offset:
                position = end
            yield der.element_at(data, position, element.end).expect(der.SEQUENCE, "revokedCertificates")
            offset = data.find(needle, end, element.end)


def _places(data: bytes, element: der.Element) -> Sequence[int]:
    """The offsets of every `_STRIDE`th entry, in one pass over all headers: a million in 0.1 s."""
    places = array("Q")
    position, last = element.content, element.end
    while position < last:
        places.append(position)
        for _ in range(_STRIDE):
            # the usual header of an entry, read like in `_end` but without a call
            length = data[position + 1]
            short = length < _LONG and data[position] == der.SEQUENCE
            position = position + 2 + length if short else der.element_at(data, position, last).end
            if position >= last:
                break
    return places


def _end(data: bytes, position: int, last: int) -> int:
    length = data[position + 1]
    if length < _LONG and data[position] == der.SEQUENCE:
        return position + 2 + length
    return der.element_at(data, position, last).end


def _holds(marks: Sequence[int], mark: int) -> bool:
    place = bisect_left(marks, mark)
    return place < len(marks) and marks[place] == mark


def _read_entry(element: der.Element, doubt: str) -> RevokedEntry:
    found = _entry_extensions(element)
    fields = element.fields("revokedCertificates")
    fields.any("userCertificate")
    moment = fields.any("revocationDate").time("revokedCertificates.revocationDate")
    reason, invalidity = found.get(REASON_CODE), found.get(INVALIDITY_DATE)
    try:
        return RevokedEntry(
            read_reason(der.read(reason.value, "reasonCode")) if reason else None,
            moment,
            read_invalidity_date(invalidity.value) if invalidity else None,
            doubt or _doubt(found),
        )
    except FormatError as error:
        return RevokedEntry(None, moment, None, f"has an extension that cannot be read ({error})")


def _doubt(extensions: Mapping[str, Extension]) -> str:
    unknown = sorted(item.oid for item in extensions.values() if item.critical and item.oid not in _UNDERSTOOD)
    if unknown:
        listed = ", ".join(safe(oid, limit=64) for oid in unknown)
        return f"has a critical extension that is not understood ({listed})"
    return ""


def _issuer_name(value: bytes) -> bytes | None:
    """The raw Name in a certificateIssuer (RFC 5280, 5.3.3: GeneralNames); None if there is not exactly one.

    None as well where it cannot be read: it may be any CA's, in a string type that is not known here.
    """
    try:
        names = der.read(value, "certificateIssuer").expect(der.SEQUENCE, "certificateIssuer").children()
        directory = [name.only("certificateIssuer").raw for name in names if name.tag == der.context(4)]
        for raw in directory:
            parse_maker(raw, where="certificateIssuer")
    except FormatError:
        return None
    return directory[0] if len(directory) == 1 else None


def _entry_extensions(element: der.Element) -> dict[str, Extension]:
    fields = element.fields("revokedCertificates")
    fields.take(der.INTEGER, "userCertificate")
    fields.any("revocationDate")
    extensions = fields.maybe(der.SEQUENCE)
    fields.end()
    return dict(read_extensions(extensions)) if extensions else {}
