"""Evidence of a trust directory that is not trusted because it came in an unsigned snapshot (RULE-1).

If a file of the operator does not verify, it may be good evidence that was damaged here, and makes answers undecided
(`airgap.revocation.damage`). A file that still has the bytes with which it came unsigned was not damaged here: the
carrier chose the bytes. It is treated as evidence in a target, so that no carrier of media can keep a site undecided.
"""

from __future__ import annotations

import json as writer
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

from airgap import limits
from airgap.errors import FormatError
from airgap.files import parse_if_there, write_file
from airgap.oci.digest import Digest
from airgap.parse import json

LOCAL: Final = ".airgap"
"""The folder in a trust directory for files of one machine."""
FILE: Final = "unsigned.json"
SCHEMA: Final = "airgap.unsigned-evidence/1"


@dataclass(frozen=True, slots=True)
class UnsignedEvidence:
    """Paths of evidence (`crls/<file>`, `ocsp/<file>`) to the digest of each when it came."""

    files: Mapping[str, Digest] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def read(cls, trust: Path) -> Self:
        """The record in the trust directory; empty if there is no file.

        Raises TrustMaterialError(evidence.malformed).
        """
        path, remedy = trust / LOCAL / FILE, "Remove it: then all evidence counts as your own."
        return (
            parse_if_there(path, limits.EVIDENCE_INDEX_BYTES, cls.parse, "evidence.malformed", remedy=remedy) or cls()
        )

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The document. Raises FormatError."""
        document = json.load_object(data, json.Reading.OWN, limit=limits.EVIDENCE_INDEX_BYTES, what="file")
        if json.take(document, "schema", str) != SCHEMA:
            raise FormatError(f"is not {SCHEMA!r}", where="schema")
        files = json.take(document, "files", dict)
        return cls(MappingProxyType({name: Digest.parse(json.take(files, name, str)) for name in files}))

    def write(self, trust: Path) -> None:
        """Writes the record atomically; no file if it is empty. Raises OSError."""
        path = trust / LOCAL / FILE
        if not self.files:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(exist_ok=True)
        files = {name: str(digest) for name, digest in sorted(self.files.items())}
        write_file(path, (writer.dumps({"schema": SCHEMA, "files": files}, indent=2) + "\n").encode())
