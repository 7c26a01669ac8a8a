"""Snapshots in words, and as JSON documents: `airgap.snapshot/1` (docs/reference/snapshot.md)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Self

from airgap.errors import AirgapError
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.report.report import TOOL, Json, Report
from airgap.report.style import Style
from airgap.text import safe
from airgap.trust.ceremony import Challenge
from airgap.trust.fingerprint_words import groups
from airgap.trust.snapshots.pins import Pin
from airgap.trust.snapshots.snapshot_document import Covered, Snapshot
from airgap.verdict import Ruling, Verdict, unless, worst_first
from airgap.verifier.artifact_document import content_document, problem_document, signature_document

if TYPE_CHECKING:
    from airgap.trust.snapshots.material import Difference
    from airgap.verifier.snapshot_signer import JudgedSnapshot

SCHEMA: Final = "airgap.snapshot/1"
PINS_SCHEMA: Final = "airgap.pins/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotReport(Report):
    """The report of every snapshot command: `airgap.snapshot/1`."""

    command: str
    clock: datetime
    at: datetime
    reference: str = ""
    snapshot: Snapshot | None = None
    applied: bool = False
    done: str = ""
    """The first line of the text on success."""
    judged: JudgedSnapshot | None = None
    """None if nothing was judged."""
    change: Difference | None = None
    """None if nothing was compared."""
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    verbose: bool = False
    """Whether the text lists every file."""

    def failed(self, error: AirgapError) -> Self:
        """The same report with `error` as a problem."""
        return replace(self, problems=(Problem.of(error),))

    @property
    def ruling(self) -> Ruling:
        """The verdict of the problems; pass if there are none."""
        return unless(self.problems)

    @property
    def exit_code(self) -> int:
        """The most severe of the problems' codes; 0 where there is none."""
        return self.ruling.exit_code

    def document(self) -> Json:
        """All of it (schema in airgap/schemas/snapshot.schema.json)."""
        return {
            "schema": SCHEMA,
            "tool": TOOL,
            "command": self.command,
            "verdict": "fail" if self.problems else "pass",
            "exit_code": self.exit_code,
            "exit_codes": sorted(self.ruling.exit_codes),
            "time": {"judged": iso(self.at), "clock": iso(self.clock), "is_now": self.at == self.clock},
            "reference": self.reference,
            "snapshot": _snapshot(self.snapshot) if self.snapshot else None,
            "applied": self.applied,
            "content": content_document(self.judged.content if self.judged else None),
            "signatures": [
                signature_document(signature) for signature in (self.judged.signatures if self.judged else ())
            ],
            "accepted_by": _pin(self.judged.accepted_by) if self.judged and self.judged.accepted_by else None,
            "changes": _change(self.change) if self.change else None,
            "problems": [problem_document(problem) for problem in self.problems],
            "warnings": [problem_document(warning) for warning in self.warnings],
        }

    def lines(self, style: Style) -> Iterable[str]:
        """First the result, then the reasons, then what to do."""
        return _lines(self, style)


@dataclass(frozen=True, slots=True)
class PinsReport(Report):
    """Pins: `airgap.pins/1`. `done`: what was done with them, if anything."""

    pins: Sequence[Pin]
    done: str = ""

    def document(self) -> Json:
        """Each pin, without the bytes of certificates."""
        return {**self.first_members(PINS_SCHEMA), "pins": [_pin(pin) for pin in self.pins]}

    def lines(self, style: Style) -> Iterator[str]:  # noqa: ARG002 - plain lines
        """Each pin with the fingerprints that were compared."""
        if self.done:
            yield self.done
        for pin in self.pins:
            yield from _pin_lines(pin)
        if not self.pins:
            yield "No signer is pinned."


def _pin(pin: Pin) -> Json:
    return {
        "id": pin.id,
        "stream": pin.stream,
        "kind": pin.kind.value,
        "subject": safe(pin.subject) if pin.subject else None,
        "fingerprint": pin.fingerprint,
        "issuers": list(pin.issuers) if pin.issuers is not None else None,
        "roots": [root.fingerprint for root in pin.roots],
        "tsa_roots": [root.fingerprint for root in pin.tsa_roots],
        "confirmed": [fingerprint for _, fingerprint in pin.compared],
        "added": iso(pin.added),
    }


def _change(change: Difference) -> Json:
    return {"added": list(change.added), "changed": list(change.changed), "removed": list(change.removed)}


