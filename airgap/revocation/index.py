"""`crls/index.json` and `ocsp/index.json`: which file answers for which URL (reference/trust-directory.md)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import FormatError, TrustMaterialError
from airgap.parse import json
from airgap.text import safe

INDEX: Final = "index.json"
_FORBIDDEN: Final = frozenset('/\\:*?"<>|')


@dataclass(frozen=True, slots=True)
class EvidenceIndex:
    """URLs to file names. Files without a URL are found by their content."""

    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    @classmethod
    def parse(cls, data: bytes, source: str) -> Self:
        """`{"<URL>": "<file>" or ["<file>", ...]}`, with plain file names.

        Raises TrustMaterialError("evidence.malformed") with the facts `source`, `member` and `problem`.
        """
        try:
            members = json.load_object(data, json.Reading.OWN, limit=limits.EVIDENCE_INDEX_BYTES, what="index")
            return cls({url: _names(value, url) for url, value in members.items()})
        except FormatError as error:
            raise TrustMaterialError.of_file("evidence.malformed", safe(source), error) from None

    @property
    def claimed(self) -> frozenset[str]:
        """All file names."""
        return frozenset(name for names in self.files.values() for name in names)

    def find(self, urls: Iterable[str]) -> tuple[str, ...] | None:
        """The files of those of `urls` that are mapped, each once; None if none is."""
        mapped = [self.files[url] for url in urls if url in self.files]
        return tuple(dict.fromkeys(name for names in mapped for name in names)) if mapped else None


def _names(value: Any, url: str) -> tuple[str, ...]:
    where = safe(url, limit=128)
    names = value if isinstance(value, list) else [value]
    if not names:
        raise FormatError("is an empty list", where=where)
    for name in names:
        if not isinstance(name, str):
            raise FormatError("is neither a file name nor a list of file names", where=where)
        if not is_plain(name):
            raise FormatError(f"{safe(name, limit=128)!r} is not a plain file name", where=where)
    return tuple(names)


def is_plain(name: str) -> bool:
    """Whether the name can only mean a file in this folder, on every file system of a medium."""
    return (
        name not in ("", ".", "..", INDEX)
        and name.isprintable()
        and not _FORBIDDEN.intersection(name)
        and not name.endswith((" ", "."))
    )
