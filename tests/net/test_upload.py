"""Blobs and manifests are uploaded unchanged, once, to one repository (DIST-20 to 25)."""

from __future__ import annotations

import contextlib
import io
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from airgap import limits
from airgap.errors import AirgapError, ContentError
from airgap.net.client import RegistryClient
from airgap.net.credentials import Credential, Credentials
from airgap.net.options import TransportOptions
from airgap.net.registries import Registries
from airgap.net.sink import RegistrySink
from airgap.net.transport_errors import AuthenticationError, IncompleteError, RegistryError
from airgap.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.reference import RegistryReference
from airgap.oci.tags import referrers_tag
from airgap.transfer.endpoint import Entry, TransferMethod
from tests.support.net import NOWHERE, Diary, client, described, push, source, store
from tests.support.registry import (
    INDEX,
    LoopbackRegistry,
    answer,
    blob_descriptor,
    digest_of,
    error,
    reset,
    then,
)

BLOB = bytes(range(256)) * 16384  # 4 MiB
ALICE = Credential(username="alice", password="secret-of-alice")


def _push(registry: LoopbackRegistry, data: bytes, **options: Any) -> TransferMethod:
    with store(registry.host, writable=True, **options) as repository:
        return push(repository, described(data), source(data))


def _held(registry: LoopbackRegistry, data: bytes) -> bool:
    return registry.repositories["app"].blobs.get(digest_of(data)) == data


def test_a_blob_is_sent_in_one_piece(registry: LoopbackRegistry) -> None:
    assert _push(registry, BLOB) is TransferMethod.COPIED
    assert _held(registry, BLOB)
    put = registry.requests("PUT")[0]
    assert put.headers["content-length"] == str(len(BLOB))
    assert put.headers["content-type"] == "application/octet-stream"
    assert put.query["_state"] == ["opaque="]  # the Location's own query is kept (DIST-22)
    assert [seen.method for seen in registry.seen] == ["HEAD", "POST", "PUT"]


def test_an_empty_blob_is_sent(registry: LoopbackRegistry) -> None:
    assert _push(registry, b"") is TransferMethod.COPIED
    assert _held(registry, b"")


def test_does_not_send_an_existing_blob(registry: LoopbackRegistry) -> None:
    """DIST-21: HEAD first."""
    registry.put_blob("app", BLOB)
    assert _push(registry, BLOB) is TransferMethod.EXISTED
    assert [seen.method for seen in registry.seen] == ["HEAD"]


def test_an_existing_blob_of_another_size_is_an_error(registry: LoopbackRegistry) -> None:
    registry.repositories["app"].blobs[digest_of(BLOB)] = b"short"
    with pytest.raises(ContentError, match="has 5 bytes in"):
        _push(registry, BLOB)


def test_a_blob_is_mounted_from_another_repository(registry: LoopbackRegistry) -> None:
    registry.put_blob("base/image", BLOB)
    with store(registry.host, writable=True) as repository:
        assert push(repository, described(BLOB), source(BLOB), mount_from="base/image") is TransferMethod.MOUNTED
    assert _held(registry, BLOB)
    assert registry.requests("PUT") == []


def test_looks_whether_a_blob_that_was_mounted_is_there(registry: LoopbackRegistry) -> None:
    """Some proxies answer 201 to every POST."""
    registry.on("POST", "mount=", answer(201, Location="/v2/app/blobs/sha256:0"))
    with store(registry.host, writable=True) as repository:
        assert push(repository, described(BLOB), source(BLOB), mount_from="base/image") is TransferMethod.COPIED
    assert _held(registry, BLOB)


def test_continues_a_mount_that_becomes_an_upload(registry: LoopbackRegistry) -> None:
    """DIST-21: 202 is a normal session."""
    registry.mounts = False
    with store(registry.host, writable=True) as repository:
        assert push(repository, described(BLOB), source(BLOB), mount_from="base/image") is TransferMethod.COPIED
    assert len(registry.requests("POST")) == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405])
