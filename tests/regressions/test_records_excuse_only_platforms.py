"""An acquisition record is an unsigned claim on the medium; it excused all that was missing, also the image."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from airgap.oci.descriptor import Descriptor, Platform
from airgap.oci.digest import Digest
from tests.support.command import run_here
from tests.support.layouts import LayoutBuilder
from tests.support.records import declare
from tests.support.scenario import Scene, add_image
from tests.support.trust import oci_policy, statement

Missing = Callable[[LayoutBuilder, Descriptor], list[str]]


def _below(member: str) -> Missing:
    def missing(builder: LayoutBuilder, target: Descriptor) -> list[str]:
        listed = json.loads(builder.blobs[target.digest])[member]
        return [item["digest"] for item in (listed if isinstance(listed, list) else [listed])]

    return missing


@pytest.mark.parametrize(
    ("index", "missing"),
    [
        pytest.param(False, lambda _, target: [str(target.digest)], id="the image itself"),
        pytest.param(False, _below("layers"), id="its layers"),
        pytest.param(False, _below("config"), id="its config"),
        pytest.param(True, lambda _, target: [str(target.digest)], id="the index itself"),
        pytest.param(True, _below("manifests"), id="all its platforms"),
    ],
)
def test_a_record_does_not_excuse_content_that_is_not_a_platform(
    tmp_path: Path, *, index: bool, missing: Missing
) -> None:
    scene = Scene(index=index)

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        digests = [Digest.parse(digest) for digest in missing(builder, target)]
        declare(builder, target, digests)
        for digest in digests:
            del builder.blobs[digest]

    scene.packing.append(pack)
    ran = run_here(scene.write(tmp_path).arguments())
    assert (ran.code, set(ran.reasons)) == (16, {"content.missing"}), ran


NOWHERE = Platform(architecture="unknown", os="unknown")
ABOUT = {"vnd.docker.reference.type": "attestation-manifest"}


def _attestation(builder: LayoutBuilder, form: str) -> Descriptor:
    layer = builder.add_blob(b'{"_type":"https://in-toto.io/Statement/v1"}', "application/vnd.in-toto+json")
    made = builder.add_image(layer, platform=NOWHERE if form == "platform" else None)
    return replace(made, annotations=ABOUT) if form == "annotation" else made


@pytest.mark.parametrize("form", ["platform", "annotation", "layers"])
@pytest.mark.parametrize("depth", [0, 1, 3])
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another image"])
def test_a_record_does_not_excuse_all_images_beside_an_attestation(
    tmp_path: Path, form: str, depth: int, *, beside: bool
) -> None:
    """BuildKit lists attestations as children: one that is here is no image."""
    scene = Scene()
    images = [add_image(scene.builder, name) for name in ("amd64", "arm64")]
    target = scene.builder.add_index(*images, _attestation(scene.builder, form))
    for _ in range(depth):
        target = scene.builder.add_index(target)
    if beside and depth:
        target = scene.builder.add_index(target, add_image(scene.builder, "riscv64"))
    scene.target = target

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        declare(builder, target, [image.digest for image in images])
        for image in images:
            del builder.blobs[image.digest]

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, set(ran.reasons)) == (16, {"content.missing"}), ran
    copied = run_here(["copy", written.target, str(tmp_path / "copy")])
    assert (copied.code, "is not in" in copied.err) == (16, True), copied


def _sbom(builder: LayoutBuilder, image: Descriptor) -> Descriptor:
    return builder.add_referrer(image, b"{}", artifact_type="application/spdx+json", listed=False)


ABOUT_ONE: dict[str, Callable[[LayoutBuilder, Descriptor], Descriptor]] = {
    "sbom": _sbom,
    "cosign signature": lambda builder, _: builder.add_cosign(),
    "dsse envelope": lambda builder, _: builder.add_cosign(b"{}", "application/vnd.dsse.envelope.v1+json"),
    "in-toto bundle": lambda builder, _: builder.add_image(builder.add_blob(b"{}", "application/vnd.in-toto+dsse")),
}


@pytest.mark.parametrize("form", ABOUT_ONE)
def test_a_record_does_not_excuse_all_images_beside_another_attachment(tmp_path: Path, form: str) -> None:
    """Only attestations of one form were distinguished from images."""
    scene = Scene()
    image = add_image(scene.builder)
    scene.target = scene.builder.add_index(image, ABOUT_ONE[form](scene.builder, image))

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        declare(builder, target, [image.digest])
        del builder.blobs[image.digest]

    scene.packing.append(pack)
    ran = run_here(scene.write(tmp_path).arguments())
    assert (ran.code, set(ran.reasons)) == (16, {"content.missing"}), ran


def test_a_record_excuses_platforms_beside_a_present_image(tmp_path: Path) -> None:
    scene = Scene()
    here, gone = (add_image(scene.builder, name) for name in ("amd64", "arm64"))
    inner = scene.builder.add_index(here, gone, _attestation(scene.builder, "platform"))
    scene.target = scene.builder.add_index(inner)

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        declare(builder, target, [gone.digest])
        del builder.blobs[gone.digest]

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    assert run_here(written.arguments()).code == 0
    assert run_here(["copy", written.target, str(tmp_path / "copy")]).code == 0


def test_a_record_does_not_select_a_statement_that_skips(tmp_path: Path) -> None:
    """The scope may come from the record (decision 0023), but its writer must not turn verification off by it."""
    lenient = statement(
        name="lab",
        registryScopes=["registry.example/lab"],
        signatureVerification={"level": "skip"},
        trustStores=None,
        trustedIdentities=None,
    )
    scene = Scene(scope=None, policy=oci_policy(statement(), lenient))
    scene.packing.append(lambda builder, target: declare(builder, target, [], name="registry.example/lab"))
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, set(ran.reasons)) == (13, {"policy.scope_needed"}), ran
    assert run_here(written.arguments("--scope", "registry.example/lab")).document["verdict"] == "skipped"


def test_a_record_of_another_repository_does_not_decide(tmp_path: Path) -> None:
    """Content of two repositories has two records: the tag that is meant decides, or nothing does."""
    own, other = "registry.example/net-monitor", "registry.example/other"
    scene = Scene(scope=None, policy=oci_policy(statement(registryScopes=[own])))

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.tag(target, f"{own}:v1", f"{other}:v1")
        declare(builder, target, [], name=own)
        declare(builder, target, [], name=other)

    scene.packing.append(pack)
    scene.refer = lambda written: f"oci:{written.layout}:{own}:v1"
    written = scene.write(tmp_path)
    ran = run_here(written.arguments())
    assert (ran.code, ran.document["artifacts"][0]["scope"]) == (0, own), ran
    ran = run_here(replace(written, refer=lambda written: f"oci:{written.layout}:{other}:v1").arguments())
    assert (ran.code, ran.document["artifacts"][0]["scope"]) == (13, other), ran
    ran = run_here(replace(written, refer=lambda written: f"oci:{written.layout}").arguments())
    assert (ran.code, ran.document["artifacts"][0]["scope"]) == (13, None), ran
    assert "several repositories" in ran.document["artifacts"][0]["warnings"][0]
