"""JSON with one meaning: UTF-8, no BOM, no duplicate member names, bounded (LAYOUT-11, POLICY-4, D49).

Only the parser of the standard library can refuse duplicate names. Faster ones keep the last duplicate, so
that two verifiers could read two documents in one.

Further rules depend on the writer of the document. Each caller chooses them (`Reading`).
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache, partial
from itertools import accumulate, pairwise
from typing import Any, NoReturn, TypeVar, cast

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.text import safe

T = TypeVar("T")
K = TypeVar("K", bound=str)
JsonObject = Mapping[str, Any]


class Reading(Enum):
    """How strictly a document is read. There is no default, so that every caller chooses.

    Text that is not UTF-8 and text that is not JSON are always refused, and duplicate names in every object of which
    something is read.
    """

    OWN = "own"
    """Documents of this tool (pins, snapshots, reports) and small settings: every number is an integer of 64 bits, and
    no member may be null."""
    SIGNED = "signed"
    """Envelopes, payloads and policies: like OWN, but fractions are read. Attributes of others may be fractions
    (JWS-21, JWS-34, PAY-11). A policy with `1.0` instead of `"1.0"` is refused with a message that names the member."""
    OPEN = "open"
    """OCI documents, answers of registries, docker's configuration: null means an absent member, as in every reader in
    Go. Unknown members may hold any JSON (image-spec considerations.md, "Extensibility"): any number, duplicate names,
    lone surrogates, and nesting as deep as readers in Go accept."""
    WHOLE = "whole"
    """The same documents where they are written again or compared as a whole: what would be lost is refused."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number in an OPEN document that is no integer of 64 bits, as written. No known member has one."""

    text: str


_DEPTH: Mapping[Reading, int] = {
    Reading.OWN: limits.JSON_DEPTH,
    Reading.SIGNED: limits.JSON_DEPTH,
    Reading.OPEN: limits.JSON_OPEN_DEPTH,
    Reading.WHOLE: limits.JSON_PART_DEPTH,
}


def load(data: bytes, reading: Reading, *, limit: int = limits.MANIFEST_BYTES, what: str = "document") -> Any:
    """The JSON value in `data`.

    Raises FormatError (LimitError if a bound is exceeded). In an OPEN document null members are left out, and a number
    that is no plain integer becomes a `Number`; `take` refuses it where an integer is needed. What is nested deeper
    than any known member is read as null.
    """
    if len(data) > limit:
        raise LimitError(f"the {what} has {len(data)} bytes, more than {limit}")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        from airgap.parse.mistakes import not_utf8  # for messages only

        raise FormatError(f"the {what} is not UTF-8 ({not_utf8(data, error)})") from None
    if text.startswith("\ufeff"):
        raise FormatError(f"the {what} starts with a byte order mark (BOM); save it as UTF-8 without one")
    if not text.strip():
        raise FormatError(f"the {what} is empty, not JSON")
    depth = _depth(text)
    if depth > _DEPTH[reading]:
        raise LimitError(f"the {what} is nested more than {_DEPTH[reading]} deep")
    try:
        return _parsed(text, reading, depth, what)
    except DoubleError as error:
        raise next(doubles(text), error) from None
    except FormatError:
        raise
    except RecursionError:
        raise LimitError(f"the {what} is nested too deeply") from None
    except json.JSONDecodeError as error:
        from airgap.parse.mistakes import explain

        mistake, line = explain(error.doc, error)  # of a document in parts, a part
        raise FormatError(f"the {what} is not JSON: {mistake}", line=line if error.doc == text else None) from None


def _parsed(text: str, reading: Reading, depth: int, what: str) -> Any:
    """The value of a text that is nested so deep. Raises FormatError, and what the parser raises."""
    decoder = _DECODERS.get(reading) or _decoder(_members, partial(_no_float, text), _integer)
    value: Any = None
    for part in _parts(text) if depth > limits.JSON_PART_DEPTH else (text,):
        value = decoder.decode(part)
    _refuse_doubles(value)
    if reading is not Reading.OPEN:
        _refuse_surrogates(text, value, what)
    return value


def load_object(
    data: bytes, reading: Reading, *, limit: int = limits.MANIFEST_BYTES, what: str = "document"
) -> JsonObject:
    """Like `load`, for a document whose top must be an object."""
    return as_object(load(data, reading, limit=limit, what=what), what)


