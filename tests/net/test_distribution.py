"""Against Debian's docker-registry (distribution 2.8): no referrers API, no OCI-Subject, its own way of uploads."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airgap.errors import ContentError, NotFoundError
from airgap.net.sink import RegistrySink
from airgap.net.transport_errors import IncompleteError
from airgap.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, Descriptor
from airgap.oci.lookup import Mechanism
from airgap.oci.tags import referrers_tag
from airgap.transfer.endpoint import Entry, TransferMethod
from tests.support.net import client, described, push, source, store
from tests.support.registry import blob_descriptor, digest_of
from tests.support.tools import distribution

LAYER = bytes(range(256)) * 80_000  # 20 MB


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with distribution(tmp_path_factory.mktemp("registry")) as running:
        yield running


def _image(number: int = 0, subject: Descriptor | None = None, layer: bytes = b"layer") -> tuple[Descriptor, bytes]:
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "config": blob_descriptor(b"{}", "application/vnd.oci.image.config.v1+json"),
        "layers": [blob_descriptor(layer, "application/vnd.oci.image.layer.v1.tar")],
        "annotations": {"number": str(number)},
    }
    if subject is not None:
        document |= {"subject": subject.to_json(), "artifactType": "application/vnd.cncf.notary.signature"}
    raw = json.dumps(document).encode()
    return described(raw, IMAGE_MANIFEST), raw


def _push(host: str, name: str, number: int = 0) -> Descriptor:
    descriptor, raw = _image(number)
    with store(host, name, writable=True) as repository:
        for blob in (b"{}", b"layer"):
            push(repository, described(blob), source(blob))
        repository.put_manifest(descriptor, raw)
        repository.finish([Entry(descriptor=descriptor, tag=f"v{number}")])
    return descriptor


def test_pushes_and_pulls_an_image(host: str) -> None:
    descriptor = _push(host, "plain/app")
    with store(host, "plain/app") as repository:
        assert repository.resolve("v0") == descriptor
        assert list(repository.tags()) == ["v0"]
        assert repository.has(descriptor)
        with repository.open_from(described(b"layer")) as blob:
            assert blob.read() == b"layer"


@pytest.mark.parametrize("chunked", [False, True])
def test_pushes_and_pulls_a_large_blob(host: str, *, chunked: bool) -> None:
    name = f"large/{chunked}".lower()
    with store(host, name, writable=True, chunked=chunked) as repository:
        assert push(repository, described(LAYER), source(LAYER)) is TransferMethod.COPIED
        assert push(repository, described(LAYER), source(LAYER)) is TransferMethod.EXISTED
        with repository.open_from(described(LAYER)) as blob:
            assert blob.read() == LAYER


def test_a_blob_is_mounted(host: str) -> None:
    with store(host, "mount/from", writable=True) as repository:
        push(repository, described(b"shared"), source(b"shared"))
    with store(host, "mount/to", writable=True) as repository:
        shared = push(repository, described(b"shared"), source(b"shared"), mount_from="mount/from")
        new = push(repository, described(b"new"), source(b"new"), mount_from="mount/from")
    assert (shared, new) == (TransferMethod.MOUNTED, TransferMethod.COPIED)


def test_a_blob_is_resumed(host: str) -> None:
    with store(host, "resume/app", writable=True) as repository:
        push(repository, described(LAYER), source(LAYER))
        with repository.open_from(described(LAYER)) as blob:
            got = bytearray(blob.read(1_000_000))
            blob._reply.close()  # type: ignore[union-attr]  # the connection is lost
            blob._reply = None
            while chunk := blob.read(1 << 20):
                got += chunk
    assert bytes(got) == LAYER


def test_wrong_bytes_are_refused(host: str) -> None:
    with store(host, "wrong/app", writable=True) as repository, pytest.raises(ContentError):
        push(repository, described(b"right"), source(b"wrong"))


def test_lists_referrers_under_the_tag(host: str) -> None:
    """distribution 2.8 has no referrers API (404 text/plain) and answers no OCI-Subject."""
    subject = _push(host, "signed/app")
    with store(host, "signed/app", writable=True) as repository:
        before = repository.finder.find(subject.digest)
        signatures = [_image(number, subject) for number in (1, 2)]
        puts = [repository.put_manifest(*signature) for signature in signatures]
        assert repository.settle() == 0
        after = repository.finder.find(subject.digest, artifact_types={"application/vnd.cncf.notary.signature"})
        assert repository.resolve(referrers_tag(subject.digest)).media_type == IMAGE_INDEX
    assert (before.all(), before.lookup.api_status, before.lookup.tag_status) == ((), 404, 404)
    assert [put.tag_updated for put in puts] == [True, True]
    assert {entry.descriptor.digest for entry in after.all()} == {descriptor.digest for descriptor, _ in signatures}
    assert (after.lookup.mechanism, after.lookup.api_status, after.lookup.tag_status) == (Mechanism.TAG, 404, 200)


def test_six_concurrent_writers_lose_nothing(host: str) -> None:
    """It sends an ETag and ignores If-Match: one of six was lost in 5 of 12 rounds, without an error."""
    for number in range(3):
        name = f"race/app{number}"
        subject = _push(host, name)
        start = threading.Barrier(6)

        def write(writer: int, name: str = name, subject: Descriptor = subject, start: Any = start) -> Descriptor:
            descriptor, raw = _image(writer, subject)
            with client(host, sleep=time.sleep) as connected:
                repository = RegistrySink(connected, name, writable=True)
                repository.resolve("v0")
                start.wait(20)
                repository.put_manifest(descriptor, raw)
                repository.settle()
            return descriptor

        with ThreadPoolExecutor(6) as pool:
            put = set(pool.map(write, range(6)))
        with store(host, name) as repository:
            listed = {found.descriptor.digest for found in repository.finder.find(subject.digest).all()}
        assert listed == {descriptor.digest for descriptor in put}


def test_finds_cosign_tags(host: str) -> None:
    subject = _push(host, "cosigned/app")
    descriptor, raw = _image(9)
    with store(host, "cosigned/app", writable=True) as repository:
        repository.put_manifest(descriptor, raw)
        repository.finish([Entry(descriptor=descriptor, tag=f"sha256-{subject.digest.encoded}.sig")])
        found = repository.finder.cosign_tags(subject.digest, None)
    assert [(item.tag, item.descriptor) for item in found] == [(f"sha256-{subject.digest.encoded}.sig", descriptor)]


def test_a_sparse_index_is_refused(host: str) -> None:
    present = _push(host, "sparse/app")
    entries = [present.to_json(), {"mediaType": IMAGE_MANIFEST, "digest": digest_of(b"left out"), "size": 8}]
    raw = json.dumps({"schemaVersion": 2, "mediaType": IMAGE_INDEX, "manifests": entries}).encode()
    with store(host, "sparse/app", writable=True) as repository, pytest.raises(IncompleteError) as caught:
        repository.put_manifest(described(raw, IMAGE_INDEX), raw)
    assert "Copy all platforms" in caught.value.remedy


def test_a_missing_manifest_is_not_found(host: str) -> None:
    with store(host, "nothing/here") as repository:
        with pytest.raises(NotFoundError):
            repository.resolve("v1")
        with pytest.raises(NotFoundError):
            list(repository.tags())
        with pytest.raises(ContentError):
            repository.open_from(described(b"nothing"))


def test_many_tags_are_all_listed(host: str) -> None:
    descriptor = _push(host, "many/app")
    with store(host, "many/app", writable=True) as repository:
        repository.finish([Entry(descriptor=descriptor, tag=f"t{number:02}") for number in range(40)])
        assert len(list(repository.tags())) == 41
