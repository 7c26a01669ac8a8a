"""Suggests the correct form of an invalid identity, for messages only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Final

from airgap import limits
from airgap.errors import FormatError
from airgap.parse import der
from airgap.pki.distinguished_names import string_value
from airgap.text import safe
from airgap.trust.identity_names import MANDATORY, parse_name, render_name
from airgap.trust.near_identities import type_for

_PREFIX: Final = re.compile(
    r"(?:x\.?509(?:[._ -]?subject)?\s*[:=]*\s*)?(?:subject(?:\s*(?:name|dn))?\s*[:=]\s*)?(?:dn\s*[:=]\s*)?",
    re.IGNORECASE,
)
"""Prefixes of names in policies, in the output of openssl (`subject=`), and in texts of people."""
_ONE_LINE: Final = re.compile(r"/(?=(?:[A-Za-z][A-Za-z0-9]*|[0-9]+(?:\.[0-9]+)+)\s*=)")
_TYPE: Final = re.compile(r"\s*(?:OID\.)?([A-Za-z][A-Za-z0-9]*|[0-9]+(?:\.[0-9]+)+)\s*", re.IGNORECASE)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_HEXADECIMAL: Final = re.compile(r"\\[0-9A-Fa-f]{2}")
_DER: Final = re.compile(r"#((?:[0-9A-Fa-f]{2}){1,512})")
"""A value in hexadecimal (`O=#0c0441636d65`, ID-5)."""


def quoted(kind: str, attributes: Mapping[str, str]) -> str:
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
    return f"; {form}write {quoted(kind, attributes)}"


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
