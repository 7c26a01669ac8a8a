from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.registry import LoopbackRegistry


@pytest.fixture
def registry() -> Iterator[LoopbackRegistry]:
    with LoopbackRegistry() as running:
        yield running


@pytest.fixture
def other() -> Iterator[LoopbackRegistry]:
    """Another host: storage, or an attacker."""
    with LoopbackRegistry() as running:
        yield running
