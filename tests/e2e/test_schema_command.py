"""Programs get the schema of a document from the command itself."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from tests.support.command import SCHEMAS, run_here

NAMES = sorted(path.name.removesuffix(".schema.json") for path in SCHEMAS.glob("*.json"))


def test_lists_the_names() -> None:
    ran = run_here(["schema"])
    assert ran.code == 0
    assert ran.out.split() == NAMES
    assert "verify" in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_prints_each_by_its_name_and_by_that_of_its_document(name: str) -> None:
    ran = run_here(["schema", name])
    schema = json.loads(ran.out)
    Draft202012Validator.check_schema(schema)
    document = schema["properties"]["schema"]["const"]
    assert document.removeprefix("airgap.").rpartition("/")[0].replace(".", "-") == name
    assert run_here(["schema", document]).out == ran.out


@pytest.mark.parametrize(
    ("name", "near"), [("verfy", "Did you mean verify?"), ("../x", "lists all"), ("", "lists all")]
)
def test_names_the_near_one(name: str, near: str) -> None:
    ran = run_here(["schema", name])
    assert ran.code == 11
    assert near in ran.err


def test_a_format_is_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`-o` is a file of these commands, and `-o json` asks for a document elsewhere."""
    monkeypatch.chdir(tmp_path)
    for words in (["receipt", "create"], ["ledger", "export"], ["trust", "snapshot", "create"]):
        ran = run_here([*words, "-o", "json"])
        assert ran.code == 2
        assert "--format json" in ran.err
    assert not any(tmp_path.iterdir())


def test_text_can_be_asked_for() -> None:
    layout = "layouts/good"
    assert run_here(["ls", layout, "-o", "text"]).out == run_here(["ls", layout]).out
    assert run_here(["ls", layout, "-o", "json"]).out == run_here(["ls", layout, "--json"]).out
