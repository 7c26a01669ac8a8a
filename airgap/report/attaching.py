"""What commands that attach something say; `airgap attach` as sentences, or as the document `airgap.attach/1`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from airgap.errors import AirgapError
from airgap.reasons import ExitCode
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.report.wording import described, error_document, size
from airgap.signature.results import SignedArtifact
from airgap.text import safe
from airgap.transfer.attached_files import TITLE, AttachedFiles

ATTACH_SCHEMA: Final = "airgap.attach/1"

Attached = TypeVar("Attached")


@dataclass(frozen=True, slots=True)
class AttachingReport(Report, Generic[Attached]):
    """The report on a run that attaches something."""

    attached: Attached
    error: AirgapError | None = None
    """The error that ended it."""

    @property
    def exit_code(self) -> int:
        """That of the error."""
        return self.error.exit_code if self.error else ExitCode.OK

    def head(self, schema: str) -> Json:
        """How it ended: the beginning of the document."""
        problem = error_document(self.error) if self.error else None
        return {"schema": schema, "exit_code": self.exit_code, "problem": problem}


def attached_lines(item: AttachedFiles | SignedArtifact, did: str, new: str, known: str, style: Style) -> Iterator[str]:
    """That it was attached, with `new`; or that the same was there already, with `known`."""
    yield style.paint("good", f"{'Already' if item.existed else 'Successfully'} {did} {item.name}")
    yield f"  {known}; --force adds another one" if item.existed else f"  {new} ({item.listed})"


@dataclass(frozen=True, slots=True)
class AttachReport(AttachingReport[AttachedFiles | None]):
    """What `airgap.attach` attached: `airgap.attach/1`."""

    def document(self) -> Json:
        """The result, or why there is none."""
        return {**self.head(ATTACH_SCHEMA), "attached": _attached(self.attached) if self.attached else None}

    def lines(self, style: Style) -> Iterator[str]:
        """The artifact, the referrer and its files."""
        if self.attached is None:
            return
        item = self.attached
        referrer = f"referrer   {item.referrer.digest}"
        yield from attached_lines(item, "attached to", referrer, f"{referrer} says the same", style)
        yield f"  type       {safe(item.artifact_type)}"
        for file in item.files:
            name = safe(file.annotations.get(TITLE, ""), limit=200)
            yield f"  file       {name}  {safe(file.media_type)}, {size(file.size)}"


def _attached(item: AttachedFiles) -> Json:
    return {
        "target": safe(item.target),
        "reference": item.name,
        "artifact": described(item.subject),
        "referrer": described(item.referrer),
        "artifact_type": safe(item.artifact_type),
        "files": [{"name": safe(file.annotations.get(TITLE, "")), **described(file)} for file in item.files],
        "existed": item.existed,
        "listed": item.listed,
    }
