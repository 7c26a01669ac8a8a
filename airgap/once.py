"""A value that is made when it is first asked for, once, whatever number of threads ask."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from typing import Generic, TypeVar

from airgap.errors import FormatError

T = TypeVar("T")


class Once(Generic[T]):
    """Calls `make` at the first call and remembers what came of it, a FormatError too.

    Whatever else `make` raises is not remembered: the next call tries again.
    """

    __slots__ = ("_error", "_lock", "_made", "_make")

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._lock = Lock()
        self._made: tuple[T] | None = None
        self._error: FormatError | None = None

    def peek(self) -> T | None:
        """The value if it has been made, else None."""
        return self._made[0] if self._made else None

    def afresh(self) -> T:
        """The value, made again where it is not there, and not remembered. Raises what `make` raises."""
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
