"""What `airgap bundle split` says: the volumes of a layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from airgap.bundle.split_layout import SplitResult
from airgap.errors import AirgapError
from airgap.report.report import TOOL, Json, Report
from airgap.report.style import PLAIN, Style
from airgap.report.wording import count, error_document, size
from airgap.text import safe
from airgap.transfer.volume_layout import Volume

BUNDLE_SPLIT_SCHEMA: Final = "airgap.bundle.split/1"


@dataclass(frozen=True, slots=True)
class BundleSplitReport(Report):
    """What `airgap.split_bundle` did: `airgap.bundle.split/1` (airgap/schemas/bundle-split.schema.json)."""

    result: SplitResult
    error: AirgapError | None = None
    """What ended it: nothing was written then."""

    @classmethod
    def of_failure(cls, error: AirgapError, destination: str) -> Self:
        """The report of one that ended with `error`."""
        return cls(SplitResult(destination=safe(destination), dry_run=False, volumes=(), written=(), set_ids=()), error)

    @property
    def exit_code(self) -> int:
        """0, or that of the error."""
        return (self.error or self.result).exit_code

    def document(self) -> Json:
        """The whole result."""
        result = self.result
        return {
            "schema": BUNDLE_SPLIT_SCHEMA,
            "tool": TOOL,
            "exit_code": self.exit_code,
            "destination": result.destination,
            "dry_run": result.dry_run,
            "set_ids": list(result.set_ids),
            "volumes": volumes_document(result.volumes),
            "written": [volume.name for volume in result.written],
            "error": error_document(self.error) if self.error else None,
        }

    def lines(self, style: Style) -> Iterator[str]:
        """How many volumes, then each."""
        result = self.result
        if self.error is not None:
            yield style.paint("bad", f"NOT SPLIT: {self.error}")
            if self.error.remedy:
                yield f"          → {self.error.remedy}"
            return
        problem = result.room.problem if result.room else None
        word = ("WOULD NOT FIT" if problem else "WOULD BE SPLIT") if result.dry_run else "SPLIT"
        what = f"{count(len(result.volumes), 'volume')} in {result.destination}"
        yield style.paint("bad" if problem else "good", f"{word}: {what}.")
        if problem:
            yield f"  {style.paint('bad', 'problem')} {problem}"
            yield f"          → {problem.remedy}"
        if result.written != result.volumes:
            yield f"  written    {', '.join(safe(volume.name) for volume in result.written)} alone"
        yield from volume_lines(result.volumes)
        for name in result.set_ids:
            yield f"  set id     {style.paint('strong', name)}"

    def brief_lines(self) -> Iterable[str]:
        """The first line."""
        return [next(self.lines(PLAIN))]


def volumes_document(volumes: Iterable[Volume]) -> list[Json]:
    """The volumes, for JSON."""
    return [{"name": safe(volume.name), "size": volume.size} for volume in volumes]


def volume_lines(volumes: Iterable[Volume]) -> Iterator[str]:
    """Each volume with its size."""
    for volume in volumes:
        yield f"  volume     {safe(volume.name)}  {size(volume.size)}"
