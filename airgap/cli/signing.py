"""Options of every command that signs or timestamps, and what they come to."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airgap import limits
from airgap.errors import FormatError, UsageError
from airgap.text import safe

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import timedelta

    from airgap.net.options import TransportOptions
    from airgap.signature.key_location import KeyFolders
    from airgap.signature.timestamper import Timestamper


class EnvelopeFormat(StrEnum):
    """The envelope formats, as notation calls them."""

    JWS = "jws"
    COSE = "cose"


PASS_PHRASE = "AIRGAP_KEY_PASSPHRASE"  # noqa: S105 - the name of the variable

KeyConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--key-config",
        metavar="DIR",
        help="Folder with signingkeys.json. Default: $AIRGAP_KEYS, then the user's own, with notation's behind it.",
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
    """The timestamping authority that is to countersign."""

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

    def open(self, connect: Callable[[], TransportOptions]) -> Timestamper | None:
        """The authority; None where there is none. `connect` says how to reach it. Raises UsageError."""
        url, roots = self.timestamp_url, self.timestamp_root_cert
        if url is None and not roots:
            return None
        if url is None or not roots:
            raise UsageError("--timestamp-url and --timestamp-root-cert belong together")
        from airgap.net.tsa import HttpTsa
        from airgap.signature.timestamper import Rfc3161Timestamper, timestamp_anchors

        anchors = timestamp_anchors({str(root): _read_root(root) for root in roots})
        return Rfc3161Timestamper(HttpTsa(url, connect()), anchors)


def _read_root(root: Path) -> bytes:
    try:
        with root.open("rb") as file:  # a device has no size, and no end
            data = file.read(limits.STORE_FILE_BYTES + 1)
    except OSError as error:
        raise UsageError(f"--timestamp-root-cert {safe(root)} cannot be read: {error.strerror}") from None
    if len(data) > limits.STORE_FILE_BYTES:
        raise UsageError(f"--timestamp-root-cert {safe(root)} has more than {limits.STORE_FILE_BYTES} bytes")
    return data


def key_folders(explicit: Path | None) -> KeyFolders:
    """Where named keys are configured. Raises UsageError."""
    from airgap.signature.key_location import locate_keys

    try:
        home = Path.home()
    except RuntimeError:
        return locate_keys(explicit, os.environ, None)
    return locate_keys(explicit, os.environ, home)


def pass_phrase(file: Path | None) -> Callable[[str], bytes | None]:
    """Asks for a pass phrase when one is needed: file, environment, terminal."""

    def ask(name: str) -> bytes | None:
        if file is not None:
            from airgap.signature.key_files import read_pass_phrase

            return read_pass_phrase(file)
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
    from airgap.parse.duration import parse_duration

    try:
        return parse_duration(text) or None
    except FormatError as error:
        raise UsageError(
            f"--expiry: {error}", remedy="Write weeks, days and hours, largest first: 52w, 90d, 1d12h."
        ) from None
