from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.registry import LoopbackRegistry
from tests.support.tools import distribution


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the credentials or proxies of the user who runs it."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(autouse=True)
def _no_other_writers(monkeypatch: pytest.MonkeyPatch) -> None:
    """How long a copy waits for other writers of a referrers tag is tested in tests/net."""
    monkeypatch.setattr("airgap.net.referrers_tags._QUIET_SECONDS", 0.01)


@pytest.fixture(params=[True, False], ids=["referrers-API", "referrers-tag"])
def registry(request: pytest.FixtureRequest) -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        running.referrers_api = request.param
        yield running


@pytest.fixture
def target() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        yield running


@pytest.fixture(scope="session", name="distribution")
def _distribution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with distribution(tmp_path_factory.mktemp("distribution")) as host:
        yield host
