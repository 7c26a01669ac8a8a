"""Messages that were untrue, printed twice, or empty."""

from __future__ import annotations

from pathlib import Path

from tests.support.command import run_here
from tests.support.scenario import Scene


def test_does_not_read_a_report_from_standard_input(tmp_path: Path) -> None:
    """A file called `-` was written."""
    ran = run_here([*Scene().write(tmp_path).arguments(), "--report", "-"])
    assert ran.code == 2
    assert "a report is a file" in ran.err
    assert not Path("-").exists()


def test_does_not_claim_to_keep_anything_in_a_missing_directory(tmp_path: Path) -> None:
    nowhere = tmp_path / "nowhere"
    ran = run_here(["trust", "fetch", Scene().write(tmp_path).target, "--no-download", "--trust", str(nowhere)])
    assert not nowhere.exists()
    assert "kept in" not in ran.out


def test_refused_snapshot_show_does_not_mention_changes(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    for command in (["show"], ["diff", "--trust", str(written.trust)]):
        ran = run_here(["trust", "snapshot", *command, written.target])
        assert ran.code == 18
        assert "nothing was changed" not in ran.out


def test_names_the_target_that_evidence_is_in(tmp_path: Path) -> None:
    """It was said to be `in the oci:…`."""
    written = Scene().write(tmp_path)
    (written.layout / "x.crl").symlink_to("x.crl")
    ran = run_here([word for word in written.arguments() if word not in {"--format", "json"}])
    assert (ran.code, f"x.crl in oci:{written.layout} cannot be used" in ran.out) == (15, True), ran
