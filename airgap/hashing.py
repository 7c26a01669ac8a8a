"""The one module that hashes. Names of hashes are those of hashlib."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hashlib import _Hash as Hasher

SHA2 = frozenset({"sha256", "sha384", "sha512"})
"""The hashes that signatures, timestamps (TS-12, TS-19, TS-20) and digests of content (MAN-14) may use."""


def new_hash(name: str) -> Hasher:
    """A hash object to be fed piece by piece."""
    return hashlib.new(name)


def digest(name: str, data: bytes | memoryview) -> bytes:
    """The hash of `data`. SHA-1 only identifies an issuer in OCSP (OCSP-2); it proves nothing."""
    return hashlib.new(name, data, usedforsecurity=name in SHA2).digest()


def fingerprint(data: bytes) -> str:
    """SHA-256 in hex: identifies a certificate, a CRL or a file."""
    return hashlib.sha256(data).hexdigest()


def short_hash(data: bytes) -> int:
    """A 64-bit key to look up entries of one list; it proves nothing."""
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")
