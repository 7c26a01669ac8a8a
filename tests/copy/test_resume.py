"""A large blob that was cut off in one run is continued in the next."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from airgap.transfer.staging import PREFIX
from tests.support.command import run_here
from tests.support.copying import check_complete, family, load
from tests.support.registry import LoopbackRegistry, cut

SIZE = 6_000_000


class Usage(NamedTuple):
    free: int
    total: int = 2**41


@pytest.fixture
def partly(tmp_path: Path, target: LoopbackRegistry) -> Path:
    """A layout whose copy was cut off inside of both large layers."""
    load(target, "app", family(layer_bytes=SIZE, layers=1))
    target.on("GET", r"/blobs/", cut(after=4_500_000), times=1_000_000)
    target.ranges = False
    ran = run_here(["copy", "--retries", "0", "--concurrency", "1", f"{target.host}/app:v1", str(tmp_path / "stick")])
    assert ran.code == 1, ran
    target._rules.clear()
    target.ranges = True
    target.seen.clear()
    return tmp_path / "stick"


def parts(layout: Path) -> list[Path]:
    return [path for folder in layout.glob(f"{PREFIX}*") for path in folder.iterdir()]


def asked_from(target: LoopbackRegistry) -> list[str]:
    return [seen.headers["range"] for seen in target.requests("GET", r"/blobs/") if "range" in seen.headers]


def test_does_not_request_received_bytes_again(partly: Path, target: LoopbackRegistry) -> None:
    arrived = [part.stat().st_size for part in parts(partly)]
    assert max(arrived) > 4_000_000
    assert run_here(["copy", f"{target.host}/app:v1", str(partly)]).code == 0
    assert sorted(asked_from(target)) == sorted(f"bytes={count}-" for count in arrived)
    check_complete(partly, family(layer_bytes=SIZE, layers=1).index)
    assert not parts(partly)


@pytest.mark.parametrize("options", [["--dry-run"], []], ids=["dry-run", "copy"])
def test_received_bytes_need_no_more_room(
    partly: Path, target: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch, options: list[str]
) -> None:
    """A stick that is nearly full is completed, not refused."""
    free = 2 * SIZE - sum(part.stat().st_size for part in parts(partly)) + 20_000
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free))
    ran = run_here(["copy", *options, f"{target.host}/app:v1", str(partly)])
    assert ran.code == 0, ran
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free - 40_000))
    if options:
        assert run_here(["copy", *options, f"{target.host}/app:v1", str(partly)]).code == 1


def test_requests_wrong_bytes_again(partly: Path, target: LoopbackRegistry) -> None:
    """A power cut can leave anything in a file that was not flushed."""
    for part in parts(partly):
        part.write_bytes(bytes(part.stat().st_size))
    assert run_here(["copy", f"{target.host}/app:v1", str(partly)]).code == 0
    check_complete(partly, family(layer_bytes=SIZE, layers=1).index)


@pytest.mark.parametrize("length", [SIZE, SIZE + 1])
def test_judges_a_complete_or_longer_part_by_its_digest(partly: Path, target: LoopbackRegistry, length: int) -> None:
    for part in parts(partly):
        digest = part.name.removesuffix(".part").replace("-", ":")
        whole = target.repositories["app"].blobs[digest]
        part.write_bytes((whole + b"!")[:length])
    assert run_here(["copy", f"{target.host}/app:v1", str(partly)]).code == 0
    check_complete(partly, family(layer_bytes=SIZE, layers=1).index)
    assert not asked_from(target)


@pytest.mark.skipif(os.name != "posix", reason="links")
@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_does_not_follow_links_of_a_medium_when_writing(partly: Path, target: LoopbackRegistry, kind: str) -> None:
    part = max(parts(partly))
    outside = partly.parent / "outside"
    outside.write_bytes(part.read_bytes())
    before = outside.read_bytes()
    part.unlink()
    if kind == "symbolic":
        part.symlink_to(outside)
    else:
        part.hardlink_to(outside)
    assert run_here(["copy", f"{target.host}/app:v1", str(partly)]).code == 0
    assert outside.read_bytes() == before
    check_complete(partly, family(layer_bytes=SIZE, layers=1).index)


def test_the_next_run_resumes_a_blob_after_a_kill(tmp_path: Path, target: LoopbackRegistry) -> None:
    made = family(layer_bytes=SIZE, layers=1)
    load(target, "app", made)
    target.on("GET", r"/blobs/", cut(after=5_000_000))
    stick = tmp_path / "stick"
    running = subprocess.Popen(
        [sys.executable, "-m", "airgap", "copy", "-q", f"{target.host}/app:v1", str(stick)], stderr=subprocess.DEVNULL
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and sum(path.stat().st_size for path in parts(stick)) < 5_000_000:
        time.sleep(0.02)
    running.kill()
    running.wait(20)
    target._rules.clear()
    target.seen.clear()
    assert run_here(["copy", f"{target.host}/app:v1", str(stick)]).code == 0
    assert asked_from(target)
    check_complete(stick, made.index)
    assert not parts(stick)


def refuse(*_: object) -> None:
    raise PermissionError(errno.EPERM, "Operation not permitted")


def test_resumes_on_a_medium_without_file_modes(
    tmp_path: Path, target: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Windows' drives under WSL, network shares and some FUSE file systems refuse every change of a mode."""
    load(target, "app", family(layer_bytes=SIZE, layers=1))
    monkeypatch.setattr(os, "fchmod", refuse)
    ran = run_here(["copy", f"{target.host}/app:v1", str(tmp_path / "stick")])
    assert ran.code == 0, ran
    check_complete(tmp_path / "stick", family(layer_bytes=SIZE, layers=1).index)
