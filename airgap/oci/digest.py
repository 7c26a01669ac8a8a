"""Content digests: the only way from a text to the name of a blob (LAYOUT-4).

The characters of a `Digest` cannot leave a directory, so a path can be built from it.
"""

from __future__ import annotations

import re
import sys
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from airgap import limits
from airgap.errors import ContentError, FormatError
from airgap.hashing import SHA2, digest, new_hash
from airgap.text import safe

if TYPE_CHECKING:
    from hashlib import _Hash as Hasher

_GRAMMAR: Final = re.compile(r"([a-z0-9]+(?:[+._-][a-z0-9]+)*):([a-zA-Z0-9=_-]+)", re.ASCII)
_HEX: Final = re.compile(r"[0-9a-f]+", re.ASCII)

_HEX_CHARACTERS: Final = MappingProxyType({"sha256": 64, "sha384": 96, "sha512": 128, "blake3": 64})
"""Algorithms with a registered encoding: so many lower-case hexadecimal digits."""
_SHA256_CHARACTERS: Final = len("sha256:") + 64

SUPPORTED: Final = SHA2
"""Algorithms that can be computed here; MAN-14: the reference takes the same three."""


class Digest(NamedTuple):
    """`algorithm:encoded`, valid by construction through `parse` or `of`; ordered as its text is.

    A named tuple, because a layout asks for the hash of each some twenty times.
    """

    algorithm: str
    encoded: str

    @classmethod
    def parse(cls, text: str) -> Self:
        """The digest that `text` spells. Raises FormatError.

        An unknown algorithm passes if it fits the grammar (LAYOUT-4: it SHOULD), but is not `supported`.
        """
        if len(text) == _SHA256_CHARACTERS and text.startswith("sha256:") and _HEX.fullmatch(text, 7):
            return cls("sha256", sys.intern(text[7:]))  # as nearly all are
        match = _GRAMMAR.fullmatch(text) if len(text) <= limits.DIGEST_CHARACTERS else None
        if match is None:
            raise FormatError(f"{safe(text, limit=160)!r} is not a digest (algorithm:encoded)")
        algorithm, encoded = match.groups()
        characters = _HEX_CHARACTERS.get(algorithm)
        if characters is not None and (len(encoded) != characters or not _HEX.fullmatch(encoded)):
            raise FormatError(
                f"{safe(text, limit=160)!r} is not a digest: {algorithm} has {characters} lower-case hexadecimal digits"
            )
        return cls(sys.intern(algorithm), sys.intern(encoded))  # a layout names each digest several times

    @classmethod
    def of(cls, data: bytes | memoryview, algorithm: str = "sha256") -> Self:
        """The digest of `data`."""
        return cls(algorithm, digest(algorithm, data).hex())

    @property
    def supported(self) -> bool:
        """Whether content can be checked against this digest here."""
        return self.algorithm in SUPPORTED

    def new_hash(self) -> Hasher:
        """A fresh hash object of this algorithm. Raises ContentError (`content.algorithm`)."""
        if self.algorithm not in SUPPORTED:
            raise ContentError(
                "content.algorithm",
                f"{self}: the algorithm {safe(self.algorithm, limit=64)!r} cannot be checked here "
                f"(known: {', '.join(sorted(SUPPORTED))})",
                digest=str(self),
            )
        return new_hash(self.algorithm)

    def __str__(self) -> str:
        return f"{self.algorithm}:{self.encoded}"
