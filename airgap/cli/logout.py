"""`airgap logout`."""

from __future__ import annotations

import os
from typing import Annotated

import typer

import airgap
import airgap.report
from airgap.cli.command import command
from airgap.cli.connection_options import RegistryConfigOption
from airgap.cli.console import Output
from airgap.cli.lazy import typer_app
from airgap.text import safe

app = typer_app()


@command(app)
def logout(
    *,
    registry: Annotated[str, typer.Argument(metavar="REGISTRY", help="host or host:port")],
    registry_config: RegistryConfigOption = None,
    output: Output,
) -> None:
    """Forget the credentials that `airgap login` or `docker login` kept for a registry.

    Exit code 0 also where there were none.
    """
    stored = airgap.Credentials(environment=os.environ, explicit_file=registry_config)
    known = airgap.logout(registry, stored)
    shown = safe(registry, limit=255)
    said = f"Forgot the credentials for {shown}." if known else f"There were no credentials for {shown}."
    changes = [airgap.report.ChangedThing(what="credentials", change="removed", name=registry)] if known else []
    output.finish(airgap.report.DoneReport("logout", changes, [said]))
