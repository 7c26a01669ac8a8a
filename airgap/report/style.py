"""How text is laid out: emphasis for a terminal, and its width.

rich would cost 70 ms at the start of every verify; it is kept for progress bars and trees.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_CODES = {"good": "32;1", "bad": "31;1", "unsure": "33;1", "quiet": "2", "strong": "1"}
_PAINT: Final = re.compile(r"\x1b\[[\d;]*m")
_KEPT: Final = "\u00a0"
"""A blank inside of a name. Text that is safe has none of its own."""
_QUOTED: Final = re.compile(r"""(?<!\w)'[^']+'(?!\w)|(?<!\w)"[^"]+"(?!\w)|(?<=: )x509\.subject: [^\[;(]+$""")
MARGIN: Final = 8
"""Columns for the first word of a line; all else is indented by as much."""


@dataclass(frozen=True, slots=True)
class Style:
    """Paints text, where the terminal supports colour, and breaks lines, where their width is known."""

    colour: bool = False
    width: int | None = None
    """Columns; None where lines are not broken, as in files and pipes. Tables are then laid out for 80."""
    height: int = 24
    """Rows of a screen."""

    @property
    def columns(self) -> int:
        """Columns for tables."""
        return self.width or 80

    def paint(self, kind: str, text: str) -> str:
        """`text` as `kind`: good, bad, unsure, quiet or strong."""
        return f"\x1b[{_CODES[kind]}m{text}\x1b[0m" if self.colour else text

    def entry(self, word: str, text: str, kind: str = "") -> Iterator[str]:
        """A text with a word in the margin: `FAIL    ...`."""
        painted = self.paint(kind, word) if kind and word else word
        return self.paragraph(text, painted + " " * max(1, MARGIN - len(word)), " " * MARGIN)

    def paragraph(self, text: str, first: str = "", rest: str | None = None) -> Iterator[str]:
        """A text in lines, broken between words; the first begins with `first`, the others with `rest`.

        No word is broken: a name or a digest that is longer than a line has one to itself.
        """
        if rest is None:
            rest = " " * cells(first)
        if self.width is None:
            yield f"{first}{text}".replace(_KEPT, " ").rstrip()
            return
        line, used, empty = first, cells(first), True
        for word in self._words(text, cells(rest)):
            length = cells(word)
            if not empty and used + 1 + length > self.width:
                yield line.rstrip()
                line, used, empty = rest, cells(rest), True
                if not word:  # of two blanks between words
                    continue
            line += word if empty else f" {word}"
            used += length if empty else length + 1
            empty = False
        yield line.rstrip()

    def _words(self, text: str, indent: int) -> Iterator[str]:
        """What is not broken: words, and names with blanks that fit into a line."""
        room = (self.width or 0) - indent
        for word in _QUOTED.sub(lambda found: unbroken(found[0]), text).split(" "):
            yield from [word.replace(_KEPT, " ")] if cells(word) <= room else word.split(_KEPT)

    def ending(self, word: str, text: str, exit_code: int, kind: str) -> Iterator[str]:
        """The last line: the outcome in a word, what it is about, and the exit code."""
        painted = self.paint(kind, f"{word}:")
        return self.paragraph(f"{painted} {text} {unbroken(f'Exit code {exit_code}.')}", rest=" " * MARGIN)

    def arrow(self, remedy: str, indent: int = MARGIN) -> Iterator[str]:
        """What to do."""
        return self.paragraph(remedy, f"{' ' * indent}→ ")


def cells(text: str) -> int:
    """The columns that a text takes on a terminal."""
    shown = _PAINT.sub("", text) if "\x1b" in text else text
    return len(shown) if shown.isascii() else sum(_cells(character) for character in shown)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def padded(text: str, width: int) -> str:
    """The text with blanks up to `width` columns."""
    return text + " " * (width - cells(text))


def unbroken(text: str) -> str:
    """The text as one word, which is not broken."""
    return text.replace(" ", _KEPT)


PLAIN = Style()
