"""How things are timed: the best of several runs, since noise only ever adds."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Mapping
from statistics import median
from typing import NamedTuple


class Cost(NamedTuple):
    """Seconds of a run: on the wall, and of processor time of this process and its children."""

    wall: float
    cpu: float


def alternate(works: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, Cost]:
    """The least that each costs in `rounds` runs, taken in turn: what else the machine does hits all of them alike."""
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            costs[name].append(cost(work))
    return {name: Cost(*map(min, zip(*runs, strict=True))) for name, runs in costs.items()}


def medians(works: Mapping[str, tuple[Callable[[], object], Callable[[], object]]], rounds: int) -> dict[str, Cost]:
    """The median cost of each of `rounds` runs, taken in turn; the first of each pair prepares and is not measured."""
    costs: dict[str, list[Cost]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, (prepare, work) in works.items():
            prepare()
            costs[name].append(cost(work))
    return {name: Cost(*map(median, zip(*runs, strict=True))) for name, runs in costs.items()}


def cost(work: Callable[[], object]) -> Cost:
    """What one run costs."""
    wall, cpu = time.perf_counter(), _cpu()
    work()
    return Cost(time.perf_counter() - wall, _cpu() - cpu)


def _cpu() -> float:
    usages = (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def best(work: Callable[[], object], rounds: int = 5) -> float:
    """Seconds of the fastest of `rounds` runs."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def row(name: str, seconds: float, reference: float, limit: float | None = None) -> None:
    """One line: milliseconds, the ratio to the reference, and the bound that it should keep."""
    bound = "" if limit is None else f"  (at most {limit:g}: {'ok' if seconds <= limit * reference else 'MISSED'})"
    print(f"{name:<58} {seconds * 1000:10.1f} ms  {seconds / reference:7.2f}x{bound}")
