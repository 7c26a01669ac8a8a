"""One header block of a tar, as all readers read it.

Only what today's tools write is accepted: POSIX ustar and GNU headers, each field filled as its format says. In all
else (a prefix under GNU's magic, a trailer of star, text behind a NUL, digits that are none) readers look for different
things.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, NoReturn

from airgap import limits
from airgap.errors import FormatError
from airgap.text import safe

BLOCK: Final = 512
_POSIX: Final = b"ustar\x0000"
_GNU: Final = b"ustar  \0"
_OCTAL: Final = re.compile(rb" *[0-7]+[ \0]*")
_STRING: Final = re.compile(rb"[^\x00-\x1f\x7f]*\0*")
_BASE_256: Final = 0x80
HIGHEST_ID: Final = 2**32 - 2
"""User and group numbers have 32 bits, and the last one means "none"."""

REPACK: Final = (
    "Unpack it where it was made and look at what comes out, make a copy of plain files, and pack that: "
    "cp -rL LAYOUT COPY, then tar -C COPY -cf NEW.tar oci-layout index.json blobs."
)
"""The way out for what an honest tool may have written."""
DAMAGED: Final = "Copy the file again; compare its size and checksum with those of where it was made."


class Kind(StrEnum):
    """What a member is, as sentences say it."""

    FILE = "a file"
    DIRECTORY = "a directory"
    HARD_LINK = "a hard link"
    SYMBOLIC_LINK = "a symbolic link"
    CHARACTER_DEVICE = "a character device"
    BLOCK_DEVICE = "a block device"
    FIFO = "a pipe"
    EXTENDED = "an extended header"
    GLOBAL = "a global extended header"
    LONG_NAME = "a long name"


_KINDS: Final = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"1": Kind.HARD_LINK,
    b"2": Kind.SYMBOLIC_LINK,
    b"3": Kind.CHARACTER_DEVICE,
    b"4": Kind.BLOCK_DEVICE,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
    b"x": Kind.EXTENDED,
    b"g": Kind.GLOBAL,
    b"L": Kind.LONG_NAME,
}
_REFUSED: Final = {
    b"S": "a sparse file, which readers put together differently",
    b"K": "the long target of a link, and a layout tar has no links",
    b"7": "a contiguous file, a type that some readers do not know",
    b"D": "a directory with a list of names (an incremental GNU tar), which some readers take for a file",
    b"M": "the continuation of a file of another volume",
    b"N": "an old form of long names, which most readers take for a file",
    b"V": "a volume label, which some readers take for a file",
    b"X": "an extended header of Solaris, which some readers apply and others take for a file",
}
META: Final = frozenset({Kind.EXTENDED, Kind.GLOBAL, Kind.LONG_NAME})
"""What says something of members and is none."""
LINKS: Final = frozenset({Kind.HARD_LINK, Kind.SYMBOLIC_LINK})


@dataclass(frozen=True, slots=True)
class Header:
    """A header block; `size` is the size of the data that follows it, as the block states it."""

    name: str
    kind: Kind
    size: int


def parse_header(block: bytes, offset: int) -> Header:
    """The header block that stands at byte `offset`. Raises FormatError for what readers could read differently."""
    _check_checksum(block, offset)
    name = _name(block, offset)
    where = f"{safe(name, limit=160)!r}, whose header stands at byte {offset} of the tar,"
    kind = _KINDS.get(block[156:157])
    if kind is None:
        letter = block[156:157]
        what = _REFUSED.get(letter, f"of the type {safe(letter.decode('latin-1'))!r}, which is unknown")
        raise FormatError(f"{where} is {what}", remedy=REPACK)
    if kind not in LINKS and block[157:257].strip(b"\0"):
        _refuse(f"{where} is {kind.value} and names the target of a link")
    if block[156:157] == b"\0" and name.endswith("/"):
        _refuse(f"{where} has the type of a file and the name of a directory")
    _check_numbers(block, where)
    return Header(name, kind, _size(block[124:136], where))


def _check_checksum(block: bytes, offset: int) -> None:
    stated = block[148:156]
    if not _OCTAL.fullmatch(stated) or sum(block) - sum(stated) + 8 * 32 != int(stated.strip(b" \0"), 8):
        raise FormatError(
            f"the checksum of the tar header at byte {offset} is wrong: the archive is damaged", remedy=DAMAGED
        )


def _name(block: bytes, offset: int) -> str:
    raw = block[:100]
    name = text(raw.rstrip(b"\0"))
    where = f"the tar header of {safe(name, limit=160)!r} at byte {offset}"
    magic = block[257:265]
    prefix = block[345:500]
    if magic not in {_POSIX, _GNU}:
        what = "is from before POSIX, with no magic" if not magic.strip(b" \0") else f"has the magic {magic!r}"
        raise FormatError(f"{where} {what}; readers differ in what its fields mean", remedy=REPACK)
    if magic == _GNU and (prefix.strip(b"\0") or block[500:].strip(b"\0")):
        _refuse(f"{where} has times, a sparse map or a prefix behind its GNU magic")
    if block[500:].strip(b"\0"):
        _refuse(f"{where} has a trailer, as star writes it, which makes the name another one for some readers")
    if not (_STRING.fullmatch(raw) and _STRING.fullmatch(prefix)):
        _refuse(f"{where} has a NUL or another control character inside of its name")
    if not raw.strip(b"\0"):
        _refuse(f"{where} has no name")
    front = text(prefix.rstrip(b"\0"))
    return f"{front}/{name}" if front else name


def _check_numbers(block: bytes, where: str) -> None:
    """Those that say nothing of a layout; a reader that can not read one of them gives up or takes another number."""
    for start, stop in ((100, 108), (329, 337), (337, 345)):
        field = block[start:stop]
        if field.strip(b"\0") and not _OCTAL.fullmatch(field):
            _refuse(f"{where} has the number {field!r}, which is not octal")
    for start, stop in ((108, 116), (116, 124), (136, 148)):
        field = block[start:stop]
        if field.strip(b"\0") and not _OCTAL.fullmatch(field):
            value = _base_256(field)
            if value is None or value > HIGHEST_ID:
                _refuse(f"{where} has the number {field!r}, which readers read differently")


def _size(field: bytes, where: str) -> int:
    value = int(field.strip(b" \0"), 8) if _OCTAL.fullmatch(field) else _base_256(field)
    if value is None or value > limits.TAR_BYTES:
        _refuse(f"{where} has the size {field!r}, which is no number from 0 to {limits.TAR_BYTES}")
    return value


def _base_256(field: bytes) -> int | None:
    """GNU's form of numbers that are too large for octal digits; 0xff would start a negative one."""
    return int.from_bytes(field[1:], "big") if field[0] == _BASE_256 else None


def text(name: bytes) -> str:
    """A name as text; one that is no UTF-8 is kept, so that it can be shown."""
    return name.decode("utf-8", "surrogateescape")


def _refuse(problem: str) -> NoReturn:
    raise FormatError(problem, remedy=REPACK)
