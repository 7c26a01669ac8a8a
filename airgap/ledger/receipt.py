"""What a site holds, as a file that is carried back: `airgap.receipt/1`.

The next bundle brings only what the receipt does not list. A receipt that lies does no harm at the site: a digest that
it lists and that is not there is found when the bundle is brought in, because that looks for all that was left out; and
nothing is accepted because of a receipt. A person can only waste a journey with it, and a signature says whose it was.
"""

from __future__ import annotations

import json as writer
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Self

from airgap import limits
from airgap.errors import AirgapError, FormatError, NotFoundError
from airgap.files import complete_or_absent, is_there, read_regular, unwritable
from airgap.ledger.database import LedgerError
from airgap.ledger.entries import Held, check_unicode, is_hash
from airgap.ledger.hash_chain import Head
from airgap.ledger.ledger_file import Ledger
from airgap.oci.digest import Digest
from airgap.parse import json
from airgap.parse.time import iso, rfc3339
from airgap.text import safe

RECEIPT_SCHEMA: Final = "airgap.receipt/1"
_MEMBERS: Final = frozenset({"schema", "site", "created", "ledger", "snapshot", "streams", "registries"})


@dataclass(frozen=True, slots=True)
class StreamMark:
    """The last bundle of a stream that was brought in."""

    stream: str
    number: int
    bundle: Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What a site says that it holds: a claim, also where it is signed."""

    created: datetime
    site: str | None = None
    identity: str
    """The id of the ledger."""
    head: Head
    """The head of the ledger, which fixes its rows up to that moment."""
    snapshot: str | None = None
    """The trust snapshot in force, `stream/number digest`."""
    streams: tuple[StreamMark, ...] = ()
    registries: Mapping[str, Mapping[Digest, int]]
    """Manifests and blobs that were put into each registry, with sizes."""

    @classmethod
    def of(cls, ledger: Ledger, *, at: datetime, site: str | None = None, snapshot: str | None = None) -> Self:
        """The receipt of a ledger. Raises LedgerError, UsageError."""
        check_unicode(site or "", "the name of the site")
        with ledger.one_state():
            return cls(
                created=at,
                site=site,
                identity=ledger.identity,
                head=ledger.head,
                snapshot=snapshot,
                streams=tuple(
                    StreamMark(name, mark.number, mark.bundle) for name, mark in sorted(ledger.marks().items())
                ),
                registries=ledger.held(),
            )

    @property
    def held(self) -> frozenset[Digest]:
        """Every digest that some registry of the site holds."""
        return frozenset(digest for found in self.registries.values() for digest in found)

    def pieces(self) -> Iterator[str]:
        """The document, in pieces: a digest in a line."""
        heading = {
            "schema": RECEIPT_SCHEMA,
            **({} if self.site is None else {"site": self.site}),
            "created": iso(self.created),
            "ledger": {"id": self.identity, "count": self.head.rows, "head": self.head.hash},
            **({} if self.snapshot is None else {"snapshot": self.snapshot}),
            "streams": [
                {"stream": mark.stream, "number": mark.number, "bundle": str(mark.bundle)} for mark in self.streams
            ],
        }
        yield writer.dumps(heading, indent=1, ensure_ascii=True).removesuffix("\n}") + ',\n "registries": ['
        before = ""
        for registry, found in sorted(self.registries.items()):
            yield f'{before}\n  {{"registry": {writer.dumps(registry)}, "held": ['
            before = ""
            for digest, size in sorted(found.items()):
                yield f'{before}\n   {{"digest": "{digest}", "size": {size}}}'
                before = ","
            yield "]}"
            before = ","
        yield "]\n}\n"

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """The document. Raises FormatError, also for members that are not known."""
        document = json.load_object(data, json.Reading.OWN, limit=limits.RECEIPT_BYTES, what="receipt")
        if (schema := json.take(document, "schema", str)) != RECEIPT_SCHEMA:
            raise FormatError(f"is {safe(schema, limit=64)!r}, not {RECEIPT_SCHEMA!r}", where="schema")
        if unknown := sorted(set(document) - _MEMBERS):
            raise FormatError("is not known", where=safe(unknown[0], limit=64))
        ledger = json.take(document, "ledger", dict)
        value = json.take(ledger, "head", str)
        if not is_hash(value):
            raise FormatError("is no hash", where="ledger.head")
        found = json.take_list(document, "registries", _registry, limit=limits.RECEIPT_REGISTRIES)
        registries = dict(found)
        if len(registries) != len(found):
            raise FormatError("names a registry twice", where="registries")
        return cls(
            created=rfc3339(json.take(document, "created", str), where="created"),
            site=json.take_optional(document, "site", str),
            identity=json.take(ledger, "id", str),
            head=Head(_natural(ledger, "count"), value),
            snapshot=json.take_optional(document, "snapshot", str),
            streams=json.take_list(document, "streams", _mark, limit=limits.RECEIPT_STREAMS),
            registries=registries,
        )


def write_receipt(path: Path, receipt: Receipt) -> None:
    """The receipt as a file, complete or not at all. Raises AirgapError."""
    try:
        with complete_or_absent(path) as file:
            for piece in receipt.pieces():
                file.write(piece.encode())
    except OSError as error:
        raise unwritable(path, "receipt", error) from None


def read_receipt(path: Path) -> Receipt:
    """The receipt in a file. Raises LedgerError (receipt.malformed, 18), NotFoundError, AirgapError."""
    if not is_there(path):
        raise NotFoundError(f"there is no receipt {safe(path)}", remedy="Check the path.")
    try:
        data = read_regular(path, limits.RECEIPT_BYTES)
    except FormatError as error:
        raise AirgapError(f"{safe(path)} {error.problem}", remedy=error.remedy) from None
    try:
        return Receipt.parse(data)
    except FormatError as error:
        raise LedgerError("receipt.malformed", f"{safe(path)} is no receipt: {error}") from None


def _registry(value: Any) -> tuple[str, Mapping[Digest, int]]:
    source = json.as_object(value)
    items = json.take_list(source, "held", _held, limit=limits.RECEIPT_DIGESTS)
    held = dict(items)
    if len(held) != len(items):
        raise FormatError("names a digest twice", where="held")
    return json.take(source, "registry", str), held


def _held(value: Any) -> Held:
    source = json.as_object(value)
    return Held(Digest.parse(json.take(source, "digest", str)), _natural(source, "size"))


def _mark(value: Any) -> StreamMark:
    source = json.as_object(value)
    bundle = Digest.parse(json.take(source, "bundle", str))
    return StreamMark(json.take(source, "stream", str), _natural(source, "number"), bundle)


def _natural(source: json.JsonObject, member: str) -> int:
    number = json.take(source, member, int)
    if number < 0:
        raise FormatError("is negative", where=member)
    return number
