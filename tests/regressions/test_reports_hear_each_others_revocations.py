"""A revocation that one report holds counts for each artifact of the signer that is judged again with it.

The layout with the revoking CRL was gone: its own artifact stayed revoked, and the other one of the signer was called
good. A ledger used it already (decision 0039).
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.evidence import evidence_artifact
from tests.support.layouts import LayoutBuilder
from tests.support.pki import Pki
from tests.support.scenario import Scene, Written, add_image

LEAF = Pki().code_chain()
REVOKING = crl(LEAF.chain[1], number=3, revoked=[entry(LEAF.serial, reason="keyCompromise")])


def written(folder: Path, *, revoked: bool) -> Written:
    scene = Scene()
    scene.sign_with(LEAF)
    if revoked:
        scene.target = add_image(scene.builder, "other")

        def pack(builder: LayoutBuilder, image: Descriptor) -> None:
            document = evidence_artifact(builder, image, REVOKING)
            builder.list(builder.add_manifest(document, artifact_type=EVIDENCE_TYPE))

        scene.packing.append(pack)
    folder.mkdir()
    return scene.write(folder)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("gone", ["both", "the one with the CRL"])
def test_the_other_artifact_of_the_signer_is_not_good(tmp_path: Path, gone: str, reverse: bool) -> None:
    a, b = written(tmp_path / "a", revoked=True), written(tmp_path / "b", revoked=False)
    reports = [tmp_path / "a.json", tmp_path / "b.json"]
    trust = ["--trust", str(b.trust)]
    for item, report, code in ((a, reports[0], 14), (b, reports[1], 0)):
        words = [str(b.trust) if word == str(item.trust) else word for word in item.arguments("--report", str(report))]
        assert run_here(words).code == code
    shutil.rmtree(a.layout)
    if gone == "both":
        shutil.rmtree(b.layout)
    names = [str(report) for report in (reversed(reports) if reverse else reports)]
    ran = run_here(["recheck", *names, *trust, "--at", "2026-06-02", "--format", "json"])
    assert ran.code == 14
    assert {item["now"] for item in json.loads(ran.out)["artifacts"]} == {"fail", "indeterminate"}


def test_a_report_alone_knows_nothing_of_others(tmp_path: Path) -> None:
    b = written(tmp_path / "b", revoked=False)
    report = tmp_path / "b.json"
    assert run_here(b.arguments("--report", str(report))).code == 0
    shutil.rmtree(b.layout)
    assert run_here(["recheck", str(report), "--trust", str(b.trust), "--at", "2026-06-02"]).code == 0
