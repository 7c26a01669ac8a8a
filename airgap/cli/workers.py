"""Who judges beside this process: `--jobs` processes here, or the workers of a Dask cluster (`--dask`)."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Final, TypedDict

import typer

import airgap
import airgap.report
from airgap.errors import UsageError

if TYPE_CHECKING:
    from concurrent.futures import Executor


class Work(TypedDict):
    """The arguments of `airgap.verify` and `airgap.recheck`."""

    executor: Executor | None
    jobs: int
    progress: Callable[[int, int], object]


_LINE_SECONDS: Final = 5.0


class _Progress:
    """A line every few seconds: most runs end before the first."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._next = time.monotonic() + _LINE_SECONDS

    def __call__(self, judged: int, known: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + _LINE_SECONDS
            self._tell(f"judged {judged} of {airgap.report.count(known, 'artifact')}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """Who judges beside this process."""

    jobs: Annotated[
        int, typer.Option("--jobs", "-j", min=1, max=256, metavar="N", help="Judge in so many processes at once.")
    ] = 1
    dask: Annotated[
        str | None,
        typer.Option(
            "--dask",
            metavar="ADDRESS",
            help="Judge on the workers of the Dask scheduler at ADDRESS (tcp://host:8786), which see the same paths.",
        ),
    ] = None

    @contextmanager
    def working(self, tell: Callable[[str], None]) -> Iterator[tuple[Work, airgap.values.NetworkGuard]]:
        """They, and the guard: this process uses the network for nothing, this thread not where there is a cluster.

        `tell` gets a line about the progress every few seconds. Raises UsageError, WorkerError.
        """
        progress = _Progress(tell)
        if self.dask is None:
            with airgap.no_network() as guard:
                yield Work(executor=None, jobs=self.jobs, progress=progress), guard
            return
        if self.jobs > 1:
            raise UsageError("--jobs and --dask exclude each other", remedy="The cluster says how many workers it has.")
        from airgap.cli.dask_cluster import connected

        with connected(self.dask) as executor, airgap.no_network(this_thread=True) as guard:
            yield Work(executor=executor, jobs=1, progress=progress), guard
