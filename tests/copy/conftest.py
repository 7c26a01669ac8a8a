from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.support.registry import LoopbackRegistry, free_port, wait_for_port
from tests.support.tools import needed


@pytest.fixture(autouse=True)
def _nowhere(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """No test sees the credentials or proxies of whoever runs it."""
    monkeypatch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
    for name in ("DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME", "SOURCE_DATE_EPOCH"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture(params=[True, False], ids=["referrers-API", "referrers-tag"])
def registry(request: pytest.FixtureRequest) -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        running.referrers_api = request.param
        yield running


@pytest.fixture
def target() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        yield running


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Debian's docker-registry: no referrers API, and it takes no index with children missing."""
    found = needed("docker-registry")
    folder = tmp_path_factory.mktemp("distribution")
    port = free_port()
    (folder / "config.yml").write_text(
        f"""version: 0.1
log: {{level: error, accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {folder}/data}}}}
http: {{addr: "127.0.0.1:{port}"}}
"""
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([found, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
        try:
            assert wait_for_port(port, seconds=20), (folder / "log").read_text()
            yield f"127.0.0.1:{port}"
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)
