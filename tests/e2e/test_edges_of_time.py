"""Moments at which an answer changes, to the second: what recheck and `trust status` say before, at and after them."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap.parse.time import iso
from tests.support import envelopes
from tests.support.command import run_here
from tests.support.crls import NEXT_UPDATE, crl, entry
from tests.support.ocsp import ocsp_response
from tests.support.pki import Issued, Pki, issue
from tests.support.scenario import SIGNING_CRL, Scene, Written, chain_with_crls, good_crls
from tests.support.trust import oci_policy, statement, write_trust

EXPIRY = datetime(2026, 7, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)
both = pytest.mark.parametrize("basis", ["layout", "report"])


def _accepted(folder: Path, scene: Scene, basis: str) -> Written:
    """A scene that was verified, with a report; its layout is lost where the report alone has to do."""
    written = scene.write(folder)
    ran = run_here(written.arguments("--report", str(folder / "report.json")))
    assert ran.code == 0, ran
    if basis == "report":
        shutil.rmtree(written.layout)
    return written


def _again(written: Written, at: datetime) -> tuple[int, set[str]]:
    """Exit code and reasons of a recheck at a moment."""
    report = written.trust.parent / "report.json"
    ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(at), "--format", "json"])
    because = [item for artifact in ran.document["artifacts"] for item in artifact["because"]]
    return ran.code, {item["reason"] for item in because}


@both
def test_a_signature_has_expired_from_its_expiry_on(tmp_path: Path, basis: str) -> None:
    """D24: the moment of expiry itself is too late."""
    scene = Scene()
    scene.signature.expiry = EXPIRY
    written = _accepted(tmp_path, scene, basis)
    assert _again(written, EXPIRY - SECOND) == (0, set())
    assert _again(written, EXPIRY) == (13, {"expiry.passed"})
    assert _again(written, EXPIRY + SECOND) == (13, {"expiry.passed"})


def _by_an_authority(**leaf: Any) -> Scene:
    """Signed under `notary.x509.signingAuthority`, at envelopes.SIGNED_AT."""
    scene = Scene()
    scene.signature.scheme = envelopes.AUTHORITY
    scene.sign_with(Pki().code_chain(leaf=leaf))
    scene.use_store("signingAuthority:harbour")
    return scene


@both
def test_the_time_of_the_signing_authority_counts_after_the_certificate_ended(tmp_path: Path, basis: str) -> None:
    """SCHEME-3: what was signed within the certificate's validity stays good; under notary.x509 it does not (TS-2)."""
    written = _accepted(tmp_path / "authority", _by_an_authority(not_after=EXPIRY), basis)
    assert _again(written, EXPIRY + DAY) == (0, set())
    plain = Scene()
    plain.sign_with(Pki().code_chain(leaf={"not_after": EXPIRY}))
    written = _accepted(tmp_path / "plain", plain, basis)
    assert _again(written, EXPIRY) == (0, set())
    assert _again(written, EXPIRY + DAY) == (13, {"time.certificate.expired"})


@both
def test_an_authoritys_signature_needs_a_store_for_authorities(tmp_path: Path, basis: str) -> None:
    """SCHEME-4: the root in a store of type ca is not enough, also when it is judged again."""
    scene = _by_an_authority()
    written = _accepted(tmp_path, scene, basis)
    write_trust(written.trust, policy=oci_policy(statement()), stores={"ca:harbour": [scene.signature.leaf.root]})
    assert _again(written, EXPIRY) == (13, {"authenticity.no_store"})


@both
@pytest.mark.parametrize(("invalid", "code"), [(SECOND, 0), (-SECOND, 14)])
def test_the_authoritys_time_is_compared_with_the_date_of_invalidity(
    tmp_path: Path, basis: str, invalid: timedelta, code: int
) -> None:
    """D31: a key that was compromised after the authority's time does not take back what was signed before."""
    leaf: Issued = chain_with_crls(Pki().code_chain, "leaf", SIGNING_CRL)
    scene = _by_an_authority()
    scene.sign_with(leaf)
    scene.use_store("signingAuthority:harbour")
    scene.put_crls(good_crls(leaf, SIGNING_CRL))
    written = _accepted(tmp_path, scene, basis)
    gone = entry(leaf.serial, reason="keyCompromise", invalidity=envelopes.SIGNED_AT + invalid)
    (written.trust / "crls/0.crl").write_bytes(crl(leaf.chain[1], revoked=[gone], number=2))
    assert _again(written, written.at)[0] == code


# --- trust status: a file may serve a signing chain and a timestamping chain, so the stricter tolerance counts ---

FRESHNESS = {
    "crl": ('crl = "7d"\ntsa-crl = "1d"\n', 'crl = "1d"\ntsa-crl = "7d"\n'),
    "ocsp": ('ocsp = "7d"\ntsa-ocsp = "1d"\n', 'ocsp = "1d"\ntsa-ocsp = "7d"\n'),
}


