"""How `make fuzz` judges a door: by its processor time, because others may have the machine, and by its inputs."""

from __future__ import annotations

import sys

import pytest

from fuzz import hunt


@pytest.mark.parametrize(
    ("code", "inputs", "crashed"),
    [
        ("import time; time.sleep(1.5); print('7 inputs')", 7, False),
        ("while True: pass", None, True),
        ("print('0 inputs')", 0, True),
        ("print('7 inputs'); raise SystemExit(77)", 7, True),
    ],
    ids=["it waited for a processor", "it does not end", "no input", "a crash"],
)
def test_a_door_holds(code: str, inputs: int | None, *, crashed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hunt, "_SLACK", 1)
    catch = hunt._run("door", [sys.executable, "-c", code], 0)
    assert (catch.inputs, catch.crashed) == (inputs, crashed)
