"""Durations as Go writes them (`24h`, `1h30m`), in whole seconds: what notation's users type (CLI-3)."""

from __future__ import annotations

import re
from datetime import timedelta
from decimal import Decimal
from typing import Final

from airgap.errors import FormatError
from airgap.text import safe

_PART: Final = re.compile(r"(\d{1,9}(?:\.\d{0,9})?|\.\d{1,9})(ns|us|µs|μs|ms|s|m|h)", re.ASCII)
_SECONDS: Final = {
    "ns": Decimal("1e-9"),
    "us": Decimal("1e-6"),
    "µs": Decimal("1e-6"),
    "μs": Decimal("1e-6"),
    "ms": Decimal("1e-3"),
    "s": Decimal(1),
    "m": Decimal(60),
    "h": Decimal(3600),
}
_LONGEST: Final = 100 * 366 * 24 * 3600


def parse_duration(text: str) -> timedelta:
    """The duration, not negative, in whole seconds, at most a hundred years. Raises FormatError."""
    if text == "0":
        return timedelta()
    parts = list(_PART.finditer(text))
    if not parts or "".join(part[0] for part in parts) != text:
        raise FormatError(f"{safe(text, limit=64)!r} is no duration such as 24h or 1h30m (units: h, m, s)")
    seconds = sum((Decimal(part[1]) * _SECONDS[part[2]] for part in parts), Decimal())
    if seconds != int(seconds):
        raise FormatError(f"{safe(text, limit=64)!r} is not a whole number of seconds")
    if seconds > _LONGEST:
        raise FormatError(f"{safe(text, limit=64)!r} is more than a hundred years")
    return timedelta(seconds=int(seconds))
