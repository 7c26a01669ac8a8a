"""Fingerprints in groups to read and in words to say."""

from __future__ import annotations

import re
from itertools import pairwise

from airgap.trust.fingerprint_words import EVEN, ODD, groups, spoken

# the example of the PGP documentation: a key's fingerprint and its words
FINGERPRINT = "E58294F2E9A227486E8B061B31CC528FD7FA3F19"
WORDS = (
    "topmost Istanbul Pluto vagabond treadmill Pacific brackish dictator goldfish Medusa afflict bravado chatter "
    "revolver Dupont midsummer stopwatch whimsical cowbell bottomless"
)


def test_each_list_has_one_word_for_every_byte() -> None:
    assert len(EVEN) == len(ODD) == 256
    assert len({word.lower() for word in EVEN + ODD}) == 512


def test_words_are_plain_letters() -> None:
    assert all(re.fullmatch("[A-Za-z]+", word) for word in EVEN + ODD)


def test_both_lists_are_almost_alphabetical() -> None:
    """The published lists are sorted, with three known exceptions: a word that was lost or moved would show."""
    for words, exceptions in ((EVEN, 1), (ODD, 2)):
        lower = [word.lower() for word in words]
        assert sum(a > b for a, b in pairwise(lower)) <= exceptions


def test_the_known_example() -> None:
    assert " ".join(spoken(bytes.fromhex(FINGERPRINT))) == WORDS


def test_writes_digits_in_groups_of_four() -> None:
    assert groups("0123456789abcdef") == "0123 4567 89AB CDEF"
