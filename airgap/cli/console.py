"""What every command shares: the error boundary, the clock, the console and the common options."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Final, NoReturn, TextIO

import typer

import airgap.report
import airgap.trust
from airgap.cli import signals
from airgap.errors import AirgapError, UsageError
from airgap.reasons import ExitCode
from airgap.text import safe


class Format(StrEnum):
    """How the result is written to standard output."""

    TEXT = "text"
    JSON = "json"


def wants_json(words: Sequence[str]) -> bool:
    """Whether words of a command that could not be understood ask for a document: what `Output` has for that."""
    pairs = ((name, Format.JSON.value) for name in ("--format", "-o"))
    return bool({"--json", "--format=json", "-ojson"} & {*words}) or any(pair in pairwise(words) for pair in pairs)


VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")]
LayoutOption = Annotated[
    bool, typer.Option("--oci-layout", help="The reference names a layout (as for oras and notation).")
]
_BRANCHES: Final = re.compile(r"^[│├└─ ]+", re.MULTILINE)
_ASCII: Final = str.maketrans("│├└─", "||`-")
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


class ClockError(AirgapError):
    """The clock of this machine cannot be right, so that nothing can be judged, and nothing be dated."""

    exit_code = ExitCode.INDETERMINATE


def clock() -> datetime:
    """The current time, in UTC and whole seconds. Raises ClockError for a clock that cannot be right."""
    now = clock_reading()
    if not _EARLIEST <= now < _LATEST:
        raise ClockError(
            f"the clock of this machine cannot be right: it says {now:%Y-%m-%d %H:%M} UTC",
            remedy="Set the clock first: certificates and evidence are good by dates, and what is copied is dated.",
        )
    return now


def clock_reading() -> datetime:
    """What the clock says, right or not, for the documents of errors. No other place of the project reads the clock."""
    return datetime.now(UTC).replace(microsecond=0)


_EARLIEST: Final = datetime(2025, 1, 1, tzinfo=UTC)
"""No version of airgap is older. A machine whose clock has no battery says 1970, or when its firmware was made."""
_LATEST: Final = datetime(2100, 1, 1, tzinfo=UTC)
"""A number that was read wrongly, or set by mistake."""


def home() -> Path | None:
    """The user's home directory; None for a user that has none (services, some containers)."""
    try:
        return Path.home()
    except RuntimeError:
        return None


def write(*pieces: str) -> None:
    """The result, on standard output. Raises OSError that names it."""
    write_pieces(pieces)


def write_pieces(pieces: Iterable[str]) -> None:
    """Write the result while it is made, piece by piece. Raises OSError that names standard output."""
    try:
        sys.stdout.writelines(pieces)
        sys.stdout.flush()
    except OSError as error:
        raise named(error) from None


@contextmanager
def keeping(exit_code: int) -> Iterator[None]:
    """The exit code of a result that is no success counts, also where the result cannot be written."""
    try:
        yield
    except OSError as error:
        if exit_code == ExitCode.OK:
            raise
        with suppress(typer.Exit), boundary():
            raise
        raise typer.Exit(exit_code) from error


def drawn(line: str, stream: TextIO | None = None) -> str:
    """A line with its signs in ASCII, where a stream (standard output) has no characters for them."""
    if line.isascii():
        return line
    try:
        line.encode((stream or sys.stdout).encoding or "utf-8")
    except UnicodeEncodeError:
        line = _BRANCHES.sub(lambda found: found[0].translate(_ASCII), line)
        return line.replace(" · ", ", ").replace("→ ", "-> ").replace("…", "...")
    return line


def shown_lines(lines: Iterable[str]) -> Iterator[str]:
    """Lines for standard output, each ended, while they are made."""
    return (f"{drawn(line)}\n" for line in lines)


def style_of(stream: TextIO, *, plain: bool) -> airgap.report.Style:
    """Colour on a terminal that supports it, and its size; `COLUMNS` and `LINES` count for files and pipes, too."""
    width, height = _number("COLUMNS"), _number("LINES")
    if stream.isatty():
        with suppress(OSError, ValueError):
            size = os.get_terminal_size(stream.fileno())
            width, height = width or size.columns, height or size.lines
    return airgap.report.Style(
        colour=stream.isatty() and not plain, width=max(width, _NARROWEST) if width else None, height=height or 24
    )


