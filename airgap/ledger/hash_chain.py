"""The chain over the rows of a ledger, and what its check finds.

The hash of a row is over the hash of the row before it and the digest of its own bytes. A row that was pruned leaves
its digest, so that the chain stays whole; a row that says which ones were pruned excuses them.

The check cannot see by the file alone that all of it was written anew. A receipt that left the machine, or a head
that a person wrote down, fixes the rows up to it.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple, Self

from airgap.errors import FormatError, UsageError
from airgap.hashing import digest
from airgap.ledger.database import origin
from airgap.ledger.entries import Pruned, RowEntry, is_hash, parse_entry
from airgap.text import safe

_SHOWN: Final = 100
"""Faults that are listed; of more, the number says enough."""


class Head(NamedTuple):
    """The number of rows, and the hash of the last one in hex. As text `COUNT:HASH`."""

    rows: int
    hash: str

    def __str__(self) -> str:
        return f"{self.rows}:{self.hash}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Raises UsageError."""
        count, _, value = text.partition(":")
        if not (count.isascii() and count.isdigit() and len(count) <= 9 and is_hash(value)):  # noqa: PLR2004
            raise UsageError(
                f"{safe(text, limit=160)!r} is no head of a ledger",
                remedy="Write COUNT:HASH, as the check of the ledger shows it.",
            )
        return cls(int(count), value)


class RawRow(NamedTuple):
    """A row as it is stored."""

    number: int
    digest: bytes
    hash: bytes
    body: bytes | None
    """None where it was pruned."""


FaultKind = Literal["changed", "removed", "inserted", "cut", "rewritten"]


class ChainFault(NamedTuple):
    """One thing that is not as it was written."""

    kind: FaultKind
    number: int
    """The first row that it is about."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a check found."""

    identity: str
    """The id that the ledger got when it was made."""
    head: Head
    """The head that the rows come to."""
    faults: tuple[ChainFault, ...]
    more: int = 0
    """Faults beyond those."""
    pruned: int
    """Rows that were pruned."""
    documents_pruned: int
    """Further rows whose documents were pruned."""
    compared: int
    """Heads of receipts, or written down, that were compared with it."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong."""
        return not self.faults


def linked(before: bytes, row_digest: bytes) -> bytes:
    """The hash of a row."""
    return digest("sha256", before + row_digest)


