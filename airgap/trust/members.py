"""JSON members of policy documents: nothing unknown, nothing misspelt (D49)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from airgap.errors import FormatError
from airgap.parse.json import JsonObject
from airgap.text import safe

_NO_HINTS: Mapping[str, str] = {}


def as_object(value: Any) -> JsonObject:
    """`value`, if it is a JSON object. Raises FormatError."""
    if not isinstance(value, dict):
        raise FormatError("is not an object")
    return value


def as_choice(value: str, choices: Collection[str], where: str) -> None:
    """Raises FormatError unless `value` is one of `choices`, letter for letter."""
    if value not in choices:
        listed = ", ".join(choices)
        raise FormatError(f"{safe(value, limit=64)!r} is not one of {listed}{_near(value, choices)}", where=where)


def refuse_unknown(source: JsonObject, known: Collection[str], hints: Mapping[str, str] = _NO_HINTS) -> None:
    """Raises FormatError with the first member's name that is not `known`.

    The reference reads over unknown members, so that a misspelt `trustedIdentites` is silently no restriction.
    """
    for name in source:
        if name not in known:
            hint = f"; {hints[name]}" if name in hints else _near(name, known)
            raise FormatError(f"is not a member that stands here{hint}", where=safe(name, limit=64))


def _near(text: str, known: Collection[str]) -> str:
    twin = next((name for name in known if name.casefold() == text.casefold()), None)
    return f" (in this spelling: {twin})" if twin else ""
