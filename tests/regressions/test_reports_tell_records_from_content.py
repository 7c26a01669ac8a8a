"""A sentence about the layout was made from the record alone: what is here was said to be lost."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor
from tests.support.command import Ran, run_here
from tests.support.layouts import LayoutBuilder
from tests.support.registry import LoopbackRegistry
from tests.support.scenario import Scene, Signature, Written, add_image

SBOM = "application/spdx+json"


class Trip:
    """An image with an SBOM, a tag of cosign's and (where it is wanted) a signature, copied so that a record tells."""

    def __init__(self, folder: Path, *, signed: bool) -> None:
        self.folder = folder
        self.scene = Scene()
        self.signed = signed
        self.image: Descriptor
        self.attached: dict[str, Descriptor] = {}
        self.scene.packing.append(self._pack)
        self.written: Written = self.scene.write(folder / "first")
        ran = run_here(["copy", f"oci:{self.written.layout}:v2", str(folder / "stick")])
        assert ran.code == 0, ran

    def _pack(self, builder: LayoutBuilder, _: Descriptor) -> None:
        self.image = builder.tag(add_image(builder, "riscv64"), "v2")
        self.attached["sbom"] = builder.add_referrer(self.image, b"{}", artifact_type=SBOM)
        self.attached["cosign"] = builder.tag(builder.add_cosign(), f"sha256-{self.image.digest.encoded}.sig")
        if self.signed:
            self.attached["signature"] = Signature("jws", self.scene.signature.leaf).attach(builder, self.image)

    def record(self) -> None:
        """A copy of the whole trip that leaves a record of what came."""
        ran = run_here(["copy", f"oci:{self.folder / 'stick'}:v2", str(self.folder / "filtered"), "--depth", "3"])
        assert ran.code == 0, ran

    def lose(self, name: str) -> None:
        """Takes it out of the layout, index entry and all, as a tool does that copies images alone."""
        path = self.folder / "filtered" / "index.json"
        document = json.loads(path.read_bytes())
        digest = str(self.attached[name].digest)
        document["manifests"] = [entry for entry in document["manifests"] if entry["digest"] != digest]
        path.write_text(json.dumps(document), encoding="utf-8")

    def verify(self) -> Ran:
        first, _, *options = self.written.arguments()
        return run_here([first, f"oci:{self.folder / 'filtered'}:v2", *options])


def test_does_not_report_present_content_as_lost(tmp_path: Path) -> None:
    trip = Trip(tmp_path, signed=False)
    trip.record()
    ran = trip.verify()
    assert (ran.code, ran.document["artifacts"][0]["unsigned"]["reason"]) == (10, "signature.none"), ran
    assert "not here now" not in ran.out


@pytest.mark.parametrize("name", ["sbom", "cosign"])
def test_names_lost_content_that_is_not_a_signature(tmp_path: Path, name: str) -> None:
    trip = Trip(tmp_path, signed=False)
    trip.record()
    trip.lose(name)
    ran = trip.verify()
    artifact = ran.document["artifacts"][0]
    assert (ran.code, artifact["unsigned"]["reason"]) == (10, "signature.none"), ran
    (warning,) = [item for item in artifact["warnings"] if "not here now" in item]
    assert str(trip.attached[name].digest) in warning
    assert all(str(trip.attached[other].digest) not in warning for other in {"sbom", "cosign"} - {name})


def test_names_a_lost_signature(tmp_path: Path) -> None:
    trip = Trip(tmp_path, signed=True)
    trip.record()
    assert trip.verify().code == 0
    trip.lose("signature")
    ran = trip.verify()
    unsigned = ran.document["artifacts"][0]["unsigned"]
    assert (ran.code, unsigned["reason"]) == (10, "signature.left_behind"), ran
    assert str(trip.attached["signature"].digest) in unsigned["message"]


def test_names_what_an_older_record_names(tmp_path: Path) -> None:
    """The newest record alone was asked: the image came again, from a repository that has no referrers."""
    trip = Trip(tmp_path, signed=True)
    trip.record()
    filtered = f"oci:{tmp_path / 'filtered'}"
    with LoopbackRegistry() as registry:
        assert run_here(["copy", f"{filtered}:v2", f"{registry.host}/app:v3", "--exclude-referrers"]).code == 0
        assert run_here(["copy", f"{registry.host}/app:v3", str(tmp_path / "filtered")]).code == 0
    assert "not here now" not in trip.verify().out
    trip.lose("sbom")
    ran = trip.verify()
    (warning,) = [item for item in ran.document["artifacts"][0]["warnings"] if "not here now" in item]
    assert (ran.code, str(trip.attached["sbom"].digest) in warning) == (0, True), ran
    trip.lose("signature")
    unsigned = trip.verify().document["artifacts"][0]["unsigned"]
    assert unsigned["reason"] == "signature.left_behind"
    assert str(trip.attached["signature"].digest) in unsigned["message"]


@pytest.mark.parametrize("lost", ["sbom", "signature", "of the sbom"])
def test_names_lost_content_of_a_platform_image(tmp_path: Path, lost: str) -> None:
    """The record named only what is attached to the index itself: an SBOM of a platform was lost without a message."""
    scene = Scene(index=True)
    attached: dict[str, Descriptor] = {}

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.tag(target, "v1")
        document = json.loads(builder.blobs[target.digest])["manifests"][0]
        platform = Descriptor.from_json({name: document[name] for name in ("mediaType", "digest", "size")})
        signature = Signature("jws", scene.signature.leaf)
        attached["sbom"] = builder.add_referrer(platform, b"{}", artifact_type=SBOM)
        attached["signature"] = signature.attach(builder, platform)
        attached["signature of the sbom"] = signature.attach(builder, attached["sbom"])

    scene.packing.append(pack)
    written = scene.write(tmp_path / "first")
    stick = tmp_path / "stick"
    assert run_here(["copy", f"oci:{written.layout}:v1", str(stick), "--depth", "3"]).code == 0
    command, _, *options = written.arguments()
    warnings = run_here([command, f"oci:{stick}:v1", *options]).document["artifacts"][0]["warnings"]
    assert not any("not here now" in item for item in warnings), warnings
    gone = {str(item.digest) for name, item in attached.items() if name.startswith(lost) or name.endswith(lost)}
    document = json.loads((stick / "index.json").read_bytes())
    document["manifests"] = [entry for entry in document["manifests"] if entry["digest"] not in gone]
    (stick / "index.json").write_text(json.dumps(document), encoding="utf-8")
    ran = run_here([command, f"oci:{stick}:v1", *options])
    (warning,) = [item for item in ran.document["artifacts"][0]["warnings"] if "not here now" in item]
    assert (ran.code, [digest for digest in gone if digest not in warning]) == (0, []), ran
