"""A registry object of oras-py, logged in and configured, takes part in a copy of ours."""

from __future__ import annotations

import base64
from pathlib import Path

import oras.provider
import pytest

import airgap
from airgap.errors import UsageError
from airgap.net.transport_errors import AuthenticationError
from airgap.values import CopyResult
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry
from tests.support.tls import make_tls_files


def _copy(source: str, target: str, registry: oras.provider.Registry) -> CopyResult:
    transport, credentials = airgap.from_oras(registry)
    request = airgap.CopyRequest(sources=[source], destination=target, at=AT)
    return airgap.copy(request, transport=transport, credentials=credentials)


@pytest.mark.parametrize("scheme", ["basic", "bearer"])
def test_uses_the_login_and_hostname_of_the_client(tmp_path: Path, scheme: str) -> None:
    with LoopbackRegistry() as server:
        digest = server.put_image("app", tag="v1")
        server.auth, server.users = scheme, {"ann": "p:w\u00e9"}
        registry = oras.provider.Registry(hostname=server.host, insecure=True)
        with pytest.raises(AuthenticationError):
            _copy(f"{server.host}/app:v1", str(tmp_path / "none"), registry)
        registry.auth.set_basic_auth("ann", "p:w\u00e9")
        result = _copy(f"{server.host}/app:v1", str(tmp_path / "layout"), registry)
    assert [str(copied.descriptor.digest) for copied in result.artifacts if copied.descriptor] == [digest]


def test_uses_the_token_of_the_client(tmp_path: Path) -> None:
    with LoopbackRegistry() as server:
        server.put_image("app", tag="v1")
        server.auth, server.users = "bearer", {"ann": "pw"}
        server.tokens["a-token"] = ("repository:app:pull",)
        registry = oras.provider.Registry(hostname=server.host, insecure=True)
        registry.auth.set_token_auth("a-token")
        assert _copy(f"{server.host}/app:v1", str(tmp_path / "layout"), registry).exit_code == 0
        assert not server.requests("GET", "^/token")


def test_sends_the_login_to_no_other_registry(tmp_path: Path) -> None:
    with LoopbackRegistry() as server, LoopbackRegistry() as other:
        other.put_image("app", tag="v1")
        other.auth, other.users = "basic", {"ann": "pw"}
        registry = oras.provider.Registry(hostname=server.host, insecure=True)
        registry.auth.set_basic_auth("ann", "pw")
        with pytest.raises(AuthenticationError, match="there are none"):
            _copy(f"{other.host}/app:v1", str(tmp_path / "layout"), registry)
        assert not any(seen.authorization for seen in other.seen)


def test_uses_the_tls_settings_of_the_client(tmp_path: Path) -> None:
    files = make_tls_files(tmp_path)
    with LoopbackRegistry(tls=files.server_context()) as server:
        server.put_image("app", tag="v1")
        reference = f"{server.host}/app:v1"
        with pytest.raises(airgap.AirgapError, match="certificate"):
            _copy(reference, str(tmp_path / "none"), oras.provider.Registry(hostname=server.host))
        for number, verify in enumerate((str(files.authority), False)):
            registry = oras.provider.Registry(hostname=server.host, tls_verify=verify)
            assert _copy(reference, str(tmp_path / f"layout{number}"), registry).exit_code == 0
        registry = oras.provider.Registry(hostname=server.host)
        registry.session.verify = str(files.authority)
        assert _copy(reference, str(tmp_path / "layout"), registry).exit_code == 0


def test_uses_client_certificate_and_proxies_of_the_client() -> None:
    registry = oras.provider.Registry(hostname="registry.example")
    registry.session.cert = ("client.pem", "client.key")
    registry.session.proxies = {"https": "http://proxy.example:3128"}
    transport, _ = airgap.from_oras(registry)
    assert (transport.cert_file, transport.key_file) == (Path("client.pem"), Path("client.key"))
    assert (transport.proxies, transport.plain_http) == ({"https": "http://proxy.example:3128"}, False)
    registry.session.cert = "both.pem"
    assert airgap.from_oras(registry)[0].cert_file == Path("both.pem")


def test_needs_a_hostname() -> None:
    registry = oras.provider.Registry()
    registry.auth.set_basic_auth("ann", "pw")
    with pytest.raises(UsageError, match="no hostname"):
        airgap.from_oras(registry)
    _, credentials = airgap.from_oras(registry, host="registry.example")
    found = credentials.lookup("registry.example").credential
    assert found is not None
    assert (found.username, found.password) == ("ann", "pw")


def test_refuses_a_login_that_cannot_be_used() -> None:
    """A login that is not understood is refused: a copy without it would fail later, for no visible reason."""
    registry = oras.provider.Registry(hostname="registry.example", auth_backend="ecr")
    with pytest.raises(UsageError, match="EcrAuth"):
        airgap.from_oras(registry)
    registry = oras.provider.Registry(hostname="registry.example")
    registry.auth._basic_auth = base64.b64encode(b"\xff\xfe").decode()
    with pytest.raises(UsageError, match="no name and password"):
        airgap.from_oras(registry)
