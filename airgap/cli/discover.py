"""`airgap discover`."""

from __future__ import annotations

import airgap.report
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import Output, VerboseOption, note
from airgap.cli.lazy import typer_app
from airgap.cli.read_options import ReadTarget

app = typer_app()


@command(app)
def discover(*, target: ReadTarget, verbose: VerboseOption = False, connection: Connection, output: Output) -> None:
    """Show the tree of referrers: signatures, SBOMs, attestations, and the children of an index with theirs.

    Exit codes: 0, 1 a registry could not be asked, 2 usage, 11 not found, 16 something cannot be read that may belong
    to a tree (the rest is shown all the same), or it is not a layout that can be read.
    """
    artifacts = airgap.discover(
        target.reference,
        transport=connection.transport(note),
        credentials=connection.credentials(note),
        mechanism=target.distribution_spec,
    )
    output.finish(airgap.report.DiscoverReport(artifacts, verbose))
