"""What `airgap doctor` found, in lines, and as `airgap.doctor/1`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from airgap.examination import Examination, Examined
from airgap.parse.time import iso
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.report.wording import count

DOCTOR_SCHEMA: Final = "airgap.doctor/1"
_GOOD, _NOTE, _WRONG = "good", "note", "WRONG"
_PAINTED: Final = {_GOOD: "good", _NOTE: "unsure", _WRONG: "bad"}


@dataclass(frozen=True, slots=True)
class DoctorReport(Report):
    """What was found on this machine: `airgap.doctor/1`."""

    examination: Examination

    @property
    def exit_code(self) -> int:
        """1 where something does not work."""
        return self.examination.exit_code

    def document(self) -> Json:
        """Everything that was looked at (schema in airgap/schemas/doctor.schema.json)."""
        return {
            **self.first_members(DOCTOR_SCHEMA),
            "clock": iso(self.examination.clock),
            "items": [
                {
                    "about": item.about,
                    "state": _state(item),
                    "found": item.found,
                    "problem": item.problem.message if item.problem else None,
                    "reason": item.problem.reason if item.problem else None,
                    "remedy": item.problem.shown_remedy if item.problem else None,
                }
                for item in self.examination.items
            ],
        }

    def lines(self, style: Style) -> Iterable[str]:
        """A line for each item, with what is wrong and what to do; the sum last."""
        for item in self.examination.items:
            state = _state(item)
            problem = item.problem.message if item.problem else ""
            said = "; ".join(text for text in (item.found, problem) if text)
            yield from style.entry(state, f"{item.about}: {said}", _PAINTED[state])
            if item.problem and item.problem.shown_remedy:
                yield from style.arrow(item.problem.shown_remedy)
        yield ""
        yield from self.brief_lines()

    def brief_lines(self) -> Iterable[str]:
        """Whether something does not work."""
        items = self.examination.items
        wrong = dict.fromkeys(item.about for item in items if item.is_wrong)
        notes = sum(_state(item) == _NOTE for item in items)
        beside = f" ({count(notes, 'note')})" if notes else ""
        if wrong:
            yield f"WRONG: {', '.join(wrong)}{beside}. Exit code {self.exit_code}."
        else:
            yield f"GOOD: nothing is wrong{beside}. Exit code {self.exit_code}."


def _state(item: Examined) -> str:
    return _WRONG if item.is_wrong else _NOTE if item.problem else _GOOD
