"""The negative cases, row by row: one deviation from what is accepted, refused for its one reason."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from airgap.reasons import REASONS, ExitCode, most_severe
from tests.negative import (
    cases_chain,
    cases_content,
    cases_cose,
    cases_envelope,
    cases_hostile,
    cases_policy,
    cases_revocation,
    cases_timestamp,
    cases_trust,
)
from tests.support.case import Case
from tests.support.command import Ran, run_here
from tests.support.scenario import Scene

MODULES: Final = (
    cases_envelope,
    cases_cose,
    cases_chain,
    cases_trust,
    cases_timestamp,
    cases_revocation,
    cases_policy,
    cases_content,
    cases_hostile,
)
CASES: Final = [case for module in MODULES for case in module.CASES]
PAIRS: Final = [(case, form) for case in CASES for form in case.forms]


def _name(pair: tuple[Case, str]) -> str:
    case, form = pair
    return f"{case.id}[{form}]" if len(case.forms) > 1 else case.id


def _run(case: Case, form: str, folder: Path, level: str | None = None) -> Ran:
    scene = Scene(form=form, level=level)
    case.change(scene)
    ran = run_here(scene.write(folder).arguments())
    ran.check_sound()
    return ran


def _check(case: Case, ran: Ran) -> None:
    blocking = set(ran.blocking())
    assert set(case.also) <= blocking, (blocking, ran)
    ((check, reason),) = blocking - set(case.also)
    assert check == case.check, (blocking, ran)
    if case.code is not None:
        assert (ran.code, ran.document["verdict"]) == (case.code, "fail"), ran
        return
    assert reason == case.reason or (case.reason.endswith(".") and reason.startswith(case.reason)), (reason, ran)
    code = most_severe({REASONS[reason].exit_code, *(REASONS[also].exit_code for _, also in case.also)})
    assert ran.code == code, ran
    assert ran.document["verdict"] == ("indeterminate" if code == ExitCode.INDETERMINATE else "fail"), ran


@pytest.mark.parametrize("form", ["jws", "cose"])
def test_the_scene_without_a_deviation_is_accepted(form: str, tmp_path: Path) -> None:
    """Without this, every case below could fail for nothing."""
    ran = run_here(Scene(form=form).write(tmp_path).arguments())
    assert (ran.code, ran.document["verdict"], list(ran.blocking())) == (0, "pass", []), ran


@pytest.mark.parametrize(("case", "form"), PAIRS, ids=map(_name, PAIRS))
def test_one_deviation_is_refused_for_its_reason(case: Case, form: str, tmp_path: Path) -> None:
    _check(case, _run(case, form, tmp_path))


FATAL: Final = [(number, case, case.forms[0]) for number, case in enumerate(CASES) if case.fatal]


@pytest.mark.parametrize(("number", "case", "form"), FATAL, ids=[_name((case, form)) for _, case, form in FATAL])
def test_a_fatal_fault_is_fatal_at_every_level(number: int, case: Case, form: str, tmp_path: Path) -> None:
    """Integrity, metadata and plugins cannot be logged away (POLICY-12, VERIFY-17).

    Neither can what is counted as integrity: the payload's match (D5) and the rules of chains (D12). The two levels
    differ in no action about these, so they take turns.
    """
    _check(case, _run(case, form, tmp_path, ("permissive", "audit")[number % 2]))


# Rows that are not about verifying layouts, and where they are proven or why they cannot occur.
ELSEWHERE: Final = {
    124: "plugins run only where they are allowed: tests/unit/verifier/test_plugins, tests/e2e/test_plugins",
    125: "tests/unit/verifier/test_plugins, tests/e2e/test_plugins",
    126: "tests/unit/verifier/test_plugins, tests/e2e/test_plugins",
    127: "tests/unit/verifier/test_plugins, tests/e2e/test_plugins",
    141: "accepted by decision D22, and said aloud: test_accepted_cases",
    142: "blobs: tests/e2e/test_blob, tests/unit/trust",
    143: "blobs: tests/e2e/test_blob",
    144: "blobs: tests/e2e/test_blob",
    156: "registries: no network while verifying",
    157: "registries: no network while verifying; the same entry in a layout is NEG-157 in cases_content",
    158: "registries: no network while verifying",
    160: "supported: test_accepted_cases",
}


def test_every_negative_case_has_a_test() -> None:
    proven = {int(case.id.split("-")[1]) for case in CASES if case.id.startswith("NEG-")}
    assert proven | set(ELSEWHERE) >= set(range(1, 161)), sorted(set(range(1, 161)) - proven - set(ELSEWHERE))
    assert set(ELSEWHERE) - proven - {157} == set(ELSEWHERE) - {157}


def test_ids_are_unique() -> None:
    ids = [case.id for case in CASES]
    assert len(ids) == len(set(ids)), sorted(item for item in ids if ids.count(item) > 1)
