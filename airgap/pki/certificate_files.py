"""Reads the certificates of a file, PEM or DER, and says what a file is that holds none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.parse import der
from airgap.parse.base64 import decode_standard
from airgap.pki.certificate import Certificate
from airgap.text import safe

_PEM_BEGIN = re.compile(rb"^(?:\xef\xbb\xbf)?-----BEGIN [^\r\n]*-----[ \t\r]*$", re.MULTILINE)
_PEM_HEADER = re.compile(r"[A-Za-z0-9-]+:.*")
_SHOWN: Final = 64


def load_certificates(data: bytes) -> tuple[Certificate, ...]:
    """All certificates of a file of a trust store (STORE-6); at least one.

    If there is a PEM block, every PEM block must be a certificate, whatever its label, and text around them is ignored.
    Otherwise the file holds DER certificates, one after the other. Raises FormatError, which says what the file is
    instead, if that is known.
    """
    if _PEM_BEGIN.search(data):
        return _load_blocks(_pem_blocks(data))
    try:
        blocks = list(_der_blocks(data))
    except FormatError as error:
        from airgap.pki.wrong_files import damage_problem, file_problem

        raise file_problem(data) or damage_problem(data, error) or error from None
    try:
        return _load_blocks([("", block) for block in blocks])
    except FormatError as error:
        from airgap.pki.wrong_files import file_problem

        raise file_problem(data) or error from None


def parse_readable(data: bytes) -> Iterator[Certificate | None]:
    """The certificates of a file, whatever else it holds, None for each that is damaged; PEM or DER.

    Raises LimitError behind the first ones, if it holds more than a trust store may.
    """
    for number, block in enumerate(_certificate_blocks(data)):
        if number == limits.STORE_CERTIFICATES:
            raise LimitError(f"holds more than {limits.STORE_CERTIFICATES} certificates, and only these are read")
        if block is None:
            continue
        try:
            yield Certificate.parse(block)
        except FormatError:
            yield None


def _certificate_blocks(data: bytes) -> Iterator[bytes | None]:
    """Of PEM the content of blocks with that label, empty if it cannot be decoded; of DER None for what is none."""
    if b"-----BEGIN " not in data:
        with suppress(FormatError):
            yield from (block if _is_certificate(block) else None for block in _der_blocks(data))
        return
    for block in data.split(b"-----BEGIN ")[1:]:
        label, _, rest = block.partition(b"-----")
        if label.endswith(b"CERTIFICATE"):
            body, end, _ = rest.partition(b"-----END " + label + b"-----")
            lines = (line for line in body.splitlines() if b":" not in line)  # header lines
            try:
                yield decode_standard(b"".join(b"".join(lines).split()).decode("latin-1")) if end else b""
            except FormatError:
                yield b""


def _is_certificate(block: bytes) -> bool:
    from airgap.pki.file_kinds import Kind, of_der

    found = of_der(block) if len(block) <= limits.CERTIFICATE_BYTES else None
    return found is not None and found.kind is Kind.CERTIFICATE


def _load_blocks(blocks: list[tuple[str, bytes]]) -> tuple[Certificate, ...]:
    if not blocks:
        raise FormatError("holds no certificate")
    if len(blocks) > limits.STORE_CERTIFICATES:
        raise LimitError(f"holds {len(blocks)} certificates, more than {limits.STORE_CERTIFICATES}")
    return tuple(_numbered(block, number, len(blocks), label) for number, (label, block) in enumerate(blocks, 1))


def _numbered(block: bytes, number: int, count: int, label: str) -> Certificate:
    try:
        return Certificate.parse(block)
    except FormatError as error:
        raise _foreign(label, number, block) or (
            error.under(f"certificate {number} of {count}") if count > 1 else error
        ) from None


def _foreign(label: str, number: int, block: bytes = b"") -> FormatError | None:
    """The error for a block that is no certificate, if its label or its outline shows what it is."""
    from airgap.pki.wrong_files import der_problem, label_problem, unknown_label_problem

    found = label_problem(label, number) or der_problem(block) or unknown_label_problem(label, number)
    return found.under(f"PEM block {number}") if found and label and not found.where else found


def _open_block(where: str, end: str, body: list[str]) -> FormatError:
    from airgap.pki.file_kinds import Kind
    from airgap.pki.wrong_files import NeededFile, remedy_for

    other = next((line for line in body if line.startswith("-----END ")), "")
    problem = f"ends with {safe(other, limit=90)!r}, not with {safe(end, limit=90)!r}" if other else "has no end"
    return FormatError(problem, where=where, remedy=remedy_for(Kind.OPEN_PEM, NeededFile.CERTIFICATE))


def _one_line(where: str) -> FormatError:
    from airgap.pki.file_kinds import Kind
    from airgap.pki.wrong_files import NeededFile, remedy_for

    return FormatError("is written on one line", where=where, remedy=remedy_for(Kind.ONE_LINE, NeededFile.CERTIFICATE))


def _der_blocks(data: bytes) -> Iterator[bytes]:
    text = _beginning(data)
    if data and (data[0] != der.SEQUENCE or text):  # also the digit 0
        raise FormatError(f"holds neither PEM nor DER certificates{text}")
    position = 0
    while position < len(data):
        element = der.element_at(data, position, len(data))
        yield element.raw
        position = element.end


def _beginning(data: bytes) -> str:
    """The beginning of a text, which often shows what went wrong (`404 page not found`), as the end of a sentence."""
    line = data[:_SHOWN].split(b"\n")[0].strip()
    return (
        f"; it begins with {safe(line.decode())!r}" if line.isascii() and line.decode().isprintable() and line else ""
    )


def _pem_blocks(data: bytes) -> list[tuple[str, bytes]]:
    """The label and the content of each PEM block."""
    blocks: list[tuple[str, bytes]] = []
    lines = iter(data.removeprefix(b"\xef\xbb\xbf").decode("latin-1").replace("\r\n", "\n").split("\n"))
    for raw in lines:
        line = raw.rstrip(" \t")
        if not (line.startswith("-----BEGIN ") and line.endswith("-----")):
            continue
        number, label = len(blocks) + 1, line.removeprefix("-----BEGIN ").removesuffix("-----")
        where = f"PEM block {number}"
        if "-----" in label:
            raise _one_line(where)
        end, body = line.replace("BEGIN", "END", 1), list[str]()
        for inner in lines:
            if inner.rstrip(" \t") == end:
                break
            body.append(inner.strip())
        else:
            raise _open_block(where, end, body)
        while body and (not body[0] or _PEM_HEADER.fullmatch(body[0])):
            del body[0]
        try:
            blocks.append((label, decode_standard("".join(body), where=where)))
        except FormatError as error:
            raise _foreign(label, number) or error from None
    return blocks
