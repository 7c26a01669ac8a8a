"""`airgap discover`."""

from __future__ import annotations

from typing import Annotated

import typer

from airgap.cli.console import (
    DebugOption,
    Format,
    FormatOption,
    LayoutOption,
    NoTtyOption,
    boundary,
    layout_reference,
    style,
    write,
    write_json,
)
from airgap.cli.lazy import typer_app
from airgap.reasons import ExitCode

app = typer_app()


@app.command()
def discover(
    target: Annotated[
        str, typer.Argument(metavar="REF", help="Layout directory or tar, with :TAG or @DIGEST for one artifact.")
    ],
    output: FormatOption = Format.TEXT,
    oci_layout: LayoutOption = False,
    no_tty: NoTtyOption = False,
    debug: DebugOption = False,
) -> None:
    """Show the tree of referrers: signatures, SBOMs, attestations, and the children of an index with theirs.

    Exit codes: 0, 2 usage, 11 not found, 16 something can not be read that may belong to a tree (the rest is shown all
    the same), or it is not a layout that can be read.
    """
    with boundary(debug=debug):
        from airgap.guard import no_network
        from airgap.report.discovery import discover_document, discover_text
        from airgap.stages.discover import discover as look

        with no_network():
            artifacts = look(layout_reference(target, oci_layout=oci_layout))
        if output is Format.JSON:
            write_json(discover_document(artifacts))
        else:
            write(discover_text(artifacts, style=style(no_tty=no_tty)))
        if any(artifact.unread for artifact in artifacts):
            raise typer.Exit(ExitCode.CONTENT)
