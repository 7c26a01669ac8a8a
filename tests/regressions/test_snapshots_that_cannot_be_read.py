"""Of two snapshots on a medium the newer one could not be read: the older one was taken, without a word."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airgap.oci.descriptor import REF_NAME
from airgap.oci.digest import Digest
from tests.support.command import run_here
from tests.support.layouts import dump
from tests.support.snapshots import Ground, tree_of


@pytest.mark.parametrize("harm", ["gone", "flipped", "no-descriptor"])
def test_the_older_of_two_snapshots_was_taken_where_the_newer_cannot_be_read(tmp_path: Path, harm: str) -> None:
    ground = Ground(tmp_path)
    older = ground.packed("box")
    ground.pin()
    newer = ground.packed("box")
    assert older != newer
    box = tmp_path / "box"
    index = json.loads((box / "index.json").read_bytes())
    name = newer.rpartition(":")[2]
    (entry,) = (item for item in index["manifests"] if item.get("annotations", {}).get(REF_NAME) == name)
    digest = Digest.parse(entry["digest"])
    blob = box / "blobs" / digest.algorithm / digest.encoded
    if harm == "gone":
        blob.unlink()
    elif harm == "flipped":
        data = blob.read_bytes()
        blob.chmod(0o644)
        blob.write_bytes(data.replace(b"schemaVersion", b"schemaversion"))
    else:
        entry["digest"] = "sha256:none"
        (box / "index.json").write_bytes(dump(index))
    before = tree_of(ground.site)
    for command in ("show", "diff", "verify", "apply"):
        trust = [] if command == "show" else ["--trust", str(ground.site)]
        ran = run_here(["trust", "snapshot", command, str(box), *trust])
        assert (ran.code, ":TAG" in ran.out + ran.err) == (16, True), ran
    assert tree_of(ground.site) == before
    assert run_here(["trust", "snapshot", "show", older]).code == 0
