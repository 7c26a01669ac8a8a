"""What an answer about revocation rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceUse:
    """One piece of evidence that a revocation verdict rests on."""

    certificate: str
    """Subject of the certificate that was asked about."""
    chain: str
    """`signing` or `tsa`."""
    kind: str
    """`crl`, `delta-crl`, `ocsp`, or `none` for a certificate that names no way to ask."""
    status: str
    """`good` or `revoked`, and how."""
    name: str = ""
    origin: str = ""
    number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    good_until: datetime | None = None
    """Until when it answers: nextUpdate, or the end of the OCSP delegate that signed it, whichever comes first."""
    accepted_stale: bool = False
    notes: tuple[str, ...] = ()
    """What a person should know beside the answer, however quiet the report is: newer evidence that does not count."""
