"""`airgap version`."""

from __future__ import annotations

import platform

from airgap import __version__
from airgap.cli.command import command
from airgap.cli.console import write
from airgap.cli.lazy import typer_app

app = typer_app()


@command(app)
def version() -> None:
    """Show the version, and of what it runs on."""
    write(f"airgap {__version__} (Python {platform.python_version()}, {platform.platform()})\n")
