from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.oci.descriptor import (
    ARTIFACT_MANIFEST,
    DOCKER_LIST,
    DOCKER_MANIFEST,
    DOCKER_SCHEMA_1,
    EMPTY,
    IMAGE_CONFIG,
    IMAGE_INDEX,
    IMAGE_MANIFEST,
    NOTARY_SIGNATURE,
    Descriptor,
    Platform,
)
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, Manifest, parse_layout_index, parse_manifest
from tests.support.layouts import IMAGE_LAYER

Json = dict[str, Any]


def descriptor(media_type: str, data: bytes = b"{}") -> Json:
    return {"mediaType": media_type, "digest": str(Digest.of(data)), "size": len(data)}


def image(media_type: str = IMAGE_MANIFEST, **members: Any) -> Json:
    return {
        "schemaVersion": 2,
        "mediaType": media_type,
        "config": descriptor(IMAGE_CONFIG),
        "layers": [descriptor(IMAGE_LAYER, b"1"), descriptor(IMAGE_LAYER, b"2")],
        **members,
    }


def index(media_type: str = IMAGE_INDEX, **members: Any) -> Json:
    return {"schemaVersion": 2, "mediaType": media_type, "manifests": [descriptor(IMAGE_MANIFEST)], **members}


def parse(document: Json, media_type: str) -> Manifest | Index:
    return parse_manifest(json.dumps(document).encode(), media_type)


@pytest.mark.parametrize("media_type", [IMAGE_MANIFEST, DOCKER_MANIFEST])
def test_manifest_points_at_its_config_and_layers(media_type: str) -> None:
    manifest = parse(image(media_type), media_type)
    assert [place for place, _ in manifest.successors()] == ["config", "layers[0]", "layers[1]"]


@pytest.mark.parametrize("media_type", [IMAGE_INDEX, DOCKER_LIST])
def test_index_points_at_its_manifests_by_platform(media_type: str) -> None:
    entries = [descriptor(IMAGE_MANIFEST) | {"platform": {"os": "linux", "architecture": "arm64"}}, descriptor("a/b")]
    document = parse(index(media_type, manifests=entries), media_type)
    assert isinstance(document, Index)
    assert [place for place, _ in document.successors()] == ["linux/arm64", "manifests[1]"]


def test_artifact_manifest_points_at_its_blobs() -> None:
    """MAN-11."""
    document = {
        "mediaType": ARTIFACT_MANIFEST,
        "artifactType": NOTARY_SIGNATURE,
        "blobs": [descriptor("application/cose")],
        "subject": descriptor(IMAGE_MANIFEST),
    }
    manifest = parse(document, ARTIFACT_MANIFEST)
    assert isinstance(manifest, Manifest)
    assert [place for place, _ in manifest.successors()] == ["blobs[0]"]
    assert manifest.artifact_type == NOTARY_SIGNATURE
    assert manifest.subject is not None


def test_bytes_are_kept_as_received() -> None:
    """RULE-5, LAYOUT-12."""
    raw = json.dumps(image(), indent=7).encode() + b"\n"
    assert parse_manifest(raw, IMAGE_MANIFEST).raw == raw


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        pytest.param({"artifactType": "a/b"}, "a/b", id="own-type"),
        pytest.param({}, IMAGE_CONFIG, id="config-type"),
        pytest.param({"artifactType": ""}, IMAGE_CONFIG, id="empty-is-absent"),
    ],
)
def test_the_effective_type_is_its_own_or_that_of_the_config(members: Json, expected: str) -> None:
    """LAYOUT-13."""
    assert parse(image(**members), IMAGE_MANIFEST).artifact_type == expected


def test_index_has_no_type_but_its_own() -> None:
    """LAYOUT-13."""
    assert parse(index(), IMAGE_INDEX).artifact_type is None
    assert parse(index(artifactType="a/b"), IMAGE_INDEX).artifact_type == "a/b"


def test_declared_type_is_kept_apart_from_the_effective_one() -> None:
    """MAN-2 and MAN-3 differ in it."""
    legacy = parse(image(config=descriptor(NOTARY_SIGNATURE)), IMAGE_MANIFEST)
    assert isinstance(legacy, Manifest)
    assert (legacy.declared_artifact_type, legacy.artifact_type) == (None, NOTARY_SIGNATURE)
    new = parse(image(config=descriptor(EMPTY), artifactType=NOTARY_SIGNATURE), IMAGE_MANIFEST)
    assert isinstance(new, Manifest)
    assert new.declared_artifact_type == NOTARY_SIGNATURE


