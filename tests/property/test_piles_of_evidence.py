"""Random piles of genuine evidence: the laws of decision 0009, whatever is beside what.

Each piece is made once and says by its own makings whether it condemns; piles are drawn from them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.revocation.freshness import Freshness
from airgap.revocation.judge import RevocationJudge
from tests.support import names
from tests.support.crls import crl, entry, scope
from tests.support.evidence import MemoryEvidence
from tests.support.extensions import UNKNOWN_CRITICAL, Extension
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki, issue

DAY: Final = timedelta(days=1)
LEAF: Final = Pki().code_chain(
    depth=2, leaf={"crl_urls": ["http://crl.example/a"], "ocsp_urls": ["http://ocsp.example"]}
)
CA: Final = LEAF.chain[1]
CHAIN: Final = tuple(Certificate.parse(issued.der) for issued in LEAF.chain)


@dataclass(frozen=True)
class Made:
    """One piece of evidence, and what it was made to say."""

    data: bytes
    condemns: bool = False
    holds: bool = False
    doubts: bool = False
    made: timedelta = timedelta(0)
    """Before the moment judged for."""


def _crls() -> list[Made]:
    says: list[tuple[str | None, bool, bool]] = [
        (None, False, False), ("keyCompromise", True, False), ("certificateHold", False, True),
    ]  # fmt: skip
    shapes: list[dict[str, Any]] = [
        {},
        {"next_update": None},
        {"scope": scope(only_ca=True)},
        {"scope": scope(reasons=("keyCompromise",))},
        {"scope": scope(uris=["http://crl.example/b"])},
        {"scope": scope(indirect=True)},
        {"issuer_name": names.respelt(CA.subject)},
        {"freshest": ["http://crl.example/d"]},
        {"delta_base": 3},
        {"delta_base": 9},
        {"next_update": AT - DAY},
        {"hash_name": "sha1"},
    ]
    made: list[Made] = []
    for (reason, condemns, holds), shape, age in product(says, shapes, (2, 5)):
        listed = [] if reason is None else [entry(LEAF.serial, reason=reason, at=AT - 30 * DAY)]
        data = crl(CA, **{"number": 10 - age, "this_update": AT - age * DAY, **shape}, revoked=listed)
        made.append(Made(data, condemns, holds, made=age * DAY))
    unclear = [
        crl(CA, revoked=[entry(LEAF.serial, extra=[UNKNOWN_CRITICAL])]),
        crl(CA, revoked=[LEAF], extra=[UNKNOWN_CRITICAL]),
        crl(CA, revoked=[entry(LEAF.serial, extra=[Extension("2.5.29.24", b"\x05\x00")])]),
        crl(CA, entries=b"\x30\x03\x02\x01"),
    ]
    return [*made, *(Made(data, doubts=True, made=DAY) for data in unclear)]


def _responses() -> list[Made]:
    delegates = [None, issue("ocsp", issuer=CA), issue("ocsp", issuer=CA, not_after=AT - DAY)]
    made: list[Made] = []
    for status, delegate, age in product(("good", "revoked", "hold", "unknown"), delegates, (2, 4)):
        reason = {"revoked": "keyCompromise", "hold": "certificateHold"}.get(status)
        data = ocsp_response(
            LEAF,
            responder=delegate,
            status="revoked" if reason else status,
            reason=reason,
            this_update=AT - age * DAY,
            produced_at=AT - age * DAY,
        )
        made.append(Made(data, status == "revoked", status == "hold", made=age * DAY))
    doubtful = ocsp_response(LEAF, status="revoked", extra=[UNKNOWN_CRITICAL])
    return [*made, Made(doubtful, doubts=True, made=DAY)]


PIECES: Final = (*_crls(), *_responses())
PILES = st.lists(st.sampled_from(PIECES), max_size=7, unique=True)


def judge(pieces: list[Made], order: list[int] | None = None) -> str:
    """`good`, or the reason code. `order`: which name each piece gets."""
    named = {f"{number:03}": piece.data for number, piece in zip(order or range(len(pieces)), pieces, strict=True)}
    evidence = MemoryEvidence(dict(sorted(named.items())))
    try:
        judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
        judge.check_chain(CHAIN, kind="signing", signed_at=None)
    except (Rejected, Undecided) as error:
        return error.reason
    return "good"


@given(PILES)
def test_revoked_if_and_only_if_any_piece_revokes(pile: list[Made]) -> None:
    assert (judge(pile) == "revocation.revoked") == any(piece.condemns for piece in pile)


@given(PILES)
def test_doubtful_evidence_never_passes(pile: list[Made]) -> None:
    if any(piece.doubts or piece.condemns for piece in pile):
        assert judge(pile) != "good"


@given(PILES, st.randoms(use_true_random=False))
def test_neither_order_nor_name_changes_the_answer(pile: list[Made], random: Any) -> None:
    order = list(range(len(pile)))
    random.shuffle(order)
    shuffled = list(pile)
    random.shuffle(shuffled)
    assert judge(pile) == judge(pile, order) == judge(shuffled)


@given(PILES, st.sampled_from(PIECES))
def test_more_evidence_is_newer_or_more_severe(pile: list[Made], more: Made) -> None:
    before, after = judge(pile), judge([*pile, more] if more not in pile else pile)
    if before == "revocation.revoked":
        assert after == before
    newest_hold = min((piece.made for piece in pile if piece.holds), default=None)
    if after == "good" and before != "good" and newest_hold is not None:
        # what lifts a hold is newer than it, or was there before and only had no base
        assert more.made <= newest_hold or any(piece.made < newest_hold for piece in pile)


@given(PILES)
def test_a_hold_that_nothing_newer_clears_never_passes(pile: list[Made]) -> None:
    holds = [piece.made for piece in pile if piece.holds]
    others = [piece.made for piece in pile if not piece.holds]
    if holds and min(holds) < min(others, default=timedelta.max):
        assert judge(pile) != "good"
