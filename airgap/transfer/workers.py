"""Runs many tasks on an executor of the caller: a bounded number at a time, and all stop at an error."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from itertools import islice
from typing import Final, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

_AT_ONCE: Final = 4
"""Tasks that wait for a registry at a time; `--concurrency` is about blobs."""
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


def at_once(tasks: Sequence[Callable[[], Result]]) -> list[Result]:
    """Runs tasks that wait for a registry, some at a time; the results in the order in which they came.

    Raises the first error; no task is running any more then.
    """
    if len(tasks) < 2:  # noqa: PLR2004 - in this thread, so that Ctrl-C ends a wait
        return [task() for task in tasks]
    results: list[Result] = []
    with ThreadPoolExecutor(_AT_ONCE) as executor:
        WorkerPool(executor).run(tasks, lambda task: task(), lambda _, future: results.append(future.result()))
    return results
