"""Progress: bars on a terminal, lines elsewhere, on standard error only."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from airgap.cli import progress
from airgap.oci.digest import Digest
from airgap.transfer.endpoint import TransferMethod
from airgap.transfer.events import BlobAdvanced, BlobDone, BlobStarted, Notice, Started
from tests.support.copying import family, write

pty = pytest.importorskip("pty")
DIGEST = Digest.of(b"")


def on_terminal(source: Path, target: Path, *options: str) -> tuple[str, str]:
    """Standard output and what a terminal on standard error was shown."""
    ours, theirs = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "TERM"}}
    command = [sys.executable, "-m", "airgap", "copy", str(source), str(target), *options]
    running = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=theirs, text=True, env={**environment, "TERM": "xterm"}
    )
    os.close(theirs)
    out = running.communicate(timeout=60)[0]
    shown = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            break
        if not piece:
            break
        shown += piece
    os.close(ours)
    assert running.returncode == 0, shown
    return out, shown.decode()


def test_draws_bars_on_a_terminal_and_prints_the_result(tmp_path: Path) -> None:
    source = write(tmp_path / "source", family(layer_bytes=5_000_000))
    out, shown = on_terminal(source, tmp_path / "to")
    assert "\x1b[" in shown
    assert "total" in shown
    assert "\x1b[" not in out
    assert out.startswith("COPIED ")


@pytest.mark.parametrize(("options", "words"), [(["--no-tty"], True), (["-q"], False)], ids=["lines", "nothing"])
def test_draws_no_bars_on_request(tmp_path: Path, options: list[str], words: bool) -> None:
    source = write(tmp_path / "source", family())
    _, shown = on_terminal(source, tmp_path / "to", *options)
    assert "\x1b[" not in shown
    assert bool(shown) == words


def test_lines_hold_amount_rate_and_remaining_time(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr("airgap.cli.progress.time.monotonic", lambda: now[0])
    lines = progress._Lines()
    lines.report(Started(artifacts=1, blobs=2, manifests=1, bytes=4 << 20, present_bytes=1 << 20))
    lines.report(BlobStarted(digest=DIGEST, size=2 << 20))
    now[0] = 10.0
    lines.report(BlobAdvanced(digest=DIGEST, bytes=1 << 20))
    lines.report(Notice(message="trying again"))
    now[0] = 20.0
    lines.report(BlobDone(digest=DIGEST, size=2 << 20, how=TransferMethod.COPIED))
    assert capsys.readouterr().err.splitlines() == [
        "1 artifact: 4.0 MiB in 2 blobs and 1 manifest; 1.0 MiB are there already",
        "1.0 MiB of 4.0 MiB, 102.4 KiB/s, 30 s left",
        "trying again",
        "2.0 MiB of 4.0 MiB, 102.4 KiB/s, 20 s left",
    ]


def test_counts_a_blob_that_is_sent_again_once() -> None:
    tally = progress._Tally()
    tally.take(Started(artifacts=1, blobs=1, manifests=0, bytes=100, present_bytes=0))
    for _ in range(2):
        tally.take(BlobStarted(digest=DIGEST, size=100))
        tally.take(BlobAdvanced(digest=DIGEST, bytes=80))
    assert tally.bytes == 80
    tally.take(BlobDone(digest=DIGEST, size=100, how=TransferMethod.COPIED))
    assert tally.bytes == 100
