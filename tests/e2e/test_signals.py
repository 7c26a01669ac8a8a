"""Ctrl-C, SIGTERM and SIGHUP end a command in one way."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.copying import family, load, write
from tests.support.registry import LoopbackRegistry, then

if sys.platform == "win32":
    pytest.skip("Windows has other signals", allow_module_level=True)

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
NOT_IGNORED = "import signal; [signal.signal(number, signal.SIG_DFL) for number in (1, 2, 15)]; "
"""A shell lets what runs in the background ignore Ctrl-C, and nohup SIGHUP: children of such tests would, too."""
each = pytest.mark.parametrize("number", SIGNALS, ids=lambda number: number.name)


def waiting(folder: Path, *arguments: str, ignored: str = "pass") -> subprocess.Popen[bytes]:
    """A command that has begun to copy a tar from a pipe, and waits for more of it."""
    source = write(folder / "source", family(3, layers=4, layer_bytes=1_000_000))
    tar = folder / "stick.tar"
    subprocess.run([sys.executable, "-m", "airgap", "copy", "-q", str(source), str(tar)], check=True)
    code = f"{NOT_IGNORED} import sys; {ignored}; from airgap.__main__ import main; sys.argv[0] = 'airgap'; main()"
    command = [sys.executable, "-c", code, *arguments]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    data = tar.read_bytes()
    process.stdin.write(data[: len(data) // 2])
    process.stdin.flush()
    return process


def until_begun(folder: Path) -> None:
    deadline = time.monotonic() + 60
    while not any(folder.rglob("*")):
        assert time.monotonic() < deadline, "it never began"
        time.sleep(0.01)


@each
def test_a_copy_ends_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    process = waiting(tmp_path, "copy", "-", str(tmp_path / "to"))
    until_begun(tmp_path / "to")
    process.send_signal(number)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, "interrupted" in err.decode(), "Traceback" in err.decode()) == (130, True, False), err
    assert [path for path in (tmp_path / "to").rglob("*") if path.name.endswith(".tmp")] == []


@each
def test_a_second_signal_does_not_wait_for_a_silent_registry(tmp_path: Path, number: signal.Signals) -> None:
    """Each further signal was swallowed while what runs was awaited: up to a minute for each try of each request."""
    with LoopbackRegistry() as registry:
        load(registry, "app", family())
        silent = threading.Event()
        registry.on("GET", "/blobs/", then(lambda: silent.wait(60)))
        code = f"{NOT_IGNORED} import sys; from airgap.__main__ import main; sys.argv[0] = 'airgap'; main()"
        command = [sys.executable, "-c", code, "copy", f"{registry.host}/app:v1", str(tmp_path / "to")]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        deadline = time.monotonic() + 60
        while not registry.requests("GET", "/blobs/"):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(number)
        process.send_signal(number)  # belongs to the first one
        time.sleep(1.5)
        assert process.poll() is None
        err = None
        try:
            for _ in range(15):  # two signals that wait for a busy process are one
                process.send_signal(number)
                with suppress(subprocess.TimeoutExpired):
                    _, err = process.communicate(timeout=2)
                    break
            assert err is not None, "it waited for the registry"
        finally:
            silent.set()
            process.kill()
    assert (process.returncode, b"interrupted again" in err, b"Traceback" in err) == (130, True, False), err


@each
def test_a_signal_during_import_prints_nothing(number: signal.Signals) -> None:
    own = f"from airgap.cli import signals; signals.leave_at_once(); os.kill(os.getpid(), {int(number)})"
    code = f"{NOT_IGNORED} import os; {own}"
    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert (ran.returncode, ran.stdout, ran.stderr) == (130, b"", b"")


def test_ignored_signals_stay_ignored(tmp_path: Path) -> None:
    """nohup."""
    ignored = "signal.signal(signal.SIGHUP, signal.SIG_IGN)"
    process = waiting(tmp_path, "copy", "-", str(tmp_path / "to"), ignored=ignored)
    until_begun(tmp_path / "to")
    process.send_signal(signal.SIGHUP)
    data = (tmp_path / "stick.tar").read_bytes()
    _, err = process.communicate(data[len(data) // 2 :], timeout=60)
    assert process.returncode == 0, err


def test_the_library_changes_no_signal_handler(tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in SIGNALS]
    code = (
        f"{NOT_IGNORED} import airgap; from tests.support.command import run_here; run_here(['version']);"
        f"print([signal.getsignal(number) is signal.SIG_DFL for number in {[int(n) for n in SIGNALS[1:]]}])"
    )
    ran = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path.cwd())
    assert ran.stdout.endswith("[True, True]\n")
    assert before == [signal.getsignal(number) for number in SIGNALS]
