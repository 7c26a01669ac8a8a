"""A clock of 1901 or of 2200 is named as what is wrong, before anything is judged, fetched or written."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.copying import family, write

RIGHT = datetime(2026, 11, 30, tzinfo=UTC)


@pytest.fixture(
    params=["1901-12-13 20:45", "1970-01-01 00:00", "2024-12-31 23:59", "2100-01-01 00:00", "2200-01-01 00:00"]
)
def wrong(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    set_clock(monkeypatch, datetime.fromisoformat(request.param).replace(tzinfo=UTC))
    return str(request.param)


def commands(folder: Path) -> dict[str, list[str]]:
    source = write(folder / "source", family())
    trust = str(folder / "trust")
    return {
        "verify": ["verify", str(source), "--trust", trust],
        "verify --at": ["verify", str(source), "--trust", trust, "--at", "2026-08-01"],
        "trust fetch": ["trust", "fetch", str(source), "--trust", trust],
        "trust status": ["trust", "status", "--trust", trust],
        "copy": ["copy", str(source), str(folder / "to")],
    }


@pytest.mark.parametrize("name", ["verify", "verify --at", "trust fetch", "trust status", "copy"])
def test_the_clock_is_named(wrong: str, name: str, tmp_path: Path) -> None:
    ran = run_here(commands(tmp_path)[name])
    assert (ran.code, ran.out) == (15, "")
    assert f"the clock of this machine cannot be right: it says {wrong} UTC" in ran.err
    assert "Set the clock first" in ran.err
    assert not (tmp_path / "to").exists()
    assert not (tmp_path / "trust").exists()


@pytest.mark.parametrize("name", ["verify", "trust fetch", "copy"])
def test_the_clock_is_named_in_json(wrong: str, name: str, tmp_path: Path) -> None:
    ran = run_here([*commands(tmp_path)[name], "--format", "json"])
    assert ran.code == 15
    assert wrong in json.dumps(json.loads(ran.out))


def test_a_right_clock_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, RIGHT)
    assert run_here(commands(tmp_path)["copy"]).code == 0
    assert (tmp_path / "to").exists()
