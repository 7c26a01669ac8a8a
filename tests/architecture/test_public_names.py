"""The public names of the library: there, documented, and the only ones that the command line uses."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

from airgap.exports import PUBLIC

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted((ROOT / "airgap" / "cli").glob("*.py"))
INNER = sorted(path for path in (ROOT / "airgap").rglob("*.py") if "cli" not in path.relative_to(ROOT / "airgap").parts)
LAZY = [module for module in PUBLIC if hasattr(import_module(module), "__path__")]
"""Those that are folders: what they name is defined elsewhere."""


def documented() -> dict[str, set[str]]:
    """The names in the tables of library.md, by module: each table stands below a heading that names it."""
    found: dict[str, set[str]] = {}
    module = ""
    for line in (ROOT / "docs/reference/library.md").read_text(encoding="utf-8").splitlines():
        if heading := re.match(r"## .*`(airgap[.\w]*)`", line):
            module = heading[1]
        elif line.startswith("| `"):
            found.setdefault(module, set()).update(re.findall(r"`(\w+)`", line.split("|")[1]))
    return found


@pytest.mark.parametrize("name", PUBLIC)
def test_public_names_are_there_and_in_the_document(name: str) -> None:
    """A contract: a name that goes away breaks its users, and one that nobody documents is not public."""
    module = import_module(name)
    for public in module.__all__:
        assert getattr(module, public) is not None
    assert set(module.__all__) - {"__version__"} == documented()[name]
    with pytest.raises(AttributeError):
        module.nothing  # noqa: B018


def test_every_name_stands_in_one_module() -> None:
    """But for the root of errors, which users look for in both."""
    names = [name for module in PUBLIC for name in import_module(module).__all__]
    assert {name for name in names if names.count(name) > 1} == {"AirgapError"}


@pytest.mark.parametrize("module", LAZY)
def test_no_name_is_that_of_a_module_in_its_folder(module: str) -> None:
    """Once such a module is loaded, Python gives the module for the name."""
    assert [name for name in import_module(module).__all__ if find_spec(f"{module}.{name}")] == []


def test_importing_public_modules_costs_nothing() -> None:
    script = f"import sys, {', '.join(LAZY)}\nprint(*(name for name in sys.modules if name.startswith('airgap')))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(ran.stdout.split()) == {*LAZY, "airgap.exports"}


def uses(path: Path) -> Iterator[tuple[str, str]]:
    """What a module uses of `airgap`: (module, name) for imports and for attributes of imported modules."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "airgap":
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                # a module under a name of its own would hide what is used of it
                yield (f"{whole} under a name of its own", "") if whole in PUBLIC else (node.module or "", alias.name)
        elif isinstance(node, ast.Import):
            for alias in node.names:
                if alias.name.split(".")[0] == "airgap":
                    yield f"{alias.name} under a name of its own" if alias.asname else alias.name, ""
        elif isinstance(node, ast.Attribute):
            whole = ast.unparse(node)
            if re.fullmatch(r"airgap(\.\w+)+", whole):
                module, _, name = whole.rpartition(".")
                yield module, name


def is_public(module: str, name: str) -> bool:
    if module == "airgap.cli" or module.startswith("airgap.cli."):
        return True
    if module not in PUBLIC:
        # the members of what is public are public with it: airgap.Content.ALL, airgap.events.Notice
        above, _, holder = module.rpartition(".")
        return above in PUBLIC and is_public(above, holder) and bool(holder)
    return not name or name in import_module(module).__all__ or f"{module}.{name}" in PUBLIC


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: str(path.stem))
def test_the_command_line_uses_only_public_names(path: Path) -> None:
    """So that whatever a command does, a program can do with the library."""
    assert [f"{module}.{name}" for module, name in uses(path) if not is_public(module, name)] == []


def test_what_is_not_public_is_told() -> None:
    assert not is_public("airgap.trust.directory", "locate")
    assert not is_public("airgap.trust.directory", "")
    assert not is_public("airgap.trust", "StagedSwap")
    assert not is_public("airgap", "stages")
    assert is_public("airgap.trust", "locate")
    assert is_public("airgap.Content", "ALL")


def test_modules_import_from_where_a_name_is_defined() -> None:
    """Public modules may name what stands on higher floors: they are for those above all floors."""
    through = {
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path in INNER
        for module, name in uses(path)
        if module in LAZY and name in import_module(module).__all__ and name != "__version__"
    }
    assert through == set()
