"""Fetching over real endpoints: what is good comes and is used; each failure has its reason, and loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from airgap.collection.attempts import AttemptResult
from airgap.collection.coverage import Status
from airgap.errors import LimitError
from tests.support import asn1
from tests.support.crls import crl, scope
from tests.support.endpoints import requested
from tests.support.extensions import Point
from tests.support.fetching import DAY, Site, about, site
from tests.support.keyring import key
from tests.support.ocsp import ocsp_error, ocsp_response
from tests.support.pki import AT, Issued, issue


@pytest.fixture
def here(tmp_path: Path) -> Iterator[Site]:
    with site(tmp_path) as running:
        yield running


class TestCoverage:
    def test_every_certificate_of_both_chains_is_covered_and_verify_accepts_it(self, here: Site) -> None:
        here.sign(timestamp=True)
        here.serve()
        assert here.verify().code == 15
        outcome = here.fetch()
        assert outcome.complete
        assert {item.status for item in outcome.certificates} == {Status.COVERED}
        assert [item.chain for item in outcome.certificates] == ["signing", "signing", "tsa", "tsa"]
        assert here.verify().code == 0

    def test_reports_each_piece_with_source_number_and_dates(self, here: Site) -> None:
        here.sign()
        here.serve()
        outcome = here.fetch()
        covered = about(outcome, "builder")
        assert covered.evidence[0].number == 1
        assert covered.evidence[0].next_update == AT + 9 * DAY
        assert outcome.sources[covered.evidence[0].name] == here.web.url("/leaf.crl")
        assert outcome.use_by is not None
        assert outcome.use_by[0] == AT + 9 * DAY

    def test_requests_each_url_once(self, here: Site) -> None:
        here.sign()
        here.serve()
        here.fetch(targets=[here.written.target, str(here.written.layout), here.written.target])
        assert sorted(path for _, path in here.web.seen) == ["/ca.crl", "/leaf.crl"]

    def test_names_an_unreadable_signature_and_continues(self, here: Site) -> None:
        here.sign()
        here.serve()
        second = here.scene.signatures[0]
        second.edit = lambda envelope: envelope[:-20]
        second.attach(here.scene.builder, here.scene.target)
        here.scene.builder.write_directory(here.written.layout)
        outcome = here.fetch()
        assert about(outcome, "builder").status is Status.COVERED
        assert len(outcome.unread) == 1
        assert not outcome.complete

    def test_reports_an_unreadable_target_and_continues(self, here: Site) -> None:
        here.sign()
        here.serve()
        outcome = here.fetch(targets=["oci:/nowhere/at/all", here.written.target])
        assert outcome.exit_code == 11
        assert about(outcome, "builder").status is Status.COVERED

    def test_a_certificate_without_a_source_of_revocation_is_no_gap(self, here: Site) -> None:
        here.sign(crl_urls=[])
        here.serve()
        outcome = here.fetch()
        assert about(outcome, "builder").status is Status.NOTHING
        assert outcome.complete

    def test_reports_a_revocation_without_a_gap(self, here: Site) -> None:
        leaf = here.sign()
        here.serve()
        here.web.put("/leaf.crl", here.crl(here.ca, revoked=[leaf]))
        outcome = here.fetch(required=True)
        assert about(outcome, "builder").status is Status.REVOKED
        assert outcome.exit_code == 0
        assert here.verify().code == 14

    def test_the_root_of_an_authority_comes_from_the_tsa_stores(self, here: Site) -> None:
        """Tokens often leave it out, and without it the intermediate's CRL cannot be proven."""
        here.sign(timestamp=True)
        here.serve()
        for file in (here.trust / "truststore/x509/tsa/harbour").iterdir():
            file.unlink()
        outcome = here.fetch()
        gap = about(outcome, "TSA Intermediate")
        assert (gap.status, gap.reason) == (Status.GAP, "fetch.issuer")
        assert not outcome.complete
        assert ("GET", "/tsa-ca.crl") not in here.web.seen

    def test_an_offered_crl_whose_issuer_is_missing_is_not_called_unneeded(self, here: Site, tmp_path: Path) -> None:
        here.sign(timestamp=True)
        here.serve()
        for file in (here.trust / "truststore/x509/tsa/harbour").iterdir():
            file.unlink()
        offered = tmp_path / "tsa-ca.crl"
        offered.write_bytes(here.crl(here.tsa.root))
        attempts = here.fetch(offered=[offered], download=False).offered
        assert [attempt.reason for attempt in attempts] == ["fetch.issuer"]


