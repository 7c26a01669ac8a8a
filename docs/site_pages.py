"""What the site has beside the pages in this folder: the navigation, and the help of every command.

mkdocs calls these functions (https://www.mkdocs.org/user-guide/plugins/#events).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

from airgap import __version__

HERE: Final = Path(__file__).parent
_HELP: Final = HERE.parent / "tests" / "frozen" / "help.txt"
"""A test holds that this is what the commands print."""
_PACKAGE: Final = HERE.parent / "airgap"
_SHARED: Final = {"schemas": "*.schema.json", "topics": "*.md"}
"""Folders of the package that pages link to, and their files: copied into the site."""
_INTO_PACKAGE: Final = re.compile(r"\]\((?:\.\./)+airgap/(\w+)(/[^)]*)?\)")
_OUTSIDE: Final = re.compile(r'(<script src=")https://unpkg\.com/iframe-worker/shim(")')
_SECTIONS: Final = ("tutorial", "how-to", "reference", "explanation", "decisions")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """The version is in the name of the site and in its folder."""
    config.site_name = f"airgap {__version__}"
    config.site_dir = str(Path(config.site_dir) / __version__)
    config.nav = [{"Start": "README.md"}, *({_title(section): _pages(section)} for section in _SECTIONS)]
    config.nav += [{_title(folder): [f"{folder}/index.md", *_pages_in_package(folder)]} for folder in _SHARED]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds the page with every help text, and what pages link to in the package."""
    files.append(File.generated(config, "reference/help.md", content=_help_page()))
    for folder, pattern in _SHARED.items():
        paths = sorted((_PACKAGE / folder).glob(pattern))
        for path in paths:
            files.append(File.generated(config, f"{folder}/{path.name}", abs_src_path=str(path)))
        files.append(File.generated(config, f"{folder}/index.md", content=_listed(folder, paths)))
    return files


def on_page_markdown(markdown: str, *, page: Any, config: MkDocsConfig, files: Files) -> str:
    """Links into the package lead to the copies."""
    del config, files
    top = "../" * page.file.src_uri.count("/")
    return _INTO_PACKAGE.sub(lambda found: f"]({top}{found[1]}{found[2] or '/index.md'})", markdown)


def _pages_in_package(folder: str) -> list[str]:
    return [f"{folder}/{path.name}" for path in sorted((_PACKAGE / folder).glob("*.md"))]


def _listed(folder: str, paths: list[Path]) -> str:
    return f"# {_title(folder)}\n\n" + "".join(f"- [{path.name}]({path.name})\n" for path in paths)


def on_post_page(output: str, *, page: Any, config: MkDocsConfig) -> str:
    """The search loads nothing from outside: a script of ours takes the place of the one that the theme names."""
    del config
    top = "../" * page.url.count("/")
    return _OUTSIDE.sub(rf"\1{top}assets/file-worker.js\2", output)


def _title(section: str) -> str:
    return section.replace("-", " ").capitalize()


def _pages(section: str) -> list[Any]:
    """The pages of a folder, its own README first, then folders."""
    folder = HERE / section
    pages: list[Any] = [f"{section}/{path.name}" for path in sorted(folder.glob("*.md"))]
    pages.sort(key=lambda page: not page.endswith("/README.md"))
    if section == "reference":
        pages.insert(1, "reference/help.md")
    folders = sorted(path.name for path in folder.iterdir() if path.is_dir())
    return [*pages, *({_title(name): _pages(f"{section}/{name}")} for name in folders)]


def _help_page() -> str:
    parts = re.split(r"^=== (.+)\n", _HELP.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    texts = zip(parts[::2], parts[1::2], strict=True)
    shown = (f"## {command}\n\n```text\n{text.strip()}\n```\n" for command, text in texts)
    return "# The help of every command\n\n" + "\n".join(shown)
