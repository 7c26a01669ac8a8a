"""However and whenever `apply` ends, the trust directory is the old one or the new one, and is never lost.

Every call to the system that changes something is made to fail once, and once the process is killed before it; what is
then there has to be the one tree or the other, or be made so by the next command.
"""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airgap.errors import AirgapError
from airgap.trust.directory import TrustDirectory
from airgap.trust.snapshots import swap as swapping
from airgap.trust.snapshots.swap import StagedSwap
from tests.support.command import run_here
from tests.support.snapshots import LATER, Ground, fresh, tree_of

SLOW = bool(os.environ.get("AIRGAP_SLOW"))
SECOND = re.compile(r"crls/.+-[0-9a-f]{12}\.crl")
ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="kills and audit events are counted on Linux")


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill does not lose what the system has; only a power cut would, and no test can cut it."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests leave in a shared one is looked through, which adds to the calls that are counted."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", None)


@pytest.fixture(params=["exchange", "two renames"])
def exchange(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """With the one system call, and without it as on every other platform."""
    if request.param == "two renames":
        monkeypatch.setattr(swapping, "exchange", lambda *_: False)
    return bool(request.param == "exchange")


class Prepared:
    """A site that accepted one snapshot and is offered the next."""

    def __init__(self, folder: Path) -> None:
        self.ground = Ground(folder)
        self.ground.pin()
        self.ground.apply(self.ground.packed())
        (self.ground.packer / "crls" / "b.crl").write_bytes((self.ground.packer / "crls" / "a.crl").read_bytes())
        self.target = self.ground.packed()
        self.side = StagedSwap(self.ground.site).side
        self.old = tree_of(self.ground.site)
        fresh(self.ground.site, folder / "keep" / "site")
        fresh(self.side, folder / "keep" / "side")
        assert self.ground.apply(self.target).applied
        self.new = tree_of(self.ground.site)
        self._completed: set[tuple[object, ...]] = set()
        """Repaired states from which another apply completed: the same state needs no second one."""
        assert self.old != self.new

    def reset(self) -> None:
        fresh(self.ground.folder / "keep" / "site", self.ground.site)
        fresh(self.ground.folder / "keep" / "side", self.side)

    def check(self) -> str:
        """Which of the two is there, after the repair that every command begins with."""
        if self.ground.site.exists():  # a reader in between sees one of both, whole
            assert self._which(tree_of(self.ground.site))
            TrustDirectory.open(self.ground.site).policy()
        swap = StagedSwap(self.ground.site)
        with swap.locked():
            there = self._which(tree_of(self.ground.site))
        assert there
        assert not swap.next.exists()
        assert sorted(path.name for path in self.side.iterdir()) == ["previous"]
        state = tuple(sorted((*_all_of(self.ground.site), *_all_of(self.side))))
        if state not in self._completed:
            outcome = self.ground.apply(self.target)
            assert outcome.applied or outcome.in_force
            assert self._which(tree_of(self.ground.site)) == "new"
            self._completed.add(state)
        return there

    def _which(self, tree: dict[str, bytes]) -> str:
        """Old, new, or neither (empty). Evidence that could not be read stays beside what came, so it may be twice."""
        if tree == self.old:
            return "old"
        seconds = {name for name in tree if SECOND.fullmatch(name) and list(tree.values()).count(tree[name]) > 1}
        left_out = {*seconds, "crls/index.json"} if seconds else set()

        def rest(of: dict[str, bytes]) -> dict[str, bytes]:
            return {name: data for name, data in of.items() if name not in left_out}

        return "new" if rest(tree) == rest(self.new) else ""


def _all_of(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Everything below a folder, a folder as one without content; but the marker of what a reader may have begun."""
    for path in folder.rglob("*"):
        if path.name != "generation":
            yield str(path), b"" if path.is_dir() else path.read_bytes()


class Fuse:
    """Raises at the n-th call of any of the functions it sits in."""

    def __init__(self, at: int, error: BaseException) -> None:
        self.at, self.count, self.error = at, 0, error

    def guard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            if self.count == self.at:
                raise self.error
            return function(*arguments, **options)

        return guarded


FUSED = ("rename", "replace", "mkdir", "unlink", "rmdir", "fsync", "link", "open")


def _fused(fuse: Fuse, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in FUSED:
        monkeypatch.setattr(os, name, fuse.guard(getattr(os, name)))


def _points(total: int, first: int) -> Iterable[int]:
    """Every point, or a choice with each second of the last ones, where the exchange is."""
    last = max(1, total - 40)
    return range(1, total + 1) if SLOW else [*range(1, last, 12), *range(last + first, total + 1, 2)]


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_each_call_that_fails_leaves_the_old_or_the_new(
    tmp_path: Path, exchange: bool, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared = Prepared(tmp_path)
    counter = Fuse(0, error)
    prepared.reset()
    with monkeypatch.context() as patch:
        _fused(counter, patch)
        prepared.ground.apply(prepared.target)
    found = set()
    for point in _points(counter.count, first=exchange ^ isinstance(error, OSError)):
        prepared.reset()
        with monkeypatch.context() as patch:
            _fused(Fuse(point, error), patch)
            with contextlib.suppress(AirgapError, OSError, KeyboardInterrupt):
                prepared.ground.apply(prepared.target)
        found.add(prepared.check())
    assert found == {"old", "new"}


DRIVER = """
import os, signal, sys
from datetime import datetime
from pathlib import Path
sys.path.insert(0, {root!r})
from airgap.trust.snapshots.opened import open_snapshot
from airgap.stages.snapshot_apply import apply_snapshot
from airgap.verifier.snapshot_judgement import ApplyRequest
from airgap.trust.snapshots import swap as swapping
from airgap.trust.location import Location
LATER = datetime.fromisoformat({later!r})
if {plain}:
    swapping.exchange = lambda *_: False
os.fsync = lambda _: None
point, count, armed = int(sys.argv[3]), 0, False
def audit(event, arguments):
    global count
    if armed and event in ("open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "os.link", "ctypes.call_function"):
        count += 1
        if count == point:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(audit)
with open_snapshot(sys.argv[1]) as opened:
    armed = True
    apply_snapshot(opened, Location(path=Path(sys.argv[2]), origin="test"),
                   ApplyRequest(at=LATER, clock=LATER))
    armed = False
print(count)
"""


@pytest.mark.parametrize("plain", [False, True], ids=["exchange", "two renames"])
def test_a_killed_process_leaves_the_old_or_the_new(tmp_path: Path, plain: bool) -> None:
    prepared = Prepared(tmp_path)
    script = DRIVER.format(root=str(ROOT), plain=plain, later=LATER.isoformat())

    def run(point: int) -> subprocess.CompletedProcess[str]:
        prepared.reset()
        command = [sys.executable, "-c", script, prepared.target, str(prepared.ground.site), str(point)]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)

    whole = run(0)
    assert whole.returncode == 0, whole.stderr
    total = int(whole.stdout)
    points = range(1, total + 1) if SLOW else [total // 3, *range(total - 14, total + 1, 3)]
    found = set()
    for point in points:
        assert run(point).returncode == -9
        found.add(prepared.check())
    assert found == {"old", "new"}


def test_only_one_process_applies_at_a_time(tmp_path: Path) -> None:
    """Two at once: both end well, the directory is whole, and the higher number is remembered."""
    ground = Ground(tmp_path)
    ground.pin()
    targets = [ground.packed(), ground.packed(), ground.packed()]
    problems: list[str] = []

    def work(target: str) -> None:
        outcome = ground.apply(target)
        problems.extend(problem.reason or "" for problem in outcome.problems)

    threads = [threading.Thread(target=work, args=(target,)) for target in targets]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert set(problems) <= {"snapshot.rollback"}
    assert ground.state().trust["default"].number == 3
    assert ground.policy_name() == "packer"


def test_refuses_a_damaged_journal(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    ground.pin()
    target = ground.packed()
    journal = StagedSwap(ground.site).side / "journal.json"
    journal.write_text("{")
    with pytest.raises(AirgapError, match=r"journal\.json cannot be read"):
        ground.apply(target)
    assert ground.policy_name() == "site"


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), KeyboardInterrupt()], ids=["error", "interrupt"])
def test_an_interrupted_undo_that_is_repeated_goes_back_once(
    tmp_path: Path, exchange: bool, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ended after its exchange and repeated, it finished itself and went forward again."""
    prepared = Prepared(tmp_path)
    fresh(prepared.ground.site, tmp_path / "keep" / "site")
    fresh(prepared.side, tmp_path / "keep" / "side")
    counter = Fuse(0, error)
    with monkeypatch.context() as patch:
        _fused(counter, patch)
        prepared.ground.undo()
    undone = prepared.ground.state().in_force
    for point in _points(counter.count, first=exchange ^ isinstance(error, OSError)):
        prepared.reset()
        ended = False
        with monkeypatch.context() as patch:
            _fused(Fuse(point, error), patch)
            try:
                prepared.ground.undo()
            except (AirgapError, OSError, KeyboardInterrupt):
                ended = True
        complete = prepared.ground.site.exists() and prepared.ground.state().in_force == undone
        if ended and not (complete and not (prepared.side / "journal.json").exists()):
            prepared.ground.undo()
        state = prepared.ground.state()
        assert (state.in_force, [event.action for event in state.history].count("undo")) == (undone, 1), point


def _killed_between_two_renames(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> str:
    """The target that was being applied: no trust directory is there."""
    ground.pin()
    target = ground.packed()
    rename = Path.rename

    def killed(self: Path, to: Path) -> Path:
        if self.name == "next":
            raise KeyboardInterrupt
        return rename(self, to)

    with monkeypatch.context() as patch:
        patch.setattr(swapping, "exchange", lambda *_: False)
        patch.setattr(Path, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            ground.apply(target)
    assert not ground.site.exists()
    return target


def test_the_command_completes_an_interrupted_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each command alone, without a repair before it."""
    for number, act in enumerate((None, Ground.undo, Ground.pin)):
        ground = Ground(tmp_path / str(number))
        target = _killed_between_two_renames(ground, monkeypatch)
        if act is None:
            assert ground.apply(target).in_force
        else:
            act(ground)
        assert ground.policy_name() == ("site" if act is Ground.undo else "packer")
        assert ground.state().trust["default"].number == 1


def test_a_folder_made_during_an_exchange_does_not_lose_the_pins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground = Ground(tmp_path)
    target = _killed_between_two_renames(ground, monkeypatch)
    ground.site.mkdir()
    with pytest.raises(AirgapError, match="neither the former tree nor the next one"):
        ground.apply(target)
    ground.site.rmdir()
    assert ground.apply(target).in_force


def test_reads_the_pins_during_an_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They were not read."""
    ground = Ground(tmp_path)
    target = _killed_between_two_renames(ground, monkeypatch)
    ran = run_here(["trust", "pin", "list", "--trust", str(ground.site)])
    assert (ran.code, "No signer is pinned" in ran.out) == (18, False), ran
    assert "run apply or undo again" in ran.err
    assert ground.apply(target).in_force
    assert run_here(["trust", "pin", "list", "--trust", str(ground.site)]).code == 0
