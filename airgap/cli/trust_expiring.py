"""`airgap trust expiring`."""

from __future__ import annotations

from typing import Annotated

import typer

import airgap.parse
import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import QuietOutput, VerboseOption, clock
from airgap.cli.judging_options import Judging
from airgap.cli.lazy import typer_app
from airgap.errors import FormatError, UsageError

app = typer_app()


@command(app)
def expiring(
    *,
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TARGET...]", help="Layouts or tars: their signatures and signing certificates, too."),
    ] = None,
    within: Annotated[
        str, typer.Option("--within", metavar="SPAN", help="Show what ends within this time from now: 90d, 2w, 36h.")
    ] = "90d",
    judging: Judging,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """List what ends soon, in one sorted list: CRLs, OCSP responses, roots, signing and TSA certificates, signatures.

    Signatures and their certificates are listed where a TARGET is named. Nothing is judged, and nothing fetched.

    Exit codes: 0 nothing ends within the time, 21 something does, 15 something has ended, 12 a signature, 16 content
    or 18 trust material cannot be read.
    """
    now = clock()
    try:
        span = airgap.parse.parse_duration(within)
    except FormatError as error:
        raise UsageError(f"--within: {error}", remedy="Write weeks, days and hours, largest first: 2w, 90d.") from None
    with airgap.no_network():
        directory = airgap.TrustDirectory.open(judging.location()).accepting(judging.ages())
        artifacts = [artifact for target in targets or [] for artifact in airgap.inspect(target)]
        found = airgap.trust.ending_dates(directory, artifacts, at=judging.moment(now), clock=now, within=span)
    output.finish(airgap.report.ExpiringReport(found, verbose))
