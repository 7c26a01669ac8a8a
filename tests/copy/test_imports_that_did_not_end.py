"""An import that is killed while it puts tags has recorded its judgement, and the ledger says that it did not end."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import airgap
from airgap import limits
from airgap.ledger import Import, JudgedArtifact
from tests.copy.test_import import import_, stick
from tests.copy.test_import_kill import many_on_a_stick
from tests.support.clock import set_clock
from tests.support.command import run_here
from tests.support.pki import AT
from tests.support.registry import LoopbackRegistry, then


@pytest.fixture
def _then(monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, AT)


def listed(ledger: Path) -> list[dict[str, Any]]:
    document = run_here(["ledger", "list", "--ledger", str(ledger), "--format", "json"]).document
    return list(document["rows"])


def recheck(ledger: Path, trust: Path) -> dict[str, Any]:
    return run_here(["recheck", "--ledger", str(ledger), "--trust", str(trust), "--format", "json"]).held_to("recheck")


def test_a_kill_while_tags_are_put_is_reported_until_an_import_ends(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written, ledger = many_on_a_stick(tmp_path), tmp_path / "ledger"
    arguments = ["import", "--trust", str(written.trust), "--ledger", str(ledger), str(written.layout), registry.host]
    running: list[subprocess.Popen[bytes]] = []

    def kill() -> None:
        running[0].kill()

    registry.on("PUT", r"/lab/db\d/manifests/v5", then(kill), times=1)
    running.append(subprocess.Popen([sys.executable, "-m", "airgap", *arguments], stderr=subprocess.DEVNULL))
    assert running[0].wait(60) == -9
    assert [tag for found in registry.repositories.values() for tag in found.tags if tag.startswith("v")]
    rows = listed(ledger)
    assert {(row["kind"], row["exit_code"], row["into"], row["unfinished"]) for row in rows} == {
        ("judgement", 0, registry.host, True)
    }
    assert "import did not end" in run_here(["ledger", "list", "--ledger", str(ledger)]).out
    document = recheck(ledger, written.trust)
    assert (document["exit_code"], document["still_good"], len(document["artifacts"])) == (1, 0, len(rows))
    assert "did not end" in document["artifacts"][0]["because"][0]["message"]
    assert run_here(arguments).code == 0
    assert not any(row.get("unfinished") for row in listed(ledger))
    document = recheck(ledger, written.trust)
    assert (document["exit_code"], document["still_good"]) == (0, len(rows))
    assert not any(
        "content" in warning["message"] for warning in document["warnings"] if "not all" in warning["message"]
    )


@pytest.mark.usefixtures("_then")
def test_an_import_is_recorded_once(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written, ledger = stick(tmp_path), tmp_path / "ledger"
    assert import_(written, "--ledger", ledger, written.layout, registry.host).code == 0
    with airgap.Ledger.open(ledger) as opened:
        kinds = [type(row.entry) for row in opened.rows()]
    assert kinds == [JudgedArtifact, JudgedArtifact, Import, Import]


def _locked(ledger: Path) -> Callable[[], None]:
    other = sqlite3.connect(ledger, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")

    def free() -> None:
        other.rollback()
        other.close()

    return free


@pytest.mark.usefixtures("_then")
@pytest.mark.parametrize(("before", "tags"), [("/team/web/blobs/uploads/", 0), ("/team/web/manifests/v1", 2)])
def test_a_ledger_that_cannot_be_written_is_said_as_it_is(
    tmp_path: Path, registry: LoopbackRegistry, monkeypatch: pytest.MonkeyPatch, before: str, tags: int
) -> None:
    """Before the tags nothing is put; after them a row says that this did not end."""
    written, ledger = stick(tmp_path), tmp_path / "ledger"
    airgap.Ledger.open(ledger, write=True).close()
    monkeypatch.setattr(limits, "LEDGER_WAIT_SECONDS", 0.2)
    free: list[Callable[[], None]] = []
    registry.on("PUT" if tags else "POST", before, then(lambda: free.append(_locked(ledger))), times=1)
    ran = import_(written, "--ledger", ledger, written.layout, registry.host)
    free[0]()
    assert (ran.code, "these rows were not written" in ran.err) == (1, True), ran
    put = [tag for found in registry.repositories.values() for tag in found.tags if not tag.startswith("sha256-")]
    assert len(put) == tags
    assert [row["unfinished"] for row in listed(ledger)] == [True] * tags


@pytest.mark.usefixtures("_then")
def test_a_ledger_that_went_away_is_not_made_anew(tmp_path: Path, registry: LoopbackRegistry) -> None:
    written, ledger = stick(tmp_path), tmp_path / "ledger"

    def gone() -> None:
        for path in tmp_path.glob("ledger*"):
            path.unlink()

    registry.on("PUT", "/team/web/manifests/v1", then(gone), times=1)
    ran = import_(written, "--ledger", ledger, written.layout, registry.host)
    assert (ran.code, "there is no ledger" in ran.err, ledger.exists()) == (11, True, False), ran
    assert ran.out.startswith("IMPORTED")
