"""Progress on standard error: bars on a terminal, lines elsewhere, nothing with `--quiet`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from airgap import events
from airgap.report import count, size

if TYPE_CHECKING:
    from rich.progress import TaskID

    from airgap.cli.console import QuietOutput

_LINE_SECONDS: Final = 5.0
_BARS: Final = 8
"""Blobs with a bar of their own at a time."""
_BAR_BYTES: Final = 4 * 1024 * 1024
"""Smaller blobs get no bar: they are copied before a user could read it."""


@contextmanager
def shown(output: QuietOutput) -> Iterator[events.Progress]:
    """What to hand to a copy as its progress callback."""
    if output.quiet:
        yield events.silent
    elif sys.stderr.isatty() and not output.is_plain:
        with _bars() as report:
            yield report
    else:
        yield _Lines().report


class _Tally:
    """Counts the bytes that were copied. Safe for threads; a blob that is sent again counts once."""

    def __init__(self) -> None:
        self.lock: Final = threading.Lock()
        self.total = 0
        self.done = 0
        self._current: dict[object, int] = {}

    def take(self, event: events.Event) -> None:
        if isinstance(event, events.Started):
            self.total += event.bytes
        elif isinstance(event, events.BlobStarted):
            self._current[event.digest] = 0
        elif isinstance(event, events.BlobAdvanced):
            self._current[event.digest] = self._current.get(event.digest, 0) + event.bytes
        elif isinstance(event, events.BlobDone):
            self._current.pop(event.digest, None)
            self.done += event.size

    @property
    def bytes(self) -> int:
        return self.done + sum(self._current.values())


class _Lines:
    """A line at the start, and one every few seconds."""

    def __init__(self) -> None:
        self._tally = _Tally()
        self._began = time.monotonic()
        self._next = self._began + _LINE_SECONDS

    def report(self, event: events.Event) -> None:
        with self._tally.lock:
            self._tally.take(event)
            if isinstance(event, events.Notice):
                _say(event.message)
            elif isinstance(event, events.Started):
                there = f"; {size(event.present_bytes)} are there already" if event.present_bytes else ""
                blobs, manifests = count(event.blobs, "blob"), count(event.manifests, "manifest")
                _say(f"{count(event.artifacts, 'artifact')}: {size(event.bytes)} in {blobs} and {manifests}{there}")
                self._next = time.monotonic() + _LINE_SECONDS
            elif isinstance(event, (events.BlobAdvanced, events.BlobDone)) and time.monotonic() >= self._next:
                self._next = time.monotonic() + _LINE_SECONDS
                _say(self._line())

    def _line(self) -> str:
        done, total = self._tally.bytes, self._tally.total
        seconds = time.monotonic() - self._began
        rate = done / seconds if seconds else 0.0
        left = f", {(total - done) / rate:.0f} s left" if rate and total > done else ""
        # the size of a tar that comes through a pipe is not known
        of = f" of {size(total)}" if total >= done else ""
        return f"{size(done)}{of}, {size(rate)}/s{left}"


@contextmanager
def _bars() -> Iterator[events.Progress]:
    # importing rich takes 70 ms, so it is imported only where bars are drawn
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(binary_units=True),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        yield _Bars(bars).report


class _Bars:
    """One bar for everything, and one for each large blob under way."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._tally = _Tally()
        self._whole: TaskID = bars.add_task("reading what there is", total=None)
        self._tasks: dict[object, TaskID] = {}

    def report(self, event: events.Event) -> None:
        with self._tally.lock:
            self._tally.take(event)
            self._draw(event)

    def _draw(self, event: events.Event) -> None:
        if isinstance(event, events.Notice):
            self._bars.console.print(event.message, markup=False, highlight=False)
        elif isinstance(event, events.Started):
            self._bars.update(self._whole, description="total", total=self._tally.total)
        elif isinstance(event, events.BlobStarted) and event.size >= _BAR_BYTES and len(self._tasks) < _BARS:
            self._tasks[event.digest] = self._bars.add_task(str(event.digest)[:19], total=event.size)
        elif isinstance(event, events.BlobAdvanced):
            self._bars.update(self._whole, completed=self._tally.bytes)
            if event.digest in self._tasks:
                self._bars.advance(self._tasks[event.digest], event.bytes)
        elif isinstance(event, events.BlobDone):
            self._bars.update(self._whole, completed=self._tally.bytes)
            if event.digest in self._tasks:
                self._bars.remove_task(self._tasks.pop(event.digest))


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")
