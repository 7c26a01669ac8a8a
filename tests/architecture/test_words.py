"""Words that have no place in this project: each has a plain one, which a reader with little English knows."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
FOLDERS = ("airgap", "benchmarks", "fuzz", "mutants", "tests")
MODULES = sorted(path for name in FOLDERS for path in (ROOT / name).rglob("*.py") if path != Path(__file__).resolve())
_CODE = re.compile(r"```.*?```|`[^`\n]*`|^ {4}.*$", re.DOTALL | re.MULTILINE)

REPLACED = {
    r"vouch\w*": "prove, sign, trust",
    r"believ\w*": "trust",
    r"what became of": "the result of",
    r"(what|that) \w+ (comes|come|came) to\b": "the result, the verdict of",
    r"nobody (can|could) look": "it cannot be read",
    r"way out": "remedy",
    r"by its own word": "it claims",
    r"(un)?heard": "used, reported",
    r"held against": "compared with",
    r"its silence": "a missing entry",
    r"stands? behind": "follows",
    r"lies? in wait": "comes into use later",
    r"for all that (can|it)": "as far as",
    r"riddles?": "an unclear message",
    r"is needless": "is not needed",
    r"in vain": "without an effect",
    r"dossiers?": "the state, the facts",
    r"(?<!evidence\.)astray": "misplaced",
    r"stands? there": "appears, is there",
    r"design \d": "a rule (RULE-1) or a decision record",
    r"at hand": "available, in the trust directory or the target",
    r"misfits?": "a wrong file, an unfit one",
}
"""What is searched, and what to write instead."""


def found_in(text: str) -> dict[str, str]:
    """Each of these words in a text, also in names like `way_out`, with what to write instead."""
    plain = " ".join(text.replace("_", " ").split())
    return {
        match[0]: instead
        for word, instead in REPLACED.items()
        if (match := re.search(rf"\b{word}", plain, re.IGNORECASE))
    }


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_code_uses_plain_words(module: Path) -> None:
    """Names, comments, docstrings and messages."""
    assert found_in(module.read_text(encoding="utf-8")) == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_documentation_uses_plain_words(page: Path) -> None:
    """All text of a page but its code."""
    assert found_in(_CODE.sub(" ", page.read_text(encoding="utf-8"))) == {}


def test_finds_words_across_lines() -> None:
    assert found_in("nothing\n    vouches for it") == {"vouches": "prove, sign, trust"}
    assert found_in("A certificate proves who signed.") == {}


def test_finds_words_in_names() -> None:
    assert found_in("def _way_out(kind: Kind) -> str:") == {"way out": "remedy"}
