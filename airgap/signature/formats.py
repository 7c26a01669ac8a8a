"""The formats of signature envelopes."""

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
