"""Finds the line of a member in a JSON text, for messages."""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from airgap import limits
from airgap.text import safe

# only strings and structure matter for the position, not literals and white space
_DEPTH: Final = 8
"""Depth of the members of policies that messages name."""
_TOKEN: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}:,]|[^\s"\[\]{}:,]+', re.DOTALL)


@dataclass(slots=True)
class _Frame:
    path: str
    is_list: bool
    item: int = 0
    name: str | None = None
    """The member's name that was read last, in an object."""

    @property
    def place(self) -> str:
        """The path of the current member."""
        if self.is_list:
            return f"{self.path}[{self.item}]"
        return f"{self.path}.{self.name}" if self.path else self.name or ""


class Lines:
    """The lines of a JSON text, by the members that begin on them. Paths are those of FormatError.where."""

    def __init__(self, data: bytes) -> None:
        """The text need not be valid JSON; members after an error may not be found."""
        text = data.decode("utf-8", errors="replace")
        starts = [0, *(match.end() for match in re.finditer("\n", text))]
        self._found: dict[str, int] = {}
        for place, offset in _places(text, _DEPTH):
            self._found.setdefault(place, bisect_right(starts, offset))

    def of(self, path: str) -> int | None:
        """The line, counted from 1, on which the member `path` (`trustPolicies[0].name`) begins; None if not there.

        For a missing member it is the line of its object.
        """
        if not path:
            return None
        while path and path not in self._found:
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return self._found.get(path)


def doubled(text: str) -> Iterator[tuple[str, int]]:
    """The path of every duplicate name in an object, and the line where it appears again."""
    seen: set[str] = set()
    inside = "\0"
    for path, offset in _places(text, limits.JSON_PART_DEPTH):
        if path.startswith((f"{inside}.", f"{inside}[")):  # the same members, in the other value
            continue
        if path in seen:
            inside = path
            yield path, text.count("\n", 0, offset) + 1
        seen.add(path)


def _places(text: str, depth: int) -> Iterator[tuple[str, int]]:
    """The path of every member with the offset of its name, or in a list of its value.

    Members nested deeper than `depth` are left out: their paths would be longer than the text.
    """
    frames: list[_Frame] = []
    below = 0
    for match in _TOKEN.finditer(text):
        piece, top = match[0], frames[-1] if frames else None
        if below or (len(frames) >= depth and piece in "[{"):
            below += (piece in "[{") - (piece in "]}")
        elif piece in "]}":
            del frames[-1:]
        elif piece == ",":
            if top:
                top.item, top.name = top.item + 1, None
        elif top and not top.is_list and top.name is None and piece != ":":
            top.name = _name(piece)
            yield top.place, match.start()
        elif piece != ":":
            place = top.place if top else ""
            if not top or top.is_list:
                yield place, match.start()
            if piece in "[{":
                frames.append(_Frame(place, piece == "["))


def _name(piece: str) -> str:
    try:
        return safe(json.JSONDecoder().decode(piece), limit=64)
    except ValueError:
        return piece