GOOD_BEFORE: dict[str, Any] = {"this_update": AT - 3 * DAY, "next_update": AT + DAY, "number": 1}


def _wrong(site: Site, **changes: Any) -> None:
    site.web.put("/leaf.crl", site.crl(site.ca, number=2, **changes))


FAILURES: dict[str, tuple[Callable[[Site], Any], str, str]] = {
    "an error status": (lambda s: s.web.fail("/leaf.crl", 500), "fetch.status", "failed"),
    "a silent server": (lambda s: s.web.silent("/leaf.crl"), "fetch.timeout", "failed"),
    "a slow server": (lambda s: s.web.drip("/leaf.crl"), "fetch.timeout", "failed"),
    "a redirect loop": (lambda s: s.web.redirect("/leaf.crl", "/leaf.crl"), "fetch.redirect", "failed"),
    "oversize": (lambda s: s.web.endless("/leaf.crl", 1 << 30), "fetch.limit", "failed"),
    "cut off": (lambda s: s.web.cut("/leaf.crl", s.crl(s.ca), after=50), "fetch.unreachable", "failed"),
    "a web page": (lambda s: s.web.put("/leaf.crl", b"<html>"), "revocation.crl.malformed", "refused"),
    "wrong signer": (lambda s: _wrong(s, signed_by=key("p256", 4)), "revocation.crl.signature", "refused"),
    "another issuer": (
        lambda s: s.web.put("/leaf.crl", s.crl(s.leaf.root, number=2)), "revocation.crl.issuer", "refused"
    ),
    "wrong scope": (lambda s: _wrong(s, scope=scope(only_ca=True)), "revocation.crl.scope", "refused"),
    "an unknown critical extension": (
        lambda s: _wrong(s, freshest=["http://x"], freshest_critical=True), "revocation.crl.extension", "refused"
    ),
    "from the future": (
        lambda s: _wrong(s, this_update=AT + DAY, next_update=AT + 2 * DAY), "revocation.crl.future", "refused"
    ),
    "a delta for a base": (lambda s: _wrong(s, delta_base=1), "revocation.crl.malformed", "refused"),
    "broken entries": (lambda s: _wrong(s, entries=b"\x30\x03\x02\x01"), "revocation.crl.malformed", "refused"),
    "an older one": (
        lambda s: s.web.put("/leaf.crl", s.crl(s.ca, number=0, this_update=AT - 5 * DAY)), "evidence.older", "older"
    ),
}  # fmt: skip


GENUINE_AND_IN_THE_WAY = {"from the future", "broken entries"}
"""The issuer made it, and it is not known what it says of the certificate, or that the clock is right."""
NO_ANSWER_BUT_GENUINE = {*GENUINE_AND_IN_THE_WAY, "wrong scope", "an unknown critical extension"}


def _patience(name: str) -> dict[str, Any]:
    """Little, where waiting is what the test is about; enough for the other answers on a busy machine."""
    return {"crl_seconds": 1.5} if name in {"a silent server", "a slow server"} else {}


