"""Blobs and manifests are verified when they are downloaded, else refused (DIST-2, DIST-3)."""

from __future__ import annotations

import pytest

from airgap.errors import ContentError, NotFoundError, UsageError
from airgap.net.transport_errors import RegistryError, TransportError
from airgap.oci.descriptor import IMAGE_INDEX, IMAGE_MANIFEST
from airgap.oci.digest import Digest
from tests.support.net import Diary, described, store
from tests.support.registry import LoopbackRegistry, answer, cut, digest_of, error, reset
from tests.support.tls import TlsFiles

BLOB = bytes(range(256)) * 8192  # 2 MiB


def _read(registry: LoopbackRegistry, data: bytes, **options: object) -> bytes:
    with store(registry.host, **options) as repository:  # type: ignore[arg-type]
        return repository.read_blob(described(data), len(data))


def test_a_blob_is_streamed(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    assert _read(registry, BLOB) == BLOB
    assert registry.requests("GET", "/blobs/")[0].headers["accept-encoding"] == "identity"


def test_an_empty_blob_is_streamed(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", b"")
    assert _read(registry, b"") == b""


def test_readinto_gives_the_same_bytes(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    buffer, got = bytearray(100_000), bytearray()
    with store(registry.host) as repository, repository.open_from(described(BLOB)) as blob:
        while count := blob.readinto(buffer):
            got += buffer[:count]
    assert bytes(got) == BLOB


def test_a_cut_blob_is_resumed_where_it_was_cut(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    registry.on("GET", "/blobs/", cut(after=1_000_000), times=1)
    diary = Diary()
    assert _read(registry, BLOB, diary=diary) == BLOB
    assert registry.requests("GET", "/blobs/")[1].headers["range"] == "bytes=1000000-"
    assert len(diary.waits) == 1
    assert "cut after 1000000 of 2097152 bytes" in diary.notices[0]


def test_resumes_from_a_server_without_range(registry: LoopbackRegistry) -> None:
    registry.ranges = False
    registry.put_blob("app", BLOB)
    registry.on("GET", "/blobs/", cut(after=1_500_000), times=2)
    assert _read(registry, BLOB) == BLOB


def test_an_answer_with_another_range_is_refused(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    registry.on("GET", "/blobs/", cut(after=1000), times=1)
    registry.on("GET", "/blobs/", answer(206, BLOB[:-7], Content_Range=f"bytes 7-{len(BLOB) - 1}/{len(BLOB)}"))
    with pytest.raises(RegistryError, match="asked for the bytes from 1000 on, the answer has others"):
        _read(registry, BLOB)


def test_a_range_of_another_total_is_refused(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    registry.on("GET", "/blobs/", cut(after=1000), times=1)
    registry.on("GET", "/blobs/", answer(206, b"x", Content_Range="bytes 1000-1000/1001"))
    with pytest.raises(RegistryError, match="the answer has others"):
        _read(registry, BLOB)


def test_stops_after_cuts_without_progress(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    registry.on("GET", "/blobs/", cut(after=10))
    diary = Diary()
    with pytest.raises(TransportError):
        _read(registry, BLOB, diary=diary)
    assert len(registry.requests("GET", "/blobs/")) == 4  # once and three repetitions
    assert len(diary.waits) == 3


def test_progress_between_cuts_renews_the_attempts(registry: LoopbackRegistry) -> None:
    data = BLOB * 4
    registry.put_blob("app", data)
    registry.on("GET", "/blobs/", cut(after=1_200_000), times=6)
    assert _read(registry, data) == data


def test_wrong_bytes_are_an_error_at_the_end(registry: LoopbackRegistry) -> None:
    registry.repositories["app"].blobs[digest_of(b"right")] = b"wrong"
    with pytest.raises(ContentError, match="what the registry sent is sha256:") as caught:
        _read(registry, b"right")
    assert caught.value.reason == "content.digest"


def test_checks_only_the_size_of_a_stream(registry: LoopbackRegistry) -> None:
    """Its reader checks the digest."""
    registry.repositories["app"].blobs[digest_of(b"right")] = b"wrong"
    with store(registry.host) as repository, repository.open_from(described(b"right")) as blob:
        assert blob.read() == b"wrong"


def test_resumed_bytes_of_another_content_are_an_error(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    registry.on("GET", "/blobs/", cut(after=1000), times=1)
    registry.on("GET", "/blobs/", answer(206, b"x" * (len(BLOB) - 1000), Content_Range=f"bytes 1000-{len(BLOB) - 1}/*"))
    with pytest.raises(ContentError) as caught:
        _read(registry, BLOB)
    assert caught.value.reason == "content.digest"


@pytest.mark.parametrize("sent", [b"righ", b"right!"])
def test_a_blob_of_another_size_is_refused_before_it_is_read(registry: LoopbackRegistry, sent: bytes) -> None:
    registry.repositories["app"].blobs[digest_of(b"right")] = sent
    with pytest.raises(ContentError, match="its descriptor says 5 bytes") as caught:
        _read(registry, b"right")
    assert caught.value.reason == "content.size"


def test_more_bytes_than_announced_are_an_error(registry: LoopbackRegistry) -> None:
    registry.repositories["app"].blobs[digest_of(b"right")] = b"right"
    chunked = answer(200, b"6\r\nright!\r\n0\r\n\r\n", Transfer_Encoding="chunked", Content_Length="0")
    registry.on("GET", "/blobs/", chunked)
    with pytest.raises(ContentError) as caught:
        _read(registry, b"right")
    assert caught.value.reason == "content.size"


def test_reports_a_missing_blob_on_opening(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", b"else")
    with store(registry.host) as repository, pytest.raises(ContentError, match=r"is not in 127\.0\.0\.1") as caught:
        repository.open_from(described(BLOB))
    assert caught.value.reason == "content.missing"


def test_a_reset_before_the_answer_is_repeated(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    registry.on("GET", "/blobs/", reset, times=2)
    assert _read(registry, BLOB) == BLOB


# manifests


def test_a_tag_is_resolved_from_bytes_that_were_hashed(registry: LoopbackRegistry) -> None:
    digest = registry.put_image("app", tag="v1")
    with store(registry.host) as repository:
        found = repository.resolve("v1")
    assert str(found.digest) == digest
    assert found.media_type == IMAGE_MANIFEST
    assert "application/vnd.oci.image.index.v1+json" in registry.seen[0].headers["accept"]


def test_a_manifest_is_kept_byte_for_byte(registry: LoopbackRegistry) -> None:
    raw = b'{ "schemaVersion":2,\n "mediaType":"application/vnd.oci.image.index.v1+json", "manifests":[] }\n'
    registry.put_manifest("app", raw, tag="v1")
    with store(registry.host) as repository:
        assert repository.manifests.get("v1").raw == raw


def test_a_manifest_with_an_empty_media_type_is_what_the_registry_says(registry: LoopbackRegistry) -> None:
    """Readers in Go cannot tell it from an absent one."""
    raw = b'{"schemaVersion":2,"mediaType":"","manifests":[]}'
    registry.on("GET", "/manifests/", answer(200, raw, Content_Type=IMAGE_INDEX))
    with store(registry.host) as repository:
        assert repository.resolve("v1").media_type == IMAGE_INDEX


def test_a_missing_tag_is_named(registry: LoopbackRegistry) -> None:
    registry.put_image("app", tag="v1")
    with store(registry.host) as repository, pytest.raises(NotFoundError, match=r"/app has no tag v2"):
        repository.resolve("v2")


def test_a_wrong_content_digest_is_refused(registry: LoopbackRegistry) -> None:
    """Docker-Content-Digest must be verified where it is used (DIST-2)."""
    registry.put_image("app", tag="v1")
    raw = next(iter(registry.repositories["app"].manifests.values()))[1]
    registry.on(
        "GET", "/manifests/", answer(200, raw, Content_Type=IMAGE_MANIFEST, Docker_Content_Digest=digest_of(b"x"))
    )
    with store(registry.host) as repository, pytest.raises(ContentError, match="but what it sent is") as caught:
        repository.resolve("v1")
    assert caught.value.reason == "content.digest"


def test_a_manifest_by_digest_must_have_it(registry: LoopbackRegistry) -> None:
    digest = registry.put_image("app")
    other = registry.put_image("app", layers=(b"other",))
    registry.repositories["app"].manifests[digest] = registry.repositories["app"].manifests[other]
    registry.on(
        "GET", "/manifests/", answer(200, registry.repositories["app"].manifests[other][1], Content_Type=IMAGE_MANIFEST)
    )
    with store(registry.host) as repository, pytest.raises(ContentError, match="what the registry sent is"):
        repository.manifests.get(Digest.parse(digest))


def test_content_type_and_media_type_must_agree(registry: LoopbackRegistry) -> None:
    """DIST-2: a body that calls itself something else SHOULD be rejected."""
    digest = registry.put_image("app", tag="v1")
    raw = registry.repositories["app"].manifests[digest][1]
    registry.repositories["app"].manifests[digest] = ("application/vnd.oci.image.index.v1+json", raw)
    with store(registry.host) as repository, pytest.raises(ContentError, match="the registry sent it as"):
        repository.resolve("v1")


def test_parameters_of_the_content_type_are_ignored(registry: LoopbackRegistry) -> None:
    digest = registry.put_image("app", tag="v1")
    raw = registry.repositories["app"].manifests[digest][1]
    registry.repositories["app"].manifests[digest] = (f"{IMAGE_MANIFEST}; charset=utf-8", raw)
    with store(registry.host) as repository:
        assert repository.resolve("v1").media_type == IMAGE_MANIFEST


def test_a_huge_manifest_is_refused(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/manifests/", answer(200, b"x" * (5 * 2**20), Content_Type=IMAGE_MANIFEST))
    with store(registry.host) as repository, pytest.raises(ContentError) as caught:
        repository.resolve("v1")
    assert caught.value.reason == "content.limit"


def test_refuses_a_login_page_as_manifest(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/manifests/", answer(200, b"<html>", Content_Type="text/html"))
    with store(registry.host) as repository, pytest.raises(ContentError, match="not JSON"):
        repository.resolve("v1")


def test_read_manifest_compares_the_size(registry: LoopbackRegistry) -> None:
    """DIST-4"""
    digest = registry.put_image("app")
    with store(registry.host) as repository:
        right = repository.resolve(Digest.parse(digest))
        wrong = described(b"", IMAGE_MANIFEST)
        with pytest.raises(ContentError) as caught:
            repository.manifests.read(type(right)(media_type=IMAGE_MANIFEST, digest=right.digest, size=right.size + 1))
        with pytest.raises(ContentError) as absent:
            repository.manifests.read(wrong)
    assert caught.value.reason == "content.size"
    assert absent.value.reason == "content.missing"


def test_has_sends_a_head_request(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    digest = registry.put_image("app")
    with store(registry.host) as repository:
        image = repository.resolve(Digest.parse(digest))
        assert repository.has(described(BLOB))
        assert not repository.has(described(b"absent"))
        assert repository.has(image)
        assert not repository.has(described(b"absent", IMAGE_MANIFEST))
    assert len(registry.requests("HEAD")) == 4


def test_requests_a_manifest_once(registry: LoopbackRegistry) -> None:
    digest = Digest.parse(registry.put_image("app"))
    with store(registry.host) as repository:
        assert repository.manifests.get(digest) is repository.manifests.get(digest)
    assert len(registry.requests("GET", "/manifests/")) == 1


@pytest.mark.parametrize("tag", ["", "a/b", "../x", "a" * 129, "-a", "v1\n"])
def test_never_sends_a_malformed_tag(registry: LoopbackRegistry, tag: str) -> None:
    with store(registry.host) as repository, pytest.raises(UsageError):
        repository.resolve(tag)
    assert registry.seen == []


@pytest.mark.parametrize("name", ["", "App", "a//b", "a/../b", "a b", "/a", "a/", "a?b"])
def test_refuses_a_malformed_repository(registry: LoopbackRegistry, name: str) -> None:
    with pytest.raises(UsageError), store(registry.host, name):
        pass


# lists of tags


def test_tags_follow_pages(registry: LoopbackRegistry) -> None:
    """DIST-7"""
    for number in range(7):
        registry.put_image("app", tag=f"v{number}")
    registry.page_size = 3
    with store(registry.host) as repository:
        assert list(repository.tags()) == [f"v{number}" for number in range(7)]
    assert len(registry.requests("GET", "/tags/list")) == 3


def test_pages_of_another_host_are_not_followed(registry: LoopbackRegistry, other: LoopbackRegistry) -> None:
    for number in range(3):
        registry.put_image("app", tag=f"v{number}")
    registry.page_size, registry.link = 1, lambda path: other.url + path
    with store(registry.host) as repository, pytest.raises(RegistryError, match="a next page on another host"):
        list(repository.tags())
    assert other.seen == []


def test_a_cycle_of_pages_ends(registry: LoopbackRegistry) -> None:
    for number in range(3):
        registry.put_image("app", tag=f"v{number}")
    registry.page_size, registry.link = 1, lambda _: "/v2/app/tags/list?n=1000"
    with store(registry.host) as repository, pytest.raises(RegistryError, match="twice"):
        list(repository.tags())


def test_refuses_tags_that_are_not_strings(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/tags/list", answer(200, b'{"name":"app","tags":["ok",5]}'))
    with store(registry.host) as repository, pytest.raises(RegistryError, match=r"tags\[1\]: is an integer"):
        list(repository.tags())


def test_a_repository_without_tags_has_none(registry: LoopbackRegistry) -> None:
    """distribution answers null where all tags were deleted."""
    registry.on("GET", "/tags/list", answer(200, b'{"name":"app","tags":null}'))
    with store(registry.host) as repository:
        assert list(repository.tags()) == []


def test_ignores_null_in_a_list_of_tags(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/tags/list", answer(200, b'{"name":"app","tags":[null,"ok",null]}'))
    with store(registry.host) as repository:
        assert list(repository.tags()) == ["ok"]


@pytest.mark.parametrize(
    "errors", [b'[{"code":404,"message":"no such thing"}]', b'[null,{"code":null,"message":"no such thing"}]']
)
def test_reports_an_error_message_with_any_form_of_code(registry: LoopbackRegistry, errors: bytes) -> None:
    registry.on("GET", "/tags/list", answer(400, b'{"errors":' + errors + b"}"))
    with store(registry.host) as repository, pytest.raises(RegistryError, match="no such thing"):
        list(repository.tags())


def test_an_unknown_repository_is_not_found(registry: LoopbackRegistry) -> None:
    with store(registry.host, "nothing") as repository, pytest.raises(NotFoundError, match="has no repository nothing"):
        list(repository.tags())


def test_explains_that_a_host_needs_tls(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/manifests/", answer(400, b"Client sent an HTTP request to an HTTPS server.\n"))
    with store(registry.host) as repository, pytest.raises(RegistryError, match="answered 400") as caught:
        repository.resolve("v1")
    assert "--ca-file" in caught.value.remedy


def test_escapes_messages_of_the_registry(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/manifests/", error(400, "MANIFEST_INVALID", "bad \x1b[31mthing"))
    with store(registry.host) as repository, pytest.raises(RegistryError) as caught:
        repository.resolve("v1")
    assert "MANIFEST_INVALID: bad \\x1b[31mthing" in str(caught.value)
    assert caught.value.facts["codes"] == ["MANIFEST_INVALID"]
    assert caught.value.facts["status"] == 400


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        ("application/vnd.docker.distribution.manifest.v1+prettyjws", b'{"schemaVersion":1,"name":"app"}'),
        ("application/json", b'{"schemaVersion":1,"name":"app"}'),
    ],
)
def test_names_docker_schema_1(registry: LoopbackRegistry, media_type: str, body: bytes) -> None:
    """Its digest is that of other bytes: nothing was changed on the way."""
    stated = str(Digest.of(b"without the signatures"))
    registry.on("GET", "/manifests/old", answer(200, body, Content_Type=media_type, Docker_Content_Digest=stated))
    with store(registry.host) as repository, pytest.raises(ContentError, match="Docker manifest of schema 1") as caught:
        repository.resolve("old")
    assert caught.value.reason == "content.malformed"
    assert "v2s2" in caught.value.remedy


def test_distinguishes_a_host_that_only_the_registry_named(registry: LoopbackRegistry) -> None:
    """A login page in front, or an address that is known inside alone."""
    registry.on("GET", "/manifests/v1", answer(302, Location="http://127.0.0.1:9/sso"))
    with store(registry.host, retries=0) as repository, pytest.raises(TransportError) as caught:
        repository.resolve("v1")
    assert f"{registry.host} sends to 127.0.0.1:9, and that fails" in str(caught.value)
    assert "That name was not typed" in caught.value.remedy


def test_an_unknown_authority_of_another_host_has_its_remedy(registry: LoopbackRegistry, tls: TlsFiles) -> None:
    """The remedy was about the name, and not about how its certificate becomes trusted."""
    with LoopbackRegistry(tls=tls.server_context()) as storage:
        registry.on("GET", "/manifests/v1", answer(302, Location=f"{storage.url}/elsewhere"))
        with store(registry.host, retries=0) as repository, pytest.raises(TransportError, match="sends to") as caught:
            repository.resolve("v1")
    assert "--ca-file" in caught.value.remedy
