"""RevocationJudge.unanswered: what was said against a chain by evidence that went with its layout (decision 0027)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from airgap.errors import Rejected
from airgap.hashing import fingerprint
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.revocation.answer_evidence import EvidenceInTarget, TargetStatement
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from tests.support.crls import crl
from tests.support.evidence import MemoryEvidence
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki

URL, OCSP = "http://crl.example/a", "http://ocsp.example"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
BOTH = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], "ocsp_urls": [OCSP]})
ONLY_OCSP = Pki().code_chain(depth=2, leaf={"ocsp_urls": [OCSP]})
HERE = AT - 5 * DAY
"""When what is here now was made."""
CLEAN = crl(LEAF.chain[1], this_update=HERE)
REVOKING = crl(LEAF.chain[1], this_update=HERE, revoked=[LEAF])


def left(leaf: Issued, evidence: MemoryEvidence, **members: Any) -> bool:
    """Whether such a statement still counts against the chain."""
    made = EvidenceInTarget("gone", "00" * 32, "crl", "signing", leaf.fingerprint, HERE - DAY)
    named = {name: members.pop(name) for name in EvidenceInTarget._fields if name in members}
    said = replace(TargetStatement(evidence=made._replace(**named), is_hold=False), **members)
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    chain = [Certificate.parse(issued.der) for issued in leaf.chain]
    found = judge.unanswered([said], chain, kind="signing", signed_at=None)
    assert found in ([said], [])
    return bool(found)


@pytest.mark.parametrize(
    ("members", "counts"),
    [
        ({}, True),
        ({"this_update": HERE + DAY}, True),
        ({"certificate": "11" * 32}, False),
        ({"is_hold": True}, False),
        ({"is_hold": True, "this_update": HERE - SECOND}, False),
        ({"is_hold": True, "this_update": HERE}, True),
        ({"is_hold": True, "this_update": HERE + DAY}, True),
        ({"responder": "22" * 32}, False),
        ({"other_than": frozenset()}, False),
    ],
)
def test_only_a_newer_answer_lifts_a_hold_and_nothing_a_revocation(members: dict[str, Any], *, counts: bool) -> None:
    """A statement against a responder matters where that answers (`RevocationJudge.check_chain`)."""
    assert left(LEAF, MemoryEvidence({"a": CLEAN}), **members) is counts


@pytest.mark.parametrize("trusted", [True, False])
def test_what_is_here_is_judged_with_the_chain(*, trusted: bool) -> None:
    known = fingerprint(REVOKING)
    assert not left(LEAF, MemoryEvidence({"a": REVOKING}, trusted=trusted), fingerprint=known)
    assert left(LEAF, MemoryEvidence({"a": REVOKING}, trusted=trusted))
    assert not left(LEAF, MemoryEvidence({"a": CLEAN}, trusted=trusted), fingerprint=fingerprint(CLEAN))


@pytest.mark.parametrize(
    ("leaf", "kind", "is_lifted"),
    [(BOTH, "crl", True), (BOTH, "ocsp", True), (ONLY_OCSP, "crl", True), (ONLY_OCSP, "ocsp", False)],
)
def test_a_hold_is_lifted_by_newer_crls_beside_an_older_response(leaf: Issued, kind: str, *, is_lifted: bool) -> None:
    """By those that the certificate names, or where the hold is in one; the response was asked first (REV-3)."""
    crls = {"a": crl(leaf.chain[1], this_update=HERE)}
    answers = {"o": ocsp_response(leaf, this_update=HERE - 3 * DAY)}
    counts = left(leaf, MemoryEvidence(crls, answers), kind=kind, is_hold=True)
    assert counts is not is_lifted
    assert left(leaf, MemoryEvidence({}, answers), kind=kind, is_hold=True)
    newer = {"o": ocsp_response(leaf, this_update=HERE)}
    assert not left(leaf, MemoryEvidence({}, newer), kind=kind, is_hold=True)


def test_a_certificate_that_is_on_hold_now_is_refused() -> None:
    held = {"o": ocsp_response(ONLY_OCSP, status="revoked", reason="certificateHold", this_update=HERE)}
    with pytest.raises(Rejected, match="on hold"):
        left(ONLY_OCSP, MemoryEvidence({}, held), is_hold=True)
