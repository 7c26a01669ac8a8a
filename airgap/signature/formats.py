"""The formats of envelopes and the kinds of keys, as options name them."""

from __future__ import annotations

from enum import StrEnum

from airgap.errors import UsageError


class EnvelopeFormat(StrEnum):
    """The formats of envelopes, by the names that notation has for them."""

    JWS = "jws"
    COSE = "cose"

    @property
    def media_type(self) -> str:
        """Of the envelope."""
        from airgap.oci.descriptor import COSE_ENVELOPE, JWS_ENVELOPE  # a help text does not need it

        return JWS_ENVELOPE if self is EnvelopeFormat.JWS else COSE_ENVELOPE

    @classmethod
    def check(cls, name: str) -> None:
        """Raises UsageError for what is no format."""
        if name not in tuple(cls):
            raise UsageError(f"{name!r} is no envelope format; there are {', '.join(cls)}")


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
