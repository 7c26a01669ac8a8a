"""The types of trust stores, by the names that policies and folders have for them, and where the stores are."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

FOLDER: Final = ("truststore", "x509")
"""Where the stores are below the trust directory (STORE-1, D20)."""


class StoreType(StrEnum):
    """What the certificates of a store are trusted for."""

    CA = "ca"
    """Signatures of the scheme notary.x509."""
    SIGNING_AUTHORITY = "signingAuthority"
    """Signatures of the scheme notary.x509.signingAuthority."""
    TSA = "tsa"
    """Timestamps."""
