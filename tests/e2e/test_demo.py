"""`airgap demo`: a newcomer sees every kind of verdict, from an installed package, without a clone."""

from __future__ import annotations

import json
import shutil
import tomllib
from pathlib import Path

import pytest

from airgap.cli import demo
from tests.support.command import run_here

ROOT = Path(__file__).parents[2]
EXPECTED = json.loads((ROOT / "layouts" / "expected.json").read_text(encoding="utf-8"))


def test_the_demo_shows_each_command_with_its_verdict() -> None:
    ran = run_here(["demo"])
    assert ran.code == 0, ran
    for case in EXPECTED:
        assert f"$ airgap verify {' '.join(case['arguments'])}\n" in ran.out
    assert ran.out.count("Exit code 0.") == 2
    for code in (16, 14, 13, 10, 15):
        assert f"Exit code {code}." in ran.out
    assert "All 7 verdicts are as expected." in ran.out


def test_the_document_has_every_case() -> None:
    ran = run_here(["demo", "--format", "json"])
    assert [(case["name"], case["exit_code"]) for case in ran.held_to("demo")["cases"]] == [
        (case["name"], case["exit_code"]) for case in EXPECTED
    ]
    assert ran.err == ""


def test_quiet_says_one_line() -> None:
    assert run_here(["demo", "-q"]).out == "All 7 verdicts are as expected.\n"


def test_a_copy_can_be_verified_by_hand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ran = run_here(["demo", "-q", "--to", str(tmp_path / "new")])
    assert ran.code == 0, ran
    assert "--to DIR" not in run_here(["demo", "--to", str(tmp_path / "newer")]).out
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["layouts"]
    assert not list((tmp_path / "new").rglob("*.py"))
    monkeypatch.chdir(tmp_path / "new")
    assert run_here(["verify", *EXPECTED[0]["arguments"]]).code == 0


def test_a_copy_replaces_nothing(tmp_path: Path) -> None:
    (tmp_path / "layouts").mkdir()
    ran = run_here(["demo", "--to", str(tmp_path)])
    assert ran.code == 2
    assert "already" in ran.err
    assert not list((tmp_path / "layouts").iterdir())


def test_another_verdict_than_expected_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layouts = tmp_path / "layouts"
    shutil.copytree(ROOT / "layouts", layouts)
    shutil.rmtree(layouts / "unsigned")
    monkeypatch.setattr(demo, "_PACKAGE", tmp_path)
    ran = run_here(["demo"])
    assert ran.code == 1
    assert "WRONG   unsigned: exit code 2, expected 10" in ran.out
    assert "WRONG: 1 of 7 verdicts not as expected." in ran.out


def test_an_installation_without_layouts_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "_PACKAGE", tmp_path / "airgap")
    ran = run_here(["demo"])
    assert ran.code == 1
    assert "this installation has no layouts to show" in ran.err


def test_the_wheel_has_what_the_demo_needs() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packed = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    needed = {path for case in EXPECTED for path in case["arguments"] if path.startswith("layouts/")}
    assert {path.partition(":")[0] for path in needed} | {"layouts/expected.json"} <= set(packed)
    assert all(place == f"airgap/{path}" and (ROOT / path).exists() for path, place in packed.items())