class Chain:
    """Checks rows in their order, one after the other."""

    def __init__(self, identity: str) -> None:
        self._identity = identity
        self.hash = origin(identity)
        self.count = 0
        self.faults: list[ChainFault] = []
        self.more = 0
        self._expected = 1
        self._gone: list[int] = []
        """Rows without a body."""
        self._allowed: list[tuple[int, int]] = []
        self._documents_allowed: list[tuple[int, int]] = []
        self._heads: dict[int, str] = {}

    def require(self, heads: Iterable[Head], identities: Iterable[str] = ()) -> None:
        """Heads that the rows must come to on their way, and the ids of the ledgers that receipts are of."""
        for other in dict.fromkeys(identities):
            if other != self._identity:
                ours = safe(self._identity, limit=64)
                self.fault("rewritten", 0, f"a receipt is of the ledger {safe(other, limit=64)}, and this is {ours}")
        for head in heads:
            if self._heads.setdefault(head.rows, head.hash) != head.hash:
                self.fault("rewritten", head.rows, f"two of the given heads of {head.rows} rows differ")
            if head.rows == 0 and head.hash != self.hash.hex():
                self._rewritten(0)

    def follow(self, raw: RawRow) -> RowEntry | None:
        """The next row; its entry, if it has one that can be read."""
        if raw.number > self._expected:
            last = raw.number - 1
            which = f"row {last} is" if last == self._expected else f"rows {self._expected} to {last} are"
            self.fault("removed", self._expected, f"{which} not there")
        elif raw.number < self._expected:
            self.fault("inserted", raw.number, f"row {raw.number} is there twice")
        entry = self._entry(raw)
        computed = linked(self.hash, raw.digest)
        if computed != raw.hash and raw.number == self._expected:
            message = f"row {raw.number} does not follow from the row before it: one of them was exchanged"
            self.fault("changed", raw.number, message)
        self.hash = raw.hash  # so that one fault is reported once
        self.count = self._expected = raw.number
        self._expected += 1
        if (head := self._heads.get(raw.number)) is not None and head != raw.hash.hex():
            self._rewritten(raw.number)
        return entry

    def _entry(self, raw: RawRow) -> RowEntry | None:
        if raw.body is None:
            self._gone.append(raw.number)
            return None
        if digest("sha256", raw.body) != raw.digest:
            self.fault("changed", raw.number, f"row {raw.number} was changed after it was written")
            return None
        try:
            entry = parse_entry(raw.body, raw.number)
        except FormatError as error:
            self.fault("changed", raw.number, f"row {raw.number} cannot be read: {error}")
            return None
        if isinstance(entry, Pruned):
            self._allowed += entry.rows
            self._documents_allowed += entry.documents
            self._later(raw.number, (*entry.rows, *entry.documents))
        return entry

    def _later(self, number: int, found: Iterable[tuple[int, int]]) -> None:
        if any(last >= number for _, last in found):
            self.fault("changed", number, f"row {number} says that later rows were pruned")

    def _close(self, stated: Head) -> None:
        allowed = Runs(self._allowed)
        for number in (number for number in self._gone if number not in allowed):
            self.fault(
                "removed", number, f"the content of row {number} was removed, and no row says that it was pruned"
            )
        if stated.rows > self.count:
            missing = stated.rows - self.count
            self.fault("cut", self.count + 1, f"{missing} of {stated.rows} rows are cut off at the end")
        elif stated.rows < self.count:
            self.fault("inserted", stated.rows + 1, f"there are {self.count} rows, and the file says {stated.rows}")
        elif stated.hash != self.hash.hex():
            self.fault("changed", self.count, "the last row is not the one that the file says is the last")
        for count in sorted(self._heads):
            if count > self.count:
                text = f"there were {count} rows once, as a receipt or a head says; {self.count} are here"
                self.fault("cut", self.count + 1, text)

    def result(self, stated: Head, without: Sequence[int], compared: int) -> Checked:
        """What was found in all rows.

        `stated`: the head that is kept apart from them. `without`: rows that lack what should be kept beside them.
        """
        self._close(stated)
        excused = Runs(self._documents_allowed)
        for number in (number for number in without if number not in excused):
            self.fault("removed", number, f"what was kept beside row {number} is not there, and no row says why")
        return Checked(
            identity=safe(self._identity),
            head=Head(self.count, self.hash.hex()),
            faults=tuple(self.faults),
            more=self.more,
            pruned=len(self._gone),
            documents_pruned=sum(number in excused for number in without),
            compared=compared,
        )

    def _rewritten(self, count: int) -> None:
        message = (
            f"up to row {count} this is not what a receipt, or the head that was named, says: rows were written anew"
        )
        self.fault("rewritten", count, message)

    def lacks_certificate(self, number: int) -> None:
        """A row whose document names a certificate that is not there."""
        self.fault("removed", number, f"a certificate that the document of row {number} names is not there")

    def fault(self, kind: FaultKind, number: int, message: str) -> None:
        """One more."""
        if len(self.faults) < _SHOWN:
            self.faults.append(ChainFault(kind, number, message))
        else:
            self.more += 1


def merged(found: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Runs in ascending order, without overlaps."""
    held: tuple[int, int] | None = None
    for first, last in sorted(found):
        if held is not None and first <= held[1] + 1:
            held = (held[0], max(held[1], last))
        else:
            if held is not None:
                yield held
            held = (first, last)
    if held is not None:
        yield held


class Runs:
    """Runs of rows, in which numbers are looked up."""

    def __init__(self, found: Iterable[tuple[int, int]]) -> None:
        self._merged = list(merged(found))
        self._starts = [first for first, _ in self._merged]

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._starts, number) - 1
        return at >= 0 and number <= self._merged[at][1]
