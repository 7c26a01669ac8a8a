"""RFC 3339 times to aware datetimes in UTC, and back."""

from __future__ import annotations

import re
from datetime import UTC, datetime

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
