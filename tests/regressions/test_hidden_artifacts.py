"""What a tool would run by a name, and what a verification of the whole layout passed over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import Any

from airgap.oci.descriptor import IMAGE_CONFIG, IMAGE_LAYER, IMAGE_MANIFEST, REF_NAME, Descriptor, Platform
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from tests.support.command import Ran, run_here
from tests.support.layouts import LayoutBuilder
from tests.support.scenario import Scene, bare

NOWHERE = "prod:release-candidate-of-the-application-v2"
"""A digest of no known algorithm; `prod-release-...` is the fallback tag of its referrers."""


def _verified(scene: Scene, folder: Path) -> Ran:
    written = scene.write(folder)
    arguments = written.arguments()
    return run_here([arguments[0], f"oci:{written.layout}", *arguments[2:]])


def _unsigned(box: LayoutBuilder, subject: dict[str, Any] | None) -> Descriptor:
    """An image that nobody signed and that calls itself a referrer."""
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": bare(box.add_blob(b'{"architecture":"amd64","os":"linux"}', IMAGE_CONFIG)),
        "layers": [bare(box.add_blob(b"unsigned", IMAGE_LAYER))],
        "subject": subject,
    }
    return box.add_manifest(document, platform=Platform(architecture="amd64", os="linux"))


def _expect_unsigned(ran: Ran, *verdicts: str) -> None:
    assert (ran.code, sorted(artifact["verdict"] for artifact in ran.document["artifacts"])) == (10, list(verdicts)), (
        ran
    )


def test_first_entry_of_a_doubled_tag_was_not_judged_where_it_has_a_subject(tmp_path: Path) -> None:
    """skopeo runs the first entry of a tag, oras the last (LAYOUT-7)."""
    scene = Scene()

    def pack(box: LayoutBuilder, target: Descriptor) -> None:
        hidden = replace(_unsigned(box, bare(target)), annotations={REF_NAME: "v1"})
        box.entries.insert(0, hidden.to_json())

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_index_under_a_tag_like_that_of_referrers_of_nothing_was_not_judged(tmp_path: Path) -> None:
    """Any tag with a dash and 32 characters behind it is the fallback tag of some digest (DIST-8)."""
    scene = Scene()

    def pack(box: LayoutBuilder, _: Descriptor) -> None:
        image = _unsigned(box, {"mediaType": IMAGE_MANIFEST, "digest": NOWHERE, "size": 2})
        box.tag(box.add_index(image), NOWHERE.replace(":", "-"))

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_image_with_a_subject_that_containerd_names_was_not_judged(tmp_path: Path) -> None:
    """`ctr image import` and `docker load` name an image by io.containerd.image.name."""
    scene = Scene()

    def pack(box: LayoutBuilder, target: Descriptor) -> None:
        box.list(_unsigned(box, bare(target)), **{"io.containerd.image.name": "docker.io/library/app:v1"})

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_chain_of_cosign_tags_took_quadratic_time(tmp_path: Path) -> None:
    """4000 entries of 200 bytes took 18 seconds, 200,000 would have taken half a day."""
    box = LayoutBuilder()
    before = box.tag(box.add_image(), "v1").digest
    for number in range(4000):
        entry = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"%d" % number), size=1)
        box.tag(entry, f"sha256-{before.encoded}.sig")
        before = entry.digest
    box.entries.reverse()
    with open_layout(box.write_directory(tmp_path / "layout")) as store:
        start = perf_counter()
        roots = Graph(store).roots()
        assert ([root.tags for root in roots], perf_counter() - start < 5) == ([("v1",)], True)
