"""README and tutorial: their commands are run word for word in the shell, and end as the pages say."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[2]
TUTORIAL: Final = ROOT / "docs/tutorial/first-verdict.md"
README: Final = ROOT / "README.md"
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a clone has, and the command on the path of the shell."""
    folder = tmp_path_factory.mktemp("clone")
    shutil.copytree(ROOT / "layouts", folder / "layouts", ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    tools = folder / ".venv" / "bin"
    tools.mkdir(parents=True)
    (tools / "airgap").write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m airgap "$@"\n')
    (tools / "airgap").chmod(0o755)
    return folder


def play(line: str, place: Path) -> tuple[int, str]:
    """The exit code of a shell that runs the line, and what a terminal of 80 columns shows."""
    path = f"{place / '.venv' / 'bin'}:{os.environ['PATH']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AIRGAP_", "NOTATION_"))}
    env = {**kept, "PATH": path, "COLUMNS": "80", "HOME": str(place), "NO_COLOR": "1", "LINES": "40"}
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=place, env=env, check=False, timeout=120, encoding="utf-8",
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout


def tutorial_lines() -> list[str]:
    code = re.findall(r"^ {4}(airgap .+)$", TUTORIAL.read_text(encoding="utf-8"), re.MULTILINE)
    return [line.strip() for line in code]


_EXITS: Final = {
    "layouts/tampered": 16,
    "layouts/revoked": 14,
    "layouts/untrusted": 13,
    "layouts/unsigned": 10,
}


@pytest.mark.parametrize("line", tutorial_lines())
def test_a_line_of_the_tutorial_does_what_it_says(line: str, place: Path) -> None:
    code, shown = play(line, place)
    wanted = next((code for layout, code in _EXITS.items() if layout in line), 0)
    if "--at" in line and "--max-age" not in line:
        wanted = 15
    if line.endswith('; echo "exit $?"'):
        assert shown.endswith(f"exit {wanted}\n")
        assert code == 0
    else:
        assert code == wanted, shown


def test_the_tutorial_has_all_kinds_of_verdicts() -> None:
    lines = "\n".join(tutorial_lines())
    assert all(layout in lines for layout in _EXITS)
    assert {"14", "13", "10", "16", "15"} <= set(re.findall(r"\b\d\d\b", TUTORIAL.read_text(encoding="utf-8")))


def shown_in_readme() -> list[tuple[str, str]]:
    """Commands of the first verdict, and what the page shows below each."""
    text = README.read_text(encoding="utf-8")
    section = text[text.index("## The first verdict") : text.index("## The journey")]
    block = "\n".join(line[4:] for line in section.splitlines() if line.startswith("    ") or not line.strip())
    parts = re.split(r"^\$ (.+)$", block, flags=re.MULTILINE)[1:]
    return [(line, output) for line, output in zip(parts[::2], parts[1::2], strict=True) if line.startswith("airgap")]


@pytest.mark.parametrize(("line", "output"), shown_in_readme())
def test_the_readme_shows_what_is_shown(line: str, output: str, place: Path) -> None:
    """A line … is in place of others."""
    _, shown = play(line, place)
    found = [_MOMENT.sub("MOMENT", row.rstrip()) for row in shown.splitlines() if row.strip()]
    wanted = [_MOMENT.sub("MOMENT", row.rstrip()) for row in output.splitlines() if row.strip()]
    if wanted[0] == "…":
        wanted = wanted[1:]
        found = found[-len(wanted) :]
    assert found == wanted


def test_the_readme_has_a_pass_and_a_failure() -> None:
    outputs = [output for _, output in shown_in_readme()]
    assert len(outputs) == 2
    assert "PASS" in outputs[0]
    assert "FAIL" in outputs[1]
