"""`airgap discover`."""

from __future__ import annotations

import airgap.report
from airgap.cli.command import command
from airgap.cli.console import LayoutTarget, Output
from airgap.cli.lazy import typer_app

app = typer_app()


@command(app)
def discover(*, target: LayoutTarget, output: Output) -> None:
    """Show the tree of referrers: signatures, SBOMs, attestations, and the children of an index with theirs.

    Exit codes: 0, 2 usage, 11 not found, 16 something cannot be read that may belong to a tree (the rest is shown all
    the same), or it is not a layout that can be read.
    """
    with airgap.no_network():
        artifacts = airgap.discover(target.reference)
    output.finish(airgap.report.DiscoverReport(artifacts))
