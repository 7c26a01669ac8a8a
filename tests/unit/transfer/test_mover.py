"""What depends on content that failed is never written; the rest is completed."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from airgap.errors import ContentError
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.lookup import ReferrersLookup
from airgap.oci.manifest import Index, Manifest, parse_manifest
from airgap.transfer.checked_bytes import Advance
from airgap.transfer.endpoint import Blobs, BlobStream, Entry, FoundReferrers, NamingResult, TransferMethod
from airgap.transfer.mover import TransferResult, transfer
from airgap.transfer.plan import CopyRoot, Selection
from airgap.transfer.planner import make_plan
from tests.support.layouts import LayoutBuilder

FOREIGN = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"


class FailingSource:
    """A source over a builder's blobs; some of them fail in a given way."""

    name = "source"
    concurrent = False

    def __init__(self, builder: LayoutBuilder, failing: dict[Digest, str]) -> None:
        self.builder, self.failing = builder, failing

    def manifest(self, descriptor: Descriptor) -> Manifest | Index:
        return parse_manifest(self.builder.blobs[descriptor.digest], descriptor.media_type)

    def referrers(self, descriptor: Descriptor, *, digest_tags: bool) -> FoundReferrers:
        return FoundReferrers(lookup=ReferrersLookup(subject=descriptor.digest, mechanism="layout"))

    def open(self, descriptor: Descriptor) -> BlobStream:
        if reason := self.failing.get(descriptor.digest):
            raise ContentError(reason, f"{descriptor.digest} fails")
        return io.BytesIO(self.builder.blobs[descriptor.digest])

    def path(self, descriptor: Descriptor) -> str | None:
        return None


class Noting:
    """A destination that takes everything, and notes it in order."""

    refuses_incomplete = False

    def __init__(self) -> None:
        self.put: list[Digest] = []
        self.named: list[Digest] = []

    def has(self, descriptor: Descriptor) -> bool:
        return False

    def lists(self, subject: Digest, referrer: Digest) -> bool:
        return True

    def arrived(self, descriptor: Descriptor) -> int:
        return 0

    def reserve(self, size: int, largest: int) -> None:
        pass

    def put_blob(self, descriptor: Descriptor, source: Blobs, advance: Advance) -> TransferMethod:
        source.open(descriptor).close()
        self.put.append(descriptor.digest)
        return TransferMethod.COPIED

    def put_manifest(self, descriptor: Descriptor, raw: bytes) -> None:
        self.put.append(descriptor.digest)

    def flush(self) -> None:
        pass

    def finish(self, entries: Sequence[Entry], *, keep_going: bool = False) -> NamingResult:
        self.named = [entry.descriptor.digest for entry in entries]
        return NamingResult(added=len(entries))


@pytest.fixture
def pool() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as executor:
        yield executor


class Scene:
    """An index over two images, and an image beside it; one layer of the index's first image fails."""

    def __init__(self, reason: str, media_type: str = "application/vnd.oci.image.layer.v1.tar") -> None:
        self.builder = LayoutBuilder()
        self.layer = self.builder.add_blob(b"the layer that fails", media_type)
        self.bad = self.builder.add_image(self.layer, b"another layer")
        self.good = self.builder.add_image(b"good")
        self.index = self.builder.add_index(self.bad, self.good)
        self.beside = self.builder.add_image(b"beside")
        self.source = FailingSource(self.builder, {self.layer.digest: reason})
        self.sink = Noting()

    def copy(self, pool: ThreadPoolExecutor, *, keep_going: bool) -> TransferResult:
        wanted = [CopyRoot(source=self.source, descriptor=item, reference="x") for item in (self.index, self.beside)]
        plan = make_plan(wanted, Selection(), pool, keep_going=keep_going)
        return transfer(plan, self.sink, pool, keep_going=keep_going)


@pytest.mark.parametrize("reason", ["content.missing", "content.unreadable", "content.digest"])
def test_a_manifest_whose_blob_failed_is_not_put_and_nothing_above_it(pool: ThreadPoolExecutor, reason: str) -> None:
    """A registry that compares nothing would have an image, by digest and by index, that cannot run."""
    scene = Scene(reason)
    done = scene.copy(pool, keep_going=True)
    put = set(scene.sink.put)
    assert {scene.bad.digest, scene.index.digest}.isdisjoint(put)
    assert {scene.good.digest, scene.beside.digest} <= put
    assert scene.sink.named == [scene.beside.digest]
    assert {digest for digest, _, _ in done.failures} == {
        scene.layer.digest,
        scene.bad.digest,
        scene.index.digest,
    }


def test_without_keep_going_no_manifest_at_all_is_put(pool: ThreadPoolExecutor) -> None:
    scene = Scene("content.digest")
    with pytest.raises(ContentError, match="fails"):
        scene.copy(pool, keep_going=False)
    manifests = {item.digest for item in (scene.bad, scene.good, scene.index, scene.beside)}
    assert manifests.isdisjoint(scene.sink.put)
    assert scene.sink.named == []


def test_an_external_layer_may_be_missing(pool: ThreadPoolExecutor) -> None:
    scene = Scene("content.missing", FOREIGN)
    done = scene.copy(pool, keep_going=False)
    assert scene.layer.digest not in {digest for digest, _, _ in done.survey.missing}
    assert scene.index.digest in scene.sink.put


@pytest.mark.parametrize("reason", ["content.unreadable", "content.digest", "content.size"])
def test_an_unreadable_external_layer_is_an_error(pool: ThreadPoolExecutor, reason: str) -> None:
    scene = Scene(reason, FOREIGN)
    with pytest.raises(ContentError, match="fails"):
        scene.copy(pool, keep_going=False)
    done = Scene(reason, FOREIGN)
    done.copy(pool, keep_going=True)
    assert done.sink.named == [done.beside.digest]
