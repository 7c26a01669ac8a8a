"""A value that is computed once, at its first use, also with several threads."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from airgap.errors import FormatError

T = TypeVar("T")


class Once(Generic[T]):
    """Calls `make` at the first call and keeps its result, or the FormatError that it raises.

    Other errors are not kept: the next call tries again.
    """

    __slots__ = ("_error", "_lock", "_made", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: tuple[T] | None = None
        self._error: FormatError | None = None

    def __reduce__(self) -> tuple[object, ...]:
        """Another process makes the value itself."""
        return Once, (self._make,)

    def peek(self) -> T | None:
        """The value if it is computed, else None."""
        return self._made[0] if self._made else None

    def afresh(self) -> T:
        """The value. If it is not computed yet, it is computed and not kept. Raises what `make` raises."""
        known = self.peek()
        return self._make() if known is None else known

    def __call__(self) -> T:
        """The value. Raises what `make` raised."""
        with self._lock:
            if self._error:
                raise _again(self._error)
            if self._made is None:
                try:
                    self._made = (self._make(),)
                except FormatError as error:
                    self._error = _again(error)
                    raise
            return self._made[0]


def _again(error: FormatError) -> FormatError:
    """The same error without the traceback, which would grow with every raise and keep its frames alive."""
    return type(error)(error.problem, where=error.where, remedy=error.remedy, line=error.line, **error.facts)
