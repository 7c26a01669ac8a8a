"""What a recheck says: artifacts then and now, and what changed."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from airgap.problem import Problem
from airgap.reasons import remedy_of
from airgap.text import safe
from airgap.verdict import Ruled, Ruling, all_of
from airgap.verifier.outcome import ArtifactOutcome
from airgap.verifier.recorded import RecordedArtifact, RecordedReport
from airgap.verifier.run import RunOutcome


class Basis(StrEnum):
    """What an artifact was judged from."""

    LAYOUT = "layout"
    REPORT = "report"


class Change(StrEnum):
    """The change of an earlier verdict."""

    UNCHANGED = "unchanged"
    WORSE = "worse"
    """It was better before: accepted, or at least undecided."""
    BETTER = "better"
    UNKNOWN = "unknown"
    """No earlier verdict is available."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked(Ruled):
    """One artifact, then and now."""

    basis: Basis
    now: ArtifactOutcome
    was: RecordedArtifact | None = None
    """The earlier judgement; None where a layout was named, and no report about it."""
    report: RecordedReport | None = None
    """The report that holds it."""
    besides: tuple[Problem, ...] = ()
    """What is against it and is not in the judgement of its signatures and of its content."""

    @property
    def reference(self) -> str:
        """What it is called: as the report has it, by which a person knows it; the digest tells which bytes."""
        return safe(self.was.reference) if self.was else self.now.reference

    @property
    def ruling(self) -> Ruling:
        """The judgement, and what is beside it."""
        return all_of([self.now, *self.besides])

    @property
    def change(self) -> Change:
        """From then to now."""
        if self.was is None:
            return Change.UNKNOWN
        then, now = self.was.verdict.rank, self.verdict.rank
        return Change.UNCHANGED if then == now else Change.WORSE if now > then else Change.BETTER

    @property
    def because(self) -> tuple[tuple[str | None, str, str], ...]:
        """Reason, sentence and remedy of everything that keeps it from being accepted now."""
        besides = [(item.reason, item.message, remedy_of(item.reason, item.remedy)) for item in self.besides]
        return tuple(dict.fromkeys((*besides, *self.now.because)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckOutcome(RunOutcome):
    """The whole run."""

    artifacts: tuple[Rechecked, ...] = ()

    @property
    def parts(self) -> tuple[Rechecked, ...]:
        """The artifacts."""
        return self.artifacts
