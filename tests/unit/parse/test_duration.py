from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import FormatError
from airgap.parse.duration import format_duration, parse_duration, parse_wait

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
        ("36525d", 36525 * DAY),
    ],
)
def test_weeks_days_and_hours(text: str, span: timedelta) -> None:
    """CLI-3."""
    assert parse_duration(text) == span


@pytest.mark.parametrize(
    "text",
    ["", "7", "d", "-1d", "+1h", "1.5d", "7 d", "1h ", "7D", "12h1d", "1d1d", "7d\n", "\u0667d", "9" * 99 + "d", "inf",
     "1e3h", "1:30", "90s", "1h30", "1500ms", "1y"],
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


@given(st.integers(0, 36525 * 24))
def test_durations_are_written_as_they_are_read(hours: int) -> None:
    assert parse_duration(format_duration(timedelta(hours=hours))) == timedelta(hours=hours)


@pytest.mark.parametrize(("hours", "text"), [(0, "0d"), (24 * 7, "7d"), (36, "1d12h"), (5, "5h")])
def test_writes_days_before_hours(hours: int, text: str) -> None:
    assert format_duration(timedelta(hours=hours)) == text


@pytest.mark.parametrize(
    ("text", "seconds"), [("30s", 30), ("5m", 300), ("1h30m", 5400), ("2h", 7200), ("0.5s", 0.5), ("1m0s", 60)]
)
def test_how_long_one_waits(text: str, seconds: float) -> None:
    assert parse_wait(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize("text", ["", "30", "s", "-1s", "5 m", "5M", "30s5m", "1e3s", "1.5m", "\u0667s", "nan", "1d"])
def test_refuses_what_is_no_time_to_wait(text: str) -> None:
    with pytest.raises(FormatError, match="no time such as"):
        parse_wait(text)


@pytest.mark.parametrize("text", ["0s", "0.000s", "0h0m", "8761h", "99999h"])
def test_refuses_no_time_and_more_than_a_year(text: str) -> None:
    with pytest.raises(FormatError, match="between a moment and a year"):
        parse_wait(text)
