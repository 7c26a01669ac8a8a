"""The ledger of a site, and the receipts that are made of it.

Public are the names of `__all__`; `airgap.Ledger` is the ledger itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap.exports import on_demand

if TYPE_CHECKING:
    from airgap.ledger.custody import NOTE_TYPE, custody_note, note_document, sealed_note
    from airgap.ledger.database import LedgerError
    from airgap.ledger.entries import (
        Held,
        Import,
        JudgedArtifact,
        Mark,
        NewRow,
        Note,
        Pruned,
        Row,
        RowEntry,
        RowKind,
        imported,
    )
    from airgap.ledger.exported import check_export, export_lines, is_export, write_export
    from airgap.ledger.hash_chain import ChainFault, Checked, Head
    from airgap.ledger.ledger_file import Prunable
    from airgap.ledger.receipt import Receipt, StreamMark, read_receipt, write_receipt
    from airgap.ledger.recording import arrivals, judgements, snapshot_in_force
    from airgap.ledger.streams import StreamCheck

__getattr__, __dir__ = on_demand(
    __name__,
    {
        "airgap.ledger.custody": ("NOTE_TYPE", "custody_note", "note_document", "sealed_note"),
        "airgap.ledger.database": ("LedgerError",),
        "airgap.ledger.entries": (
            "Held",
            "Import",
            "JudgedArtifact",
            "Mark",
            "NewRow",
            "Note",
            "Pruned",
            "Row",
            "RowEntry",
            "RowKind",
            "imported",
        ),
        "airgap.ledger.exported": ("check_export", "export_lines", "is_export", "write_export"),
        "airgap.ledger.hash_chain": ("ChainFault", "Checked", "Head"),
        "airgap.ledger.ledger_file": ("Prunable",),
        "airgap.ledger.receipt": ("Receipt", "StreamMark", "read_receipt", "write_receipt"),
        "airgap.ledger.recording": ("arrivals", "judgements", "snapshot_in_force"),
        "airgap.ledger.streams": ("StreamCheck",),
    },
)

__all__ = [
    "NOTE_TYPE", "ChainFault", "Checked", "Head", "Held", "Import", "JudgedArtifact", "LedgerError", "Mark", "NewRow",
    "Note", "Prunable", "Pruned", "Receipt", "Row", "RowEntry", "RowKind", "StreamCheck", "StreamMark", "arrivals",
    "check_export", "custody_note", "export_lines", "imported", "is_export", "judgements", "note_document",
    "read_receipt", "sealed_note", "snapshot_in_force", "write_export", "write_receipt",
]  # fmt: skip
