"""Finds out whether the issuer of a certificate, or a delegate of it, made evidence (RFC 6960, 4.2.2.2).

A response need not hold the certificate of its responder (4.2.1). The same responder answers for many certificates, so
its certificate may be in another available response: no signature covers in which one it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
        self._found: Final[dict[Certificate, Mapping[Certificate, Sequence[OcspFile]]]] = {}
        self._chosen: Final[dict[tuple[Certificate, tuple[Certificate, ...]], OcspFile]] = {}
        self._holders: Final[dict[tuple[str, tuple[Certificate, ...]], OcspFile | None]] = {}

    def verify(self, response: OcspResponse, issuers: tuple[Certificate, ...]) -> OcspFile | None:
        """Checks that the CA with these certificates, or a delegate that was valid then, made it.

        Returns the response that holds the certificate of the delegate, a genuine one if there is one; None where no
        other one is needed. Raises Undecided.
        """
        try:
            response.verify_made_for(*issuers)
        except Undecided:
            key = response.fingerprint, issuers
            if key not in self._holders:
                self._holders[key] = self._find_holder(response, issuers)
            if holder := self._holders[key]:
                return holder
            raise
        return None

    def _find_holder(self, response: OcspResponse, issuers: tuple[Certificate, ...]) -> OcspFile | None:
        """Compares names and dates first, as signatures take time, and a target may hold thousands of responses."""
        for delegate, holders in (found for issuer in issuers for found in self._delegates(issuer).items()):
            made = response.produced_at
            is_valid = not (delegate.begins_after(made) or delegate.ended_before(made))
            if is_valid and response.lacks(delegate) and response.is_signed_by(delegate):
                return self._choose(delegate, holders, issuers)
        return None

    def _choose(self, delegate: Certificate, holders: Sequence[OcspFile], issuers: tuple[Certificate, ...]) -> OcspFile:
        """A genuine holder, if there is one: another may be forged, whatever it holds."""
        key = delegate, issuers
        if key not in self._chosen:
            self._chosen[key] = next((holder for holder in holders if _is_made_for(holder, issuers)), holders[0])
        return self._chosen[key]

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

    def _delegates(self, issuer: Certificate) -> Mapping[Certificate, Sequence[OcspFile]]:
        if issuer not in self._found:
            found = self._evidence.responders().items()
            self._found[issuer] = {item: files for item, files in found if _is_issued(item, issuer)}
        return self._found[issuer]


def _is_made_for(holder: OcspFile, issuers: tuple[Certificate, ...]) -> bool:
    """Whether it is proven by what it holds."""
    try:
        holder.response.verify_made_for(*issuers)
    except Undecided:
        return False
    return True


def _is_issued(certificate: Certificate, issuer: Certificate) -> bool:
    try:
        verify_ever_issued(certificate, issuer)
    except Rejected:
        return False
    return True
