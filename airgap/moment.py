"""The moment that is judged for, and what the clock says."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """The moment that is judged for, and what the clock said when the run began. Both are aware, in UTC.

    There is no default: whoever judges must say both. A clock that is set back must not bring a revoked certificate
    back, so that "now" and "a moment that was named" are different questions (design 10).
    """

    judged: datetime
    clock: datetime

    @property
    def is_now(self) -> bool:
        """False where `--at` named another moment."""
        return self.judged == self.clock