@pytest.mark.parametrize("media_type", [DOCKER_MANIFEST, DOCKER_LIST])
def test_docker_types_have_no_subject(media_type: str) -> None:
    """LAYOUT-14."""
    build = image if media_type == DOCKER_MANIFEST else index
    assert parse(build(media_type, subject=descriptor(IMAGE_MANIFEST)), media_type).subject is None
    assert parse(build(media_type, subject="nonsense"), media_type).subject is None


@pytest.mark.parametrize(
    ("document", "media_type", "where"),
    [
        pytest.param(image(schemaVersion=1), IMAGE_MANIFEST, "schemaVersion", id="schema-1"),
        pytest.param(image(schemaVersion="2"), IMAGE_MANIFEST, "schemaVersion", id="schema-text"),
        pytest.param(image(mediaType=IMAGE_INDEX), IMAGE_MANIFEST, "mediaType", id="says-another-type"),
        pytest.param(image(mediaType=5), IMAGE_MANIFEST, "mediaType", id="type-number"),
        pytest.param(image(layers={}), IMAGE_MANIFEST, "layers", id="layers-object"),
        pytest.param(image(config={}), IMAGE_MANIFEST, "config.mediaType", id="config-empty"),
        pytest.param(image(config=None), IMAGE_MANIFEST, "config", id="config-null"),
        pytest.param(image(subject={"size": 1}), IMAGE_MANIFEST, "subject.mediaType", id="subject-malformed"),
        pytest.param(image(layers=[{}]), IMAGE_MANIFEST, "layers[0].mediaType", id="layer-malformed"),
        pytest.param(image(annotations={"a": 1}), IMAGE_MANIFEST, "annotations['a']", id="annotation-number"),
        pytest.param(index(manifests={}), IMAGE_INDEX, "manifests", id="manifests-object"),
        pytest.param(index(manifests=[5]), IMAGE_INDEX, "manifests[0]", id="entry-number"),
    ],
)
def test_names_the_place_in_a_malformed_manifest(document: Json, media_type: str, where: str) -> None:
    with pytest.raises(FormatError) as caught:
        parse(document, media_type)
    assert caught.value.where == where


@pytest.mark.parametrize(
    ("document", "media_type"),
    [
        pytest.param(image(manifests=[]), IMAGE_MANIFEST, id="manifest-with-manifests"),
        pytest.param(index(layers=[]), IMAGE_INDEX, id="index-with-layers"),
        pytest.param(index(config={}), IMAGE_INDEX, id="index-with-config"),
        pytest.param(image(fsLayers=[]), DOCKER_MANIFEST, id="schema-1-inside"),
    ],
)
def test_document_that_can_be_read_in_two_ways_is_refused(document: Json, media_type: str) -> None:
    """CVE-2021-41190: one digest, two meanings."""
    document["mediaType"] = media_type
    with pytest.raises(FormatError, match="two ways"):
        parse(document, media_type)


def test_type_without_meaning_is_refused() -> None:
    with pytest.raises(FormatError, match="not the type of a manifest"):
        parse_manifest(b"{}", "application/x")


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"[]", id="list"),
        pytest.param(b"{", id="cut"),
        pytest.param(b"\xff\xfe{}", id="not-utf-8"),
        pytest.param(b'{"schemaVersion":2,"schemaVersion":2}', id="LAYOUT-11-duplicate-name"),
    ],
)
def test_refuses_what_is_not_a_json_object(raw: bytes) -> None:
    with pytest.raises(FormatError):
        parse_manifest(raw, IMAGE_MANIFEST)


def test_manifest_beyond_the_limit_is_refused() -> None:
    """LIM-1"""
    with pytest.raises(LimitError):
        parse_manifest(b" " * (limits.MANIFEST_BYTES + 1), IMAGE_MANIFEST)


def test_too_many_layers_are_refused() -> None:
    layer = descriptor(IMAGE_LAYER)
    with pytest.raises(LimitError, match="layers"):
        parse(image(layers=[layer] * (limits.LAYERS + 1)), IMAGE_MANIFEST)


def test_bad_entry_of_index_json_does_not_stop_the_others() -> None:
    """D27, MAN-34."""
    bad = {"mediaType": IMAGE_MANIFEST, "digest": "sha256:../../etc/passwd", "size": 1}
    parsed = parse_layout_index(json.dumps(index(manifests=[bad, descriptor(IMAGE_MANIFEST), 5])).encode())
    assert len(parsed.manifests) == 1
    assert [error.where for error in parsed.unreadable] == ["manifests[0].digest", "manifests[2]"]


def test_index_json_needs_no_media_type_and_no_entry() -> None:
    """LAYOUT-2."""
    assert parse_layout_index(b'{"schemaVersion":2,"manifests":[]}').manifests == ()


