"""`airgap recheck`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import QuietOutput, VerboseOption, clock, clock_reading, demands
from airgap.cli.judging_options import Judging, Reports, checked_scope, parse_moment
from airgap.cli.lazy import typer_app
from airgap.cli.ledger_options import needed_ledger
from airgap.cli.plugin_options import PluginOptions
from airgap.cli.workers import WorkerOptions
from airgap.errors import UsageError

app = typer_app()


@command(app, failure=lambda error, _: airgap.report.RecheckReport.of_failure(error, clock_reading()))
def recheck(
    *,
    sources: Annotated[
        list[str] | None,
        typer.Argument(metavar="[LAYOUT|REPORT]...", help="Reports of verify, folders of them, layouts, layout tars."),
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Judge again all that was accepted by this ledger. Without LAYOUT and REPORT: $AIRGAP_LEDGER.",
        ),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Of the ledger only what was recorded at this time or later.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Of the ledger only what has this text in a name.")
    ] = None,
    judging: Judging,
    scope: Annotated[
        str | None,
        typer.Option(metavar="REPOSITORY", help="Repository that the policy is asked about, where no report names it."),
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option(
            "--user-metadata",
            "-m",
            metavar="KEY=VALUE",
            help="Metadata that must be in the signature, beside what reports demand.",
        ),
    ] = None,
    plugins: PluginOptions,
    content: Annotated[
        airgap.Content, typer.Option(help="How much content of layouts is checked again.")
    ] = airgap.Content.ALL,
    reports: Reports,
    workers: WorkerOptions,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Judge again what was accepted earlier, under the evidence of today, and name what changed.

    A REPORT (airgap verify --report) is judged from its layout where that is still there, else from what it says and
    the certificates that it holds. So new CRLs alone show which images to pull out. What a ledger accepted is judged
    from what it holds.

    Exit codes: 0 all is still good, else the most severe: 14 revoked, 15 evidence missing or stale, 13 not trusted, ...
    """
    now = clock()
    judged = judging.moment(now)
    recorded = ledger if sources else needed_ledger(ledger)
    if recorded is None and (since or name):
        raise UsageError("--since and --name are for a ledger", remedy="Name it with --ledger.")
    request = airgap.RecheckRequest(
        sources=sources or (),
        ledger=recorded,
        since=None if since is None else parse_moment(since, "--since", whole_day=False),
        name=name,
        at=judged,
        clock=now,
        scope=checked_scope(scope),
        metadata=demands(metadata or [], "--user-metadata"),
        max_age=judging.ages(),
        plugins=plugins.allowed(),
        content=content,
    )
    place = judging.location()
    reports.check([place.path, *request.inputs])
    with workers.working(output.note) as (work, _):
        outcome = airgap.recheck(request, place, **work)
    # only now it is known which layouts the reports name
    named = [Path(item.now.path) for item in outcome.artifacts if item.now.path]
    output.finish(airgap.report.RecheckReport(outcome, verbose), files=reports.files, apart_from=named)
