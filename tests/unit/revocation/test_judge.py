"""airgap.revocation.judge: which evidence counts where several pieces answer."""

from __future__ import annotations

import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.revocation.answer_evidence import EvidenceUse
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from airgap.revocation.pool import EvidencePool
from tests.support.crls import crl, entry
from tests.support.evidence import MemoryEvidence
from tests.support.pki import Issued, Pki

AT = datetime(2026, 1, 1, tzinfo=UTC)
URL = "http://crl.example/leaf.crl"
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
ISSUER = LEAF.chain[1]
OLD, NEW = AT - timedelta(days=60), AT - timedelta(days=10)


def moment(at: datetime, *, is_now: bool) -> Moment:
    return Moment(judged=at, clock=at if is_now else at + timedelta(days=1000))


def ask(
    crls: Mapping[str, bytes], leaf: Issued = LEAF, *, at: datetime = AT, is_now: bool = False
) -> tuple[EvidenceUse, ...]:  # fmt: skip
    chain = [Certificate.parse(issued.der) for issued in leaf.chain]
    judge = RevocationJudge(MemoryEvidence(crls=crls), Freshness(), moment(at, is_now=is_now), stored=tuple)
    return judge.check_chain(chain, kind="signing", signed_at=None)


def clean(made: datetime, number: int = 1, **changes: Any) -> bytes:
    return crl(ISSUER, this_update=made, next_update=AT + timedelta(days=30), number=number, **changes)


def revoking(made: datetime, number: int = 1, *, reason: str | None = "keyCompromise") -> bytes:
    return clean(made, number, revoked=[entry(LEAF.x509.serial_number, reason=reason, at=made)])


def test_the_newest_decides_under_any_name() -> None:
    for names in (("a.crl", "b.crl"), ("b.crl", "a.crl")):
        assert ask({names[0]: clean(OLD), names[1]: clean(NEW, 2)})
        with pytest.raises(Rejected, match="was revoked"):
            ask({names[0]: clean(OLD), names[1]: revoking(NEW, 2)})


def test_any_of_two_equally_new_pieces_may_revoke() -> None:
    """A file's name must not decide: two lists of one moment and number contradict each other."""
    for names in (("a.crl", "b.crl"), ("b.crl", "a.crl")):
        with pytest.raises(Rejected, match="was revoked"):
            ask({names[0]: clean(NEW), names[1]: revoking(NEW)})


def test_an_older_list_decides_about_the_past() -> None:
    past = OLD + timedelta(days=1)
    assert ask({"old.crl": clean(OLD), "new.crl": revoking(NEW, 2)}, at=past)
    with pytest.raises(Undecided) as caught:
        ask({"new.crl": revoking(NEW, 2)}, at=past)
    assert caught.value.reason == "revocation.crl.future"


def test_a_clock_that_is_set_back_lifts_no_revocation() -> None:
    """Judged for now, a proven list from after now says that the clock is wrong; an older one must not answer."""
    past = OLD + timedelta(days=1)
    with pytest.raises(Undecided) as caught:
        ask({"old.crl": clean(OLD), "new.crl": clean(NEW, 2)}, at=past, is_now=True)
    assert caught.value.reason == "revocation.crl.future"
    with pytest.raises(Rejected, match="was revoked"):
        ask({"old.crl": clean(OLD), "new.crl": revoking(NEW, 2)}, at=past, is_now=True)


@pytest.mark.parametrize(
    ("judged", "clock", "said", "remedy"),
    [
        pytest.param(
            NEW,
            OLD,
            f"and the clock says {iso(OLD)}",
            "this machine's clock",
            id="the clock was set back, and --at is right",
        ),
        pytest.param(OLD, OLD, f"and the clock says {iso(OLD)}", "this machine's clock", id="the clock was set back"),
        pytest.param(OLD, NEW, f"after the moment judged for, {iso(OLD)}", "a later one", id="the past was named"),
    ],
)
def test_evidence_of_the_future_is_compared_with_what_it_is_later_than(
    judged: datetime, clock: datetime, said: str, remedy: str
) -> None:
    """It was said to be after a moment that is later, and --at was the remedy that had been tried."""
    chain = [Certificate.parse(issued.der) for issued in LEAF.chain]
    evidence = MemoryEvidence(crls={"new.crl": clean(NEW)})
    judge = RevocationJudge(evidence, Freshness(), Moment(judged, clock), stored=tuple)
    with pytest.raises(Undecided) as caught:
        judge.check_chain(chain, kind="signing", signed_at=None)
    assert str(caught.value) == f"new.crl was made at {iso(NEW)}, {said}"
    assert remedy in caught.value.remedy