def test_index_json_of_another_type_is_refused() -> None:
    """LAYOUT-2."""
    with pytest.raises(FormatError) as caught:
        parse_layout_index(json.dumps(index(DOCKER_LIST)).encode())
    assert caught.value.where == "mediaType"


@pytest.mark.parametrize("media_type", sorted(DOCKER_SCHEMA_1))
def test_refuses_docker_schema_1(media_type: str) -> None:
    """Its layers would go unchecked if it were an opaque blob."""
    assert Descriptor(media_type=media_type, digest=Digest.of(b"{}"), size=2).is_manifest
    with pytest.raises(FormatError, match="schema 1"):
        parse_manifest(b"{}", media_type)


@pytest.mark.parametrize("member", ["annotations", "subject", "mediaType", "artifactType", "x-theirs"])
def test_null_in_a_manifest_is_an_absent_member(member: str) -> None:
    """image-spec considerations.md; oras, crane, skopeo and regctl read it so."""
    absent = image()
    absent.pop(member, None)
    with_null, without = (parse(document, IMAGE_MANIFEST) for document in (image() | {member: None}, absent))
    assert replace(with_null, raw=b"") == replace(without, raw=b"")


@pytest.mark.parametrize(("document", "media_type"), [(image(), IMAGE_MANIFEST), (index(), IMAGE_INDEX)])
def test_an_empty_media_type_is_an_absent_one(document: Json, media_type: str) -> None:
    """Readers in Go cannot tell them apart; the descriptor says what it is."""
    empty, absent = (parse(document | {"mediaType": value}, media_type) for value in ("", None))
    assert replace(empty, raw=b"") == replace(absent, raw=b"")


def test_a_list_that_is_null_is_empty_and_one_that_is_absent_is_missing() -> None:
    """LAYOUT-2; umoci init writes null."""
    manifest = parse(image(layers=None), IMAGE_MANIFEST)
    assert [place for place, _ in manifest.successors()] == ["config"]
    for document, media_type, member in (
        (image(), IMAGE_MANIFEST, "layers"),
        (index(), IMAGE_INDEX, "manifests"),
    ):
        del document[member]
        with pytest.raises(FormatError, match=f"{member}: is missing"):
            parse(document, media_type)


def test_null_in_an_index_is_an_absent_member() -> None:
    assert parse(index(manifests=None), IMAGE_INDEX).successors() == ()
    assert parse_layout_index(b'{"schemaVersion":2,"manifests":null}').manifests == ()
    entry = {**descriptor(IMAGE_MANIFEST), "platform": None, "annotations": None, "urls": None, "data": None}
    ((_, found),) = parse(index(manifests=[entry]), IMAGE_INDEX).successors()
    assert found.platform is None
    assert found.annotations == {}


def test_ignores_a_platform_without_names() -> None:
    entry = {**descriptor(IMAGE_MANIFEST), "platform": {"architecture": None}}
    ((place, found),) = parse(index(manifests=[entry]), IMAGE_INDEX).successors()
    assert place == "manifests[0]"
    assert found.platform == Platform(architecture="", os="")


@pytest.mark.parametrize("theirs", [1.5, 1e300, 10**40, {"a": [{"b": [[[1.5]]]}]}])
def test_unknown_members_may_hold_anything(theirs: object) -> None:
    document = image(config={**descriptor(IMAGE_CONFIG), "x-theirs": theirs}) | {"x-theirs": theirs}
    assert parse(document, IMAGE_MANIFEST).successors()


@pytest.mark.parametrize("name", ["Manifests", "MANIFESTS", "FSLayers", "manife\u017fts"])
def test_a_manifest_with_entries_in_other_case_can_be_read_in_two_ways(name: str) -> None:
    """CVE-2021-41190; Go's readers see the member, others do not."""
    with pytest.raises(FormatError, match="two ways"):
        parse(image() | {name: []}, IMAGE_MANIFEST)


@pytest.mark.parametrize("name", ["Layers", "Config", "Subject", "MediaType", "SchemaVersion", "Annotations"])
def test_refuses_a_member_in_other_case(name: str) -> None:
    exact = name[0].lower() + name[1:]
    whole = image(subject=descriptor(IMAGE_MANIFEST), annotations={})
    alone = {name if key == exact else key: value for key, value in whole.items()}
    for document in (alone, {**whole, name: whole[exact]}):
        with pytest.raises(FormatError, match=r"appears (twice|in another case)"):
            parse(document, IMAGE_MANIFEST)


def test_an_index_with_manifests_in_other_case_is_not_empty() -> None:
    entry = {**descriptor(IMAGE_MANIFEST)}
    with pytest.raises(FormatError, match="manifests: appears in another case"):
        parse_layout_index(json.dumps({"schemaVersion": 2, "Manifests": [entry]}).encode())
