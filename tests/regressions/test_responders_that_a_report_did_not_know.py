"""A CRL in a layout revoked an OCSP responder that the report did not know: later its "good" passed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airgap.parse.time import iso
from tests.support import names
from tests.support.command import Ran, run_here
from tests.support.crls import crl
from tests.support.evidence import evidence_artifact
from tests.support.keyring import key
from tests.support.ocsp import ocsp_response
from tests.support.pki import AT, issue
from tests.support.scenario import Scene, Written

ROOT = issue("root", subject=names.harbour("Root"), key=key("p256", 0))
CA = issue("intermediate", issuer=ROOT, subject=names.harbour("Int"), key=key("p256", 1))
LEAF = issue("leaf", issuer=CA, key=key("p256", 2), ocsp_urls=["http://ocsp.example/"])
FIRST, SECOND = (issue("ocsp", issuer=CA, key=key("p256", slot), subject=names.harbour("Responder")) for slot in (3, 4))


def verified(folder: Path, *pieces: bytes) -> tuple[Written, Path]:
    """A report of an artifact that passed by the answer of the first responder."""
    scene = Scene()
    scene.sign_with(LEAF)
    scene.packing = [
        lambda builder, target: builder.list(builder.add_manifest(evidence_artifact(builder, target, *pieces)))
    ]
    written, report = scene.write(folder), folder / "report.json"
    (written.trust / "ocsp").mkdir()
    (written.trust / "ocsp/answer.ors").write_bytes(ocsp_response(LEAF, responder=FIRST))
    assert run_here(written.arguments("--report", str(report))).code == 0
    return written, report


def again(written: Written, report: Path) -> Ran:
    """The layout is gone."""
    if written.layout.exists():
        written.layout.rename(written.layout.with_name("away"))
    ran = run_here(["recheck", str(report), "--trust", str(written.trust), "--at", iso(AT), "--format", "json"])
    ran.check_sound()
    return ran


@pytest.mark.parametrize(
    ("piece", "verdicts"),
    [
        pytest.param(crl(CA, revoked=[SECOND]), (15, 15), id="revoked by a CRL"),
        pytest.param(ocsp_response(SECOND, status="revoked"), (15, 15), id="revoked by a response"),
        pytest.param(crl(CA, revoked=[7]), (0, 15), id="something else was revoked"),
        pytest.param(crl(CA), (0, 0), id="nothing was revoked"),
    ],
)
def test_what_a_new_responder_says_counts_where_nothing_in_the_layout_may_be_against_it(
    tmp_path: Path, piece: bytes, verdicts: tuple[int, int]
) -> None:
    written, report = verified(tmp_path, piece)
    (written.trust / "ocsp/answer.ors").write_bytes(ocsp_response(LEAF, responder=SECOND))
    by_layout = run_here(written.arguments()).code
    ran = again(written, report)
    assert (by_layout, ran.code) == verdicts
    if ran.code:
        assert "airgap trust fetch LAYOUT" in ran.out
        (written.trust / "crls").mkdir()
        (written.trust / "crls/from-the-layout.crl").write_bytes(piece)
        assert again(written, report).code == by_layout


def test_a_responder_that_the_report_knew_still_answers(tmp_path: Path) -> None:
    written, report = verified(tmp_path, crl(CA, revoked=[SECOND, 7]))
    assert again(written, report).code == 0
    (written.trust / "ocsp/answer.ors").write_bytes(ocsp_response(LEAF))
    assert again(written, report).code == 0


@pytest.mark.parametrize("version", [None, 2, 4])
def test_a_report_of_another_version_does_not_pass(tmp_path: Path, version: int | None) -> None:
    """What it does not hold is not "none": it was not looked for. A revocation is found in it all the same."""
    written, report = verified(tmp_path, crl(CA))
    document = json.loads(report.read_text())
    (signature,) = document["artifacts"][0]["signatures"]
    signature["for_recheck"]["version"] = version
    if version is None:
        del signature["for_recheck"]["version"]
        signature["for_recheck"]["said_against"] = []
    report.write_text(json.dumps(document))
    ran = again(written, report)
    assert ran.code == 15
    assert "another version of airgap" in ran.out
    (written.trust / "ocsp/answer.ors").write_bytes(ocsp_response(LEAF, status="revoked"))
    assert again(written, report).code == 14
