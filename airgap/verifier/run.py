"""What every run says beside its judgements: its moment, and what went wrong or is worth a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

from airgap import limits
from airgap.errors import AirgapError, Fact
from airgap.moment import Moment
from airgap.notice import Notice
from airgap.parse.time import iso
from airgap.reasons import REASONS, ExitCode
from airgap.revocation.pool import NewestEvidence
from airgap.text import safe
from airgap.verifier.verdict import Judged, Ruling, Verdict, all_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """Something that kept a target, or the whole run, from being judged; or a warning."""

    message: str
    exit_code: int = ExitCode.OK
    reason: str | None = None
    target: str | None = None
    remedy: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)

    @property
    def verdict(self) -> Verdict:
        """What a run comes to that has this problem."""
        return Ruling.of_code(self.exit_code).verdict

    @property
    def exit_codes(self) -> frozenset[int]:
        """Its exit code."""
        return Ruling.of_code(self.exit_code).exit_codes

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
        return cls(message=notice.message, reason=notice.reason, remedy=notice.remedy, facts=notice.facts)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What every judgement of a run is: its moment, what was believed, and a verdict that follows from its parts."""

    moment: Moment
    trust: Mapping[str, object]
    """Facts about the trust directory, JSON-ready: path, policy, evidence."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def parts(self) -> Sequence[Judged]:
        """What was judged, each with a verdict of its own; the run is good where all of it is."""
        raise NotImplementedError

    @property
    def ruling(self) -> Ruling:
        """What the parts and the problems come to."""
        return all_of([*self.parts, *self.problems])

    @property
    def verdict(self) -> Verdict:
        """PASS only where there is a part and every one passed or is skipped by policy."""
        return self.ruling.verdict

    @property
    def exit_codes(self) -> frozenset[int]:
        """Every exit code that applies, without 0."""
        return self.ruling.exit_codes

    @property
    def exit_code(self) -> int:
        """The most severe one (design 6); never 0 for a verdict that is not pass or skipped."""
        return self.ruling.exit_code


def clock_warning(moment: Moment, newest: NewestEvidence | None) -> Iterator[Problem]:
    """The clock stands before the newest evidence was made, by that evidence's own word (design 9)."""
    if moment.is_now and newest and newest.moment > moment.clock + limits.CLOCK_SKEW:
        yield Problem(
            message=f"the clock says {iso(moment.clock)}, but {newest.name} was made on {iso(newest.moment)}: "
            "the clock is wrong, or the evidence is",
            reason="clock.behind",
        )