def _status(folder: Path, at: datetime) -> tuple[int, str, str | None]:
    """Exit code, state and use-by date of the one piece of evidence."""
    ran = run_here(["trust", "status", "--trust", str(folder), "--at", iso(at), "--format", "json"])
    (piece,) = ran.document["pieces"]
    return ran.code, piece["state"], piece["use_by"]


@pytest.mark.parametrize(("kind", "order"), [("crl", 0), ("crl", 1), ("ocsp", 0), ("ocsp", 1)])
def test_the_stricter_of_both_tolerances_counts_to_the_second(tmp_path: Path, kind: str, order: int) -> None:
    leaf = Pki().code_chain(depth=2)  # a store has the issuer, so that the piece can be checked for damage
    files: dict[str, Any] = {
        "crl": {"crls": {"a.crl": crl(leaf.chain[1])}},
        "ocsp": {"ocsp": {"a.ors": ocsp_response(leaf, next_update=NEXT_UPDATE)}},
    }[kind]
    freshness = f"[freshness]\n{FRESHNESS[kind][order]}"
    write_trust(tmp_path, stores={"ca:harbour": [leaf.root]}, freshness=freshness, **files)
    end = NEXT_UPDATE + DAY
    assert _status(tmp_path, NEXT_UPDATE) == (0, "fresh", iso(end))
    assert _status(tmp_path, NEXT_UPDATE + SECOND) == (0, "stale-accepted", iso(end))
    assert _status(tmp_path, end) == (0, "stale-accepted", iso(end))
    assert _status(tmp_path, end + SECOND) == (15, "stale", iso(end))


@pytest.mark.parametrize("alone", ["crl", "tsa-crl"])
def test_a_tolerance_for_one_kind_of_chain_does_not_extend_the_other(tmp_path: Path, alone: str) -> None:
    leaf = Pki().code_chain()
    write_trust(
        tmp_path,
        stores={"ca:harbour": [leaf.root]},
        crls={"a.crl": crl(leaf.chain[1])},
        freshness=f'[freshness]\n{alone} = "7d"\n',
    )
    assert _status(tmp_path, NEXT_UPDATE + SECOND) == (15, "stale", iso(NEXT_UPDATE))


@pytest.mark.parametrize(("ends", "use_by"), [(-DAY, -DAY), (DAY, 7 * DAY), (0 * DAY, 7 * DAY)])
def test_status_and_verify_agree_on_an_expired_delegate(tmp_path: Path, ends: timedelta, use_by: timedelta) -> None:
    """D35: past its nextUpdate, where that is accepted, a delegate need not be valid any more."""
    scene = Scene(freshness='[freshness]\nocsp = "7d"\ntsa-ocsp = "7d"\n')
    scene.sign_with(Pki().code_chain(depth=2, leaf={"ocsp_urls": ["http://ocsp.example"]}))
    leaf = scene.signature.leaf
    delegate = issue("ocsp", issuer=leaf.root, not_after=NEXT_UPDATE + ends)
    scene.ocsp = {"a.ors": ocsp_response(leaf, responder=delegate, next_update=NEXT_UPDATE)}
    written = scene.write(tmp_path)
    for at, good in ((NEXT_UPDATE + use_by, True), (NEXT_UPDATE + use_by + SECOND, False)):
        ran = run_here(["verify", written.target, "--trust", str(written.trust), "--scope", str(written.scope),
                        "--at", iso(at)])  # fmt: skip
        assert (ran.code, _status(written.trust, at)[0]) == ((0, 0) if good else (15, 15))
    assert _status(written.trust, NEXT_UPDATE)[2] == iso(NEXT_UPDATE + use_by)


def test_an_older_response_is_replaced_by_the_newest_of_all(tmp_path: Path) -> None:
    leaf = Pki().code_chain()
    made = [NEXT_UPDATE - days * DAY for days in (3, 2, 1)]
    responses = {f"{n}.ors": ocsp_response(leaf, this_update=at, next_update=NEXT_UPDATE) for n, at in enumerate(made)}
    for names in (["0.ors", "1.ors", "2.ors"], ["2.ors", "0.ors", "1.ors"]):
        folder = tmp_path / names[0]
        files = {f"{place}.ors": responses[name] for place, name in enumerate(names)}
        write_trust(folder, stores={"ca:harbour": [leaf.root]}, ocsp=files)
        ran = run_here(["trust", "status", "--trust", str(folder), "--at", iso(NEXT_UPDATE), "--format", "json"])
        states = {piece["this_update"]: piece["state"] for piece in ran.document["pieces"]}
        assert states == {iso(made[0]): "superseded", iso(made[1]): "superseded", iso(made[2]): "fresh"}