def _snapshot(snapshot: Snapshot) -> Json:
    return {
        "stream": snapshot.stream,
        "number": snapshot.number,
        "digest": str(snapshot.descriptor.digest),
        "created": iso(snapshot.created),
        "use_by": iso(snapshot.use_by) if snapshot.use_by else None,
        "evidence_only": snapshot.evidence_only,
        "coverage": [covered.to_json() for covered in snapshot.coverage],
        "files": [
            {"path": file.path, "part": file.part.value, "digest": str(file.digest), "size": file.size}
            for file in snapshot.files
        ],
    }


# --- words ---


def _lines(report: SnapshotReport, style: Style) -> Iterator[str]:
    yield style.paint("bad" if report.problems else "good", _headline(report))
    if report.snapshot:
        yield from _about(report.snapshot, report.verbose or report.command == "show")
    if report.judged and (pin := report.judged.accepted_by):
        yield f"  signed by  {_signer(report.judged, pin)} (pin {pin.id})"
    if report.change is not None:
        yield from _changes(report.change)
    for word, kind, problems in (("problem", "bad", report.problems), ("note", "unsure", report.warnings)):
        for problem in problems:
            code = f" [{problem.reason}]" if problem.reason else ""
            yield f"  {style.paint(kind, word)} {problem.message}{code}"
            if remedy := problem.shown_remedy:
                yield f"          → {remedy}"


def _headline(report: SnapshotReport) -> str:
    if not report.problems:
        return report.done
    worst = worst_first(report.problems)[0]
    return f"REFUSED: {_CAME_OF_IT.get(report.command, 'nothing was changed')}. {worst.message}"


_CAME_OF_IT: Final = {
    "create": "nothing was packed",
    "sign": "nothing was signed",
    "verify": "do not apply it",
    "show": "it cannot be read",
    "diff": "it cannot be read",
}


def _about(snapshot: Snapshot, verbose: bool) -> Iterator[str]:
    kind = "evidence alone" if snapshot.evidence_only else "stores, policy and evidence"
    yield f"  snapshot   {snapshot.stream} number {snapshot.number}, made {iso(snapshot.created)} ({kind})"
    yield f"  digest     {snapshot.descriptor.digest}"
    yield f"  use by     {iso(snapshot.use_by) if snapshot.use_by else 'nothing in it expires'}"
    if not verbose:
        yield f"  holds      {len(snapshot.files)} files, {len(snapshot.coverage)} of them evidence"
        return
    for file in snapshot.files:
        yield f"  {file.part.value:<10} {file.path} ({file.size} bytes, {file.digest})"
    for covered in snapshot.coverage:
        yield f"  covers     {_covered(covered)}"


def _covered(covered: Covered) -> str:
    number = f" number {covered.number}" if covered.number is not None else ""
    until = iso(covered.next_update) if covered.next_update else "no stated end"
    return f"{covered.kind}{number} of {covered.issuer}, made {iso(covered.this_update)}, good until {until}"


def _signer(judged: JudgedSnapshot, pin: Pin) -> str:
    for signature in judged.signatures:
        if signature.verdict is Verdict.PASS and signature.signer:
            return signature.signer.subject
    return "the keys of the pinned TUF root" if pin.kind.value == "tuf" else "no signer"


def _changes(change: Difference) -> Iterator[str]:
    for word, paths in (("added", change.added), ("changed", change.changed), ("removed", change.removed)):
        for path in paths:
            yield f"  {word:<10} {path}"
    if change.is_empty:
        yield "  nothing differs"


def _pin_lines(pin: Pin) -> Iterator[str]:
    who = pin.subject or {"certificate": "exactly this signing certificate", "tuf": "a TUF root"}[pin.kind.value]
    yield f"{pin.id}  stream {pin.stream}: {safe(who)} (added {iso(pin.added)})"
    for name, fingerprint in pin.compared:
        yield f"    {name:<12} SHA-256 {groups(fingerprint)}"


def ceremony_text(pin: Pin, challenges: Sequence[Challenge]) -> str:
    """The text that two people read to each other before a pin is set; one challenge for each fingerprint, in order."""
    who = (
        pin.subject
        or {"certificate": "exactly this signing certificate", "tuf": "the keys of this TUF root"}[pin.kind.value]
    )
    lines = [f"To be pinned for the stream {pin.stream!r}: {safe(who)}", ""]
    for (name, _), challenge in zip(pin.compared, challenges, strict=True):
        lines += [f"{name}, SHA-256:", *(f"    {line}" for line in challenge.shown()), ""]
    return "\n".join(lines)
