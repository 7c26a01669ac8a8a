"""Evidence that is at hand as bytes."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Final

from airgap.revocation.index import EvidenceIndex
from airgap.revocation.pool import EvidencePool, Piece

_NO_INDEX: Final = EvidenceIndex()


class MemoryEvidence(EvidencePool):
    """Evidence that is at hand as bytes: file names to content, URLs to file names."""

    def __init__(
        self,
        crls: Mapping[str, bytes] | None = None,
        ocsp: Mapping[str, bytes] | None = None,
        *,
        crl_index: EvidenceIndex = _NO_INDEX,
        ocsp_index: EvidenceIndex = _NO_INDEX,
        origin: str = "memory",
    ) -> None:
        super().__init__(
            crls=_pieces(crls or {}, origin),
            ocsp=_pieces(ocsp or {}, origin),
            crl_index=crl_index,
            ocsp_index=ocsp_index,
        )


def _pieces(contents: Mapping[str, bytes], origin: str) -> list[Piece]:
    return [Piece(name, origin, partial(bytes, data)) for name, data in contents.items()]
