"""The public names of the library: there, documented, and the only ones that the command line uses."""

from __future__ import annotations

import ast
import inspect
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import pytest

from airgap.exports import PUBLIC

ROOT = Path(__file__).resolve().parents[2]
COMMANDS = sorted((ROOT / "airgap" / "cli").glob("*.py"))
INNER = sorted(path for path in (ROOT / "airgap").rglob("*.py") if "cli" not in path.relative_to(ROOT / "airgap").parts)
LAZY = [module for module in PUBLIC if hasattr(import_module(module), "__path__")]
"""Those that are folders: what they name is defined elsewhere."""
GIVEN = {name: getattr(import_module(module), name) for module in PUBLIC for name in import_module(module).__all__}
"""What each public name is."""
VALUES = import_module("airgap.values").__all__
OF_OTHERS = {"Registry", "EllipticCurvePrivateKey", "RSAPrivateKey"}
"""Types of other libraries, which their users have when they hand them over."""


def documented() -> dict[str, set[str]]:
    """The names in the tables of library.md, by module: each table is below a heading that names it."""
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
    """A contract: a name that goes away breaks its users, and one without documentation is not public."""
    module = import_module(name)
    for public in module.__all__:
        assert getattr(module, public) is not None
    assert set(module.__all__) - {"__version__"} == documented()[name]
    with pytest.raises(AttributeError):
        module.nothing  # noqa: B018


def test_every_name_is_in_one_module() -> None:
    """But for the root of errors, which users look for in both."""
    names = [name for module in PUBLIC for name in import_module(module).__all__]
    assert {name for name in names if names.count(name) > 1} == {"AirgapError"}


@pytest.mark.parametrize("module", LAZY)
def test_no_name_is_that_of_a_module_in_its_folder(module: str) -> None:
    """Once such a module is loaded, Python gives the module for the name."""
    assert [name for name in import_module(module).__all__ if find_spec(f"{module}.{name}")] == []


def test_importing_public_modules_is_cheap() -> None:
    script = f"import sys, {', '.join(LAZY)}\nprint(*(name for name in sys.modules if name.startswith('airgap')))"
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert set(ran.stdout.split()) == {*LAZY, "airgap.exports"}


def parts(hint: Any) -> Iterator[Any]:
    """The types that an annotation is made of."""
    inner = get_args(hint) if get_origin(hint) is not Literal else ()
    if get_origin(hint) is not None and not inner:
        return
    if not inner:
        yield hint
    for part in inner:
        yield from (kind for item in part for kind in parts(item)) if isinstance(part, list) else parts(part)


def hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a function, or of what makes an object of a dataclass; those of `TYPE_CHECKING` as well."""
    names: dict[str, Any] = {}
    for part in getattr(function, "__mro__", (function,)):  # a dataclass has the fields of its base as well
        names |= imported_for_types(getattr(sys.modules[part.__module__], "__file__", None))
    return get_type_hints(function, localns=names)


@cache
def imported_for_types(file: str | None) -> dict[str, Any]:
    """What a module imports below `if TYPE_CHECKING`, by name."""
    names: dict[str, Any] = {}
    if file is None or "TYPE_CHECKING:" not in (text := Path(file).read_text(encoding="utf-8")):
        return names
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for item in (item for item in node.body if isinstance(item, ast.ImportFrom)):
                home = import_module(str(item.module))
                names |= {alias.name: getattr(home, alias.name, None) for alias in item.names}
    return names


@cache
def all_callables() -> tuple[tuple[str, Callable[..., Any]], ...]:
    return tuple(callables())


def callables() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Every public function, what makes objects that users make, and what users write for a protocol."""
    results = {kind for value in GIVEN.values() if inspect.isfunction(value) for kind in parts(hints(value)["return"])}
    for name, value in GIVEN.items():
        if inspect.isfunction(value):
            yield name, value
        elif getattr(value, "_is_protocol", False):
            members = {key: item for key, item in vars(value).items() if not key.startswith("_")}
            functions = {key: item.fget if isinstance(item, property) else item for key, item in members.items()}
            yield from ((f"{name}.{key}", item) for key, item in functions.items() if inspect.isfunction(item))
        elif inspect.isclass(value) and is_dataclass(value) and name not in VALUES and value not in results:
            yield name, value


def is_typed(kind: Any) -> bool:
    """Whether a reader of a signature can name this type: it is public, or Python's own."""
    if kind in GIVEN.values() or kind in vars(import_module("airgap.transfer.events")).values():
        return True
    module = getattr(kind, "__module__", "builtins")
    return module.partition(".")[0] in sys.stdlib_module_names or kind.__name__ in OF_OTHERS


@pytest.mark.parametrize(
    ("name", "function"), all_callables(), ids=lambda value: value if isinstance(value, str) else ""
)
def test_every_type_in_a_public_signature_is_public(name: str, function: Callable[..., Any]) -> None:
    """Who cannot name what a function returns cannot write a function about it, and must use what may change."""
    kinds = {kind for hint in hints(function).values() for kind in parts(hint) if not isinstance(kind, TypeVar | str)}
    assert [kind for kind in kinds if kind is not Ellipsis and not is_typed(kind)] == [], name


def test_every_type_for_annotations_is_in_a_signature() -> None:
    """Else its name is not needed."""
    kinds = {kind for _, function in all_callables() for hint in hints(function).values() for kind in parts(hint)}
    assert [name for name in VALUES if GIVEN[name] not in kinds] == []


def test_the_decision_says_how_many_names_are_public() -> None:
    said = " ".join(
        (ROOT / "docs/decisions/0034-public-names-are-in-a-few-modules.md").read_text(encoding="utf-8").split()
    )
    assert f"{len(GIVEN) - len(VALUES)} names are a contract" in said
    assert f"the {len(VALUES)} types of `airgap.values`" in said
    assert f"`airgap` itself has {len(import_module('airgap').__all__)}:" in said


def dotted(node: ast.expr) -> str:
    """`a.b.c` as it is written; empty where it is not made of names alone."""
    if isinstance(node, ast.Name):
        return node.id
    above = dotted(node.value) if isinstance(node, ast.Attribute) else ""
    return f"{above}.{node.attr}" if above and isinstance(node, ast.Attribute) else ""


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
            whole = dotted(node)
            if whole.startswith("airgap."):
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


def test_public_and_private_names_are_distinguished() -> None:
    assert not is_public("airgap.trust.directory", "locate")
    assert not is_public("airgap.trust.directory", "")
    assert not is_public("airgap.trust", "StagedSwap")
    assert not is_public("airgap", "stages")
    assert is_public("airgap.trust", "locate")
    assert is_public("airgap.Content", "ALL")


def test_modules_import_from_where_a_name_is_defined() -> None:
    """Public modules may name what is on higher floors: they are for those above all floors."""
    through = {
        f"{path.relative_to(ROOT)}: {module}.{name}"
        for path in INNER
        for module, name in uses(path)
        if module in LAZY and name in import_module(module).__all__ and name != "__version__"
    }
    assert through == set()
