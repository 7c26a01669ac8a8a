"""A copy reports what it left out, and names what it copied."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from airgap.oci.descriptor import (
    ACQUISITION,
    DOCKER_MANIFEST,
    NOTARY_SIGNATURE,
    ORAS_ARTIFACT_MANIFEST,
    Descriptor,
)
from airgap.oci.digest import Digest
from airgap.oci.open import open_layout
from airgap.oci.record import listed_records
from airgap.revocation.artifact import EVIDENCE_TYPE
from tests.support.command import run_here
from tests.support.copying import family, load, write
from tests.support.layouts import LayoutBuilder, tar_member, tar_of
from tests.support.registry import LoopbackRegistry, error
from tests.support.scenario import add_index

FOREIGN = Descriptor(
    media_type="application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    digest=Digest.of(b"the base of Windows"),
    size=19,
    urls=("https://layers.example/base",),
)
COSIGN_LAYER = "application/vnd.dev.cosign.simplesigning.v1+json"


def windows(folder: Path, registry: LoopbackRegistry | None = None) -> Path:
    """In a layout, and in the repository `app` of a registry that takes it so."""
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(FOREIGN, b"an application"), "v1")
    if registry:
        for data in builder.blobs.values():
            registry.put_blob("app", data)
        registry.put_manifest("app", builder.blobs[image.digest], tag="v1")
    return builder.write_directory(folder / "source")


@pytest.mark.parametrize("is_damaged", [False, True])
@pytest.mark.parametrize("transport", ["layout", "registry"])
def test_names_what_refers_to_a_record(
    tmp_path: Path, target: LoopbackRegistry, transport: str, *, is_damaged: bool
) -> None:
    """A copy makes its own record; a signature of the former one, or a note, got lost without a message (RULE-6)."""
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"image"), "v1")
    record = builder.add_referrer(image, b"{}", artifact_type=ACQUISITION)
    signature = builder.add_referrer(record, b"an envelope", artifact_type=NOTARY_SIGNATURE)
    evidence = builder.add_referrer(record, b"a CRL", artifact_type=EVIDENCE_TYPE)
    for data in builder.blobs.values():
        target.put_blob("app", data)
    for put in (image, record, signature, evidence):
        target.put_manifest("app", builder.blobs[put.digest], tag="v1" if put is image else None)
    if is_damaged:
        envelope = Digest.of(b"an envelope")
        builder.blobs[envelope] = b"en envelope"
        target.repositories["app"].blobs[str(envelope)] = b"en envelope"
    source = str(builder.write_directory(tmp_path / "source"))
    asked = f"{source}:v1" if transport == "layout" else f"{target.host}/app:v1"
    said = f"{signature.digest} ({NOTARY_SIGNATURE}) refers to its acquisition record {record.digest}, and is not"
    for number, options in enumerate(([], ["--quiet"])):
        ran = run_here(["copy", asked, f"{tmp_path}/to{number}", *options])
        assert (ran.code, (ran.out + ran.err).count(said)) == (0, 1), ran
    ran = run_here(["copy", asked, f"{tmp_path}/to", "--format", "json"])
    assert [said in warning["message"] for warning in ran.document["warnings"]] == [True]
    assert len(ran.document["artifacts"][0]["left_behind"]) == 2
    if transport == "layout":  # where nothing is left, nothing is said
        assert "refers to its acquisition record" not in run_here(["copy", f"{source}:v1", f"{source}:v2"]).out


@pytest.mark.parametrize("kind", [NOTARY_SIGNATURE, ACQUISITION])
@pytest.mark.parametrize("other", [{"digest": Digest.of(b"elsewhere")}, {"size": 7}, {"media_type": DOCKER_MANIFEST}])
@pytest.mark.parametrize("piped", [False, True])
def test_names_what_refers_to_nothing_in_the_layout(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, other: dict[str, Any], *, piped: bool
) -> None:
    """It was not copied, and the copy said nothing (RULE-6)."""
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"image"), "v1")
    stray = builder.add_referrer(replace(image.bare, **other), b"{}", artifact_type=kind)
    source = builder.write_tar(tmp_path / "source.tar")
    for number, options in enumerate(([], ["--quiet"], ["--format", "json"])):
        with source.open("rb") as stream:
            monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=stream))
            ran = run_here(["copy", "-" if piped else str(source), str(tmp_path / f"to{number}"), *options])
        said = ran.out if "json" in options else ran.err
        assert (ran.code, f"{stray.digest} refers to" in said, "is not copied" in said) == (0, True, True), ran
    one = run_here(["copy", f"{source}:v1", str(tmp_path / "one")])
    assert (one.code, str(stray.digest)[:19] in one.out + one.err) == (0, False), one


def test_copies_from_both_of_two_sources_that_look_the_same(tmp_path: Path) -> None:
    """The second artifact was dropped with its signature: sources were compared by the text that is shown."""
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"image"), "v1")
    bare = builder.write_directory(tmp_path / "x\x01y")
    signature = builder.add_referrer(image, b"signature")
    signed = builder.write_directory(tmp_path / "x\\x01y")
    for number, sources in enumerate(((bare, signed), (signed, bare))):
        to = tmp_path / f"to{number}"
        assert run_here(["copy", *map(str, sources), str(to)]).code == 0
        assert str(signature.digest) in (to / "index.json").read_text()


@pytest.mark.parametrize("options", [[], ["--dry-run"]])
@pytest.mark.parametrize("name", ["to", "to.tar"])
def test_reports_a_foreign_layer_without_counting_it(tmp_path: Path, name: str, options: list[str]) -> None:
    source = windows(tmp_path)
    destination = str(tmp_path / name)
    ran = run_here(["copy", str(source), destination, "--format", "json", *options])
    assert options or "in 4 blobs and" in ran.err  # with two of the record; it was announced as one more
    document = ran.document
    assert document["artifacts"][0]["elsewhere"] == [
        {"digest": str(FOREIGN.digest), "size": 19, "urls": ["https://layers.example/base"]}
    ]
    assert (document["totals"]["blobs"], document["totals"]["present_bytes"]) == (4, 0)
    ran = run_here(["copy", "--overwrite", str(source), destination, *options])
    assert ran.code == 0, ran
    assert f"did not come along: {str(FOREIGN.digest)[:19]} (19 B); it is at https://layers.example/base" in ran.out


def test_records_a_foreign_layer(tmp_path: Path, target: LoopbackRegistry) -> None:
    """Also in a copy between layouts, where the record of the source does not name it."""
    for source in (str(windows(tmp_path, target)), f"{target.host}/app:v1"):
        assert run_here(["copy", source, str(tmp_path / "to")]).code == 0
    assert run_here(["copy", str(tmp_path / "to"), str(tmp_path / "again.tar")]).code == 0
    for place in ("to", "again.tar"):
        with open_layout(tmp_path / place) as layout:
            (found,) = listed_records(layout).values()
        assert {item.record.elsewhere for item in found} == {(FOREIGN,)}


def test_explains_why_a_registry_refuses_a_foreign_layer(tmp_path: Path, target: LoopbackRegistry) -> None:
    target.on("PUT", r"/manifests/", error(404, "MANIFEST_BLOB_UNKNOWN"), times=100)
    ran = run_here(["copy", "--retries", "0", str(windows(tmp_path)), f"{target.host}/app"])
    assert ran.code == 1
    assert f"Its layer {FOREIGN.digest} is non-distributable" in ran.err


@pytest.mark.parametrize("looked", [False, True])
def test_reports_that_cosign_tags_were_not_looked_for(
    tmp_path: Path, target: LoopbackRegistry, *, looked: bool
) -> None:
    load(target, "app", family())
    ran = run_here(["copy", f"{target.host}/app:v1", str(tmp_path / "to"), *([] if looked else ["--no-digest-tags"])])
    assert ran.code == 0, ran
    assert ("cosign's tags not looked for (--no-digest-tags)" in ran.out) is not looked


def test_an_image_with_only_a_cosign_signature_has_no_other(tmp_path: Path, target: LoopbackRegistry) -> None:
    """What cosign's tags listed was counted as copied and not as listed, so that the record proved nothing."""
    digest = target.put_image("app", tag="v1")
    target.put_image("app", layers=(b"cosign",), tag=f"{digest.replace(':', '-')}.sig")
    assert run_here(["copy", f"{target.host}/app:v1", str(tmp_path / "to")]).code == 0
    with open_layout(tmp_path / "to") as layout:
        ((found,),) = listed_records(layout).values()
    assert found.record.found_none()
    (answer, *_) = (one for one in found.record.lookups if str(one.lookup.subject) == digest)
    assert (answer.lookup.listed, answer.copied) == (1, 1)


