"""airgap.reasons: the table that reports, exit codes and documentation share."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from airgap.reasons import REASONS, SEVERITY, ExitCode, most_severe

ROOT = Path(__file__).resolve().parents[3]


def test_codes_are_lower_case_words_with_dots() -> None:
    for code in REASONS:
        assert re.fullmatch(r"[a-z]+(\.[a-z_]+)+", code), code


def test_every_exit_code_has_a_rank() -> None:
    assert {row.exit_code for row in REASONS.values()} <= {*SEVERITY, ExitCode.OK}


def test_every_row_has_a_remedy() -> None:
    for row in REASONS.values():
        assert row.meaning.endswith("."), row
        assert row.remedy.endswith("."), row


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        (set(), 0),
        ({15}, 15),
        ({15, 11}, 11),
        ({11, 10}, 10),
        ({10, 13}, 13),
        ({13, 17}, 17),
        ({17, 14}, 14),
        ({14, 12}, 12),
        ({12, 16}, 16),
        ({16, 18}, 18),
        ({10, 11, 12, 13, 14, 15, 16, 17, 18, 1, 2}, 18),
        ({1, 2}, 2),
    ],
)
def test_most_severe_follows_the_documented_order(codes: set[int], expected: int) -> None:
    assert most_severe(codes) == expected


def test_no_code_is_used_that_is_not_in_the_catalogue() -> None:
    used: set[str] = set()
    for path in (ROOT / "airgap").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        used |= set(re.findall(r'(?:Rejected|Undecided|ContentError|TrustMaterialError)\(\s*"([a-z_.]+)"', text))
    assert used
    assert used <= set(REASONS), used - set(REASONS)


def test_every_code_is_in_the_documentation() -> None:
    page = (ROOT / "docs/reference/reason-codes.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([a-z_.]+)` \| (\d+) \|", page, re.MULTILINE))
    assert documented == {code: str(row.exit_code) for code, row in REASONS.items()}


def test_every_exit_code_is_of_one_table() -> None:
    """Each outcome had numbers of its own."""
    number = re.compile(r"(exit_code\b[^\n(]*[:=] ?|\bExit\()\d")
    found = {path.name for path in (ROOT / "airgap").rglob("*.py") if number.search(path.read_text(encoding="utf-8"))}
    assert found == set()
