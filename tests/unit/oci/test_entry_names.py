"""The names of entries, for layouts of all tools, and names that no entry gets (decision 0025)."""

from __future__ import annotations

import re
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from airgap.errors import NotFoundError
from airgap.oci.descriptor import (
    CONTAINERD_NAME,
    EMPTY,
    IMAGE_CONFIG,
    IMAGE_MANIFEST,
    REF_NAME,
    Descriptor,
)
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.lookup import FoundBy
from tests.support.layouts import IMAGE_LAYER, LayoutBuilder, graph_of, tar_member

SIMPLE_SIGNING = "application/vnd.dev.cosign.simplesigning.v1+json"
REF, NAME = "library/app:v1", "docker.io/library/app:v1"


def named(graph: Graph) -> dict[Digest, tuple[str, ...]]:
    return {root.descriptor.digest: root.tags for root in graph.roots()}


def hauler(builder: LayoutBuilder, descriptor: Descriptor, kind: str | None, ref: str = REF, name: str = NAME) -> None:
    """An entry as hauler writes it: everything about an image bears the image's name."""
    annotations = {REF_NAME: ref, CONTAINERD_NAME: name} | ({"kind": kind} if kind else {})
    builder.list(descriptor, **annotations)


def cosign(builder: LayoutBuilder, content: bytes = b'{"critical":{}}', layer_type: str = SIMPLE_SIGNING) -> Descriptor:
    """As cosign makes a signature: its config says that it is an image."""
    return builder.add_image(builder.add_blob(content, layer_type), config=b"{}")


