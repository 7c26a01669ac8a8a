"""Fetch was COMPLETE with an unproven "revoked" that it did not keep; verify with the same file cannot decide."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap.collection.coverage import Status
from airgap.stages.fetch import FetchRequest, fetch
from airgap.trust.directory import TrustDirectory
from tests.support.crls import crl, entry
from tests.support.endpoints import Endpoints, requested
from tests.support.fetching import DAY, Site, about, asking, site
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Issued, issue
from tests.support.scenario import Scene, Signature

OLD = AT - 5 * DAY


def _twin(ca: Issued) -> Issued:
    """Another key with the name of the CA."""
    return issue("root", key="p384", subject=ca.subject)


def _response(here: Site) -> bytes:
    """The CA's name for the responder, and a delegate that nothing proves."""
    delegate = issue("ocsp", issuer=here.ca)
    return ocsp_response(here.leaf, responder=delegate, embed=[], status="revoked", this_update=OLD)


def _crl(here: Site) -> bytes:
    return crl(_twin(here.ca), this_update=OLD, revoked=[entry(here.leaf.serial, reason="keyCompromise")])


@pytest.mark.parametrize("kind", ["ocsp", "crl"])
@pytest.mark.parametrize("way", ["download", "--from"])
def test_an_older_unproven_revocation_leaves_a_gap(tmp_path: Path, kind: str, way: str) -> None:
    with site(tmp_path / "site") as here:
        if kind == "ocsp":
            here.sign(ocsp_urls=[here.web.url(path) for path in ("/first", "/second")])
        else:
            here.sign(crl_urls=[here.web.url("/first.crl"), here.web.url("/leaf.crl")])
        here.serve()
        piece = {"ocsp": _response, "crl": _crl}[kind](here)
        offered = tmp_path / f"piece.{'ors' if kind == 'ocsp' else 'crl'}"
        offered.write_bytes(piece)
        here.web.ocsp("/second", lambda _: ocsp_response(here.leaf))
        if way == "download":
            here.web.ocsp("/first", lambda _: piece)
            here.web.put("/first.crl", piece)
        outcome = here.fetch(offered=[offered] if way == "--from" else [])
        found = about(outcome, "builder")
        assert found.status is Status.GAP
        assert "it is not proven that its issuer says so" in found.message
        assert not outcome.complete
        assert here.verify().code == 0  # it is not kept
        by_hand = here.trust / ("ocsp" if kind == "ocsp" else "crls") / offered.name
        by_hand.write_bytes(piece)
        ran = here.verify()
        assert ran.code == 15
        assert list(ran.reasons) == [found.reason]


@pytest.mark.parametrize("way", ["download", "--from"])
def test_an_unproven_response_that_is_good_leaves_none(tmp_path: Path, way: str) -> None:
    with site(tmp_path / "site") as here:
        here.sign(ocsp_urls=[here.web.url(path) for path in ("/first", "/second")])
        here.serve()
        delegate = issue("ocsp", issuer=here.ca)
        piece = ocsp_response(here.leaf, responder=delegate, embed=[], this_update=OLD)
        offered = tmp_path / "piece.ors"
        offered.write_bytes(piece)
        here.web.ocsp("/second", lambda _: ocsp_response(here.leaf, this_update=AT - timedelta(hours=1)))
        if way == "download":
            here.web.ocsp("/first", lambda _: piece)
        assert here.fetch(offered=[offered] if way == "--from" else []).complete


def test_the_proof_of_one_answer_is_none_of_another(tmp_path: Path) -> None:
    """Two refused answers of one responder and one date looked the same: the other certificate was covered, too."""
    with Endpoints() as web:
        ca = issue("root")
        delegate = issue("ocsp", issuer=ca, slot=2)
        urls: dict[str, Any] = {"ocsp_urls": [web.url("/ocsp")], "crl_urls": [web.url("/ca.crl")]}
        one, two, three = (
            issue("leaf", issuer=ca, slot=slot, serial=slot, subject=f"C=US,O=Harbour Works,CN=b{slot}", **urls)
            for slot in (3, 4, 5)
        )
        answers = {
            3: ocsp_response(one, responder=delegate, embed=[], signed_by=key("p256", 7), status="revoked"),
            4: ocsp_response(two, responder=delegate, embed=[]),
            5: ocsp_response(three, responder=delegate),
        }
        web.ocsp("/ocsp", lambda query: answers[requested(query)[1]])
        web.put("/ca.crl", crl(ca))
        made = Scene()
        made.sign_with(one)
        made.signatures = [Signature("jws", item) for item in (one, two, three)]
        made.stores = {"ca:harbour": [ca]}
        written = made.write(tmp_path)
        request = FetchRequest(targets=[str(written.layout)], at=AT, directory=written.trust)
        with ThreadPoolExecutor(1) as turn:
            outcome = fetch(request, trust=TrustDirectory.open(written.trust), evidence=asking(), executor=turn)
    assert [item.status for item in outcome.certificates if item.role == "chain" and item.serial == "3"] == [Status.GAP]
