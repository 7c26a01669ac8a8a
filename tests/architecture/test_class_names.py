"""A reader who meets the name of a class or a module knows which one it is."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[2] / "airgap"


def test_no_two_classes_have_one_name() -> None:
    """Except private classes: they are not used outside of their module."""
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for module in sorted(PACKAGE.rglob("*.py")):
        for name in re.findall(r"^ *class ([^\W_]\w*)", module.read_text(encoding="utf-8"), re.MULTILINE):
            homes[name].append(str(module.relative_to(PACKAGE)))
    assert len(homes) > 100
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}


def test_no_two_modules_have_one_name() -> None:
    """A command may be called as the use case that it runs."""
    homes: defaultdict[str, list[str]] = defaultdict(list)
    for module in sorted(PACKAGE.rglob("*.py")):
        if module.name != "__init__.py" and module.parent.name != "cli":
            homes[module.name].append(str(module.relative_to(PACKAGE)))
    assert len(homes) > 100
    assert {name: modules for name, modules in homes.items() if len(modules) > 1} == {}
