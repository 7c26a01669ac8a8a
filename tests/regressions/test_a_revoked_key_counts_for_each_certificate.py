"""A final revocation of a certificate that is about its key counts for every certificate with that key.

It did for intermediates of timestamping chains under one name alone: not for the authority's own key, not for a key
under another name, and not for an OCSP responder's.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.regressions.test_keys_in_any_file_condemn import put
from tests.support import names
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.crls import crl, entry, scope
from tests.support.extensions import BasicConstraints, KeyUsage, Point
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, START, Issued, issue
from tests.support.scenario import Scene, Written
from tests.support.trust import oci_policy, statement
from tests.support.tsa import token

URL = "http://crl.example/{}.crl"
OTHER_NAME = names.harbour("Other")
ROOT = issue("root", slot=5, subject=names.harbour("TSA Root"))
SECOND = issue("root", slot=4, subject=names.harbour("TSA Root 2"))
CA = issue("intermediate", issuer=ROOT, subject=names.harbour("TSA CA"), slot=6, crl_urls=[URL.format("ca")])
UNIT = issue("tsa", issuer=CA, crl_urls=[URL.format("unit")])
Twin = Callable[[bytes | None], Issued]
TWINS: dict[str, Twin] = {
    "the authority": lambda subject: issue("tsa", issuer=CA, key=UNIT.key, subject=subject or UNIT.subject),
    "the authority, by another CA": lambda subject: issue(
        "tsa", issuer=SECOND, key=UNIT.key, subject=subject or UNIT.subject
    ),
    "its CA": lambda subject: issue("intermediate", issuer=SECOND, key=CA.key, subject=subject or CA.subject),
}


def stamped(twin: Issued, reason: str | None, embed: list[Issued], *, second: bool = True) -> Scene:
    """An image with a timestamp, and a CRL that lists another certificate of one of its keys."""
    scene = Scene()
    scene.signature.token = lambda value: token(UNIT, value, embed=embed)
    roots = [ROOT, SECOND] if second else [ROOT]
    scene.stores = {**scene.stores, "tsa:harbour": roots}
    stores = ["ca:harbour", "tsa:harbour"]
    scene.policy = oci_policy(
        statement(trustStores=stores, signatureVerification={"level": "strict", "verifyTimestamp": "always"})
    )
    clean = {"unit.crl": crl(CA), "ca.crl": crl(ROOT)}
    scene.crls = {**clean, "twin.crl": crl(twin.chain[1], number=9, revoked=[entry(twin.serial, reason=reason)])}
    return scene


@pytest.mark.parametrize("subject", [None, OTHER_NAME], ids=["same name", "another name"])
@pytest.mark.parametrize("place", ["token", "trust", "target", "nowhere"])
@pytest.mark.parametrize("case", TWINS)
def test_the_key_of_a_timestamping_certificate_is_revoked(
    tmp_path: Path, case: str, place: str, subject: bytes | None
) -> None:
    twin = TWINS[case](subject)
    embed = [UNIT, CA, twin] if place == "token" else [UNIT, CA]
    here = stamped(twin, "keyCompromise", embed).write(tmp_path)
    if place in {"trust", "target"}:
        put(here.trust if place == "trust" else here.layout, "crls/twin.crt", twin.pem)
    assert run_here(here.arguments()).code == (0 if place == "nowhere" else 14)


@pytest.mark.parametrize("reason", [None, "superseded", "cessationOfOperation", "affiliationChanged"])
@pytest.mark.parametrize("case", TWINS)
def test_a_reason_says_whether_it_is_about_the_key(tmp_path: Path, case: str, reason: str | None) -> None:
    twin = TWINS[case](None)
    here = stamped(twin, reason, [UNIT, CA, twin]).write(tmp_path)
    assert run_here(here.arguments()).code == (0 if reason else 14)


@pytest.mark.parametrize("case", ["the authority, by another CA", "its CA"])
def test_a_certificate_that_no_root_of_the_policy_proves_says_nothing_of_a_key(tmp_path: Path, case: str) -> None:
    """A key is public, so that anyone can certify it, and revoke that certificate."""
    twin = TWINS[case](None)
    here = stamped(twin, "keyCompromise", [UNIT, CA, twin, SECOND], second=False).write(tmp_path)
    assert run_here(here.arguments()).code == 0


RESPONDER = issue("ocsp", issuer=CA, slot=3)
RESPONDERS: dict[str, Callable[[], Issued]] = {
    "a responder": lambda: issue("ocsp", issuer=CA, key=RESPONDER.key),
    "a responder of another name": lambda: issue("ocsp", issuer=CA, key=RESPONDER.key, subject=OTHER_NAME),
    "something else": lambda: issue("tsa", issuer=CA, key=RESPONDER.key),
}


@pytest.mark.parametrize("crls", [True, False])
@pytest.mark.parametrize("reason", ["keyCompromise", None, "superseded"])
@pytest.mark.parametrize("case", RESPONDERS)
def test_a_responder_whose_key_is_revoked_clears_nothing(
    tmp_path: Path, case: str, reason: str | None, crls: bool
) -> None:
    twin = RESPONDERS[case]()
    leaf = issue("leaf", issuer=CA, ocsp_urls=["http://ocsp.example"], crl_urls=[URL.format("leaf")] if crls else [])
    scene = Scene()
    scene.sign_with(leaf)
    scene.ocsp = {"good.ors": ocsp_response(leaf, responder=RESPONDER, embed=[RESPONDER, twin])}
    scene.crls = {"ca.crl": crl(ROOT), "twin.crl": crl(CA, revoked=[entry(twin.serial, reason=reason)])}
    assert run_here(scene.write(tmp_path).arguments()).code == (0 if crls or reason == "superseded" else 15)


@pytest.mark.parametrize(
    ("reason", "code"), [("keyCompromise", 14), ("cACompromise", 14), (None, 0), ("superseded", 0)]
)
def test_the_key_of_a_signer_is_revoked_where_the_reason_says_so(tmp_path: Path, reason: str | None, code: int) -> None:
    """A certificate that is renewed with its key may be revoked after that, which no CA must give a reason for."""
    leaf = issue("leaf", issuer=CA, crl_urls=[URL.format("leaf")])
    twin = issue("leaf", issuer=CA, key=leaf.key)
    scene = Scene()
    scene.sign_with(leaf)
    scene.crls = {"ca.crl": crl(ROOT), "leaf.crl": crl(CA, revoked=[entry(twin.serial, reason=reason)])}
    here = scene.write(tmp_path)
    assert run_here(here.arguments()).code == 0
    put(here.trust, "old.crt", twin.pem)
    assert run_here(here.arguments()).code == code


# --- chains of signers, and judgements without the layout ---

SIGNING_ROOT = issue("root", slot=0)
SIGNING_ROOT_2 = issue("root", slot=4, subject=names.harbour("Root 2"))
ISSUER = issue(
    "intermediate", issuer=SIGNING_ROOT, subject=names.harbour("Issuing"), slot=1, crl_urls=[URL.format("ca")]
)
LATER = AT + timedelta(days=9)


def signed(leaf: Issued, crls: dict[str, bytes]) -> Scene:
    scene = Scene()
    scene.sign_with(leaf)
    scene.stores = {"ca:harbour": [SIGNING_ROOT, SIGNING_ROOT_2]}
    scene.crls = crls
    return scene


def reported(here: Written, tmp_path: Path) -> Path:
    """The report of a judgement that passed."""
    report = tmp_path / "report.json"
    assert run_here(here.arguments("--report", str(report))).code == 0
    return report


def check_that_it_is_known(here: Written, report: Path, *arguments: str) -> None:
    """A later judgement finds the revocation in the layout, and knows of it where the layout is gone."""
    recheck = ["recheck", str(report), "--trust", str(here.trust), *arguments]
    assert run_here(recheck).code == 14
    here.layout.rename(report.with_name("gone"))
    assert run_here(recheck).code == 15


@pytest.mark.parametrize(("reason", "code"), [("cACompromise", 14), ("superseded", 0), (None, 0)])
@pytest.mark.parametrize("place", ["trust", "target"])
def test_a_cross_certificate_of_a_signing_ca_below_any_root_of_the_policy(
    tmp_path: Path, place: str, reason: str | None, code: int
) -> None:
    """Only the root of the chain itself was looked at."""
    cross = issue("intermediate", issuer=SIGNING_ROOT_2, key=ISSUER.key, subject=ISSUER.subject)
    leaf = issue("leaf", issuer=ISSUER, crl_urls=[URL.format("leaf")])
    crls = {"leaf.crl": crl(ISSUER), "ca.crl": crl(SIGNING_ROOT)}
    revoking = crl(SIGNING_ROOT_2, number=5, revoked=[entry(cross.serial, reason=reason)])
    here = signed(leaf, {**crls, "root2.crl": revoking}).write(tmp_path)
    put(here.trust if place == "trust" else here.layout, "crls/cross.crt", cross.pem)
    assert run_here(here.arguments()).code == code


def test_a_key_that_is_revoked_later_is_known_without_the_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report did not know of it: recheck said that nothing had changed, once the layout was gone."""
    far = AT + timedelta(days=60)
    older = issue("leaf", issuer=ISSUER, crl_urls=[URL.format("leaf")])
    leaf = issue("leaf", issuer=ISSUER, key=older.key, crl_urls=[URL.format("leaf")])
    crls = {"leaf.crl": crl(ISSUER, next_update=far), "ca.crl": crl(SIGNING_ROOT, next_update=far)}
    here = signed(leaf, crls).write(tmp_path)
    listed = entry(older.serial, reason="keyCompromise", at=AT + timedelta(days=5))
    put(here.layout, "crls/new.crl", crl(ISSUER, number=9, revoked=[listed], this_update=AT + timedelta(days=6)))
    put(here.layout, "crls/older.crt", older.pem)
    set_clock(monkeypatch, AT + timedelta(days=10))
    report = reported(here, tmp_path)
    check_that_it_is_known(here, report, "--at", LATER.isoformat())


