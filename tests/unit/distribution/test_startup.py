"""The table of start-up times says plainly which form is slow, and what to use instead."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from distribution.startup import INSTALLED, LIMIT, Form, Measured, measure, table
from distribution.tools import BuildError


def times(name: str, seconds: float) -> Measured:
    return Measured(Form(name, ("x",), 2**20), seconds, 2 * seconds)


def shown(one_file: float) -> str:
    measured = [times(INSTALLED, 0.1), times("executable", one_file), times("folder", 0.15)]
    return table(measured, recommended="executable", fallback="folder")


def test_each_form_is_compared_with_the_installed_command() -> None:
    assert "| folder | 1.0 MiB | 0.15 s (1.5 times) | 0.30 s (1.5 times) |" in shown(0.2).splitlines()


def test_one_file_that_starts_quickly_is_recommended() -> None:
    text = shown(0.1 * LIMIT)
    assert "Without Python, use the executable: it starts in 2.5 times the time of the installed command." in text


def test_one_file_that_starts_slowly_is_not_recommended() -> None:
    text = shown(0.6)
    assert "Without Python, use the folder." in text
    assert "takes 6.0 times as long as the installed command (the limit is 2.5)" in text


def test_both_commands_of_every_form_are_measured(tmp_path: Path) -> None:
    script = tmp_path / "command.py"
    script.write_text(f"import sys; open({str(tmp_path / 'log')!r}, 'a').write(' '.join(sys.argv[1:3]) + '\\n')")
    found = measure([Form(INSTALLED, (sys.executable, "-I", "-S", str(script)), 1)], tmp_path, runs=2)
    assert (tmp_path / "log").read_text() == f"version\nverify {tmp_path}/good\n" * 3
    assert all(one.version > 0 and one.verify > 0 for one in found)


def test_a_form_that_does_not_run_stops_the_build(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="ended with 3: no such"):
        measure(
            [Form("x", (sys.executable, "-S", "-c", "import sys; sys.stderr.write('no such'); sys.exit(3)"), 1)],
            tmp_path,
        )
