"""Artifacts that a tool would run by a name, and that a verification of the whole layout did not judge."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from airgap import limits
from airgap.oci.descriptor import (
    CONTAINERD_NAME,
    DOCKER_CONFIG,
    DOCKER_MANIFEST,
    EMPTY,
    IMAGE_CONFIG,
    IMAGE_MANIFEST,
    NOTARY_SIGNATURE,
    REF_NAME,
    Descriptor,
    Platform,
)
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from tests.support.command import Ran, run_here
from tests.support.layouts import BLOCK, END, IMAGE_LAYER, LayoutBuilder, tar_member
from tests.support.scenario import Scene, bare
from tests.support.tools import needed

NOWHERE = "prod:release-candidate-of-the-application-v2"
"""A digest of no known algorithm; `prod-release-...` is the referrers tag of its referrers."""

ABSENT = Descriptor.of(IMAGE_MANIFEST, b"absent")


def _verified(scene: Scene, folder: Path) -> Ran:
    written = scene.write(folder)
    arguments = written.arguments()
    return run_here([arguments[0], f"oci:{written.layout}", *arguments[2:]])


def _unsigned(builder: LayoutBuilder, subject: dict[str, Any] | None, config_type: str = IMAGE_CONFIG) -> Descriptor:
    """An unsigned image that calls itself a referrer."""
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": bare(builder.add_blob(b'{"architecture":"amd64","os":"linux"}', config_type)),
        "layers": [bare(builder.add_blob(b"unsigned", IMAGE_LAYER))],
        "subject": subject,
    }
    return builder.add_manifest(document, platform=Platform(architecture="amd64", os="linux"))


def _expect_unsigned(ran: Ran, *verdicts: str) -> None:
    assert (ran.code, sorted(artifact["verdict"] for artifact in ran.document["artifacts"])) == (10, list(verdicts)), (
        ran
    )


def test_judges_each_entry_of_a_doubled_tag_where_one_has_a_subject(tmp_path: Path) -> None:
    """skopeo runs the first entry of a tag, oras the last (LAYOUT-7)."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        hidden = replace(_unsigned(builder, bare(target)), annotations={REF_NAME: "v1"})
        builder.entries.insert(0, hidden.to_json())

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


@pytest.mark.parametrize(
    ("kind", "layer_type", "elsewhere"),
    [
        ("application/vnd.example.sbom", "text/plain", False),
        (NOTARY_SIGNATURE, "text/plain", False),
        (NOTARY_SIGNATURE, "application/jose+json", True),
    ],
)
def test_judges_the_first_entry_of_a_doubled_tag_where_it_cannot_be_run(
    tmp_path: Path, kind: str, layer_type: str, *, elsewhere: bool
) -> None:
    """skopeo copies it under the tag of the signed image; hauler puts images first. `elsewhere`: of another image."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        subject = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"other"), size=5) if elsewhere else target
        attached = builder.add_referrer(subject, b"{}", artifact_type=kind, layer_type=layer_type, listed=False)
        builder.entries.insert(0, replace(attached, annotations={REF_NAME: "v1"}).to_json())

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_judges_an_attachment_with_the_name_that_the_image_has_for_containerd_alone(tmp_path: Path) -> None:
    """skopeo looks at ref.name only, and so copies the attachment by it, wherever the image is."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.list(target, **{REF_NAME: "first", CONTAINERD_NAME: "registry.example/app:v1"})
        builder.tag(builder.add_cosign(), "registry.example/app:v1")

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


@pytest.mark.parametrize("config_type", ["application/vnd.cncf.notary.signature", "application/vnd.example.sbom+json"])
def test_judges_each_entry_of_a_doubled_tag_where_one_has_another_config_type(tmp_path: Path, config_type: str) -> None:
    """containerd reads the config whatever its type, and unpacks the layers."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        hidden = replace(_unsigned(builder, bare(target), config_type), annotations={REF_NAME: "v1"})
        builder.entries.insert(0, hidden.to_json())

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_judges_an_image_listed_with_a_referrer_under_a_referrers_tag(tmp_path: Path) -> None:
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.tag_referrers(target, builder.add_referrer(target, b"{}", listed=False), _unsigned(builder, None))

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_judges_an_image_that_is_the_only_entry_under_a_referrers_tag(tmp_path: Path) -> None:
    """skopeo takes it by that tag, and a referrer is never judged itself."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.tag_referrers(target, _unsigned(builder, bare(target)))

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


