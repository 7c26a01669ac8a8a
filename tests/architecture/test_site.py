"""The site of the documents: nothing is loaded from outside, and what it needs is there."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = sorted((ROOT / "docs").rglob("*.svg"))


def test_the_settings_load_no_fonts_from_outside_and_need_no_server() -> None:
    settings = (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
    for needed in ("use_directory_urls: false", "font: false", "- offline", "strict: true"):
        assert needed in settings


def test_each_section_of_the_documents_is_in_the_navigation() -> None:
    hooks = (ROOT / "docs/site_pages.py").read_text(encoding="utf-8")
    (listed,) = re.findall(r"^_SECTIONS: Final = \((.+)\)$", hooks, re.MULTILINE)
    folders = {path.parent.relative_to(ROOT / "docs").parts[0] for path in (ROOT / "docs").glob("*/**/*.md")}
    assert set(re.findall(r'"([^"]+)"', listed)) == folders


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: str(path.name))
def test_pictures_have_words_and_nothing_from_outside(picture: Path) -> None:
    root = ET.parse(picture).getroot()  # noqa: S314 - our own
    names = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert {"title", "desc"} <= names
    assert not names & {"script", "image", "foreignObject", "use"}
    assert "http" not in picture.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
