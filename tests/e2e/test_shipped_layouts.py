"""The layouts in the repository get the verdicts that they are shipped to show."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from layouts.make import CRLS_HOLD_UNTIL, LAYOUTS, write
from tests.support.command import Ran, run_here, run_process

ROOT: Final = Path(__file__).parents[2]
LAYOUT_FOLDER: Final = ROOT / "layouts"
EXPECTED: Final[list[dict[str, Any]]] = json.loads((LAYOUT_FOLDER / "expected.json").read_text(encoding="utf-8"))


def _arguments(case: dict[str, Any], folder: Path) -> list[str]:
    """The arguments with paths below `folder` instead of layouts/."""
    return ["verify", *(part.replace("layouts/", f"{folder}/") for part in case["arguments"]), "--format", "json"]


def _check(case: dict[str, Any], ran: Ran) -> None:
    ran.check_sound()
    assert ran.document["verdict"] == case["verdict"], ran
    assert ran.code == case["exit_code"], ran
    assert ran.reasons == set(case["reasons"]), ran


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: str(case["name"]))
def test_shipped_layout_gets_its_verdict(case: dict[str, Any]) -> None:
    _check(case, run_here(_arguments(case, LAYOUT_FOLDER)))


def test_shipped_layout_passes_in_a_process_of_its_own() -> None:
    _check(EXPECTED[0], run_process(_arguments(EXPECTED[0], LAYOUT_FOLDER)))


@pytest.fixture(scope="module")
def remade(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("layouts")
    write(folder)
    return folder


@pytest.mark.parametrize("case", EXPECTED, ids=lambda case: str(case["name"]))
def test_regenerated_layouts_get_the_same_verdicts(case: dict[str, Any], remade: Path) -> None:
    """Keys differ each time, verdicts do not."""
    _check(case, run_here(_arguments(case, remade)))


def test_the_demo_shows_every_shipped_layout() -> None:
    shown = {case["arguments"][0].partition(":")[0] for case in EXPECTED}
    assert shown == {f"layouts/{name}" for name in [*LAYOUTS, "good.tar"]}


def test_good_signatures_cover_both_forms_and_the_bill_of_materials() -> None:
    ran = run_here(_arguments(EXPECTED[0], LAYOUT_FOLDER))
    (artifact,) = ran.document["artifacts"]
    assert {item["envelope"]["media_type"] for item in artifact["signatures"]} == {
        "application/jose+json",
        "application/cose",
    }
    assert all(item["signer"]["timestamp"] for item in artifact["signatures"])
    (sbom,) = artifact["referrers"]
    assert (sbom["artifact_type"], sbom["verdict"]) == ("application/spdx+json", "pass")
    assert ran.document["evidence_expires"]["at"].startswith(str(CRLS_HOLD_UNTIL.year))


def test_tampered_layout_has_good_signatures_over_bad_content() -> None:
    """A signature is not the content (RULE-4)."""
    case = next(case for case in EXPECTED if case["name"] == "tampered")
    (artifact,) = run_here(_arguments(case, LAYOUT_FOLDER)).document["artifacts"]
    assert artifact["signature_verdict"] == "pass"
    assert artifact["content"]["verdict"] == "fail"


def test_shipped_layouts_are_small_and_hold_no_private_key() -> None:
    files = [path for path in LAYOUT_FOLDER.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert sum(path.stat().st_size for path in files) < 300_000
    shipped = [path for path in files if path.suffix not in {".py", ".pyc"}]
    assert not [path for path in shipped if b"PRIVATE KEY" in path.read_bytes()]


def test_line_endings_survived_the_checkout() -> None:
    """A blob that git has converted no longer hashes to its name: .gitattributes must prevent that."""
    for name in LAYOUTS:
        for path in (LAYOUT_FOLDER / name / "blobs" / "sha256").iterdir():
            changed_on_purpose = name == "tampered" and b"exec bat" in path.read_bytes()
            assert changed_on_purpose or hashlib.sha256(path.read_bytes()).hexdigest() == path.name


def test_the_script_shows_help_and_writes_nothing() -> None:
    before = {path: path.stat().st_mtime_ns for path in LAYOUT_FOLDER.rglob("*")}
    command = [sys.executable, "-m", "layouts.make", "--help"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "usage: python -m layouts.make" in done.stdout
    assert {path: path.stat().st_mtime_ns for path in LAYOUT_FOLDER.rglob("*")} == before
