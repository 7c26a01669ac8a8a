"""A sentence about the layout was made from the record alone: what is here was said to be lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor
from tests.support.command import Ran, run_here
from tests.support.layouts import LayoutBuilder
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

    def _pack(self, box: LayoutBuilder, _: Descriptor) -> None:
        self.image = box.tag(add_image(box, "riscv64"), "v2")
        self.attached["sbom"] = box.add_referrer(self.image, b"{}", artifact_type=SBOM)
        self.attached["cosign"] = box.tag(box.add_cosign(), f"sha256-{self.image.digest.encoded}.sig")
        if self.signed:
            self.attached["signature"] = Signature("jws", self.scene.signature.leaf).attach(box, self.image)

    def record(self) -> None:
        """A copy of the whole trip that leaves a record of what came."""
        ran = run_here(["copy", f"oci:{self.folder / 'stick'}:v2", str(self.folder / "filtered"), "--depth", "3"])
        assert ran.code == 0, ran

    def lose(self, name: str) -> None:
        """Takes it out of the layout, index entry and all, as a tool does that copies images alone."""
        import json

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
