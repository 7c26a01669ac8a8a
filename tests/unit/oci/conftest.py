from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.layouts import LayoutBuilder


@pytest.fixture
def builder() -> LayoutBuilder:
    return LayoutBuilder()


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "layout"
