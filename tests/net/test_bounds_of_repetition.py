"""How often, from which byte and to whom requests are sent: tests that notice a changed number or condition.

Each of these was changed by hand in the code, and no test saw it.
"""

from __future__ import annotations

from typing import Any

import pytest
import requests

from airgap import limits
from airgap.net.auth import Access, Authorizer
from airgap.net.credentials import Credential, Credentials
from airgap.net.http import Http, Reply, Request
from airgap.net.transport_errors import AuthenticationError, RegistryError, TransportError
from airgap.net.url import Origin, origin_of
from airgap.net.wire import upload_offset
from airgap.transfer.endpoint import TransferMethod
from tests.support.net import NOWHERE, Diary, described, push, source, store
from tests.support.registry import LoopbackRegistry, answer, cut, digest_of, reset

BLOB = bytes(range(256)) * 16384  # 4 MiB
TWO_CHUNKS = bytes(limits.UPLOAD_CHUNK_BYTES) + b"the second chunk"


# --- how often ---


@pytest.mark.parametrize("retries", [0, 1, 2])
@pytest.mark.parametrize("failing", [answer(503), reset], ids=["503", "reset"])
def test_repeats_a_request_up_to_the_bound(registry: LoopbackRegistry, retries: int, failing: Any) -> None:
    registry.on("GET", "/manifests/", failing)
    diary = Diary()
    with (
        store(registry.host, retries=retries, diary=diary) as repository,
        pytest.raises((RegistryError, TransportError)),
    ):
        repository.manifests.get("v1")
    assert len(registry.requests("GET", "/manifests/")) == 1 + retries
    assert len(diary.waits) == retries


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_restarts_an_upload_up_to_the_bound(registry: LoopbackRegistry, retries: int) -> None:
    registry.on("PUT", "", answer(503))
    with store(registry.host, writable=True, retries=retries) as repository, pytest.raises(RegistryError):
        push(repository, described(BLOB), source(BLOB))
    assert len(registry.requests("PUT")) == 1 + retries


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_repeats_a_chunk_up_to_the_bound_in_each_upload(registry: LoopbackRegistry, retries: int) -> None:
    registry.on("PATCH", "", reset)
    with (
        store(registry.host, writable=True, chunked=True, retries=retries) as repository,
        pytest.raises((RegistryError, TransportError)),
    ):
        push(repository, described(BLOB), source(BLOB))
    assert len(registry.requests("PATCH")) == (1 + retries) ** 2
    assert len(registry.requests("POST")) == 1 + retries


@pytest.mark.parametrize("retries", [0, 1, 2])
def test_resumes_a_blob_up_to_the_bound(registry: LoopbackRegistry, retries: int) -> None:
    data = bytes(300_000)
    registry.put_blob("app", data)
    registry.on("GET", "/blobs/", cut(100))
    with store(registry.host, retries=retries) as repository, pytest.raises(TransportError):
        repository.open_from(described(data)).read()
    assert len(registry.requests("GET", "/blobs/")) == 1 + retries


# --- from which byte ---


def _lost_then(registry: LoopbackRegistry, number: int, offset: int) -> None:
    """The connection breaks at the chunk with this number, and the registry says once that it has `offset` bytes."""
    patches: list[None] = []

    def lose(handler: Any) -> bool:
        patches.append(None)
        if len(patches) == number:
            return reset(handler)
        return False

    def say(handler: Any) -> bool:
        handler.reply(204, b"", {"Location": handler.path, "Range": f"0-{max(offset - 1, 0)}"})
        return True

    registry.on("PATCH", "", lose)
    registry.on("GET", "/uploads/", say, times=1)


@pytest.mark.parametrize(
    ("number", "offset"),
    [
        (1, len(TWO_CHUNKS)),  # more than was ever sent
        (1, limits.UPLOAD_CHUNK_BYTES + 1),
        (2, 100),  # less than it had taken before
        (2, limits.UPLOAD_CHUNK_BYTES - 1),
    ],
)
def test_restarts_an_upload_at_an_unknown_offset(registry: LoopbackRegistry, number: int, offset: int) -> None:
    _lost_then(registry, number, offset)
    with store(registry.host, writable=True, chunked=True) as repository:
        assert push(repository, described(TWO_CHUNKS), source(TWO_CHUNKS)) is TransferMethod.COPIED
    assert registry.repositories["app"].blobs[digest_of(TWO_CHUNKS)] == TWO_CHUNKS
    assert len(registry.requests("POST")) == 2
    starts = [int(seen.headers["content-range"].partition("-")[0]) for seen in registry.requests("PATCH")]
    assert set(starts) == {0, limits.UPLOAD_CHUNK_BYTES}


