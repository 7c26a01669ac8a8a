"""What `airgap copy` did: one line an artifact, or the document `airgap.copy/1`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from airgap.errors import AirgapError, ContentError, UntrustedError
from airgap.reasons import ExitCode, most_severe
from airgap.report.artifact_names import short
from airgap.report.copied_text import CopiedText
from airgap.report.report import TOOL, Json, Report
from airgap.report.style import PLAIN, Style, unbroken
from airgap.report.wording import count, lookup_document, sentences_of, size
from airgap.text import safe, some
from airgap.transfer.copied import CopiedArtifact, CopyResult, Totals
from airgap.transfer.left_behind import told_of_records
from airgap.transfer.room import Room

if TYPE_CHECKING:
    from airgap.collection.coverage import FetchOutcome
    from airgap.report.fetching import FetchReport
    from airgap.verifier.outcome import ArtifactOutcome

COPY_SCHEMA = "airgap.copy/1"

_NAMES = 3
"""Files that are named in a line."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CopyReport(Report):
    """What `airgap.copy` did: one line an artifact, or `airgap.copy/1`."""

    result: CopyResult
    error: AirgapError | None = None
    """The error that ended it. The artifacts of the result were copied before; nothing is known of others."""
    seconds: float | None = None
    """How long it took."""
    evidence: FetchOutcome | None = None
    """The evidence that was fetched afterwards."""
    complete: bool = False
    """Whether missing evidence is a failure (15)."""
    verbose: bool = False
    """Whether the text has a row for each artifact, and whole digests."""
    signed: bool = False
    """Whether an artifact without a signature is one (10)."""

    @classmethod
    def of_failure(cls, error: AirgapError, destination: str) -> Self:
        """The report of a copy that raised `error`."""
        nothing = CopyResult(destination=safe(destination), dry_run=False, artifacts=(), totals=Totals())
        return cls(result=nothing, error=error)

    @property
    def exit_code(self) -> int:
        """The most severe of the copy, of the evidence and of what is not signed; 20 is the least severe."""
        code = (self.error or self.result).exit_code
        if self.evidence is None:
            return code
        found = {
            ExitCode.UNSIGNED: self.signed and bool(self.result.unsigned),
            ExitCode.REVOKED: self.evidence.is_revoked,
            ExitCode.INDETERMINATE: self.complete and self.evidence.misses_something,
        }
        return most_severe({code, self.evidence.exit_code, *(code for code, is_so in found.items() if is_so)})

    def document(self) -> Json:
        """The result as JSON; docs/reference/copy.md describes it."""
        evidence = self._evidence()
        return {
            **_document(self.result, self.error),
            "exit_code": self.exit_code,
            "unsigned": list(self._unsigned),
            **({"evidence": evidence.document()} if evidence else {}),
        }

    def lines(self, style: Style) -> Iterator[str]:
        """What was copied where, a table, the evidence in a line, and last the result with what was not copied."""
        word, kind = self._word()
        yield from style.entry(word, self._what(), kind)
        yield from self.body_lines(style)
        yield from self._evidence_lines(style)
        yield ""
        yield from self._ending(style)

    def body_lines(self, style: Style, *, accepted: bool = False) -> Iterator[str]:
        """Notes and the table; `accepted`: without what was refused by its verdict."""
        artifacts = self.result.artifacts
        if accepted:
            artifacts = tuple(item for item in artifacts if item.judged is None or not item.judged.exit_code)
        yield from CopiedText(self.result, artifacts, style, verbose=self.verbose).lines()

    def brief_lines(self) -> Iterator[str]:
        """What was not copied, what is odd about what was, and the result."""
        yield from self.brief_body_lines()
        yield from self._evidence_lines(PLAIN, brief=True)
        yield from self._ending(PLAIN)

    def brief_body_lines(self) -> Iterator[str]:
        """The same without the result. Where an error ended it, all that was copied is named."""
        text = CopiedText(self.result, self.result.artifacts, PLAIN)
        if self.error is not None:
            yield from text.lines()
            return
        yield from text.note_lines(brief=True)
        yield from text.failure_lines()

    def warning_lines(self, style: Style, *, quiet: bool = False) -> Iterator[str]:
        """Warnings of the judgement, and what a whole layout lists and is not copied."""
        del quiet
        if self.result.warnings:
            from airgap.report.finding_text import warning_lines

            yield from warning_lines(self.result.warnings, style)

    def _word(self) -> tuple[str, str]:
        """The result in a word or three, and how it is painted."""
        result = self.result
        states = {artifact.status for artifact in result.artifacts}
        if self.error is not None:
            return "STOPPED", "bad"
        if states == {"failed"}:
            return "NOT COPIED", "bad"
        if result.dry_run:
            if result.room is not None and result.room.problem:
                return "DOES NOT FIT", "bad"
            is_part = bool(states & {"failed", "partial"})
            return ("WOULD BE COPIED IN PART", "unsure") if is_part else ("WOULD BE COPIED", "strong")
        if states & {"failed", "partial"}:
            return "COPIED IN PART", "unsure"
        return ("CURRENT" if states == {"current"} else "COPIED"), "good" if self.exit_code == ExitCode.OK else "unsure"

    def _what(self) -> str:
        """How many artifacts, and where to."""
        artifacts = self.result.artifacts
        done = sum(artifact.status != "failed" for artifact in artifacts)
        number = count(done, "artifact") if done == len(artifacts) else f"{done} of {count(len(artifacts), 'artifact')}"
        return f"{number} into {self.result.destination}"

    @property
    def amount(self) -> str:
        """How much of it is new there."""
        result, totals = self.result, self.result.totals
        verb = "would be copied" if result.dry_run else "copied"
        counted = f"{count(totals.blobs, 'blob')}, {count(totals.manifests, 'manifest')}"
        parts = [f"{unbroken(size(totals.bytes))} {verb} ({counted})"]
        others = {how: number for how, number in totals.by.items() if how != "copied" and number}
        parts += [f"{unbroken(size(number))} of it {how}" for how, number in sorted(others.items())]
        if totals.present_bytes:
            parts.append(f"{unbroken(size(totals.present_bytes))} there already")
        if self.seconds is not None and not result.dry_run:
            parts.append(unbroken(f"{self.seconds:.1f} s"))
        return ", ".join(parts)

    def _ending(self, style: Style) -> Iterator[str]:
        word, kind = self._word()
        return style.ending(word, sentences_of(*self._sentences()), self.exit_code, kind)

    def _sentences(self) -> Iterator[str]:
        result, room = self.result, self.result.room
        if self.error is not None:
            yield "by an error: what is not listed here was copied in part, or not at all."
        yield f"{self._what()}, {self.amount}."
        for status, text in (("failed", "not copied"), ("partial", "copied without all that is attached")):
            if names := [short(item.source) for item in result.artifacts if item.status == status]:
                yield f"{text}: {some(names, _NAMES)}."
        if unsigned := self._unsigned:
            yield f"unsigned, and --allow-unsigned takes it: {some(list(map(short, unsigned)), _NAMES)}."
        if evidence := self._evidence():
            yield evidence.sentence()
        if room is not None and room.problem:
            yield f"{room.problem}."
        elif room is not None and room.free is not None:
            needed, free = unbroken(size(room.needed)), unbroken(size(room.free))
            yield f"it fits: {needed} are needed, {free} are free in {room.place}."

    def _evidence_lines(self, style: Style, *, brief: bool = False) -> Iterator[str]:
        """What lacks of the evidence, what came without a signature, and what does not fit: with what to do."""
        for name in self._unsigned:
            text = f"{name} came without a signature; --allow-unsigned takes it"
            yield from style.entry("UNSIGNED", text, "bad")
        if (room := self.result.room) and room.problem:
            yield from style.entry("problem", str(room.problem), "bad")
            yield from style.arrow(room.problem.remedy)
        evidence = self._evidence()
        found = self.evidence
        if evidence and found and not brief and (found.misses_something or found.is_revoked):
            yield from evidence.table_lines(style)

    @property
    def _unsigned(self) -> tuple[str, ...]:
        """What came without a signature although one is demanded."""
        return self.result.unsigned if self.signed else ()

    def _evidence(self) -> FetchReport | None:
        if self.evidence is None:
            return None
        from airgap.report.fetching import FetchReport

        return FetchReport(self.evidence)


