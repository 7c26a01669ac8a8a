"""Verdicts, and the rules that combine them.

A verdict is always derived, never stored beside its causes. Wrong is not unknown (RULE-3).

There are two rules: of alternatives the best counts (signatures of one artifact, pins that may accept one); of
conditions that must all hold the worst counts. Where only what went wrong is known, nothing wrong is a pass (`unless`).

What copies and shows judges nothing: `copy` ends with the code of what stopped it, or 20, and the verdicts of what it
judged or fetched; `ls`, `discover` and `inspect` end with 16 (12) for what they could not read (decode).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple, Protocol, TypeVar

from airgap.reasons import ExitCode, most_severe


class Verdict(StrEnum):
    """The result of a check, a signature, an artifact or a run."""

    PASS = "pass"  # noqa: S105 - a verdict, not a password
    FAIL = "fail"
    INDETERMINATE = "indeterminate"
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not-applicable"

    @property
    def rank(self) -> int:
        """The severity: 0 for pass, the highest for fail."""
        return _BEST_FIRST.index(self)


_BEST_FIRST: Final = (Verdict.PASS, Verdict.NOT_APPLICABLE, Verdict.SKIPPED, Verdict.INDETERMINATE, Verdict.FAIL)


class Judged(Protocol):
    """Anything with a verdict and its exit codes."""

    @property
    def verdict(self) -> Verdict:
        """What came out."""

    @property
    def exit_codes(self) -> frozenset[int]:
        """The exit codes of all faults, without 0."""


J = TypeVar("J", bound=Judged)


class Ruling(NamedTuple):
    """A verdict with its exit codes."""

    verdict: Verdict
    exit_codes: frozenset[int] = frozenset()

    @property
    def exit_code(self) -> int:
        """The most severe code (reference/exit-codes.md); 0 for pass and skipped, and for nothing else."""
        if self.verdict in {Verdict.PASS, Verdict.SKIPPED}:
            return ExitCode.OK
        unnamed = ExitCode.INDETERMINATE if self.verdict is Verdict.INDETERMINATE else ExitCode.ERROR
        return most_severe(self.exit_codes) or unnamed

    @classmethod
    def of_code(cls, exit_code: int) -> Ruling:
        """The verdict of one problem: missing evidence is indeterminate, everything else is a failure."""
        verdict = Verdict.INDETERMINATE if exit_code == ExitCode.INDETERMINATE else Verdict.FAIL
        return cls(verdict, frozenset({exit_code} - {ExitCode.OK}))


class Ruled(ABC):
    """What has a ruling, and is judged by it."""

    __slots__ = ()

    @property
    @abstractmethod
    def ruling(self) -> Ruling:
        """The verdict."""

    @property
    def verdict(self) -> Verdict:
        """That of the ruling."""
        return self.ruling.verdict

    @property
    def exit_codes(self) -> frozenset[int]:
        """Everything that is wrong, as exit codes, without 0; empty for pass and skipped."""
        return self.ruling.exit_codes

    @property
    def exit_code(self) -> int:
        """The most severe one (reference/exit-codes.md); never 0 for a verdict that is not pass or skipped."""
        return self.ruling.exit_code


def best_of(verdicts: Iterable[Verdict]) -> Verdict | None:
    """The best of alternatives (VERIFY-4, D27); None if there are none."""
    return min(verdicts, key=lambda verdict: verdict.rank, default=None)


def all_of(parts: Iterable[Judged]) -> Ruling:
    """The worst of conditions that must all hold; no conditions are a failure.

    Skipped beside pass is a pass; only skipped is skipped.
    """
    judged = list(parts)
    verdicts = {part.verdict for part in judged}
    codes = frozenset[int]().union(*(part.exit_codes for part in judged)) - {ExitCode.OK}
    if verdicts & {Verdict.PASS, Verdict.SKIPPED} == {Verdict.PASS, Verdict.SKIPPED}:
        verdicts.discard(Verdict.SKIPPED)
    worst = max(verdicts, key=lambda verdict: verdict.rank, default=Verdict.FAIL)
    return Ruling(worst, codes)


def unless(problems: Iterable[Judged]) -> Ruling:
    """Pass if there are no problems; else the worst of them."""
    found = list(problems)
    return all_of(found) if found else Ruling(Verdict.PASS)


def worst_first(problems: Iterable[J]) -> list[J]:
    """Those by whose code a run ends come first, else in their order: a sentence about one is about the first."""
    found = list(problems)
    code = unless(found).exit_code
    return sorted(found, key=lambda problem: code not in problem.exit_codes)
