"""`airgap recheck`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airgap.cli.console import (
    DebugOption,
    Format,
    FormatOption,
    NoTtyOption,
    boundary,
    clock,
    home,
    style,
    write,
    write_json,
)
from airgap.cli.lazy import typer_app
from airgap.cli.trust_common import AtOption, TrustOption, moment
from airgap.cli.verify import Content

if TYPE_CHECKING:
    from airgap.verifier.outcome import Outcome

app = typer_app()


@app.command()
def recheck(
    sources: Annotated[
        list[str], typer.Argument(metavar="LAYOUT|REPORT...", help="Reports of airgap verify, layouts, layout tars.")
    ],
    trust: TrustOption = None,
    scope: Annotated[
        str | None, typer.Option(metavar="REPOSITORY", help="Repository that the policy is asked about, for layouts.")
    ] = None,
    at: AtOption = None,
    max_age: Annotated[
        list[str] | None,
        typer.Option("--max-age", metavar="[KIND=]AGE", help="Accept evidence that is stale by up to AGE."),
    ] = None,
    content: Annotated[
        Content, typer.Option(help="How much of the content of layouts is checked again.")
    ] = Content.MANIFESTS,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the JSON document to this file, too.")
    ] = None,
    output: FormatOption = Format.TEXT,
    no_tty: NoTtyOption = False,
    debug: DebugOption = False,
) -> None:
    """Judge again what was accepted earlier, under the evidence of today, and name what changed.

    A REPORT (airgap verify --report) is judged from its layout where that is still there, else from what it says and
    the certificates that it holds. New CRLs alone so tell which images to pull out.

    Exit codes: 0 all is still good, else the most severe: 14 revoked, 15 evidence missing or stale, 13 not trusted, ...
    """
    with boundary(debug=debug):
        from airgap import __version__
        from airgap.guard import no_network
        from airgap.report.recheck import recheck_document, recheck_text
        from airgap.revocation.freshness import parse_ages
        from airgap.stages.recheck import RecheckRequest
        from airgap.stages.recheck import recheck as judge
        from airgap.stages.verify import VerifyRequest, verify
        from airgap.trust.directory import TrustDirectory, locate
        from airgap.trust.scopes import check_scope

        now = clock()
        judged = moment(at, now)
        if scope is not None:
            check_scope(scope)
        ages = parse_ages(max_age or [])
        directory = TrustDirectory.open(locate(trust, os.environ, home()))
        directory.policy()  # malformed trust material is refused before anything is judged

        def again(targets: Sequence[str], asked: str | None) -> Outcome:
            request = VerifyRequest(
                targets=targets, at=judged, clock=now, scope=asked, content=content.value, max_age=ages
            )
            return verify(request, directory)

        with no_network():
            request = RecheckRequest(sources=sources, at=judged, clock=now, scope=scope, max_age=ages)
            outcome = judge(request, directory, again)
        document = recheck_document(outcome, version=__version__)
        if report:
            from airgap.cli.verify import write_report

            write_report(report, document)
        if output is Format.JSON:
            write_json(document)
        else:
            write(recheck_text(outcome, style=style(no_tty=no_tty)))
        raise typer.Exit(outcome.exit_code)
