"""A revocation query for one certificate, and the messages and facts of its answers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airgap.errors import Fact, Rejected, Undecided
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.revocation.answer_evidence import EvidenceUse, FoundInTargets
from airgap.revocation.evidence_files import CrlFile, OcspFile
from airgap.revocation.freshness import ChainKind, DatedEvidence
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.pki.crl import Crl

HOLD: Final = "certificateHold"
REMOVED: Final = "removeFromCRL"
_OF_ONE_CERTIFICATE: Final = frozenset(
    {"affiliationChanged", "superseded", "cessationOfOperation", "privilegeWithdrawn", HOLD, REMOVED}
)
"""Reasons that say nothing against the key (RFC 5280, 5.3.1)."""
_OF_A_KEY: Final = frozenset({"keyCompromise", "cACompromise", "aACompromise"})


def is_about_key(reason: str | None, *, stated: bool = False) -> bool:
    """Whether a revocation for this reason is about the key, so about each certificate with it (decision 0012).

    No CA must state a reason (RFC 5280, 5.3.1). `stated`: of reasons, only that of a compromise counts.
    """
    return reason in _OF_A_KEY if stated else reason not in _OF_ONE_CERTIFICATE


@dataclass(frozen=True, slots=True)
class RevocationQuery:
    """One certificate and the judged time."""

    certificate: Certificate
    authorities: tuple[Certificate, ...]
    """Those of its chain, its issuer first."""
    chain: ChainKind
    moment: Moment
    signed_at: datetime | None
    """The latest possible time of the signature, if it is proven (D31)."""
    renewed: tuple[Certificate, ...]
    """Other certificates of the same CA, with another key (`KnownCertificates.of_ca`)."""
    lost: FoundInTargets
    """What was in a layout that is gone, and is about the certificate (decision 0027)."""

    @property
    def issuer(self) -> Certificate:
        """The certificate that issued it."""
        return self.authorities[0]

    @property
    def issuers(self) -> tuple[Certificate, ...]:
        """The issuer with each key that the chain proves: evidence may be signed by any of them."""
        return self.issuer, *self.renewed

    @property
    def at_any_time(self) -> RevocationQuery:
        """The same, where nothing is too late to count: what a judgement for a later moment must know."""
        clock = self.moment.clock
        return replace(self, moment=Moment(judged=clock, clock=clock), signed_at=None)

    @property
    def who(self) -> str:
        """The certificate in messages."""
        role = "timestamping certificate" if self.chain == "tsa" else "certificate"
        return f"the {role} {safe(self.certificate.subject_text)!r}"

    def facts(self, **more: Fact) -> dict[str, Fact]:
        """Facts about the certificate for reports, and `more`."""
        return {
            "certificate": safe(self.certificate.subject_text),
            "serial": format(self.certificate.serial, "x"),
            "chain": self.chain,
            **more,
        }

    def facts_of(self, dated: DatedEvidence) -> dict[str, Fact]:
        """Facts about the certificate and the evidence of an answer."""
        ends = iso(dated.next_update) if dated.next_update else None
        return self.facts(evidence=dated.name, this_update=iso(dated.this_update), next_update=ends)


def revoked(query: RevocationQuery, said: DatedEvidence, reason: str | None, when: datetime | None) -> Rejected:
    """The error: revoked or on hold according to this evidence."""
    name, facts = said.name, query.facts_of(said)
    since = f" on {iso(when)}" if when else ""
    if reason == HOLD:
        return Rejected("revocation.on_hold", f"{query.who} was put on hold{since}, says {name}", **facts)
    why = f" ({reason})" if reason else ""
    stated: dict[str, Fact] = {"revoked_at": iso(when) if when else None, "revocation_reason": reason}
    return Rejected("revocation.revoked", f"{query.who} was revoked{since}{why}, says {name}", **{**facts, **stated})


def no_ocsp(query: RevocationQuery) -> Undecided:
    """The error: there is no response."""
    urls = [safe(url) for url in query.certificate.ocsp_urls]
    return Undecided(
        "revocation.ocsp.missing",
        f"no OCSP response for {query.who} is available; its responder is {urls[0]}",
        **query.facts(urls=urls),
    )


def no_crl(query: RevocationQuery) -> Undecided:
    """The error: there is no CRL."""
    urls = [safe(uri) for point in query.certificate.distribution_points for uri in point.uris]
    place = f"its distribution point is {urls[0] if urls else 'not a URL'}"
    if not query.certificate.distribution_points:
        place = "it names where delta CRLs are, and not where the complete CRL is to which they belong"
    return Undecided(
        "revocation.crl.missing", f"no CRL for {query.who} is available; {place}", **query.facts(urls=urls)
    )


def crl_use(query: RevocationQuery, kind: str, file: CrlFile, crl: Crl) -> EvidenceUse:
    """The use of a CRL for an answer."""
    return EvidenceUse(
        certificate=safe(query.certificate.subject_text),
        chain=query.chain,
        kind=kind,
        status="good",
        name=file.name,
        origin=file.origin,
        number=crl.number,
        this_update=crl.this_update,
        next_update=crl.next_update,
        good_until=crl.next_update,
    )


def about_file(query: RevocationQuery, file: CrlFile | OcspFile, error: Undecided) -> Undecided:
    """The same error with the name of its file: there may be many available CRLs."""
    facts = {**query.facts(evidence=file.name), **error.facts}
    return Undecided(error.reason, f"{file.name}: {error}", **facts).advising(error.remedy)
