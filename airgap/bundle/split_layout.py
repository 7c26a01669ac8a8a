"""The result of writing a layout as volumes, for reports."""

from __future__ import annotations

from dataclasses import dataclass

from airgap.transfer.room import Room
from airgap.transfer.volume_layout import Volume


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitResult:
    """The volumes of a layout."""

    destination: str
    """Safe to show."""
    dry_run: bool
    volumes: tuple[Volume, ...]
    """All of them."""
    written: tuple[Volume, ...]
    """Those that were written, or would be."""
    set_ids: tuple[str, ...]
    """Of the bundles of the layout: splitting changes none."""
    room: Room | None = None
    """Of a dry run: whether it would fit."""

    @property
    def exit_code(self) -> int:
        """0; of a dry run that of what would not fit."""
        return self.room.problem.exit_code if self.room and self.room.problem else 0
