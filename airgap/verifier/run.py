"""What every run says beside its judgements: its moment, and what went wrong or is worth a warning."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from airgap import limits
from airgap.errors import AirgapError
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.revocation.evidence_files import NewestEvidence
from airgap.verdict import Judged, Ruled, Ruling, all_of


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome(Ruled):
    """What every judgement of a run is: its moment, what was trusted, and a verdict that follows from its parts."""

    moment: Moment
    trust: Mapping[str, object]
    """Facts about the trust directory, JSON-ready: path, policy, evidence."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    @abstractmethod
    def parts(self) -> Sequence[Judged]:
        """What was judged, each with a verdict of its own; the run is good where all of it is."""

    def ended_by(self, error: AirgapError) -> Self:
        """The same outcome of a run that ended with this error after the judgement."""
        return replace(self, problems=(*self.problems, Problem.of(error)))

    @property
    def ruling(self) -> Ruling:
        """What the parts and the problems come to: PASS only where there is a part, and all passed or are skipped."""
        return all_of([*self.parts, *self.problems])


def clock_text(clock: datetime, name: str, made: datetime) -> str:
    """That evidence was made after what the clock says."""
    return f"the clock says {iso(clock)}, but {name} was made on {iso(made)}: the clock is wrong, or the evidence is"


def clock_warning(moment: Moment, newest: NewestEvidence | None) -> Iterator[Problem]:
    """The warning that the clock is before the stated date of the newest evidence (decision 0013)."""
    if moment.is_now and newest and newest.moment > moment.clock + limits.CLOCK_SKEW:
        yield Problem(message=clock_text(moment.clock, newest.name, newest.moment), reason="clock.behind")