def test_a_refused_mount_becomes_an_upload(registry: LoopbackRegistry, status: int) -> None:
    registry.on("POST", "mount=", answer(status))
    with store(registry.host, writable=True) as repository:
        assert push(repository, described(BLOB), source(BLOB), mount_from="base/image") is TransferMethod.COPIED


@pytest.mark.parametrize("status", [400, 413, 416])
def test_sends_chunks_where_one_piece_is_refused(registry: LoopbackRegistry, status: int) -> None:
    registry.refuse_whole = status
    data = BLOB * 3
    assert _push(registry, data) is TransferMethod.COPIED
    assert _held(registry, data)
    patches = registry.requests("PATCH")
    assert [seen.headers["content-range"] for seen in patches] == ["0-8388607", "8388608-12582911"]
    assert registry.requests("PUT")[-1].headers["content-length"] == "0"


def test_sends_smaller_chunks_where_they_are_too_large(registry: LoopbackRegistry) -> None:
    registry.largest_body = limits.MIB
    assert _push(registry, BLOB) is TransferMethod.COPIED
    assert _held(registry, BLOB)
    sizes = [int(seen.headers["content-length"]) for seen in registry.requests("PATCH") if seen.status == 202]
    assert max(sizes) <= limits.MIB


def test_sends_chunks_on_request(registry: LoopbackRegistry) -> None:
    assert _push(registry, BLOB, chunked=True) is TransferMethod.COPIED
    assert _held(registry, BLOB)
    assert len(registry.requests("PATCH")) == 1


def test_a_refusal_is_remembered_for_larger_blobs(registry: LoopbackRegistry) -> None:
    registry.refuse_whole = 413
    with store(registry.host, writable=True) as repository:
        push(repository, described(BLOB), source(BLOB))
        push(repository, described(BLOB + b"x"), source(BLOB + b"x"))
    assert len([seen for seen in registry.requests("PUT") if seen.headers["content-length"] != "0"]) == 1


def test_a_lost_chunk_is_sent_again(registry: LoopbackRegistry) -> None:
    """DIST-23: ask the registry how far it is, and go on there."""
    registry.on("PATCH", "", reset, times=2)
    assert _push(registry, BLOB, chunked=True) is TransferMethod.COPIED
    assert _held(registry, BLOB)
    assert len(registry.requests("GET", "/uploads/")) == 2


def test_a_chunk_whose_answer_was_lost_is_not_sent_twice(registry: LoopbackRegistry) -> None:
    def lose(handler: Any) -> bool:
        upload = registry.repositories["app"].uploads[handler.parts.path.rpartition("/")[2]]
        upload += handler.drain()
        return reset(handler)

    registry.on("PATCH", "", lose, times=1)
    assert _push(registry, BLOB, chunked=True) is TransferMethod.COPIED
    assert _held(registry, BLOB)
    assert len(registry.requests("PATCH")) == 1


def test_continues_a_chunk_that_half_arrived(registry: LoopbackRegistry) -> None:
    def keep_half(handler: Any) -> bool:
        upload = registry.repositories["app"].uploads[handler.parts.path.rpartition("/")[2]]
        upload += handler.drain()[:1_000_000]
        return reset(handler)

    registry.on("PATCH", "", keep_half, times=1)
    assert _push(registry, BLOB, chunked=True) is TransferMethod.COPIED
    assert _held(registry, BLOB)
    assert registry.requests("PATCH")[1].headers["content-range"] == f"1000000-{len(BLOB) - 1}"


def test_repeats_from_the_expected_offset(registry: LoopbackRegistry) -> None:
    registry.on("PATCH", "", error(416, "BLOB_UPLOAD_INVALID"), times=1)
    assert _push(registry, BLOB, chunked=True) is TransferMethod.COPIED
    assert _held(registry, BLOB)


@pytest.mark.parametrize("status", [429, 500, 503])
def test_restarts_a_failed_upload(registry: LoopbackRegistry, status: int) -> None:
    registry.on("PUT", "", answer(status, Retry_After="3"), times=1)
    diary = Diary()
    assert _push(registry, BLOB, diary=diary) is TransferMethod.COPIED
    assert _held(registry, BLOB)
    assert diary.waits == [3.0]


