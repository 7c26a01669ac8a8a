"""JSON members of our own documents: unknown and misspelt ones are refused (D49), and all errors are reported."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, NamedTuple, Self, TypeVar

from airgap.errors import FormatError
from airgap.parse import json
from airgap.parse.json import JsonObject
from airgap.text import safe, strange

_NO_HINTS: Mapping[str, str] = {}
_LONGEST_NAME: Final = 64

T = TypeVar("T")


class Fault(NamedTuple):
    """One thing that is wrong with a document."""

    error: FormatError
    meant: str | None = None
    """The known member that an unknown one nearly is, and that is not there: the two are one mistake."""
    statement: str | None = None
    """The name of the statement that it is in, where that has one."""


class FormatErrors(FormatError):  # noqa: N818 - several of them
    """Several errors of one document. As an error it has the text of the first."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        first = faults[0].error
        super().__init__(first.problem, where=first.where, remedy=first.remedy, line=first.line, **first.facts)
        self.faults: tuple[Fault, ...] = tuple(faults)

    def under(self, parent: str) -> Self:
        """See `FormatError`: of each."""
        return type(self)([fault._replace(error=fault.error.under(parent)) for fault in self.faults])

    def of_statement(self, name: str | None) -> Self:
        """These faults, each of the statement of this name."""
        return type(self)([fault._replace(statement=name) for fault in self.faults])


def faults_of(error: FormatError) -> tuple[Fault, ...]:
    """All that an error says."""
    return error.faults if isinstance(error, FormatErrors) else (Fault(error),)


class Notes:
    """Collects errors while reading continues."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []

    @contextmanager
    def keep(self, where: str = "") -> Iterator[None]:
        """A FormatError inside the block ends only the block; `where` is the member that it reads."""
        try:
            yield
        except FormatError as error:
            self.add(error.under(where) if where else error)

    def add(self, error: FormatError) -> None:
        """One more, or several."""
        self._faults += faults_of(error)

    def check(self) -> None:
        """Raises FormatErrors where there is one."""
        if self._faults:
            raise FormatErrors(self._faults)


def take_items(source: JsonObject, key: str, *, limit: int, required: bool = True) -> tuple[Any, ...]:
    """The items of the list `key`, as they are. Raises FormatError; for a single text it says how a list is written."""
    value = source.get(key)
    if isinstance(value, str):
        raise FormatError(f'is a text, and must be a list of them: ["{safe(value, limit=_LONGEST_NAME)}"]', where=key)
    return json.take_list(source, key, lambda item: item, limit=limit, required=required)


def each(items: Sequence[Any], parse: Callable[[Any], T], *, where: str = "") -> tuple[T, ...]:
    """Every item parsed with `parse`. Raises FormatErrors with the index of each wrong item, below `where`."""
    notes, found = Notes(), []
    for number, item in enumerate(items):
        with notes.keep(f"{where}[{number}]"):
            found.append(parse(item))
    notes.check()
    return tuple(found)


def as_choice(value: str, choices: Collection[str], where: str) -> None:
    """Raises FormatError unless `value` is one of `choices`, letter for letter."""
    if value not in choices:
        listed = ", ".join(choices)
        raise FormatError(
            f"{safe(value, limit=64)!r} is not one of {listed}{_near(value, choices, _ALIKE_CHOICES)}", where=where
        )


def refuse_unknown(source: JsonObject, known: Collection[str], hints: Mapping[str, str] = _NO_HINTS) -> None:
    """Raises FormatErrors with the name of each member that is not `known`.

    The reference reads over unknown members, so that a misspelt `trustedIdentites` restricts nothing.
    """
    found = []
    for name in source:
        if name not in known:
            hint = f"; {hints[name]}" if name in hints else _near(name, known)
            # a hint may name the member that replaces it here
            meant = (
                next((item for item in known if item in hints[name].split()), None)
                if name in hints
                else near_name(name, known)
            )
            error = FormatError(f"is not a member of this object{hint}", where=safe(name, limit=64))
            found.append(Fault(error, meant=meant if meant not in source else None))
    if found:
        raise FormatErrors(found)


_ALIKE_NAMES: Final = 0.6
_ALIKE_CHOICES: Final = 0.7
"""The similarity that a suggestion needs: of a few choices, one is always a little similar, and may be the opposite."""


def _near(text: str, known: Collection[str], alike: float = _ALIKE_NAMES) -> str:
    """A hint at a similar name, if there is one."""
    near = near_name(text, known, alike)
    if near is None:
        return f" ({strange(text)})" if strange(text) else ""
    if strange(text):
        return f" (did you mean {near}? {strange(text)})"
    return f" (in this spelling: {near})" if near.casefold() == text.casefold() else f" (did you mean {near}?)"


def near_name(text: str, known: Collection[str], alike: float = _ALIKE_NAMES) -> str | None:
    """The name that was probably meant; None if no name is similar."""
    twin = next((name for name in known if name.casefold() == text.casefold()), None)
    if twin:
        return twin
    from difflib import get_close_matches  # seldom needed

    return next(iter(get_close_matches(text[:_LONGEST_NAME], known, n=1, cutoff=alike)), None)
