"""Threads do not reserve the address space that a limit (`ulimit -v`) leaves to a command."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.layouts import LayoutBuilder
from tests.support.scenario import Scene, Written

KILOBYTES = 600_000
MANY_CORES = "import os; os.cpu_count = lambda: 64; from airgap.__main__ import main; main()"
pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="elsewhere address space is not limited, or malloc is another one"
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """An image with enough to hash that threads do it."""
    scene = Scene()
    block = b"layer" * 100_000
    scene.target = scene.builder.add_image(*(number.to_bytes(2, "big") + block for number in range(100)))
    scene.builder.tag(scene.target, "v1")
    return scene.write(tmp_path_factory.mktemp("written"))


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command on a machine with 64 cores and little address space."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MALLOC_")}
    return subprocess.run(
        [sys.executable, "-c", MANY_CORES, *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (KILOBYTES * 1024,) * 2),
    )


def test_copies_many_blobs_in_little_address_space(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    for number in range(200):
        builder.tag(builder.add_image(f"layer {number}".encode()), f"v{number}")
    source = builder.write_directory(tmp_path / "source")
    ran = run("copy", f"oci:{source}", f"oci:{tmp_path / 'to'}")
    assert ran.returncode == 0, ran.stderr


def test_verifies_on_many_cores_in_little_address_space(written: Written) -> None:
    ran = run("verify", f"oci:{written.layout}:v1", *written.arguments()[2:])
    assert ran.returncode == 0, ran.stderr


def test_makes_a_tar_of_a_snapshot_in_little_address_space(written: Written, tmp_path: Path) -> None:
    ran = run("trust", "snapshot", "create", "--trust", str(written.trust), "-o", str(tmp_path / "s.tar"))
    assert ran.returncode == 0, ran.stderr
