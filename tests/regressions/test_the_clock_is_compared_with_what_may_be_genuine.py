"""A good answer from after the clock, whose responder's certificate is in a form that is not read.

It was good at first, open for a recheck of the unchanged layout, and good again without the layout.
"""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from airgap.parse.time import iso
from tests.support.command import run_here
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, Pki, issue
from tests.support.scenario import Scene


@pytest.mark.parametrize(("days", "is_there", "code"), [(20_000, True, 15), (20_000, False, 0), (-1, True, 0)])
def test_every_judgement_is_the_same(tmp_path: Path, days: int, is_there: bool, code: int) -> None:
    leaf = Pki().code_chain(depth=2, leaf={"ocsp_urls": ["http://ocsp.example/"]})
    scene = Scene(ocsp={"old.ors": ocsp_response(leaf)})
    scene.sign_with(leaf)
    delegate, made = issue("ocsp", issuer=leaf.root), AT + timedelta(days=days)
    scene.builder.extra_files["n.ors"] = ocsp_response(
        leaf, responder=delegate, embed=[], this_update=made, produced_at=made, next_update=made + timedelta(days=9)
    )
    if is_there:
        packed = pkcs7.serialize_certificates([x509.load_der_x509_certificate(delegate.der)], Encoding.DER)
        scene.builder.extra_files["d.p7b"] = packed
    here = scene.write(tmp_path)
    report = tmp_path / "report.json"
    recheck = ["recheck", str(report), "--trust", str(here.trust), "--at", iso(AT)]
    assert run_here(here.arguments("--report", str(report))).code == code
    assert run_here(recheck).code == code
    shutil.rmtree(here.layout)
    assert run_here(recheck).code == code
