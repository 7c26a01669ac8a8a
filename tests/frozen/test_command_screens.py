"""No screen of a command changes by accident, and the page that shows them is true."""

from __future__ import annotations

import pytest

from airgap.report.style import cells
from tests.frozen.command_screens import PAGE, SITUATIONS, alike, frozen, page, screens, shown


@pytest.mark.parametrize("name", SITUATIONS)
def test_the_screens_are_these(name: str) -> None:
    narrow, wide = screens(name)
    assert alike(narrow).strip() == alike(shown()[name]).strip(), "run `make frozen` if this is on purpose"
    assert alike(wide).strip() == alike(frozen()[name]).strip(), "run `make frozen` if this is on purpose"
    assert max(map(cells, narrow.splitlines())) <= 80
    assert max(map(cells, wide.splitlines())) <= 120


def test_the_page_has_each_situation_and_nothing_else() -> None:
    assert page(shown().items()) == PAGE.read_text(encoding="utf-8")
    assert list(shown()) == list(frozen()) == list(SITUATIONS)
