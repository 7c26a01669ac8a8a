"""An artifact of an unknown type has referrers like others: verify accepted its signature, and a copy lost it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor
from airgap.parse.time import iso
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.layouts import LayoutBuilder
from tests.support.pki import AT, Pki
from tests.support.scenario import Scene, Signature, Written
from tests.support.trust import REPOSITORY


def _written(folder: Path) -> tuple[Written, Descriptor, Descriptor]:
    """With the artifact and its signature."""
    scene = Scene()
    made: list[Descriptor] = []

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        artifact = builder.tag(builder.add_blob(b"some model", "application/vnd.example.model"), "model")
        made.extend((artifact, Signature("jws", scene.signature.leaf).attach(builder, artifact)))

    scene.packing.append(pack)
    return scene.write(folder), made[0], made[1]


@pytest.mark.parametrize("transport", ["oci", "oci-archive"])
def test_copy_and_discover_take_its_referrers_along(tmp_path: Path, transport: str) -> None:
    written, artifact, signature = _written(tmp_path)
    first, _, *options = written.arguments()
    for target in (f"oci:{written.layout}:model", f"oci:{written.layout}@{artifact.digest}", f"oci:{written.layout}"):
        assert str(signature.digest) in run_here(["discover", "-v", target]).out
        new = f"{transport}:{tmp_path / 'new'}{len(target)}"
        ran = run_here(["copy", target, new, "--format", "json"])
        assert ran.code == 0, ran
        assert str(signature.digest) in json.dumps(ran.document["artifacts"]), ran
        ran = run_here([first, new, *options])
        assert (ran.code, ran.document["verdict"]) == (0, "pass"), ran


@pytest.mark.parametrize("archive", [False, True])
def test_fetch_puts_evidence_beside_it(tmp_path: Path, archive: bool) -> None:
    """Only images got any, and the artifact was UNSURE where it arrived."""
    leaf = Pki().code_chain(depth=2, leaf={"crl_urls": ["http://crl.example/leaf.crl"]})
    scene = Scene(archive=archive)
    scene.sign_with(leaf)
    model = scene.builder.tag(scene.builder.add_blob(b"some model", "application/vnd.example.model"), "model")
    Signature("jws", leaf).attach(scene.builder, model)
    written = scene.write(tmp_path)
    fresh = tmp_path / "fresh.crl"
    fresh.write_bytes(crl(leaf.root))
    target = f"oci-archive:{written.layout}:model" if archive else f"oci:{written.layout}:model"
    verify = ["verify", target, "--trust", str(written.trust), "--at", iso(AT), "--scope", REPOSITORY]
    assert run_here(verify).code == 15
    ran = run_here(["trust", "fetch", "--into", target, "--from", str(fresh), "--no-download", "--format", "json"])
    assert ran.code == 0, ran
    assert [item["files"] for item in ran.document["evidence_artifacts"]] == [1]
    assert run_here(verify).code == 0
    again = run_here(["trust", "fetch", "--into", target, "--from", str(fresh), "--no-download", "--format", "json"])
    assert [item["changed"] for item in again.document["evidence_artifacts"]] == [False]


def test_referrer_that_cannot_be_read_stops_its_copy(tmp_path: Path) -> None:
    written, _, signature = _written(tmp_path)
    (written.layout / "blobs" / "sha256" / signature.digest.encoded).unlink()
    ran = run_here(["copy", f"oci:{written.layout}:model", str(tmp_path / "new")])
    assert (ran.code, str(signature.digest) in ran.err) == (16, True), ran
    assert run_here(["discover", f"oci:{written.layout}:model"]).code == 16
    assert run_here(["copy", f"oci:{written.layout}:model", str(tmp_path / "new"), "--exclude-referrers"]).code == 0
