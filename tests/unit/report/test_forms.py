"""Report files: every form says the verdict, whatever names and texts are in it."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.errors import UsageError
from airgap.oci.digest import Digest
from airgap.problem import Problem
from airgap.report.details import Detail
from airgap.report.forms import ReportForm, judged_pieces, report_form
from airgap.report.judged_run import JudgedItem, JudgedRun
from airgap.verdict import Verdict

DIGEST = Digest.parse(f"sha256:{'ab' * 32}")
CODES = {Verdict.PASS: 0, Verdict.FAIL: 14, Verdict.INDETERMINATE: 15, Verdict.SKIPPED: 0}
HOSTILE = "<script>alert(1)</script>&\"'\x1b[31m\ufffe\x00]]>"


def item(verdict: Verdict = Verdict.PASS, name: str = "trip:v1", **more: Any) -> JudgedItem:
    cause = Detail("bad", f"revocation: {name}", "revocation.revoked", "Do not use it.", (("at", name),))
    given: dict[str, Any] = {"digest": DIGEST, "facts": (("signed by", name),), "notes": (name,)}
    given |= {"causes": (cause,) if CODES[verdict] else (), "is_wholly_good": verdict is Verdict.PASS}
    return JudgedItem(
        name=name,
        verdict=verdict,
        exit_code=CODES[verdict],
        document=lambda: {"reference": name, "verdict": verdict.value},
        **{**given, **more},
    )


def run(*items: JudgedItem, exit_code: int | None = None, problems: tuple[Problem, ...] = ()) -> JudgedRun:
    codes = [one.exit_code for one in items] + [problem.exit_code for problem in problems]
    worst = max(codes, default=0)
    verdict = Verdict.FAIL if 14 in codes else Verdict.INDETERMINATE if worst else Verdict.PASS
    return JudgedRun(
        command="airgap verify",
        headline=f"{verdict.value.upper()}: as it is",
        exit_code=worst if exit_code is None else exit_code,
        verdict=verdict,
        judged=datetime(2026, 6, 1, tzinfo=UTC),
        trust={"policy_digest": f"sha256:{'cd' * 32}"},
        facts=("checked as of 2026-06-01T00:00:00Z",),
        verdicts=Counter(one.verdict for one in items),
        items=lambda: items,
        problems=problems,
        heading=lambda: {"schema": "airgap.verify/1"},
    )


def text(made: JudgedRun, form: ReportForm) -> str:
    whole = "".join(judged_pieces(made, form))
    assert whole.isascii()
    return whole


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("r.json", ReportForm.JSON),
        ("report", ReportForm.JSON),
        ("r.NDJSON", ReportForm.LINES),
        ("r.jsonl", ReportForm.LINES),
        ("r.HTML", ReportForm.PAGE),
        ("r.htm", ReportForm.PAGE),
        ("r.xml", ReportForm.JUNIT),
        ("r.intoto.jsonl", ReportForm.SUMMARY),
    ],
)
def test_the_ending_is_the_form(name: str, form: ReportForm) -> None:
    assert report_form(Path(name)) is form


@pytest.mark.parametrize("name", ["r.pdf", "r.txt", "r.YAML", "r.sarif"])
def test_the_ending_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="no report in the form of"):
        report_form(Path(name))


verdicts = st.sampled_from(list(CODES))


@given(st.lists(verdicts, max_size=6), st.sampled_from([0, 1, 10, 16, 20]), st.booleans())
def test_a_build_server_never_sees_a_success_that_is_none(found: list[Verdict], code: int, has_problem: bool) -> None:
    problems = (Problem(message="cannot read it", exit_code=16),) if has_problem else ()
    made = run(*(item(verdict) for verdict in found), problems=problems)
    if not made.exit_code and code:
        made = run(*(item(verdict) for verdict in found), problems=problems, exit_code=code)
    root = ET.fromstring(text(made, ReportForm.JUNIT))  # noqa: S314 - our own
    (suite,) = root
    failures, errors = suite.findall(".//failure"), suite.findall(".//error")
    assert (len(failures) + len(errors) > 0) == (made.exit_code != 0 or not found)
    assert (int(suite.attrib["failures"]), int(suite.attrib["errors"])) == (len(failures), len(errors))
    assert int(suite.attrib["tests"]) == len(suite.findall("testcase"))
    assert int(suite.attrib["skipped"]) == len(suite.findall(".//skipped")) == found.count(Verdict.SKIPPED)


def test_junit_says_cause_place_and_remedy() -> None:
    root = ET.fromstring(text(run(item(Verdict.FAIL)), ReportForm.JUNIT))  # noqa: S314 - our own
    failure = root.find(".//failure")
    assert failure is not None
    assert failure.attrib["type"] == "revocation.revoked"
    assert failure.text == "revocation: trip:v1 [revocation.revoked]\n  at: trip:v1\n  -> Do not use it."


@given(st.text(max_size=40))
def test_no_text_breaks_the_xml(name: str) -> None:
    root = ET.fromstring(text(run(item(Verdict.FAIL, name)), ReportForm.JUNIT))  # noqa: S314 - our own
    assert len(root.findall(".//testcase")) == 1


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.links += [str(value) for name, value in attrs if name in {"href", "src", "onclick", "onload"}]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


@given(st.one_of(st.just(HOSTILE), st.text(max_size=40)), verdicts)
def test_no_text_gets_out_of_its_place_in_the_page(name: str, verdict: Verdict) -> None:
    parser = _Tags()
    parser.feed(text(run(item(verdict, name)), ReportForm.PAGE))
    assert parser.open == []
    assert parser.links == []
    assert "script" not in parser.seen


def test_the_page_begins_with_the_verdict_and_what_failed() -> None:
    page = text(run(item(name="good:v1"), item(Verdict.FAIL, "bad:v1")), ReportForm.PAGE)
    places = [page.index(word) for word in ("FAIL: as it is", "What is not good", "bad:v1", "Everything", "good:v1")]
    assert places == sorted(places)
    assert "What to do: Do not use it." in page
    assert 'class="verdict fail"' in page


def test_a_run_that_failed_after_all_passed_is_not_shown_as_passed() -> None:
    page = text(run(item(), exit_code=1), ReportForm.PAGE)
    assert 'class="verdict fail"' in page
    assert 'class="verdict pass"' not in page
    assert "Exit code 1." in page


def test_lines_have_the_run_first_and_each_artifact() -> None:
    first, *others = map(json.loads, text(run(item(), item(Verdict.FAIL, "b:2")), ReportForm.LINES).splitlines())
    assert first == {"line": "run", "artifact_lines": 2, "schema": "airgap.verify/1"}
    assert [(one["line"], one["reference"], one["verdict"]) for one in others] == [
        ("artifact", "trip:v1", "pass"),
        ("artifact", "b:2", "fail"),
    ]


@pytest.mark.parametrize("verdict", list(CODES))
def test_only_a_pass_is_passed_in_a_summary(verdict: Verdict) -> None:
    made = run(item(verdict, scope="registry.example/app", signatures=(DIGEST,)))
    (statement,) = map(json.loads, text(made, ReportForm.SUMMARY).splitlines())
    predicate = statement["predicate"]
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/verification_summary/v1"
    assert statement["subject"] == [{"name": "trip:v1", "digest": {"sha256": "ab" * 32}}]
    assert predicate["resourceUri"] == f"registry.example/app@{DIGEST}"
    assert predicate["policy"]["digest"] == {"sha256": "cd" * 32}
    assert predicate["verificationResult"] == ("PASSED" if verdict is Verdict.PASS else "FAILED")
    assert (predicate["verifiedLevels"] == ["FAILED"]) == (verdict is not Verdict.PASS)


def test_only_what_was_judged_as_a_whole_is_passed_in_a_summary() -> None:
    unread = Problem(message="cannot read it", exit_code=16)
    for made in (run(item(is_wholly_good=False)), run(item(), problems=(unread,))):
        (statement,) = map(json.loads, text(made, ReportForm.SUMMARY).splitlines())
        assert statement["predicate"]["verificationResult"] == "FAILED"


def test_warnings_about_the_run_are_in_every_form() -> None:
    made = replace(run(item()), warnings=(Problem(message="evidence was left out"),))
    for form in (ReportForm.JUNIT, ReportForm.PAGE):
        assert "evidence was left out" in text(made, form)


def test_a_file_without_a_digest_has_no_summary() -> None:
    assert text(run(item(Verdict.FAIL, digest=None)), ReportForm.SUMMARY) == ""
