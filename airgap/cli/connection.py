"""Options of every command that talks to registries, and what they come to."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airgap.errors import UsageError

if TYPE_CHECKING:
    from airgap.net.credentials import Credentials
    from airgap.net.options import TransportOptions

PlainHttpOption = Annotated[
    bool, typer.Option("--plain-http", help="Speak HTTP without TLS (loopback registries with a port need no option).")
]
InsecureOption = Annotated[bool, typer.Option("--insecure", help="Do not check the registry's certificate.")]
CaFileOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Certificates of the authorities to trust for the registry (PEM).")
]
CertFileOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Client certificate (PEM).")]
KeyFileOption = Annotated[Path | None, typer.Option(metavar="FILE", help="Key of the client certificate (PEM).")]
RegistryConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--registry-config",
        "--authfile",
        metavar="FILE",
        help="Registry credentials. Default: docker's configuration, then containers' auth.json.",
    ),
]
RetriesOption = Annotated[
    int, typer.Option(min=0, max=100, metavar="N", help="Repeat what a registry or the network fails so often.")
]
RETRIES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The options, as they were given."""

    plain_http: bool = False
    insecure: bool = False
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    registry_config: Path | None = None
    retries: int = RETRIES
    connections: int = 8

    def transport(self, notice: Callable[[str], None]) -> TransportOptions:
        """How to connect; `notice` is told of retries. Raises UsageError."""
        from airgap.net.options import TransportOptions

        if self.plain_http and (self.insecure or self.ca_file or self.cert_file):
            raise UsageError("--plain-http speaks no TLS, and the other options are about TLS")
        if self.key_file and not self.cert_file:
            raise UsageError("--key-file needs --cert-file")
        return TransportOptions(
            plain_http=True if self.plain_http else None,
            insecure=self.insecure,
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            retries=self.retries,
            connections=self.connections,
            notice=notice,
        )

    def credentials(self) -> Credentials:
        """Where credentials are looked up."""
        from airgap.net.credentials import Credentials

        return Credentials(environment=os.environ, explicit_file=self.registry_config)