def _number(variable: str) -> int:
    text = os.environ.get(variable, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < _DIGITS else 0


_NARROWEST: Final = 40
_DIGITS: Final = 6


def named(error: OSError) -> OSError:
    """An error of writing to standard output, with its name; no further text is written there."""
    try:  # what is left in its buffer goes nowhere at the interpreter's last flush, which would fail again
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # a program that uses this command put something else in its place
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123 - kept to the end
    problem = "it is closed" if error.errno == errno.EBADF else error.strerror or str(error)
    return OSError(error.errno, problem, "standard output")


def note(text: str) -> None:
    """A progress message, on standard error."""
    sys.stderr.write(text + "\n")


def layout_reference(text: str, *, oci_layout: bool) -> str:
    """The reference with its transport spelt out where `--oci-layout` says that it is a layout."""
    if not oci_layout or text.startswith(("oci:", "oci-archive:")):
        return text
    return f"oci:{text}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Output:
    """How the result is shown: options of every command that has one."""

    format: Annotated[Format, typer.Option("--format", "-o", help="Format of the result on standard output.")] = (
        Format.TEXT
    )
    json: Annotated[bool, typer.Option("--json", help="As --format json.")] = False
    no_tty: Annotated[bool, typer.Option("--no-tty", help="No colours or progress bars, even on a terminal.")] = False
    _shown: list[object] = field(default_factory=list, init=False, repr=False, compare=False)

    @property
    def is_json(self) -> bool:
        """Whether programs read it as one document."""
        return self.json or self.format is Format.JSON

    @property
    def lacks_document(self) -> bool:
        """Whether programs wait for a document that has not been shown."""
        return self.is_json and not self._shown

    @property
    def is_plain(self) -> bool:
        """Whether no colours and bars may be shown, even on a terminal (https://no-color.org)."""
        return self.no_tty or bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"

    @property
    def style(self) -> airgap.report.Style:
        """Colour on a terminal that supports it."""
        return style_of(sys.stdout, plain=self.is_plain)

    def show(self, report: airgap.report.Report) -> None:
        """The result, on standard output; warnings beside it on standard error, before it."""
        self._shown.append(report)
        if self.is_json:
            write_pieces(report.pieces())
        else:
            self.warn(report)
            write_pieces(shown_lines(report.lines(self.style)))

    def warn(self, report: airgap.report.Report, *, quiet: bool = False) -> None:
        """The warnings beside a result, on standard error."""
        for line in report.warning_lines(style_of(sys.stderr, plain=self.is_plain), quiet=quiet):
            note(drawn(line, sys.stderr))

    def finish(
        self,
        report: airgap.report.Report,
        *,
        files: Iterable[Path] = (),
        apart_from: Iterable[Path] = (),
        store: Callable[[], airgap.report.Report | None] = lambda: None,
    ) -> NoReturn:
        """Write the report to `files`, each in its form, show the result, and end with its exit code.

        `store` keeps the result elsewhere, too; if it gives another report, that one counts. Raises UsageError for a
        file that would change one of `apart_from`, AirgapError for one that cannot be written, and what `store` raises.
        """
        try:
            report = store() or report
            others = list(apart_from)
            for file in files:
                airgap.trust.check_output(file, others)
                airgap.report.write_report(file, report)
        except AirgapError as error:
            report = report.ended_by(error)  # a person sees the error below the result, too
            raise
        finally:  # the verdict is shown even if the report cannot be written
            with keeping(report.exit_code):
                self.show(report)
        raise typer.Exit(report.exit_code)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietOutput(Output):
    """The options of output of commands that also write progress messages."""

    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing but the result.")] = False

    def note(self, text: str) -> None:
        """A progress message, on standard error."""
        if not self.quiet:
            note(text)

    def show(self, report: airgap.report.Report) -> None:
        """The result, as far as `--quiet` shows it."""
        if self.quiet and not self.is_json:
            self.warn(report, quiet=True)
            write_pieces(shown_lines(report.brief_lines()))
        else:
            Output.show(self, report)


_LESS: Final = "Raise the limit of memory or of processes (ulimit -a shows them), or do less at once: --concurrency 1."


@contextmanager
def boundary(*, debug: bool = False, tell: Callable[[AirgapError], None] = lambda _: None) -> Iterator[None]:
    """The one place where errors become a sentence and an exit code (reference/exit-codes.md); `tell` gets each."""
    signals.clean_up_first()
    try:
        yield
    except AirgapError as error:
        _complain(error, tell)
        raise typer.Exit(error.exit_code) from None
    except KeyboardInterrupt:
        _complain(InterruptedRunError("interrupted"), tell)
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except OSError as error:
        if error.errno == errno.EPIPE:  # the reader of our output has closed the pipe
            raise typer.Exit(ExitCode.ERROR) from None
        name = f"{safe(error.filename)}: " if error.filename else ""
        _complain(AirgapError(f"{name}{error.strerror or error}", remedy=_remedy(error)), tell)
        raise typer.Exit(ExitCode.ERROR) from None
    except typer.Exit:
        raise
    except Exception as error:
        if debug:
            raise
        if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "start new thread" in str(error)):
            _complain(AirgapError("the machine has too little memory for this", remedy=_LESS), tell)
            raise typer.Exit(ExitCode.ERROR) from None
        message = f"unexpected {type(error).__name__}: {safe(error)}"
        _complain(AirgapError(message, remedy="This is a defect; --debug shows where. Report it."), tell)
        raise typer.Exit(ExitCode.ERROR) from None


