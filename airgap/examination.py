"""What was found out about an installation and its machine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from airgap.problem import Problem
from airgap.reasons import ExitCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Examined:
    """What was found of one thing; with a problem that has an exit code, something does not work."""

    about: str
    found: str = ""
    """Safe text."""
    problem: Problem | None = None

    @property
    def is_wrong(self) -> bool:
        """Whether something does not work."""
        return self.problem is not None and self.problem.exit_code != ExitCode.OK


@dataclass(frozen=True, slots=True)
class Examination:
    """Everything that was looked at, in the order in which it is shown."""

    clock: datetime
    items: tuple[Examined, ...]

    @property
    def exit_code(self) -> int:
        """1 where something does not work."""
        return ExitCode.ERROR if any(item.is_wrong for item in self.items) else ExitCode.OK
