"""Registries that keep a client waiting, each in its own way: all end within what was said, with what was waited for.

Times are injected and short; no test measures more than that it did not take minutes.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from airgap.errors import Cause
from airgap.net.deadline import Deadline, Patience, WaitedTooLongError, span
from airgap.net.http import Body, Http, Request
from airgap.net.options import TransportOptions
from airgap.net.source import RegistrySource
from airgap.net.transport_errors import TransportError
from airgap.net.url import origin_of
from airgap.transfer.endpoint import TransferMethod
from tests.support.command import run_here
from tests.support.loopback import raw_server
from tests.support.net import Diary, client, described, push, source, store
from tests.support.registry import EMPTY, MANIFEST, LoopbackRegistry, digest_of, reset, silent_port

BLOB = bytes(200_000)
LONG = 30.0
"""Seconds that no test takes, however busy the machine is."""
WHILE = r"\d+(\.\d)? (s|min)"
"""A time that was measured: a busy machine makes it longer than what was asked for."""


@contextmanager
def soon() -> Iterator[None]:
    begun = time.monotonic()
    yield
    assert time.monotonic() - begun < LONG


def drip(status: int = 200, size: int = len(BLOB), seconds: float = 0.02, start: bytes = b"") -> Callable[[Any], bool]:
    """Answer with `size` bytes, one at a time."""

    def respond(handler: Any) -> bool:
        handler.drain()
        handler.send_response(status)
        handler.send_header("Content-Length", str(size))
        handler.end_headers()
        with suppress(OSError):
            handler.wfile.write(start)
            for _ in range(size - len(start)):
                handler.wfile.write(b"\0")
                if handler.server.owner.stopped.wait(seconds):
                    break
        handler.close_connection = True
        return True

    return respond


def _publish(registry: LoopbackRegistry) -> None:
    config = {"mediaType": "application/vnd.oci.empty.v1+json", "digest": digest_of(EMPTY), "size": len(EMPTY)}
    registry.put_blob("app", EMPTY)
    document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": [config]}
    registry.put_manifest("app", document, tag="v1")


def slow(seconds: float, what: Callable[[Any], bool] | None = None) -> Callable[[Any], bool]:
    """Wait, then answer as usual, or as `what` does."""

    def respond(handler: Any) -> bool:
        handler.server.owner.stopped.wait(seconds)
        return False if what is None else what(handler)

    return respond


# --- a floor of rate ---


def test_a_blob_of_one_byte_at_a_time_ends_with_its_rate(registry: LoopbackRegistry) -> None:
    registry.put_blob("app", BLOB)
    registry.on("GET", "/blobs/", drip())
    diary = Diary()
    with (
        soon(),
        store(registry.host, slow_seconds=0.4, diary=diary) as repository,
        pytest.raises(TransportError, match=rf"sent \d+ bytes in {WHILE}, less than 1024 a second") as caught,
    ):
        repository.open_from(described(BLOB)).read()
    assert (caught.value.facts["cause"], diary.waits) == ("timeout", [])
    assert caught.value.remedy


def test_a_blob_that_becomes_slow_is_taken_up_once_more(registry: LoopbackRegistry) -> None:
    """What came fast before does not allow hours of waiting; a new connection may be as fast again."""
    blob = bytes(2_000_000)
    registry.put_blob("app", blob)
    registry.on("GET", "/blobs/", drip(size=len(blob), start=blob[:1_500_000]), times=1)
    with soon(), store(registry.host, slow_seconds=0.4, least_rate=1_000_000) as repository:
        assert repository.open_from(described(blob)).readall() == blob
    assert [seen.status for seen in registry.requests("GET", "/blobs/")][1:] == [206]


@pytest.mark.parametrize("path", ["/manifests/", "/tags/list", "/referrers/", "/token"])
def test_every_other_answer_has_the_same_floor(registry: LoopbackRegistry, path: str) -> None:
    if path == "/token":
        registry.auth = "bearer"
    _publish(registry)
    registry.on("GET", path, drip())
    with (
        soon(),
        store(registry.host, slow_seconds=0.3) as repository,
        pytest.raises(TransportError, match="less than 1024 a second"),
    ):
        _ask(repository, path)


def _ask(repository: RegistrySource, path: str) -> None:
    if path == "/tags/list":
        list(repository.tags())
    elif path == "/referrers/":
        repository.referrers(repository.resolve("v1"), digest_tags=False)
    else:
        repository.resolve("v1")


@pytest.mark.parametrize(
    ("sip", "words"), [(10, rf"took nothing for {WHILE}"), (65536, rf"took \d+ bytes in {WHILE}, less than 1073741824")]
)
def test_an_upload_that_is_taken_in_sips_ends(sip: int, words: str) -> None:
    options = TransportOptions(retries=0, proxies={}, slow_seconds=0.3, least_rate=2**30, read_timeout=0.5)
    with _sipping(sip) as url, soon():
        asking = Http(origin_of(url), options)
        with pytest.raises(TransportError, match=words):
            asking.send(Request(method="PUT", url=url, body=Body.of(bytes(64 * 1024 * 1024))))
        asking.close()


def test_an_upload_over_a_slow_line_is_not_cut(registry: LoopbackRegistry) -> None:
    """A mebibyte had to go out within the time to connect, so that lines below 100 KiB/s could not upload."""
    blob = bytes(16 * 1024 * 1024)

    def take(handler: Any) -> bool:
        handler.connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024 * 1024)
        handler.server.owner.stopped.wait(0.2)
        data = b""
        while len(data) < len(blob):
            data += handler.rfile.read(256 * 1024)
            handler.server.owner.stopped.wait(0.1 if len(data) < 8 * 1024 * 1024 else 0)
        registry.repositories["app"].blobs[digest_of(data)] = data
        handler.reply(201)
        return True

    registry.on("PUT", "/uploads/", take)
    with store(registry.host, writable=True, connect_timeout=0.3, retries=0) as repository:
        assert push(repository, described(blob), source(blob)) is TransferMethod.COPIED


@pytest.mark.parametrize(("chunked", "method"), [(True, "PATCH"), (False, "PUT")])
def test_an_upload_to_a_silent_host_ends(registry: LoopbackRegistry, chunked: bool, method: str) -> None:
    """A chunk was sent 6 times in each of 6 uploads, each with a minute of silence: 36 minutes for each blob."""
    registry.on(method, "/uploads/", slow(LONG))
    diary = Diary()
    with (
        soon(),
        store(registry.host, writable=True, chunked=chunked, read_timeout=0.3, diary=diary) as repository,
        pytest.raises(TransportError, match=rf"{method} .* sent nothing for {WHILE}"),
    ):
        push(repository, described(BLOB), source(BLOB))
    assert (len(registry.requests(method)), len(diary.waits)) == (2, 1)


def test_an_upload_goes_on_with_a_host_that_is_silent_now_and_then(registry: LoopbackRegistry) -> None:
    """Each chunk that is taken shows that it is worth the time."""
    blob = bytes(range(256)) * 3 * 32768  # three chunks
    turns: list[None] = []

    def pause(handler: Any) -> bool:
        turns.append(None)
        if len(turns) % 2:
            handler.drain()
            handler.server.owner.stopped.wait(1)
            return reset(handler)
        return False

    registry.on("PATCH", "/uploads/", pause)
    with store(registry.host, writable=True, chunked=True, read_timeout=0.3) as repository:
        assert push(repository, described(blob), source(blob)) is TransferMethod.COPIED
    assert registry.repositories["app"].blobs[digest_of(blob)] == blob
    assert len(registry.requests("PATCH")) == 6


def _sipping(sip: int) -> AbstractContextManager[str]:
    """A server that reads `sip` bytes now and then and answers nothing."""

    def serve(connection: socket.socket, ended: threading.Event) -> None:
        while not ended.wait(0.01):
            connection.recv(sip)

    return raw_server(serve, receive_buffer=4096)


# --- one deadline for an operation ---


@pytest.mark.parametrize(
    "hostile",
    [drip(), slow(LONG), drip(503, 5), slow(0.2, drip(429, 0))],
    ids=["a byte at a time", "nothing", "always 503", "always 429"],
)
def test_a_deadline_ends_whatever_a_registry_does(registry: LoopbackRegistry, hostile: Callable[[Any], bool]) -> None:
    registry.on("GET", "", hostile)
    with (
        soon(),
        client(registry.host, deadline=Deadline.after(1.0), sleep=time.sleep, retries=100) as connected,
        pytest.raises(TransportError, match=r"1\.0 s for the whole operation") as caught,
    ):
        RegistrySource(connected, "app").resolve("v1")
    assert caught.value.is_final
    assert "--timeout" in caught.value.remedy


def test_pages_count_together(registry: LoopbackRegistry) -> None:
    """Each page came in time, and a thousand of them would have taken hours."""
    _endless_tags(registry)
    with (
        soon(),
        store(registry.host, deadline=Deadline.after(1.0)) as repository,
        pytest.raises(TransportError, match=r"1\.0 s for the whole operation"),
    ):
        list(repository.tags())
    assert len(registry.requests("GET", "/tags/list")) > 1


def test_a_list_has_a_time_of_its_own_without_a_deadline(registry: LoopbackRegistry) -> None:
    _endless_tags(registry)
    with (
        soon(),
        store(registry.host, list_seconds=0.5) as repository,
        pytest.raises(TransportError, match=rf"sent \d+ pages of a list in {WHILE}") as caught,
    ):
        list(repository.tags())
    assert "--timeout" in caught.value.remedy


def _endless_tags(registry: LoopbackRegistry) -> None:
    _publish(registry)
    pages = iter(range(1, 10_000))

    def page(handler: Any) -> bool:
        handler.server.owner.stopped.wait(0.15)
        number = next(pages)
        body = b'{"name": "app", "tags": ["v%d"]}' % number
        handler.reply(200, body, {"Link": f'</v2/app/tags/list?last={number}>; rel="next"'})
        return True

    registry.on("GET", "/tags/list", page)


def test_sends_no_request_after_a_deadline(registry: LoopbackRegistry) -> None:
    _publish(registry)
    over = Deadline(end=time.monotonic() - 1, seconds=5.0)
    with (
        store(registry.host, deadline=over) as repository,
        pytest.raises(TransportError, match=r"5\.0 s for the whole"),
    ):
        repository.resolve("v1")
    assert registry.seen == []


def test_a_pause_beyond_the_deadline_is_not_made(registry: LoopbackRegistry) -> None:

    def busy(handler: Any) -> bool:
        handler.reply(503, b"", {"Retry-After": "50"})
        return True

    registry.on("GET", "", busy)
    diary = Diary()
    with (
        store(registry.host, deadline=Deadline.after(20.0), diary=diary) as repository,
        pytest.raises(TransportError, match="the answer is 503; there is no time to try again in the 20 s"),
    ):
        repository.resolve("v1")
    assert diary.waits == []


def test_within_its_deadline_everything_is_as_ever(registry: LoopbackRegistry) -> None:
    _publish(registry)
    with store(registry.host, deadline=Deadline.after(600.0)) as repository:
        assert repository.resolve("v1").media_type == MANIFEST


# --- hosts that are dead ---


def test_a_host_that_never_answered_has_a_shorter_time() -> None:
    diary = Diary()
    with (
        soon(),
        silent_port() as port,
        client(f"127.0.0.1:{port}", first_timeout=0.3, diary=diary) as connected,
        pytest.raises(TransportError, match=rf"sent nothing for {WHILE}"),
    ):
        connected.check()


def test_the_defaults_end_a_dead_host_within_half_a_minute() -> None:
    options = TransportOptions()
    assert options.connect_timeout + options.first_timeout <= 30


def test_all_addresses_of_a_host_share_the_time_to_connect(monkeypatch: pytest.MonkeyPatch) -> None:
    """A registry of a cloud has a dozen addresses, and a firewall that answers nothing took ten seconds for each."""
    asked: list[float] = []

    def connect(address: tuple[str, int], timeout: float, **_: Any) -> socket.socket:
        asked.append(timeout)
        time.sleep(timeout)
        raise TimeoutError

    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (f"192.0.2.{n}", 443)) for n in range(4)]
    monkeypatch.setattr("airgap.net.connections.socket.getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr("airgap.net.connections.create_connection", connect)
    monkeypatch.setattr("airgap.net.connections._LEAST_SECONDS", 0.01)
    with (
        client("registry.example", connect_timeout=0.4, retries=0) as connected,
        pytest.raises(TransportError, match=rf"registry\.example did not answer within {WHILE}"),
    ):
        connected.check()
    assert len(asked) == 4
    assert sum(asked) < 0.6


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"connect_timeout": 0.3}, rf"no name server answered within {WHILE} for the address of registry\.example"),
        ({"deadline": 0.3}, r"registry\.example was waited for when the 0\.3 s for the whole operation were over"),
        ({"connect_timeout": 0.3, "proxies": {"https": "http://proxy.example:3128"}}, r"the address of proxy\.example"),
    ],
)
def test_a_look_up_without_an_answer_ends_in_time(
    options: dict[str, Any], words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """getaddrinfo takes no time-out, and waits for each name server several times."""
    released = threading.Event()

    def hang(*_: Any, **__: Any) -> list[Any]:
        released.wait(2 * LONG)
        return []

    monkeypatch.setattr("socket.getaddrinfo", hang)
    if "deadline" in options:
        options = {"deadline": Deadline.after(options["deadline"])}
    try:
        with (
            soon(),
            client("registry.example", retries=0, **options) as connected,
            pytest.raises(TransportError, match=words) as caught,
        ):
            connected.check()
        assert caught.value.cause is Cause.TIMEOUT
    finally:
        released.set()


def test_a_registry_that_died_is_not_asked_six_times(
    registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("airgap.net.http.STALLED_SECONDS", 0.3)
    _publish(registry)
    diary = Diary()
    with soon(), store(registry.host, read_timeout=0.2, retries=50, diary=diary) as repository:
        repository.resolve("v1")
        registry.on("GET", "", slow(LONG))
        with pytest.raises(TransportError, match="sent nothing for"):
            repository.referrers(repository.resolve("v1"), digest_tags=False)
    assert len(diary.waits) < 4


# --- what counts ---


def test_only_waiting_counts() -> None:
    """A slow stick here is no slow server there."""
    patience = Patience(TransportOptions(slow_seconds=10.0, least_rate=100), "sent")
    for _ in range(1000):
        patience.moved(200, 1.0)
    patience.moved(0, 9.0)
    with pytest.raises(WaitedTooLongError, match="sent 1 bytes in 10 s, less than 100 a second"):
        patience.moved(1, 1.0)


def test_the_floor_counts_from_one_time_to_the_next() -> None:
    """A gigabyte at first would allow twelve days of drops."""
    patience = Patience(TransportOptions(slow_seconds=10.0, least_rate=100), "sent")
    patience.moved(2**30, 10.0)
    for _ in range(9):
        patience.moved(1, 1.0)
    with pytest.raises(WaitedTooLongError, match="sent 10 bytes"):
        patience.moved(1, 1.0)


@pytest.mark.parametrize(("seconds", "words"), [(0.25, "0.2 s"), (10, "10 s"), (599, "599 s"), (3600, "60 min")])
def test_times_in_sentences(seconds: float, words: str) -> None:
    assert span(seconds) == words


# --- the option of the commands ---


@pytest.mark.parametrize(
    "command",
    [
        ("ls", "{host}/app"),
        ("discover", "{host}/app:v1"),
        ("inspect", "{host}/app:v1"),
        ("copy", "{host}/app:v1", "{folder}/stick"),
        ("attach", "{folder}/a.txt", "{host}/app:v1", "--artifact-type", "text/plain"),
        ("login", "{host}", "-u", "alice", "-p", "secret"),
    ],
    ids=lambda command: command[0],
)
def test_every_command_has_the_deadline(registry: LoopbackRegistry, tmp_path: Path, command: tuple[str, ...]) -> None:
    (tmp_path / "a.txt").write_text("a file")
    registry.on("GET", "", drip(size=30_000))
    arguments = [word.format(host=registry.host, folder=tmp_path) for word in command]
    with soon():
        ran = run_here([*arguments, "--timeout", "1s"])
    assert (ran.code, "1.0 s for the whole operation were over" in ran.err) == (1, True), ran.err
    assert "Give it longer with --timeout" in ran.err
    assert list(tmp_path.glob("stick*")) == []
