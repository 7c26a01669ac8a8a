"""Not looked is not good: an audit that could not ask about something fails."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest

from distribution.audit import audit, check_audited, judged
from distribution.tools import BuildError

GOOD = {"name": "a.b", "version": "1.0", "vulns": []}
BAD = {"name": "c", "version": "2.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.1", "3.0"]}]}
SKIPPED = {"name": "d", "skip_reason": "Dependency not found and could not be audited"}


def of(*entries: dict[str, Any], locked: tuple[str, ...]) -> str:
    return check_audited(judged({"dependencies": [*entries], "fixes": []}, set(locked)))


def test_all_that_was_asked_about_without_faults_is_good() -> None:
    assert of(GOOD, locked=("a-b",)) == "no known faults in 1 distributions"


def test_a_known_fault_is_named_with_the_versions_without_it() -> None:
    with pytest.raises(BuildError, match=r"^known faults:\nc 2\.0: PYSEC-1, without it: 2\.1, 3\.0$"):
        of(GOOD, BAD, SKIPPED, locked=("a-b", "c", "d"))


def test_what_was_skipped_is_not_good() -> None:
    with pytest.raises(BuildError, match=r"could not look for 1 of 2 distributions, such as d\. NOT AUDITED"):
        of(GOOD, SKIPPED, locked=("a-b", "d"))


def test_what_the_answer_leaves_out_is_not_good() -> None:
    with pytest.raises(BuildError, match=r"could not look for 1 of 2 distributions, such as e"):
        of(GOOD, locked=("a-b", "e"))


@pytest.mark.parametrize("said", ["", "Traceback"])
def test_without_a_database_it_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, said: str) -> None:
    ran = subprocess.CompletedProcess([], 0, stdout=said, stderr="first\nno route to host\n")
    monkeypatch.setattr(subprocess, "run", lambda *_words, **_options: ran)
    with pytest.raises(BuildError, match=r"could not look: .* NOT AUDITED\.\nno route to host"):
        audit(tmp_path / "constraints.txt")