class TestFailures:
    @pytest.mark.parametrize("name", FAILURES)
    def test_a_failed_download_has_its_reason_and_keeps_good_evidence(self, here: Site, name: str) -> None:
        spoil, reason, word = FAILURES[name]
        here.sign()
        here.serve()
        here.web.put("/leaf.crl", crl(here.ca, **GOOD_BEFORE))
        here.fetch()
        before = {path.name: path.read_bytes() for path in (here.trust / "crls").glob("*.crl")}
        spoil(here)
        outcome = here.fetch(ask=_patience(name))
        attempt = about(outcome, "builder").attempts[0]
        assert (attempt.reason, attempt.outcome.value) == (reason, word)
        assert attempt.message
        assert before.items() <= {path.name: path.read_bytes() for path in (here.trust / "crls").glob("*.crl")}.items()
        assert not [path for path in here.trust.rglob("*") if path.name.startswith(".")]
        # the point's newest answer was none; a web page, and what did not come, may be no newer one
        assert outcome.complete is (word != "refused" and reason != "fetch.limit")
        is_gap = name in GENUINE_AND_IN_THE_WAY
        assert about(outcome, "builder").status is (Status.GAP if is_gap else Status.COVERED)
        assert here.verify().code == (15 if name == "broken entries" else 0)  # the clock of verify is later

    @pytest.mark.parametrize("name", [name for name in FAILURES if name != "an older one"])
    def test_a_failed_download_without_older_evidence_is_a_gap(self, here: Site, name: str) -> None:
        spoil, reason, _ = FAILURES[name]
        here.sign()
        here.serve()
        spoil(here)
        outcome = here.fetch(ask=_patience(name), required=True)
        gap = about(outcome, "builder")
        assert (gap.status, gap.reason) == (
            Status.GAP,
            reason if name in NO_ANSWER_BUT_GENUINE else "revocation.crl.missing",
        )
        assert gap.attempts[0].reason == reason
        assert bool(gap.attempts[0].file) is (name in {*NO_ANSWER_BUT_GENUINE, "a delta for a base"})
        assert about(outcome, "Intermediate").status is Status.COVERED
        assert outcome.exit_code == 15

    def test_reports_an_unreachable_endpoint(self, here: Site) -> None:
        here.sign(crl_urls=[here.web.dead()])
        here.serve()
        gap = about(here.fetch(), "builder")
        assert (gap.status, gap.attempts[0].reason) == (Status.GAP, "fetch.unreachable")

    def test_keeps_a_stale_crl_that_revokes_and_reports_a_gap(self, here: Site) -> None:
        """D33: a CRL past its nextUpdate still revokes."""
        here.sign()
        here.serve()
        _wrong(here, this_update=AT - 9 * DAY, next_update=AT - DAY)
        gap = about(here.fetch(), "builder")
        assert (gap.status, gap.reason) == (Status.GAP, "revocation.crl.stale")
        assert gap.attempts[0].outcome is AttemptResult.NEW

    def test_requests_the_next_uri_of_a_distribution_point(self, here: Site) -> None:
        """D32: any one URI of a point is enough; CRL-1: in their order."""
        uris = (
            "ldap://crl.example/x",
            here.web.url("/dead.crl"),
            here.web.url("/forged.crl"),
            here.web.url("/leaf.crl"),
        )
        here.sign(points=[Point(uris)])
        here.serve()
        here.web.put("/forged.crl", here.crl(here.ca, signed_by=key("p256", 4)))
        outcome = here.fetch()
        reasons = [attempt.reason for attempt in about(outcome, "builder").attempts]
        assert reasons == ["fetch.scheme", "fetch.status", "revocation.crl.signature", None]
        assert about(outcome, "builder").status is Status.COVERED
        assert set(json.loads((here.trust / "crls/index.json").read_text())) == {*uris, here.web.url("/ca.crl")}

    def test_a_refused_newer_crl_leaves_the_fetch_incomplete(self, here: Site) -> None:
        """Another URI has an older one, which covers: what was refused may say more."""
        here.sign(points=[Point((here.web.url("/new.crl"), here.web.url("/leaf.crl")))])
        here.serve()
        wrong = here.crl(here.ca, number=2, this_update=AT - DAY / 2, scope=scope(only_ca=True))
        here.web.put("/new.crl", wrong)
        outcome = here.fetch()
        assert about(outcome, "builder").status is Status.COVERED
        assert not outcome.complete
        here.web.put("/leaf.crl", here.crl(here.ca, number=3, this_update=AT - DAY / 4))
        assert here.fetch().complete

    @pytest.mark.parametrize("path", ["/leaf.crl", "/delta.crl"])
    def test_requests_the_next_mirror_after_a_stale_one(self, here: Site, path: str) -> None:
        mirror = {name: (here.web.url(f"/old{name}"), here.web.url(name)) for name in ("/leaf.crl", "/delta.crl")}
        here.sign(points=[Point(mirror["/leaf.crl"])])
        here.serve()
        bases = {"number": 5, "freshest": [Point(mirror["/delta.crl"])]}
        deltas = {"number": 6, "delta_base": 5}
        old = {"this_update": AT - 9 * DAY, "next_update": AT - DAY}
        for name, changes in (("/leaf.crl", bases), ("/delta.crl", deltas)):
            here.web.put(name, here.crl(here.ca, **changes))
            here.web.put(f"/old{name}", here.crl(here.ca, **changes, **(old if name == path else {})))
        assert here.fetch().complete

    def test_requests_the_next_responder_after_a_stale_answer(self, here: Site) -> None:
        here.sign(ocsp_urls=[here.web.url("/old"), here.web.url("/new")])
        here.serve()
        old = ocsp_response(here.leaf, this_update=AT - 9 * DAY, next_update=AT - DAY)
        here.web.ocsp("/old", lambda _: old)
        here.web.ocsp("/new", lambda _: ocsp_response(here.leaf))
        assert here.fetch().complete

    @pytest.mark.parametrize(
        ("written", "asked"),
        [
            (b" /my crl.crl ", "/my%20crl.crl"),
            (b"/leaf.crl\r\n", "/leaf.crl"),
            (b"/leaf.crl\0", "/leaf.crl"),
            (b"/le\r\n\taf.crl", "/leaf.crl"),
            ("/prüfung.crl".encode(), "/pr%C3%BCfung.crl"),
            (b"/pr\xfcfung.crl", "/pr%FCfung.crl"),
        ],
        ids=["blanks", "line end", "NUL", "line ends inside", "UTF-8", "Latin-1"],
    )
    def test_requests_malformed_urls_as_browsers_do(self, here: Site, written: bytes, asked: str) -> None:
        path = written.lstrip()
        url = written[: -len(path)] + here.web.url("").encode() + path
        here.sign(points=[Point((), (asn1.implicit(6, url),))], ocsp_urls=[here.web.dead()])
        here.serve()
        here.web.put(asked, here.crl(here.ca))
        outcome = here.fetch()
        assert about(outcome, "builder").status is Status.COVERED
        assert ("GET", asked) in here.web.seen


