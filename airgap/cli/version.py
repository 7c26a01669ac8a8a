"""`airgap version`."""

from __future__ import annotations

import platform
import sys

from airgap import __version__
from airgap.cli.command import command
from airgap.cli.lazy import typer_app

app = typer_app()


@command(app)
def version() -> None:
    """Show the version, and of what it runs on."""
    sys.stdout.write(f"airgap {__version__} (Python {platform.python_version()}, {platform.platform()})\n")
