"""With `--format json` an error before the work begins printed a sentence and no document: programs read nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.scenario import Scene

CASES = [
    ("airgap.verify/1", 2, ["verify", "LAYOUT", "--trust", "TRUST", "--report", "LAYOUT/report.json"]),
    ("airgap.verify/1", 1, ["verify", "LAYOUT", "--trust", "TRUST", "--report", "NOWHERE/report.json"]),
    ("airgap.verify/1", 2, ["verify", "LAYOUT", "--trust", "TRUST", "--at", "noon"]),
    ("airgap.verify/1", 2, ["verify", "LAYOUT", "--trust", "TRUST", "--scope", "a b"]),
    ("airgap.verify/1", 2, ["verify", "LAYOUT", "--trust", "TRUST", "-m", "key"]),
    ("airgap.verify/1", 2, ["verify", "LAYOUT", "--trust", "TRUST", "--max-age", "soon"]),
    ("airgap.recheck/1", 2, ["recheck", "LAYOUT", "--trust", "TRUST", "--at", "noon"]),
    ("airgap.recheck/1", 1, ["recheck", "LAYOUT", "--trust", "TRUST", "--report", "NOWHERE/report.json"]),
    ("airgap.blob.verify/1", 2, ["blob", "verify", "FILE", "--trust", "TRUST", "--at", "noon"]),
    ("airgap.blob.verify/1", 1, ["blob", "verify", "FILE", "--trust", "TRUST", "--report", "NOWHERE/report.json"]),
    ("airgap.error/1", 2, ["blob", "inspect", "FILE"]),
    ("airgap.error/1", 11, ["blob", "sign", "FILE"]),
    ("airgap.copy/1", 2, ["copy", "LAYOUT"]),
    ("airgap.copy/1", 2, ["copy", "REGISTRY", "REGISTRY", "--with-evidence"]),
    ("airgap.error/1", 11, ["discover", "LAYOUT:none"]),
    ("airgap.error/1", 11, ["inspect", "LAYOUT:none"]),
    ("airgap.sign/1", 11, ["sign", "LAYOUT"]),
    ("airgap.timestamp/1", 2, ["timestamp", "add", "LAYOUT", "--timestamp-url", "http://tsa.example"]),
    ("airgap.fetch/1", 2, ["trust", "fetch", "--trust", "TRUST"]),
    ("airgap.error/1", 2, ["trust", "status", "--trust", "TRUST", "--at", "noon"]),
    ("airgap.error/1", 18, ["trust", "status", "--trust", "NOWHERE"]),
    ("airgap.error/1", 2, ["trust", "export", "--trust", "TRUST", "--for", "notation", "--output", "TRUST/out"]),
    ("airgap.error/1", 2, ["trust", "cert", "show", "--trust", "TRUST", "--type", "ca", "--store", "..", "x.pem"]),
    ("airgap.snapshot/1", 2, ["trust", "snapshot", "create", "--output", "LAYOUT", "--trust", "TRUST", "--at", "noon"]),
    ("airgap.snapshot/1", 2, ["trust", "snapshot", "apply", "LAYOUT", "--trust", "TRUST", "--at", "noon"]),
    ("airgap.error/1", 2, ["verify"]),
    ("airgap.error/1", 2, ["verify", "LAYOUT", "--unknown"]),
    ("airgap.error/1", 2, ["verify", "LAYOUT", "--trust", ""]),
    ("airgap.error/1", 2, ["trust", "snapshot", "shwo"]),
    ("airgap.error/1", 2, ["verfy", "LAYOUT"]),
]


FORMS = [["--format", "json"], ["--format=json"], ["--json"], ["-o", "json"], ["-ojson"]]


# where -o names the file for the result, it is no format
ASKED = [(*case, form) for case in CASES for form in FORMS if not ("--output" in case[2] and form[0].startswith("-o"))]


@pytest.mark.parametrize(
    ("schema", "code", "arguments", "form"), ASKED, ids=[" ".join((*case[2], *case[3])) for case in ASKED]
)
def test_each_error_is_a_document(
    tmp_path: Path, schema: str, code: int, arguments: list[str], form: list[str]
) -> None:
    written = Scene().write(tmp_path)
    (tmp_path / "file").write_bytes(b"file")
    names = {
        "LAYOUT": str(written.layout),
        "TRUST": str(written.trust),
        "NOWHERE": str(tmp_path / "nowhere"),
        "FILE": str(tmp_path / "file"),
        "REGISTRY": "registry.example/app:v1",
    }
    for name, value in names.items():
        arguments = [word.replace(name, value) for word in arguments]
    ran = run_here([*arguments, *form])
    assert ran.code == code, ran
    document = json.loads(ran.out)  # exactly one
    assert document["schema"] == schema
    assert document.get("exit_code", code) == code
    said = [document.get("error"), document.get("problem"), *document.get("problems", [])]
    assert any(item and item["message"] in ran.err for item in said), ran


def test_prints_one_document_only(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    ran = run_here(["trust", "policy", "check", "--trust", str(tmp_path / "nowhere"), "--format", "json"])
    assert ran.code == 18
    json.loads(ran.out)
    assert run_here(["verify", str(written.layout), "--trust", str(written.trust), "--at", "noon"]).out == ""
