"""JSON with one meaning: UTF-8, no BOM, no duplicate member names, bounded (LAYOUT-11, POLICY-4, D49).

The standard library's parser is the only one that can refuse duplicate names; every faster one keeps the last
duplicate silently, which lets two verifiers read two documents in one.

How strict a document is read beyond that depends on whose document it is. Each caller says so (`Reading`).
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from typing import Any, NoReturn, TypeVar

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.text import safe

T = TypeVar("T")
JsonObject = Mapping[str, Any]


class Reading(Enum):
    """How strict a document is read. There is no default, so that nobody forgets to choose.

    Duplicate names, other text than UTF-8 and what is no JSON are refused in all of them.
    """

    OWN = "own"
    """What this tool wrote (pins, snapshots, reports) and small settings: every number is an integer of 64 bits, and
    null is a value that no member has."""
    SIGNED = "signed"
    """Envelopes, payloads and policies: like OWN, but a fraction is read. The attributes of others may be one (JWS-21,
    JWS-34, PAY-11); a policy that says `1.0` for `"1.0"` is refused by whoever knows the member, and can say so."""
    OPEN = "open"
    """OCI documents, answers of registries, docker's configuration: null is an absent member, as every reader in Go has
    it, and any number may stand in members that are not known (image-spec considerations.md, "Extensibility")."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number of an OPEN document that is no integer of 64 bits, as it is written. No member that is known has one."""

    text: str


_DEPTH: Mapping[Reading, int] = {
    Reading.OWN: limits.JSON_DEPTH,
    Reading.SIGNED: limits.JSON_DEPTH,
    Reading.OPEN: limits.JSON_OPEN_DEPTH,
}


