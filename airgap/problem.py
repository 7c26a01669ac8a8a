"""Problems and warnings beside a verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Self

from airgap.errors import AirgapError, Fact
from airgap.reasons import REASONS, ExitCode, remedy_of
from airgap.text import safe
from airgap.verdict import Ruling, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that was not judged, and why; or, with exit code 0, a warning."""

    message: str
    exit_code: int = ExitCode.OK
    reason: str | None = None
    target: str | None = None
    remedy: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict, hash=False)

    @property
    def verdict(self) -> Verdict:
        """The verdict of a run with this problem."""
        return Ruling.of_code(self.exit_code).verdict

    @property
    def exit_codes(self) -> frozenset[int]:
        """Its exit code."""
        return Ruling.of_code(self.exit_code).exit_codes

    @property
    def shown_remedy(self) -> str:
        """What to do: the remedy of this case, else that of the reason code."""
        return remedy_of(self.reason, self.remedy)

    @property
    def alone(self) -> Self:
        """What it says, without its place: equal where people would read the same."""
        return replace(self, target=None, facts={})

    @classmethod
    def of_reason(cls, reason: str, message: str, *, target: str | None = None, remedy: str = "") -> Self:
        """The problem with the exit code of its reason code."""
        exit_code = REASONS[reason].exit_code
        return cls(message=message, exit_code=exit_code, reason=reason, target=target, remedy=remedy)

    @classmethod
    def of(cls, error: AirgapError | OSError, target: str | None = None) -> Self:
        """The problem of an error. `target` is made safe here."""
        if isinstance(error, OSError):
            error = AirgapError(safe(error))
        return cls(
            message=str(error),
            exit_code=error.exit_code,
            reason=error.reason,
            target=safe(target) if target is not None else None,
            remedy=error.remedy,
            facts=error.facts,
        )
