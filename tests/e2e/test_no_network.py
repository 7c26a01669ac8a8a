"""A verify opens no socket (RULE-2)."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERIFY = [
    sys.executable, "-m", "airgap", "verify", "layouts/good", "--trust", "layouts/trust",
    "--scope", "registry.example/net-monitor", "--format", "json",
]  # fmt: skip


def _can_unshare() -> bool:
    return bool(shutil.which("unshare")) and subprocess.run(["unshare", "-n", "true"], check=False).returncode == 0


def test_passes_without_any_network_interface() -> None:
    """In a network namespace of its own; where that is not allowed, only the audit hook below works."""
    prefix = ["unshare", "-n"] if _can_unshare() else []
    result = subprocess.run([*prefix, *VERIFY], capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert json.loads(result.stdout)["verdict"] == "pass"


@pytest.mark.parametrize("command", ["verify", "inspect", "discover"])
def test_opens_no_socket(command: str) -> None:
    """Under an audit hook of the test's own, which is not the program's guard."""
    arguments = VERIFY[3:] if command == "verify" else [command, "layouts/good"]
    script = (
        "import sys, runpy\n"
        "def hook(event, args):\n"
        "    if event.startswith(('socket.', 'urllib.', 'http.', 'ftplib.', 'smtplib.', 'subprocess.', 'os.exec')):\n"
        "        sys.stderr.write(f'FORBIDDEN {event}\\n')\n"
        "sys.addaudithook(hook)\n"
        f"sys.argv = ['airgap', *{arguments!r}]\n"
        "runpy.run_module('airgap', run_name='__main__')\n"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, cwd=ROOT)
    assert result.returncode == 0, result.stderr
    assert "FORBIDDEN" not in result.stderr


def test_the_report_confirms_the_network_guard() -> None:
    result = subprocess.run(VERIFY, capture_output=True, text=True, check=False, cwd=ROOT)
    assert json.loads(result.stdout)["network"] == {"guard": True, "attempts": 0, "plugins": []}


def test_verify_writes_nothing_beside_its_report(tmp_path: Path) -> None:
    """RULE-7: inputs are never changed."""
    for name in ("good", "trust"):
        shutil.copytree(ROOT / "layouts" / name, tmp_path / name)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    command = [*VERIFY[:4], str(tmp_path / "good"), "--trust", str(tmp_path / "trust"), *VERIFY[7:]]
    report = tmp_path.parent / f"{tmp_path.name}-report.json"
    result = subprocess.run(
        [*command, "--report", str(report)], capture_output=True, text=True, check=False, cwd=tmp_path.parent,
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "PATH": ""},
    )  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert json.loads(report.read_text()) == json.loads(result.stdout)
