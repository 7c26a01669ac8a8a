"""RFC 3339 times to aware datetimes in UTC, durations as people type them, and both back."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from airgap.errors import FormatError
from airgap.text import safe

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?P<fraction>\.\d{1,9})?(?:Z|[+-]\d{2}:\d{2})", re.ASCII)


def rfc3339(text: str, *, where: str = "") -> datetime:
    """The time in UTC. Any offset and fractions are accepted (JWS-18); other texts raise FormatError."""
    match = _RFC3339.fullmatch(text)
    if not match:
        raise FormatError(f"{safe(text, limit=64)!r} is not an RFC 3339 time", where=where)
    fraction = match["fraction"] or ""
    plain = text.replace(fraction, fraction[:7], 1) if fraction else text  # datetime holds microseconds
    try:
        return datetime.fromisoformat(plain).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FormatError(f"{safe(text, limit=64)!r} is not a moment that exists", where=where) from None


def iso(moment: datetime) -> str:
    """The time as RFC 3339 in UTC, without a fraction if it is a whole second."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def iso_or_null(moment: datetime | None) -> str | None:
    """`iso` for a document; null where there is none."""
    return iso(moment) if moment else None


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
