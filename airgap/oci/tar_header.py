"""One header block of a tar, and PAX records. Only what all readers read alike is accepted.

These are the headers of today's tools: POSIX ustar and GNU, each field filled as its format says. Readers differ on
everything else (a prefix under GNU's magic, a trailer of star, text after a NUL, wrong digits).
PAX records (POSIX.1-2001) are `length keyword=value newline`.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
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
_LATEST: Final = 8**12 - 1
"""Times, in seconds: the range of the octal digits."""
_NO_TARGET: Final = bytes(100)
_NO_PREFIX: Final = bytes(BLOCK - 345)
HIGHEST_ID: Final = 2**32 - 2
"""User and group numbers have 32 bits, and the last one means "none"."""

REPACK: Final = (
    "Unpack it where it was made and look at what comes out, make a copy of plain files, and pack that: "
    "cp -rL LAYOUT COPY, then tar -C COPY -cf NEW.tar oci-layout index.json blobs."
)
"""The remedy for forms that an honest tool may have written."""
COPY_AGAIN: Final = "Copy the file again; compare its size and checksum with those of where it was made."


class MemberKind(StrEnum):
    """The kind of a member, in words for messages."""

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
    b"0": MemberKind.FILE,
    b"\0": MemberKind.FILE,
    b"1": MemberKind.HARD_LINK,
    b"2": MemberKind.SYMBOLIC_LINK,
    b"3": MemberKind.CHARACTER_DEVICE,
    b"4": MemberKind.BLOCK_DEVICE,
    b"5": MemberKind.DIRECTORY,
    b"6": MemberKind.FIFO,
    b"x": MemberKind.EXTENDED,
    b"g": MemberKind.GLOBAL,
    b"L": MemberKind.LONG_NAME,
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
META: Final = frozenset({MemberKind.EXTENDED, MemberKind.GLOBAL, MemberKind.LONG_NAME})
"""Meta headers: they describe members and are no members."""
LINKS: Final = frozenset({MemberKind.HARD_LINK, MemberKind.SYMBOLIC_LINK})


@dataclass(frozen=True, slots=True)
class Header:
    """A header block; `size` is the stated size of the data after it."""

    name: str
    kind: MemberKind
    size: int


def parse_header(block: bytes, offset: int) -> Header:
    """The header block at byte `offset`. Raises FormatError if readers could read it differently."""
    _check_checksum(block, offset)
    letter = block[156:157]
    if letter in _REFUSED:  # a header of GNU's for a label has no magic: its type says more
        _refuse(tar_name(block[:100].rstrip(b"\0")), offset, f"is {_REFUSED[letter]}")
    name = _name(block, offset)
    kind = _KINDS.get(letter)
    if kind is None:
        _refuse(name, offset, f"is of the type {safe(letter.decode('latin-1'))!r}, which is unknown")
    if kind not in LINKS and block[157:257] != _NO_TARGET:
        _refuse(name, offset, f"is {kind.value} and names the target of a link")
    if letter == b"\0" and name.endswith("/"):
        _refuse(name, offset, "has the type of a file and the name of a directory")
    odd = _odd_number(block[100:124] + block[136:148] + block[329:345])
    if odd is not None:
        _refuse(name, offset, f"has the number {odd!r}, which readers read differently")
    size = _number(block[124:136])
    if size is None or size > limits.TAR_BYTES:
        _refuse(
            name,
            offset,
            f"has the size {block[124:136]!r}, which is no number from 0 to {limits.TAR_BYTES} to all readers",
        )
    return Header(name, kind, size)


def _check_checksum(block: bytes, offset: int) -> None:
    stated = block[148:156]
    if not _OCTAL.fullmatch(stated) or sum(block) - sum(stated) + 8 * 32 != int(stated.strip(b" \0"), 8):
        raise FormatError(
            f"the checksum of the tar header at byte {offset} is wrong: the archive is damaged", remedy=COPY_AGAIN
        )


def _name(block: bytes, offset: int) -> str:
    raw, magic, rest = block[:100], block[257:265], block[345:]
    name = tar_name(raw.rstrip(b"\0"))
    if magic not in {_POSIX, _GNU}:
        what = "no magic, as before POSIX" if not magic.strip(b" \0") else f"the magic {magic!r}"
        _refuse(name, offset, f"has {what}: readers differ in what its fields mean")
    if not _STRING.fullmatch(raw):
        _refuse(name, offset, "has a NUL or another control character inside of its name")
    if not name:
        _refuse(name, offset, "has no name")
    if rest == _NO_PREFIX:
        return name
    prefix = rest[:155]
    if magic == _GNU:
        _refuse(name, offset, "has times, a sparse map or a prefix after its GNU magic")
    if rest[155:].strip(b"\0"):
        _refuse(name, offset, "has a trailer, as star writes it, which makes the name another one for some readers")
    if not _STRING.fullmatch(prefix):
        _refuse(name, offset, "has a NUL or another control character inside of its prefix")
    return f"{tar_name(prefix.rstrip(bytes(1)))}/{name}"


@lru_cache(maxsize=64)
def _odd_number(fields: bytes) -> bytes | None:
    """The first field that some reader cannot read, or reads as another number.

    Mode, owner, group, time and device numbers do not matter for a layout and are mostly equal in all members.
    """
    for start, stop in ((0, 8), (36, 44), (44, 52)):
        field = fields[start:stop]
        if field.strip(b"\0") and not _OCTAL.fullmatch(field):
            return field
    for start, stop, highest in ((8, 16, HIGHEST_ID), (16, 24, HIGHEST_ID), (24, 36, _LATEST)):
        field = fields[start:stop]
        value = _number(field) if field.strip(b"\0") else 0
        if value is None or value > highest:
            return field
    return None


def _number(field: bytes) -> int | None:
    """Octal digits, or GNU's base-256 for larger numbers; 0xff at its start would be a negative number."""
    if _OCTAL.fullmatch(field):
        return int(field.strip(b" \0"), 8)
    return int.from_bytes(field[1:], "big") if field[0] == _BASE_256 else None


