"""The types of trust stores, by the names that policies and folders have for them."""

from __future__ import annotations

from enum import StrEnum


class StoreType(StrEnum):
    """What the certificates of a store are trusted for."""

    CA = "ca"
    """Signatures of the scheme notary.x509."""
    SIGNING_AUTHORITY = "signingAuthority"
    """Signatures of the scheme notary.x509.signingAuthority."""
    TSA = "tsa"
    """Timestamps."""
