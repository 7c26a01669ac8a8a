"""Options of commands that sign what they write where a key is named."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import airgap
from airgap.cli.connection_options import Connection
from airgap.cli.console import QuietOutput
from airgap.cli.key_options import KeyChoice
from airgap.cli.signing_options import TimestampOptions
from airgap.errors import UsageError

SignOption = Annotated[
    bool, typer.Option("--sign", help="Sign it with the default key. Options that name a key sign it, too.")
]
if TYPE_CHECKING:  # public types load much
    Seal = Callable[[Path, datetime, str], airgap.values.SignedBlob]
    """Signs a file of this media type; the signature gets its usual name beside it."""


def signing(key: KeyChoice, timestamp: TimestampOptions, *, sign: bool, output: QuietOutput) -> Seal | None:
    """How files are signed, where a key is meant. Raises UsageError, and what opening a key raises."""
    if not is_meant(key, timestamp, sign=sign):
        return None
    authority = timestamp.open(lambda: Connection().transport(output.note))
    signer = key.open()

    def seal(file: Path, at: datetime, media_type: str) -> airgap.values.SignedBlob:
        return airgap.sign_blob(
            airgap.BlobSignRequest(
                path=file, signer=signer, at=at, media_type=media_type, timestamper=authority, force=True
            )
        )

    return seal


def is_meant(key: KeyChoice, timestamp: TimestampOptions, *, sign: bool) -> bool:
    """Whether something is to be signed. Raises UsageError for a timestamp of nothing."""
    if sign or any((key.key, key.private_key, key.chain, key.plugin, key.plugin_id)):
        return True
    if timestamp.timestamp_url is not None:
        raise UsageError("there is no signature to timestamp", remedy="Name a key, or say --sign.")
    return False
