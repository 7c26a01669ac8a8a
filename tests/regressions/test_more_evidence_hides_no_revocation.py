"""One more file of evidence made a pass of a revocation, though it said nothing newer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.crls import crl, entry, pem
from tests.support.extensions import Point
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import Scene

URL = "http://crl.example/leaf.crl"
DELTA = "http://crl.example/delta.crl"
RESPONDER = "http://ocsp.example"
DAY = timedelta(days=1)


@pytest.fixture
def leaf() -> Issued:
    return Pki().code_chain(depth=2, leaf={"crl_urls": [URL], "ocsp_urls": [RESPONDER]})


def _reasons(folder: Path, leaf: Issued, crls: Mapping[str, bytes], ocsp: Mapping[str, bytes]) -> frozenset[str]:
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls, scene.ocsp = dict(crls), ocsp
    return run_here(scene.write(folder).arguments()).reasons


def _old_good(leaf: Issued) -> bytes:
    return ocsp_response(leaf, this_update=AT - 5 * DAY, next_update=AT + 2 * DAY)


@pytest.mark.parametrize(("reason", "code"), [(None, "revoked"), ("certificateHold", "on_hold")])
def test_a_newer_crl_revokes_beside_an_older_good_response(
    tmp_path: Path, leaf: Issued, reason: str | None, code: str
) -> None:
    listing = crl(leaf.root, revoked=[entry(leaf.serial, reason=reason)], this_update=AT - DAY)
    assert _reasons(tmp_path, leaf, {"a.crl": listing}, {"a.ors": _old_good(leaf)}) == {f"revocation.{code}"}


def test_a_newer_delta_holds_beside_an_older_good_response(tmp_path: Path, leaf: Issued) -> None:
    base = crl(leaf.root, number=5, freshest=[DELTA], this_update=AT - 7 * DAY)
    hold = entry(leaf.serial, reason="certificateHold")
    delta = crl(leaf.root, number=6, delta_base=5, revoked=[hold], this_update=AT - DAY)
    crls = {"a.crl": base, "b.crl": delta}
    assert _reasons(tmp_path, leaf, crls, {"a.ors": _old_good(leaf)}) == {"revocation.on_hold"}


def test_a_newer_good_response_ends_an_older_hold(tmp_path: Path, leaf: Issued) -> None:
    """The other side: the response is the newer word (REV-3)."""
    held = crl(leaf.root, revoked=[entry(leaf.serial, reason="certificateHold")], this_update=AT - 9 * DAY)
    assert _reasons(tmp_path, leaf, {"a.crl": held}, {"a.ors": _old_good(leaf)}) == frozenset()


def test_compares_responses_by_this_update_and_not_by_produced_at(tmp_path: Path, leaf: Issued) -> None:
    """producedAt is when it was signed; thisUpdate is when the status was known (RFC 6960, 2.4)."""
    revoked = ocsp_response(leaf, status="revoked", reason="certificateHold", this_update=AT - DAY)
    good = ocsp_response(leaf, this_update=AT - 3 * DAY, produced_at=AT - DAY / 2)
    assert _reasons(tmp_path, leaf, {}, {"a.ors": revoked, "b.ors": good}) == {"revocation.on_hold"}


def test_of_two_responses_of_one_time_the_graver_counts(tmp_path: Path, leaf: Issued) -> None:
    on_hold = ocsp_response(leaf, status="revoked", reason="certificateHold")
    responses = {"a.ors": ocsp_response(leaf), "b.ors": on_hold}
    assert _reasons(tmp_path, leaf, {}, responses) == {"revocation.on_hold"}


def test_a_stale_response_that_revokes_counts_beside_a_crl(tmp_path: Path, leaf: Issued) -> None:
    """What was revoked for good stays so, however old the proof is (as D33 for CRLs)."""
    stale = ocsp_response(
        leaf, status="revoked", reason="keyCompromise", this_update=AT - 9 * DAY, next_update=AT - 2 * DAY
    )
    older = crl(leaf.root, this_update=AT - 20 * DAY)
    assert _reasons(tmp_path, leaf, {"a.crl": older}, {"a.ors": stale}) == {"revocation.revoked"}


@pytest.mark.parametrize("named", [True, False], ids=["the delegate names the CRL", "it does not"])
def test_refuses_the_response_of_a_revoked_responder(tmp_path: Path, leaf: Issued, *, named: bool) -> None:
    """D37: a delegate without ocsp-nocheck is looked up in the available CRLs (RFC 6960, 4.2.2.2.1)."""
    delegate = issue("ocsp", issuer=leaf.root, serial=0x7777, extensions=(), crl_urls=[URL] if named else [])
    answer = ocsp_response(leaf, responder=delegate)
    assert _reasons(tmp_path / "good", leaf, {"a.crl": crl(leaf.root, revoked=[1])}, {"a.ors": answer}) == frozenset()
    stale = crl(leaf.root, revoked=[delegate], this_update=AT - 9 * DAY, next_update=AT - 2 * DAY)
    assert _reasons(tmp_path, leaf, {"a.crl": stale}, {"a.ors": answer}) == {"revocation.crl.stale"}


@pytest.mark.parametrize(
    ("points", "reasons"),
    [
        ([("keyCompromise",)], {"revocation.crl.scope"}),
        ([("keyCompromise",), ("cACompromise", "superseded")], {"revocation.crl.scope"}),
        ([("keyCompromise",), None], set()),
    ],
)
def test_a_point_for_some_reasons_answers_only_for_those(
    tmp_path: Path, points: list[tuple[str, ...] | None], reasons: set[str]
) -> None:
    """RFC 5280, 6.3.3: the status is undetermined until all reasons are covered."""
    made = [Point((URL,), reasons=point) for point in points]
    leaf = Pki().code_chain(depth=2, leaf={"points": made})
    assert _reasons(tmp_path, leaf, {"a.crl": crl(leaf.root)}, {}) == reasons


def test_prune_keeps_the_crl_before_a_damaged_one(tmp_path: Path, leaf: Issued) -> None:
    """The rest of that file is not known: it may have been the CRL that revokes."""
    clean, newer = (crl(leaf.root, number=number, this_update=AT - days * DAY) for number, days in ((1, 9), (2, 3)))
    revoking = pem(crl(leaf.root, number=3, this_update=AT - DAY, revoked=[leaf]))
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls = {"a.crl": pem(clean) + revoking[: len(revoking) // 2], "b.crl": newer}
    world = scene.write(tmp_path)
    assert run_here(world.arguments()).reasons == {"evidence.unread"}
    run_here(["trust", "fetch", world.target, "--trust", str(world.trust), "--no-download", "--prune"])
    assert run_here(world.arguments()).reasons == {"evidence.unread"}
