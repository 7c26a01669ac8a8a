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


@pytest.mark.parametrize("reverse", [False, True])
def test_what_a_report_knows_counts_for_a_layout_beside_it(tmp_path: Path, reverse: bool) -> None:
    """A layout of which no report says anything was judged without what the report knows."""
    a, b = written(tmp_path / "a", revoked=True), written(tmp_path / "b", revoked=False)
    report = tmp_path / "a.json"
    assert run_here(a.arguments("--report", str(report))).code == 14
    shutil.rmtree(a.layout)
    names = [str(report), str(b.layout)]
    more = ["--trust", str(b.trust), "--at", "2026-06-02", "--scope", str(b.scope), "--format", "json"]
    ran = run_here(["recheck", *(reversed(names) if reverse else names), *more])
    assert ran.code == 14
    found = [item["now"] for item in json.loads(ran.out)["artifacts"]]
    assert sorted(item if isinstance(item, str) else item["verdict"] for item in found) == ["fail", "indeterminate"]
    alone = run_here(["recheck", str(b.layout), *more])
    assert alone.code == 0


def test_a_report_alone_knows_nothing_of_others(tmp_path: Path) -> None:
    b = written(tmp_path / "b", revoked=False)
    report = tmp_path / "b.json"
    assert run_here(b.arguments("--report", str(report))).code == 0
    shutil.rmtree(b.layout)
    assert run_here(["recheck", str(report), "--trust", str(b.trust), "--at", "2026-06-02"]).code == 0
