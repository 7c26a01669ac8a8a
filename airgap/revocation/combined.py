"""Joins bodies of evidence: that of the trust directory and that of the target.

More evidence can only make an answer newer or more severe, because every piece is signed by its issuer.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.revocation.evidence_files import (
    CrlFile,
    Evidence,
    HeldCertificate,
    MisplacedEvidence,
    NewestEvidence,
    OcspFile,
    UnreadableEvidence,
)


class CombinedEvidence:
    """See `Evidence`. Each piece keeps its origin."""

    def __init__(self, bodies: Sequence[Evidence]) -> None:
        self._bodies: Final = tuple(bodies)

    def crls(self, issuer: bytes) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        found = [file for body in self._bodies for file in body.crls(issuer)]
        return tuple(sorted(found, key=lambda file: file.facts.age, reverse=True))

    def indirect(self) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        return tuple(file for body in self._bodies for file in body.indirect())

    def ocsp(self, serial: int) -> tuple[OcspFile, ...]:
        """See `Evidence`."""
        found = [file for body in self._bodies for file in body.ocsp(serial)]
        return tuple(
            sorted(found, key=lambda file: (file.response.produced_at, file.response.fingerprint), reverse=True)
        )

    def all_ocsp(self) -> tuple[OcspFile, ...]:
        """See `Evidence`."""
        return tuple(file for body in self._bodies for file in body.all_ocsp())

    def fingerprints(self) -> frozenset[str]:
        """See `Evidence`."""
        return frozenset().union(*(body.fingerprints() for body in self._bodies))

    def responders(self) -> Mapping[Certificate, Sequence[OcspFile]]:
        """See `Evidence`."""
        found: defaultdict[Certificate, list[OcspFile]] = defaultdict(list)
        for body in self._bodies:
            for item, files in body.responders().items():
                found[item] += files
        return found

    def held_certificates(self) -> tuple[HeldCertificate, ...]:
        """See `Evidence`."""
        return tuple(item for body in self._bodies for item in body.held_certificates())

    def certificates(self) -> Iterator[Certificate]:
        """See `Evidence`."""
        return (item for body in self._bodies for item in body.certificates())

    def mapped(self, urls: Iterable[str]) -> tuple[CrlFile, ...]:
        """See `Evidence`."""
        known = tuple(urls)
        return tuple(file for body in self._bodies for file in body.mapped(known))

    def unread(self, issuer: bytes, keys: Collection[bytes], urls: Collection[str]) -> tuple[UnreadableEvidence, ...]:
        """See `Evidence`."""
        return tuple(item for body in self._bodies for item in body.unread(issuer, keys, urls))

    def misplaced(self, certificate: Certificate) -> tuple[MisplacedEvidence, ...]:
        """See `Evidence`."""
        return tuple(item for body in self._bodies for item in body.misplaced(certificate))

    def trusted(self) -> tuple[CrlFile | OcspFile, ...]:
        """See `Evidence`."""
        return tuple(file for body in self._bodies for file in body.trusted())

    def newest(self) -> NewestEvidence | None:
        """See `Evidence`."""
        found = (newest for body in self._bodies if (newest := body.newest()) is not None)
        return max(found, key=lambda newest: newest.moment, default=None)

    def notices(self) -> tuple[Problem, ...]:
        """See `Evidence`."""
        return tuple(notice for body in self._bodies for notice in body.notices())
