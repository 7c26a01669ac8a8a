"""A full device behind standard output, and too little memory, are said as what they are."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.copying import family, write

FULL = Path("/dev/full")


@pytest.mark.skipif(not FULL.exists(), reason="this system has no device that is always full")
@pytest.mark.parametrize(
    "arguments", [["--help"], ["copy", "--help"], ["--version"], ["version"], ["completion", "bash"]]
)
def test_full_standard_output_is_named(arguments: list[str]) -> None:
    with FULL.open("w") as full:
        ran = subprocess.run(
            [sys.executable, "-m", "airgap", *arguments], check=False, stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert ran.returncode == 1
    assert ran.stderr == "Error: standard output: No space left on device\n"


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_too_little_memory_is_no_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise error

    source = write(tmp_path / "source", family())
    monkeypatch.setattr("airgap.stages.copy.make_plan", refuse)
    ran = run_here(["copy", str(source), str(tmp_path / "to")])
    assert (ran.code, "too little memory" in ran.err, "defect" in ran.err) == (1, True, False), ran
