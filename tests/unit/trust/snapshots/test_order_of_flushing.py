"""What is on the medium before what: a power cut between two of these steps must find the one tree or the other whole.

No test can cut the power. So the order of flushes and renames is noted, and read.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from airgap.trust.snapshots import swap as swapping
from airgap.trust.snapshots.swap import StagedSwap

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="an open file is found in /proc")


class Steps:
    """Notes what is flushed and what gets a new name, by path."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.all: list[tuple[str, str]] = []
        genuine: dict[str, Any] = {
            "fsync": os.fsync,
            "replace": Path.replace,
            "rename": Path.rename,
            "exchange": swapping.exchange,
        }

        def fsync(descriptor: int) -> None:
            self.all.append(("flush", str(Path(f"/proc/self/fd/{descriptor}").readlink())))
            genuine["fsync"](descriptor)

        def renamed(name: str) -> Any:
            def rename(path: Path, target: Path) -> Path:
                result = genuine[name](path, target)
                self.all.append(("name", str(target)))
                assert isinstance(result, Path)
                return result

            return rename

        def exchange(one: Path, other: Path) -> bool:
            done = genuine["exchange"](one, other)
            if done:
                self.all.append(("name", str(other)))
            return bool(done)

        monkeypatch.setattr(os, "fsync", fsync)
        monkeypatch.setattr(Path, "replace", renamed("replace"))
        monkeypatch.setattr(Path, "rename", renamed("rename"))
        monkeypatch.setattr(swapping, "exchange", exchange)

    def first(self, step: tuple[str, str]) -> int:
        return self.all.index(step)


@pytest.mark.parametrize("system_call", [True, False], ids=["exchange", "two renames"])
def test_the_new_tree_is_flushed_before_the_journal_and_the_journal_before_the_exchange(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, system_call: bool
) -> None:
    trust = tmp_path / "trust"
    trust.mkdir()
    (trust / "old").write_bytes(b"old")
    swap = StagedSwap(trust)
    if not system_call:
        monkeypatch.setattr(swapping, "exchange", lambda *_: False)
    steps = Steps(monkeypatch)
    with swap.locked():
        tree = swap.begin()
        (tree / "crls").mkdir()
        (tree / "crls" / "a.crl").write_bytes(b"a")
        (tree / "new").write_bytes(b"new")
        swap.commit()
    assert (trust / "new").read_bytes() == b"new"
    journal = steps.first(("name", str(swap.side / "journal.json")))
    exchanged = steps.first(("name", str(trust)))
    flushed = {path for step, path in steps.all[:journal] if step == "flush"}
    next_tree = swap.side / "next"
    wanted = {next_tree, next_tree / "crls", next_tree / "crls" / "a.crl", next_tree / "new", next_tree / ".airgap"}
    assert {str(path) for path in wanted} <= flushed, "the journal says that the tree is complete"
    assert any("generation" in path for path in flushed)
    content = [path for step, path in steps.all[:journal] if step == "flush" and "journal.json" in path]
    assert content, "the journal's own bytes are flushed before it gets its name"
    between = steps.all[journal:exchanged]
    assert ("flush", str(swap.side)) in between, "the journal's name is flushed before anything is exchanged"
    after = steps.all[exchanged:]
    assert ("flush", str(tmp_path)) in after, "the exchange is flushed before the journal goes"
    assert after.index(("flush", str(tmp_path))) < _last(after, ("flush", str(swap.side)))


def _last(steps: list[tuple[str, str]], step: tuple[str, str]) -> int:
    return len(steps) - 1 - steps[::-1].index(step)
