"""`airgap login`."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Annotated

import typer

import airgap
import airgap.report
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import Output, note
from airgap.cli.lazy import typer_app
from airgap.cli.passwords import ask, secret_from_stdin
from airgap.errors import UsageError

app = typer_app()


@command(app)
def login(
    *,
    registry: Annotated[str, typer.Argument(metavar="REGISTRY", help="host or host:port")],
    identity_token_stdin: Annotated[
        bool, typer.Option("--identity-token-stdin", help="Read an identity token from standard input.")
    ] = False,
    connection: Connection,
    output: Output,
) -> None:
    """Check credentials with a registry and keep them where docker keeps them.

    User name and password are asked for on the terminal where no option gives them.

    Exit codes: 0 kept, 1 refused or not reached, 2 usage.
    """
    stored = airgap.Credentials(environment=os.environ, explicit_file=connection.registry_config)
    credential = _identity_token(connection) if identity_token_stdin else _user(connection)
    result = airgap.login(registry, credential, stored, connection.transport(note))
    how = "takes these credentials" if result.tried else "asks for no credentials here, so these were not tried"
    change = airgap.report.ChangedThing(what="credentials", change="kept", name=registry, path=result.kept_in)
    said = f"The registry {registry} {how}. Kept in {result.kept_in}."
    output.finish(airgap.report.DoneReport("login", [change], [said]))


def _identity_token(connection: Connection) -> airgap.Credential:
    if connection.has_credentials:
        raise UsageError("an identity token is all that a login needs: use --identity-token-stdin alone")
    return airgap.Credential(identity_token=secret_from_stdin("identity token"))


def _user(connection: Connection) -> airgap.Credential:
    named = connection if connection.user else replace(connection, username=ask("Username: ", "--username"))
    credential = named.given(note)
    if credential is None:
        raise UsageError("a login needs a user name and a password")
    return credential
