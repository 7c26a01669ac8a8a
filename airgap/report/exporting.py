"""What was written for another tool, in words, and as `airgap.export/1`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal

from airgap.parse.time import iso, iso_or_null
from airgap.reasons import ExitCode
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.report.wording import count
from airgap.trust.export import Exported

EXPORT_SCHEMA: Final = "airgap.export/1"


@dataclass(frozen=True, slots=True)
class ExportReport(Report):
    """Trust material that was written for `tool`: `airgap.export/1`."""

    tool: Literal["notation", "containers-policy"]
    exported: Exported
    accept_omissions: bool = False
    """Whether omissions are accepted (`--accept-omissions`)."""

    @property
    def exit_code(self) -> int:
        """20 if something was left out and that is not accepted."""
        return ExitCode.PARTIAL if self.exported.omissions and not self.accept_omissions else ExitCode.OK

    def document(self) -> Json:
        """The files, and what was left out."""
        done = self.exported
        return {
            **self.first_members(EXPORT_SCHEMA),
            "for": self.tool,
            "folder": done.folder,
            "files": list(done.files),
            "notes": list(done.notes),
            "omissions": [
                {"file": item.file, "url": item.url or None, "problem": item.problem} for item in done.omissions
            ],
            "unchecked": list(done.unchecked),
            "use_by": iso_or_null(done.use_by),
        }

    def lines(self, style: Style) -> Iterable[str]:  # noqa: ARG002 - plain lines
        """The number of files, what was left out, and how to use them."""
        done = self.exported
        whole = "EXPORTED IN PART" if done.omissions else "EXPORTED, NOT CHECKED" if done.unchecked else "EXPORTED"
        lines = [f"{whole}: {count(len(done.files), 'file')} for {self.tool} in {done.folder}."]
        word = "left out" if self.tool == "notation" else "milder"
        lines += [f"  {word} {item.sentence}" for item in done.omissions]
        lines += [f"  not checked {text}" for text in done.unchecked]
        lines += [f"  note {text}" for text in done.notes]
        if self.tool == "notation":
            folder = done.folder
            lines.append(f"  NOTATION_CONFIG={folder}/config NOTATION_CACHE={folder}/cache notation verify ...")
        if done.use_by:
            lines.append(f"  good offline until {iso(done.use_by)}")
        return lines
