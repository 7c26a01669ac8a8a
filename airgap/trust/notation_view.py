"""What notation learns from CRLs: where it reads less of them than we do, it would judge milder."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from airgap.errors import FormatError
from airgap.pki.crl import Crl
from airgap.pki.revoked import INVALIDITY_DATE, REASON_CODE
from airgap.pki.single_response import SingleResponse
from airgap.revocation.query import HOLD, REMOVED
from airgap.text import safe

if TYPE_CHECKING:  # imported only when there is a CRL with entries
    from cryptography import x509

_PASSING = frozenset({HOLD, REMOVED})
_UNDERSTOOD = frozenset({REASON_CODE, INVALIDITY_DATE})
"""Extensions of an entry that may be critical."""


class MilderError(Exception):
    """notation would judge milder by this CRL."""

    def __init__(self, problem: str, file: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.file = file
        """The file that is the reason, where it is not the CRL itself."""


class ListedSerial(NamedTuple):
    """What is said against a serial number."""

    serial: int
    is_final: bool
    """Whether it is revoked for good; else on hold."""
    since: datetime | None
    """Since when its key is invalid (CRL-12): what was signed before is good. None where that is not stated."""
    owner: bytes | None = None
    """The raw Name of the issuer of the certificate (RFC 5280, 5.3.3), at which notation does not look.

    None where it is not known.
    """

    def covers(self, other: ListedSerial) -> bool:
        """Whether it is as grave as `other`, about the same serial number."""
        if self.is_final < other.is_final:
            return False
        return self.since is None or (other.since is not None and self.since <= other.since)


class ListedEntry(NamedTuple):
    """An entry of a CRL."""

    serial: int
    reason: str | None
    revoked_at: datetime
    since: datetime | None
    owner: bytes | None

    @property
    def listing(self) -> ListedSerial:
        """What it says against the serial number."""
        return ListedSerial(self.serial, self.reason != HOLD, self.since, self.owner)


class Learned(NamedTuple):
    """What notation learns from the CRLs for one URL."""

    revoked: frozenset[int]
    """Serial numbers that are revoked for good, whenever something was signed."""
    others: Mapping[int, Sequence[ListedSerial]]
    lifts: bool
    """Whether a hold in them is lifted."""

    def has(self, item: ListedSerial) -> bool:
        """Whether notation learns of it."""
        return item.serial in self.revoked or any(known.covers(item) for known in self.others.get(item.serial, ()))

    def has_answer(self, single: SingleResponse) -> bool:
        """Whether notation learns of what a response says against a certificate."""
        return self.has(ListedSerial(single.serial, is_final=True, since=single.invalidity_date))

    @classmethod
    def of(cls, crls: Iterable[Crl]) -> Learned:
        """`crls` are the base CRL and its delta.

        Raises MilderError where notation would not look at all entries: it stops at one whose key became invalid after
        the signature (CRL-12). Raises FormatError.
        """
        revoked: set[int] = set()
        rest: defaultdict[int, list[ListedEntry]] = defaultdict(list)
        for entry in (entry for crl in crls for entry in entries_of(crl)):
            if entry.since or entry.reason in _PASSING:
                rest[entry.serial].append(entry)
            else:
                revoked.add(entry.serial)
        others: dict[int, Sequence[ListedSerial]] = {}
        lifts = False
        for serial, entries in rest.items():
            stop = max((entry.since for entry in entries if entry.since), default=None)
            against = [entry for entry in entries if entry.reason != REMOVED]
            if stop and (serial in revoked or any(entry.since is None or entry.since < stop for entry in against)):
                raise MilderError(f"lists the serial number {serial:x} twice, and notation may stop at the first")
            passing = [entry for entry in entries if entry.reason in _PASSING]
            latest = max(passing, key=lambda entry: entry.revoked_at, default=None)
            lifts |= latest is not None and latest.reason == REMOVED
            others[serial] = [entry.listing for entry in against if entry.reason != HOLD or entry is latest]
        return cls(frozenset(revoked), others, lifts)


def entries_of(crl: Crl) -> Iterator[ListedEntry]:
    """The entries of a CRL. Raises FormatError."""
    from cryptography import x509

    try:
        for entry, owner in zip(x509.load_der_x509_crl(crl.der), crl.owners(), strict=True):
            since = _invalid_since(entry)
            yield ListedEntry(entry.serial_number, _reason(entry), entry.revocation_date_utc, since, owner)
    except (ValueError, TypeError) as error:
        raise FormatError(f"the list of revoked certificates is malformed ({safe(error, limit=200)})") from None


def _reason(entry: x509.RevokedCertificate) -> str | None:
    from cryptography import x509

    try:
        if any(item.critical and item.oid.dotted_string not in _UNDERSTOOD for item in entry.extensions):
            return None
        return entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value
    except x509.ExtensionNotFound:
        return None
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None  # an entry that is not understood counts as the worst case


def _invalid_since(entry: x509.RevokedCertificate) -> datetime | None:
    from cryptography import x509

    try:
        return entry.extensions.get_extension_for_class(x509.InvalidityDate).value.invalidity_date_utc
    except (x509.ExtensionNotFound, ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        return None
