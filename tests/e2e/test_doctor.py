"""`airgap doctor`: what does not work on this machine, and what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import namedtuple
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

import airgap
from airgap.cli import console
from airgap.stages import doctor as stage
from tests.support.command import Ran, run_here

ROOT = Path(__file__).parents[2]
TRUST = ROOT / "layouts" / "trust"


@pytest.fixture(autouse=True)
def bare_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user with an empty home, and none of the variables of this process."""
    for name in list(os.environ):
        if name.startswith(("AIRGAP_", "NOTATION_", "XDG_", "DOCKER_", "REGISTRY_")) or "PROXY" in name.upper():
            monkeypatch.delenv(name)
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


def items(ran: Ran) -> dict[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for item in ran.held_to("doctor")["items"]:
        found.setdefault(item["about"], []).append(item)
    return found


def examined(*options: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    ran = run_here(["doctor", "--format", "json", *options])
    return ran.code, items(ran)


def test_a_sound_machine_has_nothing_wrong() -> None:
    code, found = examined("--trust", str(TRUST))
    assert code == 0
    assert found["libraries"][0]["found"].startswith("cryptography ")
    assert found["trust policy and stores"][0]["found"] == "can be read; stores: 2, certificates in them: 2"
    assert found["evidence"][0]["state"] == "good"
    assert found["credentials"][0]["found"] == "none are kept; registries are asked without"


def test_the_text_ends_with_the_sum() -> None:
    ran = run_here(["doctor", "--trust", str(TRUST)])
    assert ran.code == 0
    assert ran.out.splitlines()[-1].startswith("GOOD: nothing is wrong")
    assert ran.out.splitlines()[-1].endswith("Exit code 0.")


def test_no_trust_directory_is_a_note() -> None:
    code, found = examined()
    assert code == 0
    assert found["trust directory"][0]["state"] == "note"
    assert "airgap trust cert add" in found["trust directory"][0]["remedy"]


@pytest.mark.parametrize("way", ["option", "variable"])
def test_a_named_trust_directory_must_be_there(tmp_path: Path, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = str(tmp_path / "nowhere")
    if way == "variable":
        monkeypatch.setenv("AIRGAP_TRUST", missing)
    ran = run_here(["doctor", "-q", *(["--trust", missing] if way == "option" else [])])
    assert ran.code == 1
    assert ran.out.startswith("WRONG: trust directory")


def test_a_policy_that_cannot_be_read_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "trustpolicy.oci.json").write_text("{", encoding="utf-8")
    code, found = examined("--trust", str(tmp_path))
    assert code == 1
    assert found["trust policy and stores"][0]["reason"] == "policy.malformed"


@pytest.mark.skipif(os.name != "posix", reason="no modes")
def test_a_trust_directory_that_others_may_change_is_noted(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    _, found = examined("--trust", str(tmp_path))
    assert "they can change whom you trust" in found["trust directory"][0]["problem"]


def test_a_clock_that_cannot_be_right_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "clock_reading", lambda: datetime(1970, 1, 1, tzinfo=UTC))
    code, found = examined("--trust", str(TRUST))
    assert code == 1
    assert found["clock"][0]["state"] == "WRONG"


def test_a_clock_behind_the_evidence_is_wrong() -> None:
    request = airgap.DoctorRequest(
        clock=datetime(2024, 1, 1, tzinfo=UTC),
        environment={},
        home=None,
        trust=TRUST,
        plugins=airgap.PluginDirectory(ROOT / "none", {}),
        credentials=airgap.Credentials(environment={}),
        encoding="utf-8",
    )
    (evidence,) = [item for item in airgap.doctor(request).items if item.about == "evidence"]
    assert evidence.is_wrong
    assert evidence.problem is not None
    assert "the clock is wrong" in evidence.problem.message


def test_credentials_are_named_and_never_shown(bare_machine: Path) -> None:
    file = bare_machine / "config.json"
    kept = {
        "auths": {"ghcr.io": {"auth": "am9lOnNlY3JldA=="}, "empty.example": {}},
        "credHelpers": {"x.example": "of-no-program"},
        "credsStore": "of-no-other-program",
    }
    file.write_text(json.dumps(kept), encoding="utf-8")
    ran = run_here(["doctor", "--registry-config", str(file), "--format", "json"])
    (item,) = items(ran)["credentials"]
    assert "ghcr.io, x.example, all that docker-credential-of-no-other-program knows" in item["found"]
    assert "docker-credential-of-no-program" in item["problem"]
    assert "secret" not in ran.out
    assert "am9l" not in ran.out


def test_credentials_that_cannot_be_read_are_wrong(bare_machine: Path) -> None:
    file = bare_machine / "config.json"
    file.write_text('{"auths": 3}', encoding="utf-8")
    code, found = examined("--registry-config", str(file))
    assert code == 1
    assert found["credentials"][0]["state"] == "WRONG"


def test_a_proxy_is_shown_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://joe:secret@proxy.example:3128")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    code, found = examined()
    assert code == 1
    assert "HTTPS_PROXY=http://proxy.example:3128" in found["network"][0]["found"]
    assert "secret" not in json.dumps(found)
    assert "SSL_CERT_FILE" in found["network"][0]["problem"]


def test_a_plugin_that_cannot_be_run_is_wrong(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "plugins" / "broken").mkdir(parents=True)
    monkeypatch.setenv("AIRGAP_LIBEXEC", str(tmp_path))
    code, found = examined()
    assert code == 1
    assert [item["state"] for item in found["plugins"]] == ["good", "WRONG"]


def test_a_ledger_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "site.ledger"
    assert examined("--ledger", str(path))[1]["ledger"][0]["found"].endswith("not made yet")
    with airgap.Ledger.open(path, write=True):
        pass
    assert examined("--ledger", str(path))[1]["ledger"][0]["found"].endswith(": 0 rows")
    path.write_bytes(b"no ledger")
    code, found = examined("--ledger", str(path))
    assert code == 1
    assert found["ledger"][0]["state"] == "WRONG"


def test_little_room_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")  # noqa: PYI024 - as shutil's
    monkeypatch.setattr("airgap.stages.doctor.shutil.disk_usage", lambda _: usage(10, 9, 1))
    code, found = examined()
    assert code == 0
    assert "little room: 1 bytes are free" in found["temporary files"][0]["problem"]


def test_a_missing_library_is_wrong(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stage, "_version", lambda *_: None)
    code, found = examined()
    assert code == 1
    assert "cbor2" in found["libraries"][0]["problem"]
    assert "pkcs11 (keys in tokens)" in found["extras"][0]["found"]


def test_a_terminal_without_the_characters_is_noted() -> None:
    env = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(
        [sys.executable, "-m", "airgap", "doctor"], env=env, capture_output=True, text=True, check=True, timeout=60
    )
    assert "note    terminal: ascii" in done.stdout
    assert "Traceback" not in done.stderr
