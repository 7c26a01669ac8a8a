"""A report that an editor or a shell saved with a byte order mark is recognised as a report, not a broken layout."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.scenario import Scene


@pytest.mark.parametrize(("encoding", "words"), [("utf-8-sig", "byte order mark"), ("utf-16", "UTF-16")])
def test_recheck_names_the_encoding(tmp_path: Path, encoding: str, words: str) -> None:
    written = Scene().write(tmp_path)
    report = tmp_path / "report.json"
    run_here([*written.arguments(), "--report", str(report)])
    report.write_bytes(report.read_text().encode(encoding))
    ran = run_here(["recheck", str(report), "--trust", str(written.trust)])
    assert ran.code == 1
    assert "is no report" in ran.out
    assert words in ran.out
    assert "layout directory" not in ran.out
