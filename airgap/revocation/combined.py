"""Several bodies of evidence as one: the trust directory's, and what lies in the target (issue of the box).

Each piece keeps its origin, and each body its own index: what a URL is mapped to in one says nothing about the other.
More evidence can only make an answer newer or more severe: every piece proves itself, whoever brought it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from airgap.notice import Notice
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.revocation.pool import CrlFile, Evidence, Newest, OcspFile


class CombinedEvidence:
    """See `Evidence`. Of two pieces that are equally new, that of the earlier body comes first."""

    def __init__(self, bodies: Sequence[Evidence]) -> None:
        self._bodies: Final = tuple(bodies)

    def crls(self, issuer: bytes, point: DistributionPoint) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        found = [file for body in self._bodies for file in body.crls(issuer, point)]
        return tuple(sorted(found, key=lambda file: file.rank, reverse=True))

    def ocsp(self, certificate: Certificate, issuer: Certificate) -> tuple[OcspFile, ...]:
        """See `Evidence`."""
        found = [file for body in self._bodies for file in body.ocsp(certificate, issuer)]
        return tuple(sorted(found, key=lambda file: file.produced_at, reverse=True))

    def newest(self) -> Newest | None:
        """See `Evidence`."""
        found = (newest for body in self._bodies if (newest := body.newest()) is not None)
        return max(found, key=lambda newest: newest.moment, default=None)

    def notices(self) -> tuple[Notice, ...]:
        """See `Evidence`."""
        return tuple(notice for body in self._bodies for notice in body.notices())
