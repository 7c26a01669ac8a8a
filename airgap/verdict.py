"""What comes out of checks, and what several verdicts come to: the one place where outcomes get theirs.

Verdicts are never stored beside what they follow from. Two rules make all of them: of alternatives the best counts
(signatures of one artifact, pins that may accept one), and of things that must all hold the worst.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Protocol

from airgap.reasons import ExitCode, most_severe


class Verdict(StrEnum):
    """What came out of a check, a signature, an artifact or a run."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INDETERMINATE = "indeterminate"
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not-applicable"

    @property
    def rank(self) -> int:
        """How far from a pass this is: 0 for pass, the highest for fail."""
        return _BEST_FIRST.index(self)


_BEST_FIRST: Final = (
    Verdict.PASS,
    Verdict.NOT_APPLICABLE,
    Verdict.SKIPPED,
    Verdict.INDETERMINATE,
    Verdict.FAIL,
)


class Judged(Protocol):
    """Anything that has a verdict, and exit codes that it rests on."""

    @property
    def verdict(self) -> Verdict:
        """What came out."""

    @property
    def exit_codes(self) -> frozenset[int]:
        """Everything that is wrong, as exit codes, without 0."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict and the exit codes that it rests on."""

    verdict: Verdict
    exit_codes: frozenset[int] = frozenset()

    @property
    def exit_code(self) -> int:
        """The most severe code (design 6); 0 for pass and skipped, and for nothing else."""
        if self.verdict in {Verdict.PASS, Verdict.SKIPPED}:
            return ExitCode.OK
        unnamed = ExitCode.INDETERMINATE if self.verdict is Verdict.INDETERMINATE else ExitCode.ERROR
        return most_severe(self.exit_codes) or unnamed

    @classmethod
    def of_code(cls, exit_code: int) -> Ruling:
        """What one problem comes to: evidence that is missing leaves a question open, all else is a failure."""
        verdict = Verdict.INDETERMINATE if exit_code == ExitCode.INDETERMINATE else Verdict.FAIL
        return cls(verdict, frozenset({exit_code} - {ExitCode.OK}))


def best_of(verdicts: Iterable[Verdict]) -> Verdict | None:
    """Of alternatives the best counts (VERIFY-4, D27); None where there is none."""
    return min(verdicts, key=lambda verdict: verdict.rank, default=None)


def all_of(parts: Iterable[Judged]) -> Ruling:
    """Things that must all hold: the worst counts; nothing at all is a failure.

    What the policy skips counts for nothing beside a pass, and makes no pass where it stands alone.
    """
    judged = list(parts)
    verdicts = {part.verdict for part in judged}
    codes = frozenset[int]().union(*(part.exit_codes for part in judged)) - {ExitCode.OK}
    if verdicts & {Verdict.PASS, Verdict.SKIPPED} == {Verdict.PASS, Verdict.SKIPPED}:
        verdicts.discard(Verdict.SKIPPED)
    worst = max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.FAIL)
    return Ruling(worst, codes)
