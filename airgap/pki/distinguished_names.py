"""X.500 names: parses DER to attributes and to one line for people.

In chains names are compared by their raw bytes (CHAIN-2). In CRLs, distribution points and responder identifiers they
are compared by RFC 5280, 7.1 (`same_name`), because issuers write their own name in several string types; there the key
proves the identity.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final, NamedTuple

from airgap.errors import FormatError
from airgap.parse import der

_PRINTABLE = re.compile(rb"[A-Za-z0-9 '()+,\-./:=?*&]*")
_NUMERIC = re.compile(rb"[0-9 ]*")
_SPECIAL = re.compile(r'[,+"\\<>;=]|^[ #]| $')

SHORT_NAMES: Final = {
    "2.5.4.3": "CN",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.17": "POSTALCODE",
    "0.9.2342.19200300.100.1.1": "UID",
    "0.9.2342.19200300.100.1.25": "DC",
}
"""Attribute types by the short names of RFC 4514 and of the reference."""


class Attribute(NamedTuple):
    """One attribute of a name."""

    oid: str
    text: str

    def written(self) -> str:
        """In the form of RFC 4514: `CN=Build`."""
        value = _SPECIAL.sub(lambda match: f"\\{match[0]}", self.text)
        return f"{SHORT_NAMES.get(self.oid, self.oid)}={value}"


Rdn = tuple[Attribute, ...]
_Reader = Callable[[der.Element, str], str]
"""Reads a string of a Name. Raises FormatError."""


def parse_name(raw: bytes, *, where: str = "name") -> tuple[Rdn, ...]:
    """The relative distinguished names of a DER Name by itself; see `read_name`."""
    return read_name(der.read(raw, where), where)


def read_name(element: der.Element, where: str) -> tuple[Rdn, ...]:
    """The relative distinguished names of a Name in a certificate, in their order.

    Strings are read as the reference reads them: UTF8String, PrintableString (with its common abuses `*` and `&`),
    NumericString, IA5String, BMPString and T61String as Latin-1. Raises FormatError for anything else.
    """
    return _rdns(element, where, string_value)


def read_maker(element: der.Element, where: str) -> tuple[Rdn, ...]:
    """The name of the maker of evidence, where the key is the proof: also UniversalString, and any character.

    A CA writes its name in another string type in its CRLs, and some write characters that this type does not have.
    """
    return _rdns(element, where, _any_text)


def parse_maker(raw: bytes, *, where: str = "name") -> tuple[Rdn, ...]:
    """The name of the maker of evidence, from a DER Name by itself. Raises FormatError."""
    return read_maker(der.read(raw, where), where)


def _rdns(element: der.Element, where: str, text: _Reader) -> tuple[Rdn, ...]:
    return tuple(_rdn(item, where, text) for item in element.expect(der.SEQUENCE, where).walk())


def name_text(rdns: tuple[Rdn, ...]) -> str:
    """The name in the form of RFC 4514, most specific first: `CN=Build,O=Example,C=DE`. Not safe for a terminal."""
    return ",".join("+".join(map(Attribute.written, rdn)) for rdn in reversed(rdns))


def same_name(one: bytes, other: bytes) -> bool:
    """Whether two DER Names are equal by RFC 5280, 7.1: string type, case, white space and normal form are ignored.

    A name that cannot be read is equal only to the same bytes.
    """
    return one == other or name_key(one) == name_key(other)


@lru_cache(maxsize=4096)
def name_key(raw: bytes) -> tuple[object, ...]:
    """A value that is equal for names that are equal by RFC 5280, 7.1; see `same_name`."""
    try:
        return tuple(_rdn_key(rdn) for rdn in parse_maker(raw))
    except FormatError:
        return (raw,)


def relative_name_key(issuer: bytes, relative: bytes) -> tuple[object, ...]:
    """The key of `relative`, the content of a RelativeDistinguishedName, as a full name below `issuer`.

    RFC 5280, 4.2.1.13: the fragment is appended to the name of the CRL issuer.
    """
    try:
        below = _rdn_key(tuple(_attribute(item, "name", _any_text) for item in der.read(relative, "name").walk()))
    except FormatError:
        return (issuer, relative)
    return (*name_key(issuer), below)


def _rdn_key(rdn: Rdn) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((oid, _folded(text)) for oid, text in rdn))


def _folded(text: str) -> str:
    """String preparation (RFC 4518), the part that names in certificates need."""
    visible = _INVISIBLE.sub("", text)
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", visible).casefold())
    return " ".join(folded.split())


_INVISIBLE: Final = re.compile(
    "[\u00ad\u034f\u1806\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2063\ufe00-\ufe0f\ufeff]"
)
"""Characters that RFC 4518 (2.2) maps to nothing."""


def _rdn(element: der.Element, where: str, text: _Reader) -> Rdn:
    attributes = tuple(_attribute(item, where, text) for item in element.expect(der.SET, where).walk())
    if not attributes:
        raise FormatError("has a relative name without attributes", where=where)
    return attributes


def _attribute(element: der.Element, where: str, text: _Reader) -> Attribute:
    fields = element.fields(where)
    oid = fields.any("type").oid(where)
    said = text(fields.any("value"), where)
    fields.end()
    return Attribute(oid, said)


_UTF8, _NUMERIC_STRING, _PRINTABLE_STRING, _T61, _IA5, _UNIVERSAL, _BMP = 0x0C, 0x12, 0x13, 0x14, 0x16, 0x1C, 0x1E
_ONE_BYTE: Final = {_NUMERIC_STRING, _PRINTABLE_STRING, _IA5}


def _any_text(element: der.Element, where: str) -> str:
    """The text of a string, whatever its characters are. Raises FormatError."""
    try:
        if element.tag == _UNIVERSAL:
            return element.value.decode("utf-32-be")
    except UnicodeDecodeError:
        pass
    return element.value.decode("latin-1") if element.tag in _ONE_BYTE else string_value(element, where)


def string_value(element: der.Element, where: str) -> str:
    """The text of a string of a Name. Raises FormatError for other types."""
    value = element.value
    try:
        if element.tag == _UTF8:
            return value.decode("utf-8")
        if element.tag == _PRINTABLE_STRING and _PRINTABLE.fullmatch(value):
            return value.decode("ascii")
        if element.tag == _NUMERIC_STRING and _NUMERIC.fullmatch(value):
            return value.decode("ascii")
        if element.tag == _IA5:
            return value.decode("ascii")
        if element.tag == _BMP:
            return value.decode("utf-16-be")
        if element.tag == _T61:
            return value.decode("latin-1")
    except UnicodeDecodeError:
        pass
    raise FormatError(f"has a value that is no valid string ({der.tag_name(element.tag)})", where=where)