def _room(room: Room) -> Json:
    return {
        "place": room.place,
        "needed": room.needed,
        "largest": room.largest,
        "free": room.free,
        "file_limit": room.file_limit,
        "fits": room.problem is None,
    }


def _document(result: CopyResult, error: AirgapError | None) -> Json:
    totals = result.totals
    return {
        "schema": COPY_SCHEMA,
        "tool": TOOL,
        "destination": result.destination,
        "dry_run": result.dry_run,
        "artifacts": [_artifact(artifact) for artifact in result.artifacts],
        "totals": {
            "blobs": totals.blobs,
            "manifests": totals.manifests,
            "bytes": totals.bytes,
            "by": dict(totals.by),
            "present_bytes": totals.present_bytes,
        },
        "moved_tags": list(result.moved_tags),
        **({"room": _room(result.room)} if result.room else {}),
        "evidence_left": [{"source": left.source, "names": list(left.names)} for left in result.evidence_left],
        "warnings": list(_warnings(result)),
        "error": copy_error_document(error) if error else None,
    }


def _warnings(result: CopyResult) -> Iterator[Json]:
    if result.warnings:
        from airgap.verifier.artifact_document import problem_document

        yield from map(problem_document, result.warnings)


def _artifact(artifact: CopiedArtifact) -> Json:
    planned = artifact.planned
    descriptor = artifact.descriptor
    return {
        "source": artifact.source,
        "status": artifact.status,
        "digest": str(descriptor.digest) if descriptor else None,
        "media_type": safe(descriptor.media_type) if descriptor else None,
        "size": descriptor.size if descriptor else None,
        "destinations": list(artifact.destinations),
        "tags": [safe(tag) for tag in artifact.tags],
        "referrers": [
            {
                "digest": str(item.descriptor.digest),
                "subject": str(item.subject),
                "artifact_type": safe(item.artifact_type) if item.artifact_type else None,
                "mechanism": item.mechanism,
            }
            for item in (planned.attached if planned else ())
        ],
        "looked": [lookup_document(item.lookup) for item in (planned.referrers if planned else ())],
        "left_out": [
            {"digest": str(item.digest), "platform": str(item.platform) if item.platform else None}
            for item in (planned.left_out if planned else ())
        ],
        "not_chosen": [
            {
                "digest": str(item.descriptor.digest),
                "artifact_type": safe(item.artifact_type) if item.artifact_type else None,
            }
            for item in (planned.unchosen if planned else ())
        ],
        "not_asked": planned.unasked if planned else 0,
        "elsewhere": [
            {"digest": str(layer.digest), "size": layer.size, "urls": [safe(url) for url in layer.urls]}
            for layer in (planned.elsewhere if planned else ())
        ],
        "left_behind": [
            *(str(problem) for problem in (planned.problems if planned else ())),
            *(sentence for _, sentence in (told_of_records(planned) if planned else ())),
        ],
        "notes": list(planned.notes if planned else ()),
        "judged": _judged(artifact.judged) if artifact.judged else None,
        "error": copy_error_document(artifact.error) if artifact.error else None,
    }


def _judged(outcome: ArtifactOutcome) -> Json:
    accepted = outcome.accepted
    return {
        "verdict": outcome.verdict.value,
        "scope": safe(outcome.scope) if outcome.scope else None,
        "statement": safe(outcome.policy.statement) if outcome.policy else None,
        "signer": accepted.signer.subject if accepted and accepted.signer else None,
        "warnings": [*outcome.warnings, *(accepted.warnings if accepted else ())],
    }


def copy_error_document(error: AirgapError) -> Json:
    """An error as JSON."""
    return {
        "message": str(error),
        "remedy": error.remedy,
        "exit_code": error.exit_code,
        "reason": error.reason if isinstance(error, ContentError | UntrustedError) else None,
        "facts": dict(error.facts),
    }
