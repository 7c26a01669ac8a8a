"""Durations as people type them: weeks, days, hours and seconds, the same in every option and file."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

from airgap.errors import FormatError
from airgap.text import safe

_SPAN: Final = re.compile(r"(?:(\d{1,5})w)?(?:(\d{1,5})d)?(?:(\d{1,7})h)?(?:(\d{1,9})s)?", re.ASCII)
_MINUTES: Final = re.compile(r"(?:\d+[wdh])*\d+m(?:\d+s)?", re.ASCII)
_LONGEST: Final = timedelta(days=36525)
"""A century: a longer duration is a typing error."""


def parse_duration(text: str, *, where: str = "") -> timedelta:
    """A span of time: `30s`, `24h`, `7d`, `1w2d12h`, `0`; units w, d, h, s, each once, the largest first.

    `m` is refused, because it means minutes in Go and months to many people. CLI-3: not negative, whole seconds.
    Raises FormatError.
    """
    if text == "0":
        return timedelta()
    match = _SPAN.fullmatch(text)
    if not text or not match:
        shown = repr(safe(text, limit=64))
        if _MINUTES.fullmatch(text):
            raise FormatError(
                f"{shown} has the unit m, which could be minutes or months: write w, d, h or s", where=where
            )
        raise FormatError(f"{shown} is no duration such as 30s, 24h, 7d or 1w2d12h", where=where)
    weeks, days, hours, seconds = (int(digits or 0) for digits in match.groups())
    span = timedelta(weeks=weeks, days=days, hours=hours, seconds=seconds)
    if span > _LONGEST:
        raise FormatError(f"{text!r} is longer than {_LONGEST.days} days", where=where)
    return span


def format_duration(span: timedelta) -> str:
    """The text that `parse_duration` reads back as `span` (whole seconds, not negative): `7d`, `1d12h`, `0d`."""
    parts = ((span.days, "d"), (span.seconds // 3600, "h"), (span.seconds % 3600, "s"))
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0d"
