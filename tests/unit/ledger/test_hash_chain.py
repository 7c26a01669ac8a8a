"""The check of a ledger: what was changed, removed, inserted or cut off, in the file and in an export of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

import airgap
from airgap.errors import UsageError
from airgap.ledger import Checked, Head, LedgerError, check_export, export_lines
from airgap.ledger.hash_chain import Runs
from tests.support.ledgers import DAY, change, judgement, make, mark, note, put

RECOMPUTED = "0" * 64


@pytest.fixture
def path(tmp_path: Path) -> Path:
    make(tmp_path / "site.ledger")
    return tmp_path / "site.ledger"


def checked(path: Path, *heads: Head) -> Checked:
    with airgap.Ledger.open(path) as ledger:
        return ledger.check(heads)


def found(result: Checked) -> list[tuple[str, int]]:
    return [(fault.kind, fault.number) for fault in result.faults]


def test_a_ledger_as_it_was_written_is_whole(path: Path) -> None:
    result = checked(path)
    assert (result.is_whole, result.head.rows, result.pruned, result.more) == (True, 10, 0, 0)


ATTACHED = "digest = (SELECT attached FROM rows WHERE number = {})"
AGAIN = "INSERT INTO rows SELECT 11, {} FROM rows WHERE number = 10"
COLUMNS = "digest, hash, body, kind, at, subject, scope, verdict, accepted, names, attached"


@pytest.mark.parametrize(
    ("statement", "kind", "number"),
    [
        ("UPDATE rows SET body = CAST(replace(body, 'ada', 'bob') AS BLOB) WHERE number = 4", "changed", 4),
        ("UPDATE rows SET verdict = 'fail' WHERE number = 4", "changed", 4),
        ("UPDATE rows SET accepted = 0 WHERE number = 4", "changed", 4),
        ("UPDATE rows SET names = '' WHERE number = 4", "changed", 4),
        ("UPDATE rows SET hash = digest WHERE number = 4", "changed", 4),
        ("UPDATE rows SET digest = hash WHERE number = 4", "changed", 4),
        ("DELETE FROM rows WHERE number = 4", "removed", 4),
        ("DELETE FROM rows WHERE number < 4", "removed", 1),
        ("UPDATE rows SET body = NULL WHERE number = 4", "removed", 4),
        (f"DELETE FROM content WHERE {ATTACHED.format(4)}", "removed", 4),
        (f"UPDATE content SET data = x'00' WHERE {ATTACHED.format(4)}", "changed", 4),
        (f"UPDATE content SET size = size + 1 WHERE {ATTACHED.format(8)}", "changed", 8),
        (AGAIN.format(COLUMNS), "changed", 11),
        ("DELETE FROM rows WHERE number > 8", "cut", 9),
        ("UPDATE head SET count = 9", "inserted", 10),
        ("UPDATE head SET count = 12", "cut", 11),
        ("UPDATE head SET hash = zeroblob(32)", "changed", 10),
        ("UPDATE head SET id = 'another'", "changed", 1),
    ],
)
def test_every_change_of_a_ledger_is_found(path: Path, statement: str, kind: str, number: int) -> None:
    change(path, statement)
    assert (kind, number) in found(checked(path))


def test_a_text_in_the_place_of_bytes_is_damage(path: Path) -> None:
    change(path, "UPDATE rows SET body = replace(body, 'ada', 'bob') WHERE number = 4")
    with pytest.raises(LedgerError, match=r"row 4 of .* cannot be read"):
        checked(path)


def test_a_cut_that_takes_the_head_with_it_is_seen_by_a_receipt_alone(path: Path) -> None:
    """The page of the command says so: what is kept in one file can be cut in one file."""
    with airgap.Ledger.open(path) as ledger:
        head = ledger.head
    change(
        path,
        "DELETE FROM rows WHERE number > 8",
        "UPDATE head SET count = 8, hash = (SELECT hash FROM rows WHERE number = 8)",
    )
    assert checked(path).is_whole
    assert found(checked(path, head)) == [("cut", 9)]


def test_a_ledger_that_was_written_anew_is_seen_by_a_receipt_alone(tmp_path: Path) -> None:
    before = make(tmp_path / "site.ledger")
    make(tmp_path / "forged", [judgement(9), note()])
    assert checked(tmp_path / "forged").is_whole
    make(tmp_path / "longer", [judgement(number) for number in range(12)])
    assert found(checked(tmp_path / "longer", before)) == [("rewritten", 10)]
    assert found(checked(tmp_path / "longer", Head(0, before.hash))) == [("rewritten", 0)]


def test_a_ledger_that_grew_agrees_with_older_receipts(path: Path) -> None:
    with airgap.Ledger.open(path, write=True) as ledger:
        old = ledger.head
        ledger.record([note("later")])
        assert ledger.check([old, ledger.head]).is_whole


def test_a_row_that_names_no_hash_is_damage(tmp_path: Path) -> None:
    make(tmp_path / "l", [judgement()])
    name = judgement().entry.attached or ""
    change(tmp_path / "l", f"UPDATE rows SET body = CAST(replace(body, '{name}', 'x') AS BLOB)")
    with airgap.Ledger.open(tmp_path / "l") as ledger, pytest.raises(LedgerError, match="attached: is no hash"):
        ledger.row(1)


def test_many_faults_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "site.ledger"
    make(path, [note(str(number)) for number in range(300)])
    change(path, "UPDATE rows SET names = 'x'")
    result = checked(path)
    assert (len(result.faults), result.more) == (100, 200)


# --- exports ---


def export(path: Path) -> list[dict[str, Any]]:
    with airgap.Ledger.open(path) as ledger:
        return [json.loads(line) for line in export_lines(ledger)]


def test_an_export_is_checked_like_the_ledger(path: Path, tmp_path: Path) -> None:
    lines = export(path)
    assert check_export(written(tmp_path, lines)) == checked(path)


def written(folder: Path, lines: list[dict[str, Any]]) -> Path:
    file = folder / "export.ndjson"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return file


def _replace_text(lines: list[dict[str, Any]]) -> None:
    lines[4]["text"] = "{}"


@pytest.mark.parametrize(
    ("act", "kind", "number"),
    [
        (lambda lines: lines[4]["entry"].update(operator="bob"), "changed", 4),
        (lambda lines: lines.pop(4), "removed", 4),
        (lambda lines: lines.insert(5, lines[4]), "inserted", 4),
        (lambda lines: lines.pop(10), "cut", 10),
        (lambda lines: lines[4].pop("text"), "removed", 4),
        (_replace_text, "changed", 4),
        (lambda lines: lines[0].update(count=9), "inserted", 10),
    ],
)
def test_every_change_of_an_export_is_found(
    path: Path, tmp_path: Path, act: Callable[[list[dict[str, Any]]], object], kind: str, number: int
) -> None:
    lines = export(path)
    act(lines)
    assert (kind, number) in found(check_export(written(tmp_path, lines)))


@pytest.mark.parametrize(
    ("number", "members"),
    [
        (0, {"site": "elsewhere"}),
        (4, {"verdict": "fail"}),
        (4, {"base64": "e30=", "text": "lie"}),
        (4, {"certificate": "AAAA"}),
        (1, {"entry": {"row": 1, "verdict": "fail"}}),
        (1, {"text": "lie"}),
    ],
)
def test_nothing_that_no_check_proves_is_in_an_export(
    path: Path, tmp_path: Path, number: int, members: dict[str, Any]
) -> None:
    """A person reads it."""
    with airgap.Ledger.open(path, write=True) as ledger:
        ledger.prune(DAY + timedelta(days=1), rows=True, at=DAY, operator="ada")
    lines = export(path)
    assert check_export(written(tmp_path, lines)).is_whole
    lines[number].update(members)
    with pytest.raises(LedgerError, match="is not known here"):
        check_export(written(tmp_path, lines))


def test_nothing_is_beside_a_row_that_names_nothing(path: Path, tmp_path: Path) -> None:
    lines = export(path)
    lines[10]["text"] = "lie"
    assert found(check_export(written(tmp_path, lines))) == [("changed", 10)]


@pytest.mark.parametrize(
    "data",
    [b"", b"{}\n", b'{"schema":"airgap.ledger/2"}\n', b"[]\n", b"\xff\n", b'{"schema":"airgap.ledger/1","id":"1"'],
)
def test_anything_else_is_no_export(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "export.ndjson"
    file.write_bytes(data)
    with pytest.raises(LedgerError, match="no export of a ledger"):
        check_export(file)


# --- pruning ---


def test_pruned_rows_and_documents_leave_the_chain_whole(path: Path, tmp_path: Path) -> None:
    with airgap.Ledger.open(path, write=True) as ledger:
        before = ledger.head
        documents = ledger.prune(DAY + timedelta(days=5), rows=False, at=DAY, operator="ada")
        assert (documents.rows, documents.documents) == (0, 5)
        rows = ledger.prune(DAY + timedelta(days=3), rows=True, at=DAY, operator="ada")
        assert (rows.rows, rows.documents) == (4, 0), "three judgements and the note"
        result = ledger.check([before])
        assert (result.is_whole, result.pruned, result.documents_pruned) == (True, 4, 2)
        assert [row.number for row in ledger.rows()] == [4, 5, 6, 7, 8, 9, 11, 12]
        assert ledger.row(1).entry is None
        assert ledger.attached(ledger.row(4)) is None
        assert ledger.attached(ledger.row(6)) is not None
        assert len(ledger.held()) == len(ledger.marks()) == 1
        assert ledger.prune(DAY, rows=True, at=DAY, operator="ada") == (0, 0, 0)
        assert ledger.head.rows == 12
    assert check_export(written(tmp_path, export(path))) == checked(path)


def test_a_row_that_says_too_little_was_pruned_excuses_nothing_else(path: Path) -> None:
    with airgap.Ledger.open(path, write=True) as ledger:
        ledger.prune(DAY + timedelta(days=2), rows=True, at=DAY, operator="ada")
    change(path, "UPDATE rows SET body = NULL WHERE number = 5")
    assert found(checked(path)) == [("removed", 5)]


def test_a_document_that_another_row_shares_stays(tmp_path: Path) -> None:
    path = tmp_path / "site.ledger"
    make(path, [judgement(0), judgement(5)])
    with airgap.Ledger.open(path, write=True) as ledger:
        ledger.prune(DAY + timedelta(days=1), rows=True, at=DAY, operator="ada")
        assert ledger.attached(ledger.row(2)) == b"{}"
        assert ledger.check().is_whole


def _noise(number: int) -> bytes:
    return Random(number).randbytes(10_000)  # noqa: S311 - what cannot be packed


def test_pruning_gives_the_room_back(tmp_path: Path) -> None:
    path = tmp_path / "site.ledger"
    make(path, [judgement(0, document=_noise(number)) for number in range(300)])
    size = path.stat().st_size
    with airgap.Ledger.open(path, write=True) as ledger:
        ledger.prune(DAY + timedelta(days=1), rows=False, at=DAY, operator="ada")
    assert path.stat().st_size < size * 0.8


@pytest.mark.parametrize("text", ["", "1", "1:", "x:" + RECOMPUTED, "1:" + RECOMPUTED[1:], "-1:" + RECOMPUTED])
def test_heads_have_one_form(text: str) -> None:
    with pytest.raises(UsageError, match="no head"):
        Head.parse(text)


def test_a_head_is_read_as_it_is_written() -> None:
    assert Head.parse(str(Head(7, RECOMPUTED))) == (7, RECOMPUTED)


def test_numbers_are_found_in_runs() -> None:
    runs = Runs([(5, 6), (1, 2), (2, 3), (9, 9)])
    assert [number for number in range(12) if number in runs] == [1, 2, 3, 5, 6, 9]


def test_marks_and_imports_are_not_pruned(tmp_path: Path) -> None:
    make(tmp_path / "l", [put(), mark(3)])
    with airgap.Ledger.open(tmp_path / "l", write=True) as ledger:
        assert ledger.to_prune(DAY + timedelta(days=9), rows=True) == (0, 0, 0)
