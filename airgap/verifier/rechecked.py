"""What a recheck says: artifacts then and now, and what changed."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self

from airgap.problem import Problem
from airgap.text import safe
from airgap.verdict import Ruled, Ruling, Verdict, all_of
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
    def is_still_good(self) -> bool:
        """Whether it was good and is good, without reservations or warnings."""
        accepted = self.now.accepted
        return (
            self.change is Change.UNCHANGED
            and self.verdict is Verdict.PASS
            and accepted is not None
            and not (accepted.reservations or accepted.warnings or self.now.warnings)
        )

    def slim(self) -> Self:
        """The same without what no report shows: a ledger may have many of it."""
        signatures = tuple(replace(signature, facts=None) for signature in self.now.signatures)
        was = None if self.was is None else replace(self.was, signatures=())
        report = None if self.report is None else replace(self.report, artifacts=())
        return replace(self, now=replace(self.now, signatures=signatures), was=was, report=report)

    @property
    def change(self) -> Change:
        """From then to now."""
        if self.was is None:
            return Change.UNKNOWN
        then, now = self.was.verdict.rank, self.verdict.rank
        return Change.UNCHANGED if then == now else Change.WORSE if now > then else Change.BETTER

    @property
    def because(self) -> tuple[Problem, ...]:
        """Everything that keeps it from being accepted now, each once."""
        return tuple(dict.fromkeys((*(item.alone for item in self.besides), *self.now.because)))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckOutcome(RunOutcome):
    """The whole run."""

    artifacts: tuple[Rechecked, ...] = ()
    still_good: int = 0
    """Artifacts of a ledger that were good and are good, without reservations; they are not among `artifacts`."""

    @property
    def parts(self) -> tuple[Rechecked | Ruling, ...]:
        """The artifacts, and one verdict for those that are still good."""
        return (*self.artifacts, *([Ruling(Verdict.PASS)] if self.still_good else []))
