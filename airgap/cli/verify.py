"""`airgap verify`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airgap.cli.command import command
from airgap.cli.console import (
    LayoutOption,
    QuietOutput,
    VerboseOption,
    clock,
    demands,
    layout_reference,
    write,
    write_json,
)
from airgap.cli.lazy import typer_app
from airgap.cli.plugins import PluginOptions
from airgap.cli.trust_common import Judging

if TYPE_CHECKING:
    from airgap.verifier.outcome import Outcome

app = typer_app()


class Content(StrEnum):
    """How much of the content is checked."""

    ALL = "all"
    MANIFESTS = "manifests"
    NONE = "none"


@command(app)
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
    scope: Annotated[
        str | None, typer.Option(metavar="REPOSITORY", help="Repository that the trust policy is asked about.")
    ] = None,
    metadata: Annotated[
        list[str] | None,
        typer.Option("--user-metadata", "-m", metavar="KEY=VALUE", help="Metadata that must be in the signature."),
    ] = None,
    plugins: PluginOptions,
    content: Annotated[Content, typer.Option(help="How much of the content to check.")] = Content.ALL,
    max_signatures: Annotated[
        int, typer.Option(min=1, metavar="N", help="Judge at most so many signatures of an artifact.")
    ] = 100,
    report: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the JSON report to this file, too.")
    ] = None,
    oci_layout: LayoutOption = False,
    verbose: VerboseOption = False,
    output: QuietOutput,
) -> None:
    """Verify signatures, certificate chains, timestamps, revocation and every byte of content, with no network.

    Anchors and policy come from the trust directory alone; nothing that lies in a TARGET is trusted. Without :TAG or
    @DIGEST every artifact of the layout is verified. Nothing is written beside the report.

    Exit codes: 0 good, 10 unsigned, 11 not found, 12 signature invalid, 13 not trusted, 14 revoked, 15 evidence
    missing or stale, 16 content corrupt, 18 trust material malformed.
    """
    from airgap.guard import no_network
    from airgap.report.text import quiet_text, verify_text
    from airgap.stages.verify import VerifyRequest
    from airgap.stages.verify import verify as judge
    from airgap.trust.apart import check_output, layout_paths
    from airgap.trust.scopes import check_scope

    now = clock()
    if scope is not None:
        check_scope(scope)
    request = VerifyRequest(
        targets=[layout_reference(target, oci_layout=oci_layout) for target in targets],
        at=judging.moment(now),
        clock=now,
        scope=scope,
        metadata=demands(metadata or [], "--user-metadata"),
        content=content.value,
        max_signatures=max_signatures,
        max_age=judging.ages(),
        plugins=plugins.allowed(),
    )
    place = judging.location()
    if report:
        check_output(report, [place.path, *layout_paths(request.targets)])
    with no_network() as guard:
        outcome = judge(request, place)
    document = _document(outcome, guard.attempts) if report or output.is_json else None
    try:
        if report:
            write_report(report, document)
    finally:  # a report that cannot be written keeps no verdict back
        if output.is_json:
            write_json(document)
        elif output.quiet:
            write(quiet_text(outcome))
        else:
            write(verify_text(outcome, style=output.style, verbose=verbose))
    raise typer.Exit(outcome.exit_code)


def _document(outcome: Outcome, attempts: int) -> object:
    from airgap import __version__
    from airgap.report.document import verify_document

    return verify_document(outcome, version=__version__, attempts=attempts)


def write_report(path: Path, document: object) -> None:
    """The document as a file, complete or not at all. Raises AirgapError."""
    import json

    from airgap.errors import AirgapError
    from airgap.files import write_file
    from airgap.text import safe

    try:
        write_file(path, (json.dumps(document, indent=2, ensure_ascii=True) + "\n").encode())
    except OSError as error:
        folder = path.parent
        way_out = f"Make the folder first: mkdir -p {safe(folder)}" if not folder.exists() else "Name another file."
        problem = f"the report {safe(path)} cannot be written: {error.strerror or error}"
        raise AirgapError(problem, remedy=way_out) from None
