"""The rules that code, tests and documents cite are in docs/reference/requirements, and its pages are current."""

from __future__ import annotations

import re

import pytest

from tests.architecture import requirements


@pytest.mark.parametrize(("folder", "suffix"), [("airgap", ".py"), ("tests", ".py"), ("docs", ".md")])
def test_every_cited_id_is_in_the_list(folder: str, suffix: str) -> None:
    names = requirements.known()
    cited = requirements.citations(folder, suffix, names)
    assert len(cited) > 50
    assert not {name: files for name, files in cited.items() if name not in names}


def test_no_id_is_in_two_areas() -> None:
    rules = [rule.id for area in requirements.areas() for rule in area.rules]
    assert len(rules) == len(set(rules))


def test_code_cites_every_rule_or_the_list_says_why_not() -> None:
    cited = requirements.citations("airgap", ".py", requirements.known())
    rules = [rule for area in requirements.areas() if not area.cases for rule in area.rules]
    assert not [rule.id for rule in rules if rule.id not in cited and not rule.reason], "cited by no code"
    assert not [rule.id for rule in rules if rule.id in cited and rule.reason], "code cites it: take the reason away"


def test_a_test_cites_every_rule_that_code_cites() -> None:
    known = requirements.known()
    code, tests = (requirements.citations(folder, ".py", known) for folder in ("airgap", "tests"))
    assert not [
        rule.id for area in requirements.areas() for rule in area.rules if rule.id in code and rule.id not in tests
    ]


def test_a_comment_says_what_a_rule_demands() -> None:
    """An id alone sends the reader to the list of rules, comment by comment."""
    alone = re.compile(r'(?:#|""")\s*((?:(?:[A-Z]+-\d+|D\d+)(?:, )?)+)\.?(?:""")?\s*$', re.MULTILINE)
    assert alone.search("if early:  # EARLY-" + "1")
    known = requirements.known()
    for module in (requirements.ROOT / "airgap").rglob("*.py"):
        found = alone.findall(module.read_text(encoding="utf-8"))
        assert not [ids for ids in found if ids.split(", ")[0] in known], module


def test_code_cites_each_rule_where_it_is_implemented() -> None:
    """A range in a docstring claims a whole area, and leads to no line."""
    for module in (requirements.ROOT / "airgap").rglob("*.py"):
        assert requirements.ranges(module.read_text(encoding="utf-8")) == [], module


def test_a_test_cites_every_negative_case() -> None:
    cited = requirements.citations("tests", ".py", requirements.known())
    assert not [rule.id for area in requirements.areas() if area.cases for rule in area.rules if rule.id not in cited]


def test_every_sentence_is_short_and_has_a_source() -> None:
    for area in requirements.areas():
        for rule in area.rules:
            assert rule.sentence.endswith("."), rule.id
            assert len(rule.sentence) <= 220, rule.id
            assert rule.source, rule.id


def test_the_pages_are_current() -> None:
    old = [
        page.name
        for page, text in requirements.pages().items()
        if not page.exists() or page.read_text(encoding="utf-8") != text
    ]
    assert not old, "run `make requirements` and commit the pages"
