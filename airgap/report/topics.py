"""A topic of `airgap help`: its text, or `airgap.help/1`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from airgap.report.report import Json, Report
from airgap.report.style import Style

HELP_SCHEMA: Final = "airgap.help/1"


@dataclass(frozen=True, slots=True)
class TopicReport(Report):
    """A topic: `airgap.help/1`."""

    topic: str
    text_of_it: str

    def document(self) -> Json:
        """The text."""
        return {**self.first_members(HELP_SCHEMA), "topic": self.topic, "text": self.text_of_it}

    def lines(self, style: Style) -> Iterable[str]:
        """The text, line by line."""
        del style
        return self.text_of_it.splitlines()
