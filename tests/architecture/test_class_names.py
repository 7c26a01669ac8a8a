"""A reader who meets the name of a class or a module knows which one it is, and it is there."""

from __future__ import annotations

import ast
import builtins
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


def test_a_name_that_is_imported_means_one_thing() -> None:
    """Functions, constants and aliases of types too: a reader meets them far from their module."""
    trees = {_module(path): ast.parse(path.read_text(encoding="utf-8")) for path in PACKAGE.rglob("*.py")}
    imported = {
        module: {
            alias.asname or alias.name: (node.module or "", alias.name)
            for node in ast.walk(tree)
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == PACKAGE.name
            for alias in node.names
        }
        for module, tree in trees.items()
    }
    homes: defaultdict[str, set[str]] = defaultdict(set)
    for names in imported.values():
        for name, place in names.items():
            home = place
            while home[1] in imported.get(home[0], ()):  # what a folder only hands on
                home = imported[home[0]][home[1]]
            homes[name].add(".".join(home))
    assert len(homes) > 1000
    assert {name: places for name, places in homes.items() if len(places) > 1} == {}


def _module(path: Path) -> str:
    return ".".join((PACKAGE.name, *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")


def test_docstrings_name_classes_that_exist() -> None:
    """Also those of other libraries: they are imported where they are named."""
    known: set[str] = set(dir(builtins))
    named: set[tuple[str, str]] = set()
    for module in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
            match node:
                case ast.ClassDef(name=name) | ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                    known.add(name)
                case ast.Constant(value=str(text)):  # names of header fields and of algorithms
                    known.add(text)
                case ast.Expr(value=ast.Constant(value=str(text))):
                    named |= {(module.name, name) for name in re.findall(r"`(?:\w+\.)*([A-Z][a-z]\w+)[.`]", text)}
    assert len(named) > 50
    assert sorted(item for item in named if item[1] not in known) == []
