"""Runs many tasks on an executor of the caller: a bounded number at a time, and all stop at an error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, wait
from contextlib import suppress
from itertools import islice
from typing import Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_WINDOW: Final = 64
"""Tasks in the executor at a time: it may be shared, and queued tasks cannot always be cancelled."""


class StoppedError(Exception):
    """Another task has failed."""


class WorkerPool:
    """Runs tasks; after the first error each task ends at its next `check`."""

    def __init__(self, executor: Executor) -> None:
        self._executor: Final = executor
        self._stop: Final = threading.Event()

    def check(self) -> None:
        """Raises StoppedError once another task has failed."""
        if self._stop.is_set():
            raise StoppedError

    def run(
        self, items: Iterable[Item], work: Callable[[Item], Result], collect: Callable[[Item, Future[Result]], None]
    ) -> None:
        """Run `work` for every item; `collect` is called in this thread with each finished task, and may raise.

        Its error ends everything; no task is running any more when this raises.
        """
        waiting = iter(items)
        running: dict[Future[Result], Item] = {}
        try:
            while True:
                for item in islice(waiting, _WINDOW - len(running)):
                    running[self._executor.submit(work, item)] = item
                if not running:
                    return
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    collect(running.pop(future), future)
        except BaseException:
            self._stop.set()
            for future in running:
                future.cancel()
            # all writers must have stopped before the destination is closed
            for future in running:
                with suppress(BaseException):
                    future.result()
            raise