class TestDelta:
    def prepare(self, here: Site, **delta: Any) -> None:
        here.sign()
        here.serve()
        here.web.put("/leaf.crl", here.crl(here.ca, number=5, freshest=[here.web.url("/delta.crl")]))
        here.web.put("/delta.crl", here.crl(here.ca, **{"number": 6, "delta_base": 5, **delta}))

    def test_fetches_the_delta_that_a_base_names(self, here: Site) -> None:
        """CRL-14."""
        self.prepare(here)
        outcome = here.fetch()
        assert [use.kind for use in about(outcome, "builder").evidence] == ["crl", "delta-crl"]
        assert here.verify().code == 0

    def test_a_fetched_delta_revokes(self, here: Site) -> None:
        self.prepare(here)
        here.web.put("/delta.crl", here.crl(here.ca, number=6, delta_base=5, revoked=[here.leaf]))
        assert about(here.fetch(), "builder").status is Status.REVOKED

    @pytest.mark.parametrize(
        ("wrong", "reason"),
        [
            ({"delta_base": 7}, "revocation.crl.delta"),
            ({"number": 5}, "revocation.crl.delta"),
            ({"delta_base": None, "this_update": AT - 5 * DAY}, "revocation.crl.delta"),
            ({"signed_by": key("p256", 4)}, "revocation.crl.signature"),
            ({"scope": scope(only_user=True)}, "revocation.crl.delta"),
        ],
        ids=["of a later base", "not newer than its base", "no delta at all", "forged", "of another scope"],
    )
    def test_refuses_a_delta_of_another_base(self, here: Site, wrong: dict[str, Any], reason: str) -> None:
        self.prepare(here, **wrong)
        gap = about(here.fetch(), "builder")
        assert gap.status is Status.GAP
        assert gap.attempts[-1].reason == reason

    def test_a_refused_newer_delta_leaves_the_fetch_incomplete(self, here: Site) -> None:
        """An older delta still covers, and what the point has now may say more."""
        self.prepare(here)
        assert here.fetch().complete
        here.web.put("/delta.crl", here.crl(here.ca, number=7, delta_base=5, signed_by=key("p256", 4)))
        outcome = here.fetch()
        assert about(outcome, "builder").status is Status.COVERED
        assert not outcome.complete


