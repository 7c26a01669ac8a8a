"""The one module that hashes. Names of hashes are those of hashlib."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash as Hasher

SHA2 = frozenset({"sha256", "sha384", "sha512"})
"""What signatures, timestamps (TS-12, TS-19, TS-20) and digests of content (MAN-14) may rest on."""


def new_hash(name: str) -> Hasher:
    """A hash object to be fed piece by piece."""
    return hashlib.new(name)


def digest(name: str, data: bytes | memoryview) -> bytes:
    """The hash of bytes at hand. SHA-1 only ever names an issuer in OCSP (OCSP-2); nothing rests on it."""
    return hashlib.new(name, data, usedforsecurity=name in SHA2).digest()


def fingerprint(data: bytes) -> str:
    """SHA-256 in hex: what names a certificate, a CRL, a file."""
    return hashlib.sha256(data).hexdigest()


def short_hash(data: bytes) -> int:
    """64 bits that tell entries of one list apart, for looking them up; nothing rests on them."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
