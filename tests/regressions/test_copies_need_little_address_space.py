"""Threads do not reserve the address space that a limit (`ulimit -v`) leaves to a copy."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.layouts import LayoutBuilder

KILOBYTES = 600_000


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere address space is not limited, or malloc is another one")
def test_copies_many_blobs_in_little_address_space(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    for number in range(200):
        builder.tag(builder.add_image(f"layer {number}".encode()), f"v{number}")
    source = builder.write_directory(tmp_path / "source")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    ran = subprocess.run(
        [sys.executable, "-m", "airgap", "copy", f"oci:{source}", f"oci:{tmp_path / 'to'}"],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (KILOBYTES * 1024,) * 2),
    )
    assert ran.returncode == 0, ran.stderr