class TestOcsp:
    def prepare(self, here: Site, answer: Callable[[bytes], bytes] | None = None, **leaf: Any) -> None:
        url = here.web.url("/ocsp")
        here.sign(ocsp_urls=[url], **leaf)
        here.serve()
        here.web.ocsp("/ocsp", answer or (lambda _: self.response(here)))

    def response(self, here: Site, **changes: Any) -> bytes:
        dates = {"this_update": AT - DAY, "next_update": AT + 3 * DAY}
        return ocsp_response(here.leaf, **{**dates, **changes})

    def test_an_ocsp_response_covers_a_certificate(self, here: Site) -> None:
        self.prepare(here)
        outcome = here.fetch()
        assert [use.kind for use in about(outcome, "builder").evidence] == ["ocsp"]
        assert here.verify().code == 0

    def test_asks_again_in_sha256_where_sha1_is_refused(self, here: Site) -> None:
        def answer(question: bytes) -> bytes:
            return ocsp_error(1) if requested(question)[0] == "sha1" else self.response(here, cert_hash="sha256")

        self.prepare(here, answer)
        assert about(here.fetch(), "builder").status is Status.COVERED

    @pytest.mark.parametrize(
        ("changes", "reason"),
        [
            ({"signed_by": key("p256", 4)}, "revocation.ocsp.signature"),
            ({"serial": 99}, "revocation.ocsp.missing"),
            ({"status": "unknown"}, "revocation.ocsp.unknown"),
        ],
        ids=["wrong signer", "another certificate", "unknown"],
    )
    def test_a_refused_response_has_its_reason_and_the_crl_counts(
        self, here: Site, changes: dict[str, Any], reason: str
    ) -> None:
        self.prepare(here, lambda _: self.response(here, **changes), crl_urls=[here.web.url("/leaf.crl")])
        covered = about(here.fetch(), "builder")
        assert covered.attempts[0].reason == reason
        assert (covered.status, covered.evidence[0].kind) == (Status.COVERED, "crl")

    def test_a_response_of_the_future_reports_a_wrong_clock(self, here: Site) -> None:
        """Decision 0009: no older evidence may answer then."""
        self.prepare(here, lambda _: self.response(here, this_update=AT + DAY), crl_urls=[here.web.url("/leaf.crl")])
        gap = about(here.fetch(), "builder")
        assert gap.attempts[0].reason == "revocation.ocsp.future"
        assert (gap.status, gap.reason) == (Status.GAP, "revocation.ocsp.future")

    def test_an_error_of_the_responder_is_no_answer(self, here: Site) -> None:
        self.prepare(here, lambda _: ocsp_error(6))
        gap = about(here.fetch(), "builder")
        assert (gap.status, gap.attempts[0].reason) == (Status.GAP, "revocation.ocsp.malformed")

    @pytest.mark.parametrize("error", [2, 3, 6], ids=["internal", "try later", "unauthorized"])
    def test_an_error_of_the_responder_counts_as_no_responder(self, here: Site, error: int) -> None:
        """It is not signed. The fetch was incomplete where a CRL covers, and complete where the responder was dead."""
        self.prepare(here, lambda _: ocsp_error(error), crl_urls=[here.web.url("/leaf.crl")])
        outcome = here.fetch()
        assert outcome.complete
        assert about(outcome, "builder").attempts[0].outcome is AttemptResult.FAILED
        assert here.verify().code == 0

    def test_asks_the_next_responder_after_a_failure(self, here: Site) -> None:
        """OCSP-1: in their order."""
        here.sign(ocsp_urls=[here.web.url("/first"), here.web.url("/second"), here.web.url("/third")])
        here.serve()
        here.web.ocsp("/first", lambda _: self.response(here, signed_by=key("p256", 4)))
        here.web.ocsp("/second", lambda _: self.response(here))
        covered = about(here.fetch(), "builder")
        assert [attempt.reason for attempt in covered.attempts] == ["revocation.ocsp.signature", None]
        assert covered.status is Status.COVERED

    def test_does_not_ask_about_a_delegate_with_nocheck(self, here: Site) -> None:
        """D37: id-pkix-ocsp-nocheck."""
        delegates: list[Issued] = []
        self.prepare(here, lambda _: self.response(here, responder=delegates[0]))
        delegates.append(issue("ocsp", issuer=here.ca, crl_urls=[here.web.url("/responder.crl")]))
        outcome = here.fetch()
        assert {item.role for item in outcome.certificates} == {"chain"}
        assert about(outcome, "builder").status is Status.COVERED

    def test_fetches_crl_and_ocsp_where_both_are_named(self, here: Site) -> None:
        self.prepare(here, crl_urls=[here.web.url("/leaf.crl")])
        assert [a.kind for a in about(here.fetch(), "builder").attempts] == ["ocsp", "crl"]

    def test_asks_about_a_delegate_without_nocheck(self, here: Site) -> None:
        """D37."""
        delegates: list[Issued] = []
        self.prepare(here, lambda _: self.response(here, responder=delegates[0]))
        delegates.append(issue("ocsp", issuer=here.ca, extensions=(), crl_urls=[here.web.url("/responder.crl")]))
        here.web.put("/responder.crl", here.crl(here.ca, number=3))
        outcome = here.fetch()
        responder = about(outcome, "Test ocsp")
        assert (responder.role, responder.status) == ("responder", Status.COVERED)

    def test_reports_a_missing_response_without_a_gap(self, here: Site) -> None:
        delegates: list[Issued] = []
        self.prepare(here, lambda _: self.response(here, responder=delegates[0]))
        delegates.append(issue("ocsp", issuer=here.ca, extensions=(), crl_urls=[here.web.dead()]))
        outcome = here.fetch()
        assert about(outcome, "Test ocsp").status is Status.GAP
        assert outcome.complete


