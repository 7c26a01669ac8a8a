"""For messages: near matches of identities, which are never accepted, and the correct form of invalid ones."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Final

from airgap import limits
from airgap.errors import FormatError
from airgap.parse import der
from airgap.parse.json_members import near_name
from airgap.pki.distinguished_names import SHORT_NAMES, string_value
from airgap.text import LOOK_ALIKES, first_difference, safe
from airgap.trust.identity_names import MANDATORY, TYPES, is_known, parse_name, render_name

_LIMIT: Final = 100
_SHOWN: Final = 5

_SPELLINGS: Final[Mapping[str, str]] = {
    **{short.casefold(): TYPES.get(oid, oid) for oid, short in SHORT_NAMES.items()},
    **TYPES,
    "e": "1.2.840.113549.1.9.1",
    "email": "1.2.840.113549.1.9.1",
    "emailaddress": "1.2.840.113549.1.9.1",
    "userid": "0.9.2342.19200300.100.1.1",
    "domaincomponent": "0.9.2342.19200300.100.1.25",
    "organizationidentifier": "2.5.4.97",
    "organizationalunitname": "OU",
    "organizationname": "O",
    "commonname": "CN",
    "countryname": "C",
    "stateorprovincename": "ST",
    "sp": "ST",
    "localityname": "L",
    "streetaddress": "STREET",
    "gn": "2.5.4.42",
    "givenname": "2.5.4.42",
    "sn": "2.5.4.4",
    "surname": "2.5.4.4",
    "t": "2.5.4.12",
    "title": "2.5.4.12",
    "businesscategory": "2.5.4.15",
}
"""How people and other tools spell attribute types, and how identities do (ID-6, ID-10)."""


def type_for(spelt: str, value: str = "") -> str | None:
    """The attribute type for a usual wrong spelling; None if the spelling is unknown or correct."""
    folded = spelt.strip().casefold()
    bare = folded.removeprefix("oid.")
    if bare == "sn" and any(map(str.isdigit, value)):  # no surname, as openssl means it
        bare = "serialnumber"
    meant = _SPELLINGS.get(bare) or (bare if bare != folded else None)
    return None if meant == spelt else meant


def near_misses(identity: Mapping[str, str], subject: Mapping[str, str]) -> tuple[str, ...] | None:
    """How an identity differs from a subject that it nearly matches, by attribute; None if it is not similar."""
    found: list[str] = []
    for name, wanted in identity.items():
        actual = subject.get(name, "")
        if actual == wanted:
            continue
        if meant := _elsewhere(name, wanted, identity, subject):
            found.append(f"the identity's {safe(name, limit=64)} must be written {meant}")
        elif actual and (how := _difference(wanted, actual)):
            unlike = first_difference(wanted, actual)
            found.append(
                f"{safe(name, limit=64)} differs {how}: {safe(wanted, limit=_LIMIT)!r} in the policy, "
                f"{safe(actual, limit=_LIMIT)!r} in the certificate{f'; {unlike}' if unlike else ''}"
            )
        else:
            return None
    return tuple(found)


def _elsewhere(name: str, wanted: str, identity: Mapping[str, str], subject: Mapping[str, str]) -> str | None:
    """The type under which the subject has a value that the identity gives to no known type."""
    if is_known(name) or not wanted:
        return None
    same = [other for other, value in subject.items() if value == wanted and other not in identity]
    meant = type_for(name, wanted)
    return meant if meant in same else next(iter(same), None)


def difference(identity: Mapping[str, str], subject: Mapping[str, str]) -> tuple[str, ...]:
    """The attributes in which a subject is another than an identity names."""
    names = [name for name, wanted in identity.items() if subject.get(name, "") != wanted]
    described = [_described(name, identity[name], subject.get(name, "")) for name in names[:_SHOWN]]
    return (*described, *([f"{len(names) - _SHOWN} more"] if len(names) > _SHOWN else []))


def _described(name: str, wanted: str, actual: str) -> str:
    shown = safe(name, limit=64)
    if meant := type_for(name, wanted):
        return f"{shown} must be written {meant}"
    if not actual:
        return f"the signer has no {shown} ({safe(wanted, limit=_LIMIT)!r})"
    return f"{shown} is {safe(actual, limit=_LIMIT)!r}, not {safe(wanted, limit=_LIMIT)!r}"


def _difference(wanted: str, actual: str) -> str:
    """How two values differ, if that is easily overlooked; empty if they are not similar."""
    for how, fold in _FOLDS:
        if fold(wanted) == fold(actual):
            return how
    return ""


def _blanks(text: str) -> str:
    return "".join(text.split())


def _bare(text: str) -> str:
    """Letters and digits alone, without marks above them."""
    plain = "".join(character for character in unicodedata.normalize("NFKD", text.casefold()) if character.isalnum())
    return plain.translate(LOOK_ALIKES)


_FOLDS: Final = (
    ("in case only", str.casefold),
    ("in blanks only", _blanks),
    ("in quotation marks only", lambda text: text.strip("\"'\u201c\u201d")),
    ("in the Unicode normal form only", lambda text: unicodedata.normalize("NFKC", text)),
    ("in case and blanks only", lambda text: _blanks(text).casefold()),
    ("in letters that look alike, punctuation or accents only", _bare),
)


_ALIKE_KINDS: Final = 0.9


def is_kind(spelt: str, kind: str) -> bool:
    """Whether it is a misspelling of the identity kind `kind`."""
    return _bare(spelt) == _bare(kind) or near_name(spelt, [kind], _ALIKE_KINDS) is not None


_PREFIX: Final = re.compile(
    r"(?:x\.?509(?:[._ -]?subject)?\s*[:=]*\s*)?(?:subject(?:\s*(?:name|dn))?\s*[:=]\s*)?(?:dn\s*[:=]\s*)?",
    re.IGNORECASE,
)
"""Prefixes of names in policies, in the output of openssl (`subject=`), and in texts of people."""
_WIDE: Final = str.maketrans("，；＝＋", ",;=+")  # noqa: RUF001 - typed with an East Asian keyboard
_ONE_LINE: Final = re.compile(r"/(?=(?:[A-Za-z][A-Za-z0-9]*|[0-9]+(?:\.[0-9]+)+)\s*=)")
_TYPE: Final = re.compile(r"\s*(?:OID\.)?([A-Za-z][A-Za-z0-9]*|[0-9]+(?:\.[0-9]+)+)\s*", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_HEXADECIMAL: Final = re.compile(r"\\[0-9A-Fa-f]{2}")
_DER: Final = re.compile(r"#((?:[0-9A-Fa-f]{2}){1,512})")
"""A value in hexadecimal (`O=#0c0441636d65`, ID-5)."""


def as_in_policy(kind: str, attributes: Mapping[str, str]) -> str:
    """An identity in the form to paste into a policy: as a JSON string if it needs escapes."""
    text = f"{kind}: {render_name(attributes)}"
    written = json.dumps(text, ensure_ascii=False)
    return safe(text if written == f'"{text}"' else written)


def respelt(text: str, kind: str) -> str:
    """How `text` is to be written as an identity of `kind`, as the end of a sentence; empty where that is not clear."""
    body = text[: limits.TEXT_CHARACTERS].strip()
    prefix = _PREFIX.match(body)
    body = _unquoted(body[prefix.end() if prefix else 0 :].strip())
    attributes = _attributes(body)
    plain = body.translate(_WIDE)
    if (
        plain != body
        and not all(map(attributes.get, MANDATORY))
        and all(map((meant := _attributes(plain)).get, MANDATORY))
    ):
        at = next(place for place, character in enumerate(body) if character != plain[place])
        wider = f"{safe(body[at])!r} in it is wider than the {plain[at]!r} that separates"
        return f"; {wider}; write {as_in_policy(kind, meant)}"
    if not attributes:
        return "; leave the attribute out" if "=#" in body else ""
    form = "this is the form of openssl; " if body.startswith("/") or "subject=" in text else ""
    missing = [name for name in MANDATORY if not attributes.get(name)]
    if missing:
        lacks = " and ".join(", ".join(missing).rsplit(", ", 1))
        return (
            f"; {form}identities are written {kind}: C=US, ST=WA, O=Example, and this one lacks {lacks} (only '*' fits "
            "a signer without)"
        )
    try:
        parse_name(render_name(attributes))
    except FormatError:
        return ""
    return f"; {form}write {as_in_policy(kind, attributes)}"


def _attributes(body: str) -> dict[str, str]:
    """The attributes that were meant; empty if they are not clear. All are kept: fewer would match other signers."""
    found: dict[str, str] = {}
    last = ""
    for separator, piece in _pieces(body):
        spelt, equals, value = piece.partition("=")
        kind = _TYPE.fullmatch(spelt)
        if equals and kind:
            last = _canonical(kind[1], value)
            if last in found:
                return {}
            found[last] = value
        elif not piece.strip() and separator != "+":
            continue  # an empty part, as of two commas
        elif not last:
            return {}
        else:
            found[last] += separator + piece  # `O=Acme, Inc.`: the comma belongs to the name
    values = {name: _value(value) for name, value in found.items()}
    unread = any(map(_HEXADECIMAL.search, found.values())) or any(map(_DER.fullmatch, values.values()))
    return {} if unread else values


def _pieces(body: str) -> Iterator[tuple[str, str]]:
    """The parts of a name, each with the separator before it."""
    if body.startswith("/"):
        for piece in _ONE_LINE.split(body)[1:]:
            yield "/", piece
        return
    separator, piece, is_quoted, position = "", "", False, 0
    while position < len(body):
        character = body[position]
        if character == "\\":
            piece += body[position : position + 2]
            position += 2
            continue
        if character == '"':
            is_quoted = not is_quoted
        if character in ",;+\r\n" and not is_quoted:
            yield separator, piece
            separator, piece = character, ""
        else:
            piece += character
        position += 1
    yield separator, piece


def _canonical(spelt: str, value: str) -> str:
    if spelt.casefold() == "s":
        return "ST"
    return type_for(spelt, value) or spelt


def _value(text: str) -> str:
    if encoded := _DER.fullmatch(text.strip()):
        try:
            return string_value(der.read(bytes.fromhex(encoded[1]), "value"), "value")
        except FormatError:
            return text
    return _ESCAPED.sub(r"\1", _unquoted(text.strip()))


def _unquoted(text: str) -> str:
    return text[1:-1].strip() if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'" else text
