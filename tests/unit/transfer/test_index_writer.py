"""Merging into `index.json`: others' entries and members stay."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from airgap.errors import ContentError, LimitError
from airgap.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, REF_NAME, Descriptor
from airgap.oci.digest import Digest
from airgap.transfer.endpoint import Entry, NamingResult
from airgap.transfer.index_writer import EMPTY_INDEX, index_document, merged_index

ONE, TWO, THREE = (
    Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(name), size=len(name))
    for name in (b"one", b"two2", b"three")
)


def merge(current: bytes, *entries: Entry, drop: tuple[Digest, ...] = ()) -> tuple[list[dict[str, Any]], NamingResult]:
    raw, named = merged_index(current, entries, drop=drop, source="x")
    return json.loads(raw)["manifests"], named


def tagged(entries: list[dict[str, Any]]) -> dict[str | None, str]:
    return {entry.get("annotations", {}).get(REF_NAME): entry["digest"] for entry in entries}


def test_nothing_new_leaves_the_very_same_bytes() -> None:
    current = (
        b'{ "schemaVersion": 2,  "manifests": [ %s ] }'
        % json.dumps({**ONE.to_json(), "annotations": {REF_NAME: "v1", "x": "y"}}).encode()
    )
    assert merged_index(current, [Entry(descriptor=ONE, tag="v1")], drop=(), source="x") == (current, NamingResult())


def test_unknown_members_and_unreadable_entries_of_others_stay() -> None:
    current = json.dumps({"schemaVersion": 2, "x": {"y": 1}, "manifests": [{"digest": 7}, ONE.to_json()]}).encode()
    raw, _ = merged_index(current, [Entry(descriptor=TWO)], drop=(), source="x")
    document = json.loads(raw)
    assert document["x"] == {"y": 1}
    assert document["manifests"] == [{"digest": 7}, ONE.to_json(), TWO.to_json()]


LIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "size": lambda entry: {**entry, "size": 99},
    "type": lambda entry: {**entry, "mediaType": "application/x"},
    "index": lambda entry: {**entry, "mediaType": IMAGE_INDEX},
    "data": lambda entry: {**entry, "data": "AAAA"},
    "kind": lambda entry: {**entry, "artifactType": "text/x"},
    "nothing else": lambda entry: {"digest": entry["digest"], "annotations": {**entry.get("annotations", {}), "x": 7}},
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES.keys())
@pytest.mark.parametrize(
    ("listed", "tag"), [(None, None), (None, "v1"), ("v1", "v1"), ("other", "v1"), ("other", None)]
)
def test_puts_right_what_others_say_of_the_same_content(
    lie: Callable[[dict[str, Any]], dict[str, Any]], listed: str | None, tag: str | None
) -> None:
    """A copy said "with 1 signature", and verify refused that for ever: copying again changed nothing."""
    mine = replace(ONE, artifact_type="a/b")
    names = {"annotations": {REF_NAME: listed}} if listed else {}
    current = json.dumps({"schemaVersion": 2, "manifests": [lie({**mine.to_json(), **names}), TWO.to_json()]}).encode()
    entries, _ = merge(current, Entry(descriptor=mine, tag=tag))
    assert TWO.to_json() in entries
    found = [Descriptor.from_json(entry) for entry in entries if entry["digest"] == str(ONE.digest)]
    assert {(item.media_type, item.size, item.data, item.artifact_type) for item in found} == {
        (mine.media_type, mine.size, None, "a/b")
    }
    assert {item.annotations.get(REF_NAME) for item in found} >= {name for name in (listed, tag) if name}


def test_content_of_two_types_keeps_both() -> None:
    other = replace(ONE, media_type="application/x")
    current = index_document([Entry(descriptor=other, tag="x")])
    entries, _ = merge(current, Entry(descriptor=ONE, tag="v1"), Entry(descriptor=other, tag="x"))
    assert {entry["annotations"][REF_NAME]: entry["mediaType"] for entry in entries} == {
        "v1": IMAGE_MANIFEST,
        "x": "application/x",
    }


def test_moves_a_tag_and_keeps_the_former_entry() -> None:
    current = index_document([Entry(descriptor=ONE, tag="v1")])
    entries, named = merge(current, Entry(descriptor=TWO, tag="v1"))
    assert tagged(entries) == {None: str(ONE.digest), "v1": str(TWO.digest)}
    assert named == NamingResult(1, ("v1",))


def test_writes_two_tags_of_one_artifact() -> None:
    entries, named = merge(EMPTY_INDEX, Entry(descriptor=ONE, tag="a"), Entry(descriptor=ONE, tag="b"))
    assert tagged(entries) == {"a": str(ONE.digest), "b": str(ONE.digest)}
    assert named.added == 2


def test_adds_a_tag_to_an_untagged_entry() -> None:
    entries, _ = merge(index_document([Entry(descriptor=ONE)]), Entry(descriptor=ONE, tag="v1"))
    assert tagged(entries) == {"v1": str(ONE.digest)}
    again, named = merge(index_document([Entry(descriptor=ONE, tag="v1")]), Entry(descriptor=ONE))
    assert (tagged(again), named) == ({"v1": str(ONE.digest)}, NamingResult())


def test_drops_a_replaced_entry() -> None:
    current = index_document([Entry(descriptor=ONE), Entry(descriptor=TWO)])
    entries, _ = merge(current, Entry(descriptor=THREE), Entry(descriptor=TWO), drop=(ONE.digest, TWO.digest))
    assert {entry["digest"] for entry in entries} == {str(TWO.digest), str(THREE.digest)}


def test_ignores_a_tag_in_annotations_of_a_descriptor() -> None:
    """A referrer's manifest could carry ref.name: it must not become a tag of the layout."""
    sly = Descriptor(
        media_type=IMAGE_MANIFEST, digest=ONE.digest, size=3, annotations={REF_NAME: "v1", "kept": "yes"}, data=b"one"
    )
    entries, _ = merge(EMPTY_INDEX, Entry(descriptor=sly))
    assert entries[0]["annotations"] == {"kept": "yes"}
    assert "data" not in entries[0]


def test_the_document_is_the_same_in_any_order() -> None:
    entries = [Entry(descriptor=ONE, tag="v1"), Entry(descriptor=TWO), Entry(descriptor=THREE)]
    assert index_document(entries) == index_document(entries[::-1]) == index_document([*entries, *entries])
    assert index_document(()) == EMPTY_INDEX


def test_does_not_replace_an_unreadable_index() -> None:
    for current in (b"", b"[]", b'{"schemaVersion":2}', b'{"manifests":{}}', b'{"Manifests":[]}'):
        with pytest.raises(ContentError):
            merged_index(current, [Entry(descriptor=ONE)], drop=(), source="x")


def test_an_index_beyond_what_readers_take_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("airgap.limits.INDEX_ENTRIES", 1)
    with pytest.raises(LimitError):
        merged_index(EMPTY_INDEX, [Entry(descriptor=ONE), Entry(descriptor=TWO)], drop=(), source="x")


def test_an_index_as_umoci_init_writes_it_gets_its_first_entry() -> None:
    raw, _ = merged_index(
        b'{"schemaVersion":2,"manifests":null,"x":1.50}', [Entry(descriptor=ONE)], drop=(), source="x"
    )
    assert raw.startswith(b'{"schemaVersion":2,"x":1.50,"manifests":[{')
