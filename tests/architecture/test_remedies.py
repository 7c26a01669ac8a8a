"""Every command and option that a message of ours names exists: a wrong remedy is worse than none."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from tests.support.command import root_command

ROOT: Final = Path(__file__).resolve().parents[2]
_COMMAND: Final = re.compile(r"\bairgap((?: [a-z][a-z-]*)+)")
_OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]+")
_OTHERS: Final = re.compile(
    r"\b(?:skopeo|docker|openssl|oras|hauler|cosign|notation|regctl|ctr|pip|softhsm2-util|tar|git|cp)\b"
)
"""Programs whose options are in our messages as well."""
_LINE: Final = re.compile(r"\bairgap((?: [^\s,;:()→]+)+)")
"""A command with what follows it, up to what ends a command line in a sentence."""
_PROSE: Final = frozenset({"and", "cannot", "does", "is", "or", "that", "to", "writes", "wrote"})
"""Words that may follow the name of the program, or of a group of commands, in a sentence."""


@cache
def sentences() -> tuple[tuple[str, str], ...]:
    """Every text of the package that may be shown, with its place; what is filled in is an X."""
    return tuple(_sentences())


def _sentences() -> Iterator[tuple[str, str]]:
    for path in sorted((ROOT / "airgap").rglob("*.py")):
        tree = ast.parse(path.read_text())
        nodes = list(ast.walk(tree))
        documented = {
            id(node.body[0].value)
            for node in nodes
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        inside = {id(part) for node in nodes if isinstance(node, ast.JoinedStr) for part in ast.walk(node)}
        left_out, name = documented | inside, path.relative_to(ROOT)
        for node in nodes:
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(part.value) if isinstance(part, ast.Constant) else "X" for part in node.values)
                yield f"{name}:{node.lineno}", text
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
                yield f"{name}:{node.lineno}", node.value


def _unknown_command(words: list[str]) -> str | None:
    """The first word that should be a command and is none; None where all is well."""
    command = root_command()
    for word in words:
        if not hasattr(command, "list_commands"):
            return None  # words behind a command are its arguments
        command = command.get_command(None, word)
        if command is None:
            return word
    return None


def _strange_options(line: str) -> set[str]:
    """The options in a command line that its command does not take; those in prose behind it count as well."""
    command, words = root_command(), line.split()
    while words and hasattr(command, "list_commands") and (found := command.get_command(None, words[0])):
        command, words = found, words[1:]
    known = {*_options(command), "--help", "--version"}
    return {option for word in words for option in _OPTION.findall(word) if option not in known}


def _options(command: Any) -> Iterator[str]:
    for parameter in command.params:
        yield from (*parameter.opts, *parameter.secondary_opts)
    for name in command.list_commands(None) if hasattr(command, "list_commands") else ():
        yield from _options(command.get_command(None, name))


def test_commands_that_messages_name_exist() -> None:
    wrong = [
        f"{where}: airgap {' '.join(words)}: {unknown}"
        for where, text in sentences()
        for match in _COMMAND.finditer(text)
        if (unknown := _unknown_command(words := match[1].split())) not in {None, *_PROSE}
    ]
    assert wrong == []


def test_options_that_messages_name_exist() -> None:
    known = {*_options(root_command()), "--help", "--version"}
    wrong = [
        f"{where}: {option}"
        for where, text in sentences()
        if not _OTHERS.search(text)
        for option in _OPTION.findall(text)
        if option not in known
    ]
    assert wrong == []


def test_commands_take_the_options_that_messages_give_them() -> None:
    wrong = [
        f"{where}: airgap{match[1]}: {', '.join(sorted(strange))}"
        for where, text in sentences()
        for match in _LINE.finditer(text)
        if (strange := _strange_options(match[1]))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("line", "strange"),
    [
        ("copy X Y --platform X", set()),
        ("trust fetch --into X X", set()),
        ("verify X --into Y", {"--into"}),
        ("trust status X --no-download", {"--no-download"}),
    ],
)
def test_options_of_other_commands_are_noticed(line: str, strange: set[str]) -> None:
    assert _strange_options(line) == strange


@pytest.mark.parametrize(
    ("text", "unknown"), [("airgap trust fetch", None), ("airgap trust get", "get"), ("airgap list", "list")]
)
def test_unknown_commands_are_noticed(text: str, unknown: str | None) -> None:
    match = _COMMAND.search(text)
    assert match is not None
    assert _unknown_command(match[1].split()) == unknown