def test_all_tags_include_cosign_tags(tmp_path: Path, target: LoopbackRegistry) -> None:
    load(target, "app", family())
    ran = run_here(["copy", "--no-digest-tags", "--all-tags", f"{target.host}/app", str(tmp_path / "to")])
    assert ran.code == 0, ran
    assert "not looked for" not in ran.out
    assert (
        "not looked for"
        in run_here(["copy", "--no-digest-tags", "--tags", "v.*", f"{target.host}/app", str(tmp_path / "two")]).out
    )


def test_names_a_cosign_signature_in_a_layout(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"data"), "v1")
    signature = builder.add_image(builder.add_blob(b'{"critical":{}}', COSIGN_LAYER))
    builder.tag(signature, f"sha256-{image.digest.encoded}.sig")
    ran = run_here(["copy", str(builder.write_directory(tmp_path / "source")), str(tmp_path / "to")])
    assert "  cosign sig 1\n" in ran.out
    assert "not looked for" not in ran.out


DETAIL = "'application/vnd.oci.empty.v1+json' is not one of those that are allowed"


@pytest.fixture
def signed(tmp_path: Path, target: LoopbackRegistry) -> Path:
    """A layout with a signed image, for a registry that takes no signatures, as Quay and Artifactory may."""
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"data"), "v1")
    signature = builder.add_referrer(image, b"an envelope")
    refusal = error(400, "MANIFEST_INVALID", "manifest invalid", {"message": DETAIL})
    target.on("PUT", f"/manifests/{signature.digest}", refusal, times=100)
    return builder.write_directory(tmp_path / "source")


