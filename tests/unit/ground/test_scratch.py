"""Folders for work in between (issue: nothing is left behind by dead processes)."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO

import pytest

from airgap import scratch
from airgap.scratch import scratch_folder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="locks and signals of POSIX systems")

KILLED = """
import os, signal, sys
from pathlib import Path
from typing import IO
from airgap import scratch
from airgap.scratch import scratch_folder
with scratch_folder(Path(sys.argv[1]) if len(sys.argv) > 1 else None) as folder:
    (folder / "crls").mkdir()
    (folder / "crls" / "a.crl").write_bytes(b"half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(params=["of the system", "beside a file"])
def parent(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path | None:
    if request.param == "beside a file":
        return tmp_path
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return None


def kill_one(parent: Path | None) -> None:
    subprocess.run([sys.executable, "-c", KILLED, *([str(parent)] if parent else [])], check=False, timeout=60)


def test_is_empty_and_is_removed_with_its_content(tmp_path: Path, parent: Path | None) -> None:
    with scratch_folder(parent) as folder:
        assert list(folder.iterdir()) == []
        assert folder.parent.parent == tmp_path
        (folder / "a").write_bytes(b"a")
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_process_left_is_removed(tmp_path: Path, parent: Path | None) -> None:
    kill_one(parent)
    assert len(list(tmp_path.iterdir())) == 1
    with scratch_folder(parent):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_folder_in_use_stays(tmp_path: Path, parent: Path | None) -> None:
    with scratch_folder(parent) as first:
        (first / "a").write_bytes(b"a")
        with scratch_folder(parent) as second:
            assert second != first
        assert (first / "a").read_bytes() == b"a"


def test_what_is_not_ours_stays(tmp_path: Path, parent: Path | None) -> None:
    hidden = "." if parent else ""
    without_lock = tmp_path / f"{hidden}airgap-scratch-abcdefgh"
    without_lock.mkdir()
    other_name = tmp_path / "airgap-scratch-trip"
    other_name.mkdir()
    (other_name / "lock").write_bytes(b"")
    link = tmp_path / f"{hidden}airgap-scratch-abcdefg0"
    link.symlink_to(other_name)
    with scratch_folder(parent):
        pass
    assert without_lock.is_dir()
    assert (other_name / "lock").exists()
    assert link.is_symlink()


def test_folder_of_another_user_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kill_one(tmp_path)
    user = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: user + 1)
    with scratch_folder(tmp_path):
        assert len(list(tmp_path.iterdir())) == 2


def test_without_locks_nothing_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError

    kill_one(tmp_path)
    monkeypatch.setattr("fcntl.flock", refused)
    with scratch_folder(tmp_path) as folder:
        assert folder.is_dir()
    assert len(list(tmp_path.iterdir())) == 1


def test_one_that_another_process_removes_before_it_is_locked_is_made_again(
    tmp_path: Path, parent: Path | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two commands that began at once one failed."""
    fcntl = pytest.importorskip("fcntl")
    lock = fcntl.flock
    swept: list[int] = []

    def flock(file: IO[bytes] | int, how: int) -> None:
        if how == fcntl.LOCK_EX and not swept:
            swept.append(1)
            scratch._sweep(tmp_path)
        lock(file, how)

    monkeypatch.setattr(fcntl, "flock", flock)
    with scratch_folder(parent) as folder:
        (folder / "a").write_bytes(b"a")
    assert swept
    assert list(tmp_path.iterdir()) == []
