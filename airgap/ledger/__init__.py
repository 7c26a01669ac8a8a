"""The ledger of a site, and the receipts that are made of it.

Public are the names of `__all__`; `airgap.Ledger` is the ledger itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airgap.exports import on_demand

if TYPE_CHECKING:
    from airgap.ledger.database import LedgerError
    from airgap.ledger.entries import Held, Import, JudgedArtifact, Mark, NewRow, Note, Pruned, Row, RowEntry, imported
    from airgap.ledger.exported import check_export, export_lines, is_export
    from airgap.ledger.hash_chain import ChainFault, Checked, Head
    from airgap.ledger.ledger_file import Prunable
    from airgap.ledger.recording import judgements, snapshot_in_force

__getattr__, __dir__ = on_demand(
    __name__,
    {
        "airgap.ledger.database": ("LedgerError",),
        "airgap.ledger.entries": (
            "RowEntry",
            "Held",
            "Import",
            "JudgedArtifact",
            "Mark",
            "Note",
            "Pruned",
            "NewRow",
            "Row",
            "imported",
        ),
        "airgap.ledger.exported": ("check_export", "export_lines", "is_export"),
        "airgap.ledger.hash_chain": ("Checked", "ChainFault", "Head"),
        "airgap.ledger.recording": ("judgements", "snapshot_in_force"),
        "airgap.ledger.ledger_file": ("Prunable",),
    },
)

__all__ = [
    "ChainFault", "Checked", "Head", "Held", "Import", "JudgedArtifact", "LedgerError", "Mark", "NewRow", "Note",
    "Prunable", "Pruned", "Row", "RowEntry", "check_export", "export_lines", "imported", "is_export", "judgements",
    "snapshot_in_force",
]  # fmt: skip
