"""`airgap help TOPIC`, whose texts are true where a test can tell."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from airgap.cli.lazy import TOPICS
from airgap.reasons import SEVERITY, ExitCode
from airgap.report.forms import ENDINGS
from tests.support.command import run_here

ROOT: Final = Path(__file__).resolve().parents[2]
FOLDER: Final = ROOT / "airgap/topics"
_OURS: Final = re.compile(r"(?:_?AIRGAP|NOTATION|XDG|DOCKER_CONFIG)(?:_[A-Z0-9_]+)?")


def _text(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_each_topic_has_its_file() -> None:
    assert sorted(path.stem for path in FOLDER.iterdir()) == sorted(TOPICS)


@pytest.mark.parametrize("name", TOPICS)
def test_shows_a_topic_on_a_screen(name: str) -> None:
    ran = run_here(["help", name])
    assert (ran.code, ran.out) == (0, _text(name))
    assert run_here(["help", *name.split("-")]).out == ran.out
    assert max(map(len, ran.out.splitlines())) <= 80
    assert run_here(["help", name, "--json"]).document["text"] == ran.out


def test_the_help_names_all_topics() -> None:
    assert ", ".join(TOPICS).split(", ")[0] in run_here(["--help"]).out
    shown = " ".join(run_here(["--help"]).out.split())
    assert all(name in shown for name in TOPICS)


def test_commands_still_have_their_help() -> None:
    assert run_here(["help", "trust"]).out == run_here(["trust", "--help"]).out
    assert "Examples:" in run_here(["help", "--help"]).out


def test_all_exit_codes_are_there() -> None:
    text = _text("exit-codes")
    codes = {value for name, value in vars(ExitCode).items() if name.isupper()}
    assert {int(code) for code in re.findall(r"^ {4}(\d+) ", text, re.MULTILINE)} == codes
    assert ", ".join(map(str, SEVERITY)) in " ".join(text.split())


def test_all_forms_of_reports_are_there() -> None:
    text = _text("reports")
    assert all(ending in text for ending in re.findall(r"\.[a-z.]+", ENDINGS))


def _variables() -> Iterator[tuple[str, str]]:
    """Constants that may name variables of the environment, of modules that read it, with the module."""
    for path in (ROOT / "airgap").rglob("*.py"):
        source = path.read_text(encoding="utf-8")
        for node in ast.walk(ast.parse(source)):
            named = node.value if isinstance(node, ast.Constant) else None
            if isinstance(named, str) and _OURS.fullmatch(named):
                yield named, path.name
        read = re.findall(r"\b(?:os\.environ|environment|env|environ)(?:\.get\(|\[)\"(\w+)\"", source)
        yield from ((name, path.name) for name in read)
        yield from ((name, path.name) for name in re.findall(r"_number\(\"(\w+)\"\)", source))


def test_no_variable_that_is_read_is_missing_in_the_page() -> None:
    page = {*re.findall(r"`(\w+)(?:=\w+)?`", _text("environment"))}
    read = dict(_variables())
    assert len(read) > 20
    assert {name: module for name, module in read.items() if name not in page} == {}


def test_no_variable_of_ours_on_the_page_is_unknown() -> None:
    read = {name for name, _ in _variables()}
    ours = {name for name in re.findall(r"`(\w+)`", _text("environment")) if name.startswith(("AIRGAP", "_AIRGAP"))}
    assert ours <= read
