"""The other side of the negative cases: what no rule refuses passes, and says what it only logged."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from tests.negative import cases_accepted, cases_accepted_evidence
from tests.negative.cases_accepted import Accepted
from tests.support.command import run_here
from tests.support.scenario import Scene, with_everything

CASES: Final = (*cases_accepted.CASES, *cases_accepted_evidence.CASES)
PAIRS: Final = [(case, form) for case in CASES for form in case.forms]


def _name(pair: tuple[Accepted, str]) -> str:
    case, form = pair
    return f"{case.id}[{form}]" if len(case.forms) > 1 else case.id


@pytest.mark.parametrize(("case", "form"), PAIRS, ids=map(_name, PAIRS))
def test_accepts_what_no_rule_refuses(case: Accepted, form: str, tmp_path: Path) -> None:
    scene = Scene(form=form)
    case.change(scene)
    ran = run_here(scene.write(tmp_path).arguments())
    ran.check_sound()
    assert (ran.code, ran.document["verdict"]) == (0, case.verdict), ran
    logged = frozenset[tuple[str, str]]() if case.verdict == "skipped" else ran.logged()
    assert logged == set(case.logged), ran
    assert set(case.warns) <= {warning["reason"] for warning in ran.document["warnings"]}, ran


@pytest.mark.parametrize("archive", [False, True], ids=["directory", "tar"])
@pytest.mark.parametrize("index", [False, True], ids=["image", "index"])
@pytest.mark.parametrize("form", ["jws", "cose"])
def test_everything_at_once_is_accepted(form: str, index: bool, archive: bool, tmp_path: Path) -> None:
    scene = with_everything(form, index=index, archive=archive)
    ran = run_here(scene.write(tmp_path).arguments())
    ran.check_sound()
    assert (ran.code, ran.document["verdict"]) == (0, "pass"), ran
    (artifact,) = ran.document["artifacts"]
    kinds = {(use["chain"], use["kind"]) for signature in artifact["signatures"] for use in signature["evidence"]}
    assert kinds == {("signing", "crl"), ("tsa", "crl")}


def test_warns_about_a_global_skip(tmp_path: Path) -> None:
    """NEG-141, decision D22: accepted as the reference does, and never called a pass."""
    case = next(case for case in CASES if case.verdict == "skipped")
    scene = Scene()
    case.change(scene)
    ran = run_here(scene.write(tmp_path).arguments())
    (artifact,) = ran.document["artifacts"]
    assert artifact["policy"]["reason"] == "policy.skip"
    assert artifact["policy"]["wildcard"] is True
    assert artifact["content"]["verdict"] == "pass"


def test_ids_are_unique() -> None:
    ids = [case.id for case in CASES]
    assert len(ids) == len(set(ids))
