"""`airgap discover`."""

from __future__ import annotations

from typing import Annotated

import typer

from airgap.cli.command import command
from airgap.cli.console import LayoutOption, Output, layout_reference, write, write_json
from airgap.cli.lazy import typer_app
from airgap.reasons import ExitCode

app = typer_app()


@command(app)
def discover(
    *,
    target: Annotated[
        str, typer.Argument(metavar="REF", help="Layout directory or tar, with :TAG or @DIGEST for one artifact.")
    ],
    oci_layout: LayoutOption = False,
    output: Output,
) -> None:
    """Show the tree of referrers: signatures, SBOMs, attestations, and the children of an index with theirs.

    Exit codes: 0, 2 usage, 11 not found, 16 something cannot be read that may belong to a tree (the rest is shown all
    the same), or it is not a layout that can be read.
    """
    from airgap.guard import no_network
    from airgap.report.discovery import discover_document, discover_text
    from airgap.stages.discover import discover as look

    with no_network():
        artifacts = look(layout_reference(target, oci_layout=oci_layout))
    if output.is_json:
        write_json(discover_document(artifacts))
    else:
        write(discover_text(artifacts, style=output.style))
    if any(artifact.unread for artifact in artifacts):
        raise typer.Exit(ExitCode.CONTENT)
