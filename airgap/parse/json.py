"""Strict I-JSON: UTF-8, no BOM, no duplicate member names, no floats, bounded (LAYOUT-11, D49).

The standard library's parser is the only one that can refuse duplicate names; every faster one keeps the last
duplicate silently, which lets two verifiers read two documents in one.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any, NoReturn, TypeVar

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.text import safe

T = TypeVar("T")
JsonObject = Mapping[str, Any]


def load(data: bytes, *, limit: int = limits.MANIFEST_BYTES, what: str = "document", fractions: bool = False) -> Any:
    """The JSON value that `data` holds, and nothing beside it.

    Numbers must be integers: no document of this field has fractions, and `1e400` is no size. `fractions` accepts
    them for documents that may have members of others (envelopes: JWS-21, JWS-34, PAY-11); `take` still refuses one
    where an integer belongs. Raises FormatError (LimitError where a bound is exceeded).
    """
    if len(data) > limit:
        raise LimitError(f"the {what} has {len(data)} bytes, more than {limit}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise FormatError(f"the {what} is not UTF-8 (byte {error.start})") from None
    if text.startswith("\ufeff"):
        raise FormatError(f"the {what} starts with a byte order mark")
    _bound_depth(text, what)
    try:
        value = json.loads(
            text,
            object_pairs_hook=_members,
            parse_float=_fraction if fractions else _no_float,
            parse_constant=_no_constant,
            parse_int=_integer,
        )
    except FormatError:
        raise
    except RecursionError:
        raise LimitError(f"the {what} is nested too deeply") from None
    except ValueError as error:
        raise FormatError(f"the {what} is not JSON: {safe(error)}") from None
    _refuse_surrogates(text, value, what)
    return value


def load_object(
    data: bytes, *, limit: int = limits.MANIFEST_BYTES, what: str = "document", fractions: bool = False
) -> JsonObject:
    """Like `load`, for a document whose top must be an object."""
    value = load(data, limit=limit, what=what, fractions=fractions)
    if not isinstance(value, dict):
        raise FormatError(f"the {what} is not a JSON object but {_name(type(value))}")
    return value


def take(source: JsonObject, key: str, kind: type[T]) -> T:
    """The required member `key` of type `kind`. Raises FormatError with the member's name."""
    _refuse_twin_of(key, source)
    if key not in source:
        raise FormatError("is missing", where=key)
    return _checked(source[key], key, kind)


def take_optional(source: JsonObject, key: str, kind: type[T]) -> T | None:
    """The optional member `key`; null is refused, as it is neither present nor absent."""
    _refuse_twin_of(key, source)
    return _checked(source[key], key, kind) if key in source else None


def _refuse_twin_of(key: str, source: JsonObject) -> None:
    if isinstance(source, _Twinned) and sum(name.casefold() == key.casefold() for name in source) > 1:
        raise FormatError("stands there twice, in different case", where=key)


def take_list(
    source: JsonObject, key: str, parse: Callable[[Any], T], *, limit: int, required: bool = True
) -> tuple[T, ...]:
    """The member `key`, a list of at most `limit` items, each put through `parse`; errors name the index."""
    if key not in source and not required:
        return ()
    items = take(source, key, list)
    if len(items) > limit:
        raise LimitError(f"has {len(items)} items, more than {limit}", where=key)
    return tuple(_item(parse, item, f"{key}[{number}]") for number, item in enumerate(items))


def take_strings(source: JsonObject, key: str) -> Mapping[str, str]:
    """The optional member `key`, an object of strings (OCI annotations); absent is empty."""
    members = take_optional(source, key, dict) or {}
    for name, value in members.items():
        _checked(value, f"{key}[{safe(name, limit=64)!r}]", str)
    return members


def text(value: Any) -> str:
    """A parser for `take_list`: an item that must be a string."""
    return _checked(value, "", str)


def _item(parse: Callable[[Any], T], item: Any, where: str) -> T:
    try:
        return parse(item)
    except FormatError as error:
        raise error.under(where) from None


def _checked(value: Any, where: str, kind: type[T]) -> T:
    # bool is an int in Python, but `"size": true` is no size
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise FormatError(f"is {_name(type(value))}, not {_name(kind)}", where=where)
    return value


class _Twinned(dict[str, Any]):
    """An object in which some names differ only in case.

    That is fine for annotations. For a name that a document defines it is not: Go's encoding/json matches names
    regardless of case, so such a twin is read differently there (JWS-23). `take` and `refuse_twins` look.
    """


def refuse_twins(source: JsonObject) -> None:
    """Refuse an object with names that differ only in case, for objects whose every name has a meaning."""
    if isinstance(source, _Twinned):
        names = sorted(source, key=str.casefold)
        twin = next(b for a, b in pairwise(names) if a.casefold() == b.casefold())
        raise FormatError(f"the member {safe(twin, limit=64)!r} stands there twice, in different case")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise FormatError(f"the member {safe(double, limit=64)!r} stands there twice")
    if len({name.casefold() for name in members}) != len(members):
        return _Twinned(members)
    return members


def _refuse_surrogates(document: str, value: Any, what: str) -> None:
    # UTF-8 holds no surrogates, so only an escape can bring one in: `"\\ud800"`
    if "\\ud" not in document and "\\uD" not in document:
        return
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise FormatError(f"the {what} holds a lone surrogate") from None


def _bound_depth(document: str, what: str) -> None:
    # A cheap over-estimate first: only a document with many brackets is scanned.
    if document.count("[") + document.count("{") <= limits.JSON_DEPTH:
        return
    depth = 0
    for token in _STRUCTURE.finditer(document):
        depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(token[0], 0)
        if depth > limits.JSON_DEPTH:
            raise LimitError(f"the {what} is nested more than {limits.JSON_DEPTH} deep")


# Strings are matched so that brackets inside them do not count.
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]', re.DOTALL)


def _integer(digits: str) -> int:
    if len(digits) > 20:  # noqa: PLR2004 - 64 bits and a sign
        raise LimitError(f"a number of {len(digits)} digits")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise LimitError(f"the number {safe(digits, limit=32)} is too large")
    return value


def _no_float(digits: str) -> NoReturn:
    raise FormatError(f"the number {safe(digits, limit=32)} is not an integer")


def _no_constant(name: str) -> NoReturn:
    raise FormatError(f"{name} is not JSON")


_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a fraction",
    dict: "an object",
    list: "a list",
    bool: "a boolean",
    type(None): "null",
}


def _name(kind: type) -> str:
    return _NAMES.get(kind, kind.__name__)
