"""A trust directory that a killed apply left between its two renames: neither there nor absent, in every command."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from airgap.errors import TrustMaterialError
from airgap.trust.generation import settled
from airgap.trust.location import locate
from airgap.trust.snapshots.swap import StagedSwap
from tests.support.command import run_here
from tests.support.scenario import Scene, Written


@pytest.fixture
def killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Written:
    """The old tree has its new name, and the next one does not yet have that of the trust directory."""
    written = Scene().write(tmp_path)
    leave_between(written.trust)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return written


def leave_between(trust: Path) -> None:
    side = StagedSwap(trust).side
    side.mkdir()
    shutil.copytree(trust, side / "next")
    (side / "next" / ".airgap").mkdir()
    (side / "next" / ".airgap" / "generation").write_text("abc")
    journal = {"schema": "airgap.trust-journal/1", "generation": "abc", "undoable": True}
    (side / "journal.json").write_text(json.dumps(journal))
    trust.rename(side / "old")


@pytest.mark.parametrize(
    "command",
    [
        ["trust", "cert", "list"],
        ["trust", "cert", "show", "-t", "ca", "-s", "harbour", "0.pem"],
        ["trust", "policy", "check"],
        ["trust", "policy", "show"],
        ["trust", "pin", "list"],
        ["trust", "status"],
        ["trust", "export", "--for", "notation", "OUT"],
        ["trust", "snapshot", "create", "-o", "OUT"],
    ],
    ids=lambda command: " ".join(command[1:3]),
)
def test_every_reading_command_reports_an_interrupted_exchange(
    killed: Written, command: list[str], tmp_path: Path
) -> None:
    arguments = [str(tmp_path / "out") if item == "OUT" else item for item in command]
    ran = run_here([*arguments, "--trust", str(killed.trust)])
    assert ran.code == 18, ran
    assert "is not there: its exchange for another one was begun and has not ended" in ran.out + ran.err
    assert "run apply or undo again" in ran.out + ran.err
    assert not killed.trust.exists()
    assert not (tmp_path / "out").exists()


def test_verify_reports_an_interrupted_exchange(killed: Written) -> None:
    ran = run_here(killed.arguments())
    assert (ran.code, ran.reasons) == (18, frozenset({"trust.exchanged"}))


@pytest.mark.parametrize(
    "command",
    [
        ["trust", "cert", "add", "--type", "ca", "--store", "more", "CERT"],
        ["trust", "cert", "delete", "-t", "ca", "-s", "harbour", "--all", "--yes"],
        ["trust", "policy", "import", "POLICY", "--force"],
        ["trust", "fetch", "LAYOUT", "--no-download"],
        ["key", "generate", "own", "--store", "own", "--key-config", "KEYS"],
    ],
    ids=lambda command: " ".join(command[:3]),
)
def test_every_writing_command_completes_an_interrupted_exchange(
    killed: Written, command: list[str], tmp_path: Path
) -> None:
    """A new directory of that name would keep the exchange from ever being finished."""
    old = StagedSwap(killed.trust).side / "old"
    shutil.copy(old / "truststore/x509/ca/harbour/0.pem", tmp_path / "0.pem")
    shutil.copy(old / "trustpolicy.oci.json", tmp_path / "p.json")
    places = {
        "CERT": tmp_path / "0.pem",
        "POLICY": tmp_path / "p.json",
        "LAYOUT": killed.layout,
        "KEYS": tmp_path / "keys",
    }
    ran = run_here([str(places.get(item, item)) for item in command] + ["--trust", str(killed.trust)])
    assert ran.code == 0, ran
    assert (killed.trust / ".airgap" / "generation").read_text() == "abc"
    side = StagedSwap(killed.trust).side
    assert (side / "previous" / "trustpolicy.oci.json").exists()
    assert not (side / "journal.json").exists()


def test_uses_no_other_directory_during_an_exchange(tmp_path: Path) -> None:
    """Notation's would be judged by another policy."""
    ours, theirs = tmp_path / ".config" / "airgap", tmp_path / ".config" / "notation"
    ours.mkdir(parents=True)
    theirs.mkdir()
    leave_between(ours)
    assert locate(None, {}, tmp_path, platform="linux").path == ours


def test_does_not_wait_for_a_missing_directory(tmp_path: Path) -> None:
    assert settled(tmp_path / "none") == tmp_path / "none"
    for command in (["trust", "cert", "list"], ["trust", "snapshot", "create", "-o", str(tmp_path / "out")]):
        ran = run_here([*command, "--trust", str(tmp_path / "none")])
        assert ran.code != 0
        assert "there is no trust directory at" in ran.out + ran.err


def test_waits_a_bounded_time_for_an_exchange(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    (tmp_path / "trust").mkdir()
    leave_between(tmp_path / "trust")
    with pytest.raises(TrustMaterialError) as caught:
        settled(tmp_path / "trust")
    assert caught.value.reason == "trust.exchanged"
    assert 0.5 < sum(waited) < 5
