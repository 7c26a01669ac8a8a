"""What a ledger keeps beside its rows, by its digest: each once, compressed."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from airgap import limits
from airgap.errors import UsageError
from airgap.hashing import digest
from airgap.ledger.database import LedgerError, translated
from airgap.ledger.entries import named_certificates
from airgap.text import safe


class KeptContent:
    """Verdict documents, certificates, lists of blobs and envelopes in one file."""

    def __init__(self, path: Path, opened: sqlite3.Connection) -> None:
        self._path, self._opened = path, opened

    def keep(self, data: bytes | None) -> bytes | None:
        """Keep it; its digest. Raises UsageError for too much."""
        if data is None:
            return None
        if len(data) > limits.LEDGER_ATTACHED_BYTES:
            raise UsageError(f"{len(data)} bytes are more than a ledger keeps beside a row")
        name = digest("sha256", data)
        known = self._opened.execute("SELECT 1 FROM content WHERE digest = ?", (name,)).fetchone()
        if known is None:
            self._opened.execute("INSERT INTO content VALUES (?, ?, ?)", (name, len(data), zlib.compress(data)))
        return name

    def read(self, name: bytes) -> bytes | None:
        """What has this digest; None where nothing has. Raises LedgerError."""
        with translated(self._path):
            found = self._opened.execute("SELECT size, data FROM content WHERE digest = ?", (name,)).fetchone()
        if found is None:
            return None
        if (data := _unpacked(*found)) is None or digest("sha256", data) != name:
            raise LedgerError("ledger.damaged", f"{safe(self._path)} holds other bytes than its rows name")
        return data

    def unpacked(self, size: Any, data: Any) -> bytes:
        """What columns of a row of it hold. Raises LedgerError."""
        if (unpacked := _unpacked(size, data)) is None:
            raise LedgerError("ledger.damaged", f"{safe(self._path)} holds bytes that cannot be unpacked")
        return unpacked

    def shared(self) -> Iterator[bytes]:
        """What no row names: the certificates of verdict documents. Raises LedgerError."""
        for found in self._opened.execute(
            "SELECT size, data FROM content WHERE digest NOT IN"
            " (SELECT attached FROM rows WHERE attached IS NOT NULL) ORDER BY rowid"
        ):
            yield self.unpacked(*found)

    def faults(self) -> tuple[frozenset[str], frozenset[str]]:
        """The names of content that is not what it is named by, and of documents without their certificates."""
        bad, lacking = set(), set()
        is_kept = lru_cache(maxsize=4096)(self._is_kept)
        for name, size, data in self._opened.execute("SELECT digest, size, data FROM content"):
            if (unpacked := _unpacked(size, data)) is None or digest("sha256", unpacked) != name:
                bad.add(name.hex())
            elif not all(map(is_kept, named_certificates(unpacked))):
                lacking.add(name.hex())
        return frozenset(bad), frozenset(lacking)

    def _is_kept(self, name: str) -> bool:
        kept = self._opened.execute("SELECT 1 FROM content WHERE digest = ?", (bytes.fromhex(name),))
        return kept.fetchone() is not None


def _unpacked(size: Any, data: Any) -> bytes | None:
    """Kept bytes; None where they are not what they were packed from, or would have more than their size."""
    if not (isinstance(size, int) and 0 <= size <= limits.LEDGER_ATTACHED_BYTES and isinstance(data, bytes)):
        return None
    packed = zlib.decompressobj()
    try:
        found = packed.decompress(data, size + 1)
    except zlib.error:
        return None
    return found if len(found) == size else None
