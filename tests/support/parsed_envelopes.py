"""Reads envelopes as a verifier does, in tests of their forms."""

from __future__ import annotations

import pytest

from airgap.errors import Rejected
from airgap.signature.envelope import parse_envelope, verify_signature
from airgap.signature.model import Envelope


def accepted(media_type: str, raw: bytes) -> Envelope:
    """The envelope, its signature value verified."""
    envelope = parse_envelope(media_type, raw)
    verify_signature(envelope)
    return envelope


def refused(media_type: str, raw: bytes, reason: str = "envelope.malformed") -> str:
    """Why it is not accepted; the reason code must be this one."""
    with pytest.raises(Rejected) as caught:
        accepted(media_type, raw)
    assert caught.value.reason == reason
    return str(caught.value)
