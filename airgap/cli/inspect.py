"""`airgap inspect`."""

from __future__ import annotations

import airgap.report
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import Output, VerboseOption, note
from airgap.cli.lazy import typer_app
from airgap.cli.read_options import ReadTarget

app = typer_app()


@command(app)
def inspect(*, target: ReadTarget, verbose: VerboseOption = False, connection: Connection, output: Output) -> None:
    """Show what an artifact's signatures say: signer, times, metadata, certificates, timestamp.

    Nothing is judged: everything that is shown is a claim of the maker of the signature. `airgap verify` judges.

    Exit codes: 0, 1 a registry could not be asked, 2 usage, 11 not found, 12 a signature cannot be decoded, 16 the
    artifact, an envelope or something that may be a signature cannot be read (what can be read is shown all the same),
    or it is not a layout that can be read.
    """
    artifacts = airgap.inspect(
        target.reference,
        transport=connection.transport(note),
        credentials=connection.credentials(note),
        mechanism=target.distribution_spec,
    )
    output.finish(airgap.report.InspectReport(artifacts, verbose))
