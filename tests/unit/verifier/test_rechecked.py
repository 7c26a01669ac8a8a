"""airgap.verifier.rechecked: what changed follows from both verdicts, and every reason is named once."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from airgap.moment import Moment
from airgap.problem import Problem
from airgap.trust.levels import Check
from airgap.verdict import Verdict
from airgap.verifier.outcome import ArtifactOutcome
from airgap.verifier.rechecked import Basis, Change, Rechecked, RecheckOutcome
from airgap.verifier.recorded import RecordedArtifact
from airgap.verifier.report_reader import parse_report
from tests.unit.verifier.test_outcome import GOOD, NOW, UNSURE, artifact, finding, signature
from tests.unit.verifier.test_report_reader import report

MOMENT = Moment(judged=NOW, clock=NOW)
PASSES, UNDECIDED, FAILS = artifact(GOOD), artifact(UNSURE), artifact(signature(finding(Check.EXPIRY, Verdict.FAIL)))


def recorded(verdict: str) -> RecordedArtifact:
    document = report()
    document["artifacts"][0]["verdict"] = verdict
    return parse_report(json.dumps(document).encode(), "old.json").artifacts[0]


def rechecked(then: str | None, now: ArtifactOutcome, *besides: Problem) -> Rechecked:
    was = None if then is None else recorded(then)
    return Rechecked(basis=Basis.REPORT, was=was, now=now, besides=besides)


@pytest.mark.parametrize(
    ("then", "now", "change"),
    [
        ("pass", PASSES, Change.UNCHANGED),
        ("fail", FAILS, Change.UNCHANGED),
        ("pass", UNDECIDED, Change.WORSE),
        ("pass", FAILS, Change.WORSE),
        ("indeterminate", FAILS, Change.WORSE),
        ("indeterminate", PASSES, Change.BETTER),
        ("fail", UNDECIDED, Change.BETTER),
        (None, PASSES, Change.UNKNOWN),
        (None, FAILS, Change.UNKNOWN),
    ],
)
def test_the_change_follows_from_both_verdicts(then: str | None, now: ArtifactOutcome, change: Change) -> None:
    assert rechecked(then, now).change is change


def test_a_problem_beside_a_good_judgement_counts() -> None:
    problem = Problem(message="it is unproven", exit_code=15, reason="recheck.unproven")
    found = rechecked("pass", PASSES, problem)
    assert (found.verdict, found.change) == (Verdict.INDETERMINATE, Change.WORSE)
    assert [item.reason for item in found.because] == ["recheck.unproven"]


def test_each_reason_is_named_once_with_a_remedy() -> None:
    twice = replace(FAILS, signatures=FAILS.signatures * 2)
    (problem,) = rechecked("pass", twice).because
    assert (problem.reason, bool(problem.shown_remedy)) == ("expiry.passed", True)


def test_an_accepted_artifact_has_no_reasons() -> None:
    assert rechecked("pass", PASSES).because == ()


def test_an_artifact_has_the_name_of_its_report() -> None:
    assert rechecked("pass", PASSES).reference == "stick:v1"
    assert rechecked(None, PASSES).reference == PASSES.reference


@pytest.mark.parametrize(
    ("parts", "verdict"),
    [
        ((PASSES,), Verdict.PASS),
        ((PASSES, UNDECIDED), Verdict.INDETERMINATE),
        ((PASSES, UNDECIDED, FAILS), Verdict.FAIL),
    ],
)
def test_a_run_is_as_good_as_its_worst_artifact(parts: tuple[ArtifactOutcome, ...], verdict: Verdict) -> None:
    artifacts = tuple(rechecked("pass", part) for part in parts)
    assert run(artifacts).verdict is verdict


def test_a_run_without_artifacts_does_not_pass() -> None:
    assert run(()).verdict is not Verdict.PASS


def run(artifacts: tuple[Rechecked, ...]) -> RecheckOutcome:
    return RecheckOutcome(moment=MOMENT, trust={}, artifacts=artifacts)
