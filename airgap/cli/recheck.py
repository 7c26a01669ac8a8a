"""`airgap recheck`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from airgap.cli.command import command
from airgap.cli.console import Output, clock, demands, write, write_json
from airgap.cli.lazy import typer_app
from airgap.cli.plugins import PluginOptions
from airgap.cli.trust_common import Judging
from airgap.cli.verify import Content

app = typer_app()


@command(app)
def recheck(
    *,
    sources: Annotated[
        list[str], typer.Argument(metavar="LAYOUT|REPORT...", help="Reports of airgap verify, layouts, layout tars.")
    ],
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
    content: Annotated[Content, typer.Option(help="How much content of layouts is checked again.")] = Content.ALL,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the JSON document to this file, too.")
    ] = None,
    output: Output,
) -> None:
    """Judge again what was accepted earlier, under the evidence of today, and name what changed.

    A REPORT (airgap verify --report) is judged from its layout where that is still there, else from what it says and
    the certificates that it holds. New CRLs alone so tell which images to pull out.

    Exit codes: 0 all is still good, else the most severe: 14 revoked, 15 evidence missing or stale, 13 not trusted, ...
    """
    from airgap import __version__
    from airgap.cli.verify import write_report
    from airgap.guard import no_network
    from airgap.report.rechecking import recheck_document, recheck_text
    from airgap.stages.recheck import RecheckRequest
    from airgap.stages.recheck import recheck as judge
    from airgap.trust.apart import check_output, layout_paths
    from airgap.trust.scopes import check_scope

    now = clock()
    judged = judging.moment(now)
    if scope is not None:
        check_scope(scope)
    request = RecheckRequest(
        sources=sources,
        at=judged,
        clock=now,
        scope=scope,
        metadata=demands(metadata or [], "--user-metadata"),
        max_age=judging.ages(),
        plugins=plugins.allowed(),
        content=content.value,
    )
    place = judging.location()
    if report:
        check_output(report, [place.path, *layout_paths(sources)])
    with no_network():
        outcome = judge(request, place)
    document = recheck_document(outcome, version=__version__)
    try:
        if report:
            # layouts that reports name are known only now
            check_output(report, [Path(item.now.path) for item in outcome.artifacts if item.now.path])
            write_report(report, document)
    finally:  # a report that cannot be written keeps no verdict back
        if output.is_json:
            write_json(document)
        else:
            write(recheck_text(outcome, style=output.style))
    raise typer.Exit(outcome.exit_code)