def _remedy(error: OSError) -> str:
    """What to do about an error of the operating system; empty where that is not known."""
    if error.errno not in {errno.EACCES, errno.EPERM} or not isinstance(error.filename, str):
        return _REMEDIES.get(error.errno or 0, "")
    path = Path(error.filename).absolute()
    # os.path answers no where a Path raises the error that this function reports: a folder above may not be entered
    unread = os.path.isfile(path) and not os.access(path, os.R_OK)  # noqa: PTH113
    folders = (folder for folder in (path, *path.parents) if os.path.isdir(folder))  # noqa: PTH112
    place = path if unread else next(folders, path.anchor)
    what = "read it" if unread else "write there"
    return f"Look at owner and mode of {safe(place)}: the user who runs this must be allowed to {what}."


_REMEDIES: Final = {
    errno.EROFS: "Mount it writable, or name another place.",
    errno.ENOSPC: "Make room there, or name another place.",
    errno.EDQUOT: "Make room there, raise the quota, or name another place.",
    errno.EBADF: "Give it a file or a pipe: >FILE, | COMMAND.",
    errno.ENOTDIR: "A part of the path is a file, not a folder: name another place.",
}


def key_values(items: list[str], option: str) -> dict[str, str]:
    """`KEY=VALUE` options as a mapping; the last of a repeated key wins (CLI-2). Raises UsageError."""
    values = {}
    for item in items:
        key, separator, value = item.partition("=")
        if not (key and separator and value):
            raise UsageError(f"{option} {safe(item)!r} is not KEY=VALUE")
        values[key] = value
    return values


def demands(items: list[str], option: str) -> dict[str, str]:
    """Metadata that a signature must have. Raises UsageError, also for two values of one key: none is dropped."""
    values = key_values(items, option)
    for item in items:
        key, _, value = item.partition("=")
        if values[key] != value:
            raise UsageError(
                f"{option} demands two values of {safe(key)!r}: {safe(value)!r} and {safe(values[key])!r}",
                remedy="Name each key once.",
            )
    return values


def _complain(error: AirgapError, tell: Callable[[AirgapError], None]) -> None:
    sys.stderr.write(f"Error: {error}\n" + (f"       {error.remedy}\n" if error.remedy else ""))
    tell(error)


class InterruptedRunError(AirgapError):
    """A user ended it."""

    exit_code = ExitCode.INTERRUPTED
