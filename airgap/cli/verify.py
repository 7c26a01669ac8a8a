"""`airgap verify`."""

from __future__ import annotations

from typing import Annotated

import typer

import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import LayoutOption, QuietOutput, VerboseOption, clock, clock_reading, demands, layout_reference
from airgap.cli.judging_options import DemandsOption, Judging, Reports, ScopeOption, checked_scope
from airgap.cli.lazy import typer_app
from airgap.cli.ledger_options import Recording
from airgap.cli.plugin_options import PluginOptions
from airgap.cli.workers import WorkerOptions

app = typer_app()


@command(app, failure=lambda error, _: airgap.report.VerifyReport.of_failure(error, clock_reading()))
def verify(
    *,
    targets: Annotated[
        list[str],
        typer.Argument(
            metavar="TARGET...",
            help="Layout directory or tar, with :TAG or @DIGEST for one artifact: ./stick, trip.tar:v1.",
        ),
    ],
    judging: Judging,
    scope: ScopeOption = None,
    metadata: DemandsOption = None,
    plugins: PluginOptions,
    content: Annotated[airgap.Content, typer.Option(help="How much of the content to check.")] = airgap.Content.ALL,
    max_signatures: Annotated[
        int, typer.Option(min=1, metavar="N", help="Judge at most so many signatures of an artifact.")
    ] = 100,
    reports: Reports,
    recording: Recording,
    workers: WorkerOptions,
    oci_layout: LayoutOption = False,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Verify signatures, certificate chains, timestamps, revocation and every byte of content, with no network.

    Anchors and policy come from the trust directory alone; nothing that is in a TARGET is trusted. Without :TAG or
    @DIGEST every artifact of the layout is verified. Nothing is written beside the report and the ledger.

    Exit codes: 0 good, 10 unsigned, 11 not found, 12 signature invalid, 13 not trusted, 14 revoked, 15 evidence
    missing or stale, 16 content corrupt, 18 trust material malformed.
    """
    now = clock()
    request = airgap.VerifyRequest(
        targets=[layout_reference(target, oci_layout=oci_layout) for target in targets],
        at=judging.moment(now),
        clock=now,
        scope=checked_scope(scope),
        metadata=demands(metadata or [], "--user-metadata"),
        content=content,
        max_signatures=max_signatures,
        max_age=judging.ages(),
        plugins=plugins.allowed(),
    )
    place = judging.location()
    reports.check([place.path, *request.inputs])
    recording.prove(reports.files, [place.path, *request.inputs])
    with workers.working(output.note) as (work, guard):
        outcome = airgap.verify(request, place, **work)
    output.finish(
        airgap.report.VerifyReport(outcome, guard.attempts, verbose),
        files=reports.files,
        store=lambda: recording.record_outcome(outcome, place.path, output),
    )
