"""Options of commands that sign what they write where a key is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import airgap
import airgap.signature
from airgap.cli.connection_options import Connection
from airgap.cli.console import QuietOutput
from airgap.cli.key_options import KeyChoice
from airgap.cli.signing_options import ExpiryOption, FormatOption, TimestampOptions, lifetime
from airgap.errors import UsageError

SignOption = Annotated[
    bool, typer.Option("--sign", help="Sign it with the default key. Options that name a key sign it, too.")
]
if TYPE_CHECKING:  # public types load much
    Seal = Callable[[Path, datetime, str], airgap.values.SignedBlob]
    """Signs a file of this media type; the signature gets its usual name beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileSigning:
    """How a file is signed that a command writes."""

    sign: SignOption = False
    key: KeyChoice
    timestamp: TimestampOptions

    def open(self, output: QuietOutput) -> Seal | None:
        """How files are signed, where a key is meant. Raises UsageError, and what opening a key raises."""
        if not is_meant(self.key, self.timestamp, sign=self.sign):
            return None
        authority = self.timestamp.open(lambda: Connection().transport(output.note))
        signer = self.key.open()

        def seal(file: Path, at: datetime, media_type: str) -> airgap.values.SignedBlob:
            return airgap.sign_blob(
                airgap.BlobSignRequest(
                    path=file, signer=signer, at=at, media_type=media_type, timestamper=authority, force=True
                )
            )

        return seal


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleSignature:
    """How the list of a bundle is signed."""

    sign: SignOption = False
    key: KeyChoice
    signature_format: FormatOption = airgap.signature.EnvelopeFormat.JWS
    expiry: ExpiryOption = None
    timestamp: TimestampOptions

    def open(self, output: QuietOutput) -> airgap.BundleSigning | None:
        """How it is signed, where a key is meant. Raises UsageError, and what opening a key raises."""
        if not is_meant(self.key, self.timestamp, sign=self.sign):
            return None
        return airgap.BundleSigning(
            signer=self.key.open(),
            envelope=self.signature_format,
            lifetime=lifetime(self.expiry),
            timestamper=self.timestamp.open(lambda: Connection().transport(output.note)),
        )


def is_meant(key: KeyChoice, timestamp: TimestampOptions, *, sign: bool) -> bool:
    """Whether something is to be signed. Raises UsageError for a timestamp of nothing."""
    if sign or any((key.key, key.private_key, key.chain, key.plugin, key.plugin_id)):
        return True
    if timestamp.timestamp_url is not None:
        raise UsageError("there is no signature to timestamp", remedy="Name a key, or say --sign.")
    return False