def as_object(value: Any, what: str = "", *, where: str = "") -> JsonObject:
    """`value`, if it is an object. Raises FormatError; `what` it is, for a sentence that names no member."""
    if not isinstance(value, dict):
        raise FormatError(f"{f'the {what} ' if what else ''}is not a JSON object but {_name(type(value))}", where=where)
    _refuse_doubles(value, where)
    return value


def dump(value: Any, *, indent: str | None = None) -> bytes:
    """Writes a document that was read as WHOLE and changed: every number keeps its spelling."""
    separators = (",", ":") if indent is None else None
    text = json.dumps(value, indent=indent, separators=separators, ensure_ascii=False, default=_marked)
    return _MARKED.sub(r"\1", text).encode(errors="backslashreplace")  # JSON's own escapes of lone surrogates


# No document has these two in this order: they are one character there.
_MARK = "\ud83f\udfff"
_MARKED = re.compile(f'"{_MARK}([-+.0-9eE]+){_MARK}"')


def _marked(value: object) -> str:
    if not isinstance(value, Number):
        raise TypeError(f"{type(value).__name__} is no value of JSON")
    return f"{_MARK}{value.text}{_MARK}"


def take(source: JsonObject, key: str, kind: type[T]) -> T:
    """The required member `key` of type `kind`. Raises FormatError with the member's name."""
    if type(source) is dict:
        found: Any = source.get(key)
        # nothing below would refuse it
        if (type(found) is kind and kind is not str) or (type(found) is str and kind is str and found.isascii()):
            return cast("T", found)
    _refuse_case_double_of(key, source)
    if key not in source:
        raise FormatError("is missing", where=key)
    return _checked(source[key], key, kind)


def take_optional(source: JsonObject, key: str, kind: type[T]) -> T | None:
    """The optional member `key`; null is refused, because it is neither present nor absent."""
    if type(source) is dict:
        found: Any = source.get(key)
        # nothing below would refuse it
        if (type(found) is kind and kind is not str) or (type(found) is str and kind is str and found.isascii()):
            return cast("T", found)
    _refuse_case_double_of(key, source)
    return _checked(source[key], key, kind) if key in source else None


def take_one_of(source: JsonObject, key: str, known: Iterable[K]) -> K:
    """The required member `key`, which is one of the known texts. Raises FormatError."""
    return one_of(known, take(source, key, str), where=key)


def one_of(known: Iterable[K], text: str, *, where: str = "") -> K:
    """Which of the known texts it is. Raises FormatError."""
    for item in known:
        if item == text:
            return item
    raise FormatError(f"is {safe(text, limit=64)!r}, which is not known", where=where)


def _refuse_case_double_of(key: str, source: JsonObject) -> None:
    """Refuse a name that Go's encoding/json reads as `key` and other readers do not (JWS-23).

    And an object with duplicate names: the next reader may know the one that is not known here (LAYOUT-11).
    """
    _refuse_doubles(source)
    if key in source and not (isinstance(source, _MarkedObject) and source.has_case_doubles):
        return
    # in Go, a null member in another case overwrites the value of `key`
    nulls = source.nulls if isinstance(source, _MarkedObject) and key in source else ()
    names = (*source, *nulls) if nulls else tuple(source)
    other = _case_double_of(key, names) if len(names) <= _FEW else _find_case_double(key, names)
    if other is not None:
        if key in source:
            raise FormatError("appears twice, in different case", where=key)
        raise FormatError(f"appears in another case, as {safe(other, limit=64)!r}", where=key)


def _find_case_double(key: str, names: tuple[str, ...]) -> str | None:
    size, folded = len(key), key.casefold()
    return next((name for name in names if len(name) == size and name != key and name.casefold() == folded), None)


_FEW = 32
"""The size up to which sets of member names are cached. The many descriptors of a document have the same few sets of
names; larger sets are not cached."""
_case_double_of = lru_cache(maxsize=4096)(_find_case_double)


def take_list(
    source: JsonObject, key: str, parse: Callable[[Any], T], *, limit: int, required: bool = True
) -> tuple[T, ...]:
    """The member `key`, a list of at most `limit` items, each parsed with `parse`; errors name the index."""
    _refuse_case_double_of(key, source)
    if key not in source and (not required or (isinstance(source, _MarkedObject) and key in source.nulls)):
        return ()
    items = take(source, key, list)
    if len(items) > limit:
        raise LimitError(f"has {len(items)} items, more than {limit}", where=key)
    return tuple(_item(parse, item, f"{key}[{number}]") for number, item in enumerate(items))


