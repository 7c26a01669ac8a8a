"""The ledger of a site: every artifact that was judged for it, what was brought in, and who carried it."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from airgap import limits
from airgap.errors import FormatError, NotFoundError, UsageError
from airgap.hashing import digest
from airgap.ledger.database import LedgerError, open_to_read, open_to_write, translated
from airgap.ledger.entries import (
    Held,
    Import,
    JudgedArtifact,
    Mark,
    NewRow,
    Note,
    Pruned,
    Row,
    RowEntry,
    RowKind,
    as_kept,
    parse_entry,
    read_held,
    runs,
    written_entry,
)
from airgap.ledger.hash_chain import Chain, Checked, Head, RawRow, linked
from airgap.ledger.kept_content import KeptContent
from airgap.ledger.streams import check_mark
from airgap.oci.digest import Digest
from airgap.parse.time import iso
from airgap.text import safe
from airgap.verdict import Verdict

_COLUMNS: Final = "number, digest, hash, body"
_DERIVED: Final = "kind, at, subject, scope, verdict, accepted, names, attached"
_INSERT: Final = f"INSERT INTO rows ({_COLUMNS}, {_DERIVED}) VALUES ({', '.join('?' * 12)})"
_PRUNABLE: Final = (JudgedArtifact.kind, Note.kind)
"""Not imports and marks: receipts, and the refusal of old bundles, rest on them."""

_RUNS: Final = 10_000
"""Runs of rows that one row says were pruned."""


class Prunable(NamedTuple):
    """What a prune would remove, or has removed."""

    rows: int
    documents: int
    size: int
    """Bytes of documents in the file."""


class Ledger:
    """An open ledger: one SQLite file. It is used by one thread; several processes may have it open.

    with airgap.Ledger.open(Path("site.ledger"), write=True) as ledger:
        ledger.record(records)
    """

    def __init__(self, path: Path, opened: sqlite3.Connection) -> None:
        self.path: Final = path
        self._opened = opened
        self.kept: Final = KeptContent(path, opened)
        """What is beside the rows."""
        with translated(path):
            self.identity: Final = str(self._head_row()[0])

    @classmethod
    def open(cls, path: Path, *, write: bool = False, create: bool = True) -> Self:
        """Open it. To write, it is made where nothing is, and proven to be writable; to read, nothing is changed.

        Without `create`, nothing is made.

        Raises LedgerError (18) for anything but a whole ledger of this version, NotFoundError, AirgapError.
        """
        return cls(path, open_to_write(path, create=create) if write else open_to_read(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close it. What was recorded is in the one file then, if no other process has it open."""
        with translated(self.path):
            self._opened.close()

    # --- writing ---

    def record(self, records: Iterable[NewRow]) -> Head:
        """Write rows, all of them or none; the new head. They are on the medium when this returns.

        Raises UntrustedError (17) for a mark without a reason that is not above that of its stream, AirgapError where
        it cannot be written.
        """
        with self._writing():
            _, count, before = self._head_row()
            for record in records:
                count += 1
                if isinstance(record.entry, Mark) and not record.entry.reason:
                    check_mark(record.entry, self.marks().get(record.entry.stream))
                before = self._insert(record, count, before)
            self._opened.execute("UPDATE head SET count = ?, hash = ?", (count, before))
        return Head(count, before.hex())

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, which waits for other writers."""
        with translated(self.path):
            self._opened.execute("BEGIN IMMEDIATE")
            try:
                yield
                self._opened.execute("COMMIT")
            except BaseException:
                if self._opened.in_transaction:  # SQLite may have ended it: no space left
                    self._opened.execute("ROLLBACK")
                raise

    def _insert(self, record: NewRow, number: int, before: bytes) -> bytes:
        if number > limits.LEDGER_ROWS:
            raise UsageError(f"a ledger has {limits.LEDGER_ROWS} rows at most", remedy="Begin another file.")
        entry = record.entry
        attached = self.kept.keep(record.attached)
        if (entry.attached or None) != (attached.hex() if attached else None):
            raise UsageError("the entry names other attached bytes than it came with")
        for certificate in record.certificates:
            self.kept.keep(certificate)
        body = written_entry(entry, number)
        row_digest = digest("sha256", body)
        row_hash = linked(before, row_digest)
        self._opened.execute(_INSERT, (number, row_digest, row_hash, body, *_derived(entry)))
        return row_hash

    # --- reading ---

    @property
    def head(self) -> Head:
        """The number of rows and the hash of the last one, as the file says."""
        with translated(self.path):
            _, count, value = self._head_row()
        return Head(count, value.hex())

    def _head_row(self) -> tuple[str, int, bytes]:
        found = self._opened.execute("SELECT id, count, hash FROM head LIMIT 2").fetchall()
        if len(found) != 1 or [type(value) for value in found[0]] != [str, int, bytes]:
            raise LedgerError("ledger.damaged", f"{safe(self.path)} does not say what its last row is")
        return found[0][0], found[0][1], found[0][2]

    def rows(
        self,
        *,
        kinds: Iterable[str] = RowKind,
        since: datetime | None = None,
        verdict: Verdict | None = None,
        name: str | None = None,
        about: str | None = None,
    ) -> Iterator[Row]:
        """Rows in their order, pruned ones left out; a thousand are read at a time.

        `since`: recorded then or later. `name`: a part of one of the names. `about`: the digest of an artifact, or what
        a note is about. Raises LedgerError for a row that cannot be read.
        """
        wanted = list(kinds)
        conditions, values = _conditions(since=since, name=name, verdict=verdict, about=about)
        marks = ", ".join("?" * len(wanted))
        kind = "kind" if about is None else "+kind"  # so that SQLite finds them by what they are about
        return self._rows(f"SELECT {_COLUMNS} FROM rows WHERE {kind} IN ({marks}){conditions}", [*wanted, *values])

    def _rows(self, select: str, values: list[Any]) -> Iterator[Row]:
        last = 0
        while True:
            with translated(self.path):
                batch = self._opened.execute(
                    f"{select} AND number > ? ORDER BY number LIMIT {limits.LEDGER_BATCH}", (*values, last)
                ).fetchall()
            for raw in map(self._raw, batch):
                yield self._parsed(raw)
            if len(batch) < limits.LEDGER_BATCH:
                return
            last = batch[-1][0]

    def subjects(self, beginning: str) -> tuple[str, ...]:
        """What rows are about, where it begins so; at most ten of it. The digest of an artifact needs no algorithm."""
        starts = (beginning, f"sha256:{beginning}")
        with translated(self.path):
            found = self._opened.execute(
                "SELECT DISTINCT subject FROM rows"
                " WHERE substr(subject, 1, ?) = ? OR substr(subject, 1, ?) = ? LIMIT 10",
                [part for start in starts for part in (len(start), start)],
            ).fetchall()
        subjects = tuple(str(subject) for (subject,) in found)
        return (beginning,) if beginning in subjects else subjects

    def row(self, number: int) -> Row:
        """One row. Raises NotFoundError, LedgerError."""
        with translated(self.path):
            found = self._opened.execute(f"SELECT {_COLUMNS} FROM rows WHERE number = ?", (number,)).fetchone()
        if found is None:
            raise NotFoundError(f"the ledger {safe(self.path)} has no row {number}")
        return self._parsed(self._raw(found))

    def _raw(self, found: tuple[Any, ...]) -> RawRow:
        """A row as it should be. SQLite keeps any type in any column."""
        number, row_digest, row_hash, body = found
        if not (isinstance(row_digest, bytes) and isinstance(row_hash, bytes) and isinstance(body, bytes | None)):
            raise LedgerError("ledger.damaged", f"row {number} of {safe(self.path)} cannot be read")
        return RawRow(number, row_digest, row_hash, body)

    def _parsed(self, raw: RawRow) -> Row:
        try:
            entry = None if raw.body is None else parse_entry(raw.body, raw.number)
        except FormatError as error:
            raise LedgerError(
                "ledger.damaged", f"row {raw.number} of {safe(self.path)} cannot be read: {error}"
            ) from None
        is_begun = isinstance(entry, JudgedArtifact) and entry.into is not None and entry.is_accepted
        return Row(raw.number, raw.hash.hex(), entry, is_unfinished=is_begun and self._is_last(raw.number, entry))

    def _is_last(self, number: int, entry: RowEntry | None) -> bool:
        """Whether no later row is about the same."""
        with translated(self.path):
            found = self._opened.execute(
                "SELECT 1 FROM rows WHERE subject = ? AND number > ? LIMIT 1", (entry and entry.subject, number)
            )
            return found.fetchone() is None

    def attached(self, row: Row) -> bytes | None:
        """What is kept beside a row; None where nothing is, or where it was pruned. Raises LedgerError."""
        name = row.entry.attached if row.entry else None
        return None if name is None else self.kept.read(bytes.fromhex(name))

    def certificate(self, fingerprint: str) -> bytes | None:
        """The DER of a certificate that a verdict document names. Raises LedgerError."""
        try:
            return self.kept.read(bytes.fromhex(fingerprint))
        except ValueError:
            return None

    def marks(self) -> Mapping[str, Mark]:
        """The mark of each stream: the last one of it."""
        return {stream: marks[-1] for stream, marks in self.mark_history().items()}

    def mark_history(self) -> Mapping[str, Sequence[Mark]]:
        """All marks of each stream, in the order of time."""
        history: dict[str, list[Mark]] = {}
        for row in self.rows(kinds=(Mark.kind,)):
            if isinstance(row.entry, Mark):
                history.setdefault(row.entry.stream, []).append(row.entry)
        return history

    def held(self) -> Mapping[str, Mapping[Digest, int]]:
        """What each registry holds by the imports here: manifests and blobs, with sizes. Raises LedgerError."""
        registries: dict[str, dict[Digest, int]] = {}
        for row in self.rows(kinds=(Import.kind,)):
            if isinstance(row.entry, Import):
                registries.setdefault(row.entry.registry, {}).update(self._held_by(row))
        return registries

    def _held_by(self, row: Row) -> Iterable[Held]:
        data = self.attached(row)
        if data is None:
            raise LedgerError("ledger.damaged", f"{safe(self.path)} lacks what import {row.number} put")
        try:
            return read_held(data)
        except FormatError as error:
            raise LedgerError("ledger.damaged", f"row {row.number} of {safe(self.path)}: {error}") from None

    def judged_digests(self, *, since: datetime | None = None, name: str | None = None) -> tuple[str, ...]:
        """The artifacts of which a judgement meets this, as for `rows`, in the order of their first ones."""
        conditions, values = _conditions(since=since, name=name)
        with translated(self.path):
            found = self._opened.execute(
                f"SELECT subject FROM rows WHERE kind = '{JudgedArtifact.kind}'{conditions}"
                " GROUP BY subject ORDER BY min(number)",
                values,
            ).fetchall()
        return tuple(str(subject) for (subject,) in found)

    def documents(self) -> Iterator[tuple[int, bytes]]:
        """The verdict documents of all judgements, with the numbers of their rows. Raises LedgerError."""
        with self.one_state():
            for number, *kept in self._opened.execute(
                "SELECT number, size, data FROM rows JOIN content ON content.digest = rows.attached"
                f" WHERE kind = '{JudgedArtifact.kind}' ORDER BY number"
            ):
                yield number, self.kept.unpacked(*kept)

    # --- its chain ---

    def check(self, heads: Iterable[Head] = (), identities: Iterable[str] = ()) -> Checked:
        """Read all of it, and find what is not as it was written. `heads`: those that left this machine.

        `identities`: of ledgers that receipts are of.

        Raises LedgerError for a file that SQLite itself cannot read.
        """
        with self.one_state():
            return self._checked(list(heads), identities)

    def check_whole(self) -> None:
        """Raises LedgerError for a ledger in which anything is not as it was written."""
        if faults := self.check().faults:
            raise LedgerError("ledger.rewritten", f"the ledger {safe(self.path)} is not whole: {faults[0].message}")

    def _checked(self, heads: list[Head], identities: Iterable[str]) -> Checked:
        sound = self._opened.execute("PRAGMA integrity_check(1)").fetchone()[0]
        if sound != "ok":
            raise LedgerError("ledger.damaged", f"{safe(self.path)} is damaged: {safe(sound)}")
        identity, count, value = self._head_row()
        chain = Chain(identity)
        chain.require(heads, identities)
        bad, lacking = self.kept.faults()
        without: list[int] = []
        found = self._opened.execute(
            f"SELECT number, rows.digest, hash, body, {_DERIVED}, size"
            " FROM rows LEFT JOIN content ON content.digest = rows.attached ORDER BY number"
        )
        for *stored, size in found:
            number, derived = stored[0], tuple(stored[4:])
            entry = chain.follow(self._raw(tuple(stored[:4])))
            if entry is None:
                continue
            if derived != _derived(entry):
                chain.fault("changed", number, f"the list of rows says something else of row {number} than the row")
            elif entry.attached is not None and size is None:
                without.append(number)
            elif entry.attached in bad:
                chain.fault("changed", number, f"what is kept beside row {number} was changed")
            elif entry.attached in lacking and isinstance(entry, JudgedArtifact):
                chain.lacks_certificate(number)
        return chain.result(Head(count, value.hex()), without, len(heads))

    def to_prune(self, before: datetime, *, rows: bool) -> Prunable:
        """What `prune` would remove."""
        with translated(self.path):
            return self._prunable(before, rows=rows)[0]

    def prune(self, before: datetime, *, rows: bool, at: datetime, operator: str) -> Prunable:
        """Remove verdict documents of judgements that were recorded before a moment, if they know of no revocation.

        With `rows`, remove the judgements, whatever they know, and notes. What was removed leaves its digest in the
        chain, and a row says what it was. Imports and marks stay. Raises AirgapError.
        """
        with self._writing():
            found, numbers = self._prunable(before, rows=rows)
            if not numbers:
                return found
            _, count, last = self._head_row()
            gone = runs(numbers)
            said = [gone[first : first + _RUNS] for first in range(0, len(gone), _RUNS)]
            self._opened.execute("CREATE TEMP TABLE going (number INTEGER PRIMARY KEY)")
            self._opened.executemany("INSERT INTO going VALUES (?)", ((number,) for number in numbers))
            self._opened.execute(_DROP_CONTENT)
            if rows:
                self._opened.execute(_DROP_ROWS)
            self._opened.execute("DROP TABLE going")
            for part in said:
                base = Pruned(at=at, operator=operator, before=before)
                entry = replace(base, rows=part) if rows else replace(base, documents=part)
                count += 1
                last = self._insert(NewRow(entry), count, last)
            self._opened.execute("UPDATE head SET count = ?, hash = ?", (count, last))
        with translated(self.path):
            self._opened.executescript("PRAGMA incremental_vacuum")
            self._opened.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        return found

    def _prunable(self, before: datetime, *, rows: bool) -> tuple[Prunable, list[int]]:
        kinds = _PRUNABLE if rows else (JudgedArtifact.kind,)
        found = self._opened.execute(
            "SELECT number, length(data), size, data FROM rows LEFT JOIN content ON content.digest = rows.attached"
            f" WHERE kind IN ({', '.join('?' * len(kinds))}) AND at < ?"
            f" {'' if rows else 'AND data IS NOT NULL'} ORDER BY number",
            (*kinds, iso(as_kept(before))),
        )
        kept = [
            (number, packed)
            for number, packed, *data in found
            if rows or not _AGAINST.search(self.kept.unpacked(*data))
        ]
        sizes = [packed for _, packed in kept if packed is not None]
        return Prunable(len(kept) if rows else 0, len(sizes), sum(sizes)), [number for number, _ in kept]

    # --- as it is stored ---

    @contextmanager
    def one_state(self) -> Iterator[None]:
        """What is read meanwhile is of one state, also while others write."""
        with translated(self.path):
            self._opened.execute("BEGIN")
            try:
                yield
            finally:
                self._opened.execute("COMMIT")

    def stored(self) -> Iterator[tuple[RawRow, bytes | None]]:
        """Every row as it is stored, with what is kept beside it. Raises LedgerError."""
        for found in self._opened.execute(
            "SELECT number, rows.digest, hash, body, size, data FROM rows"
            " LEFT JOIN content ON content.digest = rows.attached ORDER BY number"
        ):
            yield self._raw(found[:4]), None if found[5] is None else self.kept.unpacked(*found[4:])


_AGAINST: Final = re.compile(rb'"said_against":\[\{|"reason":"revocation\.(?:revoked|on_hold)"')
"""In documents that hold something against a certificate; in a JSON string the quotation marks would be escaped."""
_DROP_CONTENT: Final = (
    "DELETE FROM content WHERE digest IN (SELECT attached FROM rows JOIN going USING (number))"
    " AND digest NOT IN (SELECT attached FROM rows WHERE attached IS NOT NULL AND number NOT IN going)"
)
_DROP_ROWS: Final = (
    "UPDATE rows SET body = NULL, kind = NULL, at = NULL, subject = NULL, scope = NULL, verdict = NULL,"
    " accepted = NULL, names = NULL, attached = NULL WHERE number IN going"
)


def _conditions(
    *,
    since: datetime | None = None,
    name: str | None = None,
    verdict: Verdict | None = None,
    about: str | None = None,
) -> tuple[str, list[str]]:
    """What rows must meet besides, and the values for it."""
    asked = (
        (" AND at >= ?", None if since is None else iso(as_kept(since))),
        (" AND instr(names, ?)", name),
        (" AND verdict = ?", None if verdict is None else verdict.value),
        (" AND subject = ?", about),
    )
    kept = [(condition, value) for condition, value in asked if value is not None]
    return "".join(condition for condition, _ in kept), [value for _, value in kept]


def _derived(entry: RowEntry) -> tuple[Any, ...]:
    """The columns by which rows are found; a check compares them with the row."""
    judged = entry if isinstance(entry, JudgedArtifact) else None
    return (
        entry.kind,
        iso(entry.at),
        entry.subject,
        judged and judged.scope,
        judged and judged.verdict.value,
        int(judged is not None and judged.is_accepted),
        "\n".join(entry.names),
        None if entry.attached is None else bytes.fromhex(entry.attached),
    )
