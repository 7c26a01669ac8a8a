"""Attaching to artifacts in layouts: what is added, what stays, and what a failure leaves behind."""

from __future__ import annotations

import errno
import json
import os
import tarfile
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

import airgap.transfer.attach
from airgap.errors import ContentError, NotFoundError, UsageError
from airgap.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, NOTARY_SIGNATURE, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.open import open_layout
from airgap.oci.reference import LayoutReference
from airgap.oci.tags import referrers_tag
from airgap.transfer.attach import AttachableLayout, Attachment
from airgap.transfer.checked_bytes import WriteError
from airgap.transfer.layout_referrers_tags import Relisted
from airgap.transfer.tar_rewrite import add_to_tar
from tests.support.layouts import LayoutBuilder, TarFormat, tar_member
from tests.support.places import open_layout_place
from tests.support.signing import tree

EMPTY = Descriptor(media_type="application/vnd.oci.empty.v1+json", digest=Digest.of(b"{}"), size=2)
Write = Callable[[LayoutBuilder, Path], Path]


def directory(builder: LayoutBuilder, folder: Path) -> Path:
    return builder.write_directory(folder / "layout")


def archive(builder: LayoutBuilder, folder: Path) -> Path:
    return builder.write_tar(folder / "layout.tar")


each = pytest.mark.parametrize("write", [directory, archive], ids=["directory", "tar"])


def attachment(subject: Descriptor, content: bytes = b"an envelope") -> Attachment:
    layer = Descriptor(media_type="application/jose+json", digest=Digest.of(content), size=len(content))
    document = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": NOTARY_SIGNATURE,
        "config": EMPTY.to_json(),
        "layers": [layer.to_json()],
        "subject": subject.to_json(),
        "annotations": {"by": "a test"},
    }
    raw = json.dumps(document).encode()
    manifest = Descriptor(
        media_type=IMAGE_MANIFEST,
        digest=Digest.of(raw),
        size=len(raw),
        artifact_type=NOTARY_SIGNATURE,
        annotations={"by": "a test"},
    )
    return Attachment(subject=subject, manifest=manifest, raw=raw, blobs=((layer, content), (EMPTY, b"{}")))


def attach(path: Path, content: bytes = b"an envelope", *, tag: str = "v1", by_tag: bool = False) -> Attachment:
    with open_layout_place(LayoutReference(path=str(path), tag=tag), by_tag=by_tag) as place:
        made = attachment(place.subject, content)
        place.holder.attach([made])
    return made


def referrers(path: Path, tag: str = "v1") -> list[Digest]:
    """What the layout's own reader finds, each blob proven."""
    with open_layout(path) as store:
        graph = Graph(store)
        root = graph.resolve(tag).descriptor
        assert not graph.problems
        closure = graph.closure(root)
        assert not closure.problems
        return [referrer.descriptor.digest for referrer in graph.referrers(root).all()]


@pytest.fixture
def builder() -> LayoutBuilder:
    built = LayoutBuilder()
    built.tag(built.add_image(b"one layer"), "v1")
    return built


