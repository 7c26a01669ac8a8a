"""The form of a report file, by the ending of its name."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from pathlib import Path
from typing import Final

from airgap.errors import UsageError
from airgap.report.judged_run import JudgedRun
from airgap.text import safe


class ReportForm(StrEnum):
    """What a report file is for."""

    JSON = "json"
    """The whole document of the command. A recheck reads that of a verify."""
    LINES = "ndjson"
    """The document without what was judged, then a line for each artifact."""
    PAGE = "html"
    """A page for people, which prints."""
    JUNIT = "junit"
    """Test results, as build servers show them."""
    SUMMARY = "in-toto"
    """A line for each artifact: an in-toto statement with a verification summary."""


_ENDINGS: Final = {
    ".ndjson": ReportForm.LINES,
    ".jsonl": ReportForm.LINES,
    ".html": ReportForm.PAGE,
    ".htm": ReportForm.PAGE,
    ".xml": ReportForm.JUNIT,
}
_SUMMARIES: Final = ".intoto.jsonl"
_OTHERS: Final = frozenset({".csv", ".docx", ".md", ".pdf", ".sarif", ".txt", ".xlsx", ".yaml", ".yml"})
ENDINGS: Final = ".json, .ndjson, .html, .xml (JUnit), .intoto.jsonl"


def report_form(path: Path) -> ReportForm:
    """The form of the report in a file of this name; JSON where the ending says nothing.

    Raises UsageError for the ending of a form that there is not.
    """
    name = path.name.lower()
    if name.endswith(_SUMMARIES):
        return ReportForm.SUMMARY
    ending = Path(name).suffix
    if ending in _OTHERS:
        raise UsageError(f"there is no report in the form of {safe(path.name)}", remedy=f"Endings: {ENDINGS}.")
    return _ENDINGS.get(ending, ReportForm.JSON)


def judged_pieces(run: JudgedRun, form: ReportForm) -> Iterator[str]:
    """The report in a form that is not JSON, in ASCII, piece by piece."""
    match form:
        case ReportForm.PAGE:
            from airgap.report.html_page import page_pieces

            return _with_references(page_pieces(run))
        case ReportForm.JUNIT:
            from airgap.report.junit import junit_pieces

            return _with_references(junit_pieces(run))
        case ReportForm.SUMMARY:
            from airgap.report.verification_summary import summary_lines

            return summary_lines(run)
        case _:
            from airgap.report.document_lines import document_lines

            return document_lines(run)


def _with_references(pieces: Iterator[str]) -> Iterator[str]:
    """HTML or XML in ASCII: other characters are written as references."""
    return (piece.encode("ascii", "xmlcharrefreplace").decode("ascii") for piece in pieces)