def test_continues_after_a_chunk_that_arrived_whole(registry: LoopbackRegistry) -> None:
    """The last offset that counts: nothing of the chunk is sent again, and the upload is not begun again."""

    def lose(handler: Any) -> bool:
        upload = registry.repositories["app"].uploads[handler.parts.path.rpartition("/")[2]]
        upload += handler.drain()
        return reset(handler)

    registry.on("PATCH", "", lose, times=1)
    with store(registry.host, writable=True, chunked=True) as repository:
        assert push(repository, described(TWO_CHUNKS), source(TWO_CHUNKS)) is TransferMethod.COPIED
    assert registry.repositories["app"].blobs[digest_of(TWO_CHUNKS)] == TWO_CHUNKS
    assert [seen.headers["content-range"] for seen in registry.requests("PATCH")] == [
        f"0-{limits.UPLOAD_CHUNK_BYTES - 1}",
        f"{limits.UPLOAD_CHUNK_BYTES}-{len(TWO_CHUNKS) - 1}",
    ]
    assert len(registry.requests("POST")) == 1


@pytest.mark.parametrize(
    ("stated", "offset"),
    [("0-0", 0), ("0-1", 2), ("0-1023", 1024), ("5-1023", None), ("", None), ("bytes=0-9", 10), ("0-", None)],
)
def test_reads_the_offset_that_a_registry_reports(stated: str, offset: int | None) -> None:
    """Range names the last byte, not the number of bytes (distribution-spec, Pushing a blob in chunks)."""
    assert upload_offset({"Range": stated}) == offset


# --- to whom ---


class _Asked(Http):
    """Sends nothing: notes where a token would have been asked for."""

    def __init__(self) -> None:
        self.requests: list[Request] = []

    def send(self, request: Request) -> Reply:
        self.requests.append(request)
        raise TransportError("asked")


HTTPS, HTTP, LOCAL = "https://registry.example", "http://registry.example", "http://127.0.0.1:5000"


@pytest.mark.parametrize(
    ("home", "realm", "secret", "asked"),
    [
        (HTTPS, "https://tokens.example/token", True, True),
        (HTTPS, "https://tokens.example/token", False, True),
        (HTTPS, "http://tokens.example/token", True, False),
        (HTTPS, "http://tokens.example/token", False, False),  # a token that others on the way can choose or read
        (HTTPS, "http://registry.example/token", False, False),
        (HTTPS, "http://127.0.0.1:9/token", False, False),
        (HTTP, "http://registry.example/token", True, True),
        (HTTP, "http://tokens.example/token", True, False),
        (HTTP, "http://tokens.example/token", False, True),  # nothing there was ever secret
        (LOCAL, "http://127.0.0.1:5001/token", True, True),
        (LOCAL, "http://tokens.example/token", True, False),
        (LOCAL, "http://tokens.example/token", False, True),
    ],
)
def test_chooses_the_token_service(home: str, realm: str, secret: bool, asked: bool) -> None:
    http = _Asked()
    given = Credential(username="alice", password="secret-of-alice") if secret else None
    authorizer = Authorizer(
        http, _origin(home), Credentials(environment=NOWHERE, given=given), host=_origin(home).netloc
    )
    challenge = f'Bearer realm="{realm}",service="s"'
    reply = _unauthorized(challenge)
    expected = TransportError if asked else AuthenticationError
    with pytest.raises(expected, match="asked" if asked else "is not https"):
        authorizer.answer(reply, Access("app"), sent=None)
    assert [request.url.partition("?")[0] for request in http.requests] == ([realm] if asked else [])


def _unauthorized(challenge: str) -> Reply:
    response = requests.Response()
    response.status_code = 401
    response.headers["WWW-Authenticate"] = challenge
    return Reply(Request(method="GET", url=HTTPS), response)


def _origin(url: str) -> Origin:
    return origin_of(f"{url}/")
