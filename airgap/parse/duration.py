"""Durations as people type them: weeks, days and hours, the same in every option and file; and how long one waits."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from airgap.errors import FormatError
from airgap.text import safe

_SPAN: Final = re.compile(r"(?:(\d{1,5})w)?(?:(\d{1,5})d)?(?:(\d{1,7})h)?", re.ASCII)
_MINUTES: Final = re.compile(r"(?:\d+[wdh])*\d+m(?:\d+s)?", re.ASCII)
_WAIT: Final = re.compile(r"(?:(\d{1,5})h)?(?:(\d{1,5})m)?(?:(\d{1,7}(?:\.\d{1,3})?)s)?", re.ASCII)
_LONGEST_WAIT: Final = timedelta(days=365)
_LONGEST: Final = timedelta(days=36525)
"""A century: a longer duration is a typing error."""


def parse_duration(text: str, *, where: str = "") -> timedelta:
    """A span of time: `24h`, `7d`, `1w2d12h`, `0`; units w, d, h, each once, the largest first. Raises FormatError.

    `m` is refused, because it means minutes in Go and months to many people. CLI-3: not negative, whole seconds.
    """
    if text == "0":
        return timedelta()
    match = _SPAN.fullmatch(text)
    if not text or not match:
        shown = repr(safe(text, limit=64))
        if _MINUTES.fullmatch(text):
            raise FormatError(f"{shown} has the unit m, which could be minutes or months: write h, d or w", where=where)
        raise FormatError(f"{shown} is no duration such as 24h, 7d or 1w2d12h", where=where)
    weeks, days, hours = (int(digits or 0) for digits in match.groups())
    span = timedelta(weeks=weeks, days=days, hours=hours)
    if span > _LONGEST:
        raise FormatError(f"{text!r} is longer than {_LONGEST.days} days", where=where)
    return span


def parse_wait(text: str, *, where: str = "") -> timedelta:
    """How long somebody waits, more than nothing: `30s`, `5m`, `1h30m`, `0.5s`. Raises FormatError.

    Nobody waits for months, so `m` means minutes here. A number without a unit is refused.
    """
    match = _WAIT.fullmatch(text)
    if not text or not match:
        raise FormatError(f"{safe(text, limit=64)!r} is no time such as 30s, 5m or 1h30m", where=where)
    hours, minutes, seconds = (float(digits or 0) for digits in match.groups())
    span = timedelta(hours=hours, minutes=minutes, seconds=seconds)
    if not timedelta() < span <= _LONGEST_WAIT:
        raise FormatError(f"{text!r} is not between a moment and a year", where=where)
    return span


def format_duration(span: timedelta) -> str:
    """The text that `parse_duration` reads back as `span` (whole hours, not negative): `7d`, `1d12h`, `0d`."""
    parts = ((span.days, "d"), (span.seconds // 3600, "h"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0d"
