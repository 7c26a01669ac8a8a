"""The certificates that an envelope offers, parsed; whether they form a chain is for airgap.pki.chain."""

from __future__ import annotations

from collections.abc import Sequence

from airgap import limits
from airgap.errors import FormatError, Rejected
from airgap.pki.certificate import Certificate, Offered


def parse_certificates(ders: Sequence[bytes]) -> Offered:
    """The certificates in the order that the envelope has them. Raises Rejected chain.length or chain.malformed."""
    if len(ders) > limits.CHAIN_CERTIFICATES:
        raise Rejected(
            "chain.length",
            f"the envelope holds {len(ders)} certificates, more than {limits.CHAIN_CERTIFICATES}",
            certificates=len(ders),
            limit=limits.CHAIN_CERTIFICATES,
        )
    return Offered(tuple(_parse(der, number, len(ders)) for number, der in enumerate(ders)))


def _parse(der: bytes, number: int, count: int) -> Certificate:
    try:
        return Certificate.parse(der)
    except FormatError as error:
        raise Rejected(
            "chain.malformed", f"certificate {number + 1} of {count} cannot be parsed: {error}", position=number
        ) from None
