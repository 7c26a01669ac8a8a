"""Cells under headings, broken between words where a screen is narrow."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from airgap.report.style import MARGIN, Style, cells, padded

_GAP: Final = 2


class Columns:
    """Rows under a heading, as wide as they have to be and the screen allows.

    A cell that is too wide is broken in its column. A word that is wider than its column has a line to itself, and the
    rest of the row begins below it.
    """

    def __init__(
        self,
        head: Sequence[str],
        rows: Iterable[Sequence[str]],
        style: Style,
        *,
        least: Sequence[int] = (),
        margin: int = MARGIN,
    ) -> None:
        """`least`: columns that each takes in any case; `margin`: columns before the first, for a word."""
        self._head, self._style, self._margin = head, style, margin
        widths = [cells(name) for name in head]
        for row in rows:
            widths = [max(width, cells(cell)) for width, cell in zip(widths, row, strict=True)]
        room = style.columns - margin - _GAP * (len(head) - 1)
        self._widths = _fitting(widths, least or [0] * len(head), room)
        self._starts = [margin + sum(self._widths[:place]) + _GAP * place for place in range(len(head))]

    def heading(self) -> Iterator[str]:
        """The names of the columns."""
        return self._lines(self._head, "", "strong")

    def row(self, row: Sequence[str], word: str = "", kind: str = "") -> Iterator[str]:
        """A row, with a word in the margin."""
        return self._lines(row, padded(self._style.paint(kind, word) if kind and word else word, self._margin), "")

    def _lines(self, row: Sequence[str], first: str, kind: str) -> Iterator[str]:
        block: list[tuple[int, list[str]]] = []
        for start, width, cell in zip(self._starts, self._widths, row, strict=True):
            lines = [*Style(width=width).paragraph(cell)]
            block.append((start, lines))
            if any(cells(line) > width for line in lines):
                yield from self._beside(block, first, kind)
                block, first = [], ""
        yield from self._beside(block, first, kind)

    def _beside(self, block: Sequence[tuple[int, Sequence[str]]], first: str, kind: str) -> Iterator[str]:
        """Cells beside each other."""
        for place in range(max((len(lines) for _, lines in block), default=0)):
            line = first
            for start, lines in block:
                if place < len(lines):
                    line = padded(line, start) + (self._style.paint(kind, lines[place]) if kind else lines[place])
            if line.strip():
                yield line.rstrip()
            first = ""


def _fitting(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    """Widths that fit: the widest are cut down to the others, but none below its least."""
    found = list(widths)
    while (over := sum(found) - room) > 0:
        above = [place for place, width in enumerate(found) if width > max(1, least[place])]
        if not above:
            break
        widest = max(found[place] for place in above)
        for place in above:
            if found[place] == widest and over > 0:
                found[place] -= 1
                over -= 1
    return found
