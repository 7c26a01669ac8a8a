"""Options of every command that talks to registries, and the settings that follow from them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

import airgap
import airgap.parse
from airgap.cli.passwords import ask_password, secret_from_stdin
from airgap.errors import FormatError, UsageError
from airgap.text import safe

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


def seconds_of(option: str, text: str) -> float:
    """How long an option lets the network take. Raises UsageError."""
    try:
        span = airgap.parse.parse_duration(text)
    except FormatError as error:
        raise UsageError(f"{option}: {error}", remedy="Write hours and seconds: 30s, 300s, 2h.") from None
    if not span:
        raise UsageError(f"{option}: {safe(text)} leaves no time", remedy="Write hours and seconds: 30s, 300s, 2h.")
    return span.total_seconds()


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """How to talk to one registry."""

    username: Annotated[
        str | None,
        typer.Option("--username", "-u", metavar="NAME", help=f"User name for the registry. Default: ${USERNAME}."),
    ] = None
    password: Annotated[
        str | None,
        typer.Option(
            "--password",
            "-p",
            metavar="WORD",
            help=f"Password. Others can see it here; better ${PASSWORD} or --password-stdin.",
        ),
    ] = field(default=None, repr=False)
    password_stdin: Annotated[bool, typer.Option("--password-stdin", help="Read the password from standard input.")] = (
        False
    )
    registry_config: RegistryConfigOption = None
    plain_http: Annotated[
        bool,
        typer.Option("--plain-http", help="Speak HTTP without TLS (loopback registries with a port need no option)."),
    ] = False
    insecure: Annotated[bool, typer.Option("--insecure", help="Do not check the registry's certificate.")] = False
    ca_file: Annotated[
        Path | None,
        typer.Option(
            "--ca-file", metavar="FILE", help="Certificates of the authorities to trust for the registry (PEM)."
        ),
    ] = None
    cert_file: Annotated[Path | None, typer.Option("--cert-file", metavar="FILE", help="Client certificate (PEM).")] = (
        None
    )
    key_file: Annotated[
        Path | None, typer.Option("--key-file", metavar="FILE", help="Key of the client certificate (PEM).")
    ] = None

    @property
    def has_credentials(self) -> bool:
        """Whether it was said which ones to use."""
        return self.has_password or self.username is not None or self.registry_config is not None

    @property
    def has_password(self) -> bool:
        """Whether a password was given."""
        return self.password is not None or self.password_stdin

    @property
    def has_tls_option(self) -> bool:
        """Whether an option was given that only makes sense over TLS."""
        return self.insecure or any((self.ca_file, self.cert_file, self.key_file))


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Endpoint):
    """How to talk to registries: options of every command that does."""

    retries: Annotated[
        int, typer.Option(min=0, max=100, metavar="N", help="Repeat what a registry or the network fails so often.")
    ] = 5
    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="End when the network has not done all of it in this time: 30s, 2h. Default: as long as it moves.",
        ),
    ] = None
    insecure_registry: Annotated[
        bool, typer.Option("--insecure-registry", hidden=True, help="As --plain-http (for notation's users).")
    ] = False
    connections: int = 8
    """Idle connections kept for each host."""
    begun: float = field(default_factory=time.monotonic, repr=False, compare=False)
    """When the command began, which `timeout` counts from."""
    side: str = ""
    """`from-` or `to-` before the names of options, where they are about one side of a copy."""

    def on(self, side: str, own: Endpoint) -> Connection:
        """The options for one side of a copy, `from` or `to`: what `own` says wins over what is said for both.

        User name, password and file of credentials belong together, and so do a client certificate and its key.
        """
        trusted = own if own.has_credentials else self
        certified = own if own.cert_file or own.key_file or own.plain_http else self
        return replace(
            self,
            side=f"{side}-",
            username=trusted.username,
            password=trusted.password,
            password_stdin=trusted.password_stdin,
            registry_config=trusted.registry_config,
            plain_http=own.plain_http or (self.plain_http and not own.has_tls_option),
            insecure_registry=self.insecure_registry and not own.has_tls_option,
            insecure=own.insecure or (self.insecure and not own.plain_http),
            ca_file=own.ca_file or (None if own.plain_http else self.ca_file),
            cert_file=certified.cert_file,
            key_file=certified.key_file,
        )

    def transport(self, notice: Callable[[str], None]) -> airgap.TransportOptions:
        """The options of connections; `notice` is called for retries. Raises UsageError."""
        plain_http = self.plain_http or self.insecure_registry
        if plain_http and (self.insecure or self.ca_file or self.cert_file):
            raise UsageError(f"--{self.side}plain-http speaks no TLS, and the other options are about TLS")
        if self.key_file and not self.cert_file:
            raise UsageError(f"--{self.side}key-file needs --{self.side}cert-file")
        return airgap.TransportOptions(
            plain_http=True if plain_http else None,
            insecure=self.insecure,
            ca_file=self.ca_file,
            cert_file=self.cert_file,
            key_file=self.key_file,
            retries=self.retries,
            connections=self.connections,
            deadline=self._deadline(),
            notice=notice,
        )

    def _deadline(self) -> airgap.Deadline | None:
        if self.timeout is None:
            return None
        return airgap.Deadline.after(seconds_of("--timeout", self.timeout), begun=self.begun)

    def credentials(self, warn: Callable[[str], None]) -> airgap.Credentials:
        """The given user name and password, else what docker's configuration says.

        The former are asked for once, as `given` says: when the first registry is named, or by `Credentials.given`.
        """
        return airgap.Credentials(
            environment=os.environ,
            explicit_file=self.registry_config,
            given=lambda: self.given(warn),
            given_by="the command line" if self.username or self.has_password else f"${USERNAME} and ${PASSWORD}",
        )

    @property
    def user(self) -> str:
        """The name of the user; empty where none was given."""
        return self.username or self._from_environment(USERNAME)

    def given(self, warn: Callable[[str], None]) -> airgap.Credential | None:
        """The given user name and password; None where none was given.

        Call it once: it may read standard input, or ask on the terminal. `warn` gets a warning about `--password`.
        Raises UsageError.
        """
        word = self._password(warn) or self._from_environment(PASSWORD)
        if self.user and not word:
            word = ask_password(f"Password of {safe(self.user, limit=80)}: ", f"--{self.side}password-stdin")
        if word and not self.user:
            raise UsageError(
                f"there is a password without a user name: --{self.side}username is missing",
                remedy="" if self.has_password else f"Set ${USERNAME} too, or unset ${PASSWORD}.",
            )
        return airgap.Credential(username=self.user, password=word) if word else None

    def _from_environment(self, name: str) -> str:
        return "" if self.side else os.environ.get(name, "")  # for one side of a copy counts what was said of it

    def _password(self, warn: Callable[[str], None]) -> str:
        if self.password is not None and self.password_stdin:
            raise UsageError(f"--{self.side}password and --{self.side}password-stdin are two passwords; give one")
        if self.password_stdin:
            return secret_from_stdin("password")
        if self.password == "":
            raise UsageError(f"--{self.side}password is empty", remedy="If it is a variable, it has no value here.")
        if self.password:
            warn(
                f"Warning: others on this machine can see what --{self.side}password says. "
                f"--{self.side}password-stdin is safe."
            )
        return self.password or ""


@dataclass(frozen=True, slots=True)
class Sides:
    """The connections of a copy: what is said for both sides, and for each of them."""

    common: Connection
    source: Endpoint
    destination: Endpoint

    @property
    def differ(self) -> bool:
        """Whether something is said for one side only."""
        return self.source != Endpoint() or self.destination != Endpoint()

    @property
    def read_standard_input(self) -> bool:
        """Whether a password is read from standard input. Raises UsageError where two would be."""
        asked = [item.password_stdin for item in (self.common, self.source, self.destination)]
        if asked.count(True) > 1:
            raise UsageError(
                "standard input holds one password, and several options read it",
                remedy="Log in to one of the registries before, with airgap login.",
            )
        return any(asked)

    def transports(self, notice: Callable[[str], None]) -> tuple[airgap.TransportOptions, airgap.TransportOptions]:
        """How to connect to sources, and to the destination. Raises UsageError."""
        self.common.transport(notice)  # a fault of the common options is said with their names
        source, destination = self.common.on("from", self.source), self.common.on("to", self.destination)
        return source.transport(notice), destination.transport(notice)

    def credentials(self, warn: Callable[[str], None]) -> tuple[airgap.Credentials, airgap.Credentials]:
        """The credentials for sources, and for the destination; the same object where nothing sets them apart.

        They are asked for at once, as `Connection.given` says: what follows shows its progress.
        """
        common = self.common.credentials(warn)
        sides = tuple(
            self.common.on(side, own).credentials(warn) if own.has_credentials else common
            for side, own in (("from", self.source), ("to", self.destination))
        )
        for found in sides:
            found.given()
        return sides[0], sides[1]
