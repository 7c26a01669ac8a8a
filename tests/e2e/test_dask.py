"""A Dask cluster of several processes judges what one process judges; a worker that dies changes nothing."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.support.many import many_images
from tests.support.scenario import Written

pytest.importorskip("distributed")
pytestmark = pytest.mark.skipif(
    os.environ.get("AIRGAP_SLOW") != "1",
    reason="a cluster that loses workers takes half a minute: `make cluster` runs this",
)
ROOT = Path(__file__).resolve().parents[2]
IMAGES = int(os.environ.get("AIRGAP_IMAGES", "120"))
"""`make cluster IMAGES=50000`: the size of a large mirror."""
SLOW = """
import os, time
from airgap.verifier import slices


def judged(self, artifacts, quick=slices.OpenedLayout.judged):  # dask runs this file twice
    open(f"{os.environ['BEGUN']}/{os.getpid()}", "w").close()
    time.sleep(float(os.environ["SLOW"]))
    return quick(self, artifacts)


slices.OpenedLayout.judged = judged
"""
"""What workers load first: each slice takes a while and leaves a mark."""


QUICK = {
    "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "2s",
    "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1",
}
"""How long workers try to reach one that died (30 s by default), and how often a slice is tried again (3)."""


@dataclass
class Cluster:
    """A scheduler and workers on the loopback interface."""

    folder: Path
    port: int = 0
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def address(self) -> str:
        return f"tcp://127.0.0.1:{self.port}"

    @property
    def begun(self) -> Path:
        """Has a file for each worker that judges."""
        return self.folder / "begun"

    def start(self, *arguments: str, **environment: str) -> subprocess.Popen[bytes]:
        with (self.folder / f"{len(self.processes)}.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *arguments, "--no-dashboard"],
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**os.environ, "PYTHONPATH": str(ROOT), "BEGUN": str(self.begun), **QUICK, **environment},
            )
        self.processes.append(process)
        return process

    def worker(self, slow: float = 0, **environment: str) -> subprocess.Popen[bytes]:
        preload = ["--preload", str(self.folder / "slow.py")]
        options = ["--nthreads", "1", "--no-nanny", "--host", "127.0.0.1", *preload]
        return self.start("worker", self.address, *options, SLOW=str(slow), **environment)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    made = Cluster(tmp_path / "cluster")
    made.begun.mkdir(parents=True)
    (made.folder / "slow.py").write_text(SLOW)
    with socket.create_server(("127.0.0.1", 0)) as free:
        made.port = free.getsockname()[1]
    made.start("scheduler", "--host", "127.0.0.1", "--port", str(made.port))
    try:
        yield made
    finally:
        for process in made.processes:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> Written:
    return many_images(tmp_path_factory.mktemp("many"), IMAGES)


def verify(
    written: Written, *more: str, run: Sequence[str] = ("-m", "airgap"), **options: Any
) -> subprocess.Popen[str]:
    arguments = ["verify", f"oci:{written.layout}", *written.arguments()[2:], *more]
    command = [sys.executable, *run, *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, **options)


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit code, report without the time of the clock, and what was said."""
    with contextlib.ExitStack() as stack:
        stack.callback(process.kill)
        out, err = process.communicate(timeout=180 + IMAGES / 20)
    assert "Traceback" not in err
    return process.returncode, re.sub(r'"clock": "[^"]*"', "", out), err


def wait(find: Callable[[], Any]) -> Any:
    for _ in range(1200 + IMAGES // 10):
        if found := find():
            return found
        time.sleep(0.05)
    raise AssertionError("it never came")


def test_a_cluster_says_what_one_process_says_though_a_worker_dies(cluster: Cluster, many: Written) -> None:
    workers = {process.pid: process for process in (cluster.worker(0.3), cluster.worker(0.3), cluster.worker(0.3))}
    process = verify(many, "--dask", cluster.address)
    marked = wait(lambda: [int(name.name) for name in cluster.begun.iterdir()])
    victim = workers.pop(marked[0])
    victim.send_signal(signal.SIGKILL)
    code, several, _ = ended(process)
    alone = ended(verify(many))
    assert (code, several) == alone[:2]
    assert code == 16
    assert {int(name.name) for name in cluster.begun.iterdir()} - {victim.pid} == set(workers)


def test_a_worker_that_cannot_reach_the_path_is_named(cluster: Cluster, many: Written, tmp_path: Path) -> None:
    """A relative path is another one for a worker that runs elsewhere."""
    cluster.worker()
    relative = os.path.relpath(many.layout, ROOT)
    arguments = ["verify", f"oci:{relative}", *many.arguments()[2:], "--dask", cluster.address]
    run = subprocess.run(
        [sys.executable, "-m", "airgap", *arguments], check=False, capture_output=True, text=True, cwd=ROOT
    )
    assert run.returncode == 1
    assert "a worker cannot judge" in run.stdout
    assert "it cannot open it there" in run.stdout
    assert "PASS" not in run.stdout


def test_workers_that_die_again_and_again_are_an_error(cluster: Cluster, many: Written) -> None:
    (cluster.folder / "slow.py").write_text(SLOW.replace("time.sleep", "os.kill(os.getpid(), 9), time.sleep"))
    process = verify(many, "--dask", cluster.address)
    for number in range(20):  # one that dies between two tasks is not counted
        cluster.worker()
        if number >= 4:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(timeout=3)
                break
    code, out, _ = ended(process)
    assert code == 1
    assert "a worker did not answer, so that not every artifact was judged (KilledWorker" in out


def test_ctrl_c_ends_it_and_the_cluster_goes_on(cluster: Cluster, many: Written) -> None:
    worker = cluster.worker(0.2)
    process = verify(many, "--dask", cluster.address, start_new_session=True)
    wait(lambda: list(cluster.begun.iterdir()))
    process.send_signal(signal.SIGTERM)
    code, out, _ = ended(process)
    assert (code, '"artifacts": []' in out) == (130, True)
    assert worker.poll() is None
    assert ended(verify(many, "--dask", cluster.address))[:2] == ended(verify(many))[:2]


def test_a_scheduler_that_does_not_answer_is_named(many: Written) -> None:
    soon = "from airgap.cli import dask_cluster; dask_cluster._SECONDS = 1; from airgap.__main__ import main; main()"
    for address, message in (("tcp://127.0.0.1:1", "no Dask scheduler answers"), ("nonsense://x", "no Dask scheduler")):
        code, out, _ = ended(verify(many, "--dask", address, run=("-c", soon)))
        assert (code, message in out) == (1, True)