@pytest.mark.parametrize("way", ["refers", "is listed in a referrer", "is a layer of a referrer"])
def test_judges_an_unnamed_image_that_a_referrer_leads_to(tmp_path: Path, way: str) -> None:
    """nerdctl runs the first entry of a tar, docker load offers each by its digest."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        hidden = _unsigned(builder, bare(target) if way == "refers" else None)
        builder.entries.insert(0, hidden.to_json())
        if way == "is listed in a referrer":
            builder.add_referrer(target, [builder.add_index(hidden)], artifact_type="application/vnd.example.list")
        elif way == "is a layer of a referrer":
            builder.add_referrer(target, [hidden], artifact_type="application/vnd.example.list")

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_judges_an_index_with_a_subject_that_lists_an_image(tmp_path: Path) -> None:
    scene = Scene()
    scene.packing.append(
        lambda builder, target: builder.list(builder.add_index(_unsigned(builder, None), subject=bare(target)))
    )
    ran = _verified(scene, tmp_path)
    _expect_unsigned(ran, "fail", "pass")
    assert any("could be run in its place" in warning["message"] for warning in ran.document["warnings"])


def test_judges_an_index_with_a_subject_behind_a_chain_that_is_too_deep(tmp_path: Path) -> None:
    """The chain is looked at first, and ends at the bound of depth just before the image: that is no answer."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        inner = chain = builder.add_index(_unsigned(builder, None), subject=bare(target))
        for number in range(limits.GRAPH_DEPTH):
            is_last = number == limits.GRAPH_DEPTH - 1
            subject = bare(target) if is_last else None
            chain = builder.add_index(chain, annotations={"n": str(number)}, subject=subject)
        builder.entries[:0] = [chain.to_json(), inner.to_json()]

    scene.packing.append(pack)
    ran = _verified(scene, tmp_path)
    assert ran.code == 16, ran
    assert [artifact["verdict"] for artifact in ran.document["artifacts"]] == ["fail", "fail", "pass"]


@pytest.mark.parametrize(
    "layer_type",
    [
        "application/vnd.erofs.layer.v1",
        "application/vnd.erofs.layer.v1+zstd",
        "application/vnd.erofs+zstd",
        "application/vnd.example.erofs",
        "application/vnd.example+encrypted",
    ],
)
@pytest.mark.parametrize("tagged", [True, False])
def test_judges_an_image_whose_layers_are_not_tars(tmp_path: Path, layer_type: str, *, tagged: bool) -> None:
    """containerd 2.2 mounts layers of EROFS, and podman decrypts before it looks at them."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        layer = builder.add_blob(b"no tar\n" * 100, layer_type)
        hidden = builder.add_image(layer, subject=target, platform=Platform(architecture="amd64", os="linux"))
        builder.entries.insert(0, replace(hidden, annotations={REF_NAME: "v1"} if tagged else {}).to_json())

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


@pytest.mark.parametrize("config_type", [EMPTY, "application/vnd.example.sbom"])
def test_files_that_oras_attaches_are_not_images(tmp_path: Path, config_type: str) -> None:
    """Their layers have an image's type by default, and their config is `{}`."""
    scene = Scene()

    def attach(builder: LayoutBuilder, target: Descriptor) -> None:
        config, layer = builder.add_blob(b"{}", config_type), builder.add_blob(b"an SBOM", IMAGE_LAYER)
        document = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": bare(config), "layers": [bare(layer)]}
        builder.list(builder.add_manifest({**document, "subject": bare(target)}))

    scene.packing.append(attach)
    assert _verified(scene, tmp_path).code == 0


