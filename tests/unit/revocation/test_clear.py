"""What clears (decision 0009): scope, all reasons, freshness, base and delta that fit, issuer, point, clock."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest

from airgap import limits
from airgap.errors import Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.pki.extensions import REASON_FLAGS
from airgap.revocation.answer_evidence import EvidenceUse
from airgap.revocation.freshness import Freshness, parse_ages
from airgap.revocation.judge import RevocationJudge
from tests.support import asn1, names
from tests.support.crls import crl, entry, scope
from tests.support.evidence import MemoryEvidence
from tests.support.extensions import UNKNOWN_CRITICAL, Point
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue

DAY = timedelta(days=1)
URL, OTHER, OCSP = "http://crl.example/a", "http://crl.example/b", "http://ocsp.example"


def chain(**leaf: Any) -> Issued:
    return Pki().code_chain(depth=2, leaf={"crl_urls": [URL], **leaf})


LEAF = chain()
BOTH = chain(ocsp_urls=[OCSP])
ONLY_OCSP = chain(crl_urls=[], ocsp_urls=[OCSP])


def ask(
    leaf: Issued,
    crls: dict[str, bytes] | None = None,
    ocsp: dict[str, bytes] | None = None,
    *,
    at: datetime = AT,
    max_age: tuple[str, ...] = (),
) -> tuple[EvidenceUse, ...]:
    freshness = Freshness().accepting(parse_ages(max_age))
    judge = RevocationJudge(
        MemoryEvidence(crls or {}, ocsp or {}), freshness, Moment(judged=at, clock=at), stored=tuple
    )
    chain = [Certificate.parse(issued.der) for issued in leaf.chain]
    return judge.check_chain(chain, kind="signing", signed_at=None)


def reason(leaf: Issued, *args: Any, **more: Any) -> str:
    try:
        ask(leaf, *args, **more)
    except Undecided as error:
        return error.reason
    return "good"


def ca(leaf: Issued) -> Issued:
    return leaf.chain[1]


class TestPoints:
    """D32; RFC 5280, 6.3.3."""

    def test_one_of_several_points_that_answers_for_all_reasons_is_enough(self) -> None:
        """Mirrors that are written as points of their own: one of them may be dead."""
        leaf = chain(crl_urls=[URL, OTHER])
        assert reason(leaf, {"a": crl(ca(leaf))}) == "good"
        assert reason(leaf, {"a": crl(ca(leaf), scope=scope(uris=[OTHER]))}) == "good"
        assert (
            reason(leaf, {"a": crl(ca(leaf), scope=scope(uris=["http://elsewhere.example"]))}) == "revocation.crl.scope"
        )

    def test_points_of_some_reasons_answer_together(self) -> None:
        some = ("keyCompromise", "cACompromise")
        rest = ("affiliationChanged", "superseded", "cessationOfOperation", "certificateHold", "privilegeWithdrawn")
        leaf = chain()
        first = crl(ca(leaf), number=1, scope=scope(reasons=some))
        second = crl(ca(leaf), number=2, scope=scope(reasons=(*rest, "aACompromise")))
        assert reason(leaf, {"a": first}) == "revocation.crl.scope"
        assert reason(leaf, {"b": second}) == "revocation.crl.scope"
        assert [use.name for use in ask(leaf, {"a": first, "b": second})] == ["b", "a"]
        short = crl(ca(leaf), number=2, scope=scope(reasons=rest))
        assert reason(leaf, {"a": first, "b": short}) == "revocation.crl.scope"

    def test_a_crl_of_no_reasons_answers_for_none(self) -> None:
        """An empty onlySomeReasons is not all of them."""
        assert reason(LEAF, {"a": crl(ca(LEAF), scope=scope(reasons=()))}) == "revocation.crl.scope"

    def test_a_point_of_no_reasons_answers_for_none(self) -> None:
        """Nor are empty reasons of a distribution point all of them."""
        for reasons, answer in (
            ((), "revocation.crl.scope"),
            (("keyCompromise",), "revocation.crl.scope"),
            (None, "good"),
        ):
            leaf = chain(crl_urls=[], points=[Point((URL,), reasons=reasons)])
            assert reason(leaf, {"a": crl(ca(leaf))}) == answer

    def test_a_stale_part_of_the_reasons_does_not_answer(self) -> None:
        some = ("keyCompromise", "cACompromise", "affiliationChanged", "superseded")
        rest = ("cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise")
        parts = {
            "a": crl(ca(LEAF), scope=scope(reasons=some)),
            "b": crl(ca(LEAF), number=2, scope=scope(reasons=rest), this_update=AT - 9 * DAY, next_update=AT - DAY),
        }
        assert reason(LEAF, parts) == "revocation.crl.stale"

    def test_parts_together_are_as_old_as_the_oldest(self) -> None:
        """A hold between the two parts is newer than what clears."""
        some = ("keyCompromise", "cACompromise", "affiliationChanged", "superseded")
        rest = ("cessationOfOperation", "certificateHold", "privilegeWithdrawn", "aACompromise")
        files = {
            "old": crl(ca(LEAF), number=1, scope=scope(reasons=some), this_update=AT - 5 * DAY),
            "new": crl(ca(LEAF), number=3, scope=scope(reasons=rest), this_update=AT - DAY),
        }
        assert reason(LEAF, files) == "good"
        hold = entry(LEAF.serial, reason="certificateHold")
        files["hold"] = crl(ca(LEAF), number=2, scope=scope(only_ca=True), this_update=AT - 3 * DAY, revoked=[hold])
        assert reason(LEAF, files) == "revocation.crl.scope"

    def test_a_point_of_another_crl_issuer_is_not_answered(self) -> None:
        leaf = chain(crl_urls=[], points=[Point((URL,), crl_issuer=names.harbour("X"))])
        assert reason(leaf, {"a": crl(ca(leaf))}) == "revocation.crl.scope"

    @pytest.mark.parametrize("swapped", [False, True])
    def test_a_relative_name_is_the_full_one_below_the_issuer(self, swapped: bool) -> None:
        """PKITS 4.14.4 and 4.14.7: in the certificate or in the CRL."""
        root = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]}).root
        piece = names.Attribute("CN", "CRL 1").der()
        full = _directory(_appended(root.subject, piece))
        if swapped:
            point, listed = Point(names=(full,)), scope(relative_name=piece)
        else:
            point, listed = Point(relative_name=piece), scope(names=[full])
        leaf = chain(crl_urls=[], points=[point])
        assert reason(leaf, {"a": crl(ca(leaf), scope=listed)}) == "good"
        other = scope(names=[_directory(_appended(root.subject, names.Attribute("CN", "CRL 2").der()))])
        assert reason(leaf, {"a": crl(ca(leaf), scope=other)}) == "revocation.crl.scope"

    def test_accepts_the_name_of_a_point_in_another_string_type(self) -> None:
        name = names.harbour("Point")
        leaf = chain(crl_urls=[], points=[Point(names=(_directory(name),))])
        assert reason(leaf, {"a": crl(ca(leaf), scope=scope(names=[_directory(names.respelt(name))]))}) == "good"


def _directory(name: bytes) -> bytes:
    return asn1.explicit(4, name)


def _appended(name: bytes, attribute: bytes) -> bytes:
    from airgap.parse import der

    return asn1.sequence(*(item.raw for item in der.read(name).children()), asn1.set_of(attribute))


class TestNames:
    """Decision 0010: compared as RFC 5280, 7.1 says; the key is what proves them."""

    def test_a_crl_in_another_string_type_answers(self) -> None:
        assert reason(LEAF, {"a": crl(ca(LEAF), issuer_name=names.respelt(ca(LEAF).subject))}) == "good"

    def test_accepts_a_delegate_with_another_spelling_of_its_issuer(self) -> None:
        """RFC 5280, 7.1: the key proves who issued it; the reference does not compare these names at all."""
        delegate = issue("ocsp", issuer=ca(ONLY_OCSP), issuer_name=names.respelt(ca(ONLY_OCSP).subject))
        assert reason(ONLY_OCSP, {}, {"a": ocsp_response(ONLY_OCSP, responder=delegate)}) == "good"
        stranger = issue("ocsp", issuer=ca(ONLY_OCSP), issuer_name=names.harbour("Other"))
        answer = ocsp_response(ONLY_OCSP, responder=stranger)
        assert reason(ONLY_OCSP, {}, {"a": answer}) == "revocation.ocsp.responder"

    def test_a_responder_in_another_string_type_answers(self) -> None:
        identifier = asn1.explicit(1, names.respelt(ca(ONLY_OCSP).subject))
        assert reason(ONLY_OCSP, None, {"o": ocsp_response(ONLY_OCSP, responder_id=identifier)}) == "good"

    def test_the_file_is_named(self) -> None:
        with pytest.raises(Undecided, match=r"r\.crl"):
            ask(LEAF, {"r.crl": crl(ca(LEAF), scope=scope(only_ca=True))})


class TestAge:
    @pytest.mark.parametrize(("seconds", "expected"), [(0, "good"), (1, "future")])
    def test_a_clock_may_differ_by_five_minutes(self, seconds: int, expected: str) -> None:
        """D36, D52."""
        made: dict[str, Any] = {"this_update": AT + limits.CLOCK_SKEW + timedelta(seconds=seconds)}
        assert reason(LEAF, {"a": crl(ca(LEAF), **made)}).split(".")[-1] == expected
        answer = {"o": ocsp_response(ONLY_OCSP, produced_at=AT, **made)}
        assert reason(ONLY_OCSP, None, answer).split(".")[-1] == expected
        delta = {"a": crl(ca(LEAF), freshest=[OTHER]), "b": crl(ca(LEAF), number=2, delta_base=1, **made)}
        assert reason(LEAF, delta).split(".")[-1] == expected

    def test_without_next_update_it_counts_from_this_update_where_that_is_accepted(self) -> None:
        """D36; RFC 6960, 4.2.2.1: newer information is available all the time."""
        answer = {"o": ocsp_response(ONLY_OCSP, this_update=AT - 2 * DAY, next_update=None)}
        with pytest.raises(Undecided, match="--max-age ocsp=AGE") as caught:
            ask(ONLY_OCSP, None, answer)
        assert caught.value.reason == "revocation.ocsp.stale"
        (use,) = ask(ONLY_OCSP, None, answer, max_age=("ocsp=3d",))
        assert (use.accepted_stale, use.good_until) == (True, AT + DAY)
        assert reason(ONLY_OCSP, None, answer, max_age=("ocsp=2d",)) == "good"  # to the last moment
        assert reason(ONLY_OCSP, None, answer, max_age=("ocsp=1d",)) == "revocation.ocsp.stale"
        assert reason(LEAF, {"a": crl(ca(LEAF), next_update=None)}, max_age=("crl=1d",)) == "good"
        assert reason(LEAF, {"a": crl(ca(LEAF), next_update=None)}, max_age=("ocsp=1d",)) == "revocation.crl.stale"

    def test_an_answer_ends_with_the_delegate_that_signed_it(self) -> None:
        end = AT + DAY
        delegate = issue("ocsp", issuer=ca(ONLY_OCSP), not_after=end)
        answer = {"o": ocsp_response(ONLY_OCSP, responder=delegate, next_update=AT + 9 * DAY)}
        (use,) = ask(ONLY_OCSP, None, answer)
        assert use.good_until == end
        assert reason(ONLY_OCSP, None, answer, at=end) == "good"
        assert reason(ONLY_OCSP, None, answer, at=end + timedelta(seconds=1)) == "revocation.ocsp.responder"

    def test_a_delegate_need_not_be_valid_after_next_update(self) -> None:
        """For accepted stale answers the delegate must have been valid until nextUpdate."""
        delegate = issue("ocsp", issuer=ca(ONLY_OCSP), not_after=AT + DAY)
        answer = {"o": ocsp_response(ONLY_OCSP, responder=delegate, next_update=AT + DAY)}
        assert reason(ONLY_OCSP, None, answer, at=AT + 2 * DAY, max_age=("ocsp=9d",)) == "good"


class TestDelegates:
    @pytest.mark.parametrize("no_check", [False, True])
    def test_a_revoked_delegate_does_not_clear(self, no_check: bool) -> None:
        """Whatever its certificate says of distribution points, and although its issuer waives the check (D37)."""
        changes: dict[str, Any] = {} if no_check else {"extensions": ()}
        delegate = issue("ocsp", issuer=ca(ONLY_OCSP), **changes)
        answer = {"o": ocsp_response(ONLY_OCSP, responder=delegate)}
        assert reason(ONLY_OCSP, None, answer) == "good"
        listed = crl(ca(ONLY_OCSP), revoked=[delegate], scope=scope(uris=["http://elsewhere.example"]))
        assert reason(ONLY_OCSP, {"a": listed}, answer) == "revocation.ocsp.responder"


class TestDeltas:
    @pytest.mark.parametrize("wrong", [{"signed_by": key("p256", 6)}, {"hash_name": "sha1"}])
    def test_a_delta_with_a_weak_signature_does_not_clear(self, wrong: dict[str, Any]) -> None:
        base = {"a": crl(ca(LEAF), freshest=[OTHER])}
        assert reason(LEAF, {**base, "b": crl(ca(LEAF), number=2, delta_base=1)}) == "good"
        forged = {**base, "b": crl(ca(LEAF), number=2, delta_base=1, **wrong)}
        assert reason(LEAF, forged) == "revocation.crl.signature"

    def test_the_newest_fitting_delta_decides(self) -> None:
        stale: dict[str, Any] = {"this_update": AT - 2 * DAY, "next_update": AT - DAY}
        files = {
            "a": crl(ca(LEAF), freshest=[OTHER], this_update=AT - 9 * DAY),
            "b": crl(ca(LEAF), number=2, delta_base=1, this_update=AT - 5 * DAY),
            "c": crl(ca(LEAF), number=3, delta_base=1, **stale),
        }
        assert reason(LEAF, files) == "revocation.crl.stale"
        assert reason(LEAF, {name: data for name, data in files.items() if name != "c"}) == "good"


class TestOcsp:
    def test_the_graver_of_two_responses_of_one_moment_counts(self) -> None:
        for names_in_order in (("o", "p"), ("p", "o")):
            answers = dict(zip(names_in_order, (ocsp_response(ONLY_OCSP), _unknown()), strict=True))
            assert reason(ONLY_OCSP, None, answers) == "revocation.ocsp.unknown"

    def test_a_newer_response_replaces_an_older_unknown(self) -> None:
        older = ocsp_response(ONLY_OCSP, status="unknown", this_update=AT - 5 * DAY)
        assert reason(ONLY_OCSP, None, {"o": older, "p": ocsp_response(ONLY_OCSP)}) == "good"

    def test_unknown_falls_back_to_the_crl(self) -> None:
        answer = {"o": ocsp_response(BOTH, status="unknown")}
        assert reason(BOTH, {"a": crl(ca(BOTH))}, answer) == "good"
        with pytest.raises(Undecided, match="does not know"):
            ask(BOTH, None, answer)


def _unknown() -> bytes:
    return ocsp_response(ONLY_OCSP, status="unknown")


class TestNewerThatDoesNotCount:
    """Decision 0009: the report says so, with its file and reason."""

    def notes(self, *args: Any, **more: Any) -> list[str]:
        return [note for use in ask(*args, **more) for note in use.notes]

    @pytest.mark.parametrize(
        ("newer", "says"),
        [
            ({"scope": scope(uris=[OTHER])}, "another distribution point"),
            ({"scope": scope(only_ca=True)}, "only covers CA certificates"),
            ({"delta_base": 1}, "names none"),
            ({"hash_name": "sha1"}, "SHA-1"),
        ],
    )
    def test_reports_a_newer_crl_that_does_not_count(self, newer: dict[str, Any], says: str) -> None:
        files = {"a.crl": crl(ca(LEAF), this_update=AT - 5 * DAY), "b.crl": crl(ca(LEAF), number=2, **newer)}
        (note,) = self.notes(LEAF, files)
        assert "b.crl" in note
        assert says in note

    def test_reports_a_newer_delta_that_does_not_fit(self) -> None:
        files = {
            "base": crl(ca(LEAF), number=10, freshest=[OTHER], this_update=AT - 5 * DAY),
            "fits": crl(ca(LEAF), number=11, delta_base=10, this_update=AT - 4 * DAY),
            "later": crl(ca(LEAF), number=14, delta_base=13),
        }
        (note,) = self.notes(LEAF, files)
        assert "later" in note
        assert "builds on base number 13" in note

    def test_reports_a_newer_response_that_does_not_count(self) -> None:
        delegate = issue("ocsp", issuer=ca(ONLY_OCSP), not_before=AT - 30 * DAY, not_after=AT - DAY / 2)
        older = ocsp_response(ONLY_OCSP, this_update=AT - 5 * DAY)
        newer = ocsp_response(ONLY_OCSP, responder=delegate, produced_at=AT - DAY)
        (note,) = self.notes(ONLY_OCSP, None, {"o": older, "p": newer})
        assert "p: " in note
        assert "expired" in note

    def test_does_not_report_older_or_forged_evidence(self) -> None:
        files = {
            "a": crl(ca(LEAF), number=5),
            "older": crl(ca(LEAF), this_update=AT - 9 * DAY, scope=scope(only_ca=True)),
            "forged": crl(ca(LEAF), number=9, this_update=AT, signed_by=key("p256", 6)),
        }
        assert self.notes(LEAF, files) == []

    def test_summarises_many_pieces(self) -> None:
        shards = {f"s{n}": crl(ca(LEAF), number=n, scope=scope(uris=[f"{OTHER}/{n}"])) for n in range(2, 12)}
        notes = self.notes(LEAF, {"a": crl(ca(LEAF), this_update=AT - 5 * DAY), **shards})
        assert len(notes) == 4
        assert notes[-1].startswith("7 more")

    @pytest.mark.parametrize(("days", "count"), [(0, 0), (1, 1)])
    def test_reports_a_crl_made_after_the_certificate_ended(self, days: int, count: int) -> None:
        """RFC 5280, 3.3: an issuer may drop entries of expired certificates."""
        leaf = chain(not_after=AT - 5 * DAY)
        notes = self.notes(leaf, {"a": crl(ca(leaf), this_update=AT - 5 * DAY + days * timedelta(seconds=1))})
        assert len(notes) == count


def test_does_not_report_a_used_delta() -> None:
    """Two CRLs of some reasons each, and a delta CRL of each: the second delta was compared with the first base."""
    crls: dict[str, bytes] = {}
    for place, reasons in enumerate((REASON_FLAGS[1:5], REASON_FLAGS[5:])):
        made: dict[str, Any] = {"scope": scope(reasons=reasons)}
        crls[f"base {place}"] = crl(LEAF.root, number=1, freshest=[OTHER], this_update=AT - (5 + place) * DAY, **made)
        crls[f"delta {place}"] = crl(LEAF.root, number=3, delta_base=1, this_update=AT - (2 - place) * DAY, **made)
    uses = ask(LEAF, crls)
    assert {use.name: use.notes for use in uses} == dict.fromkeys(crls, ())


_DELEGATE = issue("ocsp", issuer=BOTH.root)
_NEWER: dict[str, Any] = {"this_update": AT - DAY / 24}
_UNUSABLE: dict[str, tuple[dict[str, bytes], dict[str, bytes]]] = {
    "a response that does not know it": ({}, {"n": ocsp_response(BOTH, status="unknown", **_NEWER)}),
    "a stale response": ({}, {"n": ocsp_response(BOTH, next_update=AT - DAY / 48, **_NEWER)}),
    "a response that is not understood": ({}, {"n": ocsp_response(BOTH, extra=[UNKNOWN_CRITICAL], **_NEWER)}),
    "a response of a revoked delegate": (
        {"l": crl(BOTH.root, revoked=[_DELEGATE], this_update=AT - 9 * DAY, scope=scope(only_ca=True))},
        {"n": ocsp_response(BOTH, responder=_DELEGATE, **_NEWER)},
    ),
    "a CRL of another scope": ({"n": crl(BOTH.root, scope=scope(only_ca=True), **_NEWER)}, {}),
    "a CRL of some reasons": ({"n": crl(BOTH.root, scope=scope(reasons=REASON_FLAGS[1:3]), **_NEWER)}, {}),
    "a stale CRL": ({"n": crl(BOTH.root, next_update=AT - DAY / 48, **_NEWER)}, {}),
    "a delta CRL without a base": ({"n": crl(BOTH.root, number=9, delta_base=8, **_NEWER)}, {}),
}


@pytest.mark.parametrize("name", _UNUSABLE)
def test_reports_newer_unusable_evidence_of_the_other_kind(name: str) -> None:
    """Decision 0009: beside a CRL no newer response was reported, and beside a response no newer CRL."""
    crls, ocsp = _UNUSABLE[name]
    (use,) = ask(BOTH, {"c": crl(BOTH.root), **crls}, ocsp) if ocsp else ask(BOTH, crls, {"o": ocsp_response(BOTH)})
    (note,) = use.notes
    assert note.startswith("a newer piece of evidence does not count: ")
    assert re.search(r"\bn\b", note)


@pytest.mark.parametrize("name", _UNUSABLE)
def test_evidence_of_the_same_time_is_not_newer(name: str) -> None:
    crls, ocsp = _UNUSABLE[name]
    (use,) = (
        ask(BOTH, {"c": crl(BOTH.root, **_NEWER), **crls}, ocsp)
        if ocsp
        else ask(BOTH, crls, {"o": ocsp_response(BOTH, **_NEWER)})
    )
    assert use.notes == ()


def test_does_not_report_newer_evidence_that_agrees() -> None:
    crls, ocsp = {"c": crl(BOTH.root, **_NEWER)}, {"o": ocsp_response(BOTH)}
    assert [use.notes for use in ask(BOTH, crls, ocsp)] == [()]
    assert [use.notes for use in ask(LEAF, {"c": crl(LEAF.root)}, {"o": ocsp_response(LEAF, **_NEWER)})] == [()]


@pytest.mark.parametrize("more", [0, 1, 2])
def test_refused_newer_pieces_beyond_the_shown_ones_are_counted_if_there_are_any(more: int) -> None:
    crls = {"answer": crl(LEAF.root, this_update=AT - 9 * DAY)}
    for number in range(limits.NEWER_SHOWN + more):
        other = scope(uris=[OTHER])
        crls[f"newer {number}"] = crl(LEAF.root, number=2 + number, this_update=AT - DAY, scope=other)
    (use,) = ask(LEAF, crls)
    counted = [note for note in use.notes if note.endswith("more newer pieces of evidence do not count")]
    assert counted == ([f"{more} more newer pieces of evidence do not count"] if more else [])
    assert len(use.notes) == limits.NEWER_SHOWN + len(counted)


def test_names_a_genuine_delta_where_no_base_is_available() -> None:
    """CRL-16; of a forged one nothing follows."""
    delta = crl(LEAF.root, number=7, delta_base=5)
    forged = crl(LEAF.root, number=7, delta_base=5, signed_by=key("p256", 5))
    with pytest.raises(Undecided, match=r"only a delta CRL \(a\), .* base CRL number 5"):
        ask(LEAF, {"a": delta})
    with pytest.raises(Undecided, match=r"no CRL for .* is available") as caught:
        ask(LEAF, {"a": forged})
    assert caught.value.reason == "revocation.crl.missing"
