"""`airgap inspect`."""

from __future__ import annotations

from typing import Annotated

import typer

from airgap.cli.command import command
from airgap.cli.console import LayoutOption, Output, layout_reference, write, write_json
from airgap.cli.lazy import typer_app
from airgap.reasons import ExitCode

app = typer_app()


@command(app)
def inspect(
    *,
    target: Annotated[
        str, typer.Argument(metavar="REF", help="Layout directory or tar, with :TAG or @DIGEST for one artifact.")
    ],
    oci_layout: LayoutOption = False,
    output: Output,
) -> None:
    """Show what an artifact's signatures say: signer, times, metadata, certificates, timestamp.

    Nothing is judged: everything that is shown is a claim of whoever made the signature. `airgap verify` judges.

    Exit codes: 0, 11 not found, 12 a signature cannot be decoded, 16 the artifact, an envelope or something that may
    be a signature cannot be read (what can be read is shown all the same), or it is not a layout that can be read.
    """
    from airgap.guard import no_network
    from airgap.report.inspection import inspect_document, inspect_text
    from airgap.stages.inspect import inspect as look

    with no_network():
        artifacts = look(layout_reference(target, oci_layout=oci_layout))
    if output.is_json:
        write_json(inspect_document(artifacts))
    else:
        write(inspect_text(artifacts, style=output.style))
    if any(artifact.unread for artifact in artifacts):
        raise typer.Exit(ExitCode.CONTENT)
    if any(signature.obstacles for artifact in artifacts for signature in artifact.signatures):
        raise typer.Exit(ExitCode.INVALID)
