"""A hint for a person beside a refusal."""

from __future__ import annotations

from typing import NamedTuple


class Hint(NamedTuple):
    """A likely cause, and its remedy: the end of a sentence about a refusal; both empty if there is none."""

    text: str = ""
    remedy: str = ""
