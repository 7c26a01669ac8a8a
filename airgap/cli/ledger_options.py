"""Options of commands that read or write a ledger."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

import airgap
import airgap.ledger
import airgap.trust
from airgap.cli.console import QuietOutput
from airgap.errors import UsageError
from airgap.text import safe

LEDGER = "AIRGAP_LEDGER"
LedgerOption = Annotated[Path | None, typer.Option("--ledger", metavar="FILE", help=f"The ledger. Default: ${LEDGER}.")]
OperatorOption = Annotated[
    str | None,
    typer.Option("--operator", metavar="NAME", help="Who does this, for the ledger. Default: the user's name."),
]


def ledger_path(explicit: Path | None) -> Path | None:
    """The ledger that is meant; None where none is."""
    named = explicit or os.environ.get(LEDGER)
    return Path(named) if named else None


def needed_ledger(explicit: Path | None) -> Path:
    """The same where there must be one. Raises UsageError."""
    path = ledger_path(explicit)
    if path is None:
        raise UsageError("no ledger is named", remedy=f"Name it with --ledger FILE, or in ${LEDGER}.")
    return path


def ledger_files(path: Path) -> tuple[Path, ...]:
    """A ledger, and what SQLite keeps beside it: nothing else may be written there."""
    return (path, *(path.with_name(f"{path.name}-{ending}") for ending in ("wal", "shm", "journal")))


def operator_name(explicit: str | None) -> str:
    """Who does this, as far as this machine knows."""
    if explicit:
        return safe(explicit)
    try:
        return safe(getpass.getuser())
    except (KeyError, OSError):  # a user without a name, as in some containers
        return "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """The ledger in which a command records what it did, where there is one."""

    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="FILE", help=f"Record what is judged in this ledger. Default: ${LEDGER}."),
    ] = None
    operator: OperatorOption = None

    @property
    def path(self) -> Path | None:
        """The ledger; None where nothing is recorded."""
        return ledger_path(self.ledger)

    @property
    def who(self) -> str:
        """Who records it."""
        return operator_name(self.operator)

    def prove(self, reports: Iterable[Path], others: Iterable[Path]) -> None:
        """Refuses a ledger that cannot be written, before the work begins whose result it is for; it is made if needed.

        Raises UsageError where it would change one of `others` or a report, LedgerError, AirgapError.
        """
        if (path := self.path) is None:
            return
        airgap.trust.check_output(path, others, what="ledger")
        for report in reports:
            airgap.trust.check_output(report, ledger_files(path))
        airgap.Ledger.open(path, write=True).close()

    def mark_history(self) -> Mapping[str, Sequence[airgap.ledger.Mark]]:
        """All marks of each stream; none where there is no ledger yet. Raises LedgerError, AirgapError."""
        if (path := self.path) is None or not path.exists():
            return {}
        with airgap.Ledger.open(path) as ledger:
            return ledger.mark_history()

    def record_outcome(self, outcome: airgap.values.Outcome, trust: Path, output: QuietOutput) -> None:
        """Records every artifact of an outcome, where there is a ledger. Raises LedgerError, AirgapError."""
        if self.path is not None:
            snapshot = airgap.ledger.snapshot_in_force(trust)
            self.record(airgap.ledger.judgements(outcome, operator=self.who, snapshot=snapshot), output)

    def record(self, rows: Iterable[airgap.ledger.NewRow], output: QuietOutput) -> None:
        """Records rows, all of them or none, where there is a ledger. Raises LedgerError, AirgapError."""
        if (path := self.path) is None:
            return
        with airgap.Ledger.open(path, write=True, create=False) as ledger:
            first, head = ledger.head.rows + 1, ledger.record(rows)
        if head.rows >= first:
            which = f"row {first}" if first == head.rows else f"rows {first} to {head.rows}"
            output.note(f"recorded in the ledger {safe(path)}: {which}")
