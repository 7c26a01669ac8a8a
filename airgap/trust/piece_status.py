"""The state of one piece of evidence, by its dates, and what is common to CRLs and OCSP responses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from airgap import limits
from airgap.moment import Moment
from airgap.revocation.freshness import CHAIN_KINDS, EvidenceKind, Freshness, PieceKind, by_age
from airgap.revocation.index import EvidenceIndex
from airgap.text import safe

DAMAGED_OR_FOREIGN: Final = "it is damaged, or from another CA of the same name"


class PieceState(StrEnum):
    """What can be done with a piece of evidence at the moment."""

    FRESH = "fresh"
    ACCEPTED = "stale-accepted"
    """Past its nextUpdate, within what airgap.toml accepts."""
    STALE = "stale"
    FUTURE = "future"
    """From after what the clock says: the clock is wrong, or it is."""
    LATER = "later"
    """From after the moment that was named, and before what the clock says: it was not known yet."""
    SUPERSEDED = "superseded"
    """A newer one is there; kept for questions about the past."""
    INCOMPLETE = "incomplete"
    """A CRL whose delta CRL is not available, or a delta CRL whose base is not: it answers for nothing by itself."""
    UNUSABLE = "unusable"


@dataclass(frozen=True, slots=True, kw_only=True)
class PieceStatus:
    """One file of evidence."""

    file: str
    """`crls/<name>` or `ocsp/<name>`, safe to show."""
    kind: PieceKind
    state: PieceState
    about: str = ""
    """Whose CRL it is, or the serial number that a response is about; safe to show."""
    number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    use_by: datetime | None = None
    """nextUpdate and what airgap.toml accepts beyond it."""
    urls: tuple[str, ...] = ()
    checked: bool = True
    """Whether its signature was verified: it was not where no certificate of its issuer is in a trust store."""
    problem: str = ""
    remedy: str = ""

    @property
    def is_needed(self) -> bool:
        """Whether it counts for the present, or would if it were fresh."""
        return self.state not in {PieceState.SUPERSEDED, PieceState.LATER, PieceState.UNUSABLE}


def dated_state(
    this_update: datetime,
    next_update: datetime | None,
    signer_end: datetime | None,
    freshness: Freshness,
    kind: EvidenceKind,
    moment: Moment,
) -> tuple[PieceState, datetime | None]:
    """The stricter of what is accepted for signing and for timestamping chains counts: a file may serve both.

    An OCSP response is no answer when the delegate that signed it ended before its nextUpdate, whatever is accepted.
    """
    at = moment.judged
    if this_update > at + limits.CLOCK_SKEW:
        is_known = this_update <= moment.clock + limits.CLOCK_SKEW
        return PieceState.LATER if is_known else PieceState.FUTURE, None
    if signer_end and next_update and signer_end >= next_update:
        signer_end = None  # past its nextUpdate a delegate need not be valid any more, as the judge has it
    ends = [freshness.use_by(kind, chain, this_update, next_update) for chain in CHAIN_KINDS]
    use_by = None if None in ends else min(end for end in (*ends, signer_end) if end is not None)
    if use_by is None or at > use_by:
        return PieceState.STALE, use_by
    return (PieceState.FRESH if next_update is not None and at <= next_update else PieceState.ACCEPTED), use_by


def renewal(kind: EvidenceKind, use_by: datetime | None) -> str:
    """The remedy for stale evidence if it can never be fresh; empty where a newer one helps."""
    return "" if use_by else by_age(kind, *CHAIN_KINDS)


def urls_of(index: EvidenceIndex, name: str) -> tuple[str, ...]:
    """Where a file came from; safe to show."""
    return tuple(safe(url) for url, names in index.files.items() if name in names)