def tar_name(name: bytes) -> str:
    """A name as text; bytes that are no UTF-8 are kept, so that it can be shown."""
    return name.decode("utf-8", "surrogateescape")


def _refuse(name: str, offset: int, problem: str) -> NoReturn:
    raise FormatError(
        f"{safe(name, limit=160)!r}, whose header is at byte {offset} of the tar, {problem}", remedy=REPACK
    )


_RECORD: Final = re.compile(rb"([1-9][0-9]{0,6}) ([^=\0\n]+)=")
_MOMENT: Final = re.compile(r"-?[0-9]{1,11}(\.[0-9]{1,18})?", re.ASCII)
_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,17}", re.ASCII)
_SIGNED: Final = re.compile(r"-?[0-9]{1,20}", re.ASCII)
_ID: Final = re.compile(r"0|[1-9][0-9]{0,9}", re.ASCII)
_TEXT: Final = re.compile(r"[^\0\udc80-\udcff]+")
_NAME: Final = re.compile(r"[^\0\udc80-\udcff]{1,255}")
_ANY: Final = re.compile(r"(?s).{0,65536}")
_GLOBAL_NAME: Final = re.compile(
    r"(?:[^/]*/)*(?:pax_global_header|@PaxHeader|GlobalHead\.[0-9.]+)|PaxHeader/[^/]*", re.ASCII
)
"""Names that git, Python, GNU tar, Go and Node give to a global header."""
_FLAG: Final = (
    "arch|archive|compress|dirsync|hidden|noatime|nocow|nodump|notail|offline|opaque|projinherit|rdonly|sync|system"
    "|uarch"
)
_FLAGS: Final = re.compile(rf"({_FLAG})(,({_FLAG}))*", re.ASCII)
"""Other flags forbid writing the following records, or change the content of a file."""
_BASE_64: Final = re.compile(r"[A-Za-z0-9+/]*={0,2}", re.ASCII)

