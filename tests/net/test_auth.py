"""Credentials go where they belong, once, and into no message."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from airgap.net.auth import parse_challenges
from airgap.net.credentials import Credential
from airgap.net.transport_errors import AuthenticationError, RegistryError
from airgap.oci.digest import Digest
from tests.support.net import Diary, client, described, push, source, store
from tests.support.registry import LoopbackRegistry, answer, error
from tests.support.tls import TlsFiles

ALICE = Credential(username="alice", password="secret-of-alice")
MALLORY = Credential(username="alice", password="guess-of-mallory")


@pytest.fixture
def basic(registry: LoopbackRegistry) -> LoopbackRegistry:
    registry.auth, registry.users = "basic", {"alice": "secret-of-alice"}
    registry.put_image("app", tag="v1")
    return registry


@pytest.fixture
def bearer(registry: LoopbackRegistry) -> LoopbackRegistry:
    registry.auth, registry.users = "bearer", {"alice": "secret-of-alice"}
    for repository in ("app", "other/app"):
        registry.put_image(repository, tag="v1")
    return registry


def test_sends_basic_credentials_on_a_challenge(basic: LoopbackRegistry) -> None:
    with store(basic.host, given=ALICE) as repository:
        repository.resolve("v1")
        repository.resolve("v1")
    assert [seen.status for seen in basic.seen] == [401, 200, 200]
    assert basic.seen[0].authorization is None


@pytest.mark.parametrize("auth", ["basic", "bearer"])
def test_a_wrong_password_is_refused_once(registry: LoopbackRegistry, auth: str) -> None:
    """A wrong password must not be tried again: accounts get locked, and the user waits."""
    registry.auth, registry.users = auth, {"alice": "secret-of-alice"}
    diary = Diary()
    with (
        store(registry.host, given=MALLORY, diary=diary) as repository,
        pytest.raises(AuthenticationError, match=f"{registry.host} refused alice .from the command line.") as caught,
    ):
        repository.resolve("v1")
    assert diary.waits == []
    assert len([seen for seen in registry.seen if seen.authorization]) == 1
    assert "guess-of-mallory" not in str(caught.value)
    assert caught.value.facts["host"] == registry.host
    assert f"airgap login {registry.host}" in caught.value.remedy


def test_missing_credentials_are_named(basic: LoopbackRegistry) -> None:
    with (
        store(basic.host) as repository,
        pytest.raises(AuthenticationError, match=r"wants credentials .* there are none"),
    ):
        repository.resolve("v1")


def test_a_token_is_fetched_for_the_scope(bearer: LoopbackRegistry) -> None:
    with store(bearer.host, given=ALICE) as repository:
        repository.resolve("v1")
    asked = bearer.requests("GET", "/token")[0]
    assert asked.query["scope"] == ["repository:app:pull"]
    assert asked.query["service"] == ["loopback"]
    assert asked.query["account"] == ["alice"]
    assert asked.authorization is not None


def test_an_anonymous_token_is_fetched_where_there_are_no_credentials(bearer: LoopbackRegistry) -> None:
    bearer.users = {}
    with store(bearer.host) as repository:
        repository.resolve("v1")
    assert bearer.requests("GET", "/token")[0].authorization is None


def test_uses_a_token_until_it_expires(bearer: LoopbackRegistry) -> None:
    with store(bearer.host, given=ALICE) as repository:
        for _ in range(5):
            repository.resolve("v1")
    assert len(bearer.requests("GET", "/token")) == 1


def test_each_repository_has_its_own_token_without_a_refusal_first(bearer: LoopbackRegistry) -> None:
    from airgap.net.source import RegistrySource

    with client(bearer.host, given=ALICE) as connected:
        RegistrySource(connected, "app").resolve("v1")
        RegistrySource(connected, "other/app").resolve("v1")
    assert [seen.query["scope"] for seen in bearer.requests("GET", "/token")] == [
        ["repository:app:pull"],
        ["repository:other/app:pull"],
    ]
    assert [seen.status for seen in bearer.requests("GET", "/manifests/")] == [401, 200, 200]


def test_a_refused_token_is_renewed(bearer: LoopbackRegistry) -> None:
    """Tokens end early: the service restarts, its clock is wrong."""
    with store(bearer.host, given=ALICE) as repository:
        repository.resolve("v1")
        bearer.revoke_tokens()
        repository.resolve("v1")
    assert len(bearer.requests("GET", "/token")) == 2


def test_an_expired_token_is_renewed_before_it_is_refused(
    bearer: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [1000.0]
    monkeypatch.setattr("airgap.net.auth.time.monotonic", lambda: now[0])
    bearer.expires_in = 60
    with store(bearer.host, given=ALICE) as repository:
        repository.resolve("v1")
        now[0] += 49
        repository.resolve("v1")
        assert len(bearer.requests("GET", "/token")) == 1
        now[0] += 2  # 9 s before its end: not sent along any more
        bearer.revoke_tokens()
        repository.resolve("v1")
    assert len(bearer.requests("GET", "/token")) == 2
    assert [seen.status for seen in bearer.requests("GET", "/manifests/")] == [401, 200, 200, 200]


def test_stops_after_a_registry_refuses_every_token(bearer: LoopbackRegistry) -> None:
    bearer.on("GET", "/manifests/", error(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{bearer.url}/token"'))
    with store(bearer.host, given=ALICE) as repository, pytest.raises(AuthenticationError):
        repository.resolve("v1")
    assert len(bearer.requests("GET", "/manifests/")) == 2


def test_threads_use_one_token(bearer: LoopbackRegistry) -> None:
    """A challenge that all threads meet at once must not become a storm of token requests."""
    start = threading.Barrier(8)

    def resolve() -> None:
        start.wait()
        repository.resolve("v1")

    with store(bearer.host, given=ALICE) as repository, ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(resolve) for _ in range(8)]:
            done.result()
    assert len(bearer.requests("GET", "/token")) == 1


def test_an_identity_token_is_exchanged(bearer: LoopbackRegistry) -> None:
    bearer.identity_tokens = {"identity-of-alice"}
    with store(bearer.host, given=Credential(identity_token="identity-of-alice")) as repository:
        repository.resolve("v1")
    assert bearer.requests("POST", "/token")[0].status == 200
    assert bearer.requests("GET", "/token") == []


def test_does_not_print_a_wrong_identity_token(bearer: LoopbackRegistry) -> None:
    with (
        store(bearer.host, given=Credential(identity_token="wrong-identity")) as repository,
        pytest.raises(AuthenticationError) as caught,
    ):
        repository.resolve("v1")
    assert "wrong-identity" not in str(caught.value)


def test_a_registry_token_is_sent_as_it_is(bearer: LoopbackRegistry) -> None:
    bearer.tokens["ready-made"] = ("repository:app:pull",)
    with store(bearer.host, given=Credential(registry_token="ready-made")) as repository:
        repository.resolve("v1")
    assert bearer.requests("GET", "/token") == []


def test_writing_requests_push_access(bearer: LoopbackRegistry) -> None:
    with store(bearer.host, writable=True, given=ALICE) as repository:
        push(repository, described(b"blob"), source(b"blob"))
    assert bearer.requests("GET", "/token")[0].query["scope"] == ["repository:app:pull,push"]
    assert len(bearer.requests("GET", "/token")) == 1


def test_mounting_requests_access_to_both_repositories(bearer: LoopbackRegistry) -> None:
    bearer.put_blob("other/app", b"shared")
    with store(bearer.host, writable=True, given=ALICE) as repository:
        push(repository, described(b"shared"), source(b"shared"), mount_from="other/app")
    asked = bearer.requests("GET", "/token")
    assert asked[-1].query["scope"] == ["repository:app:pull,push", "repository:other/app:pull"]


def test_requests_the_scope_of_the_challenge(bearer: LoopbackRegistry) -> None:
    challenge = f'Bearer realm="{bearer.url}/token",scope="repository:mapped/app:pull repository:app:pull"'
    bearer.on("GET", "/manifests/", error(401, "UNAUTHORIZED", WWW_Authenticate=challenge), times=1)
    with store(bearer.host, given=ALICE) as repository:
        repository.resolve("v1")
        repository.resolve("v1")
    assert [seen.query["scope"] for seen in bearer.requests("GET", "/token")] == [
        ["repository:app:pull", "repository:mapped/app:pull"]
    ]


@pytest.fixture
def thief() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        yield running


def test_credentials_do_not_go_to_a_realm_without_tls(
    secure: LoopbackRegistry, thief: LoopbackRegistry, tls: TlsFiles
) -> None:
    """Only to the realm that the registry's own challenge names, over https or on the registry's own origin."""
    secure.auth, secure.users, secure.realm = (
        "bearer",
        {"alice": "secret-of-alice"},
        f"http://thief.invalid:{thief.port}/token",
    )
    with (
        store(secure.host, given=ALICE, ca_file=tls.authority, proxies={"http": thief.url}) as repository,
        pytest.raises(AuthenticationError, match="is not https: no credentials are sent there"),
    ):
        repository.resolve("v1")
    assert thief.seen == []


def test_a_plain_registry_cannot_send_credentials_to_another_plain_host(bearer: LoopbackRegistry) -> None:
    bearer.realm = "http://tokens.invalid/token"
    with (
        store(bearer.host, given=ALICE) as repository,
        pytest.raises(AuthenticationError, match="is not https"),  # not TransportError: it was never asked
    ):
        repository.resolve("v1")


@pytest.mark.parametrize("realm", ["", "token", "file:///etc/passwd", "https://user:pw@host/token", "https://a\\@b/"])
def test_a_strange_realm_is_refused(bearer: LoopbackRegistry, realm: str) -> None:
    bearer.on("GET", "/manifests/", error(401, "UNAUTHORIZED", WWW_Authenticate=f'Bearer realm="{realm}"'))
    with (
        store(bearer.host, given=ALICE) as repository,
        pytest.raises(AuthenticationError, match="a token service that cannot be used"),
    ):
        repository.resolve("v1")


def test_redirects_of_a_token_service_are_not_followed(bearer: LoopbackRegistry, thief: LoopbackRegistry) -> None:
    bearer.on("GET", "/token", answer(307, Location=f"{thief.url}/token"))
    with store(bearer.host, given=ALICE) as repository, pytest.raises(AuthenticationError, match="answered 307"):
        repository.resolve("v1")
    assert thief.seen == []


@pytest.mark.parametrize(
    "body",
    [b'{"token":null,"access_token":"T","scale":1.5}', b'{"token":"T","expires_in":null,"x":{"y":1e400}}'],
)
def test_ignores_unknown_members_of_an_answer(bearer: LoopbackRegistry, body: bytes) -> None:
    bearer.on("GET", "/token", answer(200, body))
    with store(bearer.host, given=ALICE) as repository, pytest.raises(AuthenticationError, match="refused alice"):
        repository.resolve("v1")  # the token is shown, and is not the registry's


def test_a_member_of_another_type_is_named(bearer: LoopbackRegistry) -> None:
    bearer.on("GET", "/token", answer(200, b'{"token":"T","expires_in":"300"}'))
    with store(bearer.host, given=ALICE) as repository, pytest.raises(AuthenticationError, match="expires_in: is a st"):
        repository.resolve("v1")


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"<html>", b"{}", b'{"token":""}', b'{"token":1}', b'{"token":"a\\r\\nX: y"}']
)
def test_an_answer_without_a_token_is_named(bearer: LoopbackRegistry, body: bytes) -> None:
    bearer.on("GET", "/token", answer(200, body))
    with store(bearer.host, given=ALICE) as repository, pytest.raises(AuthenticationError, match="cannot be used"):
        repository.resolve("v1")


def test_a_busy_token_service_is_asked_again(bearer: LoopbackRegistry) -> None:
    bearer.on("GET", "/token", answer(503), times=2)
    with store(bearer.host, given=ALICE) as repository:
        assert repository.resolve("v1").size
    assert len(bearer.requests("GET", "/token")) == 3


def test_access_token_is_a_token(bearer: LoopbackRegistry) -> None:
    bearer.tokens["abc"] = ("repository:app:pull",)
    bearer.on("GET", "/token", answer(200, b'{"access_token":"abc"}'))
    with store(bearer.host, given=ALICE) as repository:
        assert repository.resolve("v1").size
    assert bearer.seen[-1].authorization == "Bearer abc"


def test_401_and_403_are_errors(bearer: LoopbackRegistry) -> None:
    bearer.on("GET", "/referrers/", error(403, "DENIED"))
    with store(bearer.host, given=ALICE) as repository, pytest.raises(AuthenticationError):
        repository.finder.find(Digest.of(b"x"))


def test_refuses_an_unknown_scheme(registry: LoopbackRegistry) -> None:
    registry.on("GET", "", error(401, "UNAUTHORIZED", WWW_Authenticate="Negotiate"))
    with store(registry.host, given=ALICE) as repository, pytest.raises(AuthenticationError):
        repository.resolve("v1")
    assert len(registry.seen) == 1


def test_sends_no_authorization_without_a_challenge(registry: LoopbackRegistry) -> None:
    registry.put_image("app", tag="v1")
    with store(registry.host, given=ALICE) as repository:
        repository.resolve("v1")
    assert registry.seen[0].authorization is None


def test_no_notice_and_no_error_holds_a_secret(bearer: LoopbackRegistry) -> None:
    bearer.on("GET", "/manifests/", answer(500))
    diary = Diary()
    with store(bearer.host, given=ALICE, diary=diary) as repository, pytest.raises(RegistryError) as caught:
        repository.resolve("v1")
    told = "".join([*diary.notices, str(caught.value), str(caught.value.facts), caught.value.remedy])
    assert not any(secret in told for secret in ("secret-of-alice", *bearer.tokens))


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('Basic realm="x"', [("basic", {"realm": "x"})]),
        (
            'bearer REALM="a",Service="b c",scope="x:y:pull,push"',
            [("bearer", {"realm": "a", "service": "b c", "scope": "x:y:pull,push"})],
        ),
        ('Bearer realm="a", Basic realm="b"', [("bearer", {"realm": "a"}), ("basic", {"realm": "b"})]),
        ("Negotiate, Basic realm=plain", [("negotiate", {}), ("basic", {"realm": "plain"})]),
        ('Basic realm="with \\"quotes\\", and commas"', [("basic", {"realm": 'with "quotes", and commas'})]),
        ('Bearer realm="first",realm="second"', [("bearer", {"realm": "first"})]),
        ("", []),
        ('"', []),
        ('Bearer realm="never closed', [("bearer", {})]),
    ],
)
def test_parses_challenges(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    """RFC 9110, section 11.6.1"""
    found = [(item.scheme, dict(item.parameters)) for item in parse_challenges(header)]
    assert found[: len(expected)] == expected
    if not expected:
        assert found == []
