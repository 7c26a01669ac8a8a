"""PAX records (POSIX.1-2001): `length keyword=value newline`. Only records that all readers read alike are accepted."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from airgap.errors import FormatError
from airgap.oci.tar_header import DAMAGED, HIGHEST_ID, REPACK, text
from airgap.text import safe

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
            raise FormatError(f"{source} is malformed at byte {position} of its records", remedy=DAMAGED)
        key = text(start[2])
        if key in records:
            raise FormatError(f"{source} has two records {safe(key, limit=64)!r}", remedy=REPACK)
        records[key] = text(data[start.end() : stop - 1])
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