@pytest.mark.parametrize("suffix", ["sig", "att", "sbom"])
@pytest.mark.parametrize("index", [False, True], ids=["image", "index"])
def test_judges_an_image_under_a_cosign_tag(tmp_path: Path, suffix: str, *, index: bool) -> None:
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        image = _unsigned(builder, None)
        builder.tag(builder.add_index(image) if index else image, f"sha256-{target.digest.encoded}.{suffix}")

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def _chart(builder: LayoutBuilder, data: bytes, **members: Any) -> Descriptor:
    layer = builder.add_blob(data, "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
    config = builder.add_blob(b'{"name":"chart"}', "application/vnd.cncf.helm.config.v1+json")
    document = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": bare(config), "layers": [bare(layer)]}
    return builder.add_manifest(document | members)


@pytest.mark.parametrize("claim", ["subject", "kind"])
def test_a_chart_that_claims_to_be_an_attachment_makes_its_name_ambiguous(tmp_path: Path, claim: str) -> None:
    """Only an image's place is safe from what cannot be run: helm and oras take whatever the tag leads to."""
    scene = Scene()
    scene.target = _chart(scene.builder, b"signed")

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        hidden = _chart(builder, b"unsigned", **({"subject": bare(target)} if claim == "subject" else {}))
        kind = {"kind": "dev.hauler/sigs"} if claim == "kind" else {}
        builder.entries.insert(0, replace(hidden, annotations={REF_NAME: "v1", **kind}).to_json())

    scene.packing.append(pack)
    written = scene.write(tmp_path)
    command, _, *options = written.arguments()
    _expect_unsigned(run_here([command, f"oci:{written.layout}", *options]), "fail", "pass")
    assert run_here([command, f"oci:{written.layout}:v1", *options]).code == 11


def _old_tar(**fields: bytes) -> bytes:
    """A tar without magic, in whose unused fields anything may be."""
    block = bytearray(tar_member("run.sh", b"evil", magic=bytes(8)))
    block[329:337] = b"anything"
    block[148:156] = b" " * 8
    block[148:156] = fields.get("checksum", b"%06o\0 ") % sum(block[:BLOCK])
    return bytes(block) + END


@pytest.mark.parametrize(
    "layer",
    [_old_tar(), _old_tar(checksum=b"%06o\09"), b"\x50\x2a\x4d\x18\0\0\0\0\x28\xb5\x2f\xfd", END, b""],
    ids=["without magic", "digit behind the checksum", "skippable frame of zstd", "empty tar", "no bytes"],
)
def test_judges_an_image_under_a_cosign_tag_whose_layer_has_an_unusual_type(tmp_path: Path, layer: bytes) -> None:
    """podman unpacks layers of any type that its reader of tars takes; Python's reader is stricter."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        image = builder.add_image(builder.add_blob(layer, "application/octet-stream"))
        builder.tag(image, f"sha256-{target.digest.encoded}.sig")

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_judges_an_untagged_image_whose_config_type_is_that_of_a_signature(tmp_path: Path) -> None:
    scene = Scene()

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        nowhere = {"mediaType": IMAGE_MANIFEST, "digest": str(Digest.of(b"nowhere")), "size": 7}
        builder.list(replace(_unsigned(builder, nowhere, NOTARY_SIGNATURE), platform=None))

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_judges_an_index_under_a_referrers_tag_of_an_absent_subject(tmp_path: Path) -> None:
    """Any tag with a dash and 32 characters behind it is the referrers tag of some digest (DIST-8)."""
    scene = Scene()

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        image = _unsigned(builder, {"mediaType": IMAGE_MANIFEST, "digest": NOWHERE, "size": 2})
        builder.tag(builder.add_index(image), NOWHERE.replace(":", "-"))

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


@pytest.mark.parametrize("subject", [True, False], ids=["with a subject", "without"])
@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
@pytest.mark.parametrize("tag", ["main-" + "0123456789" * 4, "any-" + "x" * 32, "release-2026-" + "a" * 40])
def test_a_build_tag_is_not_a_referrers_tag_of_an_unknown_algorithm(
    tmp_path: Path, tag: str, *, archive: bool, subject: bool
) -> None:
    """`main-<commit>` is the referrers tag of `main:<commit>`; an entry of such a digest made it one that is here."""
    scene = Scene(archive=archive)
    algorithm, _, encoded = tag.rpartition("-")

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        nowhere = {"mediaType": IMAGE_MANIFEST, "digest": f"{algorithm}:{encoded}", "size": 2}
        builder.tag(builder.add_index(_unsigned(builder, nowhere if subject else None)), tag)
        builder.entries.append(nowhere)
        builder.extra_files[f"blobs/{algorithm}/{encoded}"] = b"{}"

    scene.packing.append(pack)
    ran = _verified(scene, tmp_path)
    unsigned = [item["tags"] for item in ran.document["artifacts"] if item["unsigned"]]
    assert ([tag] in unsigned, ran.code) == (True, 16), ran  # and the entry of that digest cannot be checked


def test_skopeo_and_verify_resolve_the_tag_to_the_same_image(tmp_path: Path) -> None:
    skopeo = needed("skopeo")
    builder = LayoutBuilder()
    tag = "main-" + "0123456789" * 4
    index = builder.tag(builder.add_index(builder.add_image(platform=Platform(architecture="amd64", os="linux"))), tag)
    layout = builder.write_directory(tmp_path / "layout")
    command = [
        skopeo,
        "copy",
        "--all",
        "--preserve-digests",
        f"oci:{layout}:{tag}",
        f"oci:{tmp_path / 'taken'}:{tag}",
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    taken = json.loads((tmp_path / "taken/index.json").read_bytes())["manifests"]
    assert [item["digest"] for item in taken] == [str(index.digest)]
    with open_layout(layout) as store:
        assert [root.descriptor.digest for root in Graph(store).roots()] == [index.digest]


@pytest.mark.parametrize("algorithm", ["sha256", "sha384", "sha512"])
def test_judges_an_index_under_the_referrers_tag_of_a_subject_that_is_only_mentioned(
    tmp_path: Path, algorithm: str
) -> None:
    """The digest is in the layout, but nothing that is judged leads to it."""
    scene = Scene()

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        mentioned = builder.add_image(b"mentioned", algorithm=algorithm)
        builder.add_referrer(mentioned, b"stray signature")
        hidden = builder.add_index(_unsigned(builder, bare(mentioned)))
        builder.tag(hidden, f"{algorithm}-{mentioned.digest.encoded[:64]}")

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


@pytest.mark.parametrize("damaged", [False, True])
def test_judges_an_untagged_image_whose_subject_is_absent(tmp_path: Path, *, damaged: bool) -> None:
    scene = Scene()

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        gone = {"mediaType": IMAGE_MANIFEST, "digest": str(Digest.of(b"gone")), "size": 4}
        builder.list(_unsigned(builder, gone))
        if damaged:
            builder.damage(Descriptor(media_type=IMAGE_LAYER, digest=Digest.of(b"unsigned"), size=8), b"Unsigned")

    scene.packing.append(pack)
    ran = _verified(scene, tmp_path)
    assert ran.code == (16 if damaged else 10), ran
    assert sorted(item["verdict"] for item in ran.document["artifacts"]) == ["fail", "pass"]
    assert any("which is not in this layout" in item["message"] for item in ran.document["warnings"])


def test_judges_an_untagged_image_whose_subject_is_unreachable(tmp_path: Path) -> None:
    scene = Scene()

    def pack(builder: LayoutBuilder, _: Descriptor) -> None:
        builder.list(_unsigned(builder, bare(builder.add_image(b"not listed"))))

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_judges_an_image_with_a_subject_and_a_containerd_name(tmp_path: Path) -> None:
    """`ctr image import` and `docker load` name an image by io.containerd.image.name."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        builder.list(_unsigned(builder, bare(target)), **{"io.containerd.image.name": "docker.io/library/app:v1"})

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


@pytest.mark.parametrize("kind", ["dev.cosignproject.cosign/image", "dev.hauler/image"])
def test_judges_an_image_with_a_subject_that_is_marked_as_the_image(tmp_path: Path, kind: str) -> None:
    """`cosign load` takes the first entry of this kind: names play no part in what `cosign save` writes."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        hidden = replace(_unsigned(builder, bare(target)), annotations={"kind": kind})
        builder.entries[:] = [
            hidden.to_json(),
            {**builder.entries[0], "annotations": {"kind": kind}},
            *builder.entries[1:],
        ]

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


@pytest.mark.parametrize("kind", ["dev.cosignproject.cosign/image", "dev.hauler/image"])
@pytest.mark.parametrize("nested", [False, True])
def test_judges_an_image_marked_as_the_image_that_a_referrer_lists(tmp_path: Path, kind: str, *, nested: bool) -> None:
    """It has no subject, and what reached it was attached and unsigned."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        hidden = _unsigned(builder, None)
        above = builder.add_index(hidden) if nested else hidden
        builder.add_referrer(target, [above], artifact_type="application/vnd.example+json")
        builder.entries.insert(0, replace(hidden, annotations={"kind": kind}).to_json())
        if nested:
            builder.list(above)

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_an_image_marked_as_the_image_is_judged_with_the_named_index_that_lists_it(tmp_path: Path) -> None:
    scene = Scene(index=True)

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        child = json.loads(builder.blobs[target.digest])["manifests"][0]
        builder.entries.append({**child, "annotations": {"kind": "dev.cosignproject.cosign/image"}})

    scene.packing.append(pack)
    ran = _verified(scene, tmp_path)
    assert (ran.code, len(ran.document["artifacts"])) == (0, 1), ran


@pytest.mark.parametrize("where", ["cosign", "kind"])
def test_judges_a_docker_image_with_another_config_type(tmp_path: Path, where: str) -> None:
    """skopeo and podman look at no type of the config in Docker's manifests, and at few of the layers."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        document = {
            "schemaVersion": 2,
            "mediaType": DOCKER_MANIFEST,
            "config": bare(builder.add_blob(b'{"architecture":"amd64","os":"linux"}', "application/vnd.example")),
            "layers": [bare(builder.add_blob(tar_member("run.sh", b"evil") + END, DOCKER_CONFIG))],
        }
        hidden = builder.add_manifest(document, DOCKER_MANIFEST)
        if where == "cosign":
            builder.tag(hidden, f"sha256-{target.digest.encoded}.sig")
        else:
            named = {REF_NAME: "v1", "kind": "dev.cosignproject.cosign/sigs"}
            builder.entries.insert(0, replace(hidden, annotations=named).to_json())

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


@pytest.mark.parametrize(
    ("config_type", "layer_type"),
    [
        (IMAGE_CONFIG, "application/octet-stream"),
        (IMAGE_CONFIG, "application/vnd.bytecodealliance.wasm.component.layer.v0+wasm"),
        ("application/vnd.wasm.config.v0+json", "application/wasm"),
    ],
)
@pytest.mark.parametrize("where", ["cosign", "kind"])
def test_judges_a_webassembly_module(tmp_path: Path, where: str, config_type: str, layer_type: str) -> None:
    """containerd runs it with runwasi, by the name that it has."""
    scene = Scene()

    def pack(builder: LayoutBuilder, target: Descriptor) -> None:
        document = {
            "schemaVersion": 2,
            "mediaType": IMAGE_MANIFEST,
            "config": bare(builder.add_blob(b'{"architecture":"wasm","os":"wasip1"}', config_type)),
            "layers": [bare(builder.add_blob(b"\0asm\1\0\0\0", layer_type))],
        }
        hidden = builder.add_manifest(document)
        if where == "cosign":
            builder.tag(hidden, f"sha256-{target.digest.encoded}.sig")
        else:
            builder.list(hidden, **{REF_NAME: "v1", "kind": "dev.hauler/sigs"})

    scene.packing.append(pack)
    _expect_unsigned(_verified(scene, tmp_path), "fail", "pass")


def test_a_chain_of_cosign_tags_takes_linear_time(tmp_path: Path) -> None:
    """4000 entries of 200 bytes took 18 seconds, 200,000 would have taken half a day."""
    builder = LayoutBuilder()
    before = builder.tag(builder.add_image(), "v1").digest
    for number in range(4000):
        entry = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"%d" % number), size=1)
        builder.tag(entry, f"sha256-{before.encoded}.sig")
        before = entry.digest
    builder.entries.reverse()
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        start = process_time()  # of this process: the machine may be busy with others
        roots = Graph(store).roots()
        # the first is about v1 and cannot be read; the others are about what cannot be read, so nothing reaches them
        assert (len(roots), process_time() - start < 10) == (4000, True)


@pytest.mark.parametrize("change", [{"size": 5}, {"data": "e30="}], ids=["size", "data"])
def test_another_entry_of_a_judged_digest_states_the_same(tmp_path: Path, change: dict[str, Any]) -> None:
    """Without a name it was passed over as known, whatever it said of the image."""
    scene = Scene()
    scene.packing.append(lambda builder, target: builder.entries.append({**bare(target), **change}))
    ran = _verified(scene, tmp_path)
    assert (ran.code, *ran.reasons) == (16, "content.data" if "data" in change else "content.size"), ran


@pytest.mark.parametrize(
    ("damage", "subject", "code"),
    [("", None, 10), ("changed", None, 16), ("missing", None, 16), ("", ABSENT, 10), ("changed", ABSENT, 16)],
)
def test_judges_what_an_index_of_referrers_of_another_lists(
    tmp_path: Path, damage: str, subject: Descriptor | None, code: int
) -> None:
    """A chart beside a true referrer was neither judged nor hashed: "signatures and content are good, every byte"."""
    scene = Scene()

    def put(builder: LayoutBuilder, target: Descriptor) -> None:
        layer = builder.add_blob(b"chart", "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
        config = builder.add_blob(b'{"name":"chart"}', "application/vnd.cncf.helm.config.v1+json")
        document = {"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": bare(config), "layers": [bare(layer)]}
        chart = builder.add_manifest(document | ({"subject": bare(subject)} if subject else {}))
        sbom = builder.add_referrer(target, b"sbom", artifact_type="application/spdx", listed=False)
        builder.tag_referrers(target, chart, sbom)
        if damage == "missing":
            builder.drop(layer)
        elif damage:
            builder.damage(layer, b"CHART")

    scene.packing.append(put)
    written = scene.write(tmp_path)
    arguments = written.arguments()
    assert run_here([arguments[0], f"oci:{written.layout}", *arguments[2:]]).code == code
    assert run_here(arguments).code == 0, "the image is what it was"
    assert run_here(["copy", str(written.layout), str(tmp_path / "copy")]).code == (16 if damage else 0)
    listed = run_here(["ls", str(written.layout), "--format", "json"]).document
    assert len(listed["artifacts"]) == 2, listed