NO_STRINGS: Mapping[str, str] = {}
"""One for all: most descriptors have no annotations. A read-only view of it could not go to another process."""


def take_strings(source: JsonObject, key: str) -> Mapping[str, str]:
    """The optional member `key`, an object of strings (OCI annotations); absent is empty."""
    members = take_optional(source, key, dict)
    if not members:
        return NO_STRINGS
    for name, value in members.items():
        _refuse_surrogate(name, key)
        _checked(value, f"{key}[{safe(name, limit=64)!r}]", str)
    return members


def text(value: Any) -> str:
    """A parser for `take_list`: an item that must be a string."""
    return _checked(value, "", str)


def text_or_null(value: Any) -> str:
    """The same for lists of OPEN documents: there null is an empty string, as in every reader in Go."""
    return "" if value is None else text(value)


def _item(parse: Callable[[Any], T], item: Any, where: str) -> T:
    try:
        return parse(item)
    except FormatError as error:
        raise error.under(where) from None


def _checked(value: Any, where: str, kind: type[T]) -> T:
    # in Python bool is an int, but `"size": true` is no size
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise FormatError(f"is {_name(type(value))}, not {_name(kind)}", where=where)
    if isinstance(value, str):
        _refuse_surrogate(value, where)
    else:
        _refuse_doubles(value, where)
    return value


def _refuse_doubles(value: object, where: str = "") -> None:
    if isinstance(value, _MarkedObject) and value.double:
        raise _double(value.double, where)


def _refuse_surrogate(value: str, where: str) -> None:
    # readers in Go replace it
    if not value.isascii() and _SURROGATE.search(value):
        raise FormatError("holds a lone surrogate", where=where)


_SURROGATE = re.compile("[\ud800-\udfff]")


class DoubleError(FormatError):
    """A duplicate name in an object. The parser stops at the first, and does not say in which."""


def _double(name: str, where: str = "", line: int | None = None) -> DoubleError:
    place = f" (line {line})" if line and not where else ""
    return DoubleError(f"the member {safe(name, limit=64)!r} appears twice{place}", where=where, line=line)


def doubles(text: str) -> Iterator[DoubleError]:
    """Every duplicate name in an object, each with its place."""
    from airgap.parse.lines import doubled

    for path, line in doubled(text) if len(text) <= limits.LOCATED_CHARACTERS else ():
        outer, _, name = path.rpartition(".")
        yield _double(name, outer, line)


class _MarkedObject(dict[str, Any]):
    """An object with facts that `take` needs beside its members."""

    double = ""
    """A name that appears twice, in an OPEN document: refused where something of the object is read."""

    has_case_doubles = False
    """Whether some names differ only in case: allowed for annotations, refused for names that a document defines."""
    nulls: frozenset[str] = frozenset()
    """Members of an OPEN document that were null. A required list that is null is empty."""


def refuse_case_doubles(source: JsonObject) -> None:
    """Refuse names that differ only in case, for objects in which every name has a meaning."""
    if isinstance(source, _MarkedObject) and source.has_case_doubles:
        names = sorted(source, key=str.casefold)
        other = next(b for a, b in pairwise(names) if a.casefold() == b.casefold())
        raise FormatError(f"the member {safe(other, limit=64)!r} appears twice, in different case")


def refuse_other_case(source: JsonObject, defined: Iterable[str]) -> None:
    """Refuse names that Go's encoding/json reads as one of `defined` and that are spelt in another case (JWS-23)."""
    for name in defined:
        _refuse_case_double_of(name, source)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise _double(_first_double(pairs))
    return _with_case_doubles(members)


def _with_case_doubles(members: dict[str, Any]) -> dict[str, Any]:
    if len(set(map(str.casefold, members))) == len(members):
        return members
    marked = _MarkedObject(members)
    marked.has_case_doubles = True
    return marked


def _first_double(pairs: Iterable[tuple[str, Any]]) -> str:
    counts = Counter(name for name, _ in pairs)
    return next(name for name, count in counts.items() if count > 1)


