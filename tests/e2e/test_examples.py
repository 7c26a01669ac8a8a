"""Each command's help has two examples, and the real parser takes each of them."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any, Final

import pytest
from typer import Context

from airgap.cli.examples import EXAMPLES
from tests.support.command import root_command, run_here

_WIDTH: Final = 150
"""Characters of an example: a policy statement cannot be shorter."""


def _leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[str]:
    if not hasattr(command, "list_commands"):
        yield " ".join(path)
        return
    for name in command.list_commands(None):
        yield from _leaves(command.get_command(None, name), (*path, name))


def test_every_command_has_two() -> None:
    assert {*EXAMPLES} == {*_leaves(root_command())}
    assert all(len(examples) == 2 for examples in EXAMPLES.values())


@pytest.mark.parametrize("command", EXAMPLES)
def test_each_is_parsed_as_a_call_of_its_command(command: str) -> None:
    for purpose, line in EXAMPLES[command]:
        words = shlex.split(line)
        assert words[0] == "airgap"
        assert len(line) <= _WIDTH
        assert purpose[0].isupper()
        assert not purpose.endswith(".")
        assert _parsed(words[1:]) == command


def _parsed(words: list[str]) -> str:
    """The command that would run. Raises what the parser raises for words that it does not take."""
    node = root_command()
    context: Context = node.make_context("airgap", words)
    while hasattr(node, "resolve_command"):
        rest = [*context._protected_args, *context.args]
        name, node, rest = node.resolve_command(context, rest)
        context = node.make_context(name, rest, parent=context)
    assert not context.args
    return " ".join(context.command_path.split()[1:])


@pytest.mark.parametrize("command", EXAMPLES)
def test_help_shows_them_whole(command: str) -> None:
    lines = run_here([*command.split(), "--help"]).out.splitlines()
    for _, line in EXAMPLES[command]:
        assert f"  {line}" in lines


def test_no_summary_is_cut_and_other_names_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    groups = [(), ("bundle",), ("trust",), ("trust", "snapshot"), ("trust", "policy"), ("ledger",), ("blob",)]
    for group in groups:
        listed = run_here([*group, "--help"]).out.partition("Commands:")[2]
        assert "..." not in listed
        assert all(len(line) <= 80 for line in listed.splitlines())
    assert "copy, cp" in run_here(["--help"]).out
    assert "discover, tree" in run_here(["--help"]).out
