from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.registry import LoopbackRegistry
from tests.support.tls import TlsFiles, make_tls_files


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        yield running


@pytest.fixture
def other() -> Iterator[LoopbackRegistry]:
    """Another host: storage, or an attacker."""
    with LoopbackRegistry() as running:
        yield running


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> TlsFiles:
    return make_tls_files(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def secure(tls: TlsFiles) -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry(tls=tls.server_context()) as running:
        yield running
