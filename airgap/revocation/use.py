"""What an answer about revocation rests on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from airgap.revocation.freshness import ChainKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidAgainst:
    """A piece of evidence that came with a target and says something against a chain, whatever came of it."""

    name: str
    """Its file, safe to show."""
    fingerprint: str
    chain: ChainKind
    this_update: datetime
    is_hold: bool
    """Whether it says no more than "on hold", which newer evidence lifts."""
    responder: str = ""
    """The fingerprint of the OCSP delegate that it is against; empty where it is against a certificate of the chain."""

    def is_met_by(self, uses: Iterable[EvidenceUse]) -> bool:
        """Whether an answer stands all the same: it rests on nothing as old as a hold, or not on this delegate."""
        known = list(uses)
        if self.responder:
            return all(use.responder != self.responder for use in known)
        made = [use.this_update for use in known]
        return self.is_hold and bool(made) and all(item is not None and item > self.this_update for item in made)


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
    responder: str = ""
    """The fingerprint of the OCSP delegate that signed it; empty where none did."""
    accepted_stale: bool = False
    notes: tuple[str, ...] = ()
    """What a person should know beside the answer, however quiet the report is: newer evidence that does not count."""
