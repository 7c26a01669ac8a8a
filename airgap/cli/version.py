"""`airgap version`."""

from __future__ import annotations

import platform

import airgap.report
from airgap.cli.command import command
from airgap.cli.console import Output
from airgap.cli.lazy import typer_app

app = typer_app()


@command(app)
def version(*, output: Output) -> None:
    """Show the version, and of what it runs on."""
    output.finish(airgap.report.VersionReport(platform.python_version(), platform.platform()))
