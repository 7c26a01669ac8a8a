"""`airgap ledger list|show|check|export|prune|note`."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer

import airgap.ledger
import airgap.report
import airgap.trust
from airgap.cli.command import command
from airgap.cli.console import Output, QuietOutput, YesOption, clock, note, write_pieces
from airgap.cli.judging_options import parse_moment
from airgap.cli.lazy import typer_app
from airgap.cli.ledger_options import LedgerOption, OperatorOption, ledger_files, needed_ledger, operator_name
from airgap.cli.optional_signing import FileSigning
from airgap.errors import NotFoundError, UsageError
from airgap.text import safe

app = typer_app("List, show, check, export and prune the ledger of a site.", no_args_is_help=True)

ABOUT_CHARACTERS = 8
"""The fewest characters of a digest that name an artifact."""


class ListFormat(StrEnum):
    """How rows are written to standard output."""

    TEXT = "text"
    JSON = "json"
    NDJSON = "ndjson"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOutput(Output):
    """The options of output of a list, which may be long."""

    format: Annotated[
        ListFormat,
        typer.Option("--format", "-o", help="Format of the result on standard output; ndjson is a row in a line."),
    ] = ListFormat.TEXT  # type: ignore[assignment]

    @property
    def is_json(self) -> bool:
        """Whether programs read it as one document."""
        return self.json or self.format is ListFormat.JSON


@command(app, "list")
def list_(
    *,
    ledger: LedgerOption = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Recorded at this time (RFC 3339, or a date) or later.")
    ] = None,
    verdict: Annotated[airgap.Verdict | None, typer.Option(help="Judgements that had this verdict.")] = None,
    name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Rows with this text in a name: a repository, a tag, a stream.")
    ] = None,
    kind: Annotated[
        list[airgap.ledger.RowKind] | None, typer.Option(help="Rows of this kind; repeatable. Default: all.")
    ] = None,
    output: ListOutput,
) -> None:
    """List what was judged and brought in here, and who carried it.

    Exit codes: 0 listed, 11 no such ledger, 18 no ledger, or a damaged one.
    """
    path = needed_ledger(ledger)
    first = None if since is None else parse_moment(since, "--since", whole_day=False)
    with airgap.Ledger.open(path) as opened:

        def rows() -> Iterator[airgap.ledger.Row]:
            return opened.rows(kinds=kind or airgap.ledger.RowKind, since=first, verdict=verdict, name=name)

        if output.format is ListFormat.NDJSON and not output.is_json:
            write_pieces(airgap.report.ledger_lines(rows()))
            raise typer.Exit
        output.finish(airgap.report.LedgerListReport(path, opened.head, rows))


@command(app)
def show(
    *,
    what: Annotated[
        str, typer.Argument(metavar="ROW|DIGEST", help="Number of a row, or a digest (its beginning is enough).")
    ],
    ledger: LedgerOption = None,
    extract: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Write notes and their signatures there, for airgap blob verify."),
    ] = None,
    output: Output,
) -> None:
    """Show a row in full, or all about one artifact or bundle in the order of time.

    Exit codes: 0 shown, 11 no such row, artifact or ledger, 18 no ledger, or a damaged one.
    """
    path = needed_ledger(ledger)
    with airgap.Ledger.open(path) as opened:
        rows = [airgap.report.ShownRow(row, opened.attached(row)) for row in _meant(opened, what)]
    if extract is not None:
        _extract(rows, extract)
    output.finish(airgap.report.LedgerShowReport(path, rows))


def _meant(ledger: airgap.Ledger, what: str) -> Iterable[airgap.ledger.Row]:
    """The rows that are meant. Raises NotFoundError, UsageError."""
    if what.isascii() and what.isdigit() and len(what) < ABOUT_CHARACTERS:
        return [ledger.row(int(what))]
    subjects = ledger.subjects(what) if len(what) >= ABOUT_CHARACTERS else []
    if len(subjects) > 1:
        raise UsageError(f"{safe(what)!r} may be {' or '.join(map(safe, subjects))}", remedy="Write more of it.")
    if not subjects:
        raise NotFoundError(
            f"the ledger {safe(ledger.path)} has no row about {safe(what)!r}",
            remedy="airgap ledger list shows digests; --name TEXT finds them by name.",
        )
    return ledger.rows(about=subjects[0])


def _extract(rows: Iterable[airgap.report.ShownRow], folder: Path) -> None:
    """Writes notes as files. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for item in rows:
        if isinstance(entry := item.row.entry, airgap.ledger.Note):
            file = folder / f"note-{item.row.number}.json"
            file.write_bytes(airgap.ledger.note_document(entry))
            if item.attached is not None:
                file.with_name(f"{file.name}.jws.sig").write_bytes(item.attached)


