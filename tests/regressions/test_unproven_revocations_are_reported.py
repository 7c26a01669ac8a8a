"""Unproven revocations were reported with a pass alone, and newer evidence that does not count not always."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from airgap.parse.time import iso
from airgap.pki.extensions import REASON_FLAGS
from tests.support import asn1, envelopes, names
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry, scope
from tests.support.evidence import spoilt
from tests.support.extensions import ExtendedKeyUsage
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki, issue
from tests.support.plugins import Behaviour, write_plugin
from tests.support.scenario import Scene, Written
from tests.support.trust import oci_policy, statement

DAY = timedelta(days=1)
LEAF = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/"], "ocsp_urls": ["http://ocsp.example/"]})
DELEGATE = issue("ocsp", issuer=LEAF.root)
FORGED = crl(issue("root", slot=5, subject=LEAF.root.subject), number=2, revoked=[entry(LEAF.serial)])


def scene(**crls: bytes) -> Scene:
    made = Scene()
    made.sign_with(LEAF)
    made.crls = {f"{name}.crl": data for name, data in crls.items()}
    return made


def shown(written: Written, *options: str) -> Ran:
    return run_here([item for item in written.arguments(*options) if item not in {"--format", "json"}])


def rechecked(written: Written, report: Path, *options: str) -> Ran:
    return run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT), *options])


STATES: dict[str, tuple[dict[str, bytes], int]] = {
    "good": ({"good": crl(LEAF.root)}, 0),
    "missing": ({}, 15),
    "revoked": ({"bad": crl(LEAF.root, revoked=[entry(LEAF.serial, reason="keyCompromise")])}, 14),
}


@pytest.mark.parametrize("state", STATES)
def test_reports_what_is_not_proven_with_a_remedy_whatever_the_answer_is(tmp_path: Path, state: str) -> None:
    crls, code = STATES[state]
    written = scene(**crls).write(tmp_path)
    (written.layout / "x.crl").write_bytes(FORGED)
    report = tmp_path / "report.json"
    quiet = [shown(written, "-q")] if code == 0 else []  # else one line alone
    for ran in (*quiet, shown(written, "--report", str(report))):
        assert ran.code == code
        assert (ran.out + ran.err).count("it is not proven that its issuer says so") == 1
        assert "Ask the CA: if it revoked the certificate" in ran.out + ran.err
    shutil.rmtree(written.layout)
    ran = rechecked(written, report)
    assert ran.code == code
    assert "x.crl, which was in the layout, says that the certificate" in ran.out


def test_reports_what_is_not_proven_where_a_plugin_clears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = scene()
    made.policy = oci_policy(statement(trustedIdentities=["com.example.id: job/*"]))
    crit = [envelopes.SCHEME, envelopes.PLUGIN, "com.example.job"]
    made.signature.options["protected"] = {"crit": crit, envelopes.PLUGIN: "good", "com.example.job": "7"}
    written = made.write(tmp_path)
    (written.layout / "x.crl").write_bytes(FORGED)
    monkeypatch.setenv("AIRGAP_LIBEXEC", str(tmp_path / "libexec"))
    write_plugin(tmp_path / "libexec", Behaviour())
    ran = shown(written, "--allow-plugin", "good")
    assert (ran.code, "it is not proven that its issuer says so" in ran.out) == (0, True), ran


def _misplaced(written: Written, data: bytes) -> None:
    (written.trust / "old").mkdir()
    (written.trust / "old/newer.crl").write_bytes(data)


NEWER: dict[str, tuple[Callable[[Written, bytes], object], bytes]] = {
    "misplaced": (_misplaced, crl(LEAF.root, number=2, this_update=AT - DAY / 24)),
    "of some reasons": (
        lambda written, data: (written.trust / "crls/newer.crl").write_bytes(data),
        crl(LEAF.root, number=2, this_update=AT - DAY / 24, scope=scope(reasons=REASON_FLAGS[1:3])),
    ),
}


@pytest.mark.parametrize("kind", NEWER)
@pytest.mark.parametrize("answering", ["good.crl", "good.ors"])
def test_quiet_reports_what_is_newer_and_does_not_count(tmp_path: Path, kind: str, answering: str) -> None:
    made = scene(**{"good": crl(LEAF.root)} if answering == "good.crl" else {})
    made.ocsp = {"good.ors": ocsp_response(LEAF)} if answering == "good.ors" else None
    written = made.write(tmp_path)
    (written.trust / "crls").mkdir(exist_ok=True)
    assert "does not count" not in shown(written, "-q").err
    put, data = NEWER[kind]
    put(written, data)
    ran = shown(written, "-q")
    assert (ran.code, "a newer piece of evidence does not count" in ran.err, "newer.crl" in ran.err) == (0, True, True)


@pytest.mark.parametrize("here", [True, False])
def test_a_recheck_is_no_milder_where_a_responder_went_with_the_layout(tmp_path: Path, *, here: bool) -> None:
    """The layout held the certificate that showed that the response in the trust directory is damaged."""
    made = scene(good=crl(LEAF.root))
    made.ocsp = {"bare.ors": spoilt(ocsp_response(LEAF, responder=DELEGATE, embed=[]))}
    written = made.write(tmp_path)
    if here:
        holder = ocsp_response(issue("leaf", issuer=LEAF.root), responder=DELEGATE)
        (written.layout / "holder.ors").write_bytes(holder)
    report = tmp_path / "report.json"
    code = run_here(written.arguments("--report", str(report))).code
    assert code == (15 if here else 0)
    shutil.rmtree(written.layout)
    assert rechecked(written, report).code == code
    (written.trust / "ocsp/bare.ors").unlink()
    assert rechecked(written, report).code == 0


STRANGER = issue("root", slot=4, subject="CN=Else")
MAKERS = {
    "another CA's": issue("ocsp", issuer=STRANGER),
    "without its purpose": issue("ocsp", issuer=LEAF.root, extended_key_usage=None),
    "of any purpose": issue("ocsp", issuer=LEAF.root, extended_key_usage=ExtendedKeyUsage(("2.5.29.37.0",))),
}


@pytest.mark.parametrize("maker", MAKERS)
@pytest.mark.parametrize("place", ["trust/ocsp", "layout"])
def test_reports_a_response_of_a_maker_that_may_not_answer(tmp_path: Path, maker: str, place: str) -> None:
    """In the trust directory nothing was said of it; a CRL of an unknown key leaves the answer open there."""
    made = scene(good=crl(LEAF.root))
    made.ocsp = {}
    written = made.write(tmp_path)
    (tmp_path / place / "x.ors").write_bytes(ocsp_response(LEAF, responder=MAKERS[maker], status="revoked"))
    ran = shown(written, *(["-q"] if place == "layout" else []))
    assert (ran.code, "x.ors" in ran.out + ran.err) == (0 if place == "layout" else 15, True)


def test_nothing_lifts_a_hold_whose_proof_was_damaged_meanwhile(tmp_path: Path) -> None:
    """A recheck lifted it by newer evidence, where verify left the answer open."""
    written = scene(good=crl(LEAF.root, number=2)).write(tmp_path)
    said = ocsp_response(
        LEAF, responder=DELEGATE, embed=[], status="revoked", reason="certificateHold", this_update=AT - 9 * DAY
    )
    (written.layout / "x.ors").write_bytes(said)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    (written.trust / "ocsp").mkdir(exist_ok=True)
    (written.trust / "ocsp/delegate.crt").write_bytes(replace(DELEGATE, der=spoilt(DELEGATE.der)).pem)
    assert run_here(written.arguments()).code == 15
    shutil.rmtree(written.layout)
    assert rechecked(written, report).code == 15


def test_a_recheck_knows_that_any_delegate_may_have_made_a_response(tmp_path: Path) -> None:
    """Its certificate came later; the response states another responder."""
    written = scene(good=crl(LEAF.root)).write(tmp_path)
    stated = asn1.explicit(1, names.harbour("Else"))
    said = ocsp_response(LEAF, responder=DELEGATE, embed=[], responder_id=stated, status="revoked")
    (written.layout / "x.ors").write_bytes(said)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 0
    (written.trust / "ocsp").mkdir(exist_ok=True)
    (written.trust / "ocsp/delegate.crt").write_bytes(DELEGATE.pem)
    assert run_here(written.arguments()).code == 14
    shutil.rmtree(written.layout)
    assert rechecked(written, report).code == 15
