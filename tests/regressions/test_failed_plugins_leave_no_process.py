"""Processes of plugins that had failed."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest

from airgap.plugin import runner
from airgap.plugin.host import PluginError

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="process groups")


def test_ends_all_processes_that_a_failing_plugin_started(tmp_path: Path) -> None:
    plugin = tmp_path / "notation-x"
    plugin.write_text(f"#!/bin/sh\nsleep 60 >/dev/null 2>&1 </dev/null &\necho $! > {tmp_path}/pid\nexit 3\n")
    plugin.chmod(0o755)
    with pytest.raises(PluginError, match="exit code 3"):
        runner.run("x", plugin, "describe-key", b"{}", environment={"PATH": os.environ["PATH"]}, seconds=30)
    child = int((tmp_path / "pid").read_text())
    for _ in range(600):
        if not _runs(child):
            return
        time.sleep(0.05)
    pytest.fail("it runs on")


def _runs(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"  # it may not be collected yet
