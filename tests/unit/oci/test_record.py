"""Acquisition records: what is written is read again, malformed ones are ignored; they excuse only platforms."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap.errors import FormatError
from airgap.oci.descriptor import ACQUISITION, NOTARY_SIGNATURE, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.graph import Graph
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.open import open_layout
from airgap.oci.problems import ContentProblem
from airgap.oci.record import CopiedReferrer, LeftOut, Record, RecordedLookup, find_records, listed_records
from airgap.transfer.records import record_contents
from tests.support.layouts import LayoutBuilder

AT = datetime(2026, 1, 1, tzinfo=UTC)
SIGNED = Digest.of(b"a signature")


def record(artifact: Descriptor, **changes: Any) -> Record:
    lookup = ReferrersLookup(subject=artifact.digest, mechanism="v1.1-referrers-api", api_status=200)
    made = Record(
        tool="0.1.0",
        time=AT,
        kind="registry",
        name="registry.example/app",
        reference="registry.example/app:v1",
        artifact=artifact,
        mode="all",
        lookups=(RecordedLookup(lookup=lookup),),
    )
    return replace(made, **changes)


@pytest.fixture
def builder() -> LayoutBuilder:
    return LayoutBuilder()


@pytest.fixture
def image(builder: LayoutBuilder) -> Descriptor:
    return builder.tag(builder.add_image(), "v1")


def put(builder: LayoutBuilder, made: Record) -> Descriptor:
    descriptor, contents = record_contents(made)
    builder.blobs.update(contents)
    builder.list(descriptor)
    return descriptor


def test_reads_what_it_writes(image: Descriptor) -> None:
    full = record(
        image,
        mode="filtered",
        artifact_types=("application/spdx+json",),
        depth=2,
        digest_tags=True,
        platforms=("linux/amd64",),
        absent=(LeftOut(digest=image.digest, platform="linux/arm64"),),
        lookups=(
            RecordedLookup(
                lookup=ReferrersLookup(
                    subject=image.digest,
                    mechanism="v1.1-referrers-tag",
                    api_status=404,
                    tag_status=200,
                    listed=3,
                    notes=("a note",),
                ),
                copied=1,
                problems=("a problem",),
            ),
            RecordedLookup(lookup=ReferrersLookup(subject=image.digest, mechanism=None)),
        ),
    )
    for made in (full, record(image), record(image, name=None)):
        assert Record.parse(json.dumps(made.to_json()).encode()) == made


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "airgap.acquisition/2"},
        {"time": "yesterday"},
        {"source": {}},
        {"artifact": {"digest": "sha256:x"}},
        {"referrers": {"mode": "some"}},
        {"platforms": {"chosen": [], "absent": [{"digest": 1}]}},
        {"platforms": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_refuses_malformed_records(image: Descriptor, change: dict[str, Any]) -> None:
    with pytest.raises(FormatError):
        Record.parse(json.dumps({**record(image).to_json(), **change}).encode())


def test_the_newest_record_counts(tmp_path: Path, builder: LayoutBuilder, image: Descriptor) -> None:
    for days in (1, 3, 2):
        put(builder, record(image, time=AT + timedelta(days=days)))
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        graph = Graph(store)
        unreadable: list[ContentProblem] = []
        found = find_records(store, graph, graph.roots()[0].descriptor, unreadable.append)
        assert not unreadable
        assert [(item.record.time - AT).days for item in found] == [3, 2, 1]
        assert [item.record for item in listed_records(store)[image.digest]] == [item.record for item in found]


def test_ignores_unreadable_records_and_those_of_other_artifacts(
    tmp_path: Path, builder: LayoutBuilder, image: Descriptor
) -> None:
    other = builder.add_image(b"other")
    stray = json.dumps(record(other).to_json()).encode()
    for content in (b"{", b"{}", stray):
        builder.add_referrer(image, content, artifact_type=ACQUISITION, layer_type=ACQUISITION)
    lost = put(builder, record(image))
    builder.drop(lost)
    builder.add_referrer(image, [builder.add_blob(b"a"), builder.add_blob(b"b")], artifact_type=ACQUISITION)
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        graph = Graph(store)
        unreadable: list[ContentProblem] = []
        assert find_records(store, graph, graph.roots()[0].descriptor, unreadable.append) == ()
        assert [problem.descriptor and problem.descriptor.digest for problem in unreadable] == [lost.digest]
        assert image.digest not in listed_records(store)


def test_a_record_counts_beside_the_same_one_that_claims_other_bytes(
    tmp_path: Path, builder: LayoutBuilder, image: Descriptor
) -> None:
    """Several manifests may share one layer: what one of them claims of it decides nothing for the others."""
    layer = builder.add_blob(json.dumps(record(image).to_json()).encode(), ACQUISITION)
    for note in ("a", "b", "c", "d"):
        for data in (b"other", None):
            annotations = {"note": note}
            builder.add_referrer(image, [replace(layer, data=data)], artifact_type=ACQUISITION, annotations=annotations)
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        graph = Graph(store)
        assert len(find_records(store, graph, graph.roots()[0].descriptor, lambda _: None)) == 4


def test_a_record_is_not_an_artifact(tmp_path: Path, builder: LayoutBuilder, image: Descriptor) -> None:
    put(builder, record(image))
    with open_layout(builder.write_directory(tmp_path / "layout")) as store:
        assert [root.descriptor.digest for root in Graph(store).roots()] == [image.digest]


@pytest.mark.parametrize(
    ("changes", "word"),
    [
        ({"mode": "excluded"}, "excluded"),
        ({"mode": "filtered", "artifact_types": ("application/spdx+json",)}, "other types"),
        ({"mode": "filtered", "artifact_types": (NOTARY_SIGNATURE,)}, None),
        ({"mode": "filtered", "depth": 0}, "depth 0"),
        ({"mode": "filtered", "depth": 1}, None),
        ({}, None),
    ],
)
def test_lists_what_may_have_been_left_behind(image: Descriptor, changes: dict[str, Any], word: str | None) -> None:
    said = record(image, **changes).left_behind(frozenset())
    assert said is None if word is None else word in (said or "")


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        ({"mechanism": None}, "could not all be read"),
        ({"problems": ("gone",)}, "could not all be read"),
        ({"listed": 1, "copied": 1}, "of which 0 are here now"),
        (
            {"listed": 1, "copied": 1, "came": (CopiedReferrer(digest=SIGNED, artifact_type=NOTARY_SIGNATURE),)},
            str(SIGNED),
        ),
        ({"listed": 1, "copied": 1, "came": (CopiedReferrer(digest=SIGNED, artifact_type="a/sbom"),)}, None),
        ({}, None),
    ],
)
def test_summarises_the_lookups_of_the_artifact(image: Descriptor, answer: dict[str, Any], word: str | None) -> None:
    made = record(image)
    facts = {name: answer.pop(name) for name in ("mechanism", "listed") if name in (answer := dict(answer))}
    (before,) = made.lookups
    changed = replace(made, lookups=(replace(before, lookup=replace(before.lookup, **facts), **answer),))
    said = changed.left_behind(frozenset())
    assert said is None if word is None else word in (said or "")
    types = {came.artifact_type for came in changed.lookups[0].came}
    assert changed.found_none() == (not changed.lookups[0].lookup.listed or types == {"a/sbom"})


def test_present_content_is_not_lost(image: Descriptor) -> None:
    """What the record says came is compared with what is in the layout; old records state a number alone."""
    lookup = ReferrersLookup(subject=image.digest, mechanism="layout", listed=2)
    recorded = RecordedLookup(lookup=lookup, copied=2)
    old = record(image, lookups=(recorded,))
    assert old.left_behind({SIGNED, Digest.of(b"sbom")}) is None
    assert "2 referrers came with it, of which 1 are here now" in str(old.left_behind({SIGNED}))
    came = (
        CopiedReferrer(digest=SIGNED, artifact_type=NOTARY_SIGNATURE),
        CopiedReferrer(digest=Digest.of(b"sbom"), artifact_type="a/sbom"),
    )
    new = Record.parse(json.dumps(record(image, lookups=(replace(recorded, came=came),)).to_json()).encode())
    assert new.left_behind({SIGNED}) is None
    assert new.lost({SIGNED}) == came[1:]
    assert new.lost({SIGNED, Digest.of(b"sbom")}) == ()
    assert str(SIGNED) in str(new.left_behind({Digest.of(b"sbom")}))


def test_not_looked_for_is_not_absent(image: Descriptor) -> None:
    assert not record(image, lookups=()).found_none()
    assert not record(image, kind="layout").found_none()
