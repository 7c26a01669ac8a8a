"""Hash algorithms as DER AlgorithmIdentifiers name them."""

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
    """The hash that an AlgorithmIdentifier names, as hashlib calls it; its dotted identifier where it is not known.

    Parameters are absent or NULL, as writers disagree (RFC 5754, 2). Raises FormatError.
    """
    fields = element.fields(where)
    oid = fields.any("algorithm").oid(f"{where}.algorithm")
    fields.maybe(der.NULL)
    fields.end()
    return _HASHES.get(oid, oid)


def hash_algorithm(name: str) -> bytes:
    """The DER AlgorithmIdentifier of a hash that is `known`, with NULL parameters, as most writers have it."""
    dotted = next(oid for oid, known_name in _HASHES.items() if known_name == name)
    return der.sequence(der.oid(dotted), der.null())


_BYTES: Final = MappingProxyType({"sha1": 20, "sha256": 32, "sha384": 48, "sha512": 64})


def may_be_of(value: bytes, name: str) -> bool:
    """Whether this hash is one that may be computed, and has so many bytes."""
    return len(value) == _BYTES.get(name)


def known(name: str) -> bool:
    """Whether this hash is one that may be computed."""
    return name in _HASHES.values()
