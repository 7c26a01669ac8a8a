"""`airgap trust status`."""

from __future__ import annotations

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import QuietOutput, VerboseOption, clock
from airgap.cli.judging_options import Judging
from airgap.cli.lazy import typer_app

app = typer_app()


@command(app)
def status(*, judging: Judging, verbose: VerboseOption = False, output: QuietOutput) -> None:
    """Show each piece of evidence with its age, when it goes stale, and which one is the first to.

    What a newer piece replaces does not count. To know whether a given bundle will verify on a day, rehearse with
    airgap verify --at. Exit codes: 0 all that counts is fresh, 15 some is stale or missing, 18 malformed.
    """
    now = clock()
    with airgap.no_network():
        directory = airgap.TrustDirectory.open(judging.location()).accepting(judging.ages())
        found = airgap.trust.trust_status(directory, at=judging.moment(now), clock=now)
    output.finish(airgap.report.StatusReport(found, verbose))
