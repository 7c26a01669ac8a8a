"""The version, in a line or as `airgap.version/1`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from airgap import __version__
from airgap.report.report import Json, Report
from airgap.report.style import Style

VERSION_SCHEMA: Final = "airgap.version/1"


@dataclass(frozen=True, slots=True)
class VersionReport(Report):
    """The version, and of what it runs on: `airgap.version/1`."""

    python: str
    platform: str

    def document(self) -> Json:
        """All of it."""
        return {**self.first_members(VERSION_SCHEMA), "python": self.python, "platform": self.platform}

    def lines(self, style: Style) -> Iterator[str]:
        """One line."""
        del style
        yield f"airgap {__version__} (Python {self.python}, {self.platform})"
