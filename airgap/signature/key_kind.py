"""The kinds of keys that may sign."""

from __future__ import annotations

from enum import StrEnum


class KeyKind(StrEnum):
    """The kinds of keys that may sign (table ALG)."""

    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    EC_256 = "ec-256"
    EC_384 = "ec-384"
    EC_521 = "ec-521"

    @property
    def key_spec(self) -> str:
        """As the specification writes it: `RSA-2048`."""
        return self.upper()
