"""Strict semantic versions: exactly `MAJOR.MINOR.PATCH[-pre][+build]` (PLUGIN-29)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import total_ordering
from typing import Final, Self

from airgap.errors import FormatError
from airgap.text import safe

_IDENTIFIER: Final = r"(?:0|[1-9]\d*|\d*[a-zA-Z-][\da-zA-Z-]*)"
_GRAMMAR: Final = re.compile(
    rf"(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-({_IDENTIFIER}(?:\.{_IDENTIFIER})*))?"
    r"(?:\+([\da-zA-Z-]+(?:\.[\da-zA-Z-]+)*))?",
    re.ASCII,
)
_LONGEST: Final = 256
"""Characters: real versions have ten; Python refuses to convert numbers of thousands of digits."""


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class SemVer:
    """A version, ordered by semver.org 2.0.0, clause 11; build metadata is ignored."""

    text: str
    release: tuple[int, int, int]
    pre: tuple[str, ...] = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        """The version that `text` spells. Raises FormatError."""
        match = _GRAMMAR.fullmatch(text) if len(text) <= _LONGEST else None
        if match is None:
            raise FormatError(f"{safe(text, limit=64)!r} is no semantic version (MAJOR.MINOR.PATCH)")
        major, minor, patch, pre, _build = match.groups()
        return cls(text, (int(major), int(minor), int(patch)), tuple(pre.split(".")) if pre else ())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SemVer) and self._rank == other._rank

    def __lt__(self, other: SemVer) -> bool:
        return self._rank < other._rank

    def __hash__(self) -> int:
        return hash(self._rank)

    def __str__(self) -> str:
        return self.text

    @property
    def _rank(self) -> tuple[tuple[int, int, int], bool, tuple[tuple[bool, int, str], ...]]:
        # a release is above its pre-releases; numbers are below words; more identifiers are above fewer
        return self.release, not self.pre, tuple(_identifier(part) for part in self.pre)


def _identifier(part: str) -> tuple[bool, int, str]:
    return (False, int(part), "") if part.isdecimal() else (True, 0, part)
