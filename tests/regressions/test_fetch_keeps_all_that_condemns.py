"""Fetch threw genuine evidence away, was COMPLETE, and verify passed by what was left."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from airgap.parse.time import iso
from tests.support.command import run_here
from tests.support.fetching import DAY, about, site
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, END, Issued, Pki, issue
from tests.support.scenario import Scene
from tests.support.trust import REPOSITORY

OCSP = "http://ocsp.example/"


@pytest.mark.parametrize("holder", ["good", "older", "another certificate"])
def test_a_response_is_proven_by_one_that_came_later(tmp_path: Path, holder: str) -> None:
    """The certificate of its responder was in the answer of the next place: RFC 6960 (4.2.1) demands it in none."""
    with site(tmp_path) as here:
        leaf = here.sign(ocsp_urls=[here.web.url(path) for path in ("/first", "/second", "/third")])
        here.serve()
        delegate, other = issue("ocsp", issuer=here.ca), issue("leaf", issuer=here.ca)
        bare = ocsp_response(leaf, responder=delegate, embed=[], status="revoked")
        holding = {
            "good": ocsp_response(leaf, responder=delegate),
            "older": ocsp_response(leaf, responder=delegate, this_update=AT - 9 * DAY),
            "another certificate": ocsp_response(other, responder=delegate),
        }
        here.web.ocsp("/first", lambda _: bare)
        here.web.ocsp("/second", lambda _: holding[holder])
        here.web.ocsp("/third", lambda _: ocsp_response(leaf))
        outcome = here.fetch()
        assert outcome.is_revoked
        assert about(outcome, "builder").attempts[0].file
        assert here.verify().code == 14


def test_an_offered_response_is_proven_by_one_that_is_downloaded(tmp_path: Path) -> None:
    with site(tmp_path / "site") as here:
        leaf = here.sign(ocsp_urls=[here.web.url("/ocsp")])
        here.serve()
        delegate = issue("ocsp", issuer=here.ca)
        here.web.ocsp("/ocsp", lambda _: ocsp_response(leaf, responder=delegate))
        offered = tmp_path / "bare.ors"
        offered.write_bytes(ocsp_response(leaf, responder=delegate, embed=[], status="revoked"))
        outcome = here.fetch(offered=[offered])
        assert outcome.is_revoked
        assert outcome.offered[0].file
        assert here.verify().code == 14


def _delegated(**delegate: Any) -> tuple[Scene, bytes, bytes]:
    """A scene, the good answer of a delegate, and the word of the CA that the delegate is revoked."""
    chain = Pki().code_chain(depth=2, leaf={"ocsp_urls": [OCSP]})
    made = Scene()
    made.sign_with(chain)
    responder: Issued = issue("ocsp", issuer=chain.root, **delegate)
    good = ocsp_response(chain, responder=responder, next_update=END)
    return made, good, ocsp_response(responder, status="revoked", next_update=END)


@pytest.mark.parametrize("delegate", [{}, {"extensions": ()}], ids=["nocheck", "checked"])
@pytest.mark.parametrize("place", ["layout", "offered", "trust directory and offered"])
def test_what_is_against_a_responder_is_kept(tmp_path: Path, place: str, delegate: dict[str, Any]) -> None:
    """It was "about no certificate of the targets", and the answer of the revoked responder cleared."""
    made, good, against = _delegated(**delegate)
    pieces = {"good.ors": good, "against.ors": against}
    offered = tmp_path / "offered"
    offered.mkdir()
    options: list[str] = []
    if place == "layout":
        made.box.extra_files |= pieces
    else:
        made.ocsp = {"good.ors": pieces.pop("good.ors")} if place != "offered" else None
        for name, data in pieces.items():
            (offered / name).write_bytes(data)
        options = ["--from", str(offered)]
    written = made.write(tmp_path)
    arguments = ["trust", "fetch", str(written.layout), "--trust", str(written.trust), "--no-download", *options]
    ran = run_here([*arguments, "--require-complete"])
    assert ran.code == 15, ran
    for name in pieces:
        (written.layout / name).unlink(missing_ok=True)
    assert run_here(written.arguments()).reasons == {"revocation.ocsp.responder"}


def test_what_is_against_a_responder_travels(tmp_path: Path) -> None:
    """Beside the image went the answer of the responder alone: here it was open, and the far side passed it."""
    made, good, against = _delegated()
    made.ocsp = {"good.ors": good, "against.ors": against}
    written = made.write(tmp_path / "here")
    layout = str(written.layout)
    assert run_here(written.arguments()).code == 15
    ran = run_here(["trust", "fetch", "--into", layout, "--no-download", "--trust", str(written.trust)])
    assert ran.code == 0, ran
    made.ocsp = None
    there = made.write_trust(tmp_path / "there")
    ran = run_here(["verify", written.target, "--trust", str(there), "--at", iso(AT), "--scope", REPOSITORY])
    assert ran.code == 15, ran


def test_an_answer_for_the_far_side_must_hold_by_what_is_known_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The trust directory knew that the responder is revoked, and the evidence beside the image was COMPLETE."""
    made, good, against = _delegated()
    made.ocsp = {"against.ors": against}
    written = made.write(tmp_path)
    (tmp_path / "good.ors").write_bytes(good)
    monkeypatch.setenv("AIRGAP_TRUST", str(written.trust))
    options = ["--from", str(tmp_path / "good.ors"), "--no-download", "--require-complete"]
    ran = run_here(["trust", "fetch", "--into", str(written.layout), *options])
    assert (ran.code, ran.out.split(":")[0]) == (15, "INCOMPLETE"), ran
