"""What `airgap bundle split` says: the volumes of a layout."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final, Self

from airgap.bundle.split_layout import SplitResult
from airgap.errors import AirgapError
from airgap.report.report import Json, Report
from airgap.report.style import PLAIN, Style, cells, unbroken
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
            **self.first_members(BUNDLE_SPLIT_SCHEMA),
            "destination": result.destination,
            "dry_run": result.dry_run,
            "set_ids": list(result.set_ids),
            "volumes": volumes_document(result.volumes),
            "written": [volume.name for volume in result.written],
            "error": error_document(self.error) if self.error else None,
        }

    def lines(self, style: Style) -> Iterator[str]:
        """Each volume, what does not fit, and last how many there are."""
        result = self.result
        if self.error is not None:
            yield from style.entry("problem", str(self.error), "bad")
            if self.error.remedy:
                yield from style.arrow(self.error.remedy)
        elif problem := result.room.problem if result.room else None:
            yield from style.entry("problem", str(problem), "bad")
            yield from style.arrow(problem.remedy)
        if result.written != result.volumes:
            yield from labelled("written", f"{', '.join(safe(volume.name) for volume in result.written)} alone", style)
        yield from volume_lines(result.volumes, style)
        for name in result.set_ids:
            yield from labelled("set id", style.paint("strong", name), style)
        if result.volumes or self.error:
            yield ""
        yield from self._ending(style)

    def brief_lines(self) -> Iterator[str]:
        """The result."""
        return self._ending(PLAIN)

    def _ending(self, style: Style) -> Iterator[str]:
        result = self.result
        problem = result.room.problem if result.room else None
        total = unbroken(size(sum(volume.size for volume in result.volumes)))
        what = f"{count(len(result.volumes), 'volume')} in {result.destination}, {total}."
        if self.error is not None:
            word, kind, what = "NOT SPLIT", "bad", f"{self.error}."
        elif result.dry_run:
            word, kind = ("WOULD NOT FIT", "bad") if problem else ("WOULD BE SPLIT", "strong")
        else:
            word, kind = ("WOULD NOT FIT", "bad") if problem else ("SPLIT", "good")
        return style.ending(word, what, self.exit_code, kind)


def volumes_document(volumes: Iterable[Volume]) -> list[Json]:
    """The volumes, for JSON."""
    return [{"name": safe(volume.name), "size": volume.size} for volume in volumes]


def volume_lines(volumes: Iterable[Volume], style: Style) -> Iterator[str]:
    """Each volume with its size."""
    for volume in volumes:
        yield from labelled("volume", f"{safe(volume.name)}  {unbroken(size(volume.size))}", style)


def labelled(label: str, text: str, style: Style) -> Iterator[str]:
    """A text behind its label; below it where a word of it is too long for the line."""
    first = f"  {label:<10} "
    if style.width is not None and cells(first) + max(map(cells, text.split(" "))) > style.width:
        yield first.rstrip()
        first = "    "
    yield from style.paragraph(text, first)