@command(app)
def check(
    *,
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="A ledger, or an export of one. Default: the ledger of --ledger."),
    ] = None,
    ledger: LedgerOption = None,
    receipt: Annotated[
        list[Path] | None,
        typer.Option(metavar="FILE", help="A receipt that was made of it earlier; repeatable."),
    ] = None,
    head: Annotated[
        list[str] | None,
        typer.Option(metavar="COUNT:HASH", help="A head that was written down earlier; repeatable."),
    ] = None,
    output: QuietOutput,
) -> None:
    """Read all of a ledger, and find rows that were changed, removed, inserted or cut off.

    A cut that took the head in the file with it, or a ledger that was written anew as a whole, is found only by
    comparison with what left this machine: receipts (--receipt), or a head that was written down (--head).

    Exit codes: 0 whole, 11 no such file, 18 not whole, damaged, or no ledger.
    """
    path = file or needed_ledger(ledger)
    heads = [airgap.ledger.Head.parse(text) for text in head or []]
    receipts = [airgap.ledger.read_receipt(name) for name in receipt or []]
    heads += [item.head for item in receipts]
    identities = [item.identity for item in receipts]
    if path.is_file() and airgap.ledger.is_export(path):
        checked = airgap.ledger.check_export(path, heads, identities)
    else:
        with airgap.Ledger.open(path) as opened:
            checked = opened.check(heads, identities)
    output.finish(airgap.report.LedgerCheckReport(path, checked))


@command(app)
def export(
    *,
    ledger: LedgerOption = None,
    to: Annotated[Path | None, typer.Option("--output", "-o", metavar="FILE", help="Default: standard output.")] = None,
    output: QuietOutput,
) -> None:
    """Write the whole ledger as lines of JSON, which airgap ledger check reads.

    Exit codes: 0 written, 1 could not, 11 no such ledger, 18 no ledger, or a damaged one.
    """
    path = needed_ledger(ledger)
    with airgap.Ledger.open(path) as opened:
        if to is None:
            write_pieces(airgap.ledger.export_lines(opened))
            return
        airgap.trust.check_output(to, ledger_files(path), what="export")
        airgap.ledger.write_export(opened, to)
        output.note(f"wrote {opened.head.rows} rows to {safe(to)}; head {opened.head}")
        change = airgap.report.ChangedThing(what="ledger export", change="written", path=to)
        output.finish(airgap.report.DoneReport("ledger export", [change], []))


@command(app)
def prune(
    *,
    ledger: LedgerOption = None,
    before: Annotated[
        str, typer.Option(metavar="TIME", help="What was recorded before this time (RFC 3339, or a date).")
    ],
    rows: Annotated[bool, typer.Option("--rows", help="Remove rows, too: judgements and notes.")] = False,
    operator: OperatorOption = None,
    yes: YesOption = False,
    output: QuietOutput,
) -> None:
    """Remove old verdict documents, or with --rows judgements and notes; imports and marks of streams stay.

    What is removed leaves its digest, so that airgap ledger check proves the rest, and a new row says what went. A
    recheck cannot judge again what has no document.

    Exit codes: 0 pruned, or nothing to prune, 1 could not, 2 not confirmed, 18 no ledger, or a damaged one.
    """
    path, now = needed_ledger(ledger), clock()
    moment = parse_moment(before, "--before", whole_day=False)
    with airgap.Ledger.open(path) as opened:  # where nothing is, none is made
        going = opened.to_prune(moment, rows=rows)
        if any(going) and not yes:
            _confirm(airgap.report.prunable_words(going), path)
    with airgap.Ledger.open(path, write=True) as opened:
        done = opened.prune(moment, rows=rows, at=now, operator=operator_name(operator))
        output.finish(airgap.report.LedgerPruneReport(path, done, opened.head))


def _confirm(what: str, path: Path) -> None:
    """A person confirms it. Raises UsageError."""
    note(f"{what} will be removed from {safe(path)}, and cannot be brought back. Type yes to go on:")
    if sys.stdin.readline(16).strip() != "yes":
        raise UsageError("not confirmed; nothing was removed", remedy="In a script say --yes.")


@command(app, "note")
def note_(
    *,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Who carried what when, or what else was seen.")],
    about: Annotated[str, typer.Option(metavar="DIGEST|BUNDLE", help="The artifact or the bundle that it is about.")],
    by: Annotated[str, typer.Option(metavar="NAME", help="Who says it.")],
    ledger: LedgerOption = None,
    operator: OperatorOption = None,
    signing: FileSigning,
    output: QuietOutput,
) -> None:
    """Write down who carried what when. A note is a claim; with a key it is signed, and shown as signed.

    Exit codes: 0 recorded, 1 could not, 18 no ledger, or a damaged one.
    """
    path, now = needed_ledger(ledger), clock()
    entry = airgap.ledger.custody_note(at=now, operator=operator_name(operator), about=about, text=text, by=by)
    seal = signing.open(output)
    with airgap.Ledger.open(path, write=True) as opened:
        envelope = None
        if seal is not None:
            with TemporaryDirectory() as folder:
                file = Path(folder) / "note.json"
                file.write_bytes(airgap.ledger.note_document(entry))
                envelope = seal(file, now, airgap.ledger.NOTE_TYPE).signature.read_bytes()
                entry = airgap.ledger.sealed_note(entry, envelope)
        head = opened.record([airgap.ledger.NewRow(entry, envelope)])
    output.finish(airgap.report.LedgerNoteReport(path, entry, head))
