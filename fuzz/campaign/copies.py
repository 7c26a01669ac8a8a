"""`copy --trust` of a mutant, beside the verdict of verify: decision 0036 says that both give the same."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Final

from airgap import CopyRequest, copy
from airgap.errors import AirgapError
from airgap.reasons import ExitCode
from airgap.verifier.outcome import Outcome
from fuzz.bounds import bounded_time
from fuzz.campaign.changes import Mutant
from fuzz.campaign.judge import Bench

SHARE: Final = 16
"""Of so many mutants one is copied, too: a copy and the verdict on it take longer than the verdict on the mutant."""


@dataclass(frozen=True, slots=True)
class Copied:
    """What came of a copy into a layout that was not there."""

    exit_code: int
    again: int | None = None
    """That of verify, asked in the same way about the copy; None where nothing was copied."""
    has_all_evidence: bool = True
    """Whether evidence that may have counted for the mutant is in the copy, too."""

    def broken(self, outcome: Outcome) -> str | None:
        """How the copy disagrees with the verdict on the mutant, as a sentence; None where it does not."""
        if self.exit_code != 0:
            return None
        if outcome.exit_code != 0:
            return f"copy --trust ends with 0, and verify with {outcome.exit_code}"
        if self.again == 0 or (self.again == ExitCode.INDETERMINATE and not self.has_all_evidence):
            return None
        return f"copy --trust and verify end with 0, and verify of the copy with {self.again}"


def copied(bench: Bench, mutant: Mutant, part: str) -> Copied:
    """What `airgap copy --trust` does with the mutant; `part`: nothing, or `:tag` or `@digest`."""
    case = mutant.case
    with bench.placed(mutant) as (target, trust):
        place = target.parent / "copy"
        request = CopyRequest(
            sources=[f"{target}{part}"],
            destination=str(place / "layout"),
            at=case.at,
            clock=case.at,
            trust=trust,
            scope=case.scope,
        )
        place.mkdir()
        try:
            with bounded_time():
                done = copy(request, executor=bench.executor)
            if done.exit_code != 0:
                return Copied(done.exit_code)
            again = bench.verdict(f"{request.destination}{part}", case, trust)
            return Copied(0, again.exit_code, not done.evidence_left)
        except AirgapError as error:
            return Copied(error.exit_code)
        finally:
            shutil.rmtree(place)
