"""What ends, and when: text, and `airgap.expiring/1`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from airgap.parse.time import iso
from airgap.reasons import ExitCode
from airgap.report.artifact_names import short
from airgap.report.artifact_rows import common_name
from airgap.report.columns import Columns
from airgap.report.finding_text import WORD, problem_lines
from airgap.report.report import Json, Report
from airgap.report.style import PLAIN, Style, unbroken
from airgap.report.wording import count, sentences_of, span_text
from airgap.verdict import unless
from airgap.verifier.artifact_document import problem_document
from airgap.verifier.ending_dates import EndingDate, EndingDates

EXPIRING_SCHEMA: Final = "airgap.expiring/1"
_HEAD: Final = ("ENDS", "LEFT", "WHAT", "NAME", "IN")
_LEAST: Final = (20, 7, 4, 12, 10)


@dataclass(frozen=True, slots=True)
class ExpiringReport(Report):
    """What `airgap.trust.ending_dates` found: `airgap.expiring/1` (airgap/schemas/expiring.schema.json)."""

    found: EndingDates
    verbose: bool = False
    """Whether the text lists what ends after the span, too."""

    @property
    def exit_code(self) -> int:
        """15 where something has ended, 21 where something will within the span, or that of what cannot be read."""
        return self.found.exit_code

    def document(self) -> Json:
        """Everything that has an end, the first one first."""
        found = self.found
        return {
            **self.first_members(EXPIRING_SCHEMA),
            "time": {"judged": iso(found.at), "clock": iso(found.clock)},
            "within_seconds": int(found.within.total_seconds()),
            "until": iso(found.until),
            "directory": found.directory,
            "targets": list(found.targets),
            "dates": [_date(item, found) for item in found.dates],
            "problems": [problem_document(problem) for problem in found.problems],
        }

    def lines(self, style: Style) -> Iterator[str]:
        """Common facts, what ends in the order of dates, what cannot be read, and last how much ends."""
        found = self.found
        targets = f" and {count(len(found.targets), 'artifact')}" if found.targets else ""
        text = f"trust directory {found.directory}{targets}, as of {iso(found.at)}, until {iso(found.until)}"
        yield from style.entry(self._word(), f"{text}; nothing is judged", self._kind())
        shown = found.dates if self.verbose else (*found.ended, *found.ending)
        if shown:
            yield ""
            rows = [self._cells(item) for item in shown]
            table = Columns(_HEAD, rows, style, least=_LEAST, margin=0)
            yield from table.heading()
            for row in rows:
                yield from table.row(row)
        if found.problems:
            yield ""
            yield from problem_lines(found.problems, style)
        yield ""
        yield from self._ending(style)

    def brief_lines(self) -> Iterator[str]:
        """How much ends, and what first."""
        return self._ending(PLAIN)

    def _cells(self, item: EndingDate) -> tuple[str, ...]:
        at = self.found.at
        left = f"{span_text(at - item.at)} ago" if item.at < at else span_text(item.at - at)
        more = f" and {item.more} more" if item.more else ""
        name = "-" if item.name == item.place else common_name(item.name)
        place = short(f"{item.place}{more}", verbose=self.verbose)
        return iso(item.at), unbroken(left), unbroken(item.kind.value), name or "-", place

    def _ending(self, style: Style) -> Iterator[str]:
        return style.ending(self._word(), sentences_of(*self._sentences()), self.exit_code, self._kind())

    def _sentences(self) -> Iterator[str]:
        found = self.found
        total = len(found.dates)
        if found.problems:
            yield f"{count(len(found.problems), 'problem')}: what cannot be read may end sooner."
        if ended := len(found.ended):
            yield f"{ended} of {total} {'has' if ended == 1 else 'have'} ended."
        if ending := len(found.ending):
            first = found.ending[0]
            what = f"{first.kind.value} {short(common_name(first.name) or first.place)}"
            ends = "ends" if ending == 1 else "end"
            yield f"{ending} of {total} {ends} within {span_text(found.within)}, the first on {iso(first.at)} ({what})."
        elif not ended:
            yield f"none of {total} ends within {span_text(found.within)}."
        if found.later:
            first = found.later[0]
            ends = "one ends later" if len(found.later) == 1 else f"{len(found.later)} end later, the first"
            yield f"{ends} on {iso(first.at)}{'' if self.verbose else '; -v lists all'}."

    def _word(self) -> str:
        found = self.found
        if found.problems:
            return WORD[unless(found.problems).verdict].upper()
        return "ENDED" if found.ended else "ENDS SOON" if found.ending else "GOOD"

    def _kind(self) -> str:
        if self.exit_code == ExitCode.OK:
            return "good"
        return "unsure" if self.exit_code == ExitCode.DIFFERENT else "bad"


def _date(item: EndingDate, found: EndingDates) -> Json:
    state = "ended" if item.at < found.at else "ending" if item.at <= found.until else "later"
    return {
        "at": iso(item.at),
        "state": state,
        "kind": item.kind.value,
        "name": item.name,
        "place": item.place,
        "more": item.more,
    }
