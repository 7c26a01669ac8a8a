"""airgap.reasons: the table that reports, exit codes and documentation share."""

from __future__ import annotations

import ast
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
    """Made or compared: whatever is written as a code of some family."""
    families = "|".join(sorted({code.split(".")[0] for code in REASONS}))
    code = re.compile(rf"(?:{families})(?:\.[a-z_]+)+(?<!\.json)")
    used = {
        node.value
        for path in (ROOT / "airgap").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and code.fullmatch(node.value)
    }
    assert len(used) > 100
    assert used - set(REASONS) == {"ledger.head", "time.judged", "timestamp.content"}  # a file, and paths of members


def test_every_code_is_in_the_documentation() -> None:
    page = (ROOT / "docs/reference/reason-codes.md").read_text(encoding="utf-8")
    documented = dict(re.findall(r"^\| `([a-z_.]+)` \| (\d+) \|", page, re.MULTILINE))
    assert documented == {code: str(row.exit_code) for code, row in REASONS.items()}


def test_every_exit_code_is_of_one_table() -> None:
    """Each outcome had numbers of its own."""
    number = re.compile(r"(exit_code\b[^\n(]*[:=] ?|\bExit\()\d")
    found = {path.name for path in (ROOT / "airgap").rglob("*.py") if number.search(path.read_text(encoding="utf-8"))}
    assert found == set()
