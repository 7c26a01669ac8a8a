"""Causes with their remedies, and notes: each is said once, with the names of what it is about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from airgap.report.artifact_names import ArtifactName
from airgap.report.style import Style

_INDENT: Final = " " * 8
_DEEPER: Final = " " * 10
_NAMES: Final = 3
_GROUPS: Final = 20
"""So many notes are said; -v has all."""


class Detail(NamedTuple):
    """One cause: a sentence, and what to do. Equal ones are said once."""

    kind: str
    """How it is painted; `quiet` for what decides nothing here."""
    text: str
    reason: str | None = None
    remedy: str = ""
    """What to do; empty where nothing has to be done."""
    facts: tuple[tuple[str, str], ...] = ()
    """What was expected, and what was found."""

    def lines(self, style: Style, *, arrow: bool = True) -> Iterator[str]:
        """The sentence with its reason code, the facts, and what to do."""
        code = f" {style.paint(self.kind, f'[{self.reason}]')}" if self.reason else ""
        yield from style.paragraph(f"{self.text}{code}", _INDENT, _DEEPER)
        for name, value in self.facts:
            yield from style.paragraph(value, f"{_DEEPER}{name:<8}  ")
        if arrow and self.remedy:
            yield from style.arrow(self.remedy)


def detail_lines(details: Iterable[Detail], style: Style) -> Iterator[str]:
    """All of them; what to do is said once for those that share it, at the last of them."""
    found = list(dict.fromkeys(details))
    last = {detail.remedy: place for place, detail in enumerate(found)}
    for place, detail in enumerate(found):
        yield from detail.lines(style, arrow=last[detail.remedy] == place)


class Remark(NamedTuple):
    """Something about an artifact that decides nothing."""

    text: str
    kind: str = "unsure"
    several: str = ""
    """What is said of several at once, where the text is about one."""

    @property
    def shared(self) -> str:
        """By which notes are the same."""
        return self.several or self.text


class _About(NamedTuple):
    note: Remark
    number: int
    names: Sequence[str]

    def text(self, total: int) -> str:
        text = self.note.text if self.number == 1 else self.note.shared
        if total == 1:
            return text
        more = self.number - len(self.names)
        names = f"all {total} artifacts" if self.number == total else ", ".join(self.names)
        return f"{text} ({names}{f' and {more} more' if more and self.number != total else ''})"


def note_lines(noted: Iterable[tuple[ArtifactName, Iterable[Remark]]], total: int, style: Style) -> Iterator[str]:
    """Each note once, with the names of what it is about, of `total`."""
    notes: dict[str, _About] = {}
    for name, found in noted:
        for note in found:
            known = notes.get(note.shared, _About(note, 0, ()))
            names = known.names if len(known.names) >= _NAMES else (*known.names, name.name)
            notes[note.shared] = _About(known.note, known.number + 1, names)
    for about in islice(notes.values(), _GROUPS):
        yield from style.entry("note", about.text(total), about.note.kind)
    if len(notes) > _GROUPS:
        yield from style.entry("note", f"{len(notes) - _GROUPS} more notes; -v shows all", "unsure")
