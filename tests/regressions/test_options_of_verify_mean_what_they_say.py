"""Options of verify that ended in an unexpected error, had another meaning, or prevented the verdict."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.scenario import Scene, with_everything


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59Z", "9999-12-31", "0001-01-01", "٢٠٢٦-06-01"])
def test_accepts_a_moment_at_the_end_of_the_calendar(tmp_path: Path, moment: str) -> None:
    """Evidence may be five minutes ahead, and there are no five minutes left in the year 9999."""
    written = with_everything().write(tmp_path)
    ran = run_here(["verify", f"oci:{written.layout}", "--trust", str(written.trust), "--at", moment])
    assert (ran.code, ran.err[:12]) == (2, "Error: --at "), ran


@pytest.mark.parametrize("command", ["verify", "recheck", "status", "snapshot"])
def test_refuses_an_empty_moment(tmp_path: Path, command: str) -> None:
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


@pytest.mark.parametrize("command", ["verify", "recheck"])
def test_prints_the_verdict_where_the_report_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """The place was good when it was tried, before anything was judged."""

    def write(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("airgap.report.report.complete_or_absent", write)
    arguments = Scene().write(tmp_path).arguments("--report", str(tmp_path / "report.json"))
    ran = run_here([command, *arguments[1:]])
    assert (ran.code, ran.document["exit_code"], ran.document["verdict"]) == (1, 1, "fail"), ran
    assert "cannot be written" in ran.document["problems"][0]["message"]
    if command == "verify":
        assert ran.document["artifacts"][0]["verdict"] == "pass"
    assert "cannot be written: No space left on device" in ran.err


@pytest.mark.parametrize("command", ["verify", "recheck"])
def test_refuses_two_values_for_one_metadata_key(tmp_path: Path, command: str) -> None:
    """The signature has the last: the other demand was ignored."""
    scene = Scene()
    scene.signature.target = {"annotations": {"build": "2"}}
    arguments = [command, *scene.write(tmp_path).arguments()[1:]]
    assert run_here([*arguments, "-m", "build=2", "-m", "build=2"]).code == 0
    ran = run_here([*arguments, "-m", "build=1", "-m", "build=2"])
    assert (ran.code, "demands two values of 'build': '1' and '2'" in ran.err) == (2, True), ran


@pytest.mark.parametrize("command", ["verify", "recheck"])
def test_refuses_an_empty_trust_option(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str) -> None:
    """`--trust "$TRUST"` on a medium that holds a trust directory: a medium brought the trust for another medium."""
    written = Scene().write(tmp_path)
    monkeypatch.chdir(written.trust)
    words = [command, *written.arguments()[1:]]
    words[words.index("--trust") + 1] = ""
    ran = run_here(words)
    assert (ran.code, "it is empty" in ran.err) == (2, True), ran
    words[words.index("--trust") + 1] = "."
    assert run_here(words).code == 0


@pytest.mark.parametrize("scope", ["*", "registry.example/*"])
def test_a_wildcard_as_scope_has_a_fitting_remedy(tmp_path: Path, scope: str) -> None:
    ran = run_here([*Scene(scope=None).write(tmp_path).arguments(), "--scope", scope])
    assert ran.code == 2
    assert "has a wildcard, and names no repository" in ran.err
    assert "alone for all of them" not in ran.err


@pytest.mark.parametrize("file", [".", ""])
def test_refuses_a_blob_without_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    written = Scene().write(tmp_path)
    (tmp_path / "inner").mkdir()
    monkeypatch.chdir(tmp_path / "inner")
    ran = run_here(["blob", "verify", file, "--trust", str(written.trust)])
    assert (ran.code, "unexpected" in ran.err) == (18, False), ran