class TestAttached:
    @each
    def test_is_found_again(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        path = write(builder, tmp_path)
        made = attach(path)
        assert referrers(path) == [made.manifest.digest]
        with open_layout_place(LayoutReference(path=str(path))) as place:
            (found,) = place.attached(NOTARY_SIGNATURE)
            assert found.manifest.raw == made.raw
            assert place.read(made.blobs[0][0], 100) == b"an envelope"
            assert not list(place.attached("application/spdx+json"))

    @each
    def test_is_an_untagged_entry_with_its_type(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        """MAN-36."""
        path = write(builder, tmp_path)
        made = attach(path)
        with open_layout(path) as store:
            entry = store.index().manifests[-1]
        assert entry.digest == made.manifest.digest
        assert entry.artifact_type == NOTARY_SIGNATURE
        assert entry.annotations == {"by": "a test"}

    @each
    def test_is_written_once_for_two_calls(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        path = write(builder, tmp_path)
        attach(path)
        before = tree(path)
        attach(path)
        assert tree(path) == before

    @each
    def test_keeps_several(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        path = write(builder, tmp_path)
        made = {attach(path, str(number).encode()).manifest.digest for number in range(5)}
        assert set(referrers(path)) == made

    @each
    def test_changes_nothing_else(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        """RULE-5: bytes are identity, and files that are none of ours are kept."""
        builder.extra_files["notes.json"] = b'[{"Config":"x"}]'
        builder.extra_files["blobs/sha256/" + "0" * 64] = b"not referred to"
        path = write(builder, tmp_path)
        attach(path)
        left = contents(path)
        for name, data in builder.files().items():
            if name != "index.json":
                assert left.pop(name) == data, name
        assert len(left) == 1 + 3  # index.json, envelope, config, manifest

    @each
    def test_is_possible_for_a_child_of_an_index(self, tmp_path: Path, write: Write) -> None:
        """MAN-35, D3: it keeps its real media type."""
        builder = LayoutBuilder()
        child = builder.add_image(b"child")
        builder.tag(builder.add_index(child), "v1")
        with open_layout_place(LayoutReference(path=str(write(builder, tmp_path)), digest=child.digest)) as place:
            assert place.subject == Descriptor(media_type=IMAGE_MANIFEST, digest=child.digest, size=child.size)

    @each
    def test_hints_of_the_entry_are_not_part_of_the_subject(
        self, builder: LayoutBuilder, tmp_path: Path, write: Write
    ) -> None:
        with open_layout_place(LayoutReference(path=str(write(builder, tmp_path)), tag="v1")) as place:
            assert place.subject.annotations == {}


class TestNaming:
    @each
    def test_refuses_no_name_where_there_are_several_artifacts(
        self, builder: LayoutBuilder, tmp_path: Path, write: Write
    ) -> None:
        builder.tag(builder.add_image(b"another"), "v2")
        path = write(builder, tmp_path)
        with (
            pytest.raises(NotFoundError, match="2 artifacts, not one"),
            open_layout_place(LayoutReference(path=str(path))),
        ):
            pass

    @each
    def test_refuses_what_is_not_a_manifest(self, tmp_path: Path, write: Write) -> None:
        builder = LayoutBuilder()
        builder.tag(builder.add_blob(b"plain"), "v1")
        path = write(builder, tmp_path)
        with pytest.raises(UsageError, match="only manifests"), open_layout_place(LayoutReference(path=str(path))):
            pass


class TestReferrersTag:
    """regctl keeps referrers in layouts under the tag that registries without the API have."""

    @each
    def test_an_existing_one_is_updated(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        subject = builder.add_image(b"one layer")
        first = builder.add_referrer(subject, b"first", listed=False)
        builder.tag_referrers(subject, first)
        path = write(builder, tmp_path)
        made = attach(path)
        assert set(referrers(path)) == {first.digest, made.manifest.digest}
        assert set(listed_under_tag(path, subject)) == {str(first.digest), str(made.manifest.digest)}

    @each
    def test_is_written_where_it_is_asked_for(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        path = write(builder, tmp_path)
        made = [attach(path, name, by_tag=True) for name in (b"a", b"b")]
        subject = made[0].subject
        assert listed_under_tag(path, subject) == [str(item.manifest.digest) for item in made]
        assert len(roots(path)) == 1

    @each
    def test_a_new_one_lists_earlier_referrers(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        path = write(builder, tmp_path)
        made = [attach(path, b"a"), attach(path, b"b", by_tag=True)]
        listed = listed_under_tag(path, made[0].subject)
        assert sorted(listed) == sorted(str(item.manifest.digest) for item in made)

    @each
    def test_lists_referrers_of_another_writer(
        self, builder: LayoutBuilder, tmp_path: Path, write: Write, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Between the look at the tag and the lock on the layout another process attaches something."""
        path = write(builder, tmp_path)
        look = AttachableLayout._listings
        others: list[Attachment] = []

        def looked(
            layout: AttachableLayout, wanted: Sequence[Attachment], replaced: Collection[Digest]
        ) -> dict[Digest, Relisted]:
            found = look(layout, wanted, replaced)
            if not others:
                monkeypatch.undo()
                others.append(attach(path, b"beside " + wanted[0].manifest.digest.encoded.encode(), by_tag=True))
            return found

        for name in (b"first", b"second"):  # where there is no tag yet, and where there is one
            monkeypatch.setattr(AttachableLayout, "_listings", looked)
            made = [attach(path, name, by_tag=True), others.pop()]
            listed = listed_under_tag(path, made[0].subject)
            assert {str(item.manifest.digest) for item in made} <= set(listed)
            assert len(listed) == (2 if name == b"first" else 4)
        assert len(roots(path)) == 1

    @each
    def test_is_not_written_otherwise(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        path = write(builder, tmp_path)
        made = attach(path)
        assert listed_under_tag(path, made.subject) == []

    @each
    def test_an_unreadable_one_is_an_error(self, builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
        subject = builder.add_image(b"one layer")
        listing = builder.tag_referrers(subject, builder.add_referrer(subject, b"first", listed=False))
        builder.damage(listing, b"x" * listing.size)
        path = write(builder, tmp_path)
        before = tree(path)
        with pytest.raises(ContentError, match="under a tag"):
            attach(path)
        assert tree(path) == before


class TestTar:
    @pytest.mark.parametrize("form", ["ustar", "gnu", "pax"])
    @pytest.mark.parametrize("prefix", ["", "./"])
    def test_every_kind_is_extended(self, builder: LayoutBuilder, tmp_path: Path, form: TarFormat, prefix: str) -> None:
        path = builder.write_tar(tmp_path / "a.tar", form, prefix=prefix)
        made = attach(path)
        assert referrers(path) == [made.manifest.digest]
        with tarfile.open(path) as tar:  # another reader
            names = [member.name.removeprefix("./").rstrip("/") for member in tar]
        assert len(names) == len(set(names))
        assert path.stat().st_size % 10240 == 0

    def test_keeps_its_mode_and_leaves_nothing_beside(self, builder: LayoutBuilder, tmp_path: Path) -> None:
        path = archive(builder, tmp_path)
        path.chmod(0o640)
        attach(path)
        assert path.stat().st_mode & 0o777 == 0o640 or os.name != "posix"
        assert [item.name for item in tmp_path.iterdir()] == ["layout.tar"]

    @pytest.mark.skipif(os.name != "posix", reason="links need rights elsewhere")
    def test_one_behind_a_link_is_written_there(self, builder: LayoutBuilder, tmp_path: Path) -> None:
        (tmp_path / "real").mkdir()
        path = archive(builder, tmp_path / "real")
        link = tmp_path / "link.tar"
        link.symlink_to(path)
        made = attach(link)
        assert link.is_symlink()
        assert referrers(path) == [made.manifest.digest]

    def test_one_that_cannot_be_written_is_unchanged(
        self, builder: LayoutBuilder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        path = archive(builder, tmp_path)
        before = tree(path)

        def full(_: int) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, "fsync", full)
        with pytest.raises(WriteError) as caught:
            attach(path)
        assert caught.value.facts["cause"] == "full"
        assert tree(path) == before

    @pytest.mark.parametrize("wrong", [b"x", b"{}x"])
    def test_gets_no_wrong_bytes(self, builder: LayoutBuilder, tmp_path: Path, wrong: bytes) -> None:
        path = archive(builder, tmp_path)
        before = tree(path)
        with pytest.raises(ContentError):
            add_to_tar(str(path), [(EMPTY, wrong)], [])
        with pytest.raises(ContentError):
            add_to_tar(str(path), [(replace(EMPTY, size=3), b"{}")], [])
        assert tree(path) == before

    def test_gets_an_existing_blob_once(self, builder: LayoutBuilder, tmp_path: Path) -> None:
        """A second member of a name would be read differently by readers."""
        builder.add_blob(b"{}")
        path = archive(builder, tmp_path)
        attach(path)
        with tarfile.open(path) as tar:
            assert [member.name for member in tar].count(f"blobs/sha256/{EMPTY.digest.encoded}") == 1

    def test_keeps_members_after_the_index(self, builder: LayoutBuilder, tmp_path: Path) -> None:
        files = builder.files()
        order = ["blobs", "index.json", "oci-layout"]
        names = sorted(files, key=lambda name: order.index(name.split("/")[0]))
        path = tmp_path / "late.tar"
        path.write_bytes(b"".join(tar_member(name, files[name]) for name in names) + bytes(1024))
        made = attach(path)
        assert referrers(path) == [made.manifest.digest]


@each
def test_concurrent_attachments_lose_nothing(builder: LayoutBuilder, tmp_path: Path, write: Write) -> None:
    path = write(builder, tmp_path)
    made: list[Digest] = []
    threads = [
        threading.Thread(target=lambda n=number: made.append(attach(path, str(n).encode()).manifest.digest))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(made) == 8
    assert set(referrers(path)) == set(made)


def test_a_damaged_blob_in_the_way_is_replaced(builder: LayoutBuilder, tmp_path: Path) -> None:
    """What is under the name of a blob of ours is hashed before it is relied upon."""
    path = directory(builder, tmp_path)
    blob = path / "blobs" / "sha256" / EMPTY.digest.encoded
    blob.write_bytes(b"[]")
    attach(path)
    assert blob.read_bytes() == b"{}"


def contents(path: Path) -> dict[str, bytes]:
    if path.is_dir():
        return tree(path)
    with tarfile.open(path) as tar:
        return {
            member.name: file.read()
            for member in tar
            if member.isfile() and (file := tar.extractfile(member)) is not None
        }


def roots(path: Path) -> list[Digest]:
    with open_layout(path) as store:
        return [root.descriptor.digest for root in Graph(store).roots()]


def listed_under_tag(path: Path, subject: Descriptor) -> list[str]:
    name = f"sha256-{subject.digest.encoded}"
    entries = json.loads(contents(path)["index.json"])["manifests"]
    tagged = [item for item in entries if item.get("annotations", {}).get("org.opencontainers.image.ref.name") == name]
    if not tagged:
        return []
    (entry,) = tagged
    assert entry["mediaType"] == IMAGE_INDEX
    document = json.loads(contents(path)[f"blobs/sha256/{entry['digest'].removeprefix('sha256:')}"])
    return [item["digest"] for item in document["manifests"]]


class TestManyAtOnce:
    """Signing 300 tags of a layout wrote and read it 300 times: time grew with the square."""

    @each
    @pytest.mark.parametrize("by_tag", [False, True])
    def test_are_written_in_one_step(
        self,
        builder: LayoutBuilder,
        tmp_path: Path,
        write: Write,
        monkeypatch: pytest.MonkeyPatch,
        *,
        by_tag: bool,
    ) -> None:
        builder.tag(builder.add_image(b"another"), "v2")
        path = write(builder, tmp_path)
        written: list[str] = []
        for name in ("add_to_tar", "_add_to_folder"):
            step = getattr(airgap.transfer.attach, name)

            def counted(*given: object, step: Callable[..., object] = step, **more: object) -> object:
                written.append(step.__name__)
                return step(*given, **more)

            monkeypatch.setattr(airgap.transfer.attach, name, counted)
        with AttachableLayout(str(path), by_tag=by_tag) as layout:
            one, other = (layout.place(LayoutReference(path=str(path), tag=tag)).subject for tag in ("v1", "v2"))
            made = [attachment(one, b"first"), attachment(one, b"second"), attachment(other, b"first")]
            said = layout.attach(made)
        assert len(written) == 1
        assert said == ["index.json and the referrers tag" if by_tag else "index.json"] * 3
        digests = [item.manifest.digest for item in made]
        assert (set(referrers(path)), referrers(path, "v2")) == (set(digests[:2]), digests[2:])
        if by_tag:
            with open_layout(path) as store:
                tags = [entry.annotations.get(REF_NAME) for entry in store.index().manifests]
            assert {referrers_tag(one.digest), referrers_tag(other.digest)} < set(tags)


@each
@pytest.mark.parametrize("attaches", [True, False], ids=["attached", "nothing to attach"])
def test_what_a_killed_writer_left_is_removed(tmp_path: Path, write: Write, attaches: bool) -> None:
    """Also where all is attached already: by the writer that was killed after it had given the names."""
    builder = LayoutBuilder()
    builder.tag(builder.add_image(b"layer"), "v1")
    path = write(builder, tmp_path)
    left = path / ".airgap-0123456789ab" / "1" if path.is_dir() else path.with_name(f".{path.name}.0123456789ab.tmp")
    resumed = path / ".airgap-ba9876543210" / "sha256-00.part"
    for file in (left, *([resumed] if path.is_dir() else [])):
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(b"left")
    if attaches:
        attach(path)
    else:
        with open_layout_place(LayoutReference(path=str(path), tag="v1")) as place:
            place.holder.attach([])
    assert not left.exists()
    assert not left.parent.name.startswith(".") or not left.parent.exists()
    if path.is_dir() and not attaches:
        assert resumed.exists(), "the next copy goes on with it"
