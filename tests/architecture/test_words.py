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
    r"(?<![\"`])belie(f|fs|v\w*)\b": "trust",
    r"what became of": "the result of",
    r"(what|that) \w+ (comes|come|came) to\b": "the result, the verdict of",
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
    r"in silence\b": "without a message",
    r"without a word\b": "without a message",
    r"(lies|lay|lie) (in|at|on|there|beside|between|elsewhere|behind)\b": "is, was, are",
    r"hears? (of|no|less|that|what)\b": "learns, uses",
    r"speaks? (of|for|best)\b": "is about, answers for",
    r"(nobody|somebody|anybody|whoever)\b": "no signer, a person, the operator, the person who",
}
"""What is searched, and what to write instead."""


STORIES = re.compile(
    r"(^|_)(nobody|somebody|anybody|whoever|strangers?|lies|lie|lying|stands?|stood|hears?|heard|speaks?|spoke|told|tells?"
    r"|took|hid|unasked|rubbish|without_a_word|in_silence|astray)(_|$)"
    r"|^(nor|so|and|else|also)_"
    r"|^(?!(.*_)?(that|whose|what|which|as|it|how|since)_(.*_)?(was|were|had|could)_).*_(was|were|had|could)_"
)
"""Names of tests that tell what once went wrong, or that only the reader of the test understands."""


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


@pytest.mark.parametrize("module", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_of_tests_say_the_rule(module: Path) -> None:
    """`test_refuses_a_delta_without_its_base`: what holds, not what was once wrong."""
    names = re.findall(r"^ *def test_(\w+)", module.read_text(encoding="utf-8"), re.MULTILINE)
    assert [name for name in names if STORIES.search(name)] == []


def test_finds_words_across_lines() -> None:
    assert found_in("nothing\n    vouches for it") == {"vouches": "prove, sign, trust"}
    assert found_in("A certificate proves who signed.") == {}


def test_finds_words_in_names() -> None:
    assert found_in("def _way_out(kind: Kind) -> str:") == {"way out": "remedy"}


def test_finds_names_that_tell_a_story() -> None:
    assert STORIES.search("image_under_a_tag_was_not_judged")
    assert STORIES.search("nor_to_a_second_source")
    assert STORIES.search("an_image_was_not_judged_where_it_cannot_be_run")
    assert not STORIES.search("a_tag_is_resolved_from_bytes_that_were_hashed")
