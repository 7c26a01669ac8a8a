"""`airgap logout`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

import airgap
from airgap.cli.command import command
from airgap.cli.connection_options import RegistryConfigOption
from airgap.cli.console import write
from airgap.cli.lazy import typer_app
from airgap.text import safe

app = typer_app()


@command(app)
def logout(
    *,
    registry: Annotated[str, typer.Argument(metavar="REGISTRY", help="host or host:port")],
    registry_config: RegistryConfigOption = None,
) -> None:
    """Forget the credentials that `airgap login` or `docker login` kept for a registry.

    Exit code 0 also where there were none.
    """
    stored = airgap.Credentials(environment=os.environ, explicit_file=registry_config)
    known = airgap.logout(registry, stored)
    shown = safe(registry, limit=255)
    write(f"Forgot the credentials for {shown}.\n" if known else f"There were no credentials for {shown}.\n")
