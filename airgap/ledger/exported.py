"""A ledger as lines of JSON: written to be kept or searched elsewhere, and checked as the ledger itself is.

The first line says whose rows follow and how many; then each row with what is kept beside it; last the certificates
that verdict documents name.
"""

from __future__ import annotations

import json as writer
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.files import complete_or_absent, open_plain, unwritable
from airgap.hashing import fingerprint
from airgap.ledger.database import LedgerError
from airgap.ledger.entries import JudgedArtifact, is_hash, named_certificates
from airgap.ledger.hash_chain import Chain, Checked, Head, RawRow
from airgap.ledger.ledger_file import Ledger
from airgap.parse import json
from airgap.parse.base64 import decode_standard, encode_standard
from airgap.text import safe

EXPORT_SCHEMA: Final = "airgap.ledger/1"
_LINE_BYTES: Final = 2 * limits.LEDGER_ATTACHED_BYTES


def export_lines(ledger: Ledger) -> Iterator[str]:
    """The lines, each ended; of one state of the ledger. Raises LedgerError."""
    with ledger.one_state():
        head = ledger.head
        yield _line({"schema": EXPORT_SCHEMA, "id": ledger.identity, "count": head.rows, "head": head.hash})
        for raw, attached in ledger.stored():
            yield _line(_row(raw, attached))
        for data in ledger.kept.shared():
            yield _line({"certificate": encode_standard(data)})


def write_export(ledger: Ledger, path: Path) -> None:
    """The lines as a file, complete or not at all. Raises LedgerError, AirgapError."""
    try:
        with complete_or_absent(path) as file:
            file.writelines(line.encode("ascii") for line in export_lines(ledger))
    except OSError as error:
        raise unwritable(path, "export", error) from None


def _line(members: dict[str, Any]) -> str:
    return writer.dumps(members, ensure_ascii=True, separators=(",", ":")) + "\n"


def _row(raw: RawRow, attached: bytes | None) -> dict[str, Any]:
    row: dict[str, Any] = {"hash": raw.hash.hex()}
    if raw.body is None:
        return {**row, "row": raw.number, "pruned": raw.digest.hex()}
    row["entry"] = writer.loads(raw.body)  # noqa: TID251 - of our own bytes, which the chain proves
    if attached is not None:
        try:
            row["text"] = attached.decode("ascii")
        except UnicodeDecodeError:
            row["base64"] = encode_standard(attached)
    return row


def check_export(path: Path, heads: Iterable[Head] = (), identities: Iterable[str] = ()) -> Checked:
    """What `Ledger.check` finds, of a file of such lines. Raises LedgerError, OSError."""
    with open_plain(path) as file:
        try:
            return _checked(_lines(file), list(heads), identities)
        except FormatError as error:
            raise LedgerError("ledger.damaged", f"{safe(path)} is no export of a ledger: {error}") from None


def is_export(path: Path) -> bool:
    """Whether a file begins as an export does."""
    with open_plain(path) as file:
        return file.read(1) == b"{"


def _lines(file: BinaryIO) -> Iterator[json.JsonObject]:
    number = 0
    while line := file.readline(_LINE_BYTES + 1):
        number += 1
        where = f"line {number}"
        if len(line) > _LINE_BYTES:
            raise LimitError("is too long", where=where)
        if not line.endswith(b"\n"):
            raise FormatError("has no end: the file was cut", where=where)
        try:
            yield json.load_object(line, json.Reading.OWN, limit=_LINE_BYTES, what="line")
        except FormatError as error:
            raise error.under(where) from None


def _checked(lines: Iterator[json.JsonObject], heads: list[Head], identities: Iterable[str]) -> Checked:
    first = next(lines, {})
    if (schema := json.take(first, "schema", str)) != EXPORT_SCHEMA:
        raise FormatError(f"is {safe(schema, limit=64)!r}, not {EXPORT_SCHEMA!r}", where="schema")
    _check_members(first, {"schema", "id", "count", "head"})
    identity, stated = json.take(first, "id", str), Head(json.take(first, "count", int), _hash(first, "head").hex())
    chain = Chain(identity)
    chain.require(heads, identities)
    without: list[int] = []
    certificates = _Certificates()
    for line in lines:
        if "certificate" in line:
            certificates.keep(line)
            continue
        raw, attached = _raw(line)
        entry = chain.follow(raw)
        name = None if entry is None else entry.attached
        if entry is None or (name is None and attached is None):
            continue
        if attached is None:
            without.append(raw.number)
        elif fingerprint(attached) != name:
            chain.fault("changed", raw.number, f"what is kept beside row {raw.number} was changed")
        elif isinstance(entry, JudgedArtifact):
            certificates.name(raw.number, attached)
    for number in certificates.lacked_by():
        chain.lacks_certificate(number)
    return chain.result(stated, without, len(heads))


class _Certificates:
    """The certificates in an export, and those that its documents name. Many documents share them."""

    def __init__(self) -> None:
        self._kept: set[str] = set()
        self._named: dict[str, int] = {}
        """With the first row that names each."""

    def keep(self, line: json.JsonObject) -> None:
        """Raises FormatError."""
        _check_members(line, {"certificate"})
        self._kept.add(fingerprint(decode_standard(json.take(line, "certificate", str), where="certificate")))

    def name(self, number: int, document: bytes) -> None:
        for certificate in named_certificates(document):
            self._named.setdefault(certificate, number)

    def lacked_by(self) -> list[int]:
        """Rows whose documents name one that is not there, as far as no earlier row names it."""
        return sorted({number for name, number in self._named.items() if name not in self._kept})


def _raw(line: json.JsonObject) -> tuple[RawRow, bytes | None]:
    row_hash = _hash(line, "hash")
    if "pruned" in line:
        _check_members(line, {"hash", "row", "pruned"})
        return RawRow(json.take(line, "row", int), _hash(line, "pruned"), row_hash, None), None
    # what is no ASCII is in base64, all else is text
    _check_members(line, {"hash", "entry", "base64" if "base64" in line else "text"})
    row = json.take(line, "entry", dict)
    body = writer.dumps(row, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    attached: bytes | None = None
    if "base64" in line:
        attached = decode_standard(json.take(line, "base64", str), where="base64")
    elif "text" in line:
        attached = json.take(line, "text", str).encode()
    # the digest is not exported: it follows from the row, and a changed row does not follow from the one before it
    return RawRow(json.take(row, "row", int), bytes.fromhex(fingerprint(body)), row_hash, body), attached


def _check_members(line: json.JsonObject, known: set[str]) -> None:
    """Refuses what no export has, and a person would read. Raises FormatError."""
    if unknown := sorted(set(line) - known):
        raise FormatError("is not known here", where=safe(unknown[0], limit=64))


def _hash(source: json.JsonObject, member: str) -> bytes:
    text = json.take(source, member, str)
    if not is_hash(text):
        raise FormatError("is no hash", where=member)
    return bytes.fromhex(text)
