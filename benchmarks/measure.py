"""How things are timed: the best of several runs, since noise only ever adds."""

from __future__ import annotations

import time
from collections.abc import Callable


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
