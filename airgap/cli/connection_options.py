"""Options of every command that talks to registries, and the settings that follow from them."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import airgap
from airgap.errors import UsageError

RegistryConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--registry-config",
        "--authfile",
        metavar="FILE",
        help="Registry credentials. Default: docker's configuration, then containers' auth.json.",
    ),
]
USERNAME, PASSWORD = "NOTATION_USERNAME", "NOTATION_PASSWORD"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """How to talk to registries: options of every command that does."""

    plain_http: Annotated[
        bool,
        typer.Option("--plain-http", help="Speak HTTP without TLS (loopback registries with a port need no option)."),
    ] = False
    insecure: Annotated[bool, typer.Option("--insecure", help="Do not check the registry's certificate.")] = False
    ca_file: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Certificates of the authorities to trust for the registry (PEM)."),
    ] = None
    cert_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Client certificate (PEM).")] = None
    key_file: Annotated[Path | None, typer.Option(metavar="FILE", help="Key of the client certificate (PEM).")] = None
    registry_config: RegistryConfigOption = None
    retries: Annotated[
        int, typer.Option(min=0, max=100, metavar="N", help="Repeat what a registry or the network fails so often.")
    ] = 5
    connections: int = 8
    """Idle connections kept for each host."""

    def transport(self, notice: Callable[[str], None]) -> airgap.TransportOptions:
        """The options of connections; `notice` is called for retries. Raises UsageError."""
        plain_http = self._speaks_plainly()
        if plain_http and (self.insecure or self.ca_file or self.cert_file):
            raise UsageError("--plain-http speaks no TLS, and the other options are about TLS")
        if self.key_file and not self.cert_file:
            raise UsageError("--key-file needs --cert-file")
        return airgap.TransportOptions(
            plain_http=True if plain_http else None,
            insecure=self.insecure,
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            retries=self.retries,
            connections=self.connections,
            notice=notice,
        )

    def credentials(self) -> airgap.Credentials:
        """Where credentials are looked up."""
        return airgap.Credentials(environment=os.environ, explicit_file=self.registry_config)

    def _speaks_plainly(self) -> bool:
        return self.plain_http


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningConnection(Connection):
    """The same with the options that notation has, for commands that attach signatures."""

    username: Annotated[
        str | None, typer.Option("--username", "-u", metavar="NAME", help=f"For the registry. Default: ${USERNAME}.")
    ] = None
    password: Annotated[
        str | None,
        typer.Option(
            "--password", "-p", metavar="WORD", help=f"Others can see it here; better ${PASSWORD} or a login."
        ),
    ] = None
    insecure_registry: Annotated[
        bool, typer.Option("--insecure-registry", hidden=True, help="As --plain-http (for notation's users).")
    ] = False

    def credentials(self) -> airgap.Credentials:
        """What is given, else what docker's configuration says. Raises UsageError."""
        name = self.username or os.environ.get(USERNAME)
        word = self.password or os.environ.get(PASSWORD)
        if bool(name) != bool(word):
            raise UsageError(f"--username and --password (or ${USERNAME} and ${PASSWORD}) belong together")
        given = airgap.Credential(username=name, password=word) if name and word else None
        return airgap.Credentials(environment=os.environ, explicit_file=self.registry_config, given=given)

    def _speaks_plainly(self) -> bool:
        return self.plain_http or self.insecure_registry
