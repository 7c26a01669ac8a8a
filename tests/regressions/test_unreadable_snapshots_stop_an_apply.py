"""Of two snapshots on a medium the newer one could not be read: the older one was taken, without a message."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airgap.oci.descriptor import REF_NAME
from airgap.oci.digest import Digest
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder, dump
from tests.support.snapshots import Ground, tree_of


def _harm(stick: Path, reference: str, harm: str) -> None:
    """Keeps the snapshot from being read."""
    index = json.loads((stick / "index.json").read_bytes())
    name = reference.rpartition(":")[2]
    (entry,) = (item for item in index["manifests"] if item.get("annotations", {}).get(REF_NAME) == name)
    digest = Digest.parse(entry["digest"])
    blob = stick / "blobs" / digest.algorithm / digest.encoded
    if harm == "gone":
        blob.unlink()
    elif harm == "flipped":
        data = blob.read_bytes()
        blob.chmod(0o644)
        blob.write_bytes(data.replace(b"schemaVersion", b"schemaversion"))
    elif harm == "no-config":
        config = Digest.parse(json.loads(blob.read_bytes())["config"]["digest"])
        (stick / "blobs" / config.algorithm / config.encoded).unlink()
    else:
        entry["digest"] = "sha256:none"
        (stick / "index.json").write_bytes(dump(index))


@pytest.mark.parametrize("harm", ["gone", "flipped", "no-descriptor"])
def test_refuses_the_older_of_two_snapshots_where_the_newer_is_unreadable(tmp_path: Path, harm: str) -> None:
    ground = Ground(tmp_path)
    older = ground.packed("stick")
    ground.pin()
    newer = ground.packed("stick")
    assert older != newer
    stick = tmp_path / "stick"
    _harm(stick, newer, harm)
    before = tree_of(ground.site)
    for command in ("show", "diff", "verify", "apply"):
        trust = [] if command == "show" else ["--trust", str(ground.site)]
        ran = run_here(["trust", "snapshot", command, str(stick), *trust])
        assert (ran.code, ":TAG" in ran.out + ran.err) == (16, True), ran
    assert tree_of(ground.site) == before
    assert run_here(["trust", "snapshot", "show", older]).code == 0


@pytest.mark.parametrize("harm", ["gone", "flipped", "no-config", "no-descriptor"])
def test_chooses_no_number_beside_an_unreadable_snapshot(tmp_path: Path, harm: str) -> None:
    """Sites would refuse it as old, or as a second one of its number."""
    ground = Ground(tmp_path)
    newest = ground.packed("stick", number=7, remember=False)
    _harm(tmp_path / "stick", newest, harm)
    before = tree_of(tmp_path / "stick")
    create = ["trust", "snapshot", "create", "-o", str(tmp_path / "stick"), "--trust", str(ground.packer)]
    ran = run_here(create)
    assert (ran.code, "--number" in ran.out + ran.err, tree_of(tmp_path / "stick")) == (16, True, before), ran
    ran = run_here([*create, "--number", "8"])
    assert (ran.code, "default-8" in ran.out) == (0, True), ran


def test_chooses_a_number_beside_other_artifacts(tmp_path: Path) -> None:
    ground = Ground(tmp_path)
    stick = LayoutBuilder()
    stick.tag(stick.add_image(), "v1")
    stick.list(stick.add_blob(b"a file", "text/plain"))
    stick.write_directory(tmp_path / "stick")
    assert ground.packed("stick").endswith(":default-1")
