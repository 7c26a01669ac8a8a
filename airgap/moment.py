"""The judged time, and what the clock says."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Moment(NamedTuple):
    """The judged time, and what the clock said when the run began. Both are aware, in UTC.

    There is no default: a caller must give both. A clock that is set back must not make a revoked certificate good
    again, so "now" and "a time that was named" are different questions (decision 0009).
    """

    judged: datetime
    clock: datetime

    @property
    def is_now(self) -> bool:
        """False where `--at` named another time."""
        return self.judged == self.clock
