"""What `airgap attach` says: sentences, or the document `airgap.attach/1`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from airgap.errors import AirgapError
from airgap.reasons import ExitCode
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.report.wording import described, error_document, size
from airgap.text import safe
from airgap.transfer.attached_files import TITLE, AttachedFiles

ATTACH_SCHEMA: Final = "airgap.attach/1"


@dataclass(frozen=True, slots=True)
class AttachReport(Report):
    """What `airgap.attach` attached: `airgap.attach/1`."""

    attached: AttachedFiles | None
    error: AirgapError | None = None
    """The error that ended it."""

    @property
    def exit_code(self) -> int:
        """That of the error."""
        return self.error.exit_code if self.error else ExitCode.OK

    def document(self) -> Json:
        """The result, or why there is none."""
        return {
            "schema": ATTACH_SCHEMA,
            "exit_code": self.exit_code,
            "problem": error_document(self.error) if self.error else None,
            "attached": _attached(self.attached) if self.attached else None,
        }

    def lines(self, style: Style) -> Iterator[str]:
        """The artifact, the referrer and its files."""
        if self.attached is None:
            return
        item = self.attached
        if item.existed:
            yield style.paint("good", f"Already attached to {item.name}")
            yield f"  referrer   {item.referrer.digest} says the same; --force adds another one"
        else:
            yield style.paint("good", f"Successfully attached to {item.name}")
            yield f"  referrer   {item.referrer.digest} ({item.listed})"
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
