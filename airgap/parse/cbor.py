"""Strict, bounded CBOR (RFC 8949): the subset that COSE envelopes of the Notary Project use, and nothing else.

A general decoder knows dozens of tags; some build cyclic lists (28, 29), compile a regular expression (35),
parse a mail (36) or encode a number of a million digits (4), and every release may add more. So the heads of
all items are checked first. Only integers, byte and text strings, arrays, maps, false, true and null are accepted;
if the caller allows it, also tag 1 (an epoch time) around one number (COSE-15). Floats are accepted inside tag 1
only. Indefinite lengths, other tags, trailing bytes, duplicate labels (also the same integer in two widths) and
labels that are neither integer nor text are refused (COSE-3).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import cbor2

from airgap import limits
from airgap.errors import FormatError, LimitError
from airgap.text import safe

Label = int | str
"""The types of map labels: RFC 9052, section 1.4."""

CborMap = Mapping[Label, Any]


@dataclass(frozen=True, slots=True)
class Epoch:
    """Tag 1: seconds since 1970-01-01T00:00:00Z, possibly negative, possibly fractional, possibly not finite."""

    seconds: int | float


def load(data: bytes, *, limit: int = limits.ENVELOPE_BYTES, what: str = "document", times: bool = False) -> Any:
    """The CBOR value in `data`; trailing bytes are refused.

    Values are int, bytes, str, list, dict, bool, None and, only with `times`, Epoch. Raises FormatError
    (LimitError where a bound is exceeded).
    """
    if len(data) > limit:
        raise LimitError(f"the {what} has {len(data)} bytes, more than {limit}")
    try:
        _walk_heads(data, times=times)
    except FormatError as error:
        raise type(error)(f"the {what} is not acceptable CBOR: {error.problem}") from None
    try:
        value = cbor2.loads(
            data,
            semantic_decoders={_EPOCH: lambda number, _immutable: Epoch(number)},
            allow_duplicate_keys=False,
            allow_indefinite=False,
            max_depth=limits.CBOR_DEPTH + 1,  # cbor2 counts a tag as one level
        )
    except (cbor2.CBORError, ValueError, OverflowError, RecursionError) as error:
        raise FormatError(f"the {what} is not acceptable CBOR: {safe(error)}") from None
    _check_labels(value, what)
    return value


def encode(value: Any) -> bytes:
    """`value` in core deterministic encoding (RFC 8949, section 4.2.1); Epoch becomes tag 1."""
    return cbor2.dumps(_deterministic(value))


def name(value: Any) -> str:
    """The kind of a decoded value, for a message."""
    return _NAMES.get(type(value), type(value).__name__)


_UNSIGNED, _NEGATIVE, _BYTES, _TEXT, _ARRAY, _MAP, _TAG, _SIMPLE = range(8)
_EPOCH: Final = 1
_ONE_BYTE, _EIGHT_BYTES, _INDEFINITE = 24, 27, 31
_FALSE, _NULL, _UNDEFINED = 20, 22, 23
_NAMES: Final = {
    int: "an integer",
    float: "a float",
    str: "a text string",
    bytes: "a byte string",
    list: "an array",
    tuple: "an array",
    dict: "a map",
    bool: "a boolean",
    type(None): "nil",
    Epoch: "a time (tag 1)",
}


def _walk_heads(data: bytes, *, times: bool) -> None:
    """Checks the head of every item and refuses what is outside of the subset, before any value is built."""
    offset, open_levels, in_epoch = 0, [1], False
    while open_levels:
        if not open_levels[-1]:
            open_levels.pop()
            continue
        open_levels[-1] -= 1
        start = offset
        major, info, argument, offset = _head(data, start)
        if in_epoch:
            _check_number(major, info, start)
        if major in (_BYTES, _TEXT):
            offset += argument
            if offset > len(data):
                raise FormatError(f"the string at byte {start} is longer than what is there")
        elif major in (_ARRAY, _MAP):
            _open(open_levels, argument * (2 if major == _MAP else 1), len(data) - offset, start)
        elif major == _TAG:
            _check_tag(argument, start, times=times)
            open_levels[-1] += 1
        elif major == _SIMPLE:
            _check_simple(info, start, in_epoch=in_epoch)
        in_epoch = major == _TAG
    if offset != len(data):
        raise FormatError(f"has {len(data) - offset} bytes of trailing data")


def _head(data: bytes, start: int) -> tuple[int, int, int, int]:
    """Major type, additional information, argument and the offset after the head."""
    if start >= len(data):
        raise FormatError("it ends in the middle of an item")
    major, info = data[start] >> 5, data[start] & 0x1F
    if info < _ONE_BYTE:
        return major, info, info, start + 1
    if info == _INDEFINITE:
        raise FormatError(f"the item at byte {start} has indefinite length")
    if info > _EIGHT_BYTES:
        raise FormatError(f"the item at byte {start} has a reserved head")
    end = start + 1 + (1 << (info - _ONE_BYTE))
    if end > len(data):
        raise FormatError("it ends in the middle of an item")
    return major, info, int.from_bytes(data[start + 1 : end]), end


def _open(open_levels: list[int], items: int, left: int, start: int) -> None:
    if items > left:  # every item takes at least one byte
        raise FormatError(f"the container at byte {start} has more items than what is there")
    open_levels.append(items)
    if len(open_levels) > limits.CBOR_DEPTH + 1:
        raise LimitError(f"it is nested more than {limits.CBOR_DEPTH} deep")


def _check_tag(tag: int, start: int, *, times: bool) -> None:
    if tag != _EPOCH or not times:
        raise FormatError(f"tag {tag} at byte {start} is not allowed there")


def _check_number(major: int, info: int, start: int) -> None:
    if major not in (_UNSIGNED, _NEGATIVE) and not (major == _SIMPLE and info > _ONE_BYTE):
        raise FormatError(f"the time at byte {start} is not a number")


def _check_simple(info: int, start: int, *, in_epoch: bool) -> None:
    if info > _ONE_BYTE:
        if not in_epoch:
            raise FormatError(f"the float at byte {start} is not allowed there")
    elif not _FALSE <= info <= _NULL:
        kind = "undefined" if info == _UNDEFINED else "a simple value"
        raise FormatError(f"{kind} at byte {start} is not allowed")


def _check_labels(value: Any, what: str) -> None:
    if isinstance(value, dict):
        for label, member in value.items():
            # in Python bool is an int, but true is no label
            if not isinstance(label, int | str) or isinstance(label, bool):
                raise FormatError(f"the {what} has a label that is {name(label)}, not an integer or text")
            _check_labels(member, what)
    elif isinstance(value, list):
        for item in value:
            _check_labels(item, what)


def _deterministic(value: Any) -> Any:
    if isinstance(value, Epoch):
        return cbor2.CBORTag(_EPOCH, value.seconds)
    if isinstance(value, Mapping):
        # cbor2's own canonical order is length-first (RFC 7049); RFC 8949 sorts the encoded labels bytewise
        return {label: _deterministic(value[label]) for label in sorted(value, key=cbor2.dumps)}
    if isinstance(value, list | tuple):
        return [_deterministic(item) for item in value]
    return value
