"""Emphasis for a terminal: a handful of ANSI codes, or none.

rich would cost 70 ms at the start of every verify; it is kept for progress bars and trees.
"""

from __future__ import annotations

from dataclasses import dataclass

_CODES = {"good": "32;1", "bad": "31;1", "unsure": "33;1", "quiet": "2", "strong": "1"}


@dataclass(frozen=True, slots=True)
class Style:
    """Paints text, where the terminal supports colour."""

    colour: bool = False

    def paint(self, kind: str, text: str) -> str:
        """`text` as `kind`: good, bad, unsure, quiet or strong."""
        return f"\x1b[{_CODES[kind]}m{text}\x1b[0m" if self.colour else text


PLAIN = Style()
