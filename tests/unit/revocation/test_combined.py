"""airgap.revocation.combined: several bodies of evidence answer as one."""

from __future__ import annotations

from datetime import timedelta

import pytest

from airgap.pki.certificate import Certificate
from airgap.revocation.combined import CombinedEvidence
from tests.support.crls import crl
from tests.support.evidence import MemoryEvidence
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki

LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/a"]})
ISSUER = LEAF.chain[1]
CERTIFICATE = Certificate.parse(LEAF.der)
DAY = timedelta(days=1)
OLD, MIDDLE, NEW = (crl(ISSUER, number=n, this_update=AT - (9 - n) * DAY) for n in range(1, 4))
OLD_ANSWER, MIDDLE_ANSWER, NEW_ANSWER = (ocsp_response(LEAF, this_update=AT - (9 - n) * DAY) for n in range(1, 4))
ONE = MemoryEvidence({"middle.crl": MIDDLE}, {"middle.ors": MIDDLE_ANSWER})
OTHER = MemoryEvidence({"old.crl": OLD, "new.crl": NEW}, {"old.ors": OLD_ANSWER, "new.ors": NEW_ANSWER})
BOTH_ORDERS = pytest.mark.parametrize("bodies", [(ONE, OTHER), (OTHER, ONE)], ids=["first", "last"])


@BOTH_ORDERS
def test_crls_of_all_bodies_come_newest_first(bodies: tuple[MemoryEvidence, ...]) -> None:
    found = CombinedEvidence(bodies).crls(CERTIFICATE.issuer)
    assert [file.name for file in found] == ["new.crl", "middle.crl", "old.crl"]


@BOTH_ORDERS
def test_responses_of_all_bodies_come_newest_first(bodies: tuple[MemoryEvidence, ...]) -> None:
    found = CombinedEvidence(bodies).ocsp(CERTIFICATE.serial)
    assert [file.name for file in found] == ["new.ors", "middle.ors", "old.ors"]


@BOTH_ORDERS
def test_the_newest_of_all_bodies_is_compared_with_the_clock(bodies: tuple[MemoryEvidence, ...]) -> None:
    newest = CombinedEvidence([MemoryEvidence(), *bodies]).newest()
    assert newest is not None
    assert newest.name in {"new.crl", "new.ors"}
    assert CombinedEvidence([MemoryEvidence()]).newest() is None
