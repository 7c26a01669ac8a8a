"""The base of all reports: a document for programs, text for people, and the exit code."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Generic, Protocol, Self, TypeVar

from airgap import __version__, limits
from airgap.errors import AirgapError, LimitError, UsageError
from airgap.files import check_writable, complete_or_absent, unwritable
from airgap.report.style import PLAIN, Style
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.report.judged_run import JudgedRun

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

    def first_members(self, schema: str) -> Json:
        """What every document begins with: its schema, the tool, and the exit code of the command."""
        return {"schema": schema, "tool": TOOL, "exit_code": self.exit_code}

    def pieces(self) -> Iterator[str]:
        """The document as JSON (`to_json`), in pieces; of the reports that may be long, an artifact at a time."""
        yield to_json(self.document())

    @abstractmethod
    def lines(self, style: Style) -> Iterable[str]:
        """What a person reads; safe for a terminal."""

    def brief_lines(self) -> Iterable[str]:
        """What `--quiet` leaves of it: the verdict in a line, or nothing."""
        return ()

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterable[str]:
        """What goes to standard error beside it; with `quiet` only what touches the verdict."""
        del style, quiet
        return ()

    def as_judged_run(self) -> JudgedRun | None:
        """The judgement in it, for the other forms of report files; None where the command judges nothing."""
        return None

    def ended_by(self, error: AirgapError) -> Report:
        """The same where the command ended with this error after the result: its document must not say 0."""
        del error
        return self

    def text(self, style: Style = PLAIN) -> str:
        """The lines, each ended."""
        return "".join(f"{line}\n" for line in self.lines(style))

    def brief(self) -> str:
        """The brief ones."""
        return "".join(f"{line}\n" for line in self.brief_lines())


class _Judged(Protocol):
    @property
    def exit_code(self) -> int: ...
    def ended_by(self, error: AirgapError, /) -> Self: ...


T = TypeVar("T", bound=_Judged)


@dataclass(frozen=True, slots=True)
class OutcomeReport(Report, Generic[T]):
    """The report on an outcome, which has an exit code."""

    outcome: T

    @property
    def exit_code(self) -> int:
        """That of the outcome."""
        return self.outcome.exit_code

    def ended_by(self, error: AirgapError) -> Self:
        """See `Report`."""
        return replace(self, outcome=self.outcome.ended_by(error))

    def document(self) -> Json:
        """The whole outcome."""
        return whole(self._members())

    def pieces(self) -> Iterator[str]:
        """See `Report`."""
        return streamed(self._members())

    def heading(self) -> Json:
        """The document without its long lists."""
        return {name: value for name, value in self._members().items() if not isinstance(value, Rows)}

    @abstractmethod
    def _members(self) -> Mapping[str, Any]:
        """The members of the document; its long lists as `Rows`."""


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


@dataclass(frozen=True, slots=True)
class Rows:
    """A list of a document whose items are made while they are written, so that they are never there all at once.

    More than a hundred of them have a line each: indented, they would have half as many bytes again, and take three
    times as long. A hundred still fit on a screen that scrolls.
    """

    make: Callable[[], Iterable[Json]]
    count: int

    @property
    def is_long(self) -> bool:
        """Whether each has a line."""
        return self.count > _INDENTED


def whole(members: Mapping[str, Any]) -> Json:
    """The document of these members, with all items of its lists."""
    return {name: list(value.make()) if isinstance(value, Rows) else value for name, value in members.items()}


_INDENTED: Final = 100


def streamed(members: Mapping[str, Any]) -> Iterator[str]:
    """The document in pieces, as `to_json` writes it, but for long lists. There is one member at least."""
    before = "{"
    for name, value in members.items():
        yield f"{before}\n  {json.dumps(name)}: "
        if isinstance(value, Rows):
            yield from _listed(value)
        else:
            yield _indented(value, "  ")
        before = ","
    yield "\n}\n"


def _listed(rows: Rows) -> Iterator[str]:
    before = "["
    for item in rows.make():
        yield f"{before}\n    {json.dumps(item) if rows.is_long else _indented(item, '    ')}"
        before = ","
    yield "[]" if before == "[" else "\n  ]"


def _indented(value: Any, indent: str) -> str:
    # JSON has no line ends inside of its strings
    return json.dumps(value, indent=2, ensure_ascii=True).replace("\n", f"\n{indent}")


def write_report(path: Path, report: Report) -> None:
    """The report as a file in the form of its ending, complete or not at all.

    Raises AirgapError, UsageError for a form that this report has not, LimitError for what recheck would refuse.
    """
    pieces = _pieces(path, report)
    left = limits.REPORT_BYTES
    try:
        with complete_or_absent(path) as file:
            for piece in pieces:
                left -= len(piece)  # ASCII
                if left < 0:
                    raise LimitError(
                        f"{safe(path)} was not written: the report would have more than {limits.REPORT_BYTES} bytes",
                        remedy="Verify some artifacts at a time, with a report each.",
                    )
                file.write(piece.encode())
    except OSError as error:
        raise unwritable(path, _WHAT, error) from None


def _pieces(path: Path, report: Report) -> Iterator[str]:
    from airgap.report.forms import ReportForm, judged_pieces, report_form

    form = report_form(path)
    if form is ReportForm.JSON:
        return report.pieces()
    judged = report.as_judged_run()
    if judged is None:
        raise UsageError(f"{safe(path)}: this command judges nothing", remedy="Name a file that ends with .json.")
    return judged_pieces(judged, form)


def check_report(path: Path) -> None:
    """Refuses a path where no report could be written, before anything is judged.

    Raises UsageError for `-`, AirgapError.
    """
    if str(path) == "-":
        raise UsageError(
            "a report is a file", remedy="Name a file; --format json writes the document to standard output."
        )
    from airgap.report.forms import report_form

    report_form(path)
    check_writable(path, _WHAT)


_WHAT: Final = "report"


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
            **self.first_members(ERROR_SCHEMA),
            "error": {"message": str(self.error), "reason": self.error.reason, "remedy": self.error.remedy},
        }

    def lines(self, style: Style) -> Iterator[str]:
        """The message and the remedy."""
        yield style.paint("bad", f"Error: {self.error}")
        if self.error.remedy:
            yield f"       {self.error.remedy}"
