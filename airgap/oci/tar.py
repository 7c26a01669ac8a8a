"""A strict reader of tar headers: where each member's bytes lie, and nothing that two readers could read differently.

ustar (POSIX.1-1988), PAX extended headers (POSIX.1-2001) and GNU's long names and base-256 sizes. Python's tarfile is
not used: it takes duplicates, damaged records and truncated archives in silence, and keeps an object for every member.
Nothing is ever unpacked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.text import safe

BLOCK: Final = 512
_WINDOW: Final = 64 * limits.KIB
_ZERO: Final = bytes(BLOCK)
_POSIX: Final = b"ustar\x0000"
_PAX_SPARSE: Final = "GNU.sparse."
_REPLACED_BY_PAX: Final = ("path", "size")
_DECIMAL_DIGITS: Final = 19


class Bytes(Protocol):
    """Where an archive is read: a file at any place, or a stream at growing ones."""

    @property
    def size(self) -> int:
        """In bytes; more than any archive has, where nobody knows."""

    def read(self, offset: int, count: int) -> bytes:
        """At most `count` bytes from `offset`; fewer only at the end."""


class Kind(StrEnum):
    """What a member is, as sentences say it."""

    FILE = "a file"
    DIRECTORY = "a directory"
    HARD_LINK = "a hard link"
    SYMBOLIC_LINK = "a symbolic link"
    CHARACTER_DEVICE = "a character device"
    BLOCK_DEVICE = "a block device"
    FIFO = "a pipe"
    SPARSE = "a sparse file"
    UNKNOWN = "a member of an unknown type"


_KINDS: Final = {
    b"0": Kind.FILE,
    b"\0": Kind.FILE,
    b"1": Kind.HARD_LINK,
    b"2": Kind.SYMBOLIC_LINK,
    b"3": Kind.CHARACTER_DEVICE,
    b"4": Kind.BLOCK_DEVICE,
    b"5": Kind.DIRECTORY,
    b"6": Kind.FIFO,
    b"S": Kind.SPARSE,
}
_WITH_DATA: Final = frozenset({Kind.FILE, Kind.SPARSE, Kind.UNKNOWN})


@dataclass(frozen=True, slots=True)
class Member:
    """One member; `name` is as it stands there, `offset` and `size` say where its bytes lie."""

    name: str
    kind: Kind
    offset: int
    size: int


def members(shared: Bytes) -> Iterator[Member]:
    """The archive's members in their order, meta headers applied. Raises FormatError or LimitError.

    An archive that is cut short, or goes on behind its end marker's first block, is refused; what stands behind the
    whole end marker is not looked at, as no reader does.
    """
    reader = _Headers(shared)
    offset, count = 0, 0
    pending = _Pending()
    while True:
        header = reader.header(offset)
        if header is None:
            break
        count += 1
        if count > limits.TAR_MEMBERS:
            raise LimitError(f"the tar has more than {limits.TAR_MEMBERS} members")
        body = offset + BLOCK
        if header[156:157] in b"xgLK":
            size = _number(header[124:136], "size", offset)
            pending.take(header[156:157], reader.meta(body, size, offset), offset)
        else:
            member = _member(header, pending, body)
            size = member.size
            _check_extent(shared, member.name, body, size)
            yield member
            pending = _Pending()
        offset = body + -(-size // BLOCK) * BLOCK
    if pending.used:
        raise FormatError(f"the tar ends behind an extended header, where a member has to follow (byte {offset})")


class _Headers:
    """Header blocks, read some at once: between small blobs stands little else."""

    def __init__(self, shared: Bytes) -> None:
        self._shared = shared
        self._window = b""
        self._start = 0

    def header(self, offset: int) -> bytes | None:
        """The checked header block at `offset`, or None at the end marker."""
        block = self._block(offset)
        if len(block) < BLOCK:
            raise FormatError(
                f"the tar is cut short: it has {self._shared.size} bytes and no end marker"
                if not block
                else f"the tar is cut short: its last {len(block)} bytes are no whole header block"
            )
        if block == _ZERO:
            self._check_end(offset)
            return None
        stated = _number(block[148:156], "checksum", offset)
        if sum(block) - sum(block[148:156]) + 8 * 32 != stated:
            raise FormatError(f"the checksum of the tar header at byte {offset} is wrong: the archive is damaged")
        return block

    def meta(self, body: int, size: int, offset: int) -> bytes:
        """The data of a meta header."""
        if size > limits.TAR_PAX_BYTES:
            raise LimitError(f"the extended header at byte {offset} has {size} bytes, more than {limits.TAR_PAX_BYTES}")
        _check_extent(self._shared, "(extended header)", body, size)
        return self._shared.read(body, size)

    def _block(self, offset: int) -> bytes:
        at = offset - self._start
        if not 0 <= at <= len(self._window) - BLOCK:
            self._window, self._start, at = self._shared.read(offset, _WINDOW), offset, 0
        return self._window[at : at + BLOCK]

    def _check_end(self, offset: int) -> None:
        second = self._block(offset + BLOCK)
        # POSIX writes two zero blocks; some writers only one, at the very end
        if 0 < len(second) < BLOCK:
            raise FormatError(f"the tar is cut short inside of its end marker (byte {offset})")
        if second and second != _ZERO:
            raise FormatError(f"behind the zero block at byte {offset} of the tar stands data: it is damaged")


class _Pending:
    """What meta headers say of the member that follows."""

    def __init__(self) -> None:
        self.used = False
        self.path: str | None = None
        self.size: int | None = None
        self.sparse = False
        self._seen: set[bytes] = set()

    def take(self, kind: bytes, data: bytes, offset: int) -> None:
        """Raises FormatError where two readers could understand two things."""
        if kind == b"g":
            _check_global(_records(data, offset), offset)
            return
        if kind in self._seen:
            raise FormatError(f"two extended headers of one kind stand before one member (byte {offset})")
        self._seen.add(kind)
        self.used = True
        if kind == b"x":
            records = _records(data, offset)
            self.sparse = any(key.startswith(_PAX_SPARSE) for key in records)
            if "size" in records:
                self.size = _decimal(records["size"], offset)
            self._set_path(records.get("path"), offset)
        elif kind == b"L":
            self._set_path(_text(data.rstrip(b"\0")), offset)
        # 'K' names the target of a link: links are refused or left alone, so it says nothing here

    def _set_path(self, path: str | None, offset: int) -> None:
        if path is None:
            return
        if self.path is not None and self.path != path:
            raise FormatError(f"two extended headers give one member two names (byte {offset})")
        self.path = path


def _member(header: bytes, pending: _Pending, body: int) -> Member:
    kind = Kind.SPARSE if pending.sparse else _KINDS.get(header[156:157], Kind.UNKNOWN)
    name = pending.path if pending.path is not None else _name(header)
    # A directory's size is an old hint for its extent and has no data behind it; some writers fill it in.
    size = pending.size if pending.size is not None else _number(header[124:136], "size", body - BLOCK)
    if kind is Kind.FILE and name.endswith("/"):
        kind = Kind.DIRECTORY  # how tars from before ustar mark directories
    if kind not in _WITH_DATA and size:
        raise FormatError(
            f"the tar member {safe(name, limit=160)!r} is {kind.value} and states {size} bytes of data, which readers "
            "understand differently"
        )
    return Member(name, kind, body, size)


def _name(header: bytes) -> str:
    name = header[:100].split(b"\0", 1)[0]
    prefix = header[345:500].split(b"\0", 1)[0] if header[257:265] == _POSIX else b""
    return _text(prefix + b"/" + name if prefix else name)


def _text(name: bytes) -> str:
    # a name that is no UTF-8 is none of a layout's; it is kept so that it can be shown
    return name.decode("utf-8", "surrogateescape")


def _number(field: bytes, what: str, offset: int) -> int:
    if field[0] & 0x80:  # GNU base-256, for sizes from 8 GiB on; 0xff marks a negative number
        value = int.from_bytes(bytes([field[0] & 0x7F]) + field[1:], "big")
        if field[0] != 0x80 or value > limits.TAR_BYTES:  # noqa: PLR2004
            raise FormatError(f"the {what} in the tar header at byte {offset} is out of range")
        return value
    digits = field.strip(b" \0")
    if not digits:
        return 0
    if digits.strip(b"01234567"):
        raise FormatError(f"the {what} in the tar header at byte {offset} is no octal number")
    return int(digits, 8)


def _decimal(text: str, offset: int) -> int:
    if not (text.isascii() and text.isdecimal()) or len(text) > _DECIMAL_DIGITS or int(text) > limits.TAR_BYTES:
        raise FormatError(f"the size {safe(text, limit=40)!r} in the extended header at byte {offset} is no size")
    return int(text)


def _records(data: bytes, offset: int) -> dict[str, str]:
    """PAX records: `length key=value newline`, the length counting itself."""
    records: dict[str, str] = {}
    position = 0
    while position < len(data):
        space = data.find(b" ", position, position + 8)
        digits = data[position:space] if space > position else b""
        end = position + int(digits) if digits.isdigit() else position
        key, equals, value = data[space + 1 : end - 1].partition(b"=")
        if end <= space + 1 or end > len(data) or data[end - 1 : end] != b"\n" or not equals or not key:
            raise FormatError(f"the extended header at byte {offset} is malformed")
        name = _text(key)
        if name in records:
            raise FormatError(f"the extended header at byte {offset} has two records {safe(name, limit=64)!r}")
        records[name] = _text(value)
        position = end
    # POSIX: an empty value takes back what was set before, and here nothing was
    return {key: value for key, value in records.items() if value}


def _check_global(records: dict[str, str], offset: int) -> None:
    # Python's tarfile applies these to all members, Go's archive/tar to none: refused, so that nobody is fooled
    for key in records:
        if key in _REPLACED_BY_PAX or key.startswith(_PAX_SPARSE):
            raise FormatError(
                f"the global extended header at byte {offset} sets {safe(key, limit=64)!r} for all members"
            )


def _check_extent(shared: Bytes, name: str, body: int, size: int) -> None:
    if body + size > shared.size:
        raise FormatError(
            f"the tar is cut short: {safe(name, limit=160)!r} needs {size} bytes from byte {body} on, and the file "
            f"ends at byte {shared.size}"
        )
