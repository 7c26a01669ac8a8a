"""Two media of one publisher: the newer one carries the CRL that revokes the signer of the older one. Both passed."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from airgap import limits
from airgap.collection.packing import pack
from airgap.oci.descriptor import EMPTY, IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.target import open_target
from airgap.parse.time import iso
from airgap.revocation.artifact import CRL_MEDIA_TYPE, EVIDENCE_TYPE
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Issued, Pki, issue
from tests.support.scenario import Scene, Written, bare
from tests.support.snapshots import Ground

DAY = timedelta(days=1)
URL = "http://crl.example/leaf.crl"
OLD = Pki().code_chain(depth=2, leaf={"crl_urls": [URL]})
NEW = issue("leaf", issuer=OLD.root, crl_urls=[URL], slot=7)
MAY = crl(OLD.root, number=1, this_update=AT - 9 * DAY)
JUNE = crl(OLD.root, number=2, this_update=AT - DAY, revoked=[entry(OLD.serial, reason="keyCompromise")])


def medium(folder: Path, leaf: Issued, *evidence: bytes, archive: bool = False, wrong_sizes: bool = False) -> Written:
    def put(builder: LayoutBuilder, target: Descriptor) -> None:
        layers = [bare(builder.add_blob(data, CRL_MEDIA_TYPE)) for data in evidence]
        wrong = [{**layer, "size": layer["size"] + 1} for layer in layers] if wrong_sizes else []
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "artifactType": EVIDENCE_TYPE,
            "config": bare(builder.add_blob(b"{}", EMPTY)),
            "layers": wrong + layers,
            "subject": bare(target),
        }
        builder.list(builder.add_manifest(document, artifact_type=EVIDENCE_TYPE))

    scene = Scene(archive=archive, packing=[put] if evidence else [])
    scene.sign_with(leaf)
    folder.mkdir()
    return scene.write(folder)


def judge(media: Sequence[Written], *more: str, command: str = "verify", sources: Sequence[str] = ()) -> Ran:
    names = sources or [item.target for item in media]
    arguments = [command, *names, "--trust", str(media[0].trust), "--at", iso(AT), "--scope", str(media[0].scope)]
    return run_here([*arguments, *more, "--format", "json"])


def verdicts(ran: Ran) -> list[str]:
    return [item.get("verdict") or item["now"]["verdict"] for item in ran.document["artifacts"]]


def is_revoked(ran: Ran, number: int) -> bool:
    (signature,) = ran.document["artifacts"][number]["signatures"]
    return any(finding["reason"] == "revocation.revoked" for finding in signature["findings"])


@pytest.mark.parametrize("archive", [False, True])
def test_the_evidence_of_all_targets_is_used_for_each(tmp_path: Path, archive: bool) -> None:
    old, new = medium(tmp_path / "old", OLD, MAY, archive=archive), medium(tmp_path / "new", NEW, JUNE, archive=archive)
    assert [judge([item]).code for item in (old, new)] == [0, 0]
    for media, expected in (((old, new), ["fail", "pass"]), ((new, old), ["pass", "fail"])):
        ran = judge(media)
        assert (ran.code, verdicts(ran)) == (14, expected)


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("is_gone", [False, True])
def test_evidence_that_one_layout_only_names_is_used_from_another(tmp_path: Path, is_gone: bool, reverse: bool) -> None:
    """A layout that named a CRL without holding it kept the same CRL in the next one from being used."""
    hollow, revoked = medium(tmp_path / "hollow", NEW, JUNE), medium(tmp_path / "revoked", OLD, JUNE)
    blob = hollow.layout / "blobs/sha256" / Digest.of(JUNE).encoded
    blob.unlink()
    if not is_gone:
        blob.write_bytes(b"0" * len(JUNE))
    media = [revoked, hollow] if reverse else [hollow, revoked]
    assert is_revoked(judge(media), media.index(revoked))


@pytest.mark.parametrize("reverse", [False, True])
def test_evidence_that_is_too_large_leaves_all_targets_open(tmp_path: Path, reverse: bool) -> None:
    """It did for its own layout alone, where that held no other evidence; the others passed."""
    media = [medium(tmp_path / "old", OLD, MAY), medium(tmp_path / "new", NEW)]
    with (media[1].layout / "large.crl").open("wb") as file:
        file.truncate(limits.CRL_FILE_BYTES + 1)
    ran = judge(media[::-1] if reverse else media)
    assert (ran.code, verdicts(ran)) == (15, ["indeterminate"] * 2)


def test_uses_evidence_whose_descriptor_has_a_wrong_size(tmp_path: Path) -> None:
    """One more layer turned 14 into PASS: it named the revoking CRL with another size."""
    assert is_revoked(judge([medium(tmp_path / "old", OLD, MAY, JUNE, wrong_sizes=True)]), 0)


def test_accepts_layouts_with_the_same_evidence_or_without_any(tmp_path: Path) -> None:
    media = [medium(tmp_path / str(number), NEW, *evidence) for number, evidence in enumerate([[JUNE], [JUNE], []])]
    ran = judge([*media, media[0]])
    assert (ran.code, verdicts(ran)) == (0, ["pass"] * 4)


def test_judges_the_others_beside_an_unreadable_layout(tmp_path: Path) -> None:
    old, new = medium(tmp_path / "old", OLD, MAY), medium(tmp_path / "new", NEW, JUNE)
    (new.layout / "index.json").write_bytes(b"{")
    ran = judge([old, new])
    assert (ran.code, verdicts(ran)) == (16, ["pass"])


def test_more_layouts_than_the_bound_do_not_pass(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Layouts with evidence of no use kept that of the next one from being used, with a warning."""
    monkeypatch.setattr(limits, "LAYOUTS_WITH_EVIDENCE", 1)
    media = [medium(tmp_path / "old", OLD, MAY), medium(tmp_path / "new", NEW, JUNE)]
    ran = judge(media)
    assert (ran.code, verdicts(ran)) == (15, ["indeterminate", "indeterminate"])
    (problem,) = ran.document["problems"]
    assert problem["reason"] == "evidence.unread"
    assert "is used for its own artifacts alone" in problem["message"]
    report = tmp_path / "old.json"
    assert judge(media[:1], "--report", str(report)).code == 0
    assert judge(media, command="recheck", sources=[str(report), str(media[1].layout)]).code == 15


