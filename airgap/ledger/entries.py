"""What is recorded in a ledger: judgements, imports, notes, marks of streams, and what was pruned.

The canonical bytes of an entry are its JSON with sorted members, in ASCII. The chain of rows is made over them, so an
entry that was read gives the same bytes again.
"""

from __future__ import annotations

import json as writer
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from itertools import accumulate
from typing import Any, ClassVar, Final, NamedTuple, Self, TypeVar

from airgap import limits
from airgap.errors import FormatError, LimitError, UsageError
from airgap.hashing import fingerprint
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.time import iso, rfc3339
from airgap.reasons import ExitCode
from airgap.text import safe
from airgap.verdict import Verdict

T = TypeVar("T")


class RowKind(StrEnum):
    """The kinds of rows."""

    JUDGEMENT = "judgement"
    IMPORT = "import"
    NOTE = "note"
    MARK = "mark"
    PRUNED = "pruned"


def as_kept(moment: datetime) -> datetime:
    """A moment as rows have it: in UTC and whole seconds, so that those of rows sort as texts, too."""
    return moment.astimezone(UTC).replace(microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RowEntry:
    """What every row says: when it was recorded by the clock, and who recorded it."""

    kind: ClassVar[RowKind]

    at: datetime
    """The clock, in UTC and whole seconds."""
    operator: str
    """Who recorded it, as the machine or an option named them: a claim."""
    attached: str | None = None
    """SHA-256, in hex, of what is kept beside the row."""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise UsageError("the moment of an entry must have a time zone")
        object.__setattr__(self, "at", as_kept(self.at))

    @property
    def subject(self) -> str | None:
        """The digest of what it is about."""
        return None

    @property
    def names(self) -> tuple[str, ...]:
        """The names by which people look for it."""
        return ()

    def members(self) -> dict[str, Any]:
        """Everything that it says, ready for JSON; None where there is nothing."""
        return {item.name: _written(getattr(self, item.name)) for item in fields(self)}

    @classmethod
    def read(cls, source: json.JsonObject) -> Self:
        """The entry from its JSON. Raises FormatError."""
        return cls(**{item.name: _READERS[str(item.type)](source, item.name) for item in fields(cls)})


OF_EVIDENCE: Final = ("revocation.", "evidence.")
"""How reason codes begin that are about evidence of revocations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedArtifact(RowEntry):
    """One artifact that was judged here. Attached: its verdict document (`airgap.verify/1` with one artifact)."""

    kind: ClassVar = RowKind.JUDGEMENT

    digest: Digest
    reference: str
    """As the report shows it."""
    tags: tuple[str, ...] = ()
    more_tags: int | None = None
    """Tags beyond those, which only the document has."""
    scope: str | None = None
    """The repository that the policy was asked about."""
    verdict: Verdict
    """That of signatures and content, of problems of what it came in, and of an import that did not bring it in."""
    exit_code: int
    reasons: tuple[str, ...] = ()
    """The reason codes of what kept it from being accepted."""
    signers: tuple[str, ...] = ()
    """Subjects of the certificates whose signatures were accepted."""
    target: str = ""
    """The layout, tar or bundle that it came in, as it was named."""
    bundle: Digest | None = None
    judged: datetime
    """The moment that was judged for."""
    policy: str | None = None
    """The digest of the trust policy."""
    snapshot: str | None = None
    """The trust snapshot in force: `stream 7`."""
    exceptions: tuple[str, ...] = ()
    """The operator's exceptions that were used."""
    into: str | None = None
    """The registry, where an import recorded this before it put the first tag; a later row says how that ended."""

    @property
    def subject(self) -> str:
        """The digest of the artifact."""
        return str(self.digest)

    @property
    def names(self) -> tuple[str, ...]:
        """Its reference, its tags and its repository."""
        return tuple(dict.fromkeys((self.reference, *self.tags, *((self.scope,) if self.scope else ()))))

    @property
    def is_accepted(self) -> bool:
        """Whether an import brought it in, or would have: exit code 0."""
        return self.exit_code == ExitCode.OK

    @property
    def is_unfinished(self) -> bool:
        """Whether an import of it was ended by the registry, or by a person: some of its tags may have been put.

        Where the import was killed, `Row.is_unfinished` says so.
        """
        return self.exit_code in {ExitCode.ERROR, ExitCode.INTERRUPTED}

    @property
    def is_about_revocation(self) -> bool:
        """Whether revocation, what is not known of it, or evidence that was not read, is among what was against it."""
        return any(reason.startswith(OF_EVIDENCE) for reason in self.reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Import(RowEntry):
    """What was put into one repository of a registry. Attached: the digests and sizes that it holds since then."""

    kind: ClassVar = RowKind.IMPORT

    registry: str
    repository: str
    tags: tuple[str, ...] = ()
    """The tags that were put, or that lead to it now."""
    more_tags: int | None = None
    """Tags beyond those."""
    root: Digest
    """The manifest or index that the tags lead to."""
    bundle: Digest | None = None
    blobs: int
    """How many manifests and blobs are attached."""
    size: int
    """Their bytes."""

    @property
    def subject(self) -> str:
        """The digest of what was put."""
        return str(self.root)

    @property
    def names(self) -> tuple[str, ...]:
        """The repository and its tags, in full."""
        place = f"{self.registry}/{self.repository}"
        return (*(f"{place}:{tag}" for tag in self.tags), place)


@dataclass(frozen=True, slots=True, kw_only=True)
class Note(RowEntry):
    """What a handler wrote: who carried what, when. A claim. Attached: the envelope, where it was signed."""

    kind: ClassVar = RowKind.NOTE

    about: str
    """A digest, or what names a bundle."""
    text: str
    by: str

    @property
    def subject(self) -> str:
        """What it is about."""
        return self.about

    @property
    def names(self) -> tuple[str, ...]:
        """What it is about."""
        return (self.about,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark(RowEntry):
    """The mark of a numbered stream: its bundle with this number was brought in. The last one counts."""

    kind: ClassVar = RowKind.MARK

    stream: str
    number: int
    bundle: Digest
    made: datetime | None = None
    """When it was made, as it says."""
    reason: str = ""
    """Why the operator let it in, although it is not newer than the mark before."""

    @property
    def subject(self) -> str:
        """The bundle."""
        return str(self.bundle)

    @property
    def names(self) -> tuple[str, ...]:
        """The stream."""
        return (self.stream,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned(RowEntry):
    """What was removed from rows of the past. A removed row leaves its digest, so that the chain stays whole."""

    kind: ClassVar = RowKind.PRUNED

    before: datetime
    rows: tuple[tuple[int, int], ...] = ()
    """The first and the last row of each run of rows that were removed."""
    documents: tuple[tuple[int, int], ...] = ()
    """The same of rows whose verdict documents were removed."""


_ENTRIES: Final[Mapping[RowKind, type[RowEntry]]] = {
    entry.kind: entry for entry in (JudgedArtifact, Import, Note, Mark, Pruned)
}


class Held(NamedTuple):
    """A manifest or a blob that a registry holds."""

    digest: Digest
    size: int


@dataclass(frozen=True, slots=True)
class NewRow:
    """An entry as it is handed in: with what is kept beside its row."""

    entry: RowEntry
    attached: bytes | None = field(default=None, repr=False)
    certificates: tuple[bytes, ...] = field(default=(), repr=False)
    """DER: the certificates that a verdict document names by fingerprint. Many documents share them."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the ledger. Its entry is None where it was pruned."""

    number: int
    hash: str
    """Of the chain up to this row, in hex."""
    entry: RowEntry | None
    is_unfinished: bool = False
    """Whether an import recorded it before it put tags, and nothing about the artifact was recorded since."""


def imported(
    *,
    at: datetime,
    operator: str,
    registry: str,
    repository: str,
    root: Digest,
    held: Iterable[Held],
    tags: Iterable[str] = (),
    bundle: Digest | None = None,
) -> NewRow:
    """The record of an import; `held` are all manifests and blobs that `root` reaches there, each once."""
    items = sorted(set(held))
    data = write_held(items)
    tags, more = first_texts(tags)
    entry = Import(
        at=at,
        operator=operator,
        attached=fingerprint(data),
        registry=registry,
        repository=repository,
        tags=tags,
        more_tags=more or None,
        root=root,
        bundle=bundle,
        blobs=len(items),
        size=sum(item.size for item in items),
    )
    return NewRow(entry, data)


def named_certificates(document: bytes) -> Iterator[str]:
    """The fingerprints of the certificates that a verdict document names, found without reading the rest of it."""
    for names in _CHAIN.findall(document):
        yield from (name.decode("ascii") for name in _FINGERPRINT.findall(names))


_CHAIN: Final = re.compile(rb'chain":\[((?:"[0-9a-f]{64}",?)+)\]')
"""In a JSON string the quotation marks would be escaped."""
_FINGERPRINT: Final = re.compile(rb"[0-9a-f]{64}")


def first_texts(texts: Iterable[str]) -> tuple[tuple[str, ...], int]:
    """As many of them as a row takes, and the number of the others: no medium makes a row that is too large."""
    every = tuple(texts)
    sizes = accumulate(len(writer.dumps(text)) for text in every)
    count = sum(size <= limits.LEDGER_ROW_TEXTS for size in sizes)
    return every[:count], len(every) - count


def write_held(items: Iterable[Held]) -> bytes:
    """Digests and sizes, one in a line."""
    return "".join(f"{item.digest} {item.size}\n" for item in items).encode()


def read_held(data: bytes) -> tuple[Held, ...]:
    """What `write_held` wrote. Raises FormatError."""
    return tuple(_held(line) for line in data.decode("ascii", "replace").splitlines())


def _held(line: str) -> Held:
    digest, _, size = line.partition(" ")
    if not (size.isascii() and size.isdigit() and len(size) <= len(str(limits.TAR_BYTES))):
        raise FormatError(f"{safe(line, limit=160)!r} is no digest with a size")
    return Held(Digest.parse(digest), int(size))


def canonical(entry: RowEntry, number: int) -> bytes:
    """The bytes of a row that the chain is over. Raises UsageError for a row that could not be read again."""
    members = {
        "row": number,
        "kind": entry.kind,
        **entry.members(),
    }
    # null members are left out: documents of ours have none
    kept = {name: value for name, value in members.items() if value is not None}
    body = writer.dumps(kept, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    if len(body) > limits.LEDGER_ROW_BYTES:
        raise UsageError(f"a row of {len(body)} bytes is too large for a ledger, which takes {limits.LEDGER_ROW_BYTES}")
    return body


def written_entry(entry: RowEntry, number: int) -> bytes:
    """The canonical bytes of a new row, which are known to give it back when they are read. Raises UsageError."""
    body = canonical(entry, number)
    try:
        parse_entry(body, number)
    except FormatError as error:
        raise UsageError(
            f"this cannot be recorded, because nothing could read it again: {error}",
            remedy="Write texts in UTF-8. Nothing was recorded.",
        ) from None
    return body


def parse_entry(body: bytes, number: int) -> RowEntry:
    """The entry of a row. Raises FormatError, also for the body of another row, or one that is not canonical."""
    source = json.load_object(body, json.Reading.OWN, limit=limits.LEDGER_ROW_BYTES, what="row")
    if (stated := json.take(source, "row", int)) != number:
        raise FormatError(f"is {stated}, in the place of row {number}", where="row")
    entry = _ENTRIES[json.take_one_of(source, "kind", RowKind)].read(source)
    if entry.attached is not None and not is_hash(entry.attached):
        raise FormatError("is no hash", where="attached")
    if canonical(entry, number) != body:
        raise FormatError("the row has members that are not known, or is not written as rows are")
    return entry


def check_unicode(text: str, what: str) -> None:
    """Refuses text that was typed in another encoding, which nothing could read again. Raises UsageError."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} is no UTF-8: {safe(text, limit=160)}", remedy="Write it in UTF-8.") from None


def is_hash(text: str) -> bool:
    """Whether it is a SHA-256 in hex."""
    return len(text) == _HASH_CHARACTERS and set(text) <= set("0123456789abcdef")


_HASH_CHARACTERS: Final = 64


def runs(numbers: Iterable[int]) -> tuple[tuple[int, int], ...]:
    """Ascending numbers as runs without gaps: the first and the last of each."""
    found: list[tuple[int, int]] = []
    for number in numbers:
        if found and found[-1][1] == number - 1:
            found[-1] = (found[-1][0], number)
        else:
            found.append((number, number))
    return tuple(found)


def _written(value: Any) -> Any:
    """A value of an entry as JSON has it; `_READERS` read it back."""
    match value:
        case Digest():
            return str(value)
        case datetime():
            return iso(value)
        case Verdict():
            return value.value
        case tuple():
            return [_written(item) for item in value]
        case _:
            return value


def _run(value: Any) -> tuple[int, int]:
    if not (isinstance(value, list) and len(value) == 2 and all(type(item) is int for item in value)):  # noqa: PLR2004
        raise FormatError("is no run of rows")
    first, last = value
    if not 0 < first <= last:
        raise LimitError("is no run of rows")
    return first, last


def _text(source: json.JsonObject, member: str) -> str:
    return json.take(source, member, str)


def _texts(source: json.JsonObject, member: str) -> tuple[str, ...]:
    return json.take_list(source, member, json.text, limit=limits.LEDGER_ROW_BYTES)


def _digest(source: json.JsonObject, member: str) -> Digest:
    return Digest.parse(_text(source, member))


_READERS: Final[Mapping[str, Callable[[json.JsonObject, str], Any]]] = {
    "str": _text,
    "str | None": lambda source, member: json.take_optional(source, member, str),
    "int": lambda source, member: json.take(source, member, int),
    "int | None": lambda source, member: json.take_optional(source, member, int),
    "datetime": lambda source, member: rfc3339(_text(source, member), where=member),
    "datetime | None": lambda source, member: (
        None if source.get(member) is None else rfc3339(_text(source, member), where=member)
    ),
    "Verdict": lambda source, member: json.take_one_of(source, member, Verdict),
    "Digest": _digest,
    "Digest | None": lambda source, member: None if source.get(member) is None else _digest(source, member),
    "tuple[str, ...]": _texts,
    "tuple[tuple[int, int], ...]": lambda source, member: json.take_list(
        source, member, _run, limit=limits.LEDGER_ROW_BYTES
    ),
}
"""How a member is read, by the type of its field."""
