"""A fetch read all CRLs again for each new one, or listed and compared all; the status compared all pairs of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap.collection.attempts import AttemptResult
from airgap.collection.evidence_writer import EvidenceWriter
from airgap.pki.certificate import Certificate
from airgap.pki.crl import Crl
from airgap.pki.crl_facts import CrlFacts
from airgap.revocation import evidence_directory
from airgap.trust.directory import TrustDirectory
from airgap.trust.piece_status import PieceState
from airgap.trust.status import trust_status
from tests.support.crls import crl, scope
from tests.support.pki import AT, Pki
from tests.support.scenario import Scene

COUNT = 40
ISSUER = Pki().code_chain().chain[1]
AUTHORITY = Certificate.parse(ISSUER.der)


def generation(number: int, **more: Any) -> bytes:
    return crl(
        ISSUER, number=number, this_update=AT + timedelta(seconds=number), next_update=AT + timedelta(days=9), **more
    )


@pytest.fixture
def read(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that were read."""
    names: list[str] = []
    reading = evidence_directory.read_crl

    def noted(folder: Path, name: str) -> Crl:
        names.append(name)
        return reading(folder, name)

    monkeypatch.setattr("airgap.revocation.evidence_directory.read_crl", noted)
    return names


@pytest.mark.parametrize("urls", [[], ["http://crl.example/a.crl"]])
def test_files_of_one_run_are_not_read_again(tmp_path: Path, read: list[str], urls: list[str]) -> None:
    writer = EvidenceWriter(tmp_path)
    kept = [writer.keep_crl(Crl.parse(generation(number)), AUTHORITY, urls) for number in range(1, COUNT)]
    assert {item.state for item in kept} == {AttemptResult.NEW}
    assert read == []
    assert len(list((tmp_path / "crls").glob("*.crl"))) == COUNT - 1


@pytest.mark.parametrize("newest_first", [False, True])
def test_the_folder_is_listed_once_and_few_are_compared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, newest_first: bool
) -> None:
    listed: list[str] = []
    for name in ("listdir", "scandir"):
        monkeypatch.setattr(os, name, _noting(listed, getattr(os, name)))
    compared: list[str] = []
    monkeypatch.setattr(CrlFacts, "may_replace", _noting(compared, CrlFacts.may_replace))
    writer = EvidenceWriter(tmp_path)
    for number in sorted(range(1, COUNT), reverse=newest_first):
        writer.keep_crl(Crl.parse(generation(number)), AUTHORITY, [])
    assert len(listed) <= 8
    assert len(compared) <= COUNT


def _noting(notes: list[str], function: Callable[..., Any]) -> Callable[..., Any]:
    def noted(*arguments: Any) -> Any:
        notes.append(str(arguments[:1]))
        return function(*arguments)

    return noted


def test_what_others_put_there_is_seen(tmp_path: Path, read: list[str]) -> None:
    one, other = EvidenceWriter(tmp_path), EvidenceWriter(tmp_path)
    first = one.keep_crl(Crl.parse(generation(1)), AUTHORITY, []).name
    made = Crl.parse(generation(2))
    name = other.keep_crl(made, AUTHORITY, ["http://crl.example/a.crl"]).name
    assert one.keep_crl(made, AUTHORITY, ["http://crl.example/b.crl"]).state is AttemptResult.UNCHANGED
    index = evidence_directory.read_evidence_index(tmp_path / "crls").files
    assert index == {"http://crl.example/a.crl": (name,), "http://crl.example/b.crl": (name,)}
    assert read == [first, name]


def test_what_others_remove_comes_again(tmp_path: Path) -> None:
    writer = EvidenceWriter(tmp_path)
    made = Crl.parse(generation(1))
    name = writer.keep_crl(made, AUTHORITY, []).name
    (tmp_path / "crls" / name).unlink()
    assert writer.keep_crl(made, AUTHORITY, []).state is AttemptResult.NEW
    assert (tmp_path / "crls" / name).exists()


@pytest.mark.parametrize("scopes", [False, True], ids=["generations", "shards"])
def test_the_status_does_not_compare_all_pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scopes: bool) -> None:
    written = Scene().write(tmp_path)
    (written.trust / "crls").mkdir(exist_ok=True)
    for number in range(1, COUNT):
        part = {"scope": scope(uris=[f"http://crl.example/{number}.crl"])} if scopes else {}
        (written.trust / "crls" / f"{number}.crl").write_bytes(generation(number, **part))
    compared: list[str] = []
    monkeypatch.setattr(CrlFacts, "may_replace", _noting(compared, CrlFacts.may_replace))
    status = trust_status(TrustDirectory.open(written.trust), at=AT + timedelta(days=1), clock=AT + timedelta(days=1))
    replaced = [piece for piece in status.pieces if piece.state is PieceState.SUPERSEDED]
    assert len(replaced) == (0 if scopes else COUNT - 2)
    assert len(compared) <= 3 * COUNT
