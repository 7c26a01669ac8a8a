"""What every run says beside its judgements: its moment, and what went wrong or is worth a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Self

from airgap import limits
from airgap.errors import AirgapError, Fact
from airgap.moment import Moment
from airgap.notice import Notice
from airgap.parse.time import iso
from airgap.reasons import REASONS, ExitCode
from airgap.revocation.pool import Newest
from airgap.text import safe


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that kept a target, or the whole run, from being judged; or a warning."""

    message: str
    exit_code: int = ExitCode.OK
    reason: str | None = None
    target: str | None = None
    remedy: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @classmethod
    def of(cls, error: AirgapError, target: str | None = None) -> Self:
        """What an error says; the exit code is that of its reason, where it has one. `target` is made safe here."""
        reason: str | None = getattr(error, "reason", None)
        return cls(
            message=str(error),
            exit_code=REASONS[reason].exit_code if reason else error.exit_code,
            reason=reason,
            target=safe(target) if target is not None else None,
            remedy=error.remedy,
            facts=error.facts,
        )

    @classmethod
    def told(cls, notice: Notice) -> Self:
        """The warning that a notice of the trust material comes to."""
        return cls(message=notice.message, reason=notice.reason, facts=notice.facts)


def clock_warning(moment: Moment, newest: Newest | None) -> Iterator[Problem]:
    """The clock stands before the newest evidence was made, by that evidence's own word (design 9)."""
    if moment.is_now and newest and newest.moment > moment.clock + limits.CLOCK_SKEW:
        yield Problem(
            message=f"the clock says {iso(moment.clock)}, but {newest.name} was made on {iso(newest.moment)}: "
            "the clock is wrong, or the evidence is",
            reason="clock.behind",
        )
