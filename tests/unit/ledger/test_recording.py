"""Outcomes of verify as rows: a row says of its artifact what a report says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import airgap
import airgap.report
from airgap.errors import FormatError
from airgap.ledger import (
    JudgedArtifact,
    check_export,
    judgements,
    snapshot_in_force,
    write_export,
)
from airgap.ledger.rejudging import RecordedJudgements
from airgap.oci.digest import Digest
from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.transfer.carried_bundles import CarriedBundle
from airgap.trust.snapshots.state import State
from airgap.verifier.outcome import Outcome
from airgap.verifier.recorded import RecordedReport
from airgap.verifier.report_reader import parse_report
from tests.support.ledgers import BUNDLE, DAY, change, verified
from tests.support.many import many_images
from tests.support.scenario import with_everything


def came_in(outcome: Outcome) -> CarriedBundle:
    """A bundle that lists all that was judged."""
    return CarriedBundle(
        reference="stick",
        path=outcome.artifacts[0].path,
        digest=BUNDLE,
        stream=None,
        number=None,
        created=DAY,
        artifacts=frozenset(artifact.descriptor.digest for artifact in outcome.artifacts),
        is_whole=True,
        is_asked_for=True,
    )


@pytest.mark.parametrize("metadata", [{}, {"a": "\u00e9"}])
def test_each_artifact_is_a_row_that_says_what_a_report_says(tmp_path: Path, metadata: dict[str, str]) -> None:
    written = many_images(tmp_path / "scene", 12)
    request = airgap.VerifyRequest(
        targets=[f"oci:{written.layout}"],
        at=written.at,
        clock=written.at,
        scope=written.scope,
        metadata=metadata,
    )
    outcome = airgap.verify(request, written.trust)
    file = tmp_path / "report.json"
    airgap.report.write_report(file, airgap.report.VerifyReport(outcome, 0))
    report = parse_report(file.read_bytes(), "row")
    with airgap.Ledger.open(tmp_path / "l", write=True) as ledger:
        ledger.record(judgements(outcome, operator="ada", bundles=[came_in(outcome)], snapshot="default/7 sha256:ab"))
        rows = list(ledger.rows())
        assert len(rows) == len(report.artifacts) == 13
        for row, artifact, judged in zip(rows, report.artifacts, outcome.artifacts, strict=True):
            found = RecordedJudgements(ledger).report(row.number, ledger.attached(row) or b"")
            assert isinstance(found, RecordedReport)
            assert found == replace(report, name=f"row {row.number}", artifacts=(artifact,), problems=())
            entry = row.entry
            assert isinstance(entry, JudgedArtifact)
            assert (entry.verdict, entry.exit_code) == (judged.verdict, judged.exit_code)
            assert (entry.digest, entry.bundle) == (judged.descriptor.digest, BUNDLE)
            assert bool(entry.signers) == (judged.accepted is not None)
            assert bool(entry.reasons) == (judged.exit_code != 0)
            assert entry.policy == outcome.trust["policy_digest"]
        verdicts = {row.entry.verdict for row in rows if isinstance(row.entry, JudgedArtifact)}
        assert verdicts == ({airgap.Verdict.FAIL} if metadata else {airgap.Verdict.PASS, airgap.Verdict.FAIL})
        assert ledger.check().is_whole


def test_a_problem_of_the_target_counts_against_what_came_in_it(tmp_path: Path) -> None:
    written = with_everything().write(tmp_path / "scene")
    outcome = verified(written)
    said = {
        written.target: Problem.of_reason("layout.disagrees", "manifest.json says more", target=written.target),
        "all": Problem.of_reason("evidence.unread", "it is about all of the run"),
        "another": Problem(message="nothing is there", exit_code=11, target="another.tar:v1"),
    }
    for name, problem in said.items():
        (row,) = judgements(replace(outcome, problems=(problem,)), operator="ada")
        assert isinstance(row.entry, JudgedArtifact)
        expected = (True, 0, ()) if name == "another" else (False, problem.exit_code, (problem.reason,))
        assert (row.entry.is_accepted, row.entry.exit_code, row.entry.reasons) == expected
        assert len(parse_report(row.attached or b"", "row", _certificates(outcome).get).problems) == (name != "another")


def _certificates(outcome: airgap.values.Outcome) -> dict[str, Certificate]:
    signers = [item.signer for artifact in outcome.artifacts for item in artifact.signatures if item.signer]
    return {item.fingerprint: item for signer in signers for item in signer.chain + signer.timestamp_chain}


def test_certificates_are_kept_once(tmp_path: Path) -> None:
    written = many_images(tmp_path / "scene", 6)
    outcome = verified(written)
    with airgap.Ledger.open(tmp_path / "l", write=True) as ledger:
        for _ in range(3):
            ledger.record(judgements(outcome, operator="ada"))
        with ledger.one_state():
            assert len(list(ledger.kept.shared())) == len(set(ledger.kept.shared())) == 6, "two chains of three"


def test_a_row_without_its_certificates_is_damaged(tmp_path: Path) -> None:
    written = with_everything().write(tmp_path / "scene")
    with airgap.Ledger.open(tmp_path / "l", write=True) as ledger:
        ledger.record(judgements(verified(written), operator="ada"))
    change(tmp_path / "l", "DELETE FROM content WHERE digest NOT IN (SELECT attached FROM rows)")
    with airgap.Ledger.open(tmp_path / "l") as ledger, pytest.raises(FormatError, match="not among the report's"):
        RecordedJudgements(ledger).report(1, ledger.attached(ledger.row(1)) or b"")


def test_a_check_misses_certificates(tmp_path: Path) -> None:
    """Also one of many, and in an export."""
    written = with_everything().write(tmp_path / "scene")
    path, export = tmp_path / "l", tmp_path / "export"
    with airgap.Ledger.open(path, write=True) as ledger:
        ledger.record(judgements(verified(written), operator="ada"))
        write_export(ledger, export)
        assert ledger.check() == check_export(export)
    change(path, "DELETE FROM content WHERE rowid = (SELECT max(rowid) FROM content)")
    export.write_bytes(b"".join(export.read_bytes().splitlines(keepends=True)[:-1]))
    with airgap.Ledger.open(path) as ledger:
        found = ledger.check()
    assert found == check_export(export)
    assert [(fault.kind, fault.number, "certificate" in fault.message) for fault in found.faults] == [
        ("removed", 1, True)
    ]


def test_exceptions_are_recorded_with_the_artifact_that_they_are_about(tmp_path: Path) -> None:
    written = with_everything().write(tmp_path / "scene")
    used = {Digest.parse(written.digest): ("CVE fix of Monday",), BUNDLE: ("another",)}
    (made,) = judgements(verified(written), operator="ada", exceptions=used)
    assert isinstance(made.entry, JudgedArtifact)
    assert made.entry.exceptions == ("CVE fix of Monday",)


def test_the_snapshot_in_force_is_that_of_the_trust_directory(tmp_path: Path) -> None:
    assert snapshot_in_force(tmp_path) is None
    State(in_force="default/7 sha256:ab").write(tmp_path)
    assert snapshot_in_force(tmp_path) == "default/7 sha256:ab"
    (tmp_path / ".airgap" / "state.json").write_bytes(b"{")
    assert snapshot_in_force(tmp_path) is None
