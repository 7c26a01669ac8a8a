"""What a command says that ended with an error before it had a result: `airgap.error/1`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from airgap.errors import AirgapError
from airgap.problem import Problem
from airgap.report.report import TOOL, Json, Report
from airgap.report.style import Style

ERROR_SCHEMA: Final = "airgap.error/1"


@dataclass(frozen=True, slots=True)
class ErrorReport(Report):
    """The error of a command whose own document has no place for it."""

    error: AirgapError

    @property
    def exit_code(self) -> int:
        """That of the error."""
        return self.error.exit_code

    def document(self) -> Json:
        """The message, its reason code and the remedy."""
        return {
            "schema": ERROR_SCHEMA,
            "tool": TOOL,
            "exit_code": self.exit_code,
            "error": {
                "message": str(self.error),
                "reason": self.error.reason,
                "remedy": self.error.remedy,
            },
        }

    def lines(self, style: Style) -> Iterator[str]:
        """The message and the remedy."""
        yield style.paint("bad", f"Error: {self.error}")
        if self.error.remedy:
            yield f"       {self.error.remedy}"


def problem_of(error: AirgapError) -> Problem:
    """The error as the only problem of a run: its exit code is that of the command."""
    return replace(Problem.of(error), exit_code=error.exit_code)
