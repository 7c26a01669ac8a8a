"""The slips of mutants/slips.py are changes of lines that are there, and the documentation lists them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mutants.slips import SLIPS, Slip

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs/explanation/mutation-testing.md").read_text(encoding="utf-8")
_ROW = re.compile(r"^\| (.+?) \| `(airgap/[\w/]+\.py)` \| `(\w+)` \|$", re.MULTILINE)


@pytest.mark.parametrize("slip", SLIPS, ids=lambda slip: slip.rule)
def test_each_slip_changes_a_line_and_has_a_test(slip: Slip) -> None:
    """`python -m mutants --slips` makes them, and runs their tests."""
    mutant = slip.mutant(ROOT)
    compile(mutant.apply((ROOT / slip.path).read_bytes()), slip.path, "exec")
    path, _, name = slip.test.partition("::")
    assert re.search(rf"def {name.rpartition('::')[2]}\b", (ROOT / path).read_text(encoding="utf-8"))


def test_the_page_lists_each_slip() -> None:
    """In their order, each with its place and the test that notices it."""
    assert _ROW.findall(PAGE) == [(slip.rule, slip.path, slip.test.rpartition("::")[2]) for slip in SLIPS]
