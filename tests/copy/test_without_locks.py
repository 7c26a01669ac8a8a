"""Copies on file systems without locks (network shares): leases keep writers apart, and end with them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.copying import check_complete, check_sound, family, write

pytestmark = pytest.mark.skipif(os.name != "posix", reason="the tests take the locks of POSIX systems away")

COPY = """
import sys
import tests.support.without_locks as without
without.refuse_locks()
from airgap.__main__ import main
main()
"""
KILLED = """
import os, signal, sys
from datetime import UTC, datetime
import tests.support.without_locks as without
without.refuse_locks()
import airgap
count = 0
def step(event):
    global count
    count += 1
    if count == 6:
        os.kill(os.getpid(), signal.SIGKILL)
airgap.copy(airgap.CopyRequest(sources=[sys.argv[1]], destination=sys.argv[2], at=datetime(2026, 1, 1, tzinfo=UTC)),
            progress=step)
"""


def copying(source: Path, destination: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COPY, "copy", "-q", str(source), str(destination)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_several_copies_at_once_into_one_new_layout_lose_nothing(tmp_path: Path) -> None:
    made = [family(number, layers=2) for number in range(4)]
    sources = [write(tmp_path / f"source{number}", one) for number, one in enumerate(made)]
    running = [copying(source, tmp_path / "stick") for source in sources]
    for process in running:
        said, _ = process.communicate(timeout=120)
        assert process.returncode == 0, said
    check_complete(tmp_path / "stick", *(one.index for one in made))
    assert [path.name for path in (tmp_path / "stick").iterdir() if path.name.startswith(".")] == []


def test_what_a_killed_copy_left_is_completed_and_removed(tmp_path: Path) -> None:
    made = family(1, layers=6)
    source, destination = write(tmp_path / "source", made), tmp_path / "stick"
    killed = subprocess.run(
        [sys.executable, "-c", KILLED, str(source), str(destination)], check=False, capture_output=True, timeout=60
    )
    assert killed.returncode == -signal.SIGKILL
    check_sound(destination)
    assert list(destination.glob(".airgap-*"))
    said, _ = (process := copying(source, destination)).communicate(timeout=60)
    assert process.returncode == 0, said
    check_complete(destination, made.index)
    assert [path.name for path in destination.iterdir() if path.name.startswith(".")] == []
