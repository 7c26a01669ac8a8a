"""Strict base64: one spelling for each byte string.

Decoders of the standard library skip foreign characters or accept non-zero trailing bits, so that one value has
many spellings (JWS-3, JWS-7). Here the text must be exactly what an encoder writes.
"""

from __future__ import annotations

import binascii

from airgap.errors import FormatError


def decode_url(text: str, *, where: str = "") -> bytes:
    """Base64url without padding (RFC 7515, section 2). Raises FormatError."""
    if not text.isascii() or "+" in text or "/" in text or "=" in text:
        raise FormatError("is not base64url without padding", where=where)
    return _decode(text.translate(_FROM_URL) + "=" * (-len(text) % 4), "base64url without padding", where)


def decode_standard(text: str, *, where: str = "") -> bytes:
    """Standard base64 with padding (RFC 4648, section 4). Raises FormatError."""
    if not text.isascii():
        raise FormatError("is not standard base64", where=where)
    return _decode(text, "standard base64", where)


def encode_url(data: bytes) -> str:
    """Base64url without padding."""
    return binascii.b2a_base64(data, newline=False).decode().translate(_TO_URL).rstrip("=")


def encode_standard(data: bytes) -> str:
    """Standard base64 with padding."""
    return binascii.b2a_base64(data, newline=False).decode()


_FROM_URL = str.maketrans("-_", "+/")
_TO_URL = str.maketrans("+/", "-_")


def _decode(padded: str, kind: str, where: str) -> bytes:
    try:
        data = binascii.a2b_base64(padded, strict_mode=True)
    except ValueError:
        raise FormatError(f"is not {kind}", where=where) from None
    # strict_mode still accepts non-zero trailing bits ("YR=="): compare with the spelling of the encoder
    if binascii.b2a_base64(data, newline=False).decode() != padded:
        raise FormatError(f"is not {kind} (trailing bits)", where=where)
    return data
