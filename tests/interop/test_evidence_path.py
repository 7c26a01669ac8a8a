"""The cases about revocation and timestamps again, their evidence brought by `trust fetch` instead of by hand.

Once into the layout beside the image, and once into a trust directory that had none: each case gets the verdict that it
gets with the evidence as it was made. What is no evidence stays behind, so its reason may become "missing".
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

from airgap.stages.fetch import FetchRequest, fetch
from airgap.trust.directory import TrustDirectory
from tests.support.command import Ran, run_here

ROOT: Final = Path(os.environ.get("AIRGAP_INTEROP") or Path(__file__).parents[3] / "shared" / "interop")
CASES: Final = ROOT / "cases"
GROUPS: Final = {"revocation", "timestamp", "authenticTimestamp", "ok"}

if not CASES.is_dir():
    pytest.skip(f"no interop cases at {CASES} (set AIRGAP_INTEROP)", allow_module_level=True)


def _case(name: str) -> dict[str, Any]:
    case: dict[str, Any] = json.loads((CASES / name / "case.json").read_text(encoding="utf-8"))
    return case


NAMES: Final = sorted(
    path.parent.name
    for path in CASES.glob("*/case.json")
    if _case(path.parent.name)["group"] in GROUPS or list(path.parent.glob("config/crls/*"))
)


def _verify(case: dict[str, Any], layout: Path, trust: Path) -> Ran:
    metadata = [part for key, value in case["metadata"].items() for part in ("-m", f"{key}={value}")]
    target = f"oci:{layout}@{case['digest']}"
    return run_here(["verify", target, "--trust", str(trust), "--scope", case["scope"], *metadata, "--format", "json"])


@cache
def _as_made(name: str) -> Ran:
    """With the evidence as it was made."""
    return _verify(_case(name), CASES / name / "layout", CASES / name / "config")


def _fetch(layout: Path, evidence: Path, trust: Path, **where: Any) -> None:
    request = FetchRequest(targets=[str(layout)], at=datetime.now(UTC), offered=[evidence], **where)
    fetch(request, trust=TrustDirectory.open(trust))


@pytest.mark.parametrize("where", ["layout", "directory"])
@pytest.mark.parametrize("name", NAMES)
def test_fetched_evidence_gives_the_same_verdict(tmp_path: Path, name: str, where: str) -> None:
    case = _case(name)
    layout = shutil.copytree(CASES / name / "layout", tmp_path / "layout")
    bare = shutil.copytree(CASES / name / "config", tmp_path / "trust", ignore=shutil.ignore_patterns("crls", "ocsp"))
    if where == "layout":
        _fetch(layout, CASES / name / "config", bare, into=str(layout))
    else:
        _fetch(layout, CASES / name / "config", bare, directory=bare)
    before = _as_made(name)
    after = _verify(case, layout, bare)
    assert (after.code, after.document["verdict"]) == (before.code, before.document["verdict"]), after
    assert after.checks == before.checks


def test_there_is_a_case() -> None:
    assert len(NAMES) > 30
