"""A fingerprint that is read over the telephone: five groups at places that are chosen at random."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from airgap.errors import UsageError
from airgap.trust.ceremony import ASKED, Challenge
from airgap.trust.fingerprint_words import groups, spoken

FINGERPRINT = "00112233445566778899aabbccddeeff102132435465768798a9bacbdcedfe0f"
HEXES = groups(FINGERPRINT).split(" ")
WORDS = spoken(bytes.fromhex(FINGERPRINT))


def _pick(population: Sequence[int], count: int) -> Sequence[int]:
    assert (list(population), count) == (list(range(1, 17)), 5)
    return [12, 3, 1, 16, 7]


CHALLENGE = Challenge.of(FINGERPRINT, _pick)
ASKED_DIGITS = [HEXES[place - 1] for place in (1, 3, 7, 12, 16)]
ASKED_WORDS = [word for place in (1, 3, 7, 12, 16) for word in WORDS[2 * place - 2 : 2 * place]]


def test_does_not_show_the_digits_that_are_asked_for() -> None:
    shown = " ".join(CHALLENGE.shown()).split()
    for hidden in [*ASKED_DIGITS, *ASKED_WORDS]:
        assert hidden not in shown
    assert [text for text in HEXES if text in shown] == [text for text in HEXES if text not in ASKED_DIGITS]
    assert CHALLENGE.question == "the groups 1, 3, 7, 12, 16 (or the words 1 2, 5 6, 13 14, 23 24, 31 32)"


@pytest.mark.parametrize(
    "answer",
    [
        " ".join(ASKED_DIGITS),
        "".join(ASKED_DIGITS).lower(),
        ", ".join(ASKED_DIGITS) + "\n",
        " ".join(ASKED_WORDS),
        " ".join(ASKED_WORDS).upper(),
        FINGERPRINT,
        f"SHA256:{FINGERPRINT}",
        ":".join(FINGERPRINT[place : place + 2] for place in range(0, 64, 2)).upper(),
    ],
)
def test_accepts_the_right_answer(answer: str) -> None:
    CHALLENGE.check(answer, "root")


@pytest.mark.parametrize(
    "answer",
    [
        "",
        "\n",
        " ".join(HEXES[-2:]),
        " ".join(HEXES[-5:]),
        " ".join(ASKED_DIGITS[:4]),
        " ".join(reversed(ASKED_DIGITS)),
        " ".join([*ASKED_DIGITS[:4], "FE0E"]),
        " ".join([*ASKED_DIGITS, "0000"]),
        " ".join(ASKED_WORDS[:-1]),
        " ".join([*ASKED_WORDS[:-1], "Zulu"]),
        FINGERPRINT[:-1],
        "[1] [3] [7] [12] [16]",
    ],
)
def test_any_other_answer_pins_nothing(answer: str) -> None:
    with pytest.raises(UsageError, match="nothing was pinned"):
        CHALLENGE.check(answer, "root")


def test_chooses_the_places_at_random() -> None:
    seen = {Challenge.of(FINGERPRINT).places for _ in range(40)}
    assert len(seen) > 20
    assert {len(set(places)) for places in seen} == {ASKED}
    assert {place for places in seen for place in places} == set(range(1, 17))