def test_restarts_a_cut_upload(registry: LoopbackRegistry) -> None:
    registry.on("PUT", "", reset, times=1)
    assert _push(registry, BLOB) is TransferMethod.COPIED
    assert _held(registry, BLOB)


def test_finds_the_blob_of_an_upload_whose_answer_was_lost(registry: LoopbackRegistry) -> None:
    def lose(handler: Any) -> bool:
        registry.repositories["app"].blobs[digest_of(BLOB)] = handler.drain()
        return reset(handler)

    registry.on("PUT", "", lose, times=1)
    assert _push(registry, BLOB) is TransferMethod.COPIED
    assert len(registry.requests("PUT")) == 1


def test_restarts_a_lost_session(registry: LoopbackRegistry) -> None:
    registry.on("PATCH", "", then(registry.repositories["app"].uploads.clear), times=1)
    assert _push(registry, BLOB, chunked=True) is TransferMethod.COPIED
    assert _held(registry, BLOB)


def test_uploads_are_bounded(registry: LoopbackRegistry) -> None:
    registry.on("PUT", "", answer(503))
    with pytest.raises(RegistryError, match="answered 503"):
        _push(registry, BLOB)
    assert len(registry.requests("PUT")) == 4


def test_a_refused_upload_is_not_repeated(registry: LoopbackRegistry) -> None:
    registry.on("POST", "", error(403, "DENIED"))
    with pytest.raises(AuthenticationError, match="pull and push on"):
        _push(registry, BLOB)
    assert len(registry.requests("POST")) == 1


@pytest.mark.parametrize("chunked", [False, True])
def test_wrong_bytes_never_arrive(registry: LoopbackRegistry, *, chunked: bool) -> None:
    with store(registry.host, writable=True, chunked=chunked) as repository, pytest.raises(ContentError) as caught:
        push(repository, described(b"right"), source(b"wrong"))
    assert caught.value.reason == "content.digest"
    assert registry.repositories["app"].blobs == {}


@pytest.mark.parametrize("chunked", [False, True])
def test_reports_wrong_bytes_that_reached_the_registry(registry: LoopbackRegistry, *, chunked: bool) -> None:
    registry.on("PUT", "", error(400, "DIGEST_INVALID"))
    with pytest.raises(ContentError, match="says that what it got has another digest") as caught:
        _push(registry, b"right", chunked=chunked)
    assert caught.value.reason == "content.digest"


@pytest.mark.parametrize("chunked", [False, True])
def test_reports_a_source_that_is_too_short(registry: LoopbackRegistry, *, chunked: bool) -> None:
    with store(registry.host, writable=True, chunked=chunked) as repository, pytest.raises(ContentError) as caught:
        push(repository, described(BLOB), source(BLOB[:-1]))
    assert caught.value.reason == "content.size"
    size = len(BLOB)
    assert f"{Digest.of(BLOB)} has {size - 1} bytes, its descriptor says {size}" in str(caught.value)
    assert not _held(registry, BLOB)