def test_a_crl_issuer_that_revokes_later_is_known_without_the_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = AT + timedelta(days=60)
    maker = issue("intermediate", issuer=SIGNING_ROOT, subject=names.harbour("CRL Authority"), slot=6)
    point = Point((), crl_issuer=maker.subject)
    leaf = issue("leaf", issuer=ISSUER, ocsp_urls=["http://ocsp.example/"], points=[point])
    scene = signed(leaf, {"ca.crl": crl(SIGNING_ROOT, next_update=far)})
    scene.ocsp = {"good.ocsp": ocsp_response(leaf, next_update=far)}
    here = scene.write(tmp_path)
    revoked = AT + timedelta(days=5)
    listed = entry(leaf.serial, reason="keyCompromise", certificate_issuer=ISSUER.subject, at=revoked)
    indirect = crl(maker, revoked=[listed], number=5, scope=scope(indirect=True), this_update=revoked, next_update=far)
    put(here.layout, "crls/x.crl", indirect)
    put(here.layout, "crls/x.crt", maker.pem)
    set_clock(monkeypatch, AT + timedelta(days=10))
    report = reported(here, tmp_path)
    check_that_it_is_known(here, report, "--at", LATER.isoformat())


def test_a_cross_certificate_of_a_timestamping_ca_is_known_without_the_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = AT + timedelta(days=60)
    twin = TWINS["its CA"](None)
    scene = stamped(twin, "cACompromise", [UNIT, CA])
    leaf = issue("leaf", issuer=SIGNING_ROOT, not_after=AT + timedelta(days=5), crl_urls=[URL.format("leaf")])
    scene.sign_with(leaf)
    scene.stores = {"ca:harbour": [SIGNING_ROOT], "tsa:harbour": [ROOT, SECOND]}
    level = {"level": "strict", "verifyTimestamp": "afterCertExpiry"}
    scene.policy = oci_policy(statement(trustStores=["ca:harbour", "tsa:harbour"], signatureVerification=level))
    revoking = scene.crls.pop("twin.crl")
    clean = {"leaf.crl": SIGNING_ROOT, "unit.crl": CA, "ca.crl": ROOT, "root2.crl": SECOND}
    scene.crls = {name: crl(maker, next_update=far) for name, maker in clean.items()}
    here = scene.write(tmp_path)
    put(here.layout, "crls/twin.crl", revoking)
    put(here.layout, "crls/twin.crt", twin.pem)
    report = reported(here, tmp_path)
    set_clock(monkeypatch, AT + timedelta(days=10))
    check_that_it_is_known(here, report)