class TestGenerations:
    def test_a_newer_crl_counts_now_and_the_older_for_the_past(self, here: Site) -> None:
        here.sign()
        here.serve()
        here.web.put("/leaf.crl", here.crl(here.ca, number=1, this_update=AT - 20 * DAY, next_update=AT - 10 * DAY))
        here.fetch()
        here.web.put("/leaf.crl", here.crl(here.ca, number=2))
        outcome = here.fetch()
        assert about(outcome, "builder").evidence[0].number == 2
        assert len(list((here.trust / "crls").glob("*.crl"))) == 3

    def test_prune_removes_crls_that_a_newer_one_contains(self, here: Site) -> None:
        here.sign()
        here.serve()
        here.fetch()
        here.web.put("/leaf.crl", here.crl(here.ca, number=2, this_update=AT - DAY / 2))
        outcome = here.fetch(prune=True)
        assert len(outcome.pruned) == 1
        assert len(list((here.trust / "crls").glob("*.crl"))) == 2
        assert here.verify().code == 0

    def test_prune_removes_deltas_that_their_base_has_caught_up_with(self, here: Site) -> None:
        here.sign()
        here.serve()
        delta = here.web.url("/delta.crl")
        here.web.put("/leaf.crl", here.crl(here.ca, number=5, freshest=[delta]))
        here.web.put("/delta.crl", here.crl(here.ca, number=6, delta_base=5))
        here.fetch()
        here.web.put("/leaf.crl", here.crl(here.ca, number=6, this_update=AT - DAY / 2, freshest=[delta]))
        here.web.put("/delta.crl", here.crl(here.ca, number=7, delta_base=6, this_update=AT - DAY / 2))
        assert len(here.fetch(prune=True).pruned) == 2
        assert here.verify().code == 0

    def test_more_places_than_are_asked_are_refused(self, here: Site, monkeypatch: pytest.MonkeyPatch) -> None:
        here.sign()
        monkeypatch.setattr("airgap.limits.EVIDENCE_URLS", 2)
        with pytest.raises(LimitError, match="more than 2"):
            here.fetch()
        assert not here.web.seen

    def test_a_certificate_or_crl_that_names_very_many_urls_is_not_asked_about(self, here: Site) -> None:
        """Each may take half a minute: one signature could keep a fetch busy for days."""
        many = [here.web.url(f"/{number}") for number in range(33)]
        for points in ([Point(tuple(many))], [Point((url,)) for url in many]):
            here.sign(points=points)
            here.serve()
            gap = about(here.fetch(), "builder")
            assert (gap.status, gap.attempts[0].reason) == (Status.GAP, "fetch.limit")
            assert [path for _, path in here.web.seen if path != "/ca.crl"] == []
        here.sign(crl_urls=many[:31], ocsp_urls=[here.web.dead()])
        assert len(about(here.fetch(), "builder").attempts) == 32
        here.web.seen.clear()
        here.sign()
        here.web.put("/leaf.crl", here.crl(here.ca, freshest=[Point(tuple(many))]))
        assert about(here.fetch(), "builder").attempts[-1].reason == "fetch.limit"
        assert sorted(path for _, path in here.web.seen) == ["/ca.crl", "/leaf.crl"]