def test_names_a_refused_signature_with_the_registrys_detail(signed: Path, target: LoopbackRegistry) -> None:
    ran = run_here(["copy", "--retries", "0", str(signed), f"{target.host}/app"])
    assert ran.code == 1
    assert f"what is attached to {signed}:v1 ({NOTARY_SIGNATURE}) is refused there" in ran.err
    assert DETAIL in ran.err
    assert "--keep-going" in ran.err
    assert target.repositories["app"].tags == {}


def test_keep_going_brings_the_image_without_the_refused_signature(signed: Path, target: LoopbackRegistry) -> None:
    ran = run_here(["copy", "--retries", "0", "--keep-going", "--format", "json", str(signed), f"{target.host}/app"])
    assert ran.code == 20
    (artifact,) = ran.document["artifacts"]
    assert (artifact["status"], artifact["referrers"]) == ("partial", [])
    assert "is refused there" in artifact["left_behind"][0]
    assert target.repositories["app"].tags == {"v1": artifact["digest"]}


def test_broken_signature_is_left_behind(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"data"), "v1")
    envelope = builder.add_blob(b"an envelope", "application/jose+json")
    signature = builder.add_referrer(image, [envelope])
    source = builder.write_directory(tmp_path / "source")
    (source / "blobs" / "sha256" / envelope.digest.encoded).write_bytes(b"AN envelope")
    ran = run_here(["copy", "--keep-going", "--format", "json", str(source), str(tmp_path / "to")])
    assert ran.code == 20
    assert [item["status"] for item in ran.document["artifacts"]] == ["partial"]
    assert str(signature.digest) not in (tmp_path / "to" / "index.json").read_text()


def test_does_not_copy_an_artifact_whose_record_names_a_broken_signature(
    tmp_path: Path, target: LoopbackRegistry
) -> None:
    """The record says what came: it must not name what did not."""
    made = family()
    load(target, "app", made)
    layer = json.loads(made.builder.blobs[made.signature.digest])["layers"][0]["digest"]
    target.repositories["app"].blobs[layer] = bytes(len(target.repositories["app"].blobs[layer]))
    ran = run_here(["copy", "--keep-going", "--retries", "0", f"{target.host}/app:v1", str(tmp_path / "to")])
    assert ran.code == 16
    assert json.loads((tmp_path / "to" / "index.json").read_bytes())["manifests"] == []


