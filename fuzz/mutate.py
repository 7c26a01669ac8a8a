"""Small changes to bytes: blindly, as DER, and as JSON. The same random numbers make the same changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final

from airgap.errors import FormatError
from airgap.parse import der

Change = Callable[[Random, bytes, Sequence[bytes]], bytes]
"""From bytes to other bytes, and others of the kind to take pieces from."""

_LONGEST: Final = 1 << 20
_INTERESTING: Final = (b"\0", b"\xff", b"\x7f", b"\x80", b"\n", b'"', b"\\", b"{", b"[", b"\x30\x80", b"\x00" * 16)
_VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 2**64, "", "*", "..", "/", "\0", "\ud800", "a" * 300,
    "sha256:" + "0" * 64, "1970-01-01T00:00:00Z", [], {}, [[]], {"": None},
)  # fmt: skip


def flip(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """One bit."""
    at = random.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << random.randrange(8)]) + data[at + 1 :]


def replace(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """One byte, by another one."""
    at = random.randrange(len(data))
    return data[:at] + bytes([(data[at] + random.randrange(1, 256)) % 256]) + data[at + 1 :]


def insert(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """A byte or two more."""
    at = random.randrange(len(data) + 1)
    return data[:at] + random.choice((random.randbytes(random.randrange(1, 5)), *_INTERESTING)) + data[at:]


def drop(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """A few bytes fewer."""
    at = random.randrange(len(data))
    return data[:at] + data[at + random.choice((1, 1, 2, 4, 16, 512)) :]


def cut(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """The end is gone."""
    return data[: random.randrange(len(data))]


def double(random: Random, data: bytes, _others: Sequence[bytes]) -> bytes:
    """A piece appears twice."""
    start, end = _piece(random, len(data))
    return data[:end] + data[start:end] + data[end:]


def splice(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """A piece of another one in place of one of these."""
    other = random.choice(others) if others else data
    if not other:
        return data
    start, end = _piece(random, len(data))
    first, last = _piece(random, len(other))
    return data[:start] + other[first:last] + data[end:]


def cross(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """The start of these, the end of another one."""
    other = random.choice(others) if others else data
    return data[: random.randrange(len(data))] + other[random.randrange(len(other) + 1) :]


def _piece(random: Random, length: int) -> tuple[int, int]:
    start = random.randrange(length)
    return start, min(length, start + random.choice((1, 2, 4, 8, 32, 128, 512)))


BLIND: Final[Sequence[Change]] = (flip, flip, replace, insert, drop, cut, double, splice, cross)


# --- DER: whole elements, with the lengths of all that is around them put right ---


def der_swap(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One element, by another one: of these bytes or of others, mostly of the same tag."""
    try:
        mine = list(_elements(der.read(data)))
        theirs = list(_elements(der.read(random.choice(others)))) if others and random.random() < 0.7 else mine  # noqa: PLR2004
    except FormatError:
        return splice(random, data, others)
    chosen = random.choice(mine)
    alike = [element for element in theirs if element.tag == chosen.tag]
    donor = random.choice(alike if alike and random.random() < 0.8 else theirs)  # noqa: PLR2004
    return put(data, chosen, donor.raw)


def der_edit(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One element: its contents changed, doubled, or gone."""
    try:
        chosen = random.choice(list(_elements(der.read(data))))
    except FormatError:
        return flip(random, data, others)
    match random.randrange(4):
        case 0:
            return put(data, chosen, b"")
        case 1:
            return put(data, chosen, chosen.raw + chosen.raw)
        case 2:
            return put(data, chosen, der.tlv(random.randrange(256), chosen.value))
        case _:
            inner = random.choice(BLIND[:5])(random, chosen.value or b"\0", ())
            return put(data, chosen, der.tlv(chosen.tag, inner))


def _elements(top: der.Element) -> Iterator[der.Element]:
    yield top
    if top.tag & 0x20:
        for inner in top.walk():
            yield from _elements(inner)


def put(data: bytes, chosen: der.Element, raw: bytes) -> bytes:
    """`data` with `raw` in the place of one of its elements, and every length around it put right."""
    return _rebuilt(der.read(data), chosen, raw)


def _rebuilt(element: der.Element, chosen: der.Element, raw: bytes) -> bytes:
    if element.start == chosen.start and element.end == chosen.end and element.depth == chosen.depth:
        return raw
    if not element.start <= chosen.start < chosen.end <= element.end or not element.tag & 0x20:
        return element.raw
    return der.tlv(element.tag, *(_rebuilt(inner, chosen, raw) for inner in element.walk()))


DER: Final[Sequence[Change]] = (*BLIND, der_swap, der_swap, der_swap, der_edit, der_edit, der_edit)


# --- JSON: whole members ---


def json_edit(random: Random, data: bytes, others: Sequence[bytes]) -> bytes:
    """One member: gone, another value, another name, or that of another document."""
    try:
        document = json.loads(data)
        other = json.loads(random.choice(others)) if others else document
    except ValueError:
        return splice(random, data, others)
    places = list(_places(document))
    if not places:
        return data
    holder, key = random.choice(places)
    value = holder[key]
    match random.randrange(6):
        case 0:
            del holder[key]
        case 1:
            holder[key] = random.choice(_VALUES)
        case 2:
            source, name = random.choice(list(_places(other)) or [(holder, key)])
            holder[key] = source[name]
        case 3 if isinstance(holder, dict):
            holder[random.choice((str(key).upper(), f"{key} ", "x"))] = value
        case 4 if isinstance(value, str):
            holder[key] = _changed_text(random, value)
        case _:
            _more(random, holder, value)
    return json.dumps(document, separators=(",", ":"), ensure_ascii=random.random() < 0.5).encode(  # noqa: PLR2004
        "utf-8", "surrogatepass"
    )


def _changed_text(random: Random, value: str) -> str:
    data = value.encode("utf-8", "surrogatepass") or b"x"
    return random.choice(BLIND[:5])(random, data, ()).decode("utf-8", "replace")


def _more(random: Random, holder: dict[str, Any] | list[Any], value: Any) -> None:
    if isinstance(holder, list):
        holder.insert(random.randrange(len(holder) + 1), value)
    else:
        holder[random.choice(("data", "subject", "annotations", "urls", "artifactType", "x"))] = value


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container with every key or number in it."""
    if isinstance(value, dict | list):
        for key in list(value) if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


JSON: Final[Sequence[Change]] = (*BLIND, json_edit, json_edit, json_edit, json_edit, json_edit, json_edit)


def changed(random: Random, data: bytes, others: Sequence[bytes], changes: Sequence[Change] = BLIND) -> bytes:
    """`data` after one to four changes; never longer than a megabyte."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        data = random.choice(changes)(random, data or b"\0", others)[:_LONGEST]
    return data
