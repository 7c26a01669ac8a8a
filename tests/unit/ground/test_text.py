"""airgap.text.safe: no control characters reach a terminal."""

from __future__ import annotations

import sys
import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.text import exact, read_exact, safe


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain text, ünïcödé 漢字", "plain text, ünïcödé 漢字"),
        ("\x1b[31mred", "\\x1b[31mred"),
        ("a\nb\rc\td", "a\\x0ab\\x0dc\\x09d"),
        ("\x9b1m", "\\x9b1m"),
        ("abc\u202edef", "abc\\u202edef"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\u2028\u00a0", "\\u2028\\xa0"),
        ("\U000e0041", "\\U000e0041"),
        ("\ud800", "\\ud800"),
        ("[red]markup[/red]", "[red]markup[/red]"),
    ],
)
def test_escapes_control_characters(text: str, shown: str) -> None:
    assert safe(text) == shown


def test_marks_text_that_was_cut() -> None:
    assert safe("x" * 1000, limit=10) == "xxxxxxxxxx… (1000 characters)"


def test_a_text_is_safe_if_all_its_characters_are() -> None:
    """`safe` looks at a text as a whole first: Python's idea of printable has to be the same as ours, everywhere."""
    printable = [chr(code).isprintable() for code in range(sys.maxunicode + 1)]
    ends = {code + step for code, pair in enumerate(pairwise(printable)) if len({*pair}) > 1 for step in (0, 1)}
    for code in sorted(ends | {*range(0x3000), *range(0, len(printable), 97)}):
        character = chr(code)
        assert character.isprintable() == (safe(f"{character}\0") == f"{character}\\x00"), hex(code)


@given(st.text(max_size=600))
def test_result_holds_no_control_character_and_can_be_encoded(text: str) -> None:
    shown = safe(text)
    assert not any(unicodedata.category(character).startswith(("Cc", "Cf", "Cs", "Zl", "Zp")) for character in shown)
    assert len(shown.splitlines()) <= 1
    shown.encode()


@given(st.text(st.characters(exclude_categories=())))
def test_exact_text_is_printable_and_comes_back(text: str) -> None:
    shown = exact(text)
    assert shown.isascii()
    assert shown.isprintable()
    assert read_exact(shown) == text


@pytest.mark.parametrize("text", ["\\q", "\\", "\n", "é", "\\x41", "\\N{DIGIT ONE}", "\\101", "\\uZZZZ"])
def test_refuses_text_that_exact_never_writes(text: str) -> None:
    assert read_exact(text) is None
