"""`airgap login`."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

import airgap
from airgap.cli.command import command
from airgap.cli.connection_options import Connection
from airgap.cli.console import note, write
from airgap.cli.lazy import typer_app
from airgap.errors import UsageError

app = typer_app()

_SECRET_CHARACTERS = 64 * 1024


@command(app)
def login(
    *,
    registry: Annotated[str, typer.Argument(metavar="REGISTRY", help="host or host:port")],
    username: Annotated[str | None, typer.Option("--username", "-u", metavar="NAME", help="User name.")] = None,
    password_stdin: Annotated[
        bool, typer.Option("--password-stdin", help="Read the password from standard input.")
    ] = False,
    identity_token_stdin: Annotated[
        bool, typer.Option("--identity-token-stdin", help="Read an identity token from standard input.")
    ] = False,
    connection: Connection,
) -> None:
    """Check credentials with a registry and keep them where docker keeps them.

    There is no option for the password itself: other users of the machine could read it in the list of processes.

    Exit codes: 0 kept, 1 refused or not reached, 2 usage.
    """
    if password_stdin and identity_token_stdin:
        raise UsageError("standard input holds one secret: --password-stdin or --identity-token-stdin")
    if identity_token_stdin:
        credential = airgap.Credential(identity_token=_secret())
    else:
        name = username or _ask("Username: ", "--username")
        password = _secret() if password_stdin else _ask_password()
        credential = airgap.Credential(username=name, password=password)
    result = airgap.login(registry, credential, connection.credentials(), connection.transport(note))
    how = "takes these credentials" if result.tried else "asks for no credentials here, so these were not tried"
    write(f"The registry {registry} {how}. Kept in {result.kept_in}.\n")


def _secret() -> str:
    text = sys.stdin.read(_SECRET_CHARACTERS)
    return text.rstrip("\r\n")


def _ask(prompt: str, option: str) -> str:
    if not sys.stdin.isatty():
        raise UsageError(f"{option} is missing, and there is no terminal to ask on")
    sys.stderr.write(prompt)
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def _ask_password() -> str:
    from getpass import getpass

    if not sys.stdin.isatty():
        raise UsageError(
            "there is no terminal to ask for the password on", remedy="Give it with --password-stdin: login ... < FILE"
        )
    return getpass("Password: ")
