"""A judgement as JUnit XML, which build servers show: an artifact is a test case.

What failed is a `failure`, what is indeterminate or could not be judged an `error`, what the policy skips `skipped`. A
run that did not end with 0 has a failure or an error in any case, so that no server shows it as passed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from airgap.problem import Problem
from airgap.reasons import REASONS
from airgap.report.finding_text import problem_text
from airgap.report.judged_run import JudgedItem, JudgedRun
from airgap.verdict import Verdict

_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 does not allow, not even escaped."""


def junit_pieces(run: JudgedRun) -> Iterator[str]:
    """The XML."""
    failures, unsure = run.verdicts[Verdict.FAIL], run.verdicts[Verdict.INDETERMINATE]
    beside = list(_beside(run, failures + unsure))
    errors, skipped = unsure + len(beside), run.count - failures - unsure - run.verdicts[Verdict.PASS]
    numbers = f'tests="{run.count + len(beside)}" failures="{failures}" errors="{errors}" skipped="{skipped}"'
    stamp = f' timestamp="{run.moment.removesuffix("Z")}"' if run.moment else ""
    yield '<?xml version="1.0" encoding="UTF-8"?>\n'
    yield f"<testsuites name={_attribute(run.command)} {numbers}>\n"
    yield f"<testsuite name={_attribute(run.command)} {numbers}{stamp}>\n<properties>\n"
    for name, value in (("verdict", run.headline), ("exit code", str(run.exit_code)), *_numbered(run.facts)):
        yield f"<property name={_attribute(name)} value={_attribute(value)}/>\n"
    yield "</properties>\n"
    for item in run.items():
        yield from _case(run.command, item)
    for name, message, text in beside:
        yield f"<testcase classname={_attribute(run.command)} name={_attribute(name)}>\n"
        yield f"<error message={_attribute(message)}>{_text(text)}</error>\n</testcase>\n"
    if run.warnings:
        yield f"<system-err>{_text(chr(10).join(map(_whole, run.warnings)))}</system-err>\n"
    yield "</testsuite>\n</testsuites>\n"


def _numbered(facts: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    return ((f"fact {number}", fact) for number, fact in enumerate(facts, 1))


def _beside(run: JudgedRun, not_good: int) -> Iterator[tuple[str, str, str]]:
    """What is no artifact and keeps the run from being good: name, message, text."""
    problems = [problem for problem in run.all_problems if problem.exit_code]
    for problem in problems:
        yield problem.target or "the run", problem.message, _whole(problem)
    if run.exit_code and not problems and not not_good:
        yield "the run", run.headline, run.headline
    elif not run.count and not problems:
        yield "the run", "nothing was judged", run.headline


def _whole(problem: Problem) -> str:
    return "\n".join(text for text in (problem_text(problem), problem.shown_remedy) if text)


def _case(command: str, item: JudgedItem) -> Iterator[str]:
    yield f"<testcase classname={_attribute(command)} name={_attribute(item.name)}>\n"
    causes = [cause for cause in item.causes if cause.reason]
    reason = next((cause.reason for cause in causes if _exit_code(cause.reason) == item.exit_code), "") or ""
    message = next((cause.text for cause in causes if cause.reason == reason), item.verdict.value)
    text = _text("\n".join(_lines(item)))
    match item.verdict:
        case Verdict.PASS:
            pass
        case Verdict.FAIL:
            yield f"<failure type={_attribute(reason)} message={_attribute(message)}>{text}</failure>\n"
        case Verdict.INDETERMINATE:
            yield f"<error type={_attribute(reason)} message={_attribute(message)}>{text}</error>\n"
        case _:
            yield f"<skipped message={_attribute(item.verdict.value)}/>\n"
    said = [str(item.digest or ""), *(f"{name}: {value}" for name, value in item.facts), *item.notes]
    yield f"<system-out>{_text(chr(10).join(said))}</system-out>\n</testcase>\n"


def _exit_code(reason: str | None) -> int | None:
    return REASONS[reason].exit_code if reason and reason in REASONS else None


def _lines(item: JudgedItem) -> Iterator[str]:
    for cause in item.causes:
        yield f"{cause.text} [{cause.reason}]" if cause.reason else cause.text
        yield from (f"  {name}: {value}" for name, value in cause.facts)
        if cause.remedy:
            yield f"  -> {cause.remedy}"


def _attribute(text: str) -> str:
    return quoteattr(_FORBIDDEN.sub("?", text))


def _text(text: str) -> str:
    return escape(_FORBIDDEN.sub("?", text))