@pytest.mark.parametrize("chunked", [False, True])
def test_reports_a_read_error_of_the_source_as_such(registry: LoopbackRegistry, *, chunked: bool) -> None:
    class Stick(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(5, "Input/output error")

    with (
        store(registry.host, writable=True, chunked=chunked) as repository,
        pytest.raises(AirgapError, match=r"cannot be read: .*Input/output error"),
    ):
        push(repository, described(BLOB), Stick)


def test_reports_progress(registry: LoopbackRegistry) -> None:
    told: list[int] = []
    with store(registry.host, writable=True) as repository:
        push(repository, described(BLOB), source(BLOB), progress=told.append)
    assert sum(told) == len(BLOB)
    assert len(told) <= 8


def test_copies_a_blob_between_registries(registry: LoopbackRegistry, other: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    with store(registry.host) as here, store(other.host, writable=True) as there:
        assert push(there, described(BLOB), lambda: here.open(described(BLOB))) is TransferMethod.COPIED
    assert _held(other, BLOB)


# where a registry sends uploads


def test_credentials_do_not_follow_an_upload_to_another_host(
    registry: LoopbackRegistry, other: LoopbackRegistry
) -> None:
    registry.auth, registry.users = "bearer", {"alice": "secret-of-alice"}
    registry.location = lambda path: other.url + path
    with pytest.raises(AirgapError):
        _push(registry, BLOB, given=ALICE)
    assert other.seen
    assert {seen.authorization for seen in other.seen} == {None}


def test_a_relative_location_is_followed(registry: LoopbackRegistry) -> None:
    registry.location = lambda path: path.rpartition("/")[2]
    assert _push(registry, BLOB) is TransferMethod.COPIED


@pytest.mark.parametrize("location", ["", "file:///etc/passwd", "http://a b/", "gopher://127.0.0.1/"])
def test_a_malformed_location_is_refused(registry: LoopbackRegistry, location: str) -> None:
    registry.location = lambda _: location
    with pytest.raises(RegistryError, match="wants the upload to go where it cannot"):
        _push(registry, BLOB)


# manifests


def _manifest(registry: LoopbackRegistry, subject: Digest | None = None, number: int = 0) -> tuple[Descriptor, bytes]:
    layer = f"layer {number}".encode()
    for blob in (b"{}", layer):
        registry.put_blob("app", blob)
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": IMAGE_MANIFEST,
        "artifactType": "application/vnd.example",
        "config": blob_descriptor(b"{}"),
        "layers": [blob_descriptor(layer)],
        "annotations": {"number": str(number)},
    }
    if subject is not None:
        document["subject"] = {"mediaType": IMAGE_MANIFEST, "digest": str(subject), "size": 7}
    raw = json.dumps(document, indent=1).encode()
    return described(raw, IMAGE_MANIFEST), raw


def test_a_manifest_is_put_byte_for_byte(registry: LoopbackRegistry) -> None:
    """DIST-24"""
    descriptor, raw = _manifest(registry)
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(descriptor, raw)
        repository.finish([Entry(descriptor=descriptor, tag=tag) for tag in ("v1", "latest")])
    held = registry.repositories["app"]
    assert held.manifests[str(descriptor.digest)] == (IMAGE_MANIFEST, raw)
    assert held.tags == {"v1": str(descriptor.digest), "latest": str(descriptor.digest)}
    first, *others = (seen.path.rpartition("/")[2] for seen in registry.requests("PUT"))
    assert (first, sorted(others)) == (str(descriptor.digest), ["latest", "v1"])


def test_does_not_send_bytes_of_another_digest(registry: LoopbackRegistry) -> None:
    descriptor, raw = _manifest(registry)
    with store(registry.host, writable=True) as repository, pytest.raises(ContentError):
        repository.put_manifest(descriptor, raw + b" ")
    assert registry.requests("PUT") == []


def test_detects_a_registry_that_changes_manifests(registry: LoopbackRegistry) -> None:
    descriptor, raw = _manifest(registry)
    registry.on("PUT", "/manifests/", answer(201, Docker_Content_Digest=digest_of(b"converted")))
    with store(registry.host, writable=True) as repository, pytest.raises(ContentError, match=r"stored .* as"):
        repository.put_manifest(descriptor, raw)


def test_a_sparse_index_that_is_refused_names_the_remedy(registry: LoopbackRegistry) -> None:
    registry.sparse = False
    raw = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": INDEX,
            "manifests": [{"mediaType": IMAGE_MANIFEST, "digest": digest_of(b"left out"), "size": 8}],
        }
    ).encode()
    with store(registry.host, writable=True) as repository, pytest.raises(IncompleteError) as caught:
        repository.put_manifest(described(raw, IMAGE_INDEX), raw)
    assert caught.value.facts["missing"] == [digest_of(b"left out")]
    assert "Copy all platforms" in caught.value.remedy


