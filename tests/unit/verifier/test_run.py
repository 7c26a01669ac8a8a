"""airgap.verifier.run: a clock before the newest evidence is reported (decision 0013)."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airgap import limits
from airgap.moment import Moment
from airgap.revocation.evidence_files import NewestEvidence
from airgap.verifier.run import clock_warning
from tests.support.pki import AT

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("ahead", "is_now", "warned"),
    [
        (limits.CLOCK_SKEW + SECOND, True, True),
        (limits.CLOCK_SKEW, True, False),
        (-SECOND, True, False),
        (limits.CLOCK_SKEW + SECOND, False, False),
    ],
)
def test_a_clock_behind_the_newest_evidence_is_reported(ahead: timedelta, *, is_now: bool, warned: bool) -> None:
    """Not for a moment that was named: evidence may well be newer than that."""
    moment = Moment(judged=AT if is_now else AT - SECOND, clock=AT)
    found = list(clock_warning(moment, NewestEvidence(AT + ahead, "a.crl", "here")))
    assert [(item.reason, item.exit_code) for item in found] == ([("clock.behind", 0)] if warned else [])
    assert list(clock_warning(moment, None)) == []
