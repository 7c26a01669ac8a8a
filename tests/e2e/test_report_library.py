"""Reports from Python are those of the command; the example is the one of docs/reference/library.md."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

import airgap
import airgap.report
from airgap.errors import AirgapError, UsageError
from tests.support.command import run_here
from tests.support.examples import example
from tests.support.pki import AT
from tests.support.scenario import Scene
from tests.support.trust import write_trust

ROOT = Path(__file__).resolve().parents[2]


def test_the_example_writes_a_report_that_recheck_reads(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    report = tmp_path / "report.json"
    good = example("def judge")["judge"](written.target, written.trust, report)
    document = json.loads(report.read_bytes())
    assert good is (document["verdict"] == "pass")
    assert document["network"] == {"guard": True, "attempts": 0, "plugins": []}
    again = run_here(["recheck", str(report), "--trust", str(written.trust), "--format", "json"]).document
    assert [item["digest"] for item in again["artifacts"]] == [item["digest"] for item in document["artifacts"]]


def test_the_example_finds_unsigned_artifacts() -> None:
    assert example("is_bare")["bare"](ROOT / "layouts/unsigned") == [f"{ROOT}/layouts/unsigned:v1"]
    assert example("is_bare")["bare"](ROOT / "layouts/good") == []


def test_a_report_is_what_the_command_prints(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    request = airgap.VerifyRequest(
        targets=[written.target], at=written.at, clock=datetime.now(UTC).replace(microsecond=0), scope=written.scope
    )
    report = airgap.report.VerifyReport(airgap.verify(request, written.trust), attempts=0)
    ran = run_here(written.arguments())
    assert ran.code == report.exit_code == 0
    document, printed = report.document(), ran.document
    printed["time"]["clock"] = document["time"]["clock"]  # it has gone on
    assert printed == document
    assert report.brief() == report.text().splitlines(keepends=True)[-1]


def test_a_report_that_cannot_be_written_has_a_remedy(tmp_path: Path) -> None:
    report = airgap.report.ErrorReport(AirgapError("an error"))
    with pytest.raises(AirgapError, match=r"the report .* cannot be written") as caught:
        airgap.report.write_report(tmp_path / "nowhere" / "report.json", report)
    assert caught.value.remedy.startswith("Make the folder first")


@pytest.mark.parametrize("name", ["nowhere/file", "folder", "plain/file"])
@pytest.mark.parametrize("command", ["verify", "recheck", "copy", "blob verify"])
def test_refuses_an_unwritable_report_before_the_work_begins(tmp_path: Path, command: str, name: str) -> None:
    written = Scene().write(tmp_path)
    (tmp_path / "folder").mkdir()
    for plain in ("file", "plain"):
        (tmp_path / plain).write_bytes(b"content")
    new, place = tmp_path / "new", str(tmp_path / name)
    source = str(tmp_path / "file") if command == "blob verify" else written.target
    options = {"copy": [f"oci:{new}", "--lock-output", place]}.get(
        command, ["--trust", str(written.trust), "--report", place]
    )
    ran = run_here([*command.split(), source, *options])
    assert (ran.code, ran.out) == (1, "")
    assert "cannot be written" in ran.err
    assert not new.exists()


def test_recheck_of_nothing_is_refused(tmp_path: Path) -> None:
    """It would end well."""
    with pytest.raises(UsageError, match="nothing to judge"):
        airgap.recheck(airgap.RecheckRequest(sources=[], at=AT, clock=AT), write_trust(tmp_path))
