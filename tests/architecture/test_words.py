"""Words that have no place in this project: each has a plain one, which a reader with little English knows."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
FOLDERS = ("airgap", "benchmarks", "distribution", "fuzz", "mutants", "tests")
_CODE = re.compile(r"```.*?```|`[^`\n]*`|^ {4}.*$", re.DOTALL | re.MULTILINE)

REPLACED = {
    r"vouch\w*": "prove, sign, trust",
    r"(?<![\"`])belie(f|fs|v\w*)\b": "trust",
    r"what became of": "the result of",
    r"(what|that) \w+ (comes|come|came) to\b": "the result, the verdict of",
    r"way out": "remedy",
    r"(its|their)( own)? word\b|the word of (a|the)\b": "it claims, it states",
    r"(un)?heard": "used, reported",
    r"(is|are|was|were|be) told\b": "is reported, shown, distinguished",
    r"held against": "compared with",
    r"its silence": "a missing entry",
    r"(stands?|stood)\b": "is, means, counts, replaces",
    r"lies? in wait": "comes into use later",
    r"for all that (can|it)": "as far as",
    r"riddles?": "an unclear message",
    r"is needless": "is not needed",
    r"in vain": "without an effect",
    r"dossiers?": "the state, the facts",
    r"(?<!evidence\.)astray": "misplaced",
    r"design \d": "a rule (RULE-1) or a decision record",
    r"at hand": "available, in the trust directory or the target",
    r"misfits?": "a wrong file, an unfit one",
    r"in silence\b": "without a message",
    r"without a word\b": "without a message",
    r"(lies|lay|lie) (in|at|on|there|beside|between|elsewhere|behind)\b": "is, was, are",
    r"hears? (of|no|less|that|what)\b": "learns, uses",
    r"speaks? (of|for|best)\b": "is about, answers for",
    r"(nobody|somebody|anybody|whoever)\b": "no signer, a person, the operator, the person who",
    r"(box|boxes|boxed|boxing)\b": "a bundle, a target, evidence artifacts",
}
"""What is searched, and what to write instead."""


STORIES = re.compile(
    r"(^|_)(nobody|somebody|anybody|whoever|strangers?|lies|lie|lying|stands?|stood|hears?|heard|speaks?|spoke|told|tells?"
    r"|took|hid|unasked|rubbish|without_a_word|in_silence|astray)(_|$)"
    r"|^(nor|so|and|else|also)_"
    r"|^(?!(.*_)?(that|whose|what|which|as|it|how|since)_(.*_)?(was|were|had|could)_).*_(was|were|had|could)_"
)
"""Names of tests that tell what once went wrong, or that only the reader of the test understands."""


def modules(folder: str) -> list[Path]:
    """All modules below a folder of the project, but this one."""
    return sorted(path for path in (ROOT / folder).rglob("*.py") if path != Path(__file__).resolve())


_ANY = re.compile("|".join(rf"\b(?:{word})" for word in REPLACED), re.IGNORECASE)


def found_in(text: str) -> dict[str, str]:
    """Each of these words in a text, also in names like `way_out`, with what to write instead."""
    plain = " ".join(text.replace("_", " ").split())
    if not _ANY.search(plain):
        return {}
    return {
        match[0]: instead
        for word, instead in REPLACED.items()
        if (match := re.search(rf"\b{word}", plain, re.IGNORECASE))
    }


def wrong(paths: Sequence[Path], find: Callable[[str], object]) -> dict[str, object]:
    """What `find` finds in each file, by the file's path; nothing where all is well."""
    assert paths
    found = {str(path.relative_to(ROOT)): find(path.read_text(encoding="utf-8")) for path in paths}
    return {path: what for path, what in found.items() if what}


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_code_uses_plain_words(folder: str) -> None:
    """Names, comments, docstrings and messages."""
    assert wrong(modules(folder), found_in) == {}


def test_the_documentation_uses_plain_words() -> None:
    """All text of a page but its code."""
    assert wrong(PAGES, lambda text: found_in(_CODE.sub(" ", text))) == {}


def stories(text: str) -> list[str]:
    """The names of tests in a module that tell a story."""
    return [name for name in re.findall(r"^ *def test_(\w+)", text, re.MULTILINE) if STORIES.search(name)]


@pytest.mark.parametrize("folder", FOLDERS)
def test_names_of_tests_say_the_rule(folder: str) -> None:
    """`test_refuses_a_delta_without_its_base`: what holds, not what was once wrong."""
    assert wrong(modules(folder), stories) == {}


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
