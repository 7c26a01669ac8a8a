"""Locks on folders, with locks of the file system and without."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from airgap import locking
from airgap.errors import AirgapError
from airgap.locking import LEASE_FILE, exclusive, try_lock
from tests.support.without_locks import refuse_locks

posix = pytest.mark.skipif(os.name != "posix", reason="folders cannot be locked here")

HOLD = """
import os, signal, sys
from pathlib import Path
import tests.support.without_locks as without
without.refuse_locks()
from airgap.locking import try_lock
lock = try_lock(Path(sys.argv[1]))
assert lock
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.fixture(params=["folder lock", "lease"])
def lockable(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    if request.param == "lease":
        refuse_locks(monkeypatch)
    return bool(request.param == "folder lock")


@posix
def test_only_one_writer_holds_the_lock(tmp_path: Path, lockable: bool) -> None:
    inside, most = 0, 0
    guard = threading.Lock()

    def enter() -> None:
        nonlocal inside, most
        with exclusive(tmp_path):
            with guard:
                inside += 1
                most = max(most, inside)
            time.sleep(0.005)
            with guard:
                inside -= 1

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert not list(tmp_path.iterdir())


@posix
def test_waiting_for_the_lock_is_bounded(tmp_path: Path, lockable: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locking, "PATIENCE_SECONDS", 0.05)
    with exclusive(tmp_path), pytest.raises(AirgapError, match="another process"), exclusive(tmp_path):
        pass


@posix
def test_lock_that_was_given_back_can_be_taken(tmp_path: Path, lockable: bool) -> None:
    first = try_lock(tmp_path)
    assert first
    assert try_lock(tmp_path) is None
    first.release()
    second = try_lock(tmp_path)
    assert second
    second.release()
    assert list(tmp_path.iterdir()) == []


@posix
def test_lock_of_a_folder_that_was_removed_is_given_back(tmp_path: Path, lockable: bool) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    lock = try_lock(folder)
    assert lock
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
    lock.release()


class TestLease:
    """Where the file system has no locks."""

    pytestmark = posix

    @pytest.fixture(autouse=True)
    def no_locks(self, monkeypatch: pytest.MonkeyPatch) -> None:
        refuse_locks(monkeypatch)

    def test_of_a_killed_process_of_this_machine_ends_with_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locking, "PATIENCE_SECONDS", 0.05)
        subprocess.run([sys.executable, "-c", HOLD, str(tmp_path)], check=False, timeout=60)
        assert (tmp_path / LEASE_FILE).exists()
        with exclusive(tmp_path):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_of_another_machine_ends_when_it_is_not_renewed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locking, "_LEASE_SECONDS", 0.4)
        self.write_as_of_another_machine(tmp_path)
        assert try_lock(tmp_path) is None
        with exclusive(tmp_path):
            pass
        assert list(tmp_path.iterdir()) == []

    def test_of_another_machine_stays_while_it_is_renewed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(locking, "_LEASE_SECONDS", 3600.0)
        monkeypatch.setattr(locking, "PATIENCE_SECONDS", 0.1)
        self.write_as_of_another_machine(tmp_path)
        with pytest.raises(AirgapError, match="another process"), exclusive(tmp_path):
            pass

    @staticmethod
    def write_as_of_another_machine(folder: Path) -> None:
        """A lease as this writes it, with another host's name."""
        lock = try_lock(folder)
        assert lock
        written = (folder / LEASE_FILE).read_text()
        lock.release()
        host = next(line for line in written.splitlines() if line.startswith("host="))
        (folder / LEASE_FILE).write_text(written.replace(host, "host=elsewhere"))
        assert "elsewhere" in (folder / LEASE_FILE).read_text()

    def test_folder_that_cannot_be_written_is_an_error(self, tmp_path: Path) -> None:
        with pytest.raises(OSError, match=os.strerror(errno.ENOENT)), exclusive(tmp_path / "none"):
            pass
