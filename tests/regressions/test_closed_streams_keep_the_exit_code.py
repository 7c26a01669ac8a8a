"""A closed output stream gave a traceback and the wrong exit code: 1 for a failed verification, 0 for a lost result."""

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


@pytest.mark.parametrize("redirected", [">&-", ">/dev/full"])
def test_a_failure_keeps_its_exit_code_where_its_result_cannot_be_written(tmp_path: Path, redirected: str) -> None:
    layout = LayoutBuilder()
    _unsigned(layout)
    trust = Scene().write(tmp_path).trust
    ran = _run(redirected, "verify", f"oci:{layout.write_directory(tmp_path / 'unsigned')}", "--trust", str(trust))
    assert (ran.returncode, ran.stderr.startswith("Error: standard output: ")) == (10, True), ran


@pytest.mark.parametrize(
    "arguments", [["ls", "{layout}"], ["ls", "{layout}", "--format", "json"], ["--version"], ["--help"]]
)
def test_a_result_that_cannot_be_written_is_an_error(tmp_path: Path, arguments: list[str]) -> None:
    layout = LayoutBuilder()
    _unsigned(layout)
    path = layout.write_directory(tmp_path / "layout")
    ran = _run(">&-", *(item.replace("{layout}", str(path)) for item in arguments))
    assert (ran.returncode, ran.stderr.splitlines()[0]) == (1, "Error: standard output: it is closed"), ran


def _run(redirected: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = ["/bin/sh", "-c", f'"$@" {redirected}', "sh", sys.executable, "-m", "airgap", *arguments]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def _unsigned(builder: LayoutBuilder) -> None:
    builder.tag(builder.add_image(b"unsigned"), "v2")
