"""Of a revocation in a layout and the certificate that proves it, one may be gone at a recheck: that counts as both."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from airgap.parse.time import iso
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki, issue
from tests.support.scenario import Scene
from tests.support.trust import REPOSITORY, oci_policy, statement

ROOT = issue("root", slot=1)
RESPONDER = issue("ocsp", issuer=ROOT, slot=2)
LEAF = issue("leaf", issuer=ROOT, slot=3, ocsp_urls=["http://ocsp.example"], crl_urls=["http://crl.example/a"])
SKIP = {"level": "strict", "override": {"revocation": "skip"}}
TAKEN = [(), ("x.ors",), ("d.cer",), ("x.ors", "d.cer")]


def says(reason: str) -> bytes:
    return ocsp_response(LEAF, responder=RESPONDER, embed=(), status="revoked", reason=reason)


@pytest.mark.parametrize("taken", TAKEN, ids="+".join)
@pytest.mark.parametrize("place", ["layout", "trust directory"])
@pytest.mark.parametrize(("reason", "code"), [("keyCompromise", 14), ("certificateHold", 15)])
def test_to_take_out_one_is_not_milder_than_both(
    tmp_path: Path, reason: str, code: int, place: str, taken: tuple[str, ...]
) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"c.crl": crl(ROOT)}
    written = scene.write(tmp_path)
    proof = written.layout / "d.cer" if place == "layout" else written.trust / "ocsp/d.cer"
    proof.parent.mkdir(exist_ok=True)
    proof.write_bytes(RESPONDER.der)
    (written.layout / "x.ors").write_bytes(says(reason))
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == code
    for name in taken:
        (proof if name == "d.cer" else written.layout / name).unlink()
    arguments = ["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)]
    assert run_here(arguments).code == code
    shutil.rmtree(written.layout)
    assert run_here(arguments).code == code


@pytest.mark.parametrize("taken", TAKEN, ids="+".join)
def test_a_policy_that_skips_revocation_changes_nothing(tmp_path: Path, taken: tuple[str, ...]) -> None:
    scene = Scene()
    scene.sign_with(LEAF)
    scene.crls = {"c.crl": crl(ROOT)}
    written = scene.write(tmp_path)
    (written.layout / "d.cer").write_bytes(RESPONDER.der)
    (written.layout / "x.ors").write_bytes(says("keyCompromise"))
    (policy,) = written.trust.glob("trustpolicy*.json")
    strict, report = policy.read_text(), tmp_path / "report.json"
    policy.write_text(json.dumps(oci_policy(statement(signatureVerification=SKIP))))
    assert run_here(written.arguments("--report", str(report))).code == 0
    policy.write_text(strict)
    for name in taken:
        (written.layout / name).unlink()
    ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT)])
    assert ran.code == (15 if taken else 14)


@pytest.mark.parametrize(
    ("signer", "taken", "codes"),
    [
        ("delegate", (), {14}),
        ("delegate", ("d.cer",), {15}),
        ("delegate", ("x.ors",), {15}),
        ("delegate", ("x.ors", "d.cer"), {15}),
        ("another", (), {0}),
        ("another", ("d.cer",), {0, 15}),
    ],
)
def test_an_unknown_timestamping_authority_changes_nothing(
    tmp_path: Path, signer: str, taken: tuple[str, ...], codes: set[int]
) -> None:
    """What might be the proof is noted then. What is not proven stops nothing as long as all of it is there."""
    root = issue("root", slot=4)
    tsa = issue("tsa", issuer=root, slot=5, ocsp_urls=["http://ocsp.example/tsa"])
    by = issue("ocsp", issuer=root if signer == "delegate" else issue("root", slot=7), slot=6)
    scene = Scene()
    chain = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/a"]})
    scene.sign_with(chain)
    scene.timestamp(tsa)
    scene.crls = {"c.crl": crl(chain.root)}
    scene.ocsp = {"t.ors": ocsp_response(tsa)}
    written = scene.write(tmp_path)
    (written.layout / "d.cer").write_bytes(by.der)
    response = ocsp_response(tsa, responder=by, embed=(), status="revoked", reason="keyCompromise")
    (written.layout / "x.ors").write_bytes(response)
    (policy,) = written.trust.glob("trustpolicy*.json")
    strict, report = policy.read_text(), tmp_path / "report.json"
    policy.write_text(strict.replace('"tsa:harbour"', '"ca:harbour"').replace('"always"', '"afterCertExpiry"'))
    assert run_here(written.arguments("--report", str(report))).code == 0
    policy.write_text(strict)
    for name in taken:
        (written.layout / name).unlink()
    ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--scope", REPOSITORY, "--at", iso(AT)])
    assert ran.code in codes, ran