def load(data: bytes, reading: Reading, *, limit: int = limits.MANIFEST_BYTES, what: str = "document") -> Any:
    """The JSON value that `data` holds, and nothing beside it.

    Raises FormatError (LimitError where a bound is exceeded). In an OPEN document null members are left out, and a
    number that is no plain integer is a `Number`; `take` refuses one where an integer belongs.
    """
    if len(data) > limit:
        raise LimitError(f"the {what} has {len(data)} bytes, more than {limit}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        from airgap.parse.mistakes import not_utf8  # only for messages

        raise FormatError(f"the {what} is not UTF-8 ({not_utf8(data, error)})") from None
    if text.startswith("\ufeff"):
        raise FormatError(f"the {what} starts with a byte order mark (BOM); save it as UTF-8 without one")
    if not text.strip():
        raise FormatError(f"the {what} is empty, not JSON")
    _bound_depth(text, _DEPTH[reading], what)
    is_open = reading is Reading.OPEN
    try:
        value = json.loads(
            text,
            object_pairs_hook=_present_members if is_open else _members,
            parse_float=Number if is_open else _fraction if reading is Reading.SIGNED else partial(_no_float, text),
            parse_constant=_no_constant,
            parse_int=_open_integer if is_open else _integer,
        )
    except _DoubleError as error:
        from airgap.parse.lines import doubled

        found = doubled(text) if len(text) <= limits.LOCATED_CHARACTERS else None
        path, line = found or ("", None)
        outer = path.rpartition(".")[0]
        problem = f"{error.problem} (line {line})" if line and not outer else error.problem
        raise FormatError(problem, where=outer, line=line) from None
    except FormatError:
        raise
    except RecursionError:
        raise LimitError(f"the {what} is nested too deeply") from None
    except json.JSONDecodeError as error:
        from airgap.parse.mistakes import explain

        mistake, line = explain(text, error)
        raise FormatError(f"the {what} is not JSON: {mistake}", line=line) from None
    _refuse_surrogates(text, value, what)
    return value


def load_object(
    data: bytes, reading: Reading, *, limit: int = limits.MANIFEST_BYTES, what: str = "document"
) -> JsonObject:
    """Like `load`, for a document whose top must be an object."""
    return as_object(load(data, reading, limit=limit, what=what), what)


def as_object(value: Any, what: str) -> JsonObject:
    """`value`, if it is an object. Raises FormatError."""
    if not isinstance(value, dict):
        raise FormatError(f"the {what} is not a JSON object but {_name(type(value))}")
    return value


def dump(value: Any, *, indent: str | None = None) -> bytes:
    """A document that was read as OPEN and changed, written again: every number as its writer wrote it."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False, default=_marked)
    return _MARKED.sub(r"\1", text).encode()


# A lone surrogate, which no document that was read can hold
_MARK = "\udfff"
_MARKED = re.compile(f'"{_MARK}([-+.0-9eE]+){_MARK}"')


def _marked(value: object) -> str:
    if not isinstance(value, Number):
        raise TypeError(f"{type(value).__name__} is no value of JSON")
    return f"{_MARK}{value.text}{_MARK}"


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
    """Refuse a name that Go's encoding/json reads as `key` and others do not: two readers, two documents (JWS-23)."""
    if key in source and not (isinstance(source, _Odd) and source.twinned):
        return
    # null in other case takes back what a reader in Go had read as `key`
    nulls = source.nulls if isinstance(source, _Odd) and key in source else ()
    names = (*source, *nulls)
    twin = _twin_of(key, names) if len(names) <= _FEW else _find_twin(key, names)
    if twin is not None:
        if key in source:
            raise FormatError("stands there twice, in different case", where=key)
        raise FormatError(f"stands there in other case, as {safe(twin, limit=64)!r}", where=key)


def _find_twin(key: str, names: tuple[str, ...]) -> str | None:
    size, folded = len(key), key.casefold()
    return next((name for name in names if len(name) == size and name != key and name.casefold() == folded), None)


_FEW = 32
"""Names of an object that is remembered. A document's many descriptors have the same few sets of names; a large set is
somebody else's, and is not kept."""
_twin_of = lru_cache(maxsize=4096)(_find_twin)


def take_list(
    source: JsonObject, key: str, parse: Callable[[Any], T], *, limit: int, required: bool = True
) -> tuple[T, ...]:
    """The member `key`, a list of at most `limit` items, each put through `parse`; errors name the index."""
    _refuse_twin_of(key, source)
    if key not in source and (not required or (isinstance(source, _Odd) and key in source.nulls)):
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


def text_or_null(value: Any) -> str:
    """The same for lists of OPEN documents: null is an empty string there, as every reader in Go has it."""
    return "" if value is None else text(value)


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


class _DoubleError(FormatError):
    """A name that stands twice in an object. The parser does not say in which."""


class _Odd(dict[str, Any]):
    """An object about which `take` has to know more than its members."""

    twinned = False
    """Some names differ only in case: fine for annotations; for names that a document defines it is refused."""
    nulls: frozenset[str] = frozenset()
    """Members of an OPEN document that were null. A list that must be there is then there, and empty."""


def refuse_twins(source: JsonObject) -> None:
    """Refuse an object with names that differ only in case, for objects whose every name has a meaning."""
    if isinstance(source, _Odd) and source.twinned:
        names = sorted(source, key=str.casefold)
        twin = next(b for a, b in pairwise(names) if a.casefold() == b.casefold())
        raise FormatError(f"the member {safe(twin, limit=64)!r} stands there twice, in different case")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        double = next(name for name in names if names.count(name) > 1)
        raise _DoubleError(f"the member {safe(double, limit=64)!r} stands there twice")
    if len({name.casefold() for name in members}) != len(members):
        odd = _Odd(members)
        odd.twinned = True
        return odd
    return members


def _present_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = _members(pairs)  # a name with a value and with null stands there twice
    nulls = frozenset(name for name, value in members.items() if value is None)
    if not nulls:
        return members
    odd = _Odd({name: value for name, value in members.items() if name not in nulls})
    odd.twinned, odd.nulls = isinstance(members, _Odd), nulls
    return odd


def has_member(source: JsonObject, names: frozenset[str]) -> str | None:
    """A member of `source` that some reader takes for one of `names` (given in lower case), whatever its case."""
    return next((name for name in source if name.casefold() in names), None)


def _refuse_surrogates(document: str, value: Any, what: str) -> None:
    # UTF-8 holds no surrogates, so only an escape can bring one in: `"\\ud800"`
    if "\\ud" not in document and "\\uD" not in document:
        return
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise FormatError(f"the {what} holds a lone surrogate") from None


def _bound_depth(document: str, most: int, what: str) -> None:
    # A cheap over-estimate first: only a document with many brackets is looked at.
    if document.count("[") + document.count("{") <= most:
        return
    brackets = _BRACKET.findall(_STRING.sub("", document))
    if max(accumulate(map(_STEP.__getitem__, brackets)), default=0) > most:
        raise LimitError(f"the {what} is nested more than {most} deep")


# Brackets in strings do not count.
_STRING = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


_DIGITS = 20
"""Of an integer of 64 bits, with its sign."""


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise LimitError(f"a number of {len(digits)} digits")
    return int(digits)


def _open_integer(digits: str) -> int | Number:
    # "-0" is written again as it stands
    return Number(digits) if len(digits) > _DIGITS or digits == "-0" else int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise LimitError(f"the number {safe(digits, limit=32)} is too large")
    return value


def _no_float(document: str, digits: str) -> NoReturn:
    # the parser does not say where it is; the first member that is this number is the one that people look for
    found = re.search(rf'"([^"\\\n]{{1,64}})"\s*:\s*{re.escape(digits)}(?![0-9.eE])', document)
    shown = safe(digits, limit=32)
    raise FormatError(
        f"is the number {shown}, where only integers and texts in quotes can stand",
        where=safe(found[1]) if found else "",
    )


def _no_constant(name: str) -> NoReturn:
    raise FormatError(f"{name} is not JSON")


_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a fraction",
    Number: "a number with a fraction, an exponent or too many digits",
    dict: "an object",
    list: "a list",
    bool: "a boolean",
    type(None): "null",
}


def _name(kind: type) -> str:
    return _NAMES.get(kind, kind.__name__)