_KNOWN: Final = {
    "path": _TEXT,
    "size": _NUMBER,
    "mtime": _MOMENT,
    "atime": _MOMENT,
    "ctime": _MOMENT,
    "LIBARCHIVE.creationtime": _MOMENT,
    "uid": _ID,
    "gid": _ID,
    "uname": _NAME,
    "gname": _NAME,
    "comment": _TEXT,
    "SCHILY.dev": _SIGNED,
    "SCHILY.ino": _SIGNED,
    "SCHILY.nlink": _SIGNED,
    "SCHILY.fflags": _FLAGS,
    "SCHILY.acl.access": _TEXT,
    "SCHILY.acl.default": _TEXT,
    "SCHILY.acl.ace": _TEXT,
    "RHT.security.selinux": _TEXT,
}
"""The records that honest tools write for files and directories, and their allowed values."""
_KNOWN_FAMILIES: Final = (
    (re.compile(r"SCHILY\.xattr\..{1,255}"), _ANY),
    (re.compile(r"LIBARCHIVE\.xattr\..{1,255}"), _BASE_64),
)
"""Names of file attributes; no system has longer ones."""


def parse_records(data: bytes, source: str) -> dict[str, str]:
    """The records of an extended header, named `source` in messages. Raises FormatError if it is malformed."""
    records: dict[str, str] = {}
    position = 0
    while position < len(data):
        start = _RECORD.match(data, position)
        stop = position + int(start[1]) if start else 0
        if start is None or stop <= start.end() or stop > len(data) or data[stop - 1] != ord("\n"):
            raise FormatError(f"{source} is malformed at byte {position} of its records", remedy=COPY_AGAIN)
        key = tar_name(start[2])
        if key in records:
            raise FormatError(f"{source} has two records {safe(key, limit=64)!r}", remedy=REPACK)
        records[key] = tar_name(data[start.end() : stop - 1])
        position = stop
    if not records:
        raise FormatError(f"{source} has no records", remedy=REPACK)
    return records


def check_records(records: dict[str, str], member: str) -> None:
    """Refuses records that readers could understand differently. Raises FormatError."""
    for key, value in records.items():
        shown = f"{safe(member, limit=160)!r} in the tar has the PAX record {safe(key, limit=64)!r}"
        if key.startswith("GNU.sparse."):
            raise FormatError(f"{shown}: it is a sparse file, which readers put together differently", remedy=REPACK)
        rule = _KNOWN.get(key) or next((rule for name, rule in _KNOWN_FAMILIES if name.fullmatch(key)), None)
        if rule is None:
            raise FormatError(f"{shown}, which some readers apply and others do not know", remedy=REPACK)
        if not rule.fullmatch(value) or (rule is _ID and int(value) > HIGHEST_ID):
            raise FormatError(
                f"{shown} with the value {safe(value, limit=64)!r}, which readers read differently", remedy=REPACK
            )
        if key == "path" and not unicodedata.is_normalized("NFC", value):
            raise FormatError(
                f"{shown} with accents as characters of their own; bsdtar joins them, which makes the name another one",
                remedy=REPACK,
            )


def check_global(name: str, records: dict[str, str], source: str) -> None:
    """Refuses a global header that describes members, or is called like one. Raises FormatError.

    Some readers apply its records, others do not. Readers in Go treat it as a member of its name: docker and skopeo
    remove what was unpacked under that name before.
    """
    if not _GLOBAL_NAME.fullmatch(name) or ".." in name.split("/"):
        raise FormatError(f"{source} has a name that no tool gives it: some readers take it for a file", remedy=REPACK)
    for key in records:
        if key != "comment":
            raise FormatError(
                f"{source} sets {safe(key, limit=64)!r} for all members, which some readers apply and others do not",
                remedy=REPACK,
            )
