"""What every run says beside its judgements: its moment, and what went wrong or is worth a warning."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from airgap import limits
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.revocation.pool import NewestEvidence
from airgap.verdict import Judged, Ruling, Verdict, all_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """What every judgement of a run is: its moment, what was trusted, and a verdict that follows from its parts."""

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