def test_a_missing_blob_is_named(registry: LoopbackRegistry) -> None:
    """A registry may say "there" to HEAD and forget it: the copy can send it again."""
    descriptor, raw = _manifest(registry)
    del registry.repositories["app"].blobs[digest_of(b"{}")]
    with store(registry.host, writable=True) as repository, pytest.raises(IncompleteError) as caught:
        repository.put_manifest(descriptor, raw)
    assert caught.value.facts["missing"] == [digest_of(b"{}")]


def test_a_manifest_is_put_again_after_a_cut(registry: LoopbackRegistry) -> None:
    descriptor, raw = _manifest(registry)
    registry.on("PUT", "/manifests/", reset, times=1)
    registry.on("PUT", "/manifests/", answer(503), times=1)
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(descriptor, raw)
    assert str(descriptor.digest) in registry.repositories["app"].manifests


def test_reports_a_manifest_that_is_too_large(registry: LoopbackRegistry) -> None:
    descriptor, raw = _manifest(registry)
    registry.on("PUT", "/manifests/", error(413, "SIZE_INVALID", "manifest too large"))
    with store(registry.host, writable=True) as repository, pytest.raises(RegistryError, match="manifest too large"):
        repository.put_manifest(descriptor, raw)


# the referrers tag on push


def _listed(registry: LoopbackRegistry, subject: Digest) -> list[dict[str, Any]]:
    held = registry.repositories["app"]
    entries: list[dict[str, Any]] = json.loads(held.manifests[held.tags[referrers_tag(subject)]][1])["manifests"]
    return entries


SUBJECT = Digest.of(b"the subject, which need not be there")


def test_a_subject_that_the_registry_handles_needs_no_tag(registry: LoopbackRegistry) -> None:
    """DIST-25: OCI-Subject"""
    with store(registry.host, writable=True) as repository:
        put = repository.put_manifest(*_manifest(registry, SUBJECT))
    assert put.subject_handled
    assert not put.tag_updated
    assert registry.repositories["app"].tags == {}


def test_lists_a_subject_without_api_under_the_tag(registry: LoopbackRegistry) -> None:
    registry.referrers_api = False
    descriptor, raw = _manifest(registry, SUBJECT)
    with store(registry.host, writable=True) as repository:
        put = repository.put_manifest(descriptor, raw)
        found = repository.finder.find(SUBJECT)
    assert put.tag_updated
    assert _listed(registry, SUBJECT) == [
        {
            "mediaType": IMAGE_MANIFEST,
            "digest": str(descriptor.digest),
            "size": len(raw),
            "annotations": {"number": "0"},
            "artifactType": "application/vnd.example",
        }
    ]
    assert [entry.descriptor.digest for entry in found.all()] == [descriptor.digest]


@pytest.mark.parametrize(
    "lie",
    [{"size": 1}, {"mediaType": "application/x"}, {"mediaType": INDEX}, {"artifactType": "text/x"}, {"data": "AAAA"}],
)
def test_puts_right_what_the_tag_says_of_the_same_referrer(registry: LoopbackRegistry, lie: dict[str, Any]) -> None:
    """Else it is refused whenever it is read: a copy into the registry said "with 1 signature"."""
    registry.referrers_api = False
    descriptor, raw = _manifest(registry, SUBJECT)
    theirs = {"mediaType": IMAGE_MANIFEST, "digest": digest_of(b"x"), "size": 1}
    entries = [theirs, {**descriptor.to_json(), **lie, "x-unknown": 1}]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}
    registry.put_manifest("app", index, tag=referrers_tag(SUBJECT))
    with store(registry.host, writable=True) as repository:
        assert repository.put_manifest(descriptor, raw).tag_updated
        assert not repository.put_manifest(descriptor, raw).tag_updated
    first, second = _listed(registry, SUBJECT)
    assert first == theirs
    assert second == {**descriptor.to_json(), "artifactType": "application/vnd.example", "x-unknown": 1}


