"""Copied, carried, verified: the verdict on a copy with its record."""

from __future__ import annotations

import io
import json
import os
import sys
from pathlib import Path
from typing import Any, Final

import pytest

from airgap.oci.manifest import parse_manifest
from airgap.parse.time import iso
from tests.support.command import Ran, run_here
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Written
from tests.support.trust import oci_policy, statement

INTEROP: Final = Path(os.environ.get("AIRGAP_INTEROP") or Path(__file__).parents[3] / "shared" / "interop")


def put(registry: LoopbackRegistry, repository: str, scene: Scene, written: Written) -> str:
    """The scene's layout in a registry, by copy; its reference there."""
    ran = run_here(["copy", "-q", str(written.layout), f"{registry.host}/{repository}"])
    assert ran.code == 0, ran
    return f"{registry.host}/{repository}:v1"


def verify(layout: Path, trust: Path, *options: str) -> Ran:
    return run_here(["verify", str(layout), "--trust", str(trust), "--at", iso(AT), "--format", "json", *options])


def artifact(ran: Ran) -> dict[str, Any]:
    (found,) = ran.document["artifacts"]
    assert isinstance(found, dict)
    return found


def test_the_recorded_source_selects_the_policy_statement(tmp_path: Path, registry: LoopbackRegistry) -> None:
    """Decision 0023: --scope, else the source name recorded when it was copied."""
    scene = Scene()
    scene.policy = oci_policy(statement(registryScopes=[f"{registry.host}/app"]))
    written = scene.write(tmp_path)
    copied = run_here(["copy", put(registry, "app", scene, written), str(tmp_path / "stick")])
    assert copied.code == 0, copied
    found = artifact(verify(tmp_path / "stick", written.trust))
    assert (found["verdict"], found["scope"], found["scope_origin"]) == ("pass", f"{registry.host}/app", "record")
    assert found["acquisition"]["source"] == f"{registry.host}/app"
    told = verify(tmp_path / "stick", written.trust, "--scope", "elsewhere.example/app")
    assert (artifact(told)["scope_origin"], told.code) == ("option", 13), "what the operator says counts"
    text = run_here(["verify", str(tmp_path / "stick"), "--trust", str(written.trust), "--at", iso(AT)])
    assert "by the acquisition record" in text.out


def test_distinguishes_unsigned_from_left_behind(tmp_path: Path, registry: LoopbackRegistry) -> None:
    scene = Scene()
    written = scene.write(tmp_path)
    reference = put(registry, "app", scene, written)
    unsigned = f"{registry.host}/plain:v1"
    raw = scene.builder.blobs[scene.target.digest]
    for _, below in parse_manifest(raw, scene.target.media_type).successors():
        registry.put_blob("plain", scene.builder.blobs[below.digest])
    registry.put_manifest("plain", raw, tag="v1")
    answers = {}
    for name, arguments in {
        "unsigned": [unsigned],
        "excluded": ["--exclude-referrers", reference],
        "filtered": ["--artifact-type", "application/spdx+json", reference],
    }.items():
        assert run_here(["copy", *arguments, str(tmp_path / name)]).code == 0
        ran = verify(tmp_path / name, written.trust, "--scope", "registry.example/net-monitor")
        assert ran.code == 10, ran
        answers[name] = artifact(ran)["unsigned"]
    assert answers["unsigned"]["reason"] == "signature.none"
    assert "had none either" in answers["unsigned"]["message"]
    assert answers["excluded"]["reason"] == answers["filtered"]["reason"] == "signature.left_behind"


def test_reports_a_left_out_platform_and_judges_the_rest(tmp_path: Path, registry: LoopbackRegistry) -> None:
    scene = Scene(index=True)
    written = scene.write(tmp_path)
    reference = put(registry, "app", scene, written)
    assert run_here(["copy", "--platform", "linux/amd64", reference, str(tmp_path / "stick")]).code == 0
    found = artifact(verify(tmp_path / "stick", written.trust, "--scope", "registry.example/net-monitor"))
    assert found["verdict"] == found["content"]["verdict"] == "pass"
    assert found["content"]["absent"] == found["acquisition"]["absent"] != []


def test_discover_shows_the_source(tmp_path: Path, registry: LoopbackRegistry) -> None:
    scene = Scene(index=True)
    written = scene.write(tmp_path)
    reference = put(registry, "app", scene, written)
    assert run_here(["copy", "--platform", "linux/amd64", reference, str(tmp_path / "stick")]).code == 0
    text = run_here(["discover", str(tmp_path / "stick")]).out
    assert f"copied from {registry.host}/app" in text
    assert "left out: linux/arm64" in text
    document = run_here(["discover", str(tmp_path / "stick"), "--format", "json"]).document
    assert document["artifacts"][0]["acquisition"]["source"] == f"{registry.host}/app"


@pytest.mark.skipif(not (INTEROP / "peers").is_dir(), reason="no interop peers")
@pytest.mark.parametrize("name", ["oras-cp-api", "oras-backup-api.tar", "regctl-copy-tag"])
def test_keeps_both_signatures_in_layouts_of_oras_and_regctl(
    tmp_path: Path, registry: LoopbackRegistry, name: str
) -> None:
    """Round trips with other tools: their layouts, through a registry, into a layout of ours."""
    source = f"{'oci-archive' if name.endswith('.tar') else 'oci'}:{INTEROP / 'peers' / name}:v1"
    for arguments in ([source, f"{registry.host}/app"], [f"{registry.host}/app:v1", str(tmp_path / "stick")]):
        ran = run_here(["copy", *arguments])
        assert ran.code == 0, ran
    trust = INTEROP / "peers" / "config"
    options = ["--trust", str(trust), "--scope", "registry.wabbit.test/net-monitor", "--format", "json"]
    ran = run_here(["verify", str(tmp_path / "stick"), *options])
    found = artifact(ran)
    assert (ran.code, found["content"]["verdict"], len(found["signatures"])) == (0, "pass", 2), ran


# --- login ---


def with_input(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(text))


def test_logs_in_copies_and_logs_out(tmp_path: Path, target: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    written = scene.write(tmp_path)
    target.auth = "basic"
    target.users = {"builder": "secret word"}
    where = f"{target.host}/app"
    refused = run_here(["copy", str(written.layout), where])
    assert refused.code == 1
    assert target.host in refused.err
    with_input(monkeypatch, "wrong\n")
    ran = run_here(["login", target.host, "-u", "builder", "--password-stdin"])
    assert ran.code == 1, ran
    with_input(monkeypatch, "secret word\n")
    ran = run_here(["login", target.host, "-u", "builder", "--password-stdin"])
    assert ran.code == 0, ran
    assert "secret" not in ran.out + ran.err
    stored = Path(os.environ["HOME"], ".docker", "config.json")
    assert stored.stat().st_mode & 0o077 == 0
    assert target.host in json.loads(stored.read_text())["auths"]
    assert run_here(["copy", str(written.layout), where]).code == 0
    assert "Forgot" in run_here(["logout", target.host]).out
    assert "no credentials" in run_here(["logout", target.host]).out
    assert run_here(["copy", f"{where}:v1", str(tmp_path / "back")]).code == 1


def test_login_without_a_terminal_needs_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    with_input(monkeypatch, "")
    ran = run_here(["login", "localhost:1", "-u", "x"])
    assert (ran.code, "--password-stdin" in ran.err) == (2, True)
