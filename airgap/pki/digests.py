"""Hash algorithms in DER AlgorithmIdentifiers."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

from airgap.parse import der

_HASHES: Final = MappingProxyType(
    {
        "1.3.14.3.2.26": "sha1",
        "2.16.840.1.101.3.4.2.1": "sha256",
        "2.16.840.1.101.3.4.2.2": "sha384",
        "2.16.840.1.101.3.4.2.3": "sha512",
    }
)


def hash_identifier(element: der.Element, where: str) -> str:
    """The hashlib name of the hash in an AlgorithmIdentifier; the dotted identifier of an unknown hash.

    Parameters may be absent or NULL, because writers differ (RFC 5754, 2). Raises FormatError.
    """
    fields = element.fields(where)
    oid = fields.any("algorithm").oid(f"{where}.algorithm")
    fields.maybe(der.NULL)
    fields.end()
    return _HASHES.get(oid, oid)


def hash_algorithm(name: str) -> bytes:
    """The DER AlgorithmIdentifier of a `known` hash, with NULL parameters, as most writers do."""
    dotted = next(oid for oid, known_name in _HASHES.items() if known_name == name)
    return der.sequence(der.oid(dotted), der.null())


_BYTES: Final = MappingProxyType({"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64})


def may_be_of(value: bytes, name: str) -> bool:
    """Whether `value` has the length of this hash, and the hash may be computed."""
    return len(value) == _BYTES.get(name)


def known(name: str) -> bool:
    """Whether this hash may be computed."""
    return name in _HASHES.values()
