from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import FormatError
from airgap.parse.time import format_duration, parse_duration

DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("0", 0 * DAY),
        ("0h", 0 * DAY),
        ("0d", 0 * DAY),
        ("24h", DAY),
        ("36h", 1.5 * DAY),
        ("8760h", 365 * DAY),
        ("7d", 7 * DAY),
        ("1w2d12h", 9.5 * DAY),
        ("90s", timedelta(seconds=90)),
        ("1d2h3s", DAY + timedelta(hours=2, seconds=3)),
        ("36525d", 36525 * DAY),
    ],
)
def test_weeks_days_hours_and_seconds(text: str, span: timedelta) -> None:
    """CLI-3."""
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text",
    ["", "7", "d", "-1d", "+1h", "1.5d", "7 d", "1h ", "7D", "12h1d", "1d1d", "7d\n", "\u0667d", "9" * 99 + "d", "inf",
     "1e3h", "1:30", "0.5s", "30s1h", "1h30", "1500ms", "1y"],
)  # fmt: skip
def test_refuses_other_forms(text: str) -> None:
    with pytest.raises(FormatError, match="no duration such as"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["90m", "1h30m", "1h30m10s", "1d5m"])
def test_refuses_m_as_ambiguous(text: str) -> None:
    with pytest.raises(FormatError, match="minutes or months"):
        parse_duration(text)


@pytest.mark.parametrize("text", ["36526d", "9999999h", "99999w"])
def test_refuses_a_duration_beyond_all_calendars(text: str) -> None:
    with pytest.raises(FormatError, match="longer than 36525 days"):
        parse_duration(text)


@given(st.integers(0, 36525 * 86400))
def test_durations_are_written_as_they_are_read(seconds: int) -> None:
    assert parse_duration(format_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@pytest.mark.parametrize(("hours", "text"), [(0, "0d"), (24 * 7, "7d"), (36, "1d12h"), (5, "5h")])
def test_writes_days_before_hours(hours: int, text: str) -> None:
    assert format_duration(timedelta(hours=hours)) == text
