"""Ledgers and receipts: files that other machines, and people with other programs, may have written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from airgap.ledger.entries import canonical, parse_entry
from airgap.ledger.exported import check_export, export_lines
from airgap.ledger.ledger_file import Ledger
from airgap.ledger.receipt import Receipt
from fuzz.doors.law import refusable, same


def receipt(data: bytes) -> None:
    """A receipt that came back from a site."""
    with refusable():
        parsed = Receipt.parse(data)
        same(Receipt.parse("".join(parsed.pieces()).encode()), parsed, "a receipt that is written again")


def row(data: bytes) -> None:
    """One row, which must be written as rows are."""
    with refusable():
        same(canonical(parse_entry(data, 1), 1), data, "a row that is written again")


def export(data: bytes) -> None:
    """An export that is checked."""
    _as_file(data, check_export)


def database(data: bytes) -> None:
    """A ledger on a medium: listed, checked and exported."""
    _as_file(data, _read)


def _read(path: Path) -> None:
    with Ledger.open(path) as ledger:
        ledger.check()
        for found in ledger.rows():
            ledger.attached(found)
        ledger.marks()
        ledger.held()
        ledger.judged_digests(name="a")
        for _ in ledger.documents():
            pass
        for _ in export_lines(ledger):
            pass


def _as_file(data: bytes, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        path.write_bytes(data)
        with refusable():
            read(path)
