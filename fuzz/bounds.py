"""The bounds under which every input has to come to an end, and how a process keeps itself to them."""

from __future__ import annotations

import resource
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

SECONDS: Final = 20
"""Of processor time for one input; the slowest honest one takes some milliseconds."""
_WAITING: Final = 600
"""Seconds for one input that waits for something: longer than a machine with much else to do makes it wait."""
MEGABYTES: Final = 2048
"""For a whole process with the interpreter in it: an input may be a megabyte."""


class TooSlowError(Exception):
    """An input was not judged within the time. A crash."""


def bound_memory() -> None:
    """From now on, more memory than the bound is a MemoryError (where the system knows this limit)."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEGABYTES << 20, MEGABYTES << 20))


def bound_processor_time(process: int, seconds: int) -> None:
    """A process that needs more is ended (where the system knows this limit)."""
    if sys.platform == "linux":
        resource.prlimit(process, resource.RLIMIT_CPU, (seconds, seconds))


@contextmanager
def bounded_time() -> Iterator[None]:
    """Raises TooSlowError after the time. In the main thread only."""
    timers = {signal.SIGPROF: (signal.ITIMER_PROF, SECONDS), signal.SIGALRM: (signal.ITIMER_REAL, _WAITING)}
    for number, (timer, seconds) in timers.items():
        signal.signal(number, _late)
        signal.setitimer(timer, seconds)
    try:
        yield
    finally:
        for timer, _ in timers.values():
            signal.setitimer(timer, 0)


def _late(_number: int, _frame: FrameType | None) -> NoReturn:
    raise TooSlowError(f"not judged within {SECONDS} s of processor time, or {_WAITING} s")