def test_keeps_entries_of_others_under_the_tag(registry: LoopbackRegistry) -> None:
    registry.referrers_api = False
    theirs = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [{"mediaType": IMAGE_MANIFEST, "digest": digest_of(b"x"), "size": 1, "x-unknown": {"a": 1}}],
        "annotations": {"by": "another tool"},
    }
    registry.put_manifest("app", theirs, tag=referrers_tag(SUBJECT))
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(*_manifest(registry, SUBJECT))
    held = registry.repositories["app"]
    after = json.loads(held.manifests[held.tags[referrers_tag(SUBJECT)]][1])
    assert after["annotations"] == {"by": "another tool"}
    assert after["manifests"][0] == theirs["manifests"][0]  # type: ignore[index]
    assert len(after["manifests"]) == 2


def test_lists_an_entry_once(registry: LoopbackRegistry) -> None:
    registry.referrers_api = False
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(*_manifest(registry, SUBJECT))
        again = repository.put_manifest(*_manifest(registry, SUBJECT))
    assert not again.tag_updated
    assert len(_listed(registry, SUBJECT)) == 1


def test_does_not_overwrite_a_tag_that_is_not_an_index(registry: LoopbackRegistry) -> None:
    """DIST-25: not an index: report and stop."""
    registry.referrers_api = False
    image = registry.put_image("app", tag=referrers_tag(SUBJECT))
    with (
        store(registry.host, writable=True) as repository,
        pytest.raises(RegistryError, match="should list referrers but is"),
    ):
        repository.put_manifest(*_manifest(registry, SUBJECT))
    assert registry.repositories["app"].tags[referrers_tag(SUBJECT)] == image


def _other_writer(registry: LoopbackRegistry, number: int) -> Callable[[], None]:
    """Another tool that reads the tag, adds an entry and writes it back."""

    def write() -> None:
        descriptor, raw = _manifest(registry, SUBJECT, number)
        held = registry.repositories["app"]
        held.manifests[str(descriptor.digest)] = (IMAGE_MANIFEST, raw)
        tag = referrers_tag(SUBJECT)
        entries = _listed(registry, SUBJECT) if tag in held.tags else []
        entry = {"mediaType": IMAGE_MANIFEST, "digest": str(descriptor.digest), "size": len(raw)}
        registry.put_manifest("app", {"schemaVersion": 2, "mediaType": INDEX, "manifests": [*entries, entry]}, tag=tag)

    return write


def test_keeps_the_entry_of_a_concurrent_writer(registry: LoopbackRegistry) -> None:
    registry.referrers_api = False

    def after_answer(handler: Any) -> bool:
        # the answer is the old state; the other writer is faster than our next request
        handler.registry.lock.acquire()
        try:
            handler._manifest(registry.repositories["app"], "app", referrers_tag(SUBJECT))
            _other_writer(registry, 77)()
        finally:
            handler.registry.lock.release()
        return True

    registry.on("GET", "/manifests/sha256-", after_answer, times=1)
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(*_manifest(registry, SUBJECT, 1))
    assert len(_listed(registry, SUBJECT)) == 2


def test_if_match_is_used_where_there_is_an_etag(registry: LoopbackRegistry) -> None:
    registry.referrers_api, registry.etags = False, True
    _other_writer(registry, 1)()
    registry.on("PUT", "/manifests/sha256-", then(_other_writer(registry, 2)), times=1)
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(*_manifest(registry, SUBJECT, 3))
    puts = registry.requests("PUT", "/manifests/sha256-")
    assert [seen.status for seen in puts] == [412, 201]
    assert all("if-match" in seen.headers for seen in puts)
    assert len(_listed(registry, SUBJECT)) == 3


def test_an_etag_is_not_relied_upon(registry: LoopbackRegistry) -> None:
    """docker-registry 2.8 sends an ETag and ignores If-Match: another writer between reading and writing was lost."""
    registry.referrers_api, registry.etags, registry.conditions = False, True, False
    _other_writer(registry, 1)()
    registry.on("HEAD", "/manifests/sha256-", then(_other_writer(registry, 2)), times=1)
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(*_manifest(registry, SUBJECT, 3))
    assert len(_listed(registry, SUBJECT)) == 3


