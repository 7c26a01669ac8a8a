"""The documentation is true where a test can tell."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from airgap.cli.app import app

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "layouts").glob("*.md")])
_TEST = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
_LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")
_INDENTED = re.compile(r"^(?: {4}|\t)(.*(?:\\\n.*)*)$", re.MULTILINE)
_FENCED = re.compile(r"^```(?:sh|bash|console|shell)?\n(.*?)^```", re.MULTILINE | re.DOTALL)
_ENDS_COMMAND = re.compile(r"[|;&<>()#]")


def test_the_threat_model_names_tests_that_exist() -> None:
    page = (ROOT / "docs/explanation/threat-model.md").read_text(encoding="utf-8")
    named = _TEST.findall(page)
    assert len(named) > 20
    for path, name in named:
        assert re.search(rf"def {name}\b", (ROOT / path).read_text(encoding="utf-8")), f"{path}::{name}"


def test_modules_that_are_named_exist() -> None:
    """In the page about the architecture, and in what modules say of each other."""
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / "airgap").rglob("*.py")]
    for path in [ROOT / "docs/explanation/architecture.md", *(ROOT / "airgap").rglob("*.py")]:
        for name in re.findall(r"(?<![\w./*])[\w/]+\.py\b", path.read_text(encoding="utf-8")):
            assert any(module.endswith(f"/{name}") for module in modules), f"{path.relative_to(ROOT)}: {name}"


def test_decisions_that_are_named_exist() -> None:
    """In code, tests and pages, by their numbers."""
    known = {path.name[:4] for path in (ROOT / "docs/decisions").glob("[0-9]*.md")}
    for path in [*PAGES, *(file for folder in ("airgap", "tests", "fuzz") for file in (ROOT / folder).rglob("*.py"))]:
        named = re.findall(r"\bdecisions? ((?:\d{4}|, | and )+)", path.read_text(encoding="utf-8"))
        assert set(re.findall(r"\d{4}", " ".join(named))) <= known, path.relative_to(ROOT)


def test_the_folder_net_names_all_its_modules() -> None:
    """Its docstring is the list of them, by what they are for."""
    folder = ROOT / "airgap/net"
    named = set(re.findall(r"\w+\.py", (folder / "__init__.py").read_text(encoding="utf-8")))
    assert named == {path.name for path in folder.glob("*.py")} - {"__init__.py"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_has_a_target(page: Path) -> None:
    for target in _LINK.findall(page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.relative_to(ROOT)}: {target}"


def test_every_page_is_reachable_from_the_index() -> None:
    seen: set[Path] = set()
    queue = [ROOT / "docs/README.md"]
    while queue:
        page = queue.pop()
        if page in seen or page.suffix != ".md":
            continue
        seen.add(page)
        queue += [(page.parent / link).resolve() for link in _LINK.findall(page.read_text(encoding="utf-8"))]
    lost = {str(page.relative_to(ROOT)) for page in (ROOT / "docs").rglob("*.md") if page.resolve() not in seen}
    assert not lost


def commands_of(page: Path) -> list[list[str]]:
    """The words of every `airgap` command that a page shows."""
    text = page.read_text(encoding="utf-8")
    code = "\n".join([*_INDENTED.findall(text), *_FENCED.findall(text)]).replace("\\\n", " ")
    lines = [line.strip().removeprefix("$ ") for line in code.splitlines()]
    return [_ENDS_COMMAND.split(line)[0].split() for line in lines if line.startswith("airgap ")]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_their_options_exist(page: Path) -> None:
    for words in commands_of(page):
        command, rest = get_command(app), words[1:]
        context = Context(command, info_name="airgap")
        while isinstance(command, TyperGroup) and rest and not rest[0].startswith("-"):
            found = command.get_command(context, rest.pop(0))
            assert found is not None, f"{page.name}: {' '.join(words)}"
            command = found
        known = {name for option in command.get_params(context) for name in (*option.opts, *option.secondary_opts)}
        stated = {word.partition("=")[0] for word in rest if word.startswith("--")}
        assert stated <= known, f"{page.name}: {' '.join(words)}: {sorted(stated - known)}"