class TestHauler:
    @pytest.mark.parametrize("kind", ["dev.hauler/referrers/", "dev.cosignproject.cosign/referrers/", None])
    def test_the_name_belongs_to_the_image_and_not_to_the_signature(
        self, builder: LayoutBuilder, place: Path, kind: str | None
    ) -> None:
        image = builder.add_image()
        signature = builder.add_referrer(image, b"sig", listed=False)
        hauler(builder, image, "dev.hauler/image")
        hauler(builder, signature, kind and kind + signature.digest.encoded)
        graph = graph_of(builder, place)
        assert named(graph) == {image.digest: (REF,)}
        for name in (REF, NAME, "v1"):
            assert graph.resolve(name).descriptor.digest == image.digest
        assert [item.descriptor.digest for item in graph.referrers(image).all()] == [signature.digest]
        assert graph.notes == ()

    @pytest.mark.parametrize(
        ("kind", "content", "layer_type", "suffix"),
        [
            ("sigs", b"{}", SIMPLE_SIGNING, "sig"),
            (None, b"{}", SIMPLE_SIGNING, "sig"),
            ("atts", b"{}", "application/vnd.dsse.envelope.v1+json", "att"),
            ("sboms", b"SPDXVersion: SPDX-2.3\n", "text/spdx", "sbom"),
        ],
    )
    def test_what_cosign_attached_without_a_subject_keeps_its_tag(
        self, builder: LayoutBuilder, place: Path, kind: str | None, content: bytes, layer_type: str, suffix: str
    ) -> None:
        image, attached = builder.add_image(), cosign(builder, content, layer_type)
        hauler(builder, image, "dev.hauler/image" if kind else None)
        hauler(builder, attached, f"dev.hauler/{kind}" if kind else None)
        graph = graph_of(builder, place)
        assert named(graph) == {image.digest: (REF,)}
        (referrer,) = graph.referrers(image).all()
        assert (referrer.mechanism, referrer.tag) == (FoundBy.COSIGN, f"sha256-{image.digest.encoded}.{suffix}")
        assert attached.digest in {reached.descriptor.digest for reached in graph.closure(image).reached}

    @pytest.mark.parametrize("told_by", ["kind", "annotation"])
    @pytest.mark.parametrize("stranger", [True, False])
    def test_what_cosign_attached_to_a_platform_keeps_its_tag(
        self, builder: LayoutBuilder, place: Path, told_by: str, *, stranger: bool
    ) -> None:
        """hauler 2.1 brings the signatures of every platform, and says of which they are."""
        child, signature = builder.add_image(b"child"), cosign(builder)
        index = builder.add_index(child)
        subject = builder.add_image(b"no part of it") if stranger else child
        hauler(builder, index, "dev.hauler/imageIndex")
        annotations = {REF_NAME: REF, CONTAINERD_NAME: NAME, "kind": "dev.hauler/sigs"}
        if told_by == "kind":
            annotations["kind"] += f"/{subject.digest.encoded}"
        else:
            annotations["hauler.dev/subject-digest"] = str(subject.digest)
        builder.list(signature, **annotations)
        graph, target = graph_of(builder, place), index if stranger else child
        (referrer,) = graph.referrers(target).all()
        assert (referrer.mechanism, referrer.tag) == (FoundBy.COSIGN, f"sha256-{target.digest.encoded}.sig")
        assert named(graph) == {index.digest: (REF,)}
        assert signature.digest in {reached.descriptor.digest for reached in graph.closure(index).reached}

    @pytest.mark.parametrize("images", [1, 2])
    def test_what_cosign_saved_belongs_to_the_one_image_beside_it(
        self, builder: LayoutBuilder, place: Path, images: int
    ) -> None:
        """`cosign save` writes kinds, no names and no subject."""
        signature, saved = cosign(builder), [builder.add_image(b"%d" % number) for number in range(images)]
        for image in saved:
            builder.list(image, kind="dev.cosignproject.cosign/image")
        builder.list(signature, kind="dev.cosignproject.cosign/sigs")
        graph = graph_of(builder, place)
        alone = {} if images == 1 else {signature.digest: ()}
        assert named(graph) == {image.digest: () for image in saved} | alone
        assert len(graph.referrers(saved[0]).all()) == (images == 1)

    def test_a_signature_named_as_the_image_is_not_attached_to_itself(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        builder.list(signature := cosign(builder), kind="dev.cosignproject.cosign/image")
        graph = graph_of(builder, place)
        assert (named(graph), graph.referrers(signature).all()) == ({signature.digest: ()}, ())

    def test_signature_of_a_platform_does_not_take_the_name_of_the_index(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        child = builder.add_image()
        index = builder.add_index(child)
        signature = builder.add_referrer(child, b"sig", listed=False)
        hauler(builder, index, "dev.hauler/imageIndex")
        hauler(builder, signature, f"dev.hauler/referrers/{signature.digest.encoded}")
        assert named(graph_of(builder, place)) == {index.digest: (REF,)}

    def test_file_that_oras_attached_as_an_image_layer_does_not_take_the_name(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        """`oras attach` without a type of the file; the empty config lists no layers, so no runtime unpacks it."""
        image = builder.add_image()
        file, empty = builder.add_blob(b"SPDXVersion", IMAGE_LAYER), builder.add_blob(b"{}", EMPTY)
        document: dict[str, Any] = {"mediaType": IMAGE_MANIFEST, "artifactType": "a/sbom", "config": empty.to_json()}
        document |= {"schemaVersion": 2, "layers": [file.to_json()], "subject": _bare(image)}
        sbom = builder.add_manifest(document, IMAGE_MANIFEST)
        hauler(builder, image, "dev.hauler/image")
        hauler(builder, sbom, f"dev.hauler/referrers/{sbom.digest.encoded}")
        assert named(graph_of(builder, place)) == {image.digest: (REF,)}

    def test_signature_alone_under_a_name_is_what_it_names(self, builder: LayoutBuilder, place: Path) -> None:
        """Every named entry is an artifact of the layout."""
        image = builder.tag(builder.add_image(), "v1")
        signature = builder.tag(builder.add_referrer(image, b"sig", listed=False), "sig")
        assert named(graph_of(builder, place)) == {image.digest: ("v1",), signature.digest: ("sig",)}


def _layers(builder: LayoutBuilder) -> dict[str, Any]:
    tar = tar_member("etc/passwd", b"root::0:0::/:/bin/sh\n")
    return {
        "layer": builder.add_blob(b"x", IMAGE_LAYER),
        "tar": builder.add_blob(tar, SIMPLE_SIGNING),
        "gzip": builder.add_blob(b"\x1f\x8b\x08" + bytes(30), SIMPLE_SIGNING),
        "zstd": builder.add_blob(b"\x28\xb5\x2f\xfd" + bytes(30), "text/spdx"),
    }


class TestWhatCouldRun:
    """A claim to be a signature must not hide an image: skopeo takes the first entry of a name, containerd the last."""

    @pytest.mark.parametrize("form", ["layer", "tar", "gzip", "zstd"])
    @pytest.mark.parametrize("subject", [True, False])
    def test_image_that_calls_itself_attached_is_judged_and_makes_the_name_ambiguous(
        self, builder: LayoutBuilder, place: Path, form: str, *, subject: bool
    ) -> None:
        image = builder.add_image(b"good")
        evil = builder.add_image(_layers(builder)[form], subject=image if subject else None)
        hauler(builder, evil, "dev.hauler/sigs")
        hauler(builder, image, "dev.hauler/image")
        graph = graph_of(builder, place)
        assert named(graph) == {evil.digest: (), image.digest: ()}
        for name in (REF, NAME, "v1"):
            with pytest.raises(NotFoundError, match=f"{evil.digest} and .*{image.digest}"):
                graph.resolve(name)

    def test_index_is_never_an_attachment(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        evil = builder.add_index(builder.add_image(b"evil"), subject=_bare(image), artifactType="a/x")
        hauler(builder, image, "dev.hauler/image")
        hauler(builder, evil, f"dev.hauler/referrers/{evil.digest.encoded}")
        assert named(graph_of(builder, place)) == {image.digest: (), evil.digest: ()}

    def test_image_without_layers_is_no_attachment(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        config = builder.add_blob(b'{"config":{}}', IMAGE_CONFIG).to_json()
        evil = builder.add_manifest({"schemaVersion": 2, "mediaType": IMAGE_MANIFEST, "config": config, "layers": []})
        hauler(builder, image, "dev.hauler/image")
        hauler(builder, evil, "dev.hauler/sigs")
        assert named(graph_of(builder, place)) == {image.digest: (), evil.digest: ()}

    def test_a_missing_layer_makes_no_attachment(self, builder: LayoutBuilder, place: Path) -> None:
        image, evil = builder.add_image(), cosign(builder)
        hauler(builder, image, "dev.hauler/image")
        hauler(builder, evil, "dev.hauler/sigs")
        del builder.blobs[Digest.of(b'{"critical":{}}')]
        assert named(graph_of(builder, place)) == {image.digest: (), evil.digest: ()}

    def test_a_second_name_of_its_own_makes_it_an_artifact(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        signature = builder.add_referrer(image, b"sig", listed=False)
        hauler(builder, image, "dev.hauler/image")
        hauler(builder, signature, None, name="docker.io/library/other:v1")
        assert named(graph_of(builder, place)) == {
            image.digest: (NAME,),
            signature.digest: ("docker.io/library/other:v1",),
        }


class TestDockerSave:
    def test_whole_names_count_before_equal_tags(self, builder: LayoutBuilder, place: Path) -> None:
        a, b = builder.add_image(b"a"), builder.add_image(b"b")
        hauler(builder, a, None, "latest", "docker.io/library/a:latest")
        hauler(builder, b, None, "latest", "docker.io/library/b:latest")
        graph = graph_of(builder, place)
        assert named(graph) == {a.digest: ("docker.io/library/a:latest",), b.digest: ("docker.io/library/b:latest",)}
        assert graph.resolve("docker.io/library/b:latest").descriptor.digest == b.digest
        with pytest.raises(
            NotFoundError, match=r"appears twice .*'docker.io/library/a:latest' .* 'docker.io/library/b:"
        ):
            graph.resolve("latest")
        assert (graph.notes, graph.shared_names) == ((), ())

    def test_one_image_of_two_names_keeps_both(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        hauler(builder, image, None, "latest", "docker.io/library/a:latest")
        hauler(builder, image, None, "latest", "docker.io/library/b:latest")
        graph = graph_of(builder, place)
        assert named(graph) == {image.digest: ("docker.io/library/a:latest", "docker.io/library/b:latest")}
        assert graph.resolve("latest").descriptor.digest == image.digest

    def test_shows_one_image_by_its_tag_and_finds_it_by_its_name(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        hauler(builder, image, None, "latest", "docker.io/library/a:latest")
        graph = graph_of(builder, place)
        assert named(graph) == {image.digest: ("latest",)}
        assert graph.resolve("docker.io/library/a:latest").called == "docker.io/library/a:latest"

    def test_refuses_a_name_that_is_the_tag_of_another(self, builder: LayoutBuilder, place: Path) -> None:
        a, b = builder.add_image(b"a"), builder.tag(builder.add_image(b"b"), NAME)
        builder.list(a, **{CONTAINERD_NAME: NAME})
        with pytest.raises(NotFoundError, match=f"{b.digest} and {a.digest}"):
            graph_of(builder, place).resolve(NAME)

    def test_a_containerd_name_alone_is_a_name(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        builder.list(image, **{CONTAINERD_NAME: NAME})
        graph = graph_of(builder, place)
        assert named(graph) == {image.digest: (NAME,)}
        assert graph.resolve("v1").called == NAME


class TestDoubles:
    @pytest.mark.parametrize("typed", ["reg.example/app:v1", "v1"])
    def test_refuses_every_part_of_a_full_name_on_two_entries(
        self, builder: LayoutBuilder, place: Path, typed: str
    ) -> None:
        evil, good = builder.add_image(b"evil"), builder.add_image(b"good")
        builder.tag(evil, "reg.example/app:v1")
        builder.tag(good, "reg.example/app:v1")
        graph = graph_of(builder, place)
        expected = f"'reg.example/app:v1' appears twice .*{evil.digest} and {good.digest}"
        with pytest.raises(NotFoundError, match=expected):
            graph.resolve(typed)
        assert graph.shared_names == ("reg.example/app:v1",)

    def test_same_content_twice_under_one_name_is_one(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        builder.tag(image, "v1")
        builder.tag(image, "v1")
        assert named(graph_of(builder, place)) == {image.digest: ("v1",)}

    def test_refuses_a_digest_of_two_media_types(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        other = Descriptor(media_type="application/x.other", digest=image.digest, size=image.size)
        builder.tag(other, "v2")
        with pytest.raises(NotFoundError, match=re.escape(f"{IMAGE_MANIFEST} and application/x.other")):
            graph_of(builder, place).resolve(image.digest)

    def test_message_is_bounded_and_shows_no_control_characters(self, builder: LayoutBuilder, place: Path) -> None:
        for number in range(40):
            builder.tag(builder.add_image(b"%d" % number), f"reg.example/{number}\x1b[2J:v1")
        with pytest.raises(NotFoundError, match="and 30 more") as caught:
            graph_of(builder, place).resolve("v1")
        assert "\x1b" not in str(caught.value)


def _bare(descriptor: Descriptor) -> dict[str, Any]:
    return Descriptor(media_type=descriptor.media_type, digest=descriptor.digest, size=descriptor.size).to_json()


@pytest.mark.parametrize("kind", ["dev.hauler/image", "dev.hauler/sigs"])
def test_one_name_on_many_entries_takes_linear_time(builder: LayoutBuilder, place: Path, kind: str) -> None:
    image, other = builder.add_image(), cosign(builder) if "sigs" in kind else builder.add_image(b"other")
    for _ in range(4_000):
        hauler(builder, image, "dev.hauler/image")
    for _ in range(4_000):
        hauler(builder, other, kind)
    graph = graph_of(builder, place)
    start = process_time()
    assert len(graph.roots()) == (1 if "sigs" in kind else 2)
    assert process_time() - start < 10
