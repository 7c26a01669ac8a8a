"""What the entry of a CRL, or an answer of a responder, means for one certificate and one signature (decision 0009).

Whose entry it is, whether it revokes or removes, and since when. Who made it is proven elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Final

from airgap.errors import Undecided
from airgap.revocation.evidence_files import CrlFile, OcspFile
from airgap.revocation.query import HOLD, REMOVED, RevocationQuery
from airgap.revocation.statements import RevocationStatement, RevocationStatements

if TYPE_CHECKING:
    from airgap.pki.certificate import Certificate
    from airgap.pki.crl import Crl
    from airgap.pki.crl_entries import RevokedEntry
    from airgap.pki.single_response import SingleResponse

_SOFTENED: Final = "revoked, but its key was only invalid after this signature was made"
_LATER: Final = "good at that moment; revoked later"


def may_list(crl: Crl, query: RevocationQuery) -> bool:
    """Whether a CRL with the name of the issuer lists the certificate, without a check of its signature."""
    try:
        return any(entry.doubt or entry.reason != REMOVED for entry in crl.entries(query.certificate))
    except Undecided:
        return True


def of_entries(query: RevocationQuery, file: CrlFile, entries: Sequence[RevokedEntry]) -> RevocationStatements:
    """What the entries of a genuine CRL say against the certificate."""
    counting: list[RevokedEntry] = []
    doubts: list[Undecided] = []
    softened = ""
    for entry in entries:
        if entry.doubt:
            text = f"{file.name}: an entry of the CRL for {query.who} {entry.doubt}"
            doubts.append(Undecided("revocation.crl.extension", text, **query.facts_of(file.dated)))
        elif harmless := why_harmless(query, file.facts.this_update, entry.revocation_date, entry.invalidity_date):
            softened = max(softened, harmless)
        else:
            counting.append(entry)
    hold = hold_in_force(counting)
    revoked = [item for item in counting if item.reason not in {HOLD, REMOVED}] + ([hold] if hold else [])
    return RevocationStatements(
        tuple(RevocationStatement(file, file.dated, entry.reason, entry.revocation_date) for entry in revoked),
        tuple(doubts),
        softened,
    )


def of_answers(query: RevocationQuery, file: OcspFile, answers: Iterable[SingleResponse]) -> RevocationStatements:
    """What the answers of a genuine response say against the certificate."""
    revoked: list[RevocationStatement] = []
    doubts: list[Undecided] = []
    softened = ""
    for single in answers:
        if single.status != "revoked":
            continue
        if doubt := doubt_about(single, query.certificate, query.issuer):
            text = f"{file.name}: the OCSP response about {query.who} {doubt}"
            doubts.append(Undecided("revocation.ocsp.malformed", text, **query.facts_of(file.dated(single))))
        elif harmless := why_harmless(query, single.this_update, single.revocation_time, single.invalidity_date):
            softened = max(softened, harmless)
        else:
            revoked.append(RevocationStatement(file, file.dated(single), single.reason, single.revocation_time))
    return RevocationStatements(tuple(revoked), tuple(doubts), softened)


def doubt_about(single: SingleResponse, certificate: Certificate, issuer: Certificate | None) -> str:
    """Why it is not certain that an answer "revoked" is about this certificate; empty if it is.

    `issuer`: None if it is not proven which one it is.
    """
    if single.doubt:
        return single.doubt
    if issuer is None or not single.names(issuer):
        return "says 'revoked', and names another key of the issuer, or one that is not known"
    if single.serial != certificate.serial:
        return "says 'revoked', and states the serial number as a negative one"
    return ""


def why_harmless(
    query: RevocationQuery, made: datetime, revoked_at: datetime | None, invalid_since: datetime | None
) -> str:
    """Why an entry does not count for this signature and time; empty if it counts.

    `made`: the date of the evidence. Evidence from before the judged time counts whatever date its entry states
    (CRL-11). Later evidence counts if its entry says that the certificate was revoked, or its key invalid, by the
    judged time. It always counts if the judged time is not in the past.
    """
    if _made_before(query, invalid_since):
        return _SOFTENED
    judged = query.moment.judged
    since = min((moment for moment in (revoked_at, invalid_since) if moment), default=None)
    return _LATER if since and judged < query.moment.clock and judged < min(made, since) else ""


def _made_before(query: RevocationQuery, invalid_since: datetime | None) -> bool:
    """Whether it is proven that the signature was made before the key became invalid (CRL-12, OCSP-7, D31)."""
    return invalid_since is not None and query.signed_at is not None and query.signed_at < invalid_since


def hold_in_force(entries: Sequence[RevokedEntry]) -> RevokedEntry | None:
    """The current hold: the latest of holds and removals, the first one if the dates are equal (CRL-10)."""
    passing = [entry for entry in entries if entry.reason in {HOLD, REMOVED}]
    latest = max(passing, key=lambda entry: entry.revocation_date, default=None)
    return latest if latest and latest.reason == HOLD else None
