"""Registries as source and sink of a copy, with the planner and the transfer that layouts use."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airgap.errors import ContentError
from airgap.net.sink import RegistrySink
from airgap.net.source import RegistrySource
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.transfer.endpoint import Entry, TransferMethod
from airgap.transfer.mover import TransferResult, transfer
from airgap.transfer.plan import CopyRoot, Selection
from airgap.transfer.planner import make_plan
from airgap.transfer.sources import MemoryBlobs
from tests.support.net import client, described, store
from tests.support.registry import LoopbackRegistry, answer, digest_of

NOTARY = "application/vnd.cncf.notary.signature"


def _copy(source: RegistrySource, sink: RegistrySink, **selection: Any) -> TransferResult:
    wanted = CopyRoot(source=source, descriptor=source.resolve("v1"), reference="app:v1", tags=("v1",))
    with ThreadPoolExecutor(4) as executor:
        plan = make_plan([wanted], Selection(**selection), executor)
        return transfer(plan, sink, executor)


@pytest.fixture
def signed_index(registry: LoopbackRegistry) -> str:
    """An index of two images, signed; one child with an SBOM, which is signed, too."""
    children = [registry.put_image("app", layers=(f"layer {number}".encode() * 1000,)) for number in (1, 2)]
    index = registry.put_index("app", tuple(children), tag="v1")
    registry.put_image("app", layers=(b"signature",), subject=index, artifact_type=NOTARY)
    sbom = registry.put_image("app", layers=(b"sbom",), subject=children[0], artifact_type="application/spdx+json")
    registry.put_image("app", layers=(b"signature of the sbom",), subject=sbom, artifact_type=NOTARY)
    return index


@pytest.mark.parametrize("source_api", [True, False])
@pytest.mark.parametrize("sink_api", [True, False])
def test_a_copy_leaves_nothing_behind(
    registry: LoopbackRegistry, other: LoopbackRegistry, signed_index: str, *, source_api: bool, sink_api: bool
) -> None:
    other.referrers_api = sink_api
    if not source_api:
        registry.referrers_api = False
        held = registry.repositories["app"]
        for digest, (_, raw) in list(held.manifests.items()):
            subject = json.loads(raw).get("subject")
            if subject is not None:
                registry.put_index("app", (digest,), tag="sha256-" + subject["digest"].partition(":")[2])
    with store(registry.host) as here, store(other.host, "mirror/app", writable=True) as there:
        _copy(here, there)
        assert len(there.finder.find(Digest.parse(signed_index)).all()) == 1
    held, mirrored = registry.repositories["app"], other.repositories["mirror/app"]
    assert mirrored.tags["v1"] == signed_index
    assert mirrored.blobs == held.blobs
    wanted = {
        digest
        for digest, (_, raw) in held.manifests.items()
        if digest not in held.tags.values() or digest == signed_index
    }
    assert wanted <= mirrored.manifests.keys()


def test_a_second_copy_sends_nothing(registry: LoopbackRegistry, other: LoopbackRegistry, signed_index: str) -> None:
    with store(registry.host) as here, store(other.host, writable=True) as there:
        _copy(here, there)
        other.seen.clear()
        again = _copy(here, there)
    assert signed_index in other.repositories["app"].manifests
    assert again.moved == {}
    assert [seen for seen in other.seen if seen.method not in {"GET", "HEAD"}] == []
    assert [seen for seen in other.seen if "/blobs/" in seen.path] == []


def test_a_complete_copy_after_a_sparse_one_brings_the_rest(
    registry: LoopbackRegistry, other: LoopbackRegistry, signed_index: str
) -> None:
    """A registry that takes sparse indexes has the index, and not what it names."""
    other.repositories["app"].manifests[signed_index] = registry.repositories["app"].manifests[signed_index]
    with store(registry.host) as here, store(other.host, writable=True) as there:
        _copy(here, there)
    assert other.repositories["app"].blobs == registry.repositories["app"].blobs


def test_blobs_are_mounted_within_one_registry(registry: LoopbackRegistry, signed_index: str) -> None:
    with client(registry.host) as connected:
        moved = _copy(RegistrySource(connected, "app"), RegistrySink(connected, "mirror")).moved
    assert signed_index in registry.repositories["mirror"].manifests
    assert TransferMethod.COPIED not in {how for (_, media_type, _), how in moved.items() if not media_type}
    assert registry.requests("GET", "/blobs/") == []


def test_wrong_bytes_of_a_source_never_complete_an_upload(registry: LoopbackRegistry, other: LoopbackRegistry) -> None:
    """Even where the destination would take any bytes."""
    registry.repositories["app"].blobs[digest_of(b"right")] = b"wrong"
    with (
        store(registry.host) as here,
        store(other.host, writable=True) as there,
        pytest.raises(ContentError, match="the bytes have the digest"),
    ):
        there.put_blob(described(b"right"), here, lambda _: None)
    assert other.repositories["app"].blobs == {}


def test_embedded_data_replaces_a_missing_blob(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", b"else")
    wanted = described(b"{}")
    embedded = Descriptor(media_type=wanted.media_type, digest=wanted.digest, size=2, data=b"{}")
    with store(registry.host) as repository:
        assert repository.open(embedded).read() == b"{}"


def test_puts_a_lost_blob_again(registry: LoopbackRegistry, other: LoopbackRegistry, signed_index: str) -> None:
    """HEAD says that it is there, PUT of the manifest says that it is not."""
    lied = digest_of(b"signature")
    other.on("HEAD", f"/blobs/{lied}", answer(200, Content_Length="9"), times=1)
    with store(registry.host) as here, store(other.host, writable=True) as there:
        _copy(here, there)
    assert other.repositories["app"].blobs[lied] == b"signature"
    assert signed_index in other.repositories["app"].manifests


def test_puts_tags_last_and_reports_moved_ones(registry: LoopbackRegistry) -> None:
    old, new = registry.put_image("app", tag="v1"), registry.put_image("app", layers=(b"new",))
    with store(registry.host, writable=True) as sink:
        image = sink.resolve(Digest.parse(new))
        named = sink.finish(
            [Entry(descriptor=image, tag="v1"), Entry(descriptor=image, tag="v2"), Entry(descriptor=image)]
        )
        again = sink.finish([Entry(descriptor=image, tag="v1")])
    assert (named.added, named.moved) == (1, ("v1",))
    assert (again.added, again.moved) == (0, ())
    assert registry.repositories["app"].tags == {"v1": new, "v2": new}
    assert old != new


def test_bytes_in_memory_can_be_put(registry: LoopbackRegistry) -> None:
    told: list[int] = []
    with store(registry.host, writable=True) as sink:
        here = MemoryBlobs({Digest.of(b"record"): b"record", Digest.of(b""): b""})
        assert sink.put_blob(described(b"record"), here, told.append) is TransferMethod.COPIED
        assert sink.put_blob(described(b""), here, told.append) is TransferMethod.COPIED
        assert sink.put_blob(described(b"record"), here, told.append) is TransferMethod.EXISTED
    assert sum(told) == 12


def test_cosign_tags_are_referrers_on_request(registry: LoopbackRegistry) -> None:
    digest = registry.put_image("app", tag="v1")
    tag = "sha256-" + digest.partition(":")[2] + ".sig"
    signature = registry.put_image("app", layers=(b"cosign",), tag=tag)
    with store(registry.host) as source:
        image = source.resolve("v1")
        assert source.referrers(image, digest_tags=False).all() == ()
        found = source.referrers(image, digest_tags=True)
    assert [(str(item.descriptor.digest), item.tag) for item in found.all()] == [(signature, tag)]
    assert (found.lookup.mechanism, found.lookup.api_status) == ("v1.1-referrers-api", 200)


def test_copies_a_malformed_manifest_as_content(registry: LoopbackRegistry) -> None:
    digest = registry.put_manifest(
        "app", {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
    )
    with store(registry.host) as repository, pytest.raises(ContentError) as caught:
        repository.manifest(repository.resolve(Digest.parse(digest)))
    assert caught.value.reason == "content.malformed"


def test_endpoints_implement_the_protocols(registry: LoopbackRegistry) -> None:
    from airgap.transfer.endpoint import Sink, Source

    with store(registry.host) as repository:
        source: Source = repository
        sink: Sink = repository
        assert sink.refuses_incomplete
        assert source.name == f"{registry.host}/app"
