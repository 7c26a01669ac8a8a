"""The plan of a copy: everything once, no referrer of another subject, and bounds."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from airgap import limits
from airgap.errors import AirgapError, ContentError, NotFoundError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import FoundBy, ReferrersLookup
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.oci.record import FoundRecord, LeftOut, Record
from airgap.transfer.endpoint import BlobStream, FoundReferrers, ListedReferrer
from airgap.transfer.plan import CopyPlan, CopyRoot, Selection
from airgap.transfer.planner import make_plan
from airgap.transfer.platforms import PlatformFilter
from airgap.transfer.records import record_contents
from tests.support.copying import SBOM, Family, family, names
from tests.support.layouts import LayoutBuilder


class Claims:
    """A source that lists whatever a test says."""

    name = "claims"

    def __init__(
        self,
        builder: LayoutBuilder,
        referrers: Mapping[Digest, list[ListedReferrer]] | None = None,
        *,
        concurrent: bool = True,
    ) -> None:
        self.builder = builder
        self.listed = dict(referrers or {})
        self.concurrent = concurrent
        self.read: Counter[Digest] = Counter()
        self.refused: set[Digest] = set()

    def manifest(self, descriptor: Descriptor) -> Manifest | Index | None:
        if not descriptor.is_manifest:
            return None
        self.read[descriptor.digest] += 1
        if descriptor.digest not in self.builder.blobs:
            raise ContentError("content.missing", "not here", digest=str(descriptor.digest))
        return parse_manifest(self.builder.blobs[descriptor.digest], descriptor.media_type)

    def referrers(self, descriptor: Descriptor, *, digest_tags: bool) -> FoundReferrers:
        if descriptor.digest in self.refused:
            raise AirgapError("403")
        return FoundReferrers(
            lookup=ReferrersLookup(subject=descriptor.digest, mechanism="v1.1-referrers-api"),
            _found=tuple(replace(item, subject=descriptor.digest) for item in self.listed.get(descriptor.digest, ())),
        )

    def open(self, descriptor: Descriptor) -> BlobStream:
        raise AssertionError("a plan reads no blob")

    def path(self, descriptor: Descriptor) -> str | None:
        return None


@pytest.fixture
def pool() -> Iterator[Executor]:
    with ThreadPoolExecutor(4) as executor:
        yield executor


def referrer(descriptor: Descriptor, *, kind: str | None = None, tag: str | None = None) -> ListedReferrer:
    """As a source lists it; `Claims` adds the subject."""
    entry = replace(descriptor, artifact_type=None)
    return ListedReferrer(descriptor=entry, subject=entry.digest, artifact_type=kind, mechanism=FoundBy.API, tag=tag)


def listing(made: Family) -> dict[Digest, list[ListedReferrer]]:
    found: dict[Digest, list[ListedReferrer]] = {}
    for item in (made.signature, made.sbom, made.sbom_signature, made.child_signature):
        subject = Digest.parse(json.loads(made.builder.blobs[item.digest])["subject"]["digest"])
        found.setdefault(subject, []).append(referrer(item, kind=item.artifact_type))
    return found


def plan(source: Claims, root: Descriptor, pool: Executor, *, keep_going: bool = False, **chosen: object) -> CopyPlan:
    selection = Selection(**chosen)  # type: ignore[arg-type]
    wanted = [CopyRoot(source=source, descriptor=root, reference="x")]
    return make_plan(wanted, selection, pool, keep_going=keep_going)


def planned(found: CopyPlan) -> set[str]:
    return {str(key[0]) for key, node in found.nodes.items() if node.manifest is not None}


@pytest.mark.parametrize("concurrent", [True, False])
def test_every_manifest_is_read_once(pool: Executor, concurrent: bool) -> None:
    made = family()
    source = Claims(made.builder, listing(made), concurrent=concurrent)
    found = plan(source, made.index, pool)
    assert planned(found) == names(made.all)
    assert set(source.read.values()) == {1}


def test_children_and_subjects_are_on_earlier_levels(pool: Executor) -> None:
    made = family()
    levels = plan(Claims(made.builder, listing(made)), made.index, pool).levels()
    level = {node.descriptor.digest: number for number, nodes in enumerate(levels) for node in nodes}
    assert level[made.children[0].digest] < level[made.index.digest] < level[made.signature.digest]
    assert level[made.index.digest] < level[made.sbom.digest] < level[made.sbom_signature.digest]


def test_refuses_a_referrer_of_another_subject(pool: Executor) -> None:
    """MAN-31: anyone can list anything."""
    made = family()
    other = made.builder.add_image(b"another image")
    stray = made.builder.add_referrer(other, b"about another image")
    unrelated = made.builder.add_image(b"refers to nothing")
    source = Claims(made.builder, {made.index.digest: [referrer(stray), referrer(unrelated)]})
    found = plan(source, made.index, pool)
    assert not {str(stray.digest), str(unrelated.digest), str(other.digest)} & planned(found)
    assert len(found.artifacts[0].notes) == 2


def test_an_unreadable_listed_referrer_is_an_error_without_keep_going(pool: Executor) -> None:
    made = family()
    source = Claims(made.builder, listing(made))
    made.builder.drop(made.signature)
    with pytest.raises(AirgapError, match="which cannot be read"):
        plan(source, made.index, pool)
    (artifact,) = plan(source, made.index, pool, keep_going=True).artifacts
    assert (artifact.error, len(artifact.problems)) == (None, 1)


def test_a_failed_look_up_is_an_error_without_keep_going(pool: Executor) -> None:
    """RULE-6: could not look is not none there."""
    made = family()
    source = Claims(made.builder, listing(made))
    source.refused.add(made.children[0].digest)
    with pytest.raises(AirgapError, match="403"):
        plan(source, made.index, pool)
    (artifact,) = plan(source, made.index, pool, keep_going=True).artifacts
    assert [
        found.lookup.mechanism for found in artifact.referrers if found.lookup.subject == made.children[0].digest
    ] == [None]


def test_types_filter_referrers_but_not_their_referrers(pool: Executor) -> None:
    made = family()
    found = planned(plan(Claims(made.builder, listing(made)), made.index, pool, artifact_types=frozenset({SBOM})))
    assert {str(made.sbom.digest), str(made.sbom_signature.digest)} <= found
    assert not {str(made.signature.digest), str(made.child_signature.digest)} & found


def test_a_type_that_the_list_leaves_out_or_gets_wrong_is_decided_by_the_manifest(pool: Executor) -> None:
    made = family()
    claims = {made.index.digest: [referrer(made.sbom), referrer(made.signature, kind=SBOM)]}
    found = planned(plan(Claims(made.builder, claims), made.index, pool, artifact_types=frozenset({SBOM})))
    assert str(made.sbom.digest) in found
    assert str(made.signature.digest) not in found


@pytest.mark.parametrize(("depth", "count"), [(0, 3), (1, 6), (2, 7), (None, 7)])
def test_depth_counts_levels_of_referrers(pool: Executor, depth: int | None, count: int) -> None:
    made = family()
    assert len(planned(plan(Claims(made.builder, listing(made)), made.index, pool, depth=depth))) == count


def test_platforms_leave_out_children_and_their_referrers(pool: Executor) -> None:
    made = family()
    filters = (PlatformFilter.parse("linux/arm64"),)
    found = plan(Claims(made.builder, listing(made)), made.index, pool, platforms=filters)
    assert not {str(made.children[0].digest), str(made.child_signature.digest)} & planned(found)
    assert [item.digest for item in found.artifacts[0].left_out] == [made.children[0].digest]
    with pytest.raises(NotFoundError):
        plan(Claims(made.builder), made.index, pool, platforms=(PlatformFilter.parse("plan9/mips"),))


def test_a_child_that_the_source_declares_absent_is_left_out_and_others_are_errors(pool: Executor) -> None:
    made = family()
    made.builder.drop(made.children[1])
    source = Claims(made.builder)
    with pytest.raises(ContentError):
        plan(source, made.index, pool)
    absent = LeftOut(digest=made.children[1].digest, platform="linux/arm64")
    record = Record(
        tool="1",
        time=datetime(2026, 1, 1, tzinfo=UTC),
        kind="registry",
        name=None,
        reference="x",
        artifact=made.index,
        mode="all",
        absent=(absent,),
    )
    descriptor, contents = record_contents(record)
    manifest = parse_manifest(contents[descriptor.digest], descriptor.media_type)
    assert isinstance(manifest, Manifest)
    found_record = FoundRecord(descriptor=descriptor, manifest=manifest, record=record)
    wanted = [CopyRoot(source=source, descriptor=made.index, reference="x", record=found_record)]
    found = make_plan(wanted, Selection(), pool)
    assert [item.digest for item in found.artifacts[0].left_out] == [made.children[1].digest]


def test_nesting_is_bounded(pool: Executor) -> None:
    builder = LayoutBuilder()
    deep = builder.add_image()
    for _ in range(limits.GRAPH_DEPTH + 2):
        deep = builder.add_index(deep)
    with pytest.raises(ContentError, match="nested more than"):
        plan(Claims(builder), deep, pool)


def test_referrers_of_referrers_are_bounded(pool: Executor) -> None:
    builder = LayoutBuilder()
    image = last = builder.add_image()
    listed = {}
    for number in range(limits.GRAPH_DEPTH + 2):
        above = builder.add_referrer(last, f"{number}".encode())
        listed[last.digest] = [referrer(above)]
        last = above
    with pytest.raises(AirgapError, match="nested more than"):
        plan(Claims(builder, listed), image, pool)


def _branching(
    builder: LayoutBuilder, subject: Descriptor, branches: int, depth: int
) -> dict[Digest, list[ListedReferrer]]:
    """Each manifest below the subject has so many referrers, and each of them as many."""
    listed: dict[Digest, list[ListedReferrer]] = {}
    level = [subject]
    for _ in range(depth):
        following = []
        for item in level:
            above = [builder.add_referrer(item, f"{item.digest} {number}".encode()) for number in range(branches)]
            listed[item.digest] = [referrer(one) for one in above]
            following += above
        level = following
    return listed


@pytest.mark.parametrize("name", ["REFERRERS_BELOW", "GRAPH_NODES"])
def test_referrers_that_branch_end_at_the_bound(pool: Executor, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """Everything was read all the same, with all the lists, and then refused: 1.5 GB and seven minutes."""
    builder = LayoutBuilder()
    image = builder.add_image()
    source = Claims(builder, _branching(builder, image, branches=3, depth=5))
    monkeypatch.setattr(limits, name, 20)
    with pytest.raises(ContentError, match=r"more than 20 (referrers|manifests)") as caught:
        plan(source, image, pool)
    assert "copy in several runs" in caught.value.remedy
    assert sum(source.read.values()) <= 30


@pytest.mark.parametrize("count", [19, 20])
def test_as_many_referrers_as_are_looked_at_are_copied(
    pool: Executor, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    builder = LayoutBuilder()
    image = builder.add_image()
    above = [builder.add_referrer(image, f"{number}".encode()) for number in range(count)]
    monkeypatch.setattr(limits, "REFERRERS_BELOW", 20)
    made = plan(Claims(builder, {image.digest: [referrer(one) for one in above]}), image, pool)
    assert len(made.artifacts[0].attached) == count


def test_an_artifact_beyond_the_bound_stops_no_other_one(pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    builder = LayoutBuilder()
    image, other = builder.add_image(), builder.add_image(b"another one")
    listed = _branching(builder, image, branches=3, depth=4)
    listed[other.digest] = [referrer(builder.add_referrer(other, b"one"))]
    monkeypatch.setattr(limits, "REFERRERS_BELOW", 20)
    source = Claims(builder, listed)
    wanted = [CopyRoot(source=source, descriptor=item, reference="x") for item in (image, other)]
    made = make_plan(wanted, Selection(), pool, keep_going=True)
    assert [type(item.error) for item in made.artifacts] == [ContentError, type(None)]
    assert len(made.artifacts[1].attached) == 1


def test_bytes_of_manifests_are_bounded(pool: Executor, monkeypatch: pytest.MonkeyPatch) -> None:
    made = family()
    monkeypatch.setattr("airgap.limits.GRAPH_BYTES", 1000)
    with pytest.raises(ContentError) as caught:
        plan(Claims(made.builder, listing(made)), made.index, pool)
    assert "several runs" in caught.value.remedy


def test_entries_name_referrers_without_their_annotations(pool: Executor) -> None:
    """A referrer's annotation must not become a tag of the layout."""
    made = family()
    sly = made.builder.add_referrer(
        made.index, b"sly", annotations={"org.opencontainers.image.ref.name": "v1"}, listed=False
    )
    source = Claims(made.builder, {made.index.digest: [referrer(sly)]})
    (artifact,) = plan(source, made.index, pool).artifacts
    (entry,) = [item for item in artifact.entries() if item.descriptor.digest == sly.digest]
    assert (entry.tag, dict(entry.descriptor.annotations)) == (None, {})
