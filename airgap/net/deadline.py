"""How long the network is waited for: a floor of rate for all that moves, and one deadline for an operation.

The time-out of a socket starts again with each byte, so it bounds neither. Only the time that passes in waiting for the
other side counts: a slow stick here is not a slow server there.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from airgap.net.options import TransportOptions


class WaitedTooLongError(TimeoutError):
    """The network was waited for as long as it may be. `{host}` in the sentence is replaced with the host."""

    def __init__(self, words: str, remedy: str = "", *, is_final: bool = True) -> None:
        super().__init__(words)
        self.words: Final = words
        self.remedy: Final = remedy
        self.is_final: Final = is_final
        """Whether asking again would only take longer."""


@dataclass(frozen=True, slots=True)
class Deadline:
    """When an operation ends that waits for the network: all its requests, repetitions and pauses."""

    end: float
    """Of time.monotonic."""
    seconds: float
    """How long the operation may take."""

    @classmethod
    def after(cls, seconds: float, *, begun: float | None = None) -> Self:
        """So many seconds after it began, by time.monotonic; None: now."""
        return cls((time.monotonic() if begun is None else begun) + seconds, seconds)

    def left(self) -> float:
        """The seconds until then. Raises WaitedTooLongError where there are none."""
        left = self.end - time.monotonic()
        if left <= 0:
            raise self.passed()
        return left

    def passed(self) -> WaitedTooLongError:
        """The error for what is not done when the time is over."""
        return WaitedTooLongError(
            f"{{host}} was waited for when the {span(self.seconds)} for the whole operation were over",
            "Give it longer with --timeout, or none. What was finished stays, and is not done again.",
        )


class Patience:
    """With one answer, or one request that is sent. For one thread."""

    def __init__(self, options: TransportOptions, verb: str) -> None:
        """`verb` says what the host did: `sent`, `took`."""
        self._options, self._verb = options, verb
        self._waited, self._moved = 0.0, 0

    def next_wait(self, longest: float | None) -> float | None:
        """The seconds that the next bytes are waited for. Raises WaitedTooLongError at the deadline."""
        deadline = self._options.deadline
        if deadline is None:
            return longest
        return deadline.left() if longest is None else min(deadline.left(), longest)

    def moved(self, size: int, seconds: float) -> None:
        """Count bytes and the time that they took. Raises WaitedTooLongError where they are too few for it."""
        self._moved += size
        self._waited += seconds
        if self._waited < self._options.slow_seconds:
            return
        if self._moved < self._waited * self._options.least_rate:
            raise WaitedTooLongError(
                f"{{host}} {self._verb} {self._moved} bytes in {span(self._waited)}, "
                f"less than {self._options.least_rate} a second",
                "Check the network connection; ask again later.",
            )
        self._waited, self._moved = 0.0, 0

    def gave_up(self, seconds: float) -> WaitedTooLongError:
        """The error for a wait that ended without a byte after so many seconds."""
        deadline = self._options.deadline
        if deadline is not None and time.monotonic() >= deadline.end:
            return deadline.passed()
        return WaitedTooLongError(
            f"{{host}} {self._verb} nothing for {span(seconds)}",
            "Check the network connection and the address.",
            is_final=False,
        )


def span(seconds: float) -> str:
    """Seconds as people read them: `0.3 s`, `60 s`, `10 min`."""
    if seconds < 10:  # noqa: PLR2004
        return f"{seconds:.1f} s"
    return f"{seconds:.0f} s" if seconds < 600 else f"{seconds / 60:.0f} min"  # noqa: PLR2004
