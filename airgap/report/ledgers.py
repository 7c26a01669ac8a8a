"""What `airgap ledger` shows: tables, rows in full, the result of a check, or JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from airgap.ledger.custody import note_document
from airgap.ledger.entries import Import, JudgedArtifact, Mark, Note, Pruned, Row, RowEntry
from airgap.ledger.hash_chain import Checked, Head
from airgap.ledger.ledger_file import Prunable
from airgap.oci.digest import Digest
from airgap.parse.time import iso
from airgap.reasons import REASONS, ExitCode
from airgap.report.report import Json, Report, Rows, streamed, whole
from airgap.report.style import Style
from airgap.report.wording import count, size
from airgap.text import safe
from airgap.verdict import Verdict

LIST_SCHEMA: Final = "airgap.ledger.list/1"
SHOW_SCHEMA: Final = "airgap.ledger.show/1"
CHECK_SCHEMA: Final = "airgap.ledger.check/1"
PRUNE_SCHEMA: Final = "airgap.ledger.prune/1"
NOTE_ROW_SCHEMA: Final = "airgap.ledger.note/1"

_COLOUR: Final = {Verdict.PASS: "good", Verdict.FAIL: "bad"}
_REWRITTEN: Final = REASONS["ledger.rewritten"].remedy
_SHORT: Final = 12
_NAMES: Final = 20
"""Names of one row that are shown."""
_TEXT: Final = 2000
"""Characters of a note that are shown; JSON has all."""


def row_document(row: Row) -> Json:
    """A row for programs. Texts are safe for a terminal."""
    entry = row.entry
    if entry is None:
        return {"row": row.number, "hash": row.hash, "kind": "gone"}
    return {
        "row": row.number,
        "hash": row.hash,
        "kind": entry.kind,
        **{name: _safe(value) for name, value in entry.members().items()},
        **({"unfinished": True} if row.is_unfinished else {}),
    }


def _safe(value: Any) -> Any:
    if isinstance(value, str):
        return safe(value, limit=_TEXT)
    return [_safe(item) for item in value] if isinstance(value, list) else value


def ledger_lines(rows: Iterable[Row]) -> Iterator[str]:
    """Rows for programs, one in a line."""
    return (json.dumps(row_document(row), ensure_ascii=True) + "\n" for row in rows)


@dataclass(frozen=True, slots=True)
class LedgerListReport(Report):
    """Rows of a ledger: `airgap.ledger.list/1`. They are read while they are shown."""

    ledger: Path
    head: Head
    rows: Callable[[], Iterable[Row]]

    def _members(self) -> Json:
        return {
            **self.first_members(LIST_SCHEMA),
            "ledger": safe(self.ledger),
            "count": self.head.rows,
            "head": self.head.hash,
            "rows": Rows(lambda: map(row_document, self.rows()), count=self.head.rows),
        }

    def document(self) -> Json:
        """All of it."""
        return whole(self._members())

    def pieces(self) -> Iterator[str]:
        """See `Report`."""
        return streamed(self._members())

    def lines(self, style: Style) -> Iterator[str]:
        """A line for each row: what it is about, and how it came out."""
        shown = 0
        yield style.paint("strong", _cells("ROW", "RECORDED", "WHAT", "ABOUT", "NAME"))
        for row in self.rows():
            shown += 1
            yield _line(row, style)
        yield f"total: {count(shown, 'row')} of {self.head.rows}"


def _cells(*cells: str) -> str:
    widths = (6, 20, 22, 19, 0)
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _line(row: Row, style: Style) -> str:
    entry = row.entry
    if entry is None:
        return _cells(str(row.number), "-", "pruned", "-", "")
    names = entry.names
    name = safe(entry.text, limit=80) if isinstance(entry, Note) else safe(names[0], limit=120) if names else ""
    line = _cells(str(row.number), iso(entry.at), _what(row, entry), _about(entry.subject), name)
    return (
        style.paint("unsure" if row.is_unfinished else _kind(entry), line)
        if isinstance(entry, JudgedArtifact)
        else line
    )


def _kind(entry: RowEntry) -> str:
    return _COLOUR.get(entry.verdict, "unsure") if isinstance(entry, JudgedArtifact) else "strong"


def _what(row: Row, entry: RowEntry) -> str:
    match entry:
        case JudgedArtifact() if row.is_unfinished:
            return "import did not end"
        case JudgedArtifact():
            code = f" ({entry.exit_code})" if entry.exit_code else ""
            return f"{'excepted' if entry.exceptions else entry.verdict.value}{code}"
        case Note():
            return "note, signed" if entry.attached else "note"
        case Mark():
            return f"mark {entry.number}"
        case _:
            return entry.kind


def _about(subject: str | None) -> str:
    if subject is None:
        return "-"
    algorithm, _, encoded = subject.partition(":")
    return f"{algorithm}:{encoded[:_SHORT]}" if encoded and len(encoded) > _SHORT else safe(subject, limit=40)


@dataclass(frozen=True, slots=True)
class ShownRow:
    """A row with what is kept beside it."""

    row: Row
    attached: bytes | None


@dataclass(frozen=True, slots=True)
class LedgerShowReport(Report):
    """Rows in full, in the order of time: `airgap.ledger.show/1`."""

    ledger: Path
    rows: Sequence[ShownRow]

    def document(self) -> Json:
        """The rows, with their verdict documents."""
        rows = [_shown(item) for item in self.rows]
        return {**self.first_members(SHOW_SCHEMA), "ledger": safe(self.ledger), "rows": rows}

    def lines(self, style: Style) -> Iterator[str]:
        """Each row as a paragraph."""
        for number, item in enumerate(self.rows):
            if number:
                yield ""
            yield from _paragraph(item, style)


def _shown(item: ShownRow) -> Json:
    document = row_document(item.row)
    entry = item.row.entry
    if isinstance(entry, JudgedArtifact):
        document["document"] = None if item.attached is None else item.attached.decode("ascii", "replace")
    if isinstance(entry, Note):
        document["document"] = note_document(entry).decode("ascii")
        document["envelope"] = None if item.attached is None else item.attached.decode("ascii", "backslashreplace")
    return document


def _paragraph(item: ShownRow, style: Style) -> Iterator[str]:
    row, entry = item.row, item.row.entry
    if entry is None:
        yield style.paint("strong", f"row {row.number}  pruned")
        yield f"  hash        {row.hash}"
        return
    yield style.paint(_kind(entry), f"row {row.number}  {iso(entry.at)}  {_what(row, entry)}")
    for name, value in (*_facts(entry, item.attached), ("operator", safe(entry.operator)), ("hash", row.hash)):
        if value:
            yield f"  {name.ljust(11)} {value}"


def _facts(entry: RowEntry, attached: bytes | None) -> Iterator[tuple[str, str]]:
    match entry:
        case JudgedArtifact():
            yield from _judged(entry, attached)
        case Import():
            yield "put", ", ".join(safe(name) for name in entry.names[:_NAMES])
            yield "digest", str(entry.root)
            yield "bundle", _digest(entry.bundle)
            yield "holds", f"{entry.blobs} manifests and blobs, {size(entry.size)}"
        case Note():
            yield "about", safe(entry.about)
            yield "text", safe(entry.text, limit=_TEXT)
            yield "by", safe(entry.by)
            yield "signature", _signature(entry, attached)
        case Mark():
            yield "stream", f"{safe(entry.stream)}, bundle {entry.number}"
            yield "bundle", str(entry.bundle)
            yield "made", iso(entry.made) if entry.made else ""
            yield "reason", safe(entry.reason)
        case Pruned():
            yield "before", iso(entry.before)
            yield "rows", _runs(entry.rows)
            yield "documents", _runs(entry.documents)


def _judged(entry: JudgedArtifact, attached: bytes | None) -> Iterator[tuple[str, str]]:
    yield "name", safe(entry.reference)
    yield "digest", str(entry.digest)
    yield "tags", ", ".join(safe(tag, limit=300) for tag in entry.tags[:_NAMES])
    yield "repository", safe(entry.scope or "")
    yield "reasons", ", ".join(map(safe, entry.reasons))
    yield "exceptions", "; ".join(map(safe, entry.exceptions))
    yield "signed by", "; ".join(map(safe, entry.signers))
    yield "came in", safe(entry.target)
    yield "bundle", _digest(entry.bundle)
    yield "judged for", iso(entry.judged)
    yield "policy", safe(entry.policy or "")
    yield "snapshot", safe(entry.snapshot or "")
    kept = "pruned" if attached is None else f"{size(len(attached))} (--format json shows it)"
    yield "document", kept


def _signature(entry: Note, attached: bytes | None) -> str:
    if entry.attached is None:
        return "none: a claim"
    if attached is None:
        return "was pruned"
    return "there is one, not judged here (--extract DIR writes it for airgap blob verify)"


def _digest(digest: Digest | None) -> str:
    return "" if digest is None else str(digest)


def _runs(found: Sequence[tuple[int, int]]) -> str:
    shown = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found[:_NAMES])
    return f"{shown} and {len(found) - _NAMES} more" if len(found) > _NAMES else shown


@dataclass(frozen=True, slots=True)
class LedgerCheckReport(Report):
    """What a check found: `airgap.ledger.check/1`."""

    file: Path
    checked: Checked

    @property
    def exit_code(self) -> int:
        """18 where anything is not as it was written."""
        return ExitCode.OK if self.checked.is_whole else ExitCode.MALFORMED

    def document(self) -> Json:
        """All of it."""
        checked = self.checked
        return {
            **self.first_members(CHECK_SCHEMA),
            "file": safe(self.file),
            "whole": checked.is_whole,
            "id": checked.identity,
            "count": checked.head.rows,
            "head": checked.head.hash,
            "pruned": {"rows": checked.pruned, "documents": checked.documents_pruned},
            "compared": checked.compared,
            "faults": [
                {"kind": item.kind, "row": item.number, "message": item.message, "remedy": _REWRITTEN}
                for item in checked.faults
            ],
            "more_faults": checked.more,
        }

    def lines(self, style: Style) -> Iterator[str]:
        """Whether it is whole; what is not; and what no check of one file can see."""
        checked = self.checked
        yield style.paint("good" if checked.is_whole else "bad", self._headline())
        for fault in checked.faults:
            yield f"  {fault.kind.upper().ljust(9)} {fault.message}"
        if checked.more:
            yield f"  and {checked.more} more"
        if checked.faults:
            yield f"  → {_REWRITTEN}"
        yield f"  head  {checked.head}"
        if checked.pruned or checked.documents_pruned:
            yield f"  pruned: {count(checked.pruned, 'row')}, and the documents of {checked.documents_pruned} more"
        if checked.compared:
            yield f"  compared with {count(checked.compared, 'head')} from receipts or --head"
        else:
            yield "  Not compared with a receipt. Only that shows rows that were cut off together with the head in the"
            yield "  file, or a ledger that was written anew as a whole (--receipt FILE, --head COUNT:HASH)."

    def brief_lines(self) -> Iterator[str]:
        """The first line."""
        yield self._headline()

    def _headline(self) -> str:
        rows = count(self.checked.head.rows, "row")
        if self.checked.is_whole:
            return f"WHOLE: {safe(self.file)} has {rows}; none was changed, removed, inserted or cut off."
        return f"NOT WHOLE: {safe(self.file)} is not as it was written. Do not rely on its {rows}."


@dataclass(frozen=True, slots=True)
class LedgerPruneReport(Report):
    """What was pruned: `airgap.ledger.prune/1`."""

    ledger: Path
    pruned: Prunable
    head: Head

    def document(self) -> Json:
        """All of it."""
        return {
            **self.first_members(PRUNE_SCHEMA),
            "ledger": safe(self.ledger),
            "rows": self.pruned.rows,
            "documents": self.pruned.documents,
            "size": self.pruned.size,
            "count": self.head.rows,
            "head": self.head.hash,
        }

    def lines(self, style: Style) -> Iterator[str]:
        """What went, and the new head."""
        if self.pruned == (0, 0, 0):
            yield "Nothing to prune: no such row was recorded before that date."
            return
        yield style.paint("good", f"Pruned {prunable_words(self.pruned)}.")
        yield f"  head  {self.head}"


def prunable_words(pruned: Prunable) -> str:
    """What goes, in words."""
    documents = f"{count(pruned.documents, 'verdict document')} ({size(pruned.size)})"
    return f"{count(pruned.rows, 'row')} with {documents}" if pruned.rows else documents


@dataclass(frozen=True, slots=True)
class LedgerNoteReport(Report):
    """A note that was recorded: `airgap.ledger.note/1`."""

    ledger: Path
    note: Note
    head: Head
    """The head with the note as its last row."""

    def document(self) -> Json:
        """The row, and the head."""
        return {
            **self.first_members(NOTE_ROW_SCHEMA),
            "ledger": safe(self.ledger),
            "row": self.head.rows,
            "signed": self.note.attached is not None,
            "count": self.head.rows,
            "head": self.head.hash,
        }

    def lines(self, style: Style) -> Iterator[str]:
        """That it is recorded."""
        signed = "signed note" if self.note.attached else "note"
        yield style.paint("good", f"Recorded a {signed} about {safe(self.note.about)} as row {self.head.rows}.")
        yield f"  head  {self.head}"
