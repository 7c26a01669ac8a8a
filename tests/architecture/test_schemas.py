"""Every document for programs has a strict schema, and every schema is of a document."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator

from tests.support.command import SCHEMAS, root_command, schema_name

ROOT: Final = Path(__file__).resolve().parents[2]
NAMES: Final = sorted(path.name.removesuffix(".schema.json") for path in SCHEMAS.iterdir())
_DOCUMENT: Final = re.compile(r"airgap\.[a-z.-]+/[0-9]+")
FORMATS: Final = {"bundle", "receipt", "request"}
"""Documents that are no result of a command: files that travel."""
OPEN: Final = {"facts", "evidence", "judgement", "copy", "trust"}
"""Members without a list of members: facts are different for each reason, the others have a schema of their own."""
TEXTS: Final = {"completion", "schema"}
"""Commands whose result is a text that another program loads."""


def _written() -> Iterator[str]:
    """The documents that reports write."""
    for path in (ROOT / "airgap/report").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and _DOCUMENT.fullmatch(node.value):
                yield schema_name(node.value)
    yield "verify"  # its name is where such reports are read, too


def test_no_document_is_without_a_schema_and_no_schema_without_a_document() -> None:
    assert {*_written()} | FORMATS == {*NAMES}


def test_schemas_are_in_one_place() -> None:
    assert list((ROOT / "docs").rglob("*.schema.json")) == []


def _objects(node: Any, name: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(node, dict):
        if node.get("type") == "object":
            yield name, node
        for key, value in node.items():
            yield from _objects(value, name if key in {"oneOf", "anyOf"} else key)
    elif isinstance(node, list):
        for value in node:
            yield from _objects(value, name)


@pytest.mark.parametrize("name", NAMES)
def test_schemas_are_strict(name: str) -> None:
    """No object takes members that the schema does not name, or it says what all their values are."""
    schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    loose = [where for where, node in _objects(schema) if "additionalProperties" not in node and where not in OPEN]
    assert loose == []
    assert schema["properties"]["schema"]["const"].rpartition("/")[2].isdecimal()
    assert "schema" in schema["required"]


def _leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "list_commands"):
        yield " ".join(path), command
        return
    for name in command.list_commands(None):
        yield from _leaves(command.get_command(None, name), (*path, name))


COMMANDS: Final = dict(_leaves(root_command()))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_a_document(name: str) -> None:
    names = {option for parameter in COMMANDS[name].params for option in parameter.opts}
    assert ({"--format", "--json"} <= names) is (name not in TEXTS)
