"""Options of every command that signs or timestamps, and the values that they result in."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated, TypeVar

import typer

import airgap.parse
import airgap.report
import airgap.signature
from airgap.cli.console import QuietOutput, home, write
from airgap.errors import AirgapError, FormatError, UsageError

Item = TypeVar("Item")

PASS_PHRASE = "AIRGAP_KEY_PASSPHRASE"  # noqa: S105 - the name of the variable

FormatOption = Annotated[airgap.signature.EnvelopeFormat, typer.Option(help="Format of the envelope.")]
ExpiryOption = Annotated[
    str | None, typer.Option("--expiry", "-e", metavar="DURATION", help="How long the signature counts: 24h, 90d, 52w.")
]
MetadataOption = Annotated[
    list[str] | None,
    typer.Option("--user-metadata", "-m", metavar="KEY=VALUE", help="Sign this metadata, too; repeatable."),
]
KeyConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--key-config",
        metavar="DIR",
        help="Folder with signingkeys.json. Default: $AIRGAP_KEYS, then the user's own, then those of notation.",
    ),
]
PassPhraseOption = Annotated[
    Path | None,
    typer.Option(
        "--passphrase-file",
        metavar="FILE",
        help=f"The key's pass phrase in the first line. Default: ${PASS_PHRASE}, then a question on the terminal.",
    ),
]
ForceReferrersTagOption = Annotated[
    bool, typer.Option("--force-referrers-tag", help="Write the referrers tag, also where it is not needed.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimestampOptions:
    """The timestamping authority to use."""

    timestamp_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Timestamping authority (RFC 3161), http or https.")
    ] = None
    timestamp_root_cert: Annotated[
        list[Path] | None,
        typer.Option(
            "--timestamp-root-cert",
            metavar="FILE",
            help="The authority's root: exactly one self-signed certificate; repeatable.",
        ),
    ] = None

    def open(self, connect: Callable[[], airgap.TransportOptions]) -> airgap.signature.Timestamper | None:
        """The authority; None where there is none. `connect` says how to reach it. Raises UsageError."""
        url, roots = self.timestamp_url, self.timestamp_root_cert
        if url is None and not roots:
            return None
        if url is None or not roots:
            raise UsageError("--timestamp-url and --timestamp-root-cert belong together")
        anchors = airgap.signature.load_timestamp_anchors(roots)
        return airgap.signature.Rfc3161Timestamper(airgap.HttpTsa(url, connect()), anchors)


def show_attached(
    output: QuietOutput,
    report: Callable[[list[Item], AirgapError | None], airgap.report.Report],
    run: Callable[[Callable[[Item], None]], object],
) -> None:
    """Show each item that `run` attaches at once. The document follows at the end, after a failure too.

    `run` gets the function to call with each item. Raises what `run` raises.
    """
    done: list[Item] = []

    def attached(item: Item) -> None:
        done.append(item)
        if not output.is_json:
            write(report([item], None).text(output.style))

    try:
        run(attached)
    except AirgapError as error:
        if output.is_json:
            output.show(report(done, error))
        raise
    if output.is_json:
        output.show(report(done, None))


def key_folders(explicit: Path | None) -> airgap.signature.KeyFolders:
    """Where named keys are configured. Raises UsageError."""
    return airgap.signature.locate_keys(explicit, os.environ, home())


def pass_phrase(file: Path | None) -> Callable[[str], bytes | None]:
    """Asks for a pass phrase when one is needed: file, environment, terminal."""

    def ask(name: str) -> bytes | None:
        if file is not None:
            return airgap.signature.read_pass_phrase(file)
        if given := os.environ.get(PASS_PHRASE):
            return given.encode()
        if not sys.stdin.isatty():
            return None
        answer: str = typer.prompt(f"Pass phrase of {name}", hide_input=True, default="", show_default=False, err=True)
        return answer.encode() or None

    return ask


def lifetime(text: str | None) -> timedelta | None:
    """`--expiry`; zero is none (CLI-3). Raises UsageError."""
    if text is None:
        return None
    try:
        return airgap.parse.parse_duration(text) or None
    except FormatError as error:
        raise UsageError(
            f"--expiry: {error}", remedy="Write weeks, days and hours, largest first: 52w, 90d, 1d12h."
        ) from None
