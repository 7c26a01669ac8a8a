"""Counts, sizes and moments, written the same way in every report."""

from __future__ import annotations

from datetime import datetime

from airgap.parse.time import iso


def count(number: int, noun: str) -> str:
    """`1 blob`, `2 blobs`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def size(number: float) -> str:
    """Bytes as people write them."""
    amount = float(number)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:  # noqa: PLR2004
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def moment(at: datetime | None) -> str | None:
    """RFC 3339 for a document; null where there is none."""
    return iso(at) if at else None
