"""One revocation in a CRL or OCSP response: reason, date and invalidity date."""

from __future__ import annotations

from datetime import datetime
from types import MappingProxyType
from typing import Final

from airgap.parse import der

REASON_CODE: Final = "2.5.29.21"
INVALIDITY_DATE: Final = "2.5.29.24"
CERTIFICATE_ISSUER: Final = "2.5.29.29"

REASONS: Final = MappingProxyType(
    {
        0: "unspecified",
        1: "keyCompromise",
        2: "cACompromise",
        3: "affiliationChanged",
        4: "superseded",
        5: "cessationOfOperation",
        6: "certificateHold",
        8: "removeFromCRL",
        9: "privilegeWithdrawn",
        10: "aACompromise",
    }
)
"""CRLReason (RFC 5280, 5.3.1) by number; 7 is not used."""


def unsigned(serial: int) -> int:
    """A serial number by its octets alone: broken CAs leave out the zero that makes it positive."""
    return serial if serial >= 0 else serial + (1 << 8 * ((~serial).bit_length() // 8 + 1))


def read_reason(element: der.Element) -> str:
    """The name of a CRLReason; the number of an unknown reason, which revokes like any other.

    As in the reference, every reason but certificateHold and removeFromCRL is final (CRL-10).
    """
    code = element.integer("reasonCode", tag=der.ENUMERATED)
    return REASONS.get(code, f"reason {code}")


def read_invalidity_date(value: bytes) -> datetime:
    """The content of the extension invalidityDate (RFC 5280, 5.3.2)."""
    return der.read(value, "invalidityDate").generalized_time("invalidityDate", fractions=False)
