"""airgap.revocation.lost_answers: older evidence does not answer for what went with a layout (decision 0027)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from airgap import limits
from airgap.errors import Rejected, Undecided
from airgap.hashing import fingerprint
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.pki.extensions import REASON_FLAGS
from airgap.revocation.answer_evidence import (
    EvidenceInTarget,
    FoundInTargets,
    MakerName,
    NewestInTargets,
    TargetAnswer,
    TargetStatement,
    UnprovenMaker,
)
from airgap.revocation.combined import CombinedEvidence
from airgap.revocation.evidence_files import Evidence
from airgap.revocation.freshness import ChainKind, Freshness
from airgap.revocation.judge import RevocationJudge
from tests.support.crls import crl, scope
from tests.support.evidence import MemoryEvidence
from tests.support.extensions import UNKNOWN_CRITICAL, Point
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response, single
from tests.support.pki import AT, Issued, Pki, issue

URL, DELTA, OCSP = "http://crl.example/a", "http://crl.example/d", "http://ocsp.example"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
ONLY_OCSP = Pki().code_chain(depth=2, leaf={"ocsp_urls": [OCSP]})
ROOT = MakerName(ONLY_OCSP.root.subject)
BOTH = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], "ocsp_urls": [OCSP]})
HERE = AT - 5 * DAY
"""When what answers now was made."""
FIRST, REST = REASON_FLAGS[1:4], REASON_FLAGS[4:]
Noted = tuple[str, bool, bool, bool]


def gone(leaf: Issued, made: datetime, **members: Any) -> TargetAnswer:
    """What was in a layout, and leaves the answer open."""
    evidence = EvidenceInTarget("gone", "00" * 32, "crl", "signing", leaf.fingerprint, made)
    named = {name: members.pop(name) for name in EvidenceInTarget._fields if name in members}
    open_answer = TargetAnswer(
        evidence=evidence._replace(**named),
        next_update=AT + 9 * DAY,
        number=5,
        base_number=None,
        is_open=True,
        is_complete=True,
        includes_older=False,
    )
    return replace(open_answer, **members)


def answer(
    leaf: Issued,
    lost: TargetAnswer,
    crls: dict[str, bytes],
    ocsp: dict[str, bytes] | None = None,
    kind: ChainKind = "signing",
) -> str:
    """`good`, or the reason code."""
    return ask(leaf, FoundInTargets(answers=(lost,)), crls, ocsp, kind)


def ask(
    leaf: Issued,
    lost: FoundInTargets,
    crls: dict[str, bytes] | Evidence,
    ocsp: dict[str, bytes] | None = None,
    kind: ChainKind = "signing",
    stored: Iterable[Certificate] = (),
) -> str:
    evidence = MemoryEvidence(crls, ocsp) if isinstance(crls, dict) else crls
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT + 99 * DAY), stored=lambda: stored)
    chain = [Certificate.parse(issued.der) for issued in leaf.chain]
    try:
        judge.check_chain(chain, kind=kind, signed_at=None, lost=lost)
    except (Rejected, Undecided) as error:
        return error.reason
    return "good"


def clean(leaf: Issued = LEAF, **members: Any) -> bytes:
    return crl(leaf.chain[1], **{"this_update": HERE, "number": 5, **members})


CLEAN = clean()
OPEN = "recheck.unproven"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"made": HERE}, OPEN),
        ({"made": HERE + DAY}, OPEN),
        ({"made": HERE - SECOND}, "good"),
        ({"made": HERE, "number": 4}, "good"),
        ({"made": HERE, "number": None}, "good"),
        ({"made": HERE, "is_open": False}, "good"),
        ({"made": HERE, "is_open": False, "next_update": AT}, "good"),
        ({"made": HERE, "is_open": False, "next_update": AT - SECOND}, OPEN),
        ({"made": HERE, "is_open": False, "next_update": None}, OPEN),
        ({"made": HERE + DAY, "is_complete": False}, "good"),
        ({"made": HERE + DAY, "base_number": 5, "number": 6}, "good"),
        ({"made": HERE + DAY, "kind": "ocsp", "number": None}, "good"),
        ({"made": HERE + DAY, "chain": "tsa"}, "good"),
        ({"made": HERE + DAY, "certificate": "11" * 32}, "good"),
        ({"made": HERE + DAY, "fingerprint": fingerprint(CLEAN)}, "good"),
        ({"made": AT + limits.CLOCK_SKEW}, OPEN),
        ({"made": AT + limits.CLOCK_SKEW + SECOND}, "good"),
        ({"made": AT + limits.CLOCK_SKEW + SECOND, "includes_older": True}, OPEN),
    ],
)
def test_a_crl_that_would_decide_now_leaves_the_answer_open(changes: dict[str, Any], said: str) -> None:
    """The newest complete one decides, by date and number, as it would if it were here."""
    assert answer(LEAF, gone(LEAF, **changes), {"a": CLEAN}) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"made": HERE}, OPEN),
        ({"made": HERE - SECOND}, "good"),
        ({"made": HERE, "is_open": False}, "good"),
        ({"made": HERE + DAY, "is_open": False, "next_update": AT - SECOND}, OPEN),
        ({"made": HERE + DAY, "kind": "crl"}, "good"),
    ],
)
def test_a_response_that_would_decide_now_leaves_the_answer_open(changes: dict[str, Any], said: str) -> None:
    """Also one of the same time: the graver of the two would count."""
    lost = gone(ONLY_OCSP, **{"kind": "ocsp", "number": None, **changes})
    assert answer(ONLY_OCSP, lost, {}, {"o": ocsp_response(ONLY_OCSP, this_update=HERE)}) == said


def test_a_crl_answers_where_the_response_that_is_gone_left_it_open() -> None:
    """As where the responder does not know the certificate (REV-3); unless the certificate names none."""
    lost = gone(BOTH, HERE + DAY, kind="ocsp", number=None)
    response = {"o": ocsp_response(BOTH, this_update=HERE)}
    assert answer(BOTH, lost, {"a": clean(BOTH)}, response) == "good"
    assert answer(BOTH, lost, {}, response) == "revocation.crl.missing"
    lost = gone(ONLY_OCSP, HERE + DAY, kind="ocsp", number=None)
    response = {"o": ocsp_response(ONLY_OCSP, this_update=HERE)}
    assert answer(ONLY_OCSP, lost, {"a": clean(ONLY_OCSP)}, response) == OPEN


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"made": HERE}, OPEN),
        ({"made": HERE - SECOND}, "good"),
        ({"made": HERE - 9 * DAY, "is_complete": True}, OPEN),
        ({"made": HERE + DAY, "base_number": 5, "number": 6}, "good"),
    ],
)
def test_one_for_all_reasons_comes_before_several_for_some(changes: dict[str, Any], said: str) -> None:
    """Of whatever date; one for some of them comes before one that is older."""
    parts = {
        "a": clean(scope=scope(reasons=FIRST)),
        "b": clean(scope=scope(reasons=REST), this_update=HERE + DAY, number=6),
    }
    assert answer(LEAF, gone(LEAF, **{"is_complete": False, **changes}), parts) == said


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"made": HERE + DAY, "number": 7, "base_number": 5}, OPEN),
        ({"made": HERE + 2 * DAY, "number": 8, "base_number": 4}, OPEN),
        ({"made": HERE + DAY - SECOND, "number": 7, "base_number": 5}, "good"),
        ({"made": HERE + DAY, "number": 6, "base_number": 5}, "good"),
        ({"made": HERE + 2 * DAY, "number": 8, "base_number": 6}, "good"),
        ({"made": HERE + 2 * DAY, "number": 5, "base_number": 5}, "good"),
        ({"made": HERE + 2 * DAY, "number": None, "base_number": 5}, OPEN),
        ({"made": HERE + 2 * DAY, "number": 8, "base_number": 5, "is_open": False}, "good"),
        (
            {"made": HERE + 2 * DAY, "number": 8, "base_number": 5, "is_open": False, "next_update": AT - SECOND},
            OPEN,
        ),
    ],
)
def test_a_delta_that_fits_the_base_leaves_the_answer_open(changes: dict[str, Any], said: str) -> None:
    """CRL-13, CRL-14: the newest delta that fits decides with the base."""
    lists = {
        "a": clean(freshest=[DELTA]),
        "b": clean(this_update=HERE + DAY, number=7, delta_base=5),
    }
    assert answer(LEAF, gone(LEAF, **changes), lists) == said
    if said == OPEN:
        assert answer(LEAF, gone(LEAF, **changes), {"a": clean()}) == "good"  # it names no delta


def noted(leaf: Issued, crls: dict[str, bytes], ocsp: dict[str, bytes] | None = None, *, proven: bool) -> list[Noted]:
    """What is noted of the answers in a target: name, whether it leaves the answer open, and for which reasons."""
    judge = RevocationJudge(MemoryEvidence(crls, ocsp), Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    chain = [Certificate.parse(issued.der) for issued in leaf.chain]
    if proven:
        found = judge.in_targets(chain, kind="signing").answers
    else:
        found = judge.unproven_in_targets(chain[:1], kind="signing").answers
    assert {item.evidence.certificate for item in found} <= {leaf.fingerprint}
    return [(item.evidence.name, item.is_open, item.is_complete, item.includes_older) for item in found]


WITH_DELTA = Pki().code_chain(depth=2, leaf={"crl_urls": [URL], "freshest": [Point((DELTA,))]})


@pytest.mark.parametrize("proven", [True, False])
def test_notes_whether_a_crl_leaves_the_answer_open(*, proven: bool) -> None:
    """It does where the delta CRL that it names, or the certificate names, is not there."""
    base, naming = clean(), clean(freshest=[DELTA])
    delta = clean(number=7, delta_base=5)
    assert noted(LEAF, {"a": base}, proven=proven) == [("a", False, True, False)]
    assert noted(LEAF, {"a": naming}, proven=proven) == [("a", True, True, False)]
    both = noted(LEAF, {"a": naming, "b": delta}, proven=proven)
    assert sorted(both) == [("a", not proven, True, False), ("b", False, True, False)]
    other = noted(LEAF, {"a": naming, "b": clean(number=9, delta_base=8)}, proven=proven)
    assert sorted(other) == [("a", True, True, False), ("b", False, True, False)]
    assert noted(WITH_DELTA, {"a": clean(WITH_DELTA)}, proven=proven) == [("a", True, True, False)]


def test_notes_for_which_reasons_a_crl_answers() -> None:
    some = {"a": clean(scope=scope(reasons=FIRST))}
    assert noted(LEAF, some, proven=True) == [("a", False, False, False)]
    assert noted(LEAF, some, proven=False) == [("a", False, True, False)]  # its scope is not read


@pytest.mark.parametrize("proven", [True, False])
def test_notes_responses_that_say_nothing_against_the_certificate(*, proven: bool) -> None:
    statuses: dict[str, Any] = {"good": False, "unknown": True}
    for status, is_open in statuses.items():
        response = {"o": ocsp_response(ONLY_OCSP, status=status)}
        assert noted(ONLY_OCSP, {}, response, proven=proven) == [("o", is_open, True, False)]
    assert noted(ONLY_OCSP, {}, {"o": ocsp_response(ONLY_OCSP, status="revoked")}, proven=proven) == []
    doubtful = ocsp_response(ONLY_OCSP, singles=[single(ONLY_OCSP, extra=[UNKNOWN_CRITICAL])])
    assert noted(ONLY_OCSP, {}, {"o": doubtful}, proven=proven) == []
    assert noted(ONLY_OCSP, {}, {"o": ocsp_response(LEAF, serial=ONLY_OCSP.serial + 1)}, proven=proven) == []


def test_notes_only_what_is_proven_where_the_issuer_is_known() -> None:
    forged = {"a": clean(signed_by=key("p256", 5))}
    response = {"o": ocsp_response(ONLY_OCSP, signed_by=key("p256", 5))}
    assert noted(LEAF, forged, proven=True) == []
    assert noted(ONLY_OCSP, {}, response, proven=True) == []
    assert len(noted(LEAF, forged, proven=False)) == len(noted(ONLY_OCSP, {}, response, proven=False)) == 1


def test_notes_nothing_of_the_trust_directory() -> None:
    trusted = MemoryEvidence({"a": clean(BOTH)}, {"o": ocsp_response(BOTH)}, trusted=True)
    judge = RevocationJudge(trusted, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    chain = [Certificate.parse(issued.der) for issued in BOTH.chain]
    assert judge.in_targets(chain, kind="signing") == FoundInTargets()
    assert judge.unproven_in_targets(chain, kind="signing") == FoundInTargets()


@pytest.mark.parametrize("more", [0, 1, 3])
def test_of_many_answers_the_newest_are_noted_and_that_there_were_more(more: int) -> None:
    """What they answer about the past is not known then."""
    count = limits.ANSWERS_NOTED + more
    crls = {f"{n:02}": clean(number=n, this_update=AT - (30 - n) * DAY) for n in range(count)}
    names = [f"{n:02}" for n in reversed(range(count))]
    expected = [(name, False, True, False) for name in names[: limits.ANSWERS_NOTED]]
    expected += [(name, True, True, True) for name in names[limits.ANSWERS_NOTED :][:1]]
    assert noted(LEAF, crls, proven=True) == expected


@pytest.mark.parametrize(
    ("base", "delta", "first"),
    [(AT + DAY, AT + 2 * DAY, AT + DAY), (AT + 2 * DAY, AT + DAY, AT + DAY), (AT, None, None), (None, AT, None)],
)
def test_a_crl_and_its_delta_end_with_the_first_of_both(
    base: datetime | None, delta: datetime | None, first: datetime | None
) -> None:
    """Without an end of one, the whole has none."""
    crls = {"a": clean(freshest=[DELTA], next_update=base), "b": clean(number=7, delta_base=5, next_update=delta)}
    judge = RevocationJudge(MemoryEvidence(crls), Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    found = judge.in_targets([Certificate.parse(issued.der) for issued in LEAF.chain], kind="signing")
    assert {item.evidence.name: item.next_update for item in found.answers} == {"a": first, "b": delta}


def test_notes_the_newest_piece_of_a_target() -> None:
    """No clock is right that is behind it."""
    evidence = MemoryEvidence({"a": clean(), "b": clean(number=6, this_update=HERE + DAY)})
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    found = judge.in_targets([Certificate.parse(issued.der) for issued in LEAF.chain], kind="signing")
    assert [(made.name, unproven) for made, unproven in found.newest] == [("b", None)]


@pytest.mark.parametrize(("more", "said"), [(0 * SECOND, "good"), (SECOND, "revocation.crl.future")])
@pytest.mark.parametrize("tried", [None, frozenset[str]()])
def test_no_clock_is_right_that_is_behind_evidence_of_the_layout(
    more: timedelta, said: str, tried: frozenset[str] | None
) -> None:
    """Proven, or if a certificate is here now that may prove it."""
    made = gone(LEAF, AT + 99 * DAY + limits.CLOCK_SKEW + more).evidence
    maker = None if tried is None else UnprovenMaker(MakerName(LEAF.chain[1].subject), tried)
    assert ask(LEAF, FoundInTargets(newest=(NewestInTargets(made, maker),)), {"a": CLEAN}) == said


def test_the_clock_is_compared_with_unproven_evidence_once_it_may_be_proven() -> None:
    other = issue("intermediate", issuer=LEAF.chain[1], subject="CN=other")
    late = NewestInTargets(
        gone(LEAF, AT + 199 * DAY).evidence, UnprovenMaker(MakerName(other.subject), _keys(LEAF.chain[1]))
    )
    assert ask(LEAF, FoundInTargets(newest=(late,)), {"a": CLEAN}) == "good"
    stored = [Certificate.parse(other.der)]
    assert ask(LEAF, FoundInTargets(newest=(late,)), {"a": CLEAN}, stored=stored) == "revocation.crl.future"


def test_notes_unproven_evidence_that_would_be_the_newest() -> None:
    stray = clean(number=7, this_update=HERE + 2 * DAY, signed_by=key("p256", 7))
    evidence = MemoryEvidence({"a": clean(), "b": stray, "c": clean(this_update=HERE - DAY)})
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    found = judge.in_targets([Certificate.parse(issued.der) for issued in LEAF.chain], kind="signing")
    assert [(made.name, unproven and unproven.tried) for made, unproven in found.newest] == [
        ("b", _keys(LEAF.chain[1])), ("a", None),
    ]  # fmt: skip


@pytest.mark.parametrize("forged", [1, 64, 99])
def test_many_forged_crls_do_not_hide_the_newest_genuine_one(forged: int) -> None:
    """Of one maker only the newest matters."""
    strays = {f"{n}": clean(this_update=AT + (n + 1) * DAY, signed_by=key("p256", 7)) for n in range(forged)}
    evidence = MemoryEvidence({"a": clean(this_update=AT - SECOND), **strays})
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    newest = judge.in_targets([Certificate.parse(issued.der) for issued in LEAF.chain], kind="signing").newest
    assert [(made.name, unproven and unproven.tried) for made, unproven in newest] == [
        (f"{forged - 1}", _keys(LEAF.chain[1])), ("a", None),
    ]  # fmt: skip


def test_of_more_makers_than_are_noted_the_next_one_counts_always() -> None:
    """It is one for all the others, and what is proven is noted all the same."""
    responses = {"a": ocsp_response(ONLY_OCSP, this_update=AT - SECOND)}
    for n in range(67):
        stray = issue("ocsp", issuer=issue("root", slot=6), slot=7, subject=f"CN={n}")
        responses[f"{n}"] = ocsp_response(ONLY_OCSP, responder=stray, this_update=AT + n * DAY)
    judge = RevocationJudge(MemoryEvidence({}, responses), Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    newest = judge.in_targets([Certificate.parse(issued.der) for issued in ONLY_OCSP.chain], kind="signing").newest
    assert [made.name for made, _ in newest] == [*(f"{n}" for n in range(66, 1, -1)), "a"]
    assert [bool(unproven.tried) for _, unproven in newest if unproven] == [*([True] * 64), False]
    assert newest[-1].unproven is None


def test_evidence_in_the_trust_directory_is_compared_with_the_clock_also_where_it_is_unproven() -> None:
    """The certificate that proves it may be in a layout: without it, the same clock must not be right."""
    stray = clean(number=7, this_update=AT + 199 * DAY, signed_by=key("p256", 7))
    for trusted in (True, False):
        evidence = CombinedEvidence([MemoryEvidence({"a": CLEAN}), MemoryEvidence({"b": stray}, trusted=trusted)])
        assert ask(LEAF, FoundInTargets(), evidence) == ("revocation.crl.future" if trusted else "good")


def _keys(*issuers: Issued) -> frozenset[str]:
    return frozenset(Certificate.parse(issuer.der).fingerprint for issuer in issuers)


# --- delegated responders ---

DELEGATE = issue("ocsp", issuer=ONLY_OCSP.root, slot=5)
BY_DELEGATE = {"o": ocsp_response(ONLY_OCSP, responder=DELEGATE, this_update=HERE)}
LISTING = crl(ONLY_OCSP.root, revoked=[0x77], this_update=HERE - DAY)
"""Something, and not the responder."""


def against(leaf: Issued = ONLY_OCSP, **members: Any) -> FoundInTargets:
    """What was in a layout, and said "revoked" of something."""
    made = gone(leaf, HERE).evidence
    named = {name: members.pop(name) for name in EvidenceInTarget._fields if name in members}
    said = TargetStatement(evidence=made._replace(**named), is_hold=False, **members)
    return FoundInTargets(statements=(said,))


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"responder": DELEGATE}, OPEN),
        ({"responder": "33" * 32}, "good"),
        ({"other_than": []}, OPEN),
        ({"other_than": ["33" * 32]}, OPEN),
        ({"other_than": [DELEGATE]}, "good"),
        ({"other_than": [], "certificate": "11" * 32}, "good"),
        ({"other_than": [], "chain": "tsa"}, "good"),
        ({"other_than": [], "fingerprint": fingerprint(LISTING)}, "good"),
        (
            {"other_than": [], "unproven": UnprovenMaker(MakerName(ONLY_OCSP.root.subject), _keys(ONLY_OCSP.root))},
            "good",
        ),
        ({"other_than": [], "unproven": UnprovenMaker(MakerName(ONLY_OCSP.root.subject), frozenset())}, OPEN),
    ],
)
def test_a_responder_answers_against_whom_nothing_of_the_layout_may_say_anything(
    members: dict[str, Any], said: str
) -> None:
    """Or that was known then, so that it is noted what is against it; or where what may be against it is here."""
    (delegate,) = _keys(DELEGATE)
    changed: dict[str, Any] = {name: delegate if value is DELEGATE else value for name, value in members.items()}
    if "other_than" in changed:
        changed["other_than"] = frozenset(delegate if item is DELEGATE else item for item in changed["other_than"])
    assert ask(ONLY_OCSP, against(**changed), {"a": LISTING}, BY_DELEGATE) == said


def test_crls_answer_where_a_responder_may_not() -> None:
    """So that new evidence of a responder with a new certificate leaves few questions open."""
    response = {"o": ocsp_response(BOTH, responder=DELEGATE, this_update=HERE)}
    lost = against(BOTH, other_than=frozenset())
    assert ask(BOTH, lost, {"a": clean(BOTH)}, response) == "good"
    assert ask(BOTH, lost, {}, response) == "revocation.crl.missing"
    by_issuer = {"o": ocsp_response(ONLY_OCSP, this_update=HERE)}
    assert ask(ONLY_OCSP, against(other_than=frozenset()), {}, by_issuer) == "good"


def test_a_hold_of_a_responder_counts_that_may_be_revoked() -> None:
    held = ocsp_response(ONLY_OCSP, responder=DELEGATE, status="revoked", reason="certificateHold", this_update=HERE)
    assert ask(ONLY_OCSP, against(other_than=frozenset()), {}, {"o": held}) == "revocation.on_hold"


def of_others(leaf: Issued, *pieces: bytes, trusted: bool = False) -> list[tuple[str, frozenset[str]]]:
    """The evidence that may be against other responders, with those that are known."""
    evidence = MemoryEvidence({f"{number:03}": data for number, data in enumerate(pieces)}, trusted=trusted)
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    found = judge.in_targets([Certificate.parse(issued.der) for issued in leaf.chain], kind="signing")
    return [(said.evidence.fingerprint, said.other_than) for said in found.statements if said.other_than is not None]


@pytest.mark.parametrize(
    ("piece", "is_noted"),
    [
        (LISTING, True),
        (crl(ONLY_OCSP.root), False),
        (crl(ONLY_OCSP.root, entries=b"\x30\x03\x02\x01"), True),
        (crl(issue("root", slot=6), revoked=[7]), False),
        (crl(issue("root", slot=6, subject="CN=x"), revoked=[7], scope=scope(indirect=True)), True),
        (ocsp_response(DELEGATE, status="revoked"), True),
        (ocsp_response(DELEGATE), False),
    ],
)
def test_notes_what_may_be_against_a_responder_that_is_not_known_yet(piece: bytes, *, is_noted: bool) -> None:
    expected = [(fingerprint(piece), frozenset[str]())] if is_noted else []
    assert of_others(ONLY_OCSP, piece) == expected
    assert of_others(ONLY_OCSP, piece, BY_DELEGATE["o"]) == [(item, _keys(DELEGATE)) for item, _ in expected]
    assert of_others(ONLY_OCSP, piece, trusted=True) == []
    assert of_others(LEAF, piece) == []  # no responder answers for it


def test_one_is_noted_for_the_rest_of_what_may_be_against_responders() -> None:
    many = [crl(ONLY_OCSP.root, revoked=[7], number=number) for number in range(67)]
    found = of_others(ONLY_OCSP, *many)
    assert len(found) == 65
    assert [item for item, _ in found].count("") == 1


def test_a_certificate_that_names_no_way_to_ask_is_not_asked_about() -> None:
    """REV-1: whatever a layout said of it."""
    silent = Pki().code_chain(depth=2)
    assert answer(silent, gone(silent, AT), {}) == "good"


# --- unproven answers, and answers without their proof ---

UNTRIED = UnprovenMaker(MakerName(LEAF.chain[1].subject))


@pytest.mark.parametrize("unproven", [None, UNTRIED])
@pytest.mark.parametrize("kind", ["crl", "ocsp", "delta"])
def test_unproven_answers_hide_none_that_is_older(kind: str, unproven: UnprovenMaker | None) -> None:
    """Of what was proven, the newest decides."""
    leaf = ONLY_OCSP if kind == "ocsp" else LEAF
    members: dict[str, Any] = {"kind": "ocsp" if kind == "ocsp" else "crl", "unproven": unproven}
    here = {"a": clean()}
    if kind == "delta":
        members |= {"base_number": 5, "number": 8}
        here = {"a": clean(freshest=[DELTA]), "b": clean(this_update=HERE + SECOND, number=7, delta_base=5)}
    genuine = gone(leaf, HERE + DAY, **members)
    forged = gone(leaf, HERE + 2 * DAY, is_open=False, fingerprint="11" * 32, **members)
    responses = {"o": ocsp_response(ONLY_OCSP, this_update=HERE)} if kind == "ocsp" else {}
    said = ask(leaf, FoundInTargets(answers=(forged, genuine)), {} if kind == "ocsp" else here, responses)
    assert said == (OPEN if unproven else "good")


@pytest.mark.parametrize("kind", ["crl", "ocsp"])
def test_notes_who_may_have_made_an_unproven_answer(kind: str) -> None:
    leaf = ONLY_OCSP if kind == "ocsp" else LEAF
    pieces = {"a": clean()} if kind == "crl" else {"o": BY_DELEGATE["o"]}
    evidence = MemoryEvidence(pieces if kind == "crl" else {}, pieces if kind == "ocsp" else None)
    judge = RevocationJudge(evidence, Freshness(), Moment(judged=AT, clock=AT), stored=tuple)
    chain = [Certificate.parse(issued.der) for issued in leaf.chain]
    (proven,) = judge.in_targets(chain, kind="signing").answers
    (unproven,) = judge.unproven_in_targets(chain[:1], kind="signing").answers
    assert proven.unproven is None
    assert unproven.unproven
    assert unproven.unproven.untried == (frozenset() if kind == "crl" else _keys(DELEGATE))
    assert not unproven.unproven.tried


def test_an_answer_without_its_proof_counts_as_lost() -> None:
    """The certificate of its responder may be gone, and the response not."""
    unknown = ocsp_response(ONLY_OCSP, responder=DELEGATE, embed=(), status="unknown", this_update=HERE + DAY)
    answers = {"o": ocsp_response(ONLY_OCSP, this_update=HERE), "u": unknown}
    named: dict[str, Any] = {"kind": "ocsp", "fingerprint": fingerprint(unknown)}
    for maker, said in (
        (None, OPEN),
        (UnprovenMaker(MakerName(DELEGATE.subject), untried=_keys(DELEGATE)), OPEN),
        (UnprovenMaker(MakerName(DELEGATE.subject)), "good"),
    ):
        lost = FoundInTargets(answers=(gone(ONLY_OCSP, HERE + DAY, unproven=maker, **named),))
        assert ask(ONLY_OCSP, lost, {}, answers) == said


def test_a_delta_for_several_fits_any_base() -> None:
    lists = {"a": clean(freshest=[DELTA]), "b": clean(this_update=HERE + DAY, number=7, delta_base=5)}
    several = gone(LEAF, HERE + 2 * DAY, number=9, base_number=8)
    assert answer(LEAF, several, lists) == "good"
    assert answer(LEAF, replace(several, includes_older=True), lists) == OPEN
