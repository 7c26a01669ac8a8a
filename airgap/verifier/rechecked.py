"""What a recheck says: artifacts then and now, and what changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from airgap.moment import Moment
from airgap.reasons import ExitCode
from airgap.verifier.outcome import ArtifactOutcome, Verdict, exit_code_of
from airgap.verifier.recorded import RecordedArtifact
from airgap.verifier.run import Problem


class Basis(StrEnum):
    """What an artifact was judged from."""

    LAYOUT = "layout"
    REPORT = "report"


class Change(StrEnum):
    """What became of an earlier verdict."""

    UNCHANGED = "unchanged"
    WORSE = "worse"
    """It was better before: accepted, or at least undecided."""
    BETTER = "better"
    UNKNOWN = "unknown"
    """No earlier verdict is at hand."""


_RANK: Final = {Verdict.PASS: 0, Verdict.SKIPPED: 1, Verdict.INDETERMINATE: 2, Verdict.FAIL: 3}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rechecked:
    """One artifact, then and now."""

    basis: Basis
    now: ArtifactOutcome
    was: RecordedArtifact | None = None
    """The earlier judgement; None where a layout was named, and no report about it."""
    content_failed: bool = False
    """The report says that content was bad, and nobody can look again."""

    @property
    def verdict(self) -> Verdict:
        """The verdict now."""
        return Verdict.FAIL if self.content_failed else self.now.verdict

    @property
    def change(self) -> Change:
        """From then to now."""
        if self.was is None:
            return Change.UNKNOWN
        then, now = _RANK[self.was.verdict], _RANK[self.verdict]
        return Change.UNCHANGED if then == now else Change.WORSE if now > then else Change.BETTER

    @property
    def exit_codes(self) -> frozenset[int]:
        """What the verdict now rests on."""
        codes = self.now.exit_codes | ({ExitCode.CONTENT} if self.content_failed else frozenset())
        return frozenset(codes)

    @property
    def because(self) -> tuple[tuple[str, str], ...]:
        """Reason and sentence of everything that keeps it from being accepted now."""
        found: list[tuple[str, str]] = []
        if self.content_failed:
            found.append(("content.digest", "the report says that the content was bad"))
        if self.now.policy_finding:
            found.append(self.now.policy_finding)
        if self.now.content is not None:
            found += [(problem.reason, problem.message) for problem in self.now.content.problems]
        if self.now.signature_verdict is not Verdict.PASS:
            if self.now.unsigned:
                found.append((self.now.unsigned.reason, self.now.unsigned.message))
            found += [
                (finding.reason, finding.message)
                for signature in self.now.signatures
                for finding in signature.findings
                if finding.blocks and finding.reason
            ]
        return tuple(dict.fromkeys(found))


@dataclass(frozen=True, slots=True, kw_only=True)
class RecheckOutcome:
    """The whole run."""

    moment: Moment
    trust: Mapping[str, object]
    artifacts: tuple[Rechecked, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()

    @property
    def exit_codes(self) -> frozenset[int]:
        """Every exit code that applies, without 0."""
        codes = {problem.exit_code for problem in self.problems}
        return frozenset(codes.union(*(artifact.exit_codes for artifact in self.artifacts)) - {ExitCode.OK})

    @property
    def verdict(self) -> Verdict:
        """PASS where all that was judged is still acceptable, and not all of it because nobody is to look."""
        verdicts = {artifact.verdict for artifact in self.artifacts}
        if self.problems or Verdict.FAIL in verdicts or not verdicts:
            return Verdict.FAIL
        if Verdict.INDETERMINATE in verdicts:
            return Verdict.INDETERMINATE
        return Verdict.PASS if Verdict.PASS in verdicts else Verdict.SKIPPED

    @property
    def exit_code(self) -> int:
        """The most severe one; never 0 for a verdict that is not pass."""
        return exit_code_of(self.verdict, self.exit_codes)
