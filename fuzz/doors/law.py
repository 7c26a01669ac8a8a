"""What doors share: how a law is stated, and what counts as refused."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from airgap.errors import AirgapError

_SHOWN: Final = 300

Door = Callable[[bytes], None]


class LawBrokenError(Exception):
    """Bytes were accepted and did not come out as they have to. No error of airgap's tree: a crash."""


@contextmanager
def refusable() -> Iterator[None]:
    """Bytes may be refused by an error of the project's own tree, and by nothing else."""
    try:
        yield
    except AirgapError as error:
        if not str(error).isprintable():
            raise LawBrokenError(f"the error's sentence is not safe for a terminal: {error!r}") from error


def same(found: object, expected: object, what: str) -> None:
    """A law of what was accepted. Raises LawBrokenError."""
    if found != expected:
        raise LawBrokenError(f"{what}: {_short(found)} is not {_short(expected)}")


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}... ({len(text)} characters)"
