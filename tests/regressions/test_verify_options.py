"""Options of verify that ended in an unexpected error, meant what nobody wrote, or kept the verdict back."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.scenario import Scene, with_everything


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "9999-12-31", "0001-01-01", "٢٠٢٦-06-01"])
def test_moment_at_the_end_of_the_calendar_was_an_overflow(tmp_path: Path, moment: str) -> None:
    """Evidence may be five minutes ahead, and there are no five minutes left in the year 9999."""
    written = with_everything().write(tmp_path)
    ran = run_here(["verify", f"oci:{written.layout}", "--trust", str(written.trust), "--at", moment])
    assert (ran.code, ran.err[:12]) == (2, "Error: --at "), ran


@pytest.mark.parametrize("command", ["verify", "recheck", "status", "snapshot"])
def test_moment_of_a_variable_that_is_not_set_was_now(tmp_path: Path, command: str) -> None:
    """`--at "$ARRIVAL"`: a rehearsal said what holds today."""
    written = Scene().write(tmp_path)
    run_here(written.arguments("--report", str(tmp_path / "report.json")))
    words = {
        "verify": written.arguments()[:2],
        "recheck": ["recheck", str(tmp_path / "report.json")],
        "status": ["trust", "status"],
        "snapshot": ["trust", "snapshot", "verify", str(written.layout)],
    }
    ran = run_here([*words[command], "--trust", str(written.trust), "--at", ""])
    assert (ran.code, ran.err[:12]) == (2, "Error: --at "), ran


def test_report_that_cannot_be_written_kept_the_verdict_back(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    ran = run_here(written.arguments("--report", str(tmp_path / "absent" / "report.json")))
    assert (ran.code, ran.document["verdict"]) == (1, "pass"), ran
