"""Finds out whether the issuer of a certificate, or a delegate of it, made evidence (RFC 6960, 4.2.2.2).

A response need not hold the certificate of its responder (4.2.1). The same responder answers for many certificates, so
its certificate may be in another available response: no signature covers in which one it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airgap.errors import FormatError, Rejected, Undecided
from airgap.pki.certificate import Certificate, verify_ever_issued
from airgap.revocation.evidence_files import CrlFile, Evidence, OcspFile
from airgap.revocation.query import RevocationQuery

if TYPE_CHECKING:  # imported only when there is a response to read
    from airgap.pki.ocsp import OcspResponse


class EvidenceMakers:
    """Proves who made evidence, by the delegated responders in one body of it; each is proven once for each issuer."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence: Final = evidence
        self._found: Final[dict[Certificate, tuple[Certificate, ...]]] = {}

    def verify(self, response: OcspResponse, issuers: tuple[Certificate, ...]) -> None:
        """Checks that the CA with these certificates, or a delegate that was valid then, made it. Raises Undecided."""
        try:
            response.verify_made_for(*issuers)
        except Undecided:
            delegates = [delegate for issuer in issuers for delegate in self._delegates(issuer)]
            if not delegates:
                raise
            response.verify_made_for(*issuers, elsewhere=delegates)

    def is_genuine(self, query: RevocationQuery, file: CrlFile | OcspFile) -> bool:
        """Whether the issuer made it, or a delegate of the issuer: of what is newer and not genuine nothing follows."""
        try:
            if isinstance(file, CrlFile):
                file.load().verify_made_by(*query.issuers)
            else:
                self.verify(file.response, query.issuers)
        except (FormatError, Undecided):
            return False
        return True

    def _delegates(self, issuer: Certificate) -> tuple[Certificate, ...]:
        if issuer not in self._found:
            self._found[issuer] = tuple(item for item in self._evidence.responders() if _is_issued(item, issuer))
        return self._found[issuer]


def _is_issued(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        verify_ever_issued(certificate, issuer)
    except Rejected:
        return False
    return True
