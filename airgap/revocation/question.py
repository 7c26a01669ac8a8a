"""A question about revocation, and the sentences and facts in which it is answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from airgap.errors import Fact, Rejected, Undecided
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate, DistributionPoint
from airgap.revocation.pool import CrlFile
from airgap.revocation.use import EvidenceUse
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.pki.crl import Crl, RevokedEntry

ChainKind = Literal["signing", "tsa"]

HOLD: Final = "certificateHold"


@dataclass(frozen=True, slots=True)
class Question:
    """One certificate, asked about at one moment."""

    certificate: Certificate
    issuer: Certificate
    chain: ChainKind
    at: datetime
    signed_at: datetime | None
    """The latest moment at which the signature can have been made, if that is proven (D31)."""


def revoked_by(question: Question, file: CrlFile, crl: Crl, entry: RevokedEntry) -> Rejected:
    """What an entry of a CRL says."""
    facts = facts_about(question, file.name, crl.this_update, crl.next_update)
    return rejection(question, file.name, entry.reason, entry.revocation_date, facts)


def rejection(
    question: Question, name: str, reason: str | None, when: datetime | None, facts: dict[str, Fact]
) -> Rejected:
    """Revoked, or on hold, according to the evidence of this name."""
    since = f" on {iso(when)}" if when else ""
    if reason == HOLD:
        return Rejected("revocation.on_hold", f"{who(question)} was put on hold{since}, says {name}", **facts)
    why = f" ({reason})" if reason else ""
    facts |= {"revoked_at": iso(when) if when else None, "revocation_reason": reason}
    return Rejected("revocation.revoked", f"{who(question)} was revoked{since}{why}, says {name}", **facts)


def no_ocsp(question: Question) -> Undecided:
    """There is no response."""
    urls = [safe(url) for url in question.certificate.ocsp_urls]
    return Undecided(
        "revocation.ocsp.missing",
        f"no OCSP response for {who(question)} is at hand; its responder is {urls[0]}",
        certificate=safe(question.certificate.subject_text),
        chain=question.chain,
        urls=urls,
    )


def no_crl(question: Question, point: DistributionPoint) -> Undecided:
    """There is no CRL for a distribution point."""
    urls = [safe(uri) for uri in point.uris]
    return Undecided(
        "revocation.crl.missing",
        f"no CRL for {who(question)} is at hand; its distribution point is {urls[0] if urls else 'not a URL'}",
        certificate=safe(question.certificate.subject_text),
        chain=question.chain,
        urls=urls,
    )


def no_delta(question: Question) -> Undecided:
    """There is no delta CRL, and there has to be."""
    return Undecided(
        "revocation.crl.delta",
        f"the CRL for {who(question)} names a delta CRL, and none is at hand",
        certificate=safe(question.certificate.subject_text),
        chain=question.chain,
    )


def who(question: Question) -> str:
    """The certificate, in a sentence."""
    role = "timestamping certificate" if question.chain == "tsa" else "certificate"
    return f"the {role} {safe(question.certificate.subject_text)!r}"


def facts_about(question: Question, name: str, this_update: datetime, next_update: datetime | None) -> dict[str, Fact]:
    """Whom and what an answer is about, for reports."""
    return {
        "certificate": safe(question.certificate.subject_text),
        "serial": format(question.certificate.serial, "x"),
        "chain": question.chain,
        "evidence": name,
        "this_update": iso(this_update),
        "next_update": iso(next_update) if next_update else None,
    }


def evidence_use(
    question: Question,
    *,
    kind: str,
    status: str,
    name: str = "",
    origin: str = "",
    number: int | None = None,
    this_update: datetime | None = None,
    next_update: datetime | None = None,
    accepted_stale: bool = False,
) -> EvidenceUse:
    """That an answer rests on a piece of evidence."""
    return EvidenceUse(
        certificate=safe(question.certificate.subject_text),
        chain=question.chain,
        kind=kind,
        status=status,
        name=name,
        origin=origin,
        number=number,
        this_update=this_update,
        next_update=next_update,
        accepted_stale=accepted_stale,
    )


def crl_use(question: Question, kind: str, file: CrlFile, crl: Crl) -> EvidenceUse:
    """The same for a CRL."""
    return evidence_use(
        question,
        kind=kind,
        status="good",
        name=file.name,
        origin=file.origin,
        number=crl.number,
        this_update=crl.this_update,
        next_update=crl.next_update,
    )
