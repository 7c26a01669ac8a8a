from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import ContentError, NotFoundError
from airgap.oci.descriptor import (
    ACQUISITION,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    IMAGE_CONFIG,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    NOTARY_SIGNATURE,
    Descriptor,
    Platform,
)
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.layout import LayoutDirectory
from airgap.oci.lookup import FoundBy
from airgap.oci.nodes import reported_elsewhere
from airgap.oci.problems import ContentProblem
from tests.support.layouts import LayoutBuilder, dump, graph_of

ARM = Platform(architecture="arm64", os="linux")
AMD = Platform(architecture="amd64", os="linux")


def roots(graph: Graph) -> list[tuple[Digest, tuple[str, ...]]]:
    return [(root.descriptor.digest, root.tags) for root in graph.roots()]


def found(graph: Graph, subject: Descriptor) -> set[tuple[Digest, FoundBy]]:
    return {
        (referrer.descriptor.digest, referrer.mechanism)
        for referrer in graph.referrers(subject).readable(reported_elsewhere)
    }


class TestRoots:
    def test_artifact_with_several_tags_is_one(self, builder: LayoutBuilder, place: Path) -> None:
        """LAYOUT-7."""
        image = builder.tag(builder.add_image(), "v1", "latest")
        assert roots(graph_of(builder, place)) == [(image.digest, ("v1", "latest"))]

    def test_untagged_artifact_counts(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        builder.list(image)
        assert roots(graph_of(builder, place)) == [(image.digest, ())]

    def test_an_untagged_entry_of_an_unknown_type_counts(self, builder: LayoutBuilder, place: Path) -> None:
        """LAYOUT-2: its bytes can be checked."""
        image, blob = builder.tag(builder.add_image(), "v1"), builder.add_blob(b"x", "a/b")
        builder.list(blob)
        assert roots(graph_of(builder, place)) == [(image.digest, ("v1",)), (blob.digest, ())]

    @pytest.mark.parametrize("children_first", [False, True])
    @pytest.mark.parametrize("tagged", [False, True])
    def test_children_listed_beside_their_index_are_not_artifacts(
        self, builder: LayoutBuilder, place: Path, children_first: bool, tagged: bool
    ) -> None:
        """oras writes them so, untagged and with their platform."""
        arm, amd = builder.add_image(b"arm", platform=ARM), builder.add_image(b"amd", platform=AMD)
        index = builder.add_index(arm, amd)
        if children_first:
            builder.list(arm)
            builder.list(amd)
        builder.tag(index, "v1") if tagged else builder.list(index)
        if not children_first:
            builder.list(arm)
            builder.list(amd)
        assert roots(graph_of(builder, place)) == [(index.digest, ("v1",) if tagged else ())]

    def test_child_that_is_tagged_is_an_artifact_too(self, builder: LayoutBuilder, place: Path) -> None:
        child = builder.add_image()
        index = builder.tag(builder.add_index(child), "v1")
        builder.tag(child, "v1-amd64")
        assert roots(graph_of(builder, place)) == [(index.digest, ("v1",)), (child.digest, ("v1-amd64",))]

    def test_an_image_is_an_artifact_where_an_index_states_a_wrong_size_of_it(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        """What is wrong in one place says nothing of the same manifest in another."""
        subject = builder.tag(builder.add_image(b"subject"), "v1")
        image = builder.add_image(subject=subject)
        builder.list(builder.add_index(replace(image, size=image.size + 1)))
        builder.list(image)
        assert (image.digest, ()) in roots(graph_of(builder, place))

    @pytest.mark.parametrize(
        ("artifact_type", "is_root"), [("a/sbom", True), (NOTARY_SIGNATURE, False), (ACQUISITION, False)]
    )
    def test_what_refers_to_a_missing_artifact(
        self, builder: LayoutBuilder, place: Path, artifact_type: str, is_root: bool
    ) -> None:
        """A signature or record without its artifact is nothing that could be judged (decision 0025)."""
        image = builder.tag(builder.add_image(), "v1")
        absent = replace(image, digest=Digest.of(b"absent"))
        referrer = builder.add_referrer(absent, b"{}", artifact_type=artifact_type)
        graph = graph_of(builder, place)
        assert ((referrer.digest, ()) in roots(graph)) is is_root
        assert [note.descriptor and note.descriptor.digest for note in graph.notes] == [referrer.digest]

    def test_referrers_are_not_artifacts(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        sbom = builder.add_referrer(image, b"sbom", artifact_type="a/sbom")
        builder.add_referrer(sbom, b"signature of the sbom")
        assert roots(graph_of(builder, place)) == [(image.digest, ("v1",))]

    def test_referrers_and_cosign_tags_are_not_artifacts(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        builder.tag_referrers(image, builder.add_referrer(image, b"sig", listed=False))
        for kind in ("sig", "att", "sbom"):
            builder.tag(builder.add_cosign(kind.encode()), f"sha256-{image.digest.encoded}.{kind}")
        assert roots(graph_of(builder, place)) == [(image.digest, ("v1",))]

    def test_unknown_media_type_is_no_error(self, builder: LayoutBuilder, place: Path) -> None:
        """LAYOUT-2."""
        blob = builder.tag(builder.add_blob(b"x", "application/x.unknown"), "thing")
        graph = graph_of(builder, place)
        assert roots(graph) == [(blob.digest, ("thing",))]
        assert graph.problems == ()

    def test_image_under_a_tag_like_a_referrers_tag_stays_an_artifact(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        image = builder.tag(builder.add_image(), "sha256-" + "0" * 64)
        index = builder.tag(builder.add_index(builder.add_image(b"other")), "sha256-" + "1" * 64)
        assert {digest for digest, _ in roots(graph_of(builder, place))} == {image.digest, index.digest}

    def test_artifact_cannot_be_hidden_in_an_index_of_referrers(self, builder: LayoutBuilder, place: Path) -> None:
        image, other = builder.add_image(b"image"), builder.add_image(b"other")
        builder.tag(image, "v1")
        builder.tag_referrers(image, builder.add_referrer(image, b"sig", listed=False), other)
        index = Digest.parse(builder.entries[-1]["digest"])
        builder.list(other)
        assert {digest for digest, _ in roots(graph_of(builder, place))} == {image.digest, index}

    def test_two_artifacts_that_list_each_other_as_referrers_stay(self, builder: LayoutBuilder, place: Path) -> None:
        one, two = builder.add_image(b"one"), builder.add_image(b"two")
        subject_one = Descriptor(media_type=one.media_type, digest=one.digest, size=one.size).to_json()
        subject_two = Descriptor(media_type=two.media_type, digest=two.digest, size=two.size).to_json()
        entries = (
            one,
            two,
            builder.add_index(two, subject=subject_one, artifactType="a/x"),
            builder.add_index(one, subject=subject_two, artifactType="a/x"),
        )
        for descriptor in entries:
            builder.list(descriptor)
        graph = graph_of(builder, place)
        assert roots(graph) == [(descriptor.digest, ()) for descriptor in entries]
        reached = {reached.descriptor.digest for reached in graph.closure(one).reached}
        assert two.digest in reached

    def test_tag_given_twice_names_nothing_and_is_noted(self, builder: LayoutBuilder, place: Path) -> None:
        """LAYOUT-7: tools disagree on whether the first or the last one counts, so a verdict on "v1" means nothing."""
        old, new = builder.add_image(b"old"), builder.add_image(b"new")
        builder.tag(old, "v1")
        builder.tag(new, "v1")
        graph = graph_of(builder, place)
        assert roots(graph) == [(old.digest, ()), (new.digest, ())]
        assert [root.aliases for root in graph.roots()] == [("v1",), ("v1",)]
        with pytest.raises(NotFoundError, match="appears twice"):
            graph.resolve("v1")
        assert [(note.reason, note.path) for note in graph.notes] == [
            ("layout.entry", "index.json > manifests[0]"),
            ("layout.entry", "index.json > manifests[1]"),
        ]
        assert "'v1' appears twice" in graph.notes[0].message

    def test_subject_that_is_not_here_is_noted(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        builder.add_referrer(image, b"sig")
        builder.drop(image)
        graph = graph_of(builder, place)
        assert roots(graph) == []
        assert "which is not in this layout" in graph.notes[0].message

    def test_entry_that_describes_nothing_is_a_problem_and_stops_no_other(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        """D27, MAN-34."""
        builder.entries.append({"mediaType": IMAGE_MANIFEST, "digest": "sha256:../x", "size": 1})
        image = builder.tag(builder.add_image(), "v1")
        graph = graph_of(builder, place)
        assert roots(graph) == [(image.digest, ("v1",))]
        (problem,) = graph.problems
        assert (problem.reason, problem.path) == ("content.malformed", "index.json > manifests[0].digest")

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (None, "content.missing"),
            (b"x", "content.size"),
            (b"swapped", "content.digest"),
        ],
    )
    def test_unreadable_untagged_entry_is_a_problem_and_stops_no_other(
        self, builder: LayoutBuilder, place: Path, data: bytes | None, reason: str
    ) -> None:
        """D27, MAN-34: one bad file must not make a layout unusable."""
        image = builder.tag(builder.add_image(), "v1")
        good, bad = builder.add_referrer(image, b"good"), builder.add_referrer(image, b"bad")
        if data is None:
            builder.drop(bad)
        else:
            builder.damage(bad, data if len(data) == 1 else builder.blobs[bad.digest].swapcase())
        graph = graph_of(builder, place)
        assert found(graph, image) == {(good.digest, FoundBy.ENTRY)}
        assert [(problem.reason, problem.descriptor) for problem in graph.problems] == [
            (reason, Descriptor.from_json(builder.entries[2]))
        ]

    def test_unreadable_entry_may_refer_to_all_but_itself(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        one, other = builder.add_referrer(image, b"one"), builder.add_referrer(image, b"other")
        builder.drop(one)
        builder.drop(other)
        graph = graph_of(builder, place)
        for subject, unread in ((image, {one.digest, other.digest}), (one, {other.digest}), (other, {one.digest})):
            told: list[ContentProblem] = []
            graph.referrers(subject).readable(told.append)
            assert {problem.descriptor.digest for problem in told if problem.descriptor} == unread

    def test_unreadable_tagged_entry_stays_an_artifact(self, builder: LayoutBuilder, place: Path) -> None:
        """Its content says what is wrong with it."""
        image = builder.tag(builder.add_image(), "v1")
        builder.drop(image)
        graph = graph_of(builder, place)
        assert roots(graph) == [(image.digest, ("v1",))]
        assert graph.problems == ()
        assert [problem.reason for problem in graph.closure(image).problems] == ["content.missing"]


class TestResolve:
    def test_by_tag(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1", "latest")
        root = graph_of(builder, place).resolve("latest")
        assert root.descriptor.same_content(image)
        assert root.tags == ("v1", "latest")

    def test_by_full_reference_and_by_its_tag_part(self, builder: LayoutBuilder, place: Path) -> None:
        """LAYOUT-6."""
        image = builder.tag(builder.add_image(), "reg.example:5000/app:v1")
        graph = graph_of(builder, place)
        assert graph.resolve("reg.example:5000/app:v1").descriptor.digest == image.digest
        assert graph.resolve("v1").descriptor.digest == image.digest

    def test_an_exact_name_counts_before_a_tag(self, builder: LayoutBuilder, place: Path) -> None:
        builder.tag(builder.add_image(b"other"), "reg.example/app:v1")
        image = builder.tag(builder.add_image(), "v1")
        assert graph_of(builder, place).resolve("v1").descriptor.digest == image.digest

    def test_ambiguous_tag_part_is_refused_with_the_choices(self, builder: LayoutBuilder, place: Path) -> None:
        builder.tag(builder.add_image(b"a"), "reg.example/a:v1")
        builder.tag(builder.add_image(b"b"), "reg.example/b:v1")
        with pytest.raises(NotFoundError, match=r"ambiguous .*'reg.example/a:v1' \(sha256:.* and 'reg.example/b:v1'"):
            graph_of(builder, place).resolve("v1")

    def test_a_missing_tag_is_reported_with_some_existing_ones(self, builder: LayoutBuilder, place: Path) -> None:
        builder.tag(builder.add_image(), *(f"t{number}\x1b[2J" for number in range(15)))
        with pytest.raises(NotFoundError) as caught:
            graph_of(builder, place).resolve("gone")
        assert "has no tag 'gone'; there are 't0" in str(caught.value)
        assert str(caught.value).endswith("and 5 more")
        assert "\x1b" not in str(caught.value)

    def test_reports_a_layout_without_tags(self, builder: LayoutBuilder, place: Path) -> None:
        with pytest.raises(NotFoundError, match="it has no tags"):
            graph_of(builder, place).resolve("v1")

    @pytest.mark.parametrize("depth", [1, 2, 3])
    def test_child_has_its_real_media_type(self, builder: LayoutBuilder, place: Path, depth: int) -> None:
        """MAN-35, D3: the reference makes it application/octet-stream, and loses its signatures."""
        child = top = builder.add_image(media_type=DOCKER_MANIFEST)
        for _ in range(depth):
            top = builder.add_index(top, media_type=DOCKER_LIST)
        builder.tag(top, "v1")
        signature = builder.add_referrer(child, b"sig")
        graph = graph_of(builder, place)
        resolved = graph.resolve(child.digest).descriptor
        assert (resolved.media_type, resolved.size) == (DOCKER_MANIFEST, child.size)
        assert found(graph, resolved) == {(signature.digest, FoundBy.ENTRY)}

    def test_referrer_by_digest(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        one = builder.add_referrer(image, b"sig")
        two = builder.add_referrer(image, b"sbom", listed=False)
        builder.tag_referrers(image, two)
        graph = graph_of(builder, place)
        assert graph.resolve(one.digest).descriptor.same_content(one)
        assert graph.resolve(two.digest).descriptor.same_content(two)

    def test_digest_of_a_tagged_artifact_gives_its_tags(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        assert graph_of(builder, place).resolve(image.digest).tags == ("v1",)

    def test_digest_that_entries_give_two_types_names_neither(self, builder: LayoutBuilder, place: Path) -> None:
        """Tools take either: a verdict on one would be read as one on the other."""
        one = builder.tag(builder.add_blob(b"x", "a/one"), "v1")
        other = builder.tag(replace(one, media_type="a/other"), "v2")
        graph = graph_of(builder, place)
        assert graph.resolve("v1").descriptor.same_content(one)
        assert graph.resolve("v2").descriptor.same_content(other)
        with pytest.raises(NotFoundError, match="as a/one and a/other; tools disagree"):
            graph.resolve(one.digest)

    def test_subject_that_only_its_referrer_names_is_found(self, builder: LayoutBuilder, place: Path) -> None:
        """LAYOUT-10, MAN-30: subjects are links, too."""
        image = builder.add_image()
        builder.add_referrer(image, b"sig")
        assert graph_of(builder, place).resolve(image.digest).descriptor.media_type == IMAGE_MANIFEST

    def test_blob_that_nothing_leads_to_is_not_found(self, builder: LayoutBuilder, place: Path) -> None:
        """MAN-30, NEG-150."""
        image = builder.add_image()
        graph = graph_of(builder, place)
        with pytest.raises(NotFoundError, match=r"is there, but no entry of index\.json leads to it"):
            graph.resolve(image.digest)
        with pytest.raises(NotFoundError) as caught:
            graph.resolve(Digest.of(b"gone"))
        assert "is there" not in str(caught.value)

    def test_only_artifact_needs_no_name(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        assert graph_of(builder, place).resolve(None).descriptor.same_content(image)
        builder.tag(builder.add_image(b"other"), "v2")
        with pytest.raises(NotFoundError, match="2 artifacts, not one; name one; there are 'v1', 'v2'"):
            graph_of(builder, place).resolve(None)


class TestReferrers:
    @pytest.mark.parametrize("form", ["image", "config", "artifact"])
    def test_every_shape_of_manifest(self, builder: LayoutBuilder, place: Path, form: str) -> None:
        """MAN-2, MAN-3, MAN-11, MAN-32."""
        image = builder.tag(builder.add_image(), "v1")
        signature = builder.add_referrer(image, b"sig", form=form)  # type: ignore[arg-type]
        (referrer,) = graph_of(builder, place).referrers(image).all()
        assert referrer.descriptor.digest == signature.digest
        assert referrer.artifact_type == NOTARY_SIGNATURE
        assert referrer.manifest.raw == builder.blobs[signature.digest]
        assert referrer.mechanism is FoundBy.ENTRY

    def test_index_as_referrer(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        subject = Descriptor(media_type=image.media_type, digest=image.digest, size=image.size).to_json()
        index = builder.add_index(builder.add_image(b"child"), subject=subject, artifactType="a/b")
        builder.list(index)
        (referrer,) = graph_of(builder, place).referrers(image).all()
        assert (referrer.descriptor.digest, referrer.artifact_type) == (index.digest, "a/b")

    def test_type_in_the_entry_is_not_trusted(self, builder: LayoutBuilder, place: Path) -> None:
        """MAN-22, D2: the manifest itself decides."""
        image = builder.tag(builder.add_image(), "v1")
        sbom = builder.add_referrer(image, b"x", artifact_type="a/sbom", listed=False)
        builder.list(replace(sbom, artifact_type=NOTARY_SIGNATURE))
        (referrer,) = graph_of(builder, place).referrers(image).all()
        assert referrer.artifact_type == "a/sbom"

    @pytest.mark.parametrize("change", [{"size": 1}, {"media_type": IMAGE_INDEX}], ids=["size", "media-type"])
    def test_subject_must_be_equal_in_all_three(
        self, builder: LayoutBuilder, place: Path, change: dict[str, object]
    ) -> None:
        """MAN-31, NEG-151; and MAN-34: it does no harm to anything else."""
        image = builder.tag(builder.add_image(), "v1")
        builder.add_referrer(replace(image, **change), b"sig")  # type: ignore[arg-type]
        good = builder.add_referrer(image, b"good")
        graph = graph_of(builder, place)
        assert found(graph, image) == {(good.digest, FoundBy.ENTRY)}
        assert graph.problems == ()
        assert any("refers to" in note.message for note in graph.notes)

    def test_sorts_referrers_by_digest(self, builder: LayoutBuilder, place: Path) -> None:
        """D27."""
        image = builder.tag(builder.add_image(), "v1")
        digests = [builder.add_referrer(image, bytes([number])).digest for number in range(9)]
        referrers = graph_of(builder, place).referrers(image).all()
        assert [referrer.descriptor.digest for referrer in referrers] == sorted(digests)

    def test_finds_a_referrer_in_a_nested_index(self, builder: LayoutBuilder, place: Path) -> None:
        """MAN-30, MAN-33: reachable through an index is enough."""
        image = builder.tag(builder.add_image(), "v1")
        signature = builder.add_referrer(image, b"sig", listed=False)
        builder.tag(builder.add_index(signature), "own")
        assert found(graph_of(builder, place), image) == {(signature.digest, FoundBy.ENTRY)}

    def test_does_not_find_an_unreachable_referrer(self, builder: LayoutBuilder, place: Path) -> None:
        """MAN-30, NEG-150."""
        image = builder.tag(builder.add_image(), "v1")
        builder.add_referrer(image, b"sig", listed=False)
        assert graph_of(builder, place).referrers(image).all() == ()

    def test_by_referrers_tag(self, builder: LayoutBuilder, place: Path) -> None:
        """MAN-33, DIST-8, decision 0025."""
        image = builder.tag(builder.add_image(), "v1")
        signature = builder.add_referrer(image, b"sig", listed=False)
        builder.tag_referrers(image, signature)
        nested = builder.add_referrer(signature, b"sig of sig", listed=False)
        builder.tag_referrers(signature, nested)
        graph = graph_of(builder, place)
        assert found(graph, image) == {(signature.digest, FoundBy.TAG)}
        assert found(graph, signature) == {(nested.digest, FoundBy.TAG)}

    def test_counts_a_referrer_in_both_forms_once(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        signature = builder.add_referrer(image, b"sig", listed=False)
        builder.tag_referrers(image, signature)
        builder.list(signature)
        assert found(graph_of(builder, place), image) == {(signature.digest, FoundBy.ENTRY)}

    def test_entry_of_a_referrers_tag_index_with_another_subject_refers_to_that(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        """Decision 0025: the subject of an entry counts, and not the tag."""
        image, other = builder.tag(builder.add_image(), "v1"), builder.tag(builder.add_image(b"other"), "v2")
        mine = builder.add_referrer(image, b"mine", listed=False)
        stray = builder.add_referrer(other, b"stray", listed=False)
        builder.tag_referrers(image, mine, stray)
        graph = graph_of(builder, place)
        assert found(graph, image) == {(mine.digest, FoundBy.TAG)}
        assert found(graph, other) == {(stray.digest, FoundBy.TAG)}
        assert roots(graph) == [(image.digest, ("v1",)), (other.digest, ("v2",))]
        assert [note.descriptor and note.descriptor.digest for note in graph.notes] == [stray.digest]

    @pytest.mark.parametrize("characters", [64, 128], ids=["DIST-8", "D46"])
    def test_referrers_tag_of_sha512(self, builder: LayoutBuilder, place: Path, characters: int) -> None:
        """Cut short as specified, and whole as the reference writes it."""
        image = builder.tag(builder.add_image(algorithm="sha512"), "v1")
        signature = builder.add_referrer(image, b"sig", listed=False)
        builder.tag(builder.add_index(signature), f"sha512-{image.digest.encoded[:characters]}")
        graph = graph_of(builder, place)
        assert found(graph, image) == {(signature.digest, FoundBy.TAG)}
        assert roots(graph) == [(image.digest, ("v1",))]

    def test_an_empty_referrers_tag_index_is_an_empty_list(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        builder.tag_referrers(image)
        graph = graph_of(builder, place)
        assert graph.referrers(image).all() == ()
        assert roots(graph) == [(image.digest, ("v1",))]

    @pytest.mark.parametrize("lost", ["index", "entry"])
    def test_unreadable_behind_a_referrers_tag_is_a_problem_of_its_subject(
        self, builder: LayoutBuilder, place: Path, lost: str
    ) -> None:
        image = builder.tag(builder.add_image(), "v1")
        signature = builder.add_referrer(image, b"sig", listed=False)
        index = builder.tag_referrers(image, signature)
        builder.drop(index if lost == "index" else signature)
        graph = graph_of(builder, place)
        assert found(graph, image) == set()
        assert graph.problems == ()
        (problem,) = graph.closure(image).problems
        assert problem.reason == "content.missing"
        assert problem.path.startswith(f"manifest > referrers tag sha256-{image.digest.encoded}")

    def test_unreadable_behind_a_tag_of_nothing_here_is_a_problem_of_the_layout(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        builder.drop(builder.tag(builder.add_index(), "sha256-" + "0" * 64))
        assert [problem.reason for problem in graph_of(builder, place).problems] == ["content.missing"]

    @pytest.mark.parametrize("kind", ["sig", "att", "sbom"])
    @pytest.mark.parametrize("prefix", ["", "reg.example/app:"])
    def test_by_cosign_tag(self, builder: LayoutBuilder, place: Path, kind: str, prefix: str) -> None:
        image = builder.tag(builder.add_image(), "v1")
        attached = builder.add_cosign()
        builder.tag(attached, f"{prefix}sha256-{image.digest.encoded}.{kind}")
        graph = graph_of(builder, place)
        (referrer,) = graph.referrers(image).all()
        assert (referrer.descriptor.digest, referrer.mechanism) == (attached.digest, FoundBy.COSIGN)
        assert (referrer.artifact_type, referrer.subject) == (IMAGE_CONFIG, None)
        assert roots(graph) == [(image.digest, ("v1",))]

    def test_cosign_tag_of_what_is_not_here_is_an_artifact_of_its_own(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        """Else a changed character of the tag would hide its content from every check."""
        attached = builder.tag(builder.add_image(b"cosign"), "sha256-" + "0" * 64 + ".sig")
        assert roots(graph_of(builder, place)) == [(attached.digest, ("sha256-" + "0" * 64 + ".sig",))]

    def test_signature_of_a_signature_by_cosign_tags(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(), "v1")
        one, two = builder.add_cosign(b"one"), builder.add_cosign(b"two")
        builder.tag(two, f"sha256-{one.digest.encoded}.sig")
        builder.tag(one, f"sha256-{image.digest.encoded}.att")
        graph = graph_of(builder, place)
        assert roots(graph) == [(image.digest, ("v1",))]
        assert found(graph, one) == {(two.digest, FoundBy.COSIGN)}

    def test_unreadable_behind_a_cosign_tag_is_a_problem_of_its_target(
        self, builder: LayoutBuilder, place: Path
    ) -> None:
        image = builder.tag(builder.add_image(), "v1")
        builder.drop(builder.tag(builder.add_image(b"cosign"), f"sha256-{image.digest.encoded}.sig"))
        assert [problem.reason for problem in graph_of(builder, place).closure(image).problems] == ["content.missing"]

    def test_more_than_the_limit_are_refused(
        self, builder: LayoutBuilder, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "REFERRERS", 2)
        image = builder.tag(builder.add_image(), "v1")
        for number in range(3):
            builder.add_referrer(image, bytes([number]))
        graph = graph_of(builder, place)
        assert found(graph, image) == set()
        with pytest.raises(ContentError) as caught:
            graph.referrers(image).all()
        assert caught.value.reason == "content.limit"
        assert [problem.reason for problem in graph.closure(image).problems] == ["content.limit"]

    def test_as_many_as_the_limit_are_read(
        self, builder: LayoutBuilder, place: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "REFERRERS", 2)
        image = builder.tag(builder.add_image(), "v1")
        for number in range(2):
            builder.add_referrer(image, bytes([number]))
        assert len(found(graph_of(builder, place), image)) == 2


class TestClosure:
    def test_reaches_everything_by_its_path(self, builder: LayoutBuilder, place: Path) -> None:
        arm = builder.add_image(b"arm", config=b'{"a":1}', platform=ARM)
        index = builder.tag(builder.add_index(arm), "v1")
        signature = builder.add_referrer(index, b"sig")
        paths = [reached.path for reached in graph_of(builder, place).closure(index).reached]
        referrer = f"referrer sha256:{signature.digest.encoded[:12]}"
        assert paths == [
            "index",
            "index > linux/arm64",
            f"index > {referrer}",
            "index > linux/arm64 > config",
            "index > linux/arm64 > layers[0]",
            f"index > {referrer} > config",
            f"index > {referrer} > layers[0]",
        ]

    def test_does_not_reach_up_to_a_subject(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.tag(builder.add_image(b"big"), "v1")
        signature = builder.add_referrer(image, b"sig")
        reached = graph_of(builder, place).closure(signature).reached
        assert image.digest not in {each.descriptor.digest for each in reached}

    def test_docker_types_are_traversed(self, builder: LayoutBuilder, place: Path) -> None:
        """LAYOUT-14."""
        index = builder.add_index(builder.add_image(b"x", media_type=DOCKER_MANIFEST), media_type=DOCKER_LIST)
        builder.tag(index, "v1")
        assert len(graph_of(builder, place).closure(index).reached) == 4

    def test_shared_content_is_reached_once(self, builder: LayoutBuilder, place: Path) -> None:
        one, two = builder.add_image(b"same", b"1"), builder.add_image(b"same", b"2")
        index = builder.tag(builder.add_index(one, two, one), "v1")
        digests = [each.descriptor.digest for each in graph_of(builder, place).closure(index).reached]
        assert len(digests) == len(set(digests)) == len(builder.blobs)

    def test_bomb_of_indexes_is_walked_in_the_number_of_its_files(self, builder: LayoutBuilder, place: Path) -> None:
        """10^15 paths, 17 files."""
        bomb = builder.add_image()
        for _ in range(limits.GRAPH_DEPTH - 1):
            bomb = builder.add_index(*[bomb] * 10)
        builder.tag(bomb, "v1")
        closure = graph_of(builder, place).closure(bomb)
        assert len(closure.reached) == limits.GRAPH_DEPTH + 2
        assert closure.problems == ()

    def test_nesting_beyond_the_limit_is_a_problem(self, builder: LayoutBuilder, place: Path) -> None:
        deep = builder.add_image()
        for _ in range(limits.GRAPH_DEPTH + 5):
            deep = builder.add_index(deep)
        builder.tag(deep, "v1")
        graph = graph_of(builder, place)
        assert [problem.reason for problem in graph.closure(deep).problems] == ["content.limit"]
        assert roots(graph) == [(deep.digest, ("v1",))]

    def test_referrers_of_referrers_beyond_the_limit_are_a_problem(self, builder: LayoutBuilder, place: Path) -> None:
        image = last = builder.tag(builder.add_image(), "v1")
        for number in range(limits.GRAPH_DEPTH + 1):
            last = builder.add_referrer(last, bytes([number]))
        problems = graph_of(builder, place).closure(image).problems
        assert [problem.reason for problem in problems] == ["content.limit"]

    @pytest.mark.parametrize("name", ["GRAPH_NODES", "GRAPH_BYTES"])
    def test_manifests_beyond_the_limit_are_a_problem(
        self, builder: LayoutBuilder, place: Path, name: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        index = builder.add_index(*(builder.add_image(bytes([number])) for number in range(9)))
        builder.tag(index, "v1")
        monkeypatch.setattr(limits, name, 5 if name == "GRAPH_NODES" else 3000)
        problems = graph_of(builder, place).closure(index).problems
        assert {problem.reason for problem in problems} == {"content.limit"}

    def test_manifest_larger_than_the_limit_is_a_problem(self, builder: LayoutBuilder, place: Path) -> None:
        """LIM-4"""
        huge = builder.add_manifest(b" " * (limits.MANIFEST_BYTES + 1))
        builder.tag(huge, "v1")
        assert [problem.reason for problem in graph_of(builder, place).closure(huge).problems] == ["content.limit"]

    def test_cycle_that_only_wrong_digests_can_make_is_not_followed(self, builder: LayoutBuilder, place: Path) -> None:
        index = builder.tag(builder.add_index(), "v1")
        cyclic = dump({"schemaVersion": 2, "manifests": [index.to_json()]})
        builder.damage(index, cyclic)
        builder.entries = [{**builder.entries[0], "size": len(cyclic)}]
        graph = graph_of(builder, place)
        root = graph.resolve("v1").descriptor
        assert [problem.reason for problem in graph.closure(root).problems] == ["content.digest"]

    def test_reports_a_manifest_that_differs_from_its_descriptor(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        index = builder.tag(builder.add_index(replace(image, media_type=IMAGE_INDEX)), "v1")
        (problem,) = graph_of(builder, place).closure(index).problems
        assert problem.reason == "content.malformed"
        assert problem.path == "index > manifests[0]"
        assert "mediaType" in problem.message

    @pytest.mark.parametrize("nested", [False, True])
    def test_manifest_under_an_unknown_type_does_not_pass_for_a_blob(
        self, builder: LayoutBuilder, place: Path, nested: bool
    ) -> None:
        """A changed media type must not hide what is below; LAYOUT-2 means types that are really unknown."""
        root = disguised = replace(builder.add_image(), media_type="application/x.unknown")
        if nested:
            root = builder.add_index(disguised)
        builder.tag(root, "v1")
        (problem,) = graph_of(builder, place).closure(root).problems
        assert problem.reason == "content.malformed"
        assert f"says of itself that it is '{IMAGE_MANIFEST}'" in problem.message

    def test_wrong_size_in_one_place_does_not_spoil_another(self, builder: LayoutBuilder, place: Path) -> None:
        image = builder.add_image()
        bad = builder.tag(builder.add_index(replace(image, size=5)), "bad")
        good = builder.tag(builder.add_index(image), "good")
        graph = graph_of(builder, place)
        assert [problem.reason for problem in graph.closure(bad).problems] == ["content.size"]
        assert graph.closure(good).problems == ()

    def test_child_that_was_left_out_on_purpose_is_absent(self, builder: LayoutBuilder, place: Path) -> None:
        arm, amd = builder.add_image(b"arm", platform=ARM), builder.add_image(b"amd", platform=AMD)
        index = builder.tag(builder.add_index(arm, amd), "v1")
        builder.drop(arm)
        graph = graph_of(builder, place)
        closure = graph.closure(index, declared_absent=frozenset({arm.digest, amd.digest}))
        assert (closure.absent, closure.problems) == ((arm.digest,), ())
        (problem,) = graph.closure(index).problems
        assert (problem.reason, problem.path) == ("content.missing", "index > linux/arm64")
        # docker save keeps the platforms that were pulled alone
        assert problem.message.endswith(
            "it is the platform linux/arm64 of an index; of linux/amd64 the manifest is here"
        )
        assert "--platform linux/amd64" in problem.remedy


def test_each_manifest_is_read_once(builder: LayoutBuilder, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand signed images cost a thousand times one."""
    for number in range(5):
        image = builder.tag(builder.add_image(bytes([number])), f"v{number}")
        signature = builder.add_referrer(image, bytes([100 + number]))
        builder.tag_referrers(image, signature)
    opened: Counter[Digest] = Counter()
    original = LayoutDirectory.open

    def counting(self: LayoutDirectory, digest: Digest) -> object:
        opened[digest] += 1
        return original(self, digest)

    monkeypatch.setattr(LayoutDirectory, "open", counting)
    graph = graph_of(builder, place)
    for root in graph.roots():
        graph.closure(root.descriptor)
        graph.referrers(root.descriptor)
    assert len(opened) == 15
    assert set(opened.values()) == {1}
