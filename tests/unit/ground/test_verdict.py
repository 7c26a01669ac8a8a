"""airgap.verdict: the best of alternatives counts, and the worst of what must all hold."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.report.snapshots import SnapshotReport
from airgap.report.style import Style
from airgap.verdict import Ruling, Verdict, all_of, best_of, unless, worst_first

GOOD, BAD = Ruling(Verdict.PASS), Ruling(Verdict.FAIL, frozenset({13}))
OPEN, SKIPPED = Ruling(Verdict.INDETERMINATE, frozenset({15})), Ruling(Verdict.SKIPPED)
RULINGS = st.lists(st.sampled_from([GOOD, BAD, OPEN, SKIPPED]))


@pytest.mark.parametrize(
    ("parts", "verdict", "code"),
    [
        ([], Verdict.FAIL, 1),
        ([GOOD], Verdict.PASS, 0),
        ([SKIPPED], Verdict.SKIPPED, 0),
        ([GOOD, SKIPPED], Verdict.PASS, 0),
        ([GOOD, OPEN], Verdict.INDETERMINATE, 15),
        ([SKIPPED, OPEN], Verdict.INDETERMINATE, 15),
        ([OPEN, BAD, GOOD], Verdict.FAIL, 13),
        ([BAD, Ruling(Verdict.FAIL, frozenset({16}))], Verdict.FAIL, 16),
        ([Ruling(Verdict.FAIL)], Verdict.FAIL, 1),
        ([Ruling(Verdict.INDETERMINATE)], Verdict.INDETERMINATE, 15),
        ([Ruling(Verdict.FAIL, frozenset({0}))], Verdict.FAIL, 1),
    ],
)
def test_a_conjunction_is_as_good_as_its_worst_part(parts: list[Ruling], verdict: Verdict, code: int) -> None:
    ruling = all_of(parts)
    assert (ruling.verdict, ruling.exit_code) == (verdict, code)


@given(parts=RULINGS, more=st.sampled_from([GOOD, BAD, OPEN, SKIPPED]))
def test_one_more_part_never_makes_a_verdict_better_except_skipped(parts: list[Ruling], more: Ruling) -> None:
    before, after = all_of(parts), all_of([*parts, more])
    if parts and before.verdict is not Verdict.SKIPPED:
        assert after.verdict.rank >= before.verdict.rank
    assert after.exit_codes == before.exit_codes | more.exit_codes
    assert (after.exit_code == ExitCode.OK) == (after.verdict in {Verdict.PASS, Verdict.SKIPPED})


def test_the_best_alternative_counts() -> None:
    """D27."""
    assert best_of([]) is None
    assert best_of([Verdict.FAIL, Verdict.INDETERMINATE]) is Verdict.INDETERMINATE
    assert best_of([Verdict.FAIL, Verdict.PASS, Verdict.INDETERMINATE]) is Verdict.PASS


@pytest.mark.parametrize("code", [1, 2, 10, 11, 12, 13, 14, 16, 17, 18])
def test_only_missing_evidence_leaves_a_question_open(code: int) -> None:
    """RULE-3: wrong is not unknown, and neither is a pass."""
    assert Ruling.of_code(code).verdict is Verdict.FAIL
    assert Ruling.of_code(15) == OPEN
    assert Ruling.of_code(0) == Ruling(Verdict.FAIL)


def test_nothing_wrong_is_a_pass() -> None:
    assert unless([]) == Ruling(Verdict.PASS)
    assert unless([Ruling.of_code(ExitCode.INDETERMINATE)]).exit_code == ExitCode.INDETERMINATE


def test_the_first_problem_is_one_by_whose_code_the_run_ends() -> None:
    codes = [ExitCode.INDETERMINATE, ExitCode.ROLLBACK, ExitCode.UNTRUSTED, ExitCode.ROLLBACK]
    problems = [Problem(message=str(number), exit_code=code) for number, code in enumerate(codes)]
    assert [problem.message for problem in worst_first(problems)] == ["1", "3", "0", "2"]
    moment = datetime(2026, 6, 1, tzinfo=UTC)
    report = SnapshotReport(command="verify", clock=moment, at=moment, problems=tuple(problems))
    (first, *_) = report.lines(Style())
    assert (first, report.exit_code) == ("REFUSED: do not apply it. 1", ExitCode.ROLLBACK)