NO_ISSUERS: dict[str, dict[str, Any]] = {
    "a path length of 0": {"basic_constraints": BasicConstraints(True, 0)},
    "no right to issue certificates": {"key_usage": KeyUsage(("cRLSign",))},
    "an end before that": {"not_after": START + timedelta(days=2)},
}


@pytest.mark.parametrize("case", NO_ISSUERS)
def test_who_may_not_issue_certificates_proves_no_ca(tmp_path: Path, case: str) -> None:
    """RFC 5280, 6.3.3 (f): the path to the maker of a CRL is validated."""
    other = issue("intermediate", issuer=SIGNING_ROOT, subject=names.harbour("Other Sub"), slot=4, **NO_ISSUERS[case])
    forged = issue("intermediate", issuer=other, subject=ISSUER.subject, slot=5, not_before=START + timedelta(days=3))
    leaf = issue("leaf", issuer=ISSUER, crl_urls=[URL.format("leaf")])
    here = signed(leaf, {"leaf.crl": crl(ISSUER), "ca.crl": crl(SIGNING_ROOT)}).write(tmp_path)
    put(here.layout, "crls/forged.crl", crl(forged, number=9, revoked=[entry(leaf.serial, reason="keyCompromise")]))
    put(here.layout, "crls/forged.pem", forged.pem + other.pem)
    assert run_here(here.arguments()).code == 0
