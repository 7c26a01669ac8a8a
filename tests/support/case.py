"""One negative case: a deviation from a scene that is accepted, and what it must be refused for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.scenario import Scene

BOTH = ("jws", "cose")


@dataclass(frozen=True, slots=True)
class Case:
    """`id` begins with the negative case that it proves.

    `reason` is the one reason code of the report; with a dot at its end, a prefix of it. `check` is the check that
    fails, or "content", "policy", "signature" (none found) or "run" (nothing could be judged).
    """

    id: str
    change: Callable[[Scene], None]
    reason: str
    check: str = "integrity"
    forms: tuple[str, ...] = ("jws",)
    also: tuple[tuple[str, str], ...] = ()
    """(check, reason) of what necessarily goes wrong too."""
    code: int | None = None
    """The exit code, where no reason code says it."""
    fatal: bool = False
    """Fails at the levels permissive and audit as well (`integrity!` and `fatal` among the negative cases)."""
