"""Fetch said COMPLETE where the newest answer of a point was evidence that is damaged or in a form that is not read."""

from __future__ import annotations

import base64
import gzip
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from airgap import limits
from airgap.collection.coverage import FetchOutcome
from tests.support.crls import crl, entry
from tests.support.extensions import Point
from tests.support.fetching import site
from tests.support.names import harbour
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, issue

NEW = AT - timedelta(hours=1)


def _undated(data: bytes) -> bytes:
    """With a letter in each of its dates."""
    return data.replace(b"\x17\r2", b"\x17\rx").replace(b"\x18\x0f20", b"\x18\x0fx0")


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "whole": bytes,
    "cut": lambda data: data[:-12],
    "undated": _undated,
    "gzip": gzip.compress,
    "base64": base64.b64encode,
    "page": lambda _: b"<html>proxy</html>",
    "text": lambda _: b"not here",
}


def _of_crls(folder: Path, spoil: Callable[[bytes], bytes], **made: object) -> FetchOutcome:
    """A point with two URIs: at the first a new CRL that revokes, damaged; at the second an older, clean one."""
    with site(folder) as here:
        here.sign(points=[Point((here.web.url("/a.crl"), here.web.url("/b.crl")))])
        here.serve()
        revoked = [entry(here.leaf.serial, reason="keyCompromise")]
        new = here.crl(here.ca, number=9, this_update=NEW, revoked=revoked, **made)
        here.web.put("/a.crl", spoil(new))
        here.web.put("/b.crl", here.crl(here.ca, number=1))
        return here.fetch(required=True)


def _of_responses(folder: Path, spoil: Callable[[bytes], bytes]) -> FetchOutcome:
    """The same with two responders."""
    with site(folder) as here:
        here.sign(ocsp_urls=[here.web.url("/a"), here.web.url("/b")], crl_urls=[])
        here.serve()
        here.web.put("/a", spoil(ocsp_response(here.leaf, status="revoked", reason="keyCompromise", this_update=NEW)))
        here.web.put("/b", ocsp_response(here.leaf, this_update=AT - timedelta(days=3)))
        return here.fetch(required=True)


@pytest.mark.parametrize("fetched", [_of_crls, _of_responses])
@pytest.mark.parametrize("damage", DAMAGES)
def test_what_may_be_newer_evidence_and_cannot_be_read_is_no_answer(
    tmp_path: Path, fetched: Callable[[Path, Callable[[bytes], bytes]], FetchOutcome], damage: str
) -> None:
    outcome = fetched(tmp_path, DAMAGES[damage])
    assert outcome.is_revoked is (damage == "whole")
    assert outcome.complete is (damage in {"whole", "page", "text"})


def test_a_newer_crl_of_another_name_is_no_answer(tmp_path: Path) -> None:
    assert not _of_crls(tmp_path, bytes, issuer_name=harbour("Roof")).complete


def test_a_crl_that_is_larger_than_what_is_read_is_no_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = crl(issue("root"), revoked=list(range(1, 1000)))
    monkeypatch.setattr(limits, "CRL_FILE_BYTES", len(large) - 1)
    assert not _of_crls(tmp_path, lambda _: large).complete