@pytest.mark.parametrize("name", ["to", "to.tar"])
def test_unsigned_artifact_is_refused_where_a_signature_is_demanded(tmp_path: Path, name: str) -> None:
    source = windows(tmp_path)
    ran = run_here(["copy", "--require-signature", str(source), str(tmp_path / name)])
    assert (ran.code, "v1 comes without a signature" in ran.err) == (10, True), ran
    assert not (tmp_path / name).exists()


def test_copies_signed_artifacts_beside_an_unsigned_one(tmp_path: Path, target: LoopbackRegistry) -> None:
    made = family()
    load(target, "app", made)
    target.put_image("app", tag="unsigned")
    arguments = [f"{target.host}/app:v1", f"{target.host}/app:unsigned", str(tmp_path / "to")]
    ran = run_here(["copy", "--require-signature", "--keep-going", *arguments, "--format", "json"])
    assert ran.code == 20
    assert [item["status"] for item in ran.document["artifacts"]] == ["copied", "failed"]
    assert ran.document["artifacts"][1]["error"]["exit_code"] == 10
    again = run_here(["copy", "--require-signature", f"{tmp_path / 'to'}:v1", str(tmp_path / "two")])
    assert again.code == 0, again
    assert "  v1    sig 1" in again.out


@pytest.mark.parametrize("into", ["registry", "layout"])
def test_an_artifact_whose_signature_cannot_be_copied_counts_as_unsigned(
    tmp_path: Path, target: LoopbackRegistry, into: str
) -> None:
    """It went over without its signature, with exit code 20 as if something else had been left behind."""
    made = family()
    source = write(tmp_path / "source", made)
    layer = json.loads(made.builder.blobs[made.signature.digest])["layers"][0]["digest"]
    (source / "blobs" / "sha256" / layer.removeprefix("sha256:")).unlink()
    destination = f"{target.host}/app" if into == "registry" else str(tmp_path / "to")
    options = ["--require-signature", "--keep-going", "--no-record", "--format", "json"]
    ran = run_here(["copy", *options, str(source), destination])
    (artifact,) = ran.document["artifacts"]
    assert (ran.code, artifact["status"]) == (10, "failed"), ran
    assert f"comes without a signature: {layer} is not in" in artifact["error"]["message"]
    if into == "registry":
        assert not target.repositories["app"].tags
    else:
        assert json.loads((tmp_path / "to" / "index.json").read_bytes())["manifests"] == []


@pytest.mark.parametrize("suffix", ["sig", "att", "sbom"])
@pytest.mark.parametrize("kind", ["image", "tar of another type", "index"])
def test_an_image_under_a_cosign_tag_needs_a_signature(
    tmp_path: Path, target: LoopbackRegistry, suffix: str, kind: str
) -> None:
    """The tag alone excused it: tools run an image by any tag (decision 0025)."""
    builder = LayoutBuilder()
    packed = tar_member("run.sh", b"evil")
    image = builder.add_image(builder.add_blob(packed, "text/plain") if kind == "tar of another type" else packed)
    tag = f"sha256-{image.digest.encoded}.{suffix}"
    builder.tag(builder.add_index(image) if kind == "index" else image, tag)
    source = builder.write_directory(tmp_path / "source")
    assert run_here(["copy", str(source), f"{target.host}/app"]).code == 0
    registry = f"{target.host}/app"
    for number, arguments in enumerate([[str(source)], [f"{source}:{tag}"], ["--all-tags", registry]]):
        ran = run_here(["copy", "--require-signature", *arguments, str(tmp_path / f"to{number}")])
        assert (ran.code, f"{tag} comes without a signature" in ran.err) == (10, True), ran


