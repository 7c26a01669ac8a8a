"""Whether evidence is too new or too old for the judged time (decision 0013)."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from airgap import limits
from airgap.errors import Undecided
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.revocation.freshness import KIND_WORDS, DatedEvidence, Freshness, by_age
from airgap.revocation.query import RevocationQuery

_ANOTHER_MOMENT: Final = "Get evidence that was made before that moment, or name a later one (--at)."


class EvidenceAges:
    """Compares the dates of evidence with the judged time."""

    def __init__(self, freshness: Freshness, moment: Moment) -> None:
        self._freshness = freshness
        self._moment = moment

    def check_made(self, query: RevocationQuery, dated: DatedEvidence) -> None:
        """Checks that it was made before the judged time (CRL-6, D36, D52). Raises Undecided."""
        if dated.this_update > self._moment.judged + limits.CLOCK_SKEW:
            named = "" if self._moment.is_now else _ANOTHER_MOMENT
            raise _future(query, dated, f"after the moment judged for, {iso(self._moment.judged)}").advising(named)

    def check_clock(self, query: RevocationQuery, dated: DatedEvidence) -> None:
        """Checks that it was made before what the clock says, whatever time is judged. Raises Undecided."""
        if dated.this_update > self._moment.clock + limits.CLOCK_SKEW:
            raise _future(query, dated, f"and the clock says {iso(self._moment.clock)}")

    def check_fresh(self, query: RevocationQuery, dated: DatedEvidence) -> bool:
        """Whether it is stale but accepted. Raises Undecided if it is too old."""
        judged, next_update = self._moment.judged, dated.next_update
        use_by = self._freshness.use_by(dated.kind, query.chain, dated.this_update, next_update)
        if use_by is not None and judged <= use_by:
            return next_update is None or judged > next_update
        allowed = self._freshness.allowed(dated.kind, query.chain)
        if next_update is None:  # CRL-5, D36: without an end it is stale, not valid for ever
            raise self._endless(query, dated)
        days = (judged - next_update).days
        tolerance = f", more than the {allowed.days} that are accepted" if allowed else ""
        text = f"the {KIND_WORDS[dated.kind]} {dated.name} was due for renewal on {iso(next_update)}, {days} days ago"
        raise Undecided(f"revocation.{dated.kind}.stale", f"{text}{tolerance}", **query.facts_of(dated))

    def _endless(self, query: RevocationQuery, dated: DatedEvidence) -> Undecided:
        """The error for evidence without nextUpdate: only its age counts, and fetching it again does not help."""
        key, what = f"{'tsa-' if query.chain == 'tsa' else ''}{dated.kind}", KIND_WORDS[dated.kind]
        allowed = self._freshness.allowed(dated.kind, query.chain)
        text = (
            f"the {what} {dated.name} of {iso(dated.this_update)} names no nextUpdate: --max-age {key}=AGE, counted "
            "from then, accepts it"
        )
        if allowed:
            days = (self._moment.judged - dated.this_update).days
            text += f"; it is {days} days old, more than the {allowed.days} that are accepted"
        error = Undecided(f"revocation.{dated.kind}.stale", text, **query.facts_of(dated))
        return error.advising(by_age(dated.kind, query.chain))

    def end(self, query: RevocationQuery, dated: DatedEvidence) -> datetime | None:
        """The end of its freshness; without nextUpdate, the end of its acceptance."""
        return dated.next_update or self._freshness.use_by(dated.kind, query.chain, dated.this_update, None)


def _future(query: RevocationQuery, dated: DatedEvidence, than: str) -> Undecided:
    made = iso(dated.this_update)
    facts = query.facts(evidence=dated.name, this_update=made)
    return Undecided(f"revocation.{dated.kind}.future", f"{dated.name} was made at {made}, {than}", **facts)
