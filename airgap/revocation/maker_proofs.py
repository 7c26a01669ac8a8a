"""Whether it is certain who made evidence, where another CA than those of the chain proves it (decision 0009).

A key of a CA that is not in the chain is proven by the CA that certified it. The key of one that is revoked may be
stolen, and one that has ended certifies nothing more: what they prove alone is in doubt. It is not nothing, because
they may have certified it before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final

from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.revocation.known_certificates import KnownCertificates
from airgap.revocation.query import RevocationQuery
from airgap.text import quoted


class MakerProofs:
    """Looks at the CAs that prove a certificate, up to the authorities of a chain."""

    def __init__(self, known: KnownCertificates, revoking: Callable[[RevocationQuery], str]) -> None:
        """`revoking`: names what says that a certificate is revoked for good, whether or not that is certain."""
        self._known: Final = known
        self._revoking: Final = revoking
        self._revoked: Final[dict[RevocationQuery, str]] = {}

    def why_unsure(self, certificate: Certificate, query: RevocationQuery, made: datetime) -> str:
        """Why no CA proves it for evidence of this date; empty if one does, or the operator has it.

        `query`: with the authorities of the chain.
        """
        if self._known.is_stored(certificate):
            return ""
        seen, waiting, problem = {certificate}, [certificate], ""
        while waiting:
            for issuer in self._known.issuers_of(waiting.pop(), query.authorities, query.renewed):
                if issuer in query.authorities:
                    return ""
                if issuer in seen:
                    continue
                seen.add(issuer)
                found = self._problem(issuer, query, made)
                if not found and self._known.is_stored(issuer):
                    return ""
                problem = problem or found
                if not found:
                    waiting.append(issuer)
        return problem

    def _problem(self, ca: Certificate, query: RevocationQuery, made: datetime) -> str:
        named = quoted(ca.subject_text)
        if ca.ended_before(made):
            return f"only {named} proves it, which had ended on {iso(ca.not_after)}"
        issuer = next(self._known.issuers_of(ca, query.authorities, query.renewed), None)
        if issuer is None:
            return ""
        asked = replace(self._known.asking_about(ca, issuer, query), signed_at=None)
        if asked not in self._revoked:
            self._revoked[asked] = self._revoking(asked)
        by = self._revoked[asked]
        return f"only {named} proves it, which is revoked, says {by}" if by else ""
