"""`import` of a mutant into a registry, beside the verdict of verify: both give the same (decision 0036)."""

from __future__ import annotations

from dataclasses import dataclass

from airgap import ImportRequest, import_artifacts
from airgap.errors import AirgapError
from airgap.net.credentials import Credentials
from airgap.verdict import Verdict
from airgap.verifier.outcome import Outcome
from fuzz.bounds import bounded_time
from fuzz.campaign.changes import Mutant
from fuzz.campaign.judge import REFERRERS_TAG, Bench
from tests.support.registry import LoopbackRegistry


@dataclass(frozen=True, slots=True)
class Imported:
    """What came of an import into an empty repository."""

    exit_code: int
    tags: dict[str, str]
    """Those that were put, with what they name; without those of referrers."""

    def broken(self, outcome: Outcome) -> str | None:
        """How the import disagrees with the verdict on the mutant, as a sentence; None where it does not."""
        if self.exit_code != 0:
            return f"import ends with {self.exit_code}, and puts the tags {sorted(self.tags)}" if self.tags else None
        if outcome.exit_code != 0:
            return f"import ends with 0, and verify with {outcome.exit_code}"
        passed = {str(item.descriptor.digest) for item in outcome.artifacts if item.verdict is not Verdict.FAIL}
        wrong = sorted(tag for tag, digest in self.tags.items() if digest not in passed)
        return f"import puts {wrong}, which verify did not judge" if wrong else None


def imported(bench: Bench, mutant: Mutant, part: str) -> Imported:
    """What `airgap import` does with the mutant; `part`: nothing, or `:tag` or `@digest`."""
    case = mutant.case
    with bench.placed(mutant) as (target, trust), LoopbackRegistry() as registry:
        request = ImportRequest(
            targets=[f"{target}{part}"],
            registry=f"{registry.host}/app",
            clock=case.at,
            scope=case.scope,
            to_repository=True,
        )
        try:
            with bounded_time():
                result = import_artifacts(
                    request, trust, credentials=Credentials(environment={}), executor=bench.executor
                )
            code = result.exit_code
        except AirgapError as error:
            code = error.exit_code
        tags = registry.repositories["app"].tags
        return Imported(code, {tag: digest for tag, digest in tags.items() if not REFERRERS_TAG.fullmatch(tag)})
