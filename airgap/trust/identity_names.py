r"""Distinguished names in identities and in certificates.

Both become a mapping from attribute type to value, and only mappings are compared. The reference renders the name of
the certificate to text and parses it again; one escaping mistake could then turn a common name such as `x,O=Acme`
into an organisation. Here rendered text is never parsed.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

from airgap.errors import FormatError
from airgap.pki import distinguished_names as x500
from airgap.text import safe

MANDATORY: Final = ("C", "ST", "O")
"""Attribute types that an identity and a signer's subject must have, not empty (ID-7, ID-11)."""

TYPES: Final[Mapping[str, str]] = {
    "2.5.4.6": "C",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "2.5.4.3": "CN",
    "2.5.4.5": "SERIALNUMBER",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.9": "STREET",
    "2.5.4.17": "POSTALCODE",
}
"""The attribute types that have a short name in identities; all others go by their dotted OID (ID-10)."""

_LAST_COUNTS: Final = frozenset({"2.5.4.3", "2.5.4.5"})
"""Common name and serial number: the reference keeps only the last of several (ID-10)."""

_AMONG_SEVERAL: Final = "of several in a certificate, the last one alone counts"
_SEVERAL: Final = (
    "each may be there once; if the signer's certificate has it twice, no identity can name that signer: only '*' "
    "alone fits, for a trust store that holds nothing but the publisher's own CA"
)

_ESCAPABLE: Final = frozenset(' "#+,;<=>\\')
_HEX_PAIR = re.compile(r"[0-9A-Fa-f]{2}", re.ASCII)
_DOTTED = re.compile(r"[0-2](?:\.[0-9]+)+", re.ASCII)

_Characters = list[tuple[bytes, bool]]
"""UTF-8 of each character, and whether it was escaped."""


def parse_name(text: str) -> dict[str, str]:
    """The attributes of a distinguished name as a policy writes it, `C=US, ST=WA, O=Example`. Raises FormatError.

    RDNs are separated by "," or ";", their order means nothing; `S` is `ST`; types are case-sensitive.
    """
    if "=#" in text:  # refused wherever it is, as the reference does (ID-5)
        raise FormatError("holds '=#', which begins a value in hexadecimal, and that is not supported")
    attributes: dict[str, str] = {}
    for kind, value in _pairs(text):
        name = "ST" if kind == "S" else kind
        if attributes.get(name):  # an earlier empty value does not count (ID-7)
            shown = safe(name, limit=64)
            how = _AMONG_SEVERAL if name in {"CN", "SERIALNUMBER"} else _SEVERAL
            raise FormatError(f"has the attribute {shown} twice; {how}")
        attributes[name] = value
    for name in MANDATORY:
        if not attributes.get(name):
            empty = " with a value" if name in attributes else ""
            needed = f"C, ST and O are needed at least{_misspelt(name, attributes)}"
            raise FormatError(f"has no attribute {name}{empty}; {needed}")
    return attributes


def render_name(attributes: Mapping[str, str]) -> str:
    """The text that `parse_name` reads back as `attributes`."""
    return ", ".join(f"{_escape(name)}={_escape(value)}" for name, value in attributes.items())


def is_known(name: str) -> bool:
    """Whether an attribute type is one that a certificate's subject can have at all."""
    return name in TYPES.values() or (name not in TYPES and _DOTTED.fullmatch(name) is not None)


def read_subject(raw: bytes) -> dict[str, str]:
    """The attributes of a certificate's subject (DER Name), by short name or dotted OID.

    Raises FormatError where they cannot be compared: a type that appears twice (ID-10), a value that is not a
    string (ID-12), no C, ST or O (ID-11).
    """
    listed = [attribute for rdn in x500.parse_name(raw, where="subject") for attribute in rdn]
    for oid, count in Counter(attribute.oid for attribute in listed).items():
        if count > 1 and oid not in _LAST_COUNTS:
            raise FormatError(f"has the attribute {TYPES.get(oid, oid)} {count} times")
    attributes = {TYPES.get(attribute.oid, attribute.oid): attribute.text for attribute in listed}
    for name in MANDATORY:
        if not attributes.get(name):
            raise FormatError(f"has no attribute {name}; C, ST and O are needed to compare it with identities")
    return attributes


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    kind: str | None = None
    part: _Characters = []
    for character, escaped in [*_characters(text), (b",", False)]:
        if escaped or character not in (b",", b";", b"+", b"="):
            part.append((character, escaped))
        elif character == b"+":  # ID-4: RDNs with several values
            raise FormatError("has an unescaped '+' (a name with several values), which is not supported")
        elif character == b"=" and kind is not None:
            part.append((character, escaped))  # only the first "=" separates
        elif character == b"=":
            kind, part = _text(part), []
            if not kind:
                raise FormatError("has a value without an attribute type before its '='")
        elif kind is None and not _text(part):
            raise FormatError("has an empty part where an attribute as O=Example must be")
        elif kind is None:
            raise FormatError(f"has {safe(_text(part), limit=64)!r} where an attribute as O=Example must be")
        else:
            yield kind, _text(part)
            kind, part = None, []


def _characters(text: str) -> Iterator[tuple[bytes, bool]]:
    position = 0
    while position < len(text):
        character = text[position]
        if character != "\\":
            yield _utf8(character), False
            position += 1
        elif (following := text[position + 1 : position + 2]) in _ESCAPABLE:
            yield following.encode(), True
            position += 2
        elif _HEX_PAIR.fullmatch(pair := text[position + 1 : position + 3]):
            yield bytes.fromhex(pair), True
            position += 3
        else:
            raise FormatError(f"has a backslash that escapes nothing, before {safe(pair)!r}")


def _text(part: _Characters) -> str:
    blank = (b" ", False)
    start, end = 0, len(part)
    while start < end and part[start] == blank:
        start += 1
    while end > start and part[end - 1] == blank:
        end -= 1
    try:
        return b"".join(character for character, _ in part[start:end]).decode("utf-8")
    except UnicodeDecodeError:
        raise FormatError("has escapes that are not UTF-8") from None


def _utf8(character: str) -> bytes:
    try:
        return character.encode("utf-8")
    except UnicodeEncodeError:
        raise FormatError("has a lone surrogate") from None


def _escape(text: str) -> str:
    inner = "".join(map(_escaped, text))
    if inner.startswith(" "):
        inner = f"\\{inner}"
    # a lone blank is escaped already
    return f"{inner[:-1]}\\ " if inner.endswith(" ") and len(text) > 1 else inner


def _escaped(character: str) -> str:
    if character in _ESCAPABLE and character != " ":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\{octet:02x}" for octet in _utf8(character))


def _misspelt(name: str, attributes: Mapping[str, str]) -> str:
    twin = next((other for other in attributes if other != name and other.upper() == name), None)
    return f" ({safe(twin)} is not {name}: types are case-sensitive)" if twin else ""
