"""Results that are written to a device or a pipe."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from airgap.files import write_file
from tests.support.command import run_here
from tests.support.scenario import with_everything

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes")


@pytest.mark.parametrize("linked", [False, True])
def test_writes_into_a_pipe_without_replacing_it(tmp_path: Path, *, linked: bool) -> None:
    """As root, `--lock-output /dev/null` left a machine without /dev/null."""
    pipe, name = tmp_path / "pipe", tmp_path / "link"
    os.mkfifo(pipe)
    name.symlink_to(pipe)
    with pytest.raises(OSError, match="no regular file"):
        write_file(name if linked else pipe, b"x")
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert name.is_symlink()
    assert len(list(tmp_path.iterdir())) == 2


def test_refuses_a_pipe_as_lock_file(tmp_path: Path) -> None:
    layout = with_everything().write(tmp_path).layout
    os.mkfifo(tmp_path / "pipe")
    ran = run_here(["copy", f"oci:{layout}", f"oci:{tmp_path / 'out'}", "--lock-output", str(tmp_path / "pipe")])
    assert ran.code == 1, ran
    assert "no regular file" in ran.err, ran
    assert "unexpected" not in ran.err, ran
