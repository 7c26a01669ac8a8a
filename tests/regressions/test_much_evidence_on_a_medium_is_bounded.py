"""A medium with thousands of CRLs: its report could not be read again, and one file of them took hours."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

import airgap
from airgap import limits
from airgap.parse.time import iso
from airgap.pki import crl_pem
from tests.support.command import Ran, run_here
from tests.support.crls import crl, pem
from tests.support.keyring import key
from tests.support.ledgers import judgement
from tests.support.pki import AT, Issued
from tests.support.scenario import Scene, Written


def _forged(leaf: Issued, number: int) -> bytes:
    """A CRL of the issuer that lists the leaf, made with another key."""
    return crl(leaf.chain[1], revoked=[leaf], number=100 + number, signed_by=key("p256", 7))


def _recheck(written: Written, *what: object) -> Ran:
    return run_here(["recheck", *map(str, what), "--trust", str(written.trust), "--at", iso(AT)])


@pytest.mark.parametrize(("count", "code"), [(3, 0), (4, 15)])
def test_a_report_names_a_bounded_number_of_statements(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, count: int, code: int
) -> None:
    """One more counts for all others, and is not available later."""
    monkeypatch.setattr(limits, "STATEMENTS_REPORTED", 3)
    scene = Scene()
    leaf = scene.signature.leaf
    scene.builder.extra_files |= {f"crls/{number}.crl": _forged(leaf, number) for number in range(count)}
    written = scene.write(tmp_path)
    report, ledger = tmp_path / "report.json", tmp_path / "ledger"
    assert run_here(written.arguments("--report", str(report), "--ledger", str(ledger))).code == 0
    (artifact,) = json.loads(report.read_text())["artifacts"]
    said = artifact["signatures"][0]["for_recheck"]["said_against"]
    assert len(said) == (3 if code == 0 else 4)
    shutil.rmtree(written.layout)
    for ran in (_recheck(written, report), _recheck(written, "--ledger", ledger)):
        assert (ran.code, "1 more pieces" in ran.out) == (code, code != 0), ran


@pytest.mark.parametrize("place", ["first", "last"])
def test_a_proven_statement_is_named_before_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    monkeypatch.setattr(limits, "STATEMENTS_REPORTED", 1)
    scene = Scene()
    leaf = scene.signature.leaf
    genuine = crl(leaf.chain[1], revoked=[leaf], number=1 if place == "last" else 999)
    files = [_forged(leaf, 1), genuine, _forged(leaf, 2)]
    scene.builder.extra_files |= {f"crls/{number}.crl": data for number, data in enumerate(files)}
    written = scene.write(tmp_path)
    report = tmp_path / "report.json"
    assert run_here(written.arguments("--report", str(report))).code == 14
    (artifact,) = json.loads(report.read_text())["artifacts"]
    said = artifact["signatures"][0]["for_recheck"]["said_against"]
    assert [item["unproven"] for item in said] == [None, None]
    assert [bool(item["fingerprint"]) for item in said] == [True, False]


def test_a_file_of_several_crls_is_split_a_bounded_number_of_times(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene()
    leaf = scene.signature.leaf
    scene.builder.extra_files["many.crl"] = b"".join(pem(_forged(leaf, number)) for number in range(40))
    written = scene.write(tmp_path)
    genuine: Callable[[bytes], tuple[bytes, ...]] = crl_pem.split_pem
    split: list[int] = []

    def counted(data: bytes) -> tuple[bytes, ...]:
        blocks = genuine(data)
        if len(blocks) > 1:
            split.append(len(blocks))
        return blocks

    monkeypatch.setattr(crl_pem, "split_pem", counted)
    assert run_here(written.arguments()).code == 0
    assert 0 < len(split) < 10


def test_a_row_that_cannot_be_read_stops_no_other(tmp_path: Path) -> None:
    """D27."""
    scene = Scene()
    written = scene.write(tmp_path)
    ledger = tmp_path / "ledger"
    assert run_here(written.arguments("--ledger", str(ledger))).code == 0
    with airgap.Ledger.open(ledger, write=True) as opened:
        opened.record([judgement(1, document=b"{}")])
    ran = _recheck(written, "--ledger", ledger, "--format", "json")
    assert (ran.code, ran.document["still_good"]) == (15, 1)
    (problem,) = ran.document["problems"]
    assert "row 2" in problem["message"]
