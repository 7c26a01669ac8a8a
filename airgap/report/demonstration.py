"""The verdicts on the layouts that come with airgap, in a table, and as `airgap.demo/1`."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Self

from airgap.errors import FormatError
from airgap.parse.json import Reading, as_object, load, take, take_list, take_one_of, text
from airgap.reasons import ExitCode
from airgap.report.finding_text import PAINTED, WORD
from airgap.report.report import Json, Report
from airgap.report.style import Style, padded
from airgap.report.wording import count
from airgap.verdict import Verdict

DEMO_SCHEMA: Final = "airgap.demo/1"
_WORDS: Final = 32
_HEAD: Final = ("LAYOUT", "VERDICT", "EXIT", "WHAT IT SHOWS")


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoCase:
    """A command that shows a verdict."""

    name: str
    about: str
    command: tuple[str, ...]
    """The words after `airgap`. Paths begin with `layouts/`."""
    verdict: Verdict
    expected: int
    """The exit code that belongs to the verdict."""
    exit_code: int | None = None
    """That of the command; None before it ran."""

    @classmethod
    def parse(cls, value: object) -> Self:
        """The case in a JSON object. Raises FormatError."""
        case = as_object(value)
        arguments = take_list(case, "arguments", text, limit=_WORDS)
        return cls(
            name=take(case, "name", str),
            about=take(case, "about", str),
            command=("verify", *arguments),
            verdict=take_one_of(case, "verdict", Verdict),
            expected=take(case, "exit_code", int),
        )

    @property
    def is_as_expected(self) -> bool:
        """Whether the command gave the verdict that the case is made for."""
        return self.exit_code == self.expected

    def ended(self, exit_code: int) -> Self:
        """The same after its command ran."""
        return replace(self, exit_code=exit_code)


def demo_cases(folder: Path) -> tuple[DemoCase, ...]:
    """The cases that `expected.json` in the folder of layouts lists. Raises FormatError, OSError."""
    path = folder / "expected.json"
    cases: Any = load(path.read_bytes(), Reading.OWN, what=path.name)
    if not isinstance(cases, list):
        raise FormatError("is not a list of cases", where=path.name)
    return tuple(DemoCase.parse(case) for case in cases)


@dataclass(frozen=True, slots=True)
class DemoReport(Report):
    """What every case gave: `airgap.demo/1`."""

    cases: Sequence[DemoCase]
    folder: str
    """Where the layouts are. Safe text."""
    is_copy: bool = False
    """Whether they were copied there for the user."""

    @property
    def surprises(self) -> Sequence[DemoCase]:
        """The cases whose verdict is another than expected."""
        return [case for case in self.cases if not case.is_as_expected]

    @property
    def exit_code(self) -> int:
        """1 where a verdict is not the expected one."""
        return ExitCode.ERROR if self.surprises else ExitCode.OK

    def document(self) -> Json:
        """Every case (schema in airgap/schemas/demo.schema.json)."""
        return {
            **self.first_members(DEMO_SCHEMA),
            "folder": self.folder,
            "cases": [
                {
                    "name": case.name,
                    "about": case.about,
                    "command": ["airgap", *case.command],
                    "verdict": case.verdict.value,
                    "expected": case.expected,
                    "exit_code": case.exit_code,
                }
                for case in self.cases
            ],
        }

    def lines(self, style: Style) -> Iterable[str]:
        """A row for each case, and whether all are as expected."""
        rows = [(case.name, WORD[case.verdict], str(case.exit_code)) for case in self.cases]
        widths = [max(len(row[column]) for row in (_HEAD, *rows)) for column in range(3)]

        def first(cells: Iterable[str]) -> str:
            return "".join(f"{padded(cell, width)}  " for cell, width in zip(cells, widths, strict=True))

        yield style.paint("strong", first(_HEAD[:3]) + _HEAD[3])
        for case, row in zip(self.cases, rows, strict=True):
            start = first(row)
            painted = start.replace(row[1], style.paint(PAINTED[case.verdict], row[1]), 1)
            yield from style.paragraph(case.about, painted, " " * len(start))
        yield ""
        for case in self.surprises:
            problem = f"{case.name}: exit code {case.exit_code}, expected {case.expected}"
            yield from style.entry("WRONG", problem, "bad")
        yield from self.brief_lines()
        more = "" if self.is_copy else "; --to DIR copies them"
        yield from style.paragraph(f"The layouts are in {self.folder}{more}.")

    def brief_lines(self) -> Iterable[str]:
        """Whether all is as expected."""
        wrong = len(self.surprises)
        yield (
            f"WRONG: {wrong} of {count(len(self.cases), 'verdict')} not as expected."
            if wrong
            else f"All {count(len(self.cases), 'verdict')} are as expected."
        )