def _open_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """The members of what may be inside an unknown member; the last of two of one name."""
    members = dict(pairs)
    if len(members) == len(pairs):
        return _present(_with_case_doubles(members))
    marked = _MarkedObject(members)
    marked.double = _first_double(pairs)
    return marked


def _present_members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return _present(_members(pairs))  # a name with a value and again with null is a duplicate


def _present(members: dict[str, Any]) -> dict[str, Any]:
    if None not in members.values():
        return members
    nulls = frozenset(name for name, value in members.items() if value is None)
    marked = _MarkedObject({name: value for name, value in members.items() if name not in nulls})
    marked.has_case_doubles, marked.nulls = isinstance(members, _MarkedObject), nulls
    return marked


def has_member(source: JsonObject, names: frozenset[str]) -> str | None:
    """A member of `source` that some reader takes for one of `names` (in lower case), in any case."""
    return next((name for name in source if name.casefold() in names), None)


def _refuse_surrogates(document: str, value: Any, what: str) -> None:
    # UTF-8 holds no surrogates, so only an escape can bring one in: `"\\ud800"`
    if "\\ud" not in document and "\\uD" not in document:
        return
    try:
        json.dumps(value, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise FormatError(f"the {what} holds a lone surrogate") from None


def _depth(document: str) -> int:
    """How deep it is nested; of one with few brackets, that they are not too many."""
    # A cheap over-estimate first: only documents with many brackets are measured.
    if (most := document.count("[") + document.count("{")) <= limits.JSON_DEPTH:
        return most
    brackets = _BRACKET.findall(_STRING.sub("", document))
    return max(accumulate(map(_STEP.__getitem__, brackets)), default=0)


def _parts(document: str) -> Iterator[str]:
    """The document in parts that the parser can take, the outermost last: each part is null in the one around it."""
    open_parts: list[list[str]] = [[]]
    depth = since = 0
    for match in _STRING_OR_BRACKET.finditer(document):
        step = _STEP.get(match[0], 0)
        if step > 0 and depth and depth % limits.JSON_PART_DEPTH == 0:
            open_parts[-1].append(document[since : match.start()])
            open_parts.append([])
            since = match.start()
        depth += step
        if step < 0 and depth and depth % limits.JSON_PART_DEPTH == 0 and len(open_parts) > 1:
            yield "".join((*open_parts.pop(), document[since : match.end()]))
            open_parts[-1].append("null")
            since = match.end()
    yield "".join((*open_parts[-1], document[since:]))


# Brackets in strings do not count. The last string may have no end; else it would be read again from each quote in it.
_STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKET = re.compile(r"[\[\]{}]")
_STRING_OR_BRACKET = re.compile(f"{_STRING.pattern}|{_BRACKET.pattern}", re.DOTALL)
_STEP = {"[": 1, "{": 1, "]": -1, "}": -1}


_DIGITS = 20
"""Of an integer of 64 bits, with its sign."""


def _integer(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise LimitError(f"a number of {len(digits)} digits")
    return int(digits)


def _open_integer(digits: str) -> int | Number:
    # "-0" keeps its spelling
    return Number(digits) if len(digits) > _DIGITS or digits == "-0" else int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise LimitError(f"the number {safe(digits, limit=32)} is too large")
    return value


def _no_float(document: str, digits: str) -> NoReturn:
    # the parser does not give the position; the first member with this number is shown
    found = re.search(rf'"([^"\\\n]{{1,64}})"\s*:\s*{re.escape(digits)}(?![0-9.eE])', document)
    shown = safe(digits, limit=32)
    raise FormatError(
        f"is the number {shown}, where only integers and texts in quotes can be", where=safe(found[1]) if found else ""
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


def _decoder(
    members: Callable[[list[tuple[str, Any]]], dict[str, Any]],
    fraction: Callable[[str], Any],
    integer: Callable[[str], Any],
) -> json.JSONDecoder:
    return json.JSONDecoder(
        object_pairs_hook=members, parse_float=fraction, parse_constant=_no_constant, parse_int=integer
    )


_DECODERS = {
    Reading.SIGNED: _decoder(_members, _fraction, _integer),
    Reading.OPEN: _decoder(_open_members, Number, _open_integer),
    Reading.WHOLE: _decoder(_present_members, Number, _open_integer),
}
"""Made once, as small documents are parsed faster than one is made. That of OWN names the fraction in the text."""
