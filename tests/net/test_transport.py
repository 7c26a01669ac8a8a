"""How a request reaches a registry: TLS, time, repetition, redirects, proxies; and what is said where it does not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from airgap.errors import AirgapError, UsageError
from airgap.net.credentials import Credential
from airgap.net.options import RETRY_AFTER_SECONDS, TransportOptions, backoff
from airgap.net.transport_errors import AuthenticationError, RegistryError, TransportError
from tests.support.net import Diary, client, described, store
from tests.support.registry import (
    LoopbackRegistry,
    answer,
    digest_of,
    error,
    refusing_port,
    reset,
    silent_port,
)
from tests.support.tls import TlsFiles

ALICE = Credential(username="alice", password="secret-of-alice")


def _check(host: str, **options: object) -> None:
    with client(host, **options) as connected:  # type: ignore[arg-type]
        connected.check()


# what is reported where nothing answers


def test_a_refused_connection_fails_at_once() -> None:
    """In a second or two, with the host and the reason."""
    diary, started = Diary(), time.monotonic()
    with (
        refusing_port() as port,
        pytest.raises(TransportError, match=f"127.0.0.1:{port} refused the connection") as caught,
    ):
        _check(f"127.0.0.1:{port}", diary=diary)
    assert time.monotonic() - started < 30
    assert caught.value.facts == {"cause": "refused", "host": f"127.0.0.1:{port}"}
    assert diary.waits == []


def test_an_unknown_host_fails_at_once() -> None:
    diary, started = Diary(), time.monotonic()
    with pytest.raises(TransportError) as caught:
        _check("registry.invalid", diary=diary)
    assert time.monotonic() - started < 30
    assert caught.value.facts["cause"] == "dns"
    assert "the host registry.invalid is not known" in str(caught.value)
    assert diary.waits == []


def test_stops_after_a_timeout() -> None:
    with silent_port() as port, pytest.raises(TransportError, match="sent nothing for") as caught:
        _check(f"127.0.0.1:{port}", read_timeout=0.2, retries=1)
    assert caught.value.facts["cause"] == "timeout"


@pytest.mark.parametrize(("patience", "waits"), [(0.0, 0), (3600.0, 3)])
def test_stops_early_where_a_host_never_answered(monkeypatch: pytest.MonkeyPatch, patience: float, waits: int) -> None:
    """It took six tries of a minute each."""
    monkeypatch.setattr("airgap.net.http._DEAD_SECONDS", patience)
    diary = Diary()
    with silent_port() as port, pytest.raises(TransportError, match="sent nothing for"):
        _check(f"127.0.0.1:{port}", read_timeout=0.1, retries=3, diary=diary)
    assert len(diary.waits) == waits


def test_waits_for_a_registry_that_answered_before(registry: LoopbackRegistry) -> None:
    """A restart in the middle of a copy is not a wrong address."""
    diary = Diary()
    with client(registry.host, diary=diary) as connected:
        connected.check()
        registry._server.server_close()
        registry._server.shutdown()
        connected.http.close()
        with pytest.raises(TransportError):
            connected.check()
    assert len(diary.waits) == 3


def test_a_port_without_tls_is_named(registry: LoopbackRegistry) -> None:
    with pytest.raises(TransportError, match="does not speak TLS") as caught:
        _check(registry.host, plain_http=False)
    assert caught.value.facts["cause"] == "tls"
    assert "--plain-http" in caught.value.remedy


def test_an_unknown_authority_is_named(secure: LoopbackRegistry) -> None:
    with pytest.raises(TransportError, match="is not trusted") as caught:
        _check(secure.host, plain_http=False)
    assert "--ca-file" in caught.value.remedy


def test_accepts_an_own_authority(secure: LoopbackRegistry, tls: TlsFiles) -> None:
    _check(secure.host, ca_file=tls.authority)
    assert secure.seen[0].status == 200


def test_insecure_skips_the_check(secure: LoopbackRegistry) -> None:
    _check(secure.host, insecure=True)


def test_sends_a_client_certificate(tls: TlsFiles) -> None:
    with LoopbackRegistry(tls=tls.server_context(ask_client=True)) as registry:
        _check(registry.host, ca_file=tls.authority, cert_file=tls.client)
        with pytest.raises(TransportError):
            _check(registry.host, ca_file=tls.authority, retries=0)


def test_sends_a_client_certificate_to_no_other_host(registry: LoopbackRegistry, tls: TlsFiles) -> None:
    with (
        LoopbackRegistry(tls=tls.server_context(ask_client=True)) as storage,
        LoopbackRegistry(tls=tls.server_context()) as home,
    ):
        home.put_blob("app", b"blob")
        storage.put_blob("app", b"blob")
        home.redirect_blobs = storage.url
        with (
            store(home.host, ca_file=tls.authority, cert_file=tls.client, retries=0) as repository,
            pytest.raises(TransportError),
        ):
            repository.open_from(described(b"blob"))
        assert storage.seen == []


@pytest.mark.parametrize("name", ["ca_file", "cert_file"])
def test_unusable_tls_files_are_named(tmp_path: Path, name: str) -> None:
    broken = tmp_path / "broken.pem"
    broken.write_text("no certificate")
    with pytest.raises(AirgapError, match=r"broken\.pem"):
        _check("127.0.0.1:1", **{name: broken})


@pytest.mark.parametrize(
    ("host", "options", "scheme"),
    [
        ("localhost:5000", {}, "http"),
        ("127.0.0.1:5000", {}, "http"),
        ("[::1]:5000", {}, "http"),
        ("localhost", {}, "https"),
        ("registry.example:5000", {}, "https"),
        ("localhost.example:5000", {}, "https"),
        ("localhost:5000", {"plain_http": False}, "https"),
        ("localhost:5000", {"insecure": True}, "https"),
        ("registry.example", {"plain_http": True}, "http"),
    ],
)
def test_plain_http_needs_loopback_or_an_option(host: str, options: dict[str, Any], scheme: str) -> None:
    """CLI-11"""
    with client(host, **options) as connected:
        assert connected.origin.scheme == scheme


def test_uses_the_registry_host_of_docker_hub() -> None:
    with client("docker.io") as connected:
        assert connected.origin.url == "https://registry-1.docker.io"


@pytest.mark.parametrize(
    "host", ["", "a b", "user@host", "host/path", "host:port", "host:99999", "http://host", "a\\b"]
)
def test_refuses_a_malformed_host(host: str) -> None:
    with pytest.raises(UsageError), client(host):
        pass


# repetition


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_repeats_after_temporary_errors(registry: LoopbackRegistry, status: int) -> None:
    """DIST-28"""
    registry.on("GET", "/v2/$", answer(status), times=2)
    diary = Diary()
    _check(registry.host, diary=diary)
    assert len(registry.seen) == 3
    assert len(diary.waits) == 2
    assert f"the answer is {status}" in diary.notices[0]


@pytest.mark.parametrize("status", [400, 404, 409, 501, 505])
def test_does_not_repeat_after_permanent_errors(registry: LoopbackRegistry, status: int) -> None:
    registry.on("GET", "/v2/$", answer(status))
    with pytest.raises(RegistryError, match=f"answered {status}"):
        _check(registry.host)
    assert len(registry.seen) == 1


def test_repetition_is_bounded(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/v2/$", error(503, "UNAVAILABLE", "down for maintenance"))
    with pytest.raises(RegistryError, match="down for maintenance") as caught:
        _check(registry.host)
    assert len(registry.seen) == 4
    assert caught.value.facts["status"] == 503


def test_retry_after_is_obeyed(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/v2/$", answer(429, Retry_After="7"), times=1)
    diary = Diary()
    _check(registry.host, diary=diary)
    assert diary.waits == [7.0]


def test_retry_after_may_be_a_date(registry: LoopbackRegistry) -> None:
    late = answer(503, Date="Mon, 02 Jan 2023 10:00:00 GMT", Retry_After="Mon, 02 Jan 2023 10:00:09 GMT")

    registry.on("GET", "/v2/$", late, times=1)
    diary = Diary()
    _check(registry.host, diary=diary)
    # the server adds a Date of its own; whichever came first, the wait is bounded and not negative
    assert 0 <= diary.waits[0] <= RETRY_AFTER_SECONDS


@pytest.mark.parametrize("asked", ["86400", "9" * 400])
def test_retry_after_is_capped(registry: LoopbackRegistry, asked: str) -> None:
    registry.on("GET", "/v2/$", answer(429, Retry_After=asked), times=1)
    diary = Diary()
    _check(registry.host, diary=diary)
    assert diary.waits == [RETRY_AFTER_SECONDS]


def test_waiting_grows_and_is_bounded() -> None:
    assert all(0.25 <= backoff(0) <= 0.5 for _ in range(20))
    assert all(backoff(20) <= 15 for _ in range(20))


def test_a_cut_connection_is_tried_again(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/v2/$", reset, times=2)
    _check(registry.host)
    assert len(registry.seen) == 3


def test_connections_are_kept(registry: LoopbackRegistry) -> None:
    digest = registry.put_image("app", tag="v1")
    addresses: set[object] = set()

    def note(handler: Any) -> bool:
        addresses.add(handler.client_address)
        return False

    registry.on("*", "", note)
    with store(registry.host) as repository:
        for _ in range(3):
            repository.resolve("v1")
            repository.has(described(b"nothing"))
            with repository.open_from(described(b"layer")) as blob:
                blob.read()
    assert digest in registry.repositories["app"].manifests
    assert len(addresses) == 1


# redirects


def test_a_blob_on_other_storage_is_read_without_authorization(
    registry: LoopbackRegistry, other: LoopbackRegistry
) -> None:
    """DIST-3: Authorization must not cross hosts."""
    registry.auth, registry.users = "basic", {"alice": "secret-of-alice"}
    registry.put_blob("app", b"blob")
    other.put_blob("app", b"blob")
    registry.redirect_blobs = other.url
    with store(registry.host, given=ALICE) as repository, repository.open_from(described(b"blob")) as blob:
        assert blob.read() == b"blob"
    assert registry.requests("GET", "/blobs/")[-1].authorization is not None
    assert [seen.authorization for seen in other.seen] == [None]


def test_does_not_answer_a_challenge_of_the_storage(registry: LoopbackRegistry, other: LoopbackRegistry) -> None:
    registry.auth, registry.users = "basic", {"alice": "secret-of-alice"}
    registry.put_blob("app", b"blob")
    registry.redirect_blobs = other.url
    other.auth = "basic"
    with (
        store(registry.host, given=ALICE) as repository,
        pytest.raises(RegistryError, match=f"{other.host} answered 401"),
    ):
        repository.open_from(described(b"blob"))
    assert [seen.authorization for seen in other.seen] == [None]


def test_a_redirect_back_from_storage_carries_no_credentials(
    registry: LoopbackRegistry, other: LoopbackRegistry
) -> None:
    registry.auth, registry.users = "basic", {"alice": "secret-of-alice"}
    registry.put_blob("app", b"blob")
    registry.redirect_blobs = other.url
    other.on("GET", "/blobs/", answer(307, Location=f"{registry.url}/v2/secret/manifests/v1"))
    with store(registry.host, given=ALICE) as repository, pytest.raises(AirgapError):
        repository.open_from(described(b"blob"))
    assert registry.requests("GET", "/v2/secret/")[0].authorization is None


def test_redirects_within_the_registry_keep_authorization(registry: LoopbackRegistry) -> None:
    registry.auth, registry.users = "basic", {"alice": "secret-of-alice"}
    digest = registry.put_blob("app", b"blob")
    registry.on("GET", "/v2/app/blobs/", answer(307, Location=f"/v2/moved/blobs/{digest}"), times=2)
    registry.put_blob("moved", b"blob")
    with store(registry.host, given=ALICE) as repository, repository.open_from(described(b"blob")) as blob:
        assert blob.read() == b"blob"


def test_https_never_leads_to_http(secure: LoopbackRegistry, other: LoopbackRegistry, tls: TlsFiles) -> None:
    secure.put_blob("app", b"blob")
    other.put_blob("app", b"blob")
    secure.redirect_blobs = f"http://localhost:{other.port}"
    with (
        store(secure.host, ca_file=tls.authority) as repository,
        pytest.raises(RegistryError, match="leads from https to http"),
    ):
        repository.open_from(described(b"blob"))
    assert other.seen == []


def test_keeps_https_where_a_registry_names_itself_with_http(secure: LoopbackRegistry, tls: TlsFiles) -> None:
    """A proxy that ends TLS in front of a registry that does not know it."""
    digest = secure.put_blob("app", b"blob")
    secure.put_blob("moved", b"blob")
    secure.on("GET", "/v2/app/", answer(307, Location=f"http://{secure.host}/v2/moved/blobs/{digest}"))
    with store(secure.host, ca_file=tls.authority) as repository, repository.open_from(described(b"blob")) as blob:
        assert blob.read() == b"blob"


@pytest.mark.parametrize(
    "location", ["", "ftp://127.0.0.1/x", "file:///etc/passwd", "http://user:pw@127.0.0.1/x", "http://a\\@b/"]
)
def test_malformed_redirects_are_refused(registry: LoopbackRegistry, location: str) -> None:
    registry.on("GET", "/blobs/", answer(307, Location=location))
    with store(registry.host) as repository, pytest.raises(RegistryError, match="cannot be followed") as caught:
        repository.open_from(described(b"blob"))
    assert "user:pw" not in str(caught.value)


def test_the_last_redirect_may_lead_to_the_answer(registry: LoopbackRegistry) -> None:
    """More than five are refused, not five."""
    registry.put_blob("app", b"blob")
    registry.on("GET", "/blobs/", answer(307, Location=f"/v2/app/blobs/{digest_of(b'blob')}"), times=5)
    with store(registry.host) as repository:
        assert repository.read_blob(described(b"blob"), 4) == b"blob"
    assert len(registry.seen) == 6


def test_redirects_are_bounded(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/blobs/", answer(307, Location=f"/v2/app/blobs/{digest_of(b'blob')}"))
    with store(registry.host) as repository, pytest.raises(RegistryError, match="more than 5 redirects"):
        repository.open_from(described(b"blob"))
    assert len(registry.seen) == 6


def test_messages_hold_no_secrets_of_queries(registry: LoopbackRegistry, other: LoopbackRegistry) -> None:
    registry.put_blob("app", b"blob")
    registry.redirect_blobs = other.url  # which does not have it and answers 404 to a presigned URL
    other.on("GET", "/blobs/", answer(403, b"<Error>denied</Error>"))
    with store(registry.host) as repository, pytest.raises(RegistryError) as caught:
        repository.open_from(described(b"blob"))
    assert "secret" not in str(caught.value)
    assert "secret" not in str(caught.value.facts)


# proxies


def test_a_proxy_is_used(registry: LoopbackRegistry, other: LoopbackRegistry) -> None:
    other.repositories["app"] = registry.repositories["app"]
    with client("registry.example", plain_http=True, proxies={"http": other.url}) as connected:
        connected.check()
    assert other.seen[0].headers["host"] == "registry.example"


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, other: LoopbackRegistry) -> None:
    for name in ("HTTP_PROXY", "NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", other.url)
    with client("registry.example", plain_http=True, proxies=None) as connected:
        connected.check()
    assert other.seen[0].headers["host"] == "registry.example"


@pytest.mark.parametrize("exception", ["registry.invalid", ".invalid", "invalid"])
def test_no_proxy_is_obeyed(monkeypatch: pytest.MonkeyPatch, other: LoopbackRegistry, exception: str) -> None:
    monkeypatch.setenv("http_proxy", other.url)
    monkeypatch.setenv("no_proxy", exception)
    monkeypatch.setenv("NO_PROXY", exception)
    with pytest.raises(TransportError), client("registry.invalid", plain_http=True, proxies=None) as connected:
        connected.check()
    assert other.seen == []


def test_uses_no_proxy_for_loopback(
    monkeypatch: pytest.MonkeyPatch, registry: LoopbackRegistry, other: LoopbackRegistry
) -> None:
    monkeypatch.setenv("http_proxy", other.url)
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    _check(registry.host, proxies=None)
    assert other.seen == []


def test_a_proxy_that_refuses_is_named() -> None:
    with refusing_port() as port, pytest.raises(TransportError, match="through the proxy") as caught:
        _check("registry.example", proxies={"https": f"http://user:pw@127.0.0.1:{port}"}, retries=0)
    assert "user:pw" not in str(caught.value)


def test_netrc_is_not_read(monkeypatch: pytest.MonkeyPatch, registry: LoopbackRegistry, tmp_path: Path) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text("machine 127.0.0.1 login alice password secret-of-alice\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HOME", str(tmp_path))
    _check(registry.host)
    assert registry.seen[0].authorization is None


def test_cookies_are_not_kept(registry: LoopbackRegistry) -> None:
    """Some registries take a client with cookies for a browser."""
    registry.on("GET", "/v2/$", answer(200, Set_Cookie="session=1"), times=1)
    with client(registry.host) as connected:
        connected.check()
        connected.check()
    assert "cookie" not in registry.seen[1].headers


def test_warnings_of_the_registry_are_passed_on_once(registry: LoopbackRegistry) -> None:
    """DIST-10"""
    registry.on("GET", "/v2/$", answer(200, Warning='299 - "moving to registry.example soon"'))
    diary = Diary()
    with client(registry.host, diary=diary) as connected:
        connected.check()
        connected.check()
    assert diary.notices == [f"{registry.host} warns: moving to registry.example soon"]


def test_a_forbidden_call_names_host_and_reason(registry: LoopbackRegistry) -> None:
    registry.on("GET", "/v2/$", error(403, "DENIED", "your IP is blocked"))
    with pytest.raises(AuthenticationError, match="your IP is blocked") as caught:
        _check(registry.host, given=ALICE)
    assert registry.host in str(caught.value)
    assert "secret-of-alice" not in str(caught.value)
    assert len(registry.seen) == 1


def test_the_text_of_options_holds_no_secret() -> None:
    assert "secret-of-alice" not in repr(ALICE)
    assert TransportOptions().retries == 5
