"""One changed bit in the trust directory never takes what revokes out of sight (design 8)."""

from __future__ import annotations

from typing import Any

import pytest

from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from tests.support.crls import crl, entry
from tests.support.evidence import MemoryEvidence
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue

LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/a"], "ocsp_urls": ["http://ocsp.example"]})
DELEGATE = issue("ocsp", issuer=LEAF.root)
CLEAN = {"old.crl": crl(LEAF.root, number=1)}


def _revoking(**made: Any) -> bytes:
    return ocsp_response(LEAF, status="revoked", **made)


REVOKING = {
    "crl": crl(LEAF.root, number=2, this_update=AT, revoked=[entry(LEAF.serial, reason="keyCompromise")]),
    "ocsp of the issuer": _revoking(),
    "ocsp of a delegate": _revoking(responder=DELEGATE),
    "ocsp of a delegate, by key": _revoking(responder=DELEGATE, by_key=True),
}


def _answer(data: bytes, leaf: Issued = LEAF) -> str:
    chain = [Certificate.parse(item.der) for item in leaf.chain]
    evidence = MemoryEvidence({**CLEAN, "new": data}, trusted=True)
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT))
    try:
        judge.check_chain(chain, kind="signing", signed_at=None)
    except (Rejected, Undecided) as error:
        return error.reason
    return "good"


@pytest.mark.parametrize("name", REVOKING)
def test_no_changed_bit_hides_a_revocation(name: str) -> None:
    """It was good after one in three changes: in the issuer's name, the responder, a serial number, the delegate."""
    whole = REVOKING[name]
    assert _answer(whole) == "revocation.revoked"
    hidden = [
        (place, bit)
        for place in range(len(whole))
        for bit in (0x01, 0x10)
        if _answer(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :]) == "good"
    ]
    assert not hidden


def test_no_lost_byte_hides_a_revoking_crl() -> None:
    """What was left of the name was taken for another issuer's."""
    whole = REVOKING["crl"]
    assert not [place for place in range(len(whole)) if _answer(whole[:place] + whole[place + 1 :]) == "good"]


def test_what_a_stranger_answers_about_another_certificate_is_no_damage() -> None:
    """Its responder is nobody that is known, and it is about somebody else."""
    assert (
        _answer(ocsp_response(LEAF, serial=LEAF.serial + 1, status="revoked", responder=DELEGATE, embed=())) == "good"
    )


def test_whole_evidence_about_others_is_no_damage() -> None:
    assert _answer(ocsp_response(LEAF, serial=LEAF.serial + 1, status="revoked", responder=DELEGATE)) == "good"
