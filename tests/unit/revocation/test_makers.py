"""Who made an OCSP response that lacks the certificate of its responder (RFC 6960, 4.2.1)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from unittest.mock import patch

import pytest

from airgap import limits
from airgap.errors import Unchecked, Undecided
from airgap.pki.certificate import Certificate
from airgap.pki.ocsp import OcspResponse
from airgap.revocation.makers import EvidenceMakers
from tests.support.evidence import MemoryEvidence
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue

SECOND = timedelta(seconds=1)
LEAF = Pki().code_chain(depth=2, leaf={"ocsp_urls": ["http://ocsp.example"]})
CA = (Certificate.parse(LEAF.root.der),)
RESPONDERS = [issue("ocsp", issuer=LEAF.root, slot=slot) for slot in range(2, 8)]
"""Of one name, with six keys."""


def holders(responders: Iterable[Issued]) -> dict[str, bytes]:
    return {f"holder {number}": ocsp_response(LEAF, responder=item) for number, item in enumerate(responders)}


def bare(responder: Issued, number: int = 1, *, by_key: bool = False) -> OcspResponse:
    made = AT - number * SECOND
    return OcspResponse.parse(ocsp_response(LEAF, responder=responder, embed=[], by_key=by_key, this_update=made))


@pytest.mark.parametrize("by_key", [False, True])
def test_a_key_is_tried_once_for_a_response_and_first_the_one_that_made_the_last(by_key: bool) -> None:
    """1,500 responses and 40 responders of one name took 13 seconds: each key was tried for each response."""
    makers = EvidenceMakers(MemoryEvidence(holders(RESPONDERS)), tuple)
    responses = [bare(RESPONDERS[number // 50], number, by_key=by_key) for number in range(300)]
    tried = OcspResponse.is_signed_by
    with patch.object(OcspResponse, "is_signed_by", autospec=True, side_effect=tried) as asked:
        found = [makers.verify(response, CA) for response in responses]
    assert [held.holder.name if held and held.holder else None for held in found] == [
        f"holder {number // 50}" for number in range(300)
    ]
    assert asked.call_count <= 300 + 6 * 6


def test_the_first_of_two_certificates_of_one_key_that_was_valid_proves_it() -> None:
    early = issue("ocsp", issuer=LEAF.root, slot=2, not_after=AT - timedelta(days=1))
    twins = [early, RESPONDERS[0], issue("ocsp", issuer=LEAF.root, slot=2)]
    makers = EvidenceMakers(MemoryEvidence(holders(twins)), tuple)
    held = makers.verify(bare(RESPONDERS[0]), CA)
    assert held is not None
    assert held.holder is not None
    assert held.holder.name == "holder 1"


def test_a_response_of_a_key_that_no_responder_has_is_not_proven() -> None:
    makers = EvidenceMakers(MemoryEvidence(holders(RESPONDERS[:3])), tuple)
    for _ in range(2):
        with pytest.raises(Undecided):
            makers.verify(bare(RESPONDERS[3]), CA)
    assert makers.verify(bare(RESPONDERS[2]), CA)


def test_a_responder_that_is_not_stated_is_asked_last() -> None:
    """The signature proves who made it. It was not looked for under another name than the stated one."""
    other = issue("ocsp", issuer=LEAF.root, slot=3, subject="C=US,ST=WA,O=Harbour Works,CN=another")
    makers = EvidenceMakers(MemoryEvidence(holders([other, RESPONDERS[0], RESPONDERS[2]])), tuple)
    tried = OcspResponse.is_signed_by
    with patch.object(OcspResponse, "is_signed_by", autospec=True, side_effect=tried) as asked:
        made = makers.verify(bare(RESPONDERS[1]), CA)
    assert made is not None
    assert made.delegate == Certificate.parse(other.der)
    names = [call.args[1].subject for call in asked.call_args_list]
    assert names == [RESPONDERS[0].subject, RESPONDERS[2].subject, other.subject]


def test_of_more_responders_than_are_tried_any_may_have_made_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "OTHER_RESPONDERS", 1)
    others = [
        issue("ocsp", issuer=LEAF.root, slot=slot, subject=f"C=US,ST=WA,O=Harbour Works,CN={slot}") for slot in (4, 5)
    ]
    makers = EvidenceMakers(MemoryEvidence(holders(others)), tuple)
    with pytest.raises(Unchecked, match="2 other responders"):
        makers.verify(bare(RESPONDERS[1]), CA)


def test_a_responder_whose_certificate_is_in_a_trust_store_alone_proves_a_response() -> None:
    stored = [Certificate.parse(RESPONDERS[0].der), *CA]
    made = EvidenceMakers(MemoryEvidence({}), lambda: stored).verify(bare(RESPONDERS[0]), CA)
    assert made is not None
    assert (made.delegate, made.holder) == (stored[0], None)