def test_checks_the_tag_again_some_time_after_the_write(registry: LoopbackRegistry) -> None:
    """A writer that read before us writes while we wait, and again after we have mended it."""
    registry.referrers_api, registry.etags, registry.conditions = False, True, False
    empty = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    waits: list[float] = []

    def wait(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) in {1, 3}:
            registry.put_manifest("app", empty, tag=referrers_tag(SUBJECT))

    options = TransportOptions(proxies={}, sleep=wait)
    with RegistryClient(registry.host, Credentials(environment=NOWHERE), options) as connected:
        repository = RegistrySink(connected, "app", writable=True)
        repository.put_manifest(*_manifest(registry, SUBJECT, 1))
        assert waits == []
        assert repository.settle() == 1
        assert len(waits) == 5, "three looks, and a pause after each of two repairs"
        assert waits[0] > 0.4
        assert repository.settle() == 0
        assert len(waits) == 5, "what is settled is not waited for"
    assert len(_listed(registry, SUBJECT)) == 1


def test_a_tag_that_is_always_overwritten_is_an_error(registry: LoopbackRegistry) -> None:
    """RULE-6: lost with a word, if it is lost."""
    registry.referrers_api = False
    empty = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(*_manifest(registry, SUBJECT, 1))
        registry.on(
            "GET",
            "/manifests/sha256-",
            then(lambda: registry.put_manifest("app", empty, tag=referrers_tag(SUBJECT))),
        )
        with pytest.raises(RegistryError, match="others write it"):
            repository.settle()


def test_the_end_of_a_run_repairs_all_repositories(registry: LoopbackRegistry) -> None:
    """One wait for all of them, and after a failure none."""
    registry.referrers_api = registry.verify_blobs = False
    waits: list[float] = []
    options = TransportOptions(proxies={}, sleep=waits.append)

    def put(registries: Registries, name: str) -> None:
        sink = registries.sink(RegistryReference(registry=registry.host, repository=name))
        sink.put_manifest(*_manifest(registry, SUBJECT, 1))
        registry.repositories[name].tags.pop(referrers_tag(SUBJECT))

    with Registries(Credentials(environment=NOWHERE), options) as registries:
        put(registries, "one")
        put(registries, "app")
    assert all(referrers_tag(SUBJECT) in registry.repositories[name].tags for name in ("one", "app"))
    waits.clear()
    with contextlib.suppress(KeyError), Registries(Credentials(environment=NOWHERE), options) as registries:
        put(registries, "one")
        raise KeyError
    assert (waits, referrers_tag(SUBJECT) in registry.repositories["one"].tags) == ([], False)


def test_requests_a_delayed_list_again_with_pauses(registry: LoopbackRegistry) -> None:
    """What is only listed later is not lost, and the copy does not fail."""
    empty = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
    diary = Diary()
    with store(registry.host, writable=True, diary=diary) as repository:
        repository.put_manifest(*_manifest(registry, SUBJECT, 1))
        registry.on("GET", "/referrers/", answer(200, empty, Content_Type=INDEX), times=5)
        repository.settle()
        assert len(repository.finder.find(SUBJECT).all()) == 1
    assert len(diary.waits) == 5
    assert sum(diary.waits) > 5
    assert sorted(diary.waits) == diary.waits, "longer each time"
    assert "does not list a referrer that it took" in diary.notices[0]


def test_settle_restores_an_entry_that_was_overwritten(registry: LoopbackRegistry) -> None:
    """A writer that read before us may write after we looked: the end of a copy looks once more."""
    registry.referrers_api = False
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(*_manifest(registry, SUBJECT, 1))
        registry.repositories["app"].tags.pop(referrers_tag(SUBJECT))
        _other_writer(registry, 2)()
        assert repository.settle() == 1
        assert repository.settle() == 0
    assert len(_listed(registry, SUBJECT)) == 2


def test_settle_puts_again_what_the_api_lost(registry: LoopbackRegistry) -> None:
    """A registry that answers OCI-Subject may still lose a referrer among others put at the same time."""
    with store(registry.host, writable=True) as repository:
        descriptor, raw = _manifest(registry, SUBJECT, 1)
        repository.put_manifest(descriptor, raw)
        del registry.repositories["app"].manifests[str(descriptor.digest)]
        assert repository.finder.find(SUBJECT).all() == ()
        assert repository.settle() == 1
        assert [entry.descriptor.digest for entry in repository.finder.find(SUBJECT).all()] == [descriptor.digest]
        assert repository.settle() == 0


