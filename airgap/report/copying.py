"""What `airgap copy` did: one line an artifact, or the document `airgap.copy/1`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from airgap.errors import AirgapError, ContentError, UntrustedError
from airgap.oci.descriptor import NOTARY_SIGNATURE
from airgap.oci.lookup import Mechanism
from airgap.reasons import ExitCode, most_severe
from airgap.report.report import TOOL, Json, Report
from airgap.report.style import PLAIN, Style
from airgap.report.wording import count, lookup_document, size
from airgap.text import safe, some
from airgap.transfer.copied import CopiedArtifact, CopyResult, Totals
from airgap.transfer.left_behind import told_of_records
from airgap.transfer.room import Room

if TYPE_CHECKING:
    from airgap.collection.coverage import FetchOutcome
    from airgap.report.fetching import FetchReport
    from airgap.transfer.plan import PlannedArtifact
    from airgap.verifier.outcome import ArtifactOutcome

COPY_SCHEMA = "airgap.copy/1"

_NAMES = 3
"""Files that are named in a line."""
_TAKE_ALONG = "Take it along: airgap trust fetch --no-download --into COPY COPY SOURCE"
_ATTACH = "Attach it, and copy again: airgap trust fetch --no-download --into SOURCE SOURCE"
_SKIPPED = "the policy skips it: NOTHING proves who made it"
_TAKEN = "it is not accepted here, and was taken because that was asked for"
_KIND = {"copied": "good", "current": "good", "planned": "strong", "partial": "unsure", "failed": "bad"}
_COSIGN = {"sig": "cosign signature", "att": "cosign attestation", "sbom": "cosign SBOM"}
_WORD = {"copied": "copied", "current": "current", "planned": "planned", "partial": "PARTIAL", "failed": "FAILED"}


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
        """The whole result."""
        yield from _lines(self.result, style, self.seconds)
        yield from self._stop_lines(style)
        yield from self._unsigned_lines(style)
        if evidence := self._evidence():
            yield from evidence.lines(style)

    def accepted_lines(self, style: Style) -> Iterator[str]:
        """The result for what was not refused by its verdict."""
        refused = [item for item in self.result.artifacts if item.judged is not None and item.judged.exit_code]
        accepted = tuple(item for item in self.result.artifacts if item not in refused)
        yield from _lines(replace(self.result, artifacts=accepted), style, self.seconds)
        yield from self._stop_lines(style)

    def brief_lines(self) -> Iterator[str]:
        """What went over, in one line, and another one for the evidence; then what did not, and what is not signed."""
        for artifact in self.result.artifacts:
            if self.error or artifact.status in {"failed", "partial"}:
                yield from _artifact_lines(artifact, PLAIN)
            elif artifact.judged is not None:
                yield from (f"note {artifact.source}: {note}" for note in _judged_notes(artifact.judged))
        yield from _warning_lines(self.result, PLAIN)
        yield from _evidence_left_lines(self.result, PLAIN)
        yield _headline(self.result)
        yield from self._stop_lines(PLAIN)
        yield from _room_lines(self.result, PLAIN)
        yield from self._unsigned_lines(PLAIN)
        if evidence := self._evidence():
            yield from evidence.brief_lines()

    def _stop_lines(self, style: Style) -> Iterator[str]:
        if self.error is not None:
            text = "by an error: what is not listed here was copied in part, or not at all"
            yield f"{style.paint('bad', 'STOPPED')} {text}"

    def _unsigned_lines(self, style: Style) -> Iterator[str]:
        for name in self._unsigned:
            yield f"{style.paint('bad', 'UNSIGNED')} {name} came without a signature; --allow-unsigned takes it"

    @property
    def _unsigned(self) -> tuple[str, ...]:
        """What came without a signature although one is demanded."""
        return self.result.unsigned if self.signed else ()

    def _evidence(self) -> FetchReport | None:
        if self.evidence is None:
            return None
        from airgap.report.fetching import FetchReport

        return FetchReport(self.evidence)


def _headline(result: CopyResult, seconds: float | None = None) -> str:
    """What was copied, in one line."""
    totals = result.totals
    verb = "would be copied" if result.dry_run else "copied"
    parts = [f"{size(totals.bytes)} {verb} ({count(totals.blobs, 'blob')}, {count(totals.manifests, 'manifest')})"]
    others = {how: number for how, number in totals.by.items() if how != "copied" and number}
    parts += [f"{size(number)} of it {how}" for how, number in sorted(others.items())]
    if totals.present_bytes:
        parts.append(f"{size(totals.present_bytes)} there already")
    if seconds is not None and not result.dry_run:
        parts.append(f"{seconds:.1f} s")
    return "; ".join(parts)


def _lines(result: CopyResult, style: Style, seconds: float | None) -> Iterator[str]:
    for artifact in result.artifacts:
        yield from _artifact_lines(artifact, style)
    for tag in result.moved_tags:
        yield f"  {style.paint('unsure', 'note')} the tag {tag} named something else before"
    yield from _warning_lines(result, style)
    yield from _evidence_left_lines(result, style)
    yield _headline(result, seconds)
    yield from _room_lines(result, style)


def _warning_lines(result: CopyResult, style: Style) -> Iterator[str]:
    if result.warnings:
        from airgap.report.finding_text import warning_lines

        yield from warning_lines(result.warnings, style)


def _room_lines(result: CopyResult, style: Style) -> Iterator[str]:
    room = result.room
    if room is None:
        return
    if problem := room.problem:
        yield f"{style.paint('bad', 'DOES NOT FIT')} {problem}"
        yield f"     → {problem.remedy}"
    elif room.free is not None:
        yield f"it fits: {size(room.needed)} are needed, {size(room.free)} are free in {room.place}"


def _room(room: Room) -> Json:
    return {
        "place": room.place,
        "needed": room.needed,
        "largest": room.largest,
        "free": room.free,
        "file_limit": room.file_limit,
        "fits": room.problem is None,
    }


def _evidence_left_lines(result: CopyResult, style: Style) -> Iterator[str]:
    for left in result.evidence_left:
        verb = "would not be copied" if result.dry_run else "was not copied"
        text = f"evidence about revocation in {left.source} {verb}: {some(left.names, _NAMES)}"
        yield f"{style.paint('unsure', 'note')} {text}"
        yield f"     → {_ATTACH if result.into_registry else _TAKE_ALONG}"


def _artifact_lines(artifact: CopiedArtifact, style: Style) -> Iterator[str]:
    word = style.paint(_KIND[artifact.status], f"{_WORD[artifact.status]:<8}")
    where = f" -> {', '.join(artifact.destinations)}" if artifact.destinations else ""
    yield f"{word} {artifact.source}{where}"
    if artifact.error is not None:
        yield f"         {artifact.error}"
        if artifact.error.remedy:
            yield f"         → {artifact.error.remedy}"
        return
    if artifact.descriptor is not None:
        yield f"         {style.paint('quiet', f'{artifact.descriptor.digest}  {_attached(artifact)}')}"
    if artifact.judged is not None:
        yield from _judged_lines(artifact.judged, style)
    if artifact.planned is None:
        return
    for text in _not_chosen(artifact.planned):
        yield f"         {style.paint('unsure', 'note')} {text}"
    for layer in artifact.planned.elsewhere:
        where = f"; it is at {safe(layer.urls[0], limit=160)}" if layer.urls else ""
        text = f"a non-distributable layer did not come along: {layer.digest} ({size(layer.size)}){where}"
        yield f"         {style.paint('unsure', 'note')} {text}"
    for problem in artifact.planned.problems:
        yield f"         {style.paint('bad', 'left behind')} {problem}"
    for note in artifact.planned.notes:
        yield f"         {style.paint('unsure', 'note')} {note}"


def _not_chosen(planned: PlannedArtifact) -> Iterator[str]:
    """What was left out or behind by choice, or not looked for."""
    if planned.left_out:
        names = ", ".join(sorted({str(item.platform or "of no platform") for item in planned.left_out}))
        yield f"left out, and recorded as left out: {names}"
    kinds = Counter(item.artifact_type or "unknown type" for item in planned.unchosen)
    if kinds:
        told = [f"{number} {safe(kind, limit=80)}" for kind, number in sorted(kinds.items())]
        yield f"{count(len(planned.unchosen), 'referrer')} not chosen and left behind: {some(told, _NAMES)}"
    if planned.unasked and planned.referrers:  # where none was asked, the line before says so
        yield f"the referrers of {count(planned.unasked, 'attachment')} were not looked for (--depth)"


def _judged_lines(outcome: ArtifactOutcome, style: Style) -> Iterator[str]:
    from airgap.report.finding_text import signed_by, soft_notes

    accepted = outcome.accepted
    if accepted is None or accepted.signer is None or outcome.unjudged:
        yield f"         {style.paint('unsure', 'note')} {_TAKEN if outcome.exit_code else _SKIPPED}"
        return
    yield f"         {signed_by(accepted)} {accepted.signer.subject}"
    for text in soft_notes(outcome):
        yield f"         {style.paint('unsure', 'note')} {text}"


def _judged_notes(outcome: ArtifactOutcome) -> tuple[str, ...]:
    """What verify says with --quiet, too: what is odd about the accepted signature, or that none was judged."""
    accepted = outcome.accepted
    if accepted is None or outcome.unjudged:
        return (_TAKEN if outcome.exit_code else _SKIPPED,)
    return accepted.warnings


def _attached(artifact: CopiedArtifact) -> str:
    planned = artifact.planned
    if planned is None:
        return ""
    if not planned.referrers:
        return "referrers not looked for"
    asked = any(found.lookup.mechanism in set(Mechanism) for found in planned.referrers)
    unasked = "; cosign's tags not looked for (--no-digest-tags)" if asked and not planned.digest_tags else ""
    if not planned.attached:
        return f"{'without its referrers' if planned.problems else 'no referrers'}{unasked}"
    kinds = Counter(_COSIGN.get(item.cosign or "") or item.artifact_type or "unknown type" for item in planned.attached)
    signatures = kinds.pop(NOTARY_SIGNATURE, 0)
    parts = [count(signatures, "signature")] if signatures else []
    parts += [
        count(number, kind) if kind in _COSIGN.values() else f"{number} {safe(kind, limit=80)}"
        for kind, number in sorted(kinds.items())
    ]
    return f"with {', '.join(parts)}{unasked}"


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
