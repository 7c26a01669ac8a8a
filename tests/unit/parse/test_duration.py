from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import FormatError
from airgap.parse.duration import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("0s", 0), ("24h", 86400), ("1h30m", 5400), ("90s", 90), ("1.5h", 5400), (".5m", 30), ("1000ms", 1),
     ("1h1m1s", 3661), ("1m1h", 3660)],
)  # fmt: skip
def test_reads_what_go_reads(text: str, seconds: int) -> None:
    """CLI-3."""
    assert parse_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    ["", "24", "h", "-1h", "+1h", "1d", "1 h", "1h ", "1h30", "1e3s", "\u0661h", "1h\n", "1:30", "0.5s", "1ms", "1ns"],
)
def test_refuses_the_rest(text: str) -> None:
    """CLI-3: whole seconds, and not negative."""
    with pytest.raises(FormatError):
        parse_duration(text)


def test_refuses_a_duration_beyond_all_calendars() -> None:
    with pytest.raises(FormatError, match="hundred years"):
        parse_duration("999999999h")


@given(st.integers(0, 999), st.integers(0, 59), st.integers(0, 59))
def test_parts_add_up(hours: int, minutes: int, seconds: int) -> None:
    found = parse_duration(f"{hours}h{minutes}m{seconds}s")
    assert found == timedelta(hours=hours, minutes=minutes, seconds=seconds)
