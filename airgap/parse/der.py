"""Strict DER: a reader of one buffer without copies, and a small writer.

Signatures of evidence (CRLs, OCSP responses, RFC 3161 tokens) cover the bytes as received, so elements are slices of
these bytes, and nothing is re-encoded to be hashed. Only DER is read: definite lengths in their shortest form, tag
numbers up to 30, primitive strings. The reference converts definite-length BER to DER first (TS-15, LIM-14). Here a
length in a longer form is refused: signed bytes must have one spelling, and no known authority writes another one.
Sets may have any order, as CMS allows.

Raises `FormatError` (`LimitError` where a bound is exceeded), nothing else.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Final

from airgap import limits
from airgap.errors import FormatError, LimitError

BOOLEAN: Final = 0x01
INTEGER: Final = 0x02
BIT_STRING: Final = 0x03
OCTET_STRING: Final = 0x04
NULL: Final = 0x05
OID: Final = 0x06
ENUMERATED: Final = 0x0A
UTC_TIME: Final = 0x17
GENERALIZED_TIME: Final = 0x18
SEQUENCE: Final = 0x30
SET: Final = 0x31

_CONSTRUCTED: Final = 0x20
_HIGH_TAG: Final = 0x1F
_LONG_LENGTH: Final = 0x80
_LENGTH_OCTETS: Final = 4
_NAMES: Final = {
    BOOLEAN: "BOOLEAN",
    INTEGER: "INTEGER",
    BIT_STRING: "BIT STRING",
    OCTET_STRING: "OCTET STRING",
    NULL: "NULL",
    OID: "OBJECT IDENTIFIER",
    ENUMERATED: "ENUMERATED",
    UTC_TIME: "UTCTime",
    GENERALIZED_TIME: "GeneralizedTime",
    SEQUENCE: "SEQUENCE",
    SET: "SET",
    0x1C: "UniversalString",
}
_UTC_TIME = re.compile(rb"\d{12}Z")
_GENERALIZED_TIME = re.compile(rb"\d{14}(?:\.(?P<fraction>\d{0,8}[1-9]))?Z")


def context(number: int, *, constructed: bool = True) -> int:
    """The identifier octet of the context-specific tag `[number]`."""
    return 0x80 | (_CONSTRUCTED if constructed else 0) | number


@dataclass(frozen=True, slots=True, eq=False)
class Element:
    """One TLV inside a buffer: `data[start:end]`, its contents from `content` on."""

    data: bytes = field(repr=False)
    tag: int
    """The identifier octet, including class and constructed bit."""
    start: int
    content: int
    end: int
    depth: int = 0

    @property
    def raw(self) -> bytes:
        """The whole TLV as received."""
        return self.data[self.start : self.end]

    @property
    def value(self) -> bytes:
        """The contents octets as received."""
        return self.data[self.content : self.end]

    def expect(self, tag: int, where: str = "") -> Element:
        """This element, if it has that identifier octet."""
        if self.tag != tag:
            raise FormatError(f"is {tag_name(self.tag)}, not {tag_name(tag)}", where=where)
        return self

    def walk(self) -> Iterator[Element]:
        """The elements inside, one by one, for lists that may be long."""
        if not self.tag & _CONSTRUCTED:
            raise FormatError(f"{tag_name(self.tag)} holds no elements")
        position, depth = self.content, self.depth + 1
        while position < self.end:
            element = element_at(self.data, position, self.end, depth=depth)
            yield element
            position = element.end

    def children(self) -> tuple[Element, ...]:
        """The elements inside, within bounds: a hostile list of millions would take minutes and gigabytes."""
        inside = tuple(islice(self.walk(), limits.DER_CHILDREN + 1))
        if len(inside) > limits.DER_CHILDREN:
            raise LimitError(f"{tag_name(self.tag)} holds more than {limits.DER_CHILDREN} elements")
        return inside

    def check_inside(self) -> None:
        """Checks that all inside is DER, also what is not used. Raises FormatError."""
        open_elements = [self]
        while open_elements:
            element = open_elements.pop()
            if element.tag & _CONSTRUCTED:
                open_elements += element.walk()

    def only(self, where: str = "") -> Element:
        """The single element inside (an explicit tag)."""
        inside = self.children()
        if len(inside) != 1:
            raise FormatError(f"holds {len(inside)} elements instead of one", where=where)
        return inside[0]

    def fields(self, where: str, tag: int = SEQUENCE) -> Fields:
        """The members of a SEQUENCE (or of `tag`), to be read in order."""
        return Fields(self.expect(tag, where).children(), where)

    def integer(self, where: str = "", *, tag: int = INTEGER, limit: int = limits.DER_INTEGER_BYTES) -> int:
        """A whole number of at most `limit` octets, in its shortest form."""
        value = self.expect(tag, where).value
        if not value:
            raise FormatError("is an INTEGER without octets", where=where)
        if len(value) > limit:
            raise LimitError(f"is an INTEGER of {len(value)} octets, more than {limit}", where=where)
        if len(value) > 1 and (value[0], value[1] >> 7) in ((0x00, 0), (0xFF, 1)):
            raise FormatError("is an INTEGER that is not in its shortest form", where=where)
        return int.from_bytes(value, "big", signed=True)

    def boolean(self, where: str = "") -> bool:
        """A BOOLEAN: FF or 00 in DER."""
        value = self.expect(BOOLEAN, where).value
        if value not in (b"\x00", b"\xff"):
            raise FormatError("is a BOOLEAN that is neither 00 nor FF", where=where)
        return value == b"\xff"

    def oid(self, where: str = "") -> str:
        """An object identifier, in dotted form."""
        value = self.expect(OID, where).value
        if not value or value[-1] & 0x80:
            raise FormatError("is a broken OBJECT IDENTIFIER", where=where)
        if len(value) > limits.DER_INTEGER_BYTES:
            raise LimitError(
                f"is an OBJECT IDENTIFIER of {len(value)} octets, more than {limits.DER_INTEGER_BYTES}", where=where
            )
        arcs: list[int] = []
        arc, fresh = 0, True
        for octet in value:
            if fresh and octet == 0x80:  # noqa: PLR2004
                raise FormatError("is an OBJECT IDENTIFIER with a padded arc", where=where)
            arc, fresh = arc << 7 | octet & 0x7F, not octet & 0x80
            if fresh:
                arcs.append(arc)
                arc = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, (first, arcs[0] - 40 * first, *arcs[1:])))

    def octets(self, where: str = "") -> bytes:
        """The contents of an OCTET STRING."""
        return self.expect(OCTET_STRING, where).value

    def bits(self, where: str = "") -> bytes:
        """The octets of a BIT STRING that has no unused bits (signatures, keys)."""
        value = self.expect(BIT_STRING, where).value
        if not value or value[0]:
            raise FormatError("is a BIT STRING that does not consist of whole octets", where=where)
        return value[1:]

    def flags(self, where: str = "", *, tag: int = BIT_STRING) -> frozenset[int]:
        """The numbers of the bits that are set in a named-bit list."""
        value = self.expect(tag, where).value
        if not value or value[0] > 7 or (len(value) == 1 and value[0]):  # noqa: PLR2004
            raise FormatError("is a broken BIT STRING", where=where)
        if len(value) > 5:  # noqa: PLR2004 - the longest list of RFC 5280 has 9 names
            raise LimitError(f"is a list of {8 * len(value) - 8} flags", where=where)
        if len(value) > 1 and value[-1] & ((1 << value[0]) - 1):
            raise FormatError("is a BIT STRING whose unused bits are set", where=where)
        return frozenset(
            8 * index + bit for index, octet in enumerate(value[1:]) for bit in range(8) if octet & 0x80 >> bit
        )

    def time(self, where: str = "") -> datetime:
        """UTCTime or GeneralizedTime as RFC 5280, 4.1.2.5 writes them: to the second, Z, no fraction."""
        if self.tag == UTC_TIME:
            if not _UTC_TIME.fullmatch(value := self.value):
                raise FormatError("is not a UTCTime as YYMMDDHHMMSSZ", where=where)
            century = b"19" if value >= b"50" else b"20"
            return _moment(century + value[:12], 0, where)
        return self.generalized_time(where, fractions=False)

    def generalized_time(self, where: str = "", *, fractions: bool) -> datetime:
        """A GeneralizedTime in UTC; RFC 3161 allows fractions without trailing zeros.

        A fraction is cut to microseconds, which is what `datetime` holds.
        """
        match = _GENERALIZED_TIME.fullmatch(value := self.expect(GENERALIZED_TIME, where).value)
        if not match or (match["fraction"] and not fractions):
            raise FormatError("is not a GeneralizedTime as YYYYMMDDHHMMSSZ", where=where)
        return _moment(value[:14], int((match["fraction"] or b"").ljust(6, b"0")[:6]), where)


class Fields:
    """The members of one SEQUENCE, read in order; an error names the member.

    Call `end` after the last known member: another member is an error.
    """

    __slots__ = ("_elements", "_next", "where")

    def __init__(self, elements: tuple[Element, ...], where: str) -> None:
        self._elements = elements
        self._next = 0
        self.where = where

    def peek(self) -> Element | None:
        """The next member without reading it; None after the last."""
        return self._elements[self._next] if self._next < len(self._elements) else None

    def any(self, name: str) -> Element:
        """The next member, whatever its tag."""
        element = self.peek()
        if element is None:
            raise FormatError("is missing", where=self.name(name))
        self._next += 1
        return element

    def take(self, tag: int, name: str) -> Element:
        """The next member, which must have this tag."""
        return self.any(name).expect(tag, self.name(name))

    def maybe(self, *tags: int) -> Element | None:
        """The next member if it has one of these tags, else None; then nothing is read."""
        element = self.peek()
        if element is None or element.tag not in tags:
            return None
        self._next += 1
        return element

    def end(self) -> None:
        """Refuses further members."""
        element = self.peek()
        if element is not None:
            raise FormatError(f"has an unexpected {tag_name(element.tag)} at its end", where=self.where)

    def name(self, member: str) -> str:
        """The path of a member, for messages."""
        return f"{self.where}.{member}"


def read(data: bytes, where: str = "") -> Element:
    """The one element in `data`; trailing bytes are refused."""
    try:
        element = element_at(data, 0, len(data))
    except FormatError as error:
        raise (error.under(where) if where else error) from None
    if element.end != len(data):
        raise FormatError(f"has {len(data) - element.end} bytes of trailing data", where=where)
    return element


def element_at(data: bytes, start: int, end: int, *, depth: int = 0) -> Element:
    """The element that starts at `start` and must not reach beyond `end`."""
    if depth > limits.DER_DEPTH:
        raise LimitError(f"DER is nested more than {limits.DER_DEPTH} deep")
    if end - start < 2:  # noqa: PLR2004
        raise FormatError(f"DER ends inside an element (byte {start})")
    tag, first = data[start], data[start + 1]
    if tag & ~_CONSTRUCTED == 0:  # X.690, 8.1.5: it ends contents of indefinite length, which DER does not have
        raise FormatError(f"DER has no end-of-contents octets (byte {start})")
    if tag & _HIGH_TAG == _HIGH_TAG:
        raise FormatError(f"DER has a tag number above 30 (byte {start})")
    content, length = start + 2, first
    if first >= _LONG_LENGTH:
        content, length = _long_length(data, start, end)
    if length > end - content:
        raise FormatError(f"DER ends inside an element (byte {start}: {length} bytes announced, {end - content} there)")
    return Element(data, tag, start, content, content + length, depth)


def content_at(data: bytes, start: int) -> int:
    """The offset of the contents of the element at `start`, whose end may be cut off. Raises FormatError."""
    if start + 2 > len(data):
        raise FormatError(f"DER ends inside an element (byte {start})")
    first = data[start + 1]
    return start + 2 + (first & 0x7F if first >= _LONG_LENGTH else 0)


def _long_length(data: bytes, start: int, end: int) -> tuple[int, int]:
    count = data[start + 1] & 0x7F
    if count == 0:
        raise FormatError(f"has an element of indefinite length, which is BER and not DER (byte {start})")
    if count > _LENGTH_OCTETS:
        raise LimitError(f"DER has an element with {count} length octets (byte {start})")
    content = start + 2 + count
    if content > end:
        raise FormatError(f"DER ends inside a length (byte {start})")
    length = int.from_bytes(data[start + 2 : content], "big")
    if length < _LONG_LENGTH or length >> 8 * (count - 1) == 0:
        raise FormatError(f"has a length that is not in its shortest form, which is BER and not DER (byte {start})")
    return content, length


def tag_name(tag: int) -> str:
    """An identifier octet in words, for messages."""
    if tag in _NAMES:
        return _NAMES[tag]
    kind = ("universal", "application", "context", "private")[tag >> 6]
    form = "constructed" if tag & _CONSTRUCTED else "primitive"
    return f"{kind} tag [{tag & _HIGH_TAG}] ({form})"


def _moment(digits: bytes, microsecond: int, where: str) -> datetime:
    text = digits.decode("ascii")
    year, month, day, hour, minute, second = (int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2)))
    try:
        return datetime(year, month, day, hour, minute, second, microsecond, tzinfo=UTC)
    except ValueError:
        raise FormatError(f"{text} is not a moment that exists", where=where) from None


# The writer


def tlv(tag: int, *parts: bytes) -> bytes:
    """One element with this identifier octet around the joined parts."""
    value = b"".join(parts)
    length = len(value)
    if length < _LONG_LENGTH:
        return bytes((tag, length)) + value
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, _LONG_LENGTH | len(octets))) + octets + value


def sequence(*parts: bytes) -> bytes:
    """A SEQUENCE."""
    return tlv(SEQUENCE, *parts)


def integer(value: int, *, tag: int = INTEGER) -> bytes:
    """An INTEGER in its shortest form."""
    magnitude = value if value >= 0 else ~value
    return tlv(tag, value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True))


def boolean(value: bool) -> bytes:  # noqa: FBT001 - it writes a value
    """A BOOLEAN."""
    return tlv(BOOLEAN, b"\xff" if value else b"\x00")


def null() -> bytes:
    """A NULL."""
    return tlv(NULL)


def oid(dotted: str) -> bytes:
    """An OBJECT IDENTIFIER from its dotted form."""
    first, second, *rest = map(int, dotted.split("."))
    return tlv(OID, *map(_arc, (40 * first + second, *rest)))


def _arc(value: int) -> bytes:
    octets = [value & 0x7F]
    while value := value >> 7:
        octets.append(value & 0x7F | 0x80)
    return bytes(reversed(octets))


def octet_string(value: bytes) -> bytes:
    """An OCTET STRING."""
    return tlv(OCTET_STRING, value)


def generalized_time(moment: datetime) -> bytes:
    """A GeneralizedTime in UTC, with a fraction where the moment has one."""
    moment = moment.astimezone(UTC)
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return tlv(GENERALIZED_TIME, f"{moment:%Y%m%d%H%M%S}{fraction}Z".encode())
