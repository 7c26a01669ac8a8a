"""The report on an import: what was judged, and what is in the registry now."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from airgap.errors import AirgapError, ContentError, UntrustedError, UsageError
from airgap.reasons import ExitCode
from airgap.report.copying import CopyReport, copy_error_document
from airgap.report.finding_text import problem_lines, problem_text, warning_lines
from airgap.report.report import Json, OutcomeReport
from airgap.report.style import PLAIN, Style
from airgap.report.verdict_sentence import headline
from airgap.report.verify_text import VerifyReport, artifact_table, judged_by
from airgap.report.wording import count, sentences_of
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

    def heading(self) -> Json:
        """The document without the artifacts that were judged."""
        outcome = self.outcome.outcome
        return self._with_judgement(VerifyReport(outcome).heading() if outcome else None)

    def _members(self) -> Json:
        outcome = self.outcome.outcome
        return self._with_judgement(VerifyReport(outcome).document() if outcome else None)

    def _with_judgement(self, judgement: Json | None) -> Json:
        result = self.outcome
        return {
            **self.first_members(IMPORT_SCHEMA),
            "registry": result.registry,
            "dry_run": result.dry_run,
            "imported": self.exit_code == ExitCode.OK and not result.dry_run,
            "judgement": judgement,
            "copy": self._copied.document() if self._copied else None,
            "error": copy_error_document(result.error) if result.error else None,
        }

    def as_judged_run(self) -> JudgedRun:
        """See `Report`."""
        from airgap.report.judged_run import run_of

        word, _, what = self._result()
        return run_of(
            self.outcome.outcome,
            command="airgap import",
            headline=f"{word}: {what}.",
            exit_code=self.exit_code,
            heading=self.heading,
            error=self.outcome.error,
        )

    def lines(self, style: Style) -> Iterator[str]:
        """Where to, by what it was judged, what is there now, what is not and why, and last the result."""
        outcome = self.outcome.outcome
        word, kind, what = self._result()
        facts = [what, *(judged_by(outcome) if outcome is not None else ())]
        yield from style.entry(word, ", ".join(facts), kind)
        if self._copied is not None:
            yield from self._copied.body_lines(style, accepted=True)
        if outcome is not None:
            accepted = self._copied is None or self.verbose
            yield from artifact_table(outcome, style, verbose=self.verbose, accepted=accepted)
            yield from problem_lines(outcome.problems, style)
        yield from self._error_lines(style)
        yield ""
        yield from self._ending(style)

    def brief_lines(self) -> Iterator[str]:
        """What is odd about what was accepted, why something is not there, and the result."""
        if self._copied is not None:
            yield from self._copied.brief_body_lines()
        elif self.outcome.outcome is not None:
            yield from (f"problem {problem_text(problem)}" for problem in self.outcome.outcome.problems)
        yield from self._error_lines(PLAIN)
        yield from self._ending(PLAIN)

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterator[str]:
        """Warnings of the judgement and of the copy."""
        outcome, copied = self.outcome.outcome, self._copied
        warnings = [*(outcome.warnings if outcome else ())]
        warnings += [item for item in (copied.result.warnings if copied else ()) if item not in warnings]
        yield from warning_lines(warnings, style, quiet=quiet)

    @property
    def _copied(self) -> CopyReport | None:
        copied = self.outcome.copied
        if copied is None:
            return None
        return CopyReport(result=copied, error=self.outcome.error, seconds=self.seconds, verbose=self.verbose)

    def _ending(self, style: Style) -> Iterator[str]:
        """The result, then the verdict with the names of what failed."""
        word, kind, what = self._result()
        sentences = [f"{what}."]
        if self._copied is not None and self.exit_code == ExitCode.OK:
            sentences.append(f"{self._copied.amount}.")
        if (outcome := self.outcome.outcome) is not None:
            sentences.append(headline(outcome))
        return style.ending(word, sentences_of(*sentences), self.exit_code, kind)

    def _result(self) -> tuple[str, str, str]:
        """The result in a word or three, how it is painted, and what it is about."""
        result, code = self.outcome, self.exit_code
        there = len([item for item in result.copied.artifacts if item.status != "failed"]) if result.copied else 0
        judged = len(result.outcome.artifacts) if result.outcome else 0
        total = count(max(len(result.copied.artifacts) if result.copied else 0, judged), "artifact")
        place = result.registry
        if code == ExitCode.OK and result.dry_run:
            return "WOULD BE IMPORTED", "strong", f"{total} into {place}, nothing was written"
        if code == ExitCode.OK:
            return "IMPORTED", "good", f"{total} in {place}"
        is_all = there == judged and (result.copied is None or there == len(result.copied.artifacts))
        if there and is_all and result.error is not None:
            return "IMPORTED", "unsure", f"{total} in {place}, but something else failed"
        if there:
            word = "WOULD BE IMPORTED IN PART" if result.dry_run else "IMPORTED IN PART"
            return word, "unsure", f"{there} of {total} in {place}"
        if result.copied is not None and not result.dry_run and _may_be_named(result.copied):
            return "NOT IMPORTED", "bad", f"some tags may be in {place}, as it failed while tags were put; import again"
        return "NOT IMPORTED", "bad", f"no tag was put into {place}"

    def _error_lines(self, style: Style) -> Iterator[str]:
        """The error, where no verdict says it."""
        error, outcome = self.outcome.error, self.outcome.outcome
        if error is None or (outcome is not None and error.reason in reasons_of(outcome)):
            return
        yield from style.entry("problem", str(error), "bad")
        if error.remedy:
            yield from style.arrow(error.remedy)


def _may_be_named(copied: CopyResult) -> bool:
    """Whether something that was accepted failed after its content was there, or it is not known."""
    accepted = (item for item in copied.artifacts if item.judged is None or not item.judged.exit_code)
    before = ContentError | UntrustedError | UsageError
    return not copied.artifacts or any(not isinstance(item.error, before) for item in accepted)


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
