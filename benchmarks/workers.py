"""Judging by 1, 2 and 4 workers: processes of our own, and those of a Dask cluster on this machine.

The wall says what a machine with idle cores gains. The processor time says what it could gain: what the first process
does by itself (it finds and reads the manifests, and puts the answers together), and what the workers share.
"""

from __future__ import annotations

import resource
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, Final, NamedTuple

import airgap
from airgap.cli.dask_cluster import connected
from benchmarks.verify import signed_images
from tests.support.scenario import Written

IMAGES: Final = 10_000
WORKERS: Final = (1, 2, 4)
LEAST: Final = {2: 1.3, 4: 1.6}
"""How many times faster so many workers are than one process, by processor time."""


class Spent(NamedTuple):
    """Seconds of a run."""

    wall: float
    own: float
    """Processor time of the first process."""
    workers: float
    """That of all workers together."""

    def on_paper(self, workers: int) -> float:
        """What it takes on idle cores, if the workers are busy alike."""
        return self.own + self.workers / workers


def main(images: int = IMAGES) -> None:
    """One row for each number of workers. Raises SystemExit if they gain too little."""
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        written = signed_images(images).write(Path(folder))
        alone = _spent(written, _of_children, jobs=1)
        print(f"{f'{images} images':<24} {'wall':>8} {'own':>8} {'workers':>8} {'on paper':>9}")
        _row("one process", alone, alone, 1)
        for workers in WORKERS[1:]:
            spent = _spent(written, _of_children, jobs=workers)
            _row(f"--jobs {workers}", spent, alone, workers)
            if alone.on_paper(1) < LEAST[workers] * spent.on_paper(workers):
                missed.append(f"--jobs {workers}")
        for workers in WORKERS:
            with _cluster(workers) as (executor, clock):
                _row(f"--dask, {workers} workers", _spent(written, clock, executor=executor), alone, workers)
    if missed:
        raise SystemExit(f"too little is gained: {', '.join(missed)}")


def _row(name: str, spent: Spent, alone: Spent, workers: int) -> None:
    paper = spent.on_paper(workers)
    print(
        f"{name:<24} {spent.wall:7.1f}s {spent.own:7.1f}s {spent.workers:7.1f}s {paper:8.1f}s"
        f"  {alone.on_paper(1) / paper:5.2f}x on paper, {alone.wall / spent.wall:5.2f}x on the wall"
    )


def _spent(written: Written, clock: Callable[[], float], **workers: Any) -> Spent:
    """`clock`: the processor time of the workers so far."""
    request = airgap.VerifyRequest(
        targets=[f"oci:{written.layout}"], at=written.at, clock=written.at, scope=written.scope
    )
    wall, own, theirs = time.perf_counter(), time.process_time(), clock()
    outcome = airgap.verify(request, written.trust, **workers)
    if outcome.exit_code:
        raise SystemExit(f"a benchmark's layout did not verify: {outcome.exit_code}")
    return Spent(time.perf_counter() - wall, time.process_time() - own, clock() - theirs)


def _of_children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


@contextmanager
def _cluster(workers: int) -> Iterator[tuple[Executor, Callable[[], float]]]:
    """The executor of a cluster, and the processor time of its workers."""
    distributed: Any = import_module("distributed")
    made = {"n_workers": workers, "threads_per_worker": 1, "dashboard_address": None}
    with (
        distributed.LocalCluster(**made) as cluster,
        connected(cluster.scheduler_address) as executor,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield executor, lambda: sum(client.run(time.process_time).values())


if __name__ == "__main__":
    main()
