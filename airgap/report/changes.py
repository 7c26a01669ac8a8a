"""What a command changed that has no other result: sentences, or `airgap.done/1`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.text import safe

DONE_SCHEMA: Final = "airgap.done/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedThing:
    """One thing that was changed."""

    what: str
    """`key`, `certificate`, `plugin`, ..."""
    change: Literal["added", "chosen", "kept", "removed", "written"]
    name: str | None = None
    path: Path | str | None = None
    sha256: str | None = None
    """Of a certificate, in hex."""


@dataclass(frozen=True, slots=True)
class DoneReport(Report):
    """What was changed: `airgap.done/1`."""

    command: str
    """As it is typed, without `airgap`."""
    changes: Sequence[ChangedThing]
    said: Sequence[str]
    """The text for people, safe for a terminal."""

    def document(self) -> Json:
        """Each change."""
        changed = [_change(item) for item in self.changes]
        return {**self.first_members(DONE_SCHEMA), "command": self.command, "changed": changed}

    def lines(self, style: Style) -> Iterable[str]:
        """The sentences."""
        del style
        return self.said


def _change(item: ChangedThing) -> Json:
    return {
        "what": item.what,
        "change": item.change,
        "name": safe(item.name) if item.name is not None else None,
        "path": safe(item.path) if item.path is not None else None,
        "sha256": item.sha256,
    }
