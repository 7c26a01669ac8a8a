"""The report on an import: what was judged, and what is in the registry now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from airgap.errors import AirgapError, ContentError
from airgap.reasons import ExitCode
from airgap.report.copying import CopyReport, copy_error_document
from airgap.report.finding_text import problem_and_warning_lines
from airgap.report.report import TOOL, Json, OutcomeReport
from airgap.report.style import PLAIN, Style
from airgap.report.verdict_sentence import headline
from airgap.report.verify_text import VerifyReport, artifact_lines, footer
from airgap.report.wording import count
from airgap.transfer.copied import CopyResult
from airgap.transfer.imported import ImportResult
from airgap.verifier.outcome import Outcome

if TYPE_CHECKING:
    from airgap.report.judged_run import JudgedRun

IMPORT_SCHEMA: Final = "airgap.import/1"


@dataclass(frozen=True, slots=True)
class ImportReport(OutcomeReport[ImportResult]):
    """What `airgap.import_artifacts` did: `airgap.import/1` (airgap/schemas/import.schema.json)."""

    verbose: bool = False
    """Whether the text says every check."""
    seconds: float | None = None
    """How long it took."""

    @classmethod
    def of_failure(cls, error: AirgapError, registry: str) -> Self:
        """The report of an import that ended with `error` before anything was read."""
        return cls(ImportResult(registry=registry, dry_run=False, outcome=None, copied=None, error=error))

    def _members(self) -> Json:
        result = self.outcome
        return {
            "schema": IMPORT_SCHEMA,
            "tool": TOOL,
            "exit_code": self.exit_code,
            "registry": result.registry,
            "dry_run": result.dry_run,
            "imported": self.exit_code == ExitCode.OK and not result.dry_run,
            "judgement": VerifyReport(result.outcome).document() if result.outcome else None,
            "copy": self._copied.document() if self._copied else None,
            "error": copy_error_document(result.error) if result.error else None,
        }

    def as_judged_run(self) -> JudgedRun:
        """See `Report`."""
        from airgap.report.judged_run import run_of

        outcome = self.outcome.outcome
        return run_of(
            outcome,
            command="airgap import",
            headline=self._headline(PLAIN),
            exit_code=self.exit_code,
            heading=lambda: {**self._members(), "judgement": VerifyReport(outcome).heading() if outcome else None},
            error=self.outcome.error,
        )

    def lines(self, style: Style) -> Iterator[str]:
        """What is in the registry, why something is not, and then each artifact."""
        yield self._headline(style)
        yield from self._error_lines(style)
        outcome = self.outcome.outcome
        if outcome is not None:
            yield headline(outcome)
            for artifact in outcome.artifacts:
                if artifact.exit_code or self.verbose:
                    yield from artifact_lines(artifact, style, self.verbose)
        if self._copied is not None:
            yield from self._copied.accepted_lines(style)
        elif outcome is not None:
            yield from problem_and_warning_lines(outcome, style)
        if outcome is not None:
            yield from footer(outcome, style)

    def brief_lines(self) -> Iterator[str]:
        """What is in the registry, in a line; and what odd there is about what was accepted."""
        yield self._headline(PLAIN)
        yield from self._error_lines(PLAIN)
        if self._copied is not None:
            yield from self._copied.brief_lines()
        elif self.outcome.outcome is not None:
            yield from VerifyReport(self.outcome.outcome).brief_lines()

    @property
    def _copied(self) -> CopyReport | None:
        copied = self.outcome.copied
        return CopyReport(result=copied, error=self.outcome.error, seconds=self.seconds) if copied else None

    def _headline(self, style: Style) -> str:
        result, code = self.outcome, self.exit_code
        there = len([item for item in result.copied.artifacts if item.status != "failed"]) if result.copied else 0
        judged = len(result.outcome.artifacts) if result.outcome else 0
        total = count(max(len(result.copied.artifacts) if result.copied else 0, judged), "artifact")
        if code == ExitCode.OK and result.dry_run:
            return style.paint("strong", f"WOULD BE IMPORTED: {total} into {result.registry}; nothing was written.")
        if code == ExitCode.OK:
            return style.paint("good", f"IMPORTED: {total} in {result.registry}.")
        is_all = there == judged and (result.copied is None or there == len(result.copied.artifacts))
        if there and is_all and result.error is not None:
            return style.paint(
                "unsure", f"IMPORTED: {total} in {result.registry}, but something else failed; see below."
            )
        if there:
            word = "WOULD BE IMPORTED IN PART" if result.dry_run else "IMPORTED IN PART"
            return style.paint("unsure", f"{word}: {there} of {total} in {result.registry}.")
        if result.copied is not None and not result.dry_run and _may_be_named(result.copied):
            why = "as it failed while tags were put. Import again."
            return style.paint("bad", f"NOT IMPORTED: some tags may be in {result.registry}, {why}")
        return style.paint("bad", f"NOT IMPORTED: no tag was put into {result.registry}.")

    def _error_lines(self, style: Style) -> Iterator[str]:
        """The error, where no verdict says it."""
        error, outcome = self.outcome.error, self.outcome.outcome
        if error is None or (outcome is not None and error.reason in reasons_of(outcome)):
            return
        yield f"  {style.paint('bad', 'problem')} {error}"
        if error.remedy:
            yield f"          → {error.remedy}"


def _may_be_named(copied: CopyResult) -> bool:
    """Whether something that was accepted failed after its content was there, or it is not known."""
    accepted = (item for item in copied.artifacts if item.judged is None or not item.judged.exit_code)
    return not copied.artifacts or any(not isinstance(item.error, ContentError) for item in accepted)


def reasons_of(outcome: Outcome) -> frozenset[str | None]:
    """The reason codes that the text about what did not verify names."""
    return frozenset(
        reason
        for artifact in outcome.artifacts
        if artifact.exit_code
        for reason in (
            *(problem.reason for problem in (artifact.unjudged, artifact.unsigned) if problem),
            *(finding.reason for signature in artifact.signatures for finding in signature.findings if finding.blocks),
            *(problem.reason for problem in (artifact.content.problems if artifact.content else ())),
        )
    ) | {problem.reason for problem in outcome.problems}
