"""No screen of `airgap verify` changes by accident, and the page that shows them is true."""

from __future__ import annotations

import re
import textwrap
import tracemalloc
from pathlib import Path
from typing import Final

import pytest

from airgap.report import Style, VerifyReport
from airgap.report.style import cells
from tests.frozen.screens import PAGE, SITUATIONS, WIDE, comparable, page, screens, verdict
from tests.support.command import run_here

ROOT: Final = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_screens_are_these(name: str) -> None:
    narrow, wide = screens(name)
    shown = dict(re.findall(r"^## (.*)\n\n.*\n\n```text\n([^`]*)```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE))
    frozen = dict(re.findall(r"^=== (.*)\n\n((?:(?!===).*\n)*)", WIDE.read_text(encoding="utf-8"), re.MULTILINE))
    assert comparable(narrow) == comparable(shown[name]), "run `make frozen` if this is on purpose"
    assert comparable(wide).strip() == comparable(frozen[name]).strip(), "run `make frozen` if this is on purpose"
    assert max(map(cells, narrow.splitlines())) <= 80
    assert max(map(cells, wide.splitlines())) <= 120


def test_the_page_has_nothing_else() -> None:
    text = PAGE.read_text(encoding="utf-8")
    shown = re.findall(r"^## (.*)\n\n.*\n\n```text\n([^`]*)```$", text, re.MULTILINE)
    assert page(shown) == text


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_last_line_names_what_failed_and_the_exit_code(name: str) -> None:
    """With --quiet it is all that is said, but for what could not be judged at all."""
    outcome, quiet = verdict(name)
    last = quiet.splitlines()[-1]
    assert last.endswith(f" Exit code {outcome.exit_code}.")
    bad = [artifact for artifact in outcome.artifacts if artifact.exit_code]
    assert all(artifact.reference.partition(":")[2] in last for artifact in bad)
    assert last.startswith(("PASS: ", "FAIL: ", "UNSURE: "))
    assert all(line.startswith("problem ") for line in quiet.splitlines()[:-1])


def test_every_situation_is_on_the_page_once() -> None:
    assert re.findall(r"^## (.*)$", Path(PAGE).read_text(encoding="utf-8"), re.MULTILINE) == list(SITUATIONS)


def test_a_long_text_is_never_there_as_a_whole() -> None:
    """It was 13 KiB for each image, however little of it was shown."""
    outcome, _ = verdict("Two thousand images, three revoked")
    for verbose in (False, True):
        tracemalloc.start()
        try:
            for _ in VerifyReport(outcome, verbose=verbose).lines(Style(width=80)):
                pass
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
        assert peak < 2048 * len(outcome.artifacts)


@pytest.mark.parametrize("name", ["README.md", "docs/how-to/read-a-failure.md"])
def test_pages_show_what_the_command_says(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A line of `…` is any lines; the time of the run differs."""
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "80")
    shown = re.findall(
        r"^    \$ airgap (verify .*)\n((?:    .*\n|\n(?=    [^$]))+)", (ROOT / name).read_text(), re.MULTILINE
    )
    assert shown
    for command, text in shown:
        wanted = re.escape(_timeless(textwrap.dedent(text))).replace(re.escape("…\n"), "(?:.*\n)*")
        assert re.fullmatch(wanted, _timeless(run_here(command.split()).out)), command


def _timeless(text: str) -> str:
    return re.sub(r"2026-\d\d-\d\dT\d\d:\d\d:\d\dZ", "2026-01-01T00:00:00Z", text)