def test_a_referrer_that_is_never_listed_is_an_error(registry: LoopbackRegistry) -> None:
    """A lost signature is always an error (RULE-6)."""
    with store(registry.host, writable=True) as repository:
        repository.put_manifest(*_manifest(registry, SUBJECT, 1))
        empty = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []}).encode()
        registry.on("GET", "/referrers/", answer(200, empty, Content_Type=INDEX))
        with pytest.raises(RegistryError, match="does not list them") as caught:
            repository.settle()
    for option in ("--referrers-tag always", "--force-referrers-tag"):  # of copy; of sign and attach
        assert option in caught.value.remedy


def test_threads_do_not_lose_each_others_entries(registry: LoopbackRegistry) -> None:
    registry.referrers_api = False
    manifests = [_manifest(registry, SUBJECT, number) for number in range(12)]
    with store(registry.host, writable=True) as repository, ThreadPoolExecutor(6) as pool:
        for done in [pool.submit(repository.put_manifest, *manifest) for manifest in manifests]:
            done.result()
    assert len(_listed(registry, SUBJECT)) == 12


def test_settle_ends_with_two_programs(registry: LoopbackRegistry) -> None:
    registry.referrers_api = False
    start, one_by_one = threading.Barrier(2), threading.Lock()

    def copy(first: int) -> None:
        with client(registry.host) as connected:
            repository = RegistrySink(connected, "app", writable=True)
            start.wait()
            for number in range(first, first + 5):
                repository.put_manifest(*_manifest(registry, SUBJECT, number))
            start.wait()
            with one_by_one:
                repository.settle()

    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(copy, 0), pool.submit(copy, 100)]:
            done.result()
    with store(registry.host, writable=True) as repository:
        assert len(repository.finder.find(SUBJECT).all()) == 10


def test_names_writers_that_never_stop(registry: LoopbackRegistry) -> None:
    registry.referrers_api, registry.etags = False, True
    _other_writer(registry, 0)()
    registry.on("PUT", "/manifests/sha256-", answer(412))
    with (
        store(registry.host, writable=True) as repository,
        pytest.raises(RegistryError, match="could not be updated in 8 attempts"),
    ):
        repository.put_manifest(*_manifest(registry, SUBJECT, 1))


def taking(registry: LoopbackRegistry, status: int, most: int = len(BLOB)) -> Callable[[Any], bool]:
    """Takes a chunk, or so many bytes of it, and answers with success and what is there."""

    def respond(handler: Any) -> bool:
        upload = registry.repositories["app"].uploads[handler.parts.path.rpartition("/")[2]]
        upload += handler.drain()[:most]
        handler.reply(status, b"", {"Range": f"0-{len(upload) - 1}"})
        return True

    return respond


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_accepts_every_success_status_for_a_chunk(registry: LoopbackRegistry, status: int) -> None:
    """ECR answers 201; without a Location the next bytes go where these went."""
    registry.on("PATCH", "", taking(registry, status), times=99)
    assert _push(registry, BLOB, chunked=True) is TransferMethod.COPIED
    assert _held(registry, BLOB)


def test_sends_a_partly_lost_chunk_again(registry: LoopbackRegistry) -> None:
    """The answer says success, and in Range that some of it is not there."""
    registry.on("PATCH", "", taking(registry, 201, most=1_000_000), times=1)
    assert _push(registry, BLOB, chunked=True) is TransferMethod.COPIED
    assert _held(registry, BLOB)
    assert registry.requests("PATCH")[1].headers["content-range"] == f"1000000-{len(BLOB) - 1}"


def test_a_single_byte_is_not_sent_again(registry: LoopbackRegistry) -> None:
    """`0-0` is one byte, and what distribution says of none."""
    assert _push(registry, b"x", chunked=True) is TransferMethod.COPIED
    assert len(registry.requests("PATCH")) == 1
