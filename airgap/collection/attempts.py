"""Attempts to get a piece of evidence, and their results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

from airgap.errors import FormatError, LimitError, Undecided
from airgap.pki.certificate import Certificate
from airgap.revocation.freshness import PieceKind
from airgap.text import safe


class AttemptResult(StrEnum):
    """The result of one attempt to get a piece of evidence."""

    NEW = "new"
    UNCHANGED = "unchanged"
    OLDER = "older"
    """Proven, and older than what is available: ignored."""
    REFUSED = "refused"
    """It came, but it is not evidence for the certificate that was asked about."""
    FAILED = "failed"
    """Nothing came."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One piece of evidence that was asked for, or offered."""

    source: str
    """The URL, or the offered file; safe to show."""
    kind: PieceKind
    outcome: AttemptResult
    message: str = ""
    reason: str | None = None
    file: str | None = None
    """Where it is kept, as `crls/<name>`."""
    number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    is_no_evidence: bool = False
    """Whether what came is certainly none, such as a web page: else it may be newer, if its date cannot be read."""
    certificate: Certificate | None = field(default=None, repr=False)
    """The one that it was refused for: one responder may give several refused answers of one date."""


def failed_attempt(source: str, kind: PieceKind, outcome: AttemptResult, error: Undecided | FormatError) -> Attempt:
    """The attempt that failed by `error`."""
    malformed = "fetch.limit" if isinstance(error, LimitError) else "revocation.crl.malformed"
    reason = error.reason if isinstance(error, Undecided) else malformed
    return Attempt(source=safe(source), kind=kind, outcome=outcome, message=str(error), reason=reason)


def no_answer(attempt: Attempt, error: Undecided) -> Attempt:
    """The attempt for evidence that was kept but does not answer for the certificate."""
    text = f"{error}; it is kept, as its issuer made it"
    return replace(attempt, outcome=AttemptResult.REFUSED, reason=error.reason, message=text)


def is_answer(attempt: Attempt) -> bool:
    """Whether a place had evidence that answers."""
    return attempt.outcome not in {AttemptResult.REFUSED, AttemptResult.FAILED}


def is_newest_refused(attempts: Sequence[Attempt]) -> bool:
    """Whether the available evidence may be older than what one of the places has, whose answer was refused."""
    newest = max((made for item in attempts if is_answer(item) and (made := item.this_update)), default=None)
    return any(
        newest is None or (not item.is_no_evidence if item.this_update is None else item.this_update > newest)
        for item in attempts
        if item.outcome is AttemptResult.REFUSED or item.reason == "fetch.limit"  # more than is read
    )
