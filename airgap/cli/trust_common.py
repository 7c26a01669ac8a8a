"""What the commands below `airgap trust snapshot` and `airgap trust pin` share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airgap.cli.console import Output, clock, home, note, write, write_json

if TYPE_CHECKING:
    from airgap.report.snapshots import SnapshotReport
    from airgap.trust.directory import Location

TrustOption = Annotated[
    Path | None,
    typer.Option(
        "--trust", metavar="DIR", help="Trust directory. Default: $AIRGAP_TRUST, then the user's own, then notation's."
    ),
]
AtOption = Annotated[
    str | None,
    typer.Option("--at", metavar="TIME", help="Judge for this moment (RFC 3339, or a date), not for now."),
]
StreamOption = Annotated[str, typer.Option("--stream", metavar="NAME", help="Name of the stream of snapshots.")]


def location(trust: Path | None) -> Location:
    """The trust directory that is meant."""
    from airgap.trust.directory import locate

    return locate(trust, os.environ, home())


def moment(text: str | None, now: datetime, *, whole_day: bool = True) -> datetime:
    """The moment that `--at` names, else now. Raises UsageError."""
    from airgap.cli.verify import parse_moment

    return now if text is None else parse_moment(text, whole_day=whole_day)


def finish(report: SnapshotReport, output: Output, *, verbose: bool = False) -> None:
    """Write the report and leave with its exit code."""
    from airgap import __version__
    from airgap.report.snapshots import snapshot_document, snapshot_text

    if output.is_json:
        write_json(snapshot_document(report, version=__version__))
    else:
        write(snapshot_text(report, style=output.style, verbose=verbose))
    raise typer.Exit(report.exit_code)


def reporting(command: str, at: str | None, run: Callable[[datetime, datetime], SnapshotReport]) -> SnapshotReport:
    """What `run` (moment, clock) reports; an error of ours becomes a problem of the report, which is then complete."""
    from airgap.errors import AirgapError, UsageError
    from airgap.problem import Problem
    from airgap.report.snapshots import SnapshotReport

    now = clock()
    judged = moment(at, now, whole_day=command != "create")
    try:
        return run(judged, now)
    except UsageError:
        raise
    except AirgapError as error:
        return SnapshotReport(command=command, clock=now, at=judged, problems=(Problem.of(error),))


@contextmanager
def raised() -> Iterator[None]:
    """Gives a verdict that ends a command without a report the exit code of its reason."""
    from airgap.errors import Rejected, Undecided
    from airgap.reasons import REASONS

    try:
        yield
    except (Rejected, Undecided) as error:
        note(f"Error: {error}\n       {error.remedy}")
        raise typer.Exit(REASONS[error.reason].exit_code) from None
