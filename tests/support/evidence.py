"""Evidence that is at hand as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from airgap.revocation.pool import EvidenceFile, EvidencePool


class MemoryEvidence(EvidencePool):
    """Evidence that is at hand as bytes: file names to content."""

    def __init__(
        self,
        crls: Mapping[str, bytes] | None = None,
        ocsp: Mapping[str, bytes] | None = None,
        *,
        origin: str = "memory",
        trusted: bool = False,
    ) -> None:
        contents = [*(crls or {}).items(), *(ocsp or {}).items()]
        files = [EvidenceFile(name, origin, partial(bytes, data), trusted=trusted) for name, data in contents]
        super().__init__(files, unread=())
