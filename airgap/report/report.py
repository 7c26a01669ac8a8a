"""The base of all reports: a document for programs, text for people, and the exit code."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, Protocol, TypeVar

from airgap import __version__, limits
from airgap.errors import LimitError, UsageError
from airgap.files import check_writable, unwritable, write_file
from airgap.report.style import PLAIN, Style
from airgap.text import safe

Json = dict[str, Any]
TOOL: Final = {"name": "airgap", "version": __version__}


class Report(ABC):
    """The report on one result."""

    __slots__ = ()

    @property
    def exit_code(self) -> int:
        """The exit code of a command that shows it."""
        return 0

    @abstractmethod
    def document(self) -> Json:
        """The whole result, ready for JSON; complete on failure, too."""

    @abstractmethod
    def lines(self, style: Style) -> Iterable[str]:
        """What a person reads; safe for a terminal."""

    def brief_lines(self) -> Iterable[str]:
        """What `--quiet` leaves of it: the verdict in a line, or nothing."""
        return ()

    def text(self, style: Style = PLAIN) -> str:
        """The lines, each ended."""
        return "".join(f"{line}\n" for line in self.lines(style))

    def brief(self) -> str:
        """The brief ones."""
        return "".join(f"{line}\n" for line in self.brief_lines())


class _Judged(Protocol):
    @property
    def exit_code(self) -> int: ...


T = TypeVar("T", bound=_Judged)


@dataclass(frozen=True, slots=True)
class OutcomeReport(Report, Generic[T]):
    """The report on an outcome, which has an exit code."""

    outcome: T

    @property
    def exit_code(self) -> int:
        """That of the outcome."""
        return self.outcome.exit_code


@dataclass(frozen=True, slots=True)
class VerdictReport(OutcomeReport[T]):
    """The report on a judgement."""

    attempts: int | None = None
    """The number of attempts that the no-network guard counted; None without a guard."""
    verbose: bool = False
    """Whether the text says every check, and the evidence that decided."""


def to_json(document: Json) -> str:
    """The document in ASCII: nothing in it can reach a terminal unescaped."""
    return json.dumps(document, indent=2, ensure_ascii=True) + "\n"


def write_report(path: Path, document: Json) -> None:
    """The document as a file, complete or not at all. Raises AirgapError, LimitError for what recheck would refuse."""
    data = to_json(document).encode()
    if len(data) > limits.REPORT_BYTES:
        raise LimitError(
            f"{safe(path)} was not written: the report would have {len(data)} bytes, more than {limits.REPORT_BYTES}",
            remedy="Verify some artifacts at a time, with a report each.",
        )
    try:
        write_file(path, data)
    except OSError as error:
        raise unwritable(path, _WHAT, error) from None


def check_report(path: Path) -> None:
    """Refuses a path where no report could be written, before anything is judged.

    Raises UsageError for `-`, AirgapError.
    """
    if str(path) == "-":
        raise UsageError(
            "a report is a file", remedy="Name a file; --format json writes the document to standard output."
        )
    check_writable(path, _WHAT)


_WHAT: Final = "report"
