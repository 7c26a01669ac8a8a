"""An envelope that is cut, or not here: fetch and timestamp passed over it, and inspect called it undecodable."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.scenario import Scene, Written


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


HARMS: dict[str, Callable[[Path], object]] = {"cut": _cut, "gone": Path.unlink}


def _blob(written: Written, digest: str) -> Path:
    return written.layout / "blobs" / digest.replace(":", "/")


def _envelope(written: Written) -> Path:
    entries = json.loads((written.layout / "index.json").read_text())["manifests"]
    (signature,) = (entry["digest"] for entry in entries if "artifactType" in entry)
    return _blob(written, json.loads(_blob(written, signature).read_text())["layers"][0]["digest"])


@pytest.mark.parametrize("harm", HARMS)
def test_every_command_reports_an_unreadable_envelope(tmp_path: Path, harm: str) -> None:
    scene = Scene()
    written = scene.write(tmp_path)
    HARMS[harm](_envelope(written))
    index = (written.layout / "index.json").read_bytes()
    lost = _envelope(written).name
    (tmp_path / "root.crt").write_bytes(scene.signature.leaf.root.pem)
    one, trust = f"oci:{written.layout}:v1", ["--trust", str(tmp_path / "fetched"), "--no-download"]
    stamp = ["--timestamp-url", "http://127.0.0.1:9/", "--timestamp-root-cert", str(tmp_path / "root.crt")]
    for arguments in (
        ["trust", "fetch", one, *trust],
        ["trust", "fetch", one, *trust, "--require-complete"],
        ["trust", "fetch", "--into", str(written.layout), "--no-download"],
        ["inspect", one],
        ["recheck", one, "--trust", str(written.trust), "--at", "2026-06-01"],
        ["timestamp", "add", one, *stamp],
        ["verify", one, "--trust", str(written.trust), "--content", "none"],
    ):
        ran = run_here(arguments)
        assert ran.code == 16, (arguments, ran)
        assert lost in ran.out + ran.err
    assert (written.layout / "index.json").read_bytes() == index


def test_inspect_names_an_artifact_with_a_missing_manifest(tmp_path: Path) -> None:
    written = Scene().write(tmp_path)
    _blob(written, written.digest).unlink()
    ran = run_here(["inspect", f"oci:{written.layout}:v1", "--format", "json"])
    assert ran.code == 16, ran
    (artifact,) = ran.document["artifacts"]
    assert [item["digest"] for item in artifact["unread"]] == [written.digest]
    assert len(artifact["signatures"]) == 1