def test_a_cosign_signature_needs_no_signature(tmp_path: Path, target: LoopbackRegistry) -> None:
    made = family()
    made.builder.tag(made.builder.add_cosign(), f"sha256-{made.index.digest.encoded}.sig")
    source = write(tmp_path / "source", made)
    assert run_here(["copy", str(source), f"{target.host}/app"]).code == 0
    for number, arguments in enumerate([[str(source)], ["--all-tags", f"{target.host}/app"]]):
        ran = run_here(["copy", "--require-signature", *arguments, str(tmp_path / f"to{number}")])
        assert ran.code == 0, ran


@pytest.mark.parametrize("attached", ["signature", "sbom"])
@pytest.mark.parametrize("way", ["folder", "dry run", "standard input"])
def test_what_is_there_without_its_content_is_left_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attached: str, way: str
) -> None:
    """The destination had the manifest already: the copy was "with 1 signature", without its envelope, and 0.

    From standard input all manifests are there before anything is known of their content.
    """
    made = family()
    manifest = made.signature if attached == "signature" else made.sbom
    there = LayoutBuilder()
    there.blobs[manifest.digest] = made.builder.blobs[manifest.digest]
    folder = there.write_directory(tmp_path / "to")
    (tmp_path / "other").mkdir()
    layer = json.loads(made.builder.blobs[manifest.digest])["layers"][0]["digest"]
    del made.builder.blobs[Digest.parse(layer)]
    source = "-" if way == "standard input" else str(write(tmp_path / "source", made))
    options = ["--keep-going", *(["--dry-run"] if way == "dry run" else [])]
    for demanded in ([], ["--require-signature"]):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(tar_of(made.builder.files()))))
        place = tmp_path / "other" / f"to{len(demanded)}" if way == "standard input" else folder
        ran = run_here(["copy", *options, *demanded, source, str(place), "--format", "json"])
        (artifact,) = ran.document["artifacts"]
        refused = bool(demanded) and attached == "signature"
        assert (ran.code, artifact["status"]) == ((10, "failed") if refused else (20, "partial")), ran
        assert f"{layer} is not in" in json.dumps(artifact)


@pytest.mark.parametrize("form", ["index", "artifact of ORAS"])
def test_what_cannot_be_a_signature_is_none(tmp_path: Path, form: str) -> None:
    """Any manifest of the type of a signature counted; verify calls these none, or wrong."""
    builder = LayoutBuilder()
    image = builder.tag(builder.add_image(b"x"), "v1")
    stated: dict[str, Any] = {"artifactType": NOTARY_SIGNATURE, "subject": image.bare.to_json()}
    if form == "index":
        builder.list(builder.add_index(image, **stated))
    else:
        envelope = builder.add_blob(b"{}", "application/jose+json").to_json()
        document = {"mediaType": ORAS_ARTIFACT_MANIFEST, "blobs": [envelope], **stated}
        builder.list(builder.add_manifest(document, ORAS_ARTIFACT_MANIFEST))
    source = builder.write_directory(tmp_path / "source")
    ran = run_here(["copy", "--require-signature", f"{source}:v1", str(tmp_path / "to")])
    assert (ran.code, "v1 comes without a signature" in ran.err) == (10, True), ran


@pytest.mark.parametrize("options", [["--exclude-referrers"], ["--depth", "0"], ["--artifact-type", "a/b"]], ids=str)
def test_refuses_to_demand_signatures_and_leave_them_out(tmp_path: Path, options: list[str]) -> None:
    source = write(tmp_path / "source", family())
    ran = run_here(["copy", "--require-signature", *options, str(source), str(tmp_path / "to")])
    assert (ran.code, "signatures are left behind by what is chosen" in ran.err) == (2, True), ran


def test_says_recorded_only_where_a_record_is_written(tmp_path: Path) -> None:
    builder = LayoutBuilder()
    builder.tag(add_index(builder, "amd64", "arm64"), "v1")
    source = f"{builder.write_directory(tmp_path / 'from')}:v1"
    with LoopbackRegistry() as registry:
        for place, recorded in ((tmp_path / "to", True), (f"{registry.host}/app:v1", False)):
            ran = run_here(["copy", source, str(place), "--platform", "linux/amd64"])
            assert "left out" in ran.out, ran
            assert ("recorded as left out" in ran.out) == recorded, ran
