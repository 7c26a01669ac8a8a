"""Makes untrusted text safe for a terminal, a log or a message."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from typing import Final, TypeVar

from airgap import limits

T = TypeVar("T")

_UNSAFE_CATEGORIES = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


__all__ = ["safe"]

LOOK_ALIKES: Final = str.maketrans(
    "\u0430\u0435\u043e\u0440\u0441\u0443\u0445\u0456\u0455\u0458\u043a\u043c\u0442\u043d\u0432\u03bf\u03b1\u03bd\u03b9",
    "aeopcyxisjkmthboavi",
)
"""Cyrillic and Greek small letters to the Latin ones that they look like."""


def safe(value: object, *, limit: int = limits.TEXT_CHARACTERS) -> str:
    r"""Untrusted text with all characters escaped that could move the cursor, or hide or reorder characters.

    Control and format characters (ESC, CSI, bidirectional overrides, zero width), surrogates, unassigned and
    private characters and exotic spaces become `\xNN`, `\uNNNN` or `\UNNNNNNNN`. Text longer than `limit`
    characters is cut and marked. The result has no line break. It is not escaped for rich, which must not interpret
    markup in it.
    """
    text = str(value)
    cut = len(text) > limit
    shown = text[:limit] if cut else text
    # `isprintable` is true for text without these categories; it is faster than a test of each character
    escaped = shown if shown.isprintable() else "".join(map(_escape, shown))
    return f"{escaped}… ({len(text)} characters)" if cut else escaped


def quoted(text: str) -> str:
    """A name in quotation marks."""
    return f'"{safe(text, limit=200)}"'


def strange(text: str) -> str:
    """The first character that is not ASCII, to tell it from one that looks the same; empty if there is none."""
    return next((f"character {at} is {_called(found)}" for at, found in enumerate(text, 1) if not found.isascii()), "")


def first_difference(one: str, other: str) -> str:
    """The characters in which two similar texts differ first; empty if both are ASCII, where people see them."""
    at = next((at for at, (a, b) in enumerate(zip(one, other)) if a != b), None)  # noqa: B905 - the common length
    if at is None or (one[at] + other[at]).isascii():
        return ""
    return f"character {at + 1} is {_called(one[at])} in the first, {_called(other[at])} in the second"


def _called(character: str) -> str:
    return f"U+{ord(character):04X} ({unicodedata.name(character, 'no name').lower()})"


def some(items: Sequence[T], most: int, show: Callable[[T], str] = str, *, joined: str = ", ") -> str:
    """The first `most` of them, and how many more there are: `a, b and 3 more`. `show` makes each safe."""
    shown = joined.join(map(show, items[:most]))
    more = len(items) - most
    return f"{shown} and {more} more" if more > 0 else shown


def exact(text: str) -> str:
    r"""Untrusted text as printable ASCII without loss: `read_exact` restores it.

    A backslash becomes `\\`, what is not printable ASCII `\n`, `\t`, `\r`, `\xNN`, `\uNNNN` or `\UNNNNNNNN`.
    """
    return text.encode("unicode_escape").decode("ascii")


def read_exact(text: str) -> str | None:
    """The text from which `exact` made this; None if it is no result of `exact`."""
    try:
        found = text.encode("ascii").decode("unicode_escape")
    except (UnicodeError, DeprecationWarning):
        return None
    return found if exact(found) == text else None


def _escape(character: str) -> str:
    category = unicodedata.category(character)
    if category not in _UNSAFE_CATEGORIES and (category != "Zs" or character == " "):
        return character
    code = ord(character)
    if code <= 0xFF:  # noqa: PLR2004
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004
