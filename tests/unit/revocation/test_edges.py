"""Edges of revocation that mutants had passed: damaged or foreign evidence, and the second of a revocation."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from tests.support.crls import crl, entry
from tests.support.evidence import MemoryEvidence
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue

URL = "http://crl.example/a"
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], "ocsp_urls": ["http://ocsp.example"]})
ISSUER = LEAF.chain[1]
STRANGER = issue("root", slot=6, subject="C=US,ST=WA,O=Stranger")
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


def _answer(evidence: MemoryEvidence, moment: Moment, leaf: Issued = LEAF) -> str:
    """`good`, or the reason code."""
    chain = [Certificate.parse(issued.der) for issued in leaf.chain]
    try:
        RevocationJudge(evidence, Freshness(), moment, stored=tuple).check_chain(chain, kind="signing", signed_at=None)
    except (Rejected, Undecided) as error:
        return error.reason
    return "good"


@pytest.mark.parametrize("trusted", [True, False])
def test_a_damaged_response_leaves_a_doubt_only_in_the_trust_directory(*, trusted: bool) -> None:
    """Decision 0009: what its operator has, and cannot be read, may be what revokes. In a target anyone may put it."""
    damaged = ocsp_response(LEAF, status="revoked", signed_by=key("p256", 7))
    evidence = MemoryEvidence({"a.crl": crl(ISSUER)}, {"a.ors": damaged}, trusted=trusted)
    assert (_answer(evidence, Moment(judged=AT, clock=AT)) == "good") is not trusted


@pytest.mark.parametrize("status", ["good", "revoked"])
@pytest.mark.parametrize("trusted", [True, False])
def test_an_intact_response_of_an_unknown_ca_leaves_a_doubt_if_it_revokes(*, trusted: bool, status: str) -> None:
    """It is not damaged; the operator may know its maker (RFC 6960, 4.2.2.2). It was passed over without a message."""
    said = ocsp_response(LEAF, status=status, responder=issue("ocsp", issuer=STRANGER, slot=7))
    evidence = MemoryEvidence({"a.crl": crl(ISSUER)}, {"a.ors": said}, trusted=trusted)
    is_open = trusted and status == "revoked"
    assert _answer(evidence, Moment(judged=AT, clock=AT)) == ("revocation.ocsp.responder" if is_open else "good")


@pytest.mark.parametrize(("before", "answer"), [(SECOND, "good"), (timedelta(0), "revocation.revoked")])
def test_a_revocation_counts_from_its_second(before: timedelta, answer: str) -> None:
    """A later CRL says since when: until then it was good, and from that very second it was not (CRL-11)."""
    later = crl(ISSUER, number=2, this_update=AT + 2 * DAY, revoked=[entry(LEAF.serial, reason="superseded", at=AT)])
    evidence = MemoryEvidence({"a.crl": crl(ISSUER), "b.crl": later}, {}, trusted=True)
    assert _answer(evidence, Moment(judged=AT - before, clock=AT + 3 * DAY)) == answer
