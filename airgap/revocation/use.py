"""What an answer about revocation rests on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airgap.revocation.freshness import ChainKind, EvidenceKind


@dataclass(frozen=True, slots=True, kw_only=True)
class SaidAgainst:
    """A piece of evidence that came with a target and says something against a chain, whatever came of it."""

    name: str
    """Its file, safe to show."""
    fingerprint: str
    kind: EvidenceKind
    chain: ChainKind
    certificate: str
    """The fingerprint of the certificate of the chain that it is about, or that the delegate answers for."""
    this_update: datetime
    is_hold: bool
    """Whether it says no more than "on hold", which newer evidence lifts."""
    responder: str = ""
    """The fingerprint of the OCSP delegate that it is against; empty where it is against a certificate of the chain."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewestInTargets:
    """The newest genuine piece that came with a target and is about a chain: no clock stands before it and is right."""

    name: str
    """Its file, safe to show."""
    kind: EvidenceKind
    chain: ChainKind
    this_update: datetime


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
