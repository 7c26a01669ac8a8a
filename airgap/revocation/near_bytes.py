"""Compares bytes that may be damaged."""

from __future__ import annotations

from itertools import takewhile
from typing import Final

_SHARE: Final = 4
"""One byte in so many may differ; two random keys differ by more."""


def nearly_same(one: bytes, other: bytes) -> bool:
    """Whether one may be the other after a few bytes changed, or some were added or removed at one place."""
    longest = max(len(one), len(other))
    bound = max(1, longest // _SHARE)
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) <= bound
    front = _agreeing(one, other)
    back = _agreeing(one[front:][::-1], other[front:][::-1])
    return longest - front - back <= bound


def nearly_same_key(one: bytes | None, other: bytes | None) -> bool | None:
    """The same for key identifiers, which are hashes: two of them never have so many equal bytes by chance.

    None if one of them is absent or only zeros.
    """
    if not (one and other and _is_hash(one) and _is_hash(other)):
        return None
    if len(one) != len(other):
        return nearly_same(one, other)
    return sum(a == b for a, b in zip(one, other, strict=True)) * _SHARE >= len(one)


def _is_hash(identifier: bytes) -> bool:
    return len(set(identifier)) * 2 > len(identifier)


def _agreeing(one: bytes, other: bytes) -> int:
    """How many bytes at the start are the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