def test_artifacts_are_open_in_reports_and_ledger_where_evidence_of_a_layout_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the revoking CRL in the layout after the last that is used, all others were good: text, report, ledger."""
    monkeypatch.setattr(limits, "LAYOUTS_WITH_EVIDENCE", 1)
    media = [medium(tmp_path / "old", OLD, MAY), medium(tmp_path / "new", OLD, JUNE)]
    statements, ledger = tmp_path / "all.intoto.jsonl", tmp_path / "ledger.db"
    ran = judge(media, "--report", str(statements), "--ledger", str(ledger))
    assert (ran.code, verdicts(ran)) == (14, ["indeterminate", "fail"])
    assert "PASSED" not in statements.read_text()
    rows = run_here(["ledger", "list", "--ledger", str(ledger), "--format", "json"]).document["rows"]
    assert len(rows) == 2
    assert "pass" not in {row.get("verdict") for row in rows}


def test_more_certificates_of_signers_than_the_bound_do_not_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each layout alone is within the bound."""
    media = [medium(tmp_path / "old", OLD, MAY), medium(tmp_path / "new", NEW, MAY)]
    assert judge(media).code == 0
    monkeypatch.setattr(limits, "SIGNER_CERTIFICATES", 3)
    assert [judge([item]).code for item in media] == [0, 0]
    ran = judge(media)
    assert (ran.code, verdicts(ran)) == (15, ["indeterminate", "indeterminate"])


def test_more_evidence_than_the_bound_does_not_pass_beside_the_same_in_another_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All that was read of the second was known from the first, so that what was not read of it was forgotten."""
    monkeypatch.setattr(limits, "TARGET_EVIDENCE_FILES", 1)
    media = [medium(tmp_path / "old", OLD, MAY), medium(tmp_path / "both", OLD, MAY, JUNE)]
    for given in (media, media[::-1]):
        ran = judge(given)
        assert (ran.code, verdicts(ran)) == (15, ["indeterminate", "indeterminate"])
    assert judge(media[:1]).code == 0


@pytest.mark.parametrize("gone", [False, True])
def test_a_recheck_uses_all_layouts_that_are_left(tmp_path: Path, gone: bool) -> None:
    old, new = medium(tmp_path / "old", OLD, MAY), medium(tmp_path / "new", NEW, JUNE)
    reports = [str(tmp_path / "old.json"), str(tmp_path / "new.json")]
    for item, report in zip((old, new), reports, strict=True):
        assert judge([item], "--report", report).code == 0
    if gone:
        shutil.rmtree(old.layout)
    for sources in (reports, [reports[0], str(new.layout)]):
        assert judge([old, new], command="recheck", sources=sources).code == 14


def test_a_snapshot_is_judged_with_the_evidence_in_its_layout(tmp_path: Path) -> None:
    """Its signer was revoked by evidence in the layout that it came in, and it was applied."""
    ground = Ground(tmp_path)
    ground.pin()
    target = ground.packed()
    assert not ground.verify(target).problems
    with open_target(target) as opened:
        subject, layout = opened.roots()[0].descriptor, Path(opened.reference.path)
    revoking = crl(ground.leaf.chain[1], revoked=[ground.leaf], number=9)
    artifact = pack(subject, crls={"r.crl": revoking}, ocsp={}, crl_index={}, responders={})
    for descriptor, data in (*artifact.blobs, (artifact.manifest, artifact.raw)):
        (layout / "blobs/sha256" / descriptor.digest.encoded).write_bytes(data)
    index = json.loads((layout / "index.json").read_text())
    index["manifests"].append(artifact.manifest.to_json())
    (layout / "index.json").write_text(json.dumps(index))
    outcome = ground.apply(target)
    assert [problem.reason for problem in outcome.problems] == ["revocation.revoked"]