def test_a_delta_of_the_future_prevents_older_answers() -> None:
    past = OLD + timedelta(days=3)
    base = clean(OLD, 10, freshest=[URL])
    older, newer = clean(OLD + timedelta(days=1), 11, delta_base=10), clean(NEW, 12, delta_base=10)
    assert ask({"base": base, "older": older}, at=past, is_now=True)
    with pytest.raises(Undecided) as caught:
        ask({"base": base, "older": older, "newer": newer}, at=past, is_now=True)
    assert caught.value.reason == "revocation.crl.future"
    assert ask(
        {"base": base, "older": older, "newer": newer}, at=past
    )  # for a moment that was named it is not known yet


def test_an_older_list_decides_where_the_certificate_ended_before_the_newest() -> None:
    """RFC 5280, 3.3: an issuer may drop what has expired."""
    ended = NEW - timedelta(days=1)
    leaf = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], "not_after": ended})
    listing = crl(
        leaf.chain[1], this_update=OLD, next_update=AT + timedelta(days=30), number=1,
        revoked=[entry(leaf.x509.serial_number, reason="keyCompromise")],
    )  # fmt: skip
    newest = crl(leaf.chain[1], this_update=NEW, next_update=AT + timedelta(days=30), number=2)
    with pytest.raises(Rejected, match="was revoked"):
        ask({"old.crl": listing, "new.crl": newest}, leaf)
    assert ask({"new.crl": newest}, leaf)


def test_an_expired_list_revokes_for_good_but_not_on_hold() -> None:
    """D33."""
    late = AT + timedelta(days=90)
    with pytest.raises(Rejected) as revoked:
        ask({"a.crl": revoking(NEW)}, at=late)
    assert revoked.value.reason == "revocation.revoked"
    with pytest.raises(Undecided) as stale:
        ask({"a.crl": revoking(NEW, reason="certificateHold")}, at=late)
    assert stale.value.reason == "revocation.crl.stale"


def test_a_hold_in_force_is_a_rejection() -> None:
    with pytest.raises(Rejected) as caught:
        ask({"a.crl": revoking(NEW, reason="certificateHold")})
    assert caught.value.reason == "revocation.on_hold"


def test_repeated_questions_give_equal_answers() -> None:
    """Answers are remembered over thousands of artifacts: a traceback must not hold on to each of them."""
    chain = [Certificate.parse(issued.der) for issued in LEAF.chain]
    judge = RevocationJudge(
        MemoryEvidence(crls={"a.crl": revoking(NEW)}), Freshness(), moment(AT, is_now=True), stored=tuple
    )
    depths = []
    for _ in range(3):
        with pytest.raises(Rejected) as caught:
            judge.check_chain(chain, kind="signing", signed_at=None)
        depths.append(len(list(traceback.walk_tb(caught.value.__traceback__))))
    assert depths[1] == depths[2]


def test_d38_the_root_is_not_asked_about() -> None:
    """Its own list has it, for good: a root is trusted because it is in a store, and leaves with it."""
    leaf = Pki().code_chain(depth=2)

    def listing(issued: Issued) -> bytes:
        return crl(leaf.root, this_update=NEW, revoked=[entry(issued.serial, reason="keyCompromise", at=NEW)])

    assert {use.kind for use in ask({"r.crl": listing(leaf.root)}, leaf)} == {"none"}
    with pytest.raises(Rejected, match="was revoked"):
        ask({"r.crl": listing(leaf)}, leaf)


def test_a_missing_answer_names_one_misplaced_file_that_may_give_it() -> None:
    """There may be thousands of them, in one folder that has a wrong name."""
    pieces = [
        EvidenceFile(f"{number}.crl", "trust directory", partial(bytes, data), trusted=True, misplaced=True)
        for number, data in enumerate([clean(OLD), clean(NEW, 2)])
    ]
    chain = [Certificate.parse(issued.der) for issued in LEAF.chain]
    judge = RevocationJudge(EvidencePool(pieces, unread=()), Freshness(), moment(AT, is_now=True), stored=tuple)
    with pytest.raises(Undecided) as caught:
        judge.check_chain(chain, kind="signing", signed_at=None)
    assert caught.value.reason == "revocation.crl.missing"
    assert [name in str(caught.value) for name in ("0.crl", "1.crl")] == [True, False]
    assert [name in caught.value.remedy for name in ("Move 0.crl", "Move 1.crl")] == [True, False]