class TestFromFiles:
    @pytest.mark.parametrize("folder", [True, False])
    def test_offered_files_are_judged_like_downloads(self, here: Site, tmp_path: Path, folder: bool) -> None:
        here.sign()
        brought = tmp_path / "brought"
        (brought / "crls").mkdir(parents=True)
        (brought / "crls/a.crl").write_bytes(here.crl(here.ca))
        (brought / "crls/b.crl").write_bytes(here.crl(here.leaf.root))
        paths = [brought] if folder else sorted((brought / "crls").iterdir())
        outcome = here.fetch(offered=paths, download=False)
        assert outcome.complete
        assert not here.web.seen
        assert here.verify().code == 0

    @pytest.mark.parametrize("name", ["2026/june/new.crl", "crls/old/new.crl", "new.crl.1", "NEW.CRL.pem"])
    def test_reports_every_offered_file(self, here: Site, tmp_path: Path, name: str) -> None:
        """It was COMPLETE, and the file that revokes was in a folder of the folder."""
        here.sign()
        here.serve()
        brought = tmp_path / "brought" / name
        brought.parent.mkdir(parents=True)
        brought.write_bytes(here.crl(here.ca, number=2, revoked=[here.leaf]))
        outcome = here.fetch(offered=[tmp_path / "brought"])
        assert about(outcome, "builder").status is Status.REVOKED
        assert outcome.warnings == ()

    def test_a_newer_answer_that_does_not_know_the_certificate_is_used(self, here: Site, tmp_path: Path) -> None:
        """It was left out, so that an older `good` counted after a fetch, and not where both files were put by hand."""
        here.sign(ocsp_urls=[here.web.dead()])
        here.serve()
        brought = tmp_path / "brought"
        brought.mkdir()
        for number, status in enumerate(("good", "unknown")):
            made = AT - (2 - number) * DAY
            (brought / f"{number}.ors").write_bytes(ocsp_response(here.leaf, status=status, this_update=made))
        gap = about(here.fetch(offered=[brought]), "builder")
        assert (gap.status, gap.reason) == (Status.GAP, "revocation.ocsp.unknown")
        assert here.verify().code == 15

    def test_reports_a_folder_without_evidence(self, here: Site, tmp_path: Path) -> None:
        here.sign()
        here.serve()
        (tmp_path / "brought").mkdir()
        (tmp_path / "brought/notes.txt").write_bytes(b"notes")
        (warning,) = here.fetch(offered=[tmp_path / "brought"]).warnings
        assert "no file that is named as evidence" in warning.message

    def test_takes_a_delta_after_its_base_in_any_order(self, here: Site, tmp_path: Path) -> None:
        here.sign()
        brought = tmp_path / "brought"
        brought.mkdir()
        (brought / "a.crl").write_bytes(here.crl(here.ca, number=6, delta_base=5))
        (brought / "b.crl").write_bytes(here.crl(here.ca, number=5, freshest=[here.web.url("/delta.crl")]))
        (brought / "c.crl").write_bytes(here.crl(here.leaf.root))
        assert here.fetch(offered=[brought], download=False).complete

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (lambda s: s.crl(s.ca, signed_by=key("p256", 4)), "revocation.crl.signature"),
            (lambda s: crl(issue("root", subject="C=US,O=Stranger")), "evidence.unneeded"),
            (lambda s: b"no evidence at all", "revocation.crl.malformed"),
        ],
        ids=["forged", "of no certificate that was asked about", "no CRL"],
    )
    def test_reports_files_that_are_not_needed(
        self, here: Site, tmp_path: Path, content: Callable[[Site], bytes], reason: str
    ) -> None:
        here.sign()
        (tmp_path / "x.crl").write_bytes(content(here))
        outcome = here.fetch(offered=[tmp_path / "x.crl"], download=False)
        assert [attempt.reason for attempt in outcome.offered] == [reason]
        assert not list(here.trust.glob("crls/*.crl"))

    def test_ignores_older_evidence(self, here: Site, tmp_path: Path) -> None:
        here.sign()
        here.serve()
        here.fetch()
        (tmp_path / "x.crl").write_bytes(here.crl(here.ca, number=0, this_update=AT - 9 * DAY))
        outcome = here.fetch(offered=[tmp_path / "x.crl"], download=False)
        assert [attempt.reason for attempt in outcome.offered] == ["evidence.older"]
