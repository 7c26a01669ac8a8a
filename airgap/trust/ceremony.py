"""The challenge of a ceremony: a person types groups of a fingerprint that the screen does not show.

The tool picks five of the sixteen groups of four digits, hides them and asks for them: 80 bits at unpredictable places.
So a forged certificate with the same end of the fingerprint (32 bits are easy) does not help, and a person cannot copy
the answer from the screen without calling the sender.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, Self

from airgap.errors import UsageError
from airgap.trust.fingerprint_words import groups, spoken

ASKED: Final = 5
"""How many groups are asked for."""
_BETWEEN = re.compile(r"[\s,;:-]+", re.ASCII)
_DIGITS = re.compile(r"[0-9a-f]*", re.ASCII)
_LINE: Final = 8
_CHANCE: Final = secrets.SystemRandom()

Pick = Callable[[Sequence[int], int], Sequence[int]]
"""Chooses so many of these at random, each once."""


@dataclass(frozen=True, slots=True)
class Challenge:
    """One fingerprint, and the groups of it that are asked for."""

    fingerprint: str
    """Lower-case hex."""
    places: tuple[int, ...]
    """Numbers of groups from 1, in order."""

    @classmethod
    def of(cls, fingerprint: str, pick: Pick = _CHANCE.sample) -> Self:
        """A new one, for one use."""
        return cls(fingerprint, tuple(sorted(pick(range(1, len(groups(fingerprint).split(" ")) + 1), ASKED))))

    def shown(self) -> list[str]:
        """The fingerprint in lines of groups, then in lines of words; what is asked for is a number in brackets."""
        hexes = groups(self.fingerprint).split(" ")
        words = spoken(bytes.fromhex(self.fingerprint))
        digits = [f"[{place}]" if place in self.places else text for place, text in enumerate(hexes, 1)]
        asked = [f"[{place}]" if _group(place) in self.places else text for place, text in enumerate(words, 1)]
        return [*_lines(digits), *_lines(asked)]

    @property
    def question(self) -> str:
        """What is asked for, by digits and by words."""
        listed = ", ".join(map(str, self.places))
        words = ", ".join(f"{2 * place - 1} {2 * place}" for place in self.places)
        return f"the groups {listed} (or the words {words})"

    def check(self, answer: str, name: str) -> None:
        """Checks the answer: the hidden groups in digits or in words, or the whole fingerprint in digits.

        `name` is what the fingerprint is of. Raises UsageError.
        """
        typed = [part for part in _BETWEEN.split(answer.strip().lower().removeprefix("sha256:")) if part]
        digits = "".join(typed)
        hexes = groups(self.fingerprint).lower().split(" ")
        words = [word.lower() for word in spoken(bytes.fromhex(self.fingerprint))]
        asked = "".join(hexes[place - 1] for place in self.places)
        if _DIGITS.fullmatch(digits) and digits in {asked, self.fingerprint}:
            return
        if typed == [word for place in self.places for word in words[2 * place - 2 : 2 * place]]:
            return
        raise UsageError(
            f"{self.question} of the fingerprint of the {name} are others; nothing was pinned",
            remedy="If the sender's are as you typed them, the medium holds a stranger's. In a script: "
            "--yes-fingerprint.",
        )


def _group(word: int) -> int:
    return (word + 1) // 2


def _lines(parts: Sequence[str]) -> list[str]:
    return [" ".join(parts[start : start + _LINE]) for start in range(0, len(parts), _LINE)]
