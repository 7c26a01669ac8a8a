"""A closed output stream gave a traceback, and exit code 1 for a failed verification."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.layouts import LayoutBuilder
from tests.support.scenario import Scene


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_gives_no_traceback(tmp_path: Path, closed: str) -> None:
    scene = Scene()
    scene.packing.append(lambda builder, _: _unsigned(builder))
    written = scene.write(tmp_path)
    command = [sys.executable, "-m", "airgap", "verify", f"oci:{written.layout}", "--trust", str(written.trust)]
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$@" {closed}', "sh", *command, "--at", "2026-06-01"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, "Traceback" in done.stdout + done.stderr) == (10, False), done


def _unsigned(builder: LayoutBuilder) -> None:
    builder.tag(builder.add_image(b"unsigned"), "v2")
