"""Tables fit the screen, and lose nothing."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from airgap.report.columns import Columns
from airgap.report.style import Style, cells
from airgap.report.wording import kinds

_WORDS = st.text("abé漢-/", min_size=1, max_size=30)
_CELLS = st.lists(_WORDS, min_size=1, max_size=6).map(" ".join)


def _drawn(rows: Sequence[Sequence[str]], *, width: int, least: Sequence[int] = (), margin: int = 0) -> list[str]:
    table = Columns(("NAME", "WHAT", "SIZE"), rows, Style(width=width), least=least, margin=margin)
    return [*table.heading(), *(line for row in rows for line in table.row(row))]


@given(rows=st.lists(st.tuples(_CELLS, _CELLS, _CELLS), max_size=4), width=st.integers(40, 120))
def test_no_word_is_broken_or_lost(rows: list[tuple[str, str, str]], width: int) -> None:
    lines = _drawn(rows, width=width)
    shown = sorted(word for line in lines[1:] for word in line.split())
    assert shown == sorted(word for row in rows for cell in row for word in cell.split())


@given(rows=st.lists(st.tuples(_CELLS, _CELLS, _CELLS), max_size=4), width=st.integers(40, 120))
def test_only_a_word_that_is_wider_than_its_column_passes_the_edge(
    rows: list[tuple[str, str, str]], width: int
) -> None:
    """Words have 60 columns at most, and the last column begins before the edge."""
    for line in _drawn(rows, width=width):
        assert cells(line) <= width + 60


def test_what_fits_has_a_line() -> None:
    assert _drawn([("a b", "c d", "e")], width=40) == ["NAME  WHAT  SIZE", "a b   c d   e"]


def test_a_cell_is_broken_in_its_column() -> None:
    rows = [("web v1", "one two three four five six seven eight", "9 KiB")]
    assert _drawn(rows, width=40, least=(6, 8, 5)) == [
        "NAME    WHAT                       SIZE",
        "web v1  one two three four five    9 KiB",
        "        six seven eight",
    ]


def test_a_word_that_is_too_wide_moves_the_rest_below_it() -> None:
    rows = [("w" * 38, "what", "9 KiB"), ("short", "what", "1 KiB")]
    head, first, rest, second = _drawn(rows, width=40)
    assert first == "w" * 38
    assert head.index("WHAT") == rest.index("what") == second.index("what")
    assert head.index("SIZE") == rest.index("9 KiB") == second.index("1 KiB")


def test_a_table_in_a_file_is_as_for_80_columns() -> None:
    rows = [("a", "long " * 30, "c")]
    table = Columns(("NAME", "WHAT", "SIZE"), rows, Style(), margin=0)
    assert max(map(len, table.row(rows[0]))) <= 80


def test_kinds_are_broken_between_kinds() -> None:
    text = kinds({"sig": 1, "sbom": 22, "crl": 3})
    assert [*Style(width=40).paragraph(text)] == ["sig 1 · sbom 22 · crl 3"]
    assert [*Style(width=17).paragraph(text)] == ["sig 1 · sbom 22 ·", "crl 3"]
    assert kinds({}) == "-"
