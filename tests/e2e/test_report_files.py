"""`--report FILE` in every form, through the commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.support.command import run_here

ROOT = Path(__file__).parents[2]
FORMS = ("json", "ndjson", "html", "xml", "intoto.jsonl")
GOOD, BAD = ROOT / "layouts/good", ROOT / "layouts/tampered"
TRUST = ["--trust", str(ROOT / "layouts/trust"), "--scope", "registry.example/net-monitor"]


def options(folder: Path) -> list[str]:
    return [word for form in FORMS for word in ("--report", str(folder / f"r.{form}"))]


def test_verify_writes_all_forms_of_one_verdict(tmp_path: Path) -> None:
    ran = run_here(["verify", str(GOOD), str(BAD), *TRUST, *options(tmp_path), "--format", "json"])
    assert ran.code == 16
    document = json.loads((tmp_path / "r.json").read_text(encoding="utf-8"))
    assert document == ran.document
    first, *others = map(json.loads, (tmp_path / "r.ndjson").read_text(encoding="utf-8").splitlines())
    assert first["exit_code"] == 16
    assert [{**line, "line": None} for line in others] == [{**one, "line": None} for one in document["artifacts"]]
    root = ET.parse(tmp_path / "r.xml").getroot()  # noqa: S314 - our own
    assert (root.attrib["tests"], root.attrib["failures"], root.attrib["errors"]) == ("2", "1", "0")
    lines = map(json.loads, (tmp_path / "r.intoto.jsonl").read_text(encoding="utf-8").splitlines())
    assert [line["predicate"]["verificationResult"] for line in lines] == ["PASSED", "FAILED"]
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    assert "FAIL: do not use" in page
    assert "content.digest" in page


def test_recheck_writes_what_changed(tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    assert run_here(["verify", str(GOOD), *TRUST, "--report", str(earlier)]).code == 0
    ran = run_here(["recheck", str(earlier), *TRUST[:2], "--at", "2080-01-01", *options(tmp_path)])
    assert ran.code == 15
    root = ET.parse(tmp_path / "r.xml").getroot()  # noqa: S314 - our own
    assert (root.attrib["name"], root.attrib["errors"]) == ("airgap recheck", "1")
    assert "change: worse" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_file_that_was_never_read_is_no_success(tmp_path: Path) -> None:
    ran = run_here(["blob", "verify", str(tmp_path / "none"), *TRUST[:2], *options(tmp_path)])
    assert ran.code != 0
    root = ET.parse(tmp_path / "r.xml").getroot()  # noqa: S314 - our own
    assert int(root.attrib["errors"]) + int(root.attrib["failures"]) > 0


def test_nothing_is_read_if_a_report_cannot_be_written(tmp_path: Path) -> None:
    ran = run_here(["verify", str(GOOD), *TRUST, "--report", str(tmp_path / "r.html"), "--report", str(tmp_path)])
    assert ran.code != 0
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["r.json", "./r.json"])
def test_one_file_is_not_written_twice(tmp_path: Path, name: str) -> None:
    twice = ["--report", str(tmp_path / "r.json"), "--report", f"{tmp_path}/{name}"]
    ran = run_here(["verify", str(GOOD), *TRUST, *twice])
    assert ran.code == 2
    assert not list(tmp_path.iterdir())


def test_another_form_is_refused_before_the_reading(tmp_path: Path) -> None:
    ran = run_here(["verify", str(GOOD), *TRUST, "--report", str(tmp_path / "r.pdf")])
    assert ran.code == 2
    assert "no report in the form of r.pdf" in ran.err


@pytest.mark.parametrize("content", ["none", "manifests"])
def test_content_that_was_not_read_is_not_passed_in_a_summary(content: str, tmp_path: Path) -> None:
    """The layer of this image is damaged: its signatures alone are good."""
    ran = run_here(["verify", str(BAD), *TRUST, "--content", content, *options(tmp_path)])
    assert ran.code == 0
    (line,) = (tmp_path / "r.intoto.jsonl").read_text(encoding="utf-8").splitlines()
    assert json.loads(line)["predicate"]["verificationResult"] == "FAILED"
    for name in ("r.html", "r.xml"):
        assert "NOT checked" in (tmp_path / name).read_text(encoding="utf-8")


@pytest.mark.skipif(
    not os.environ.get("AIRGAP_SLOW"), reason="a browser takes seconds to start: `make browser` runs this"
)
@pytest.mark.skipif(shutil.which("chromium") is None, reason="chromium is not installed")
def test_a_browser_shows_and_prints_the_page(tmp_path: Path) -> None:
    page, printed = tmp_path / "r.html", tmp_path / "r.pdf"
    assert run_here(["verify", str(BAD), *TRUST, "--report", str(page)]).code == 16
    browser = ["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
               "--no-first-run", "--disable-dev-shm-usage", f"--user-data-dir={tmp_path / 'profile'}"]  # fmt: skip
    shown = subprocess.run([*browser, "--dump-dom", page.as_uri()], check=True, capture_output=True, timeout=60)
    assert b"What to do: Copy the artifact again" in shown.stdout
    subprocess.run([*browser, f"--print-to-pdf={printed}", page.as_uri()], check=True, capture_output=True, timeout=60)
    assert printed.read_bytes()[:5] == b"%PDF-"
