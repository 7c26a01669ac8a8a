"""What `airgap ls` shows: a table, a list of names, or the document `airgap.ls/1`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from airgap.oci.listing import ListedArtifact, Listing
from airgap.parse.time import iso_or_null
from airgap.reasons import ExitCode
from airgap.report.report import Json, Report
from airgap.report.style import Style
from airgap.report.wording import count, not_read, size
from airgap.text import safe, some
from airgap.verifier.artifact_document import content_problem_document

LS_SCHEMA = "airgap.ls/1"

_SHORT: Final = 12
_PLATFORMS: Final = 3
"""Platforms that are named in a row."""
_TAGS: Final = 8
"""More tags of an artifact that are named."""
_WIDEST: Final = 48
"""A wider cell moves the rest of its row."""
_HEAD: Final = ("NAME", "PLATFORMS", "SIZE", "DATE", "ATTACHED")


@dataclass(frozen=True, slots=True)
class LsReport(Report):
    """What `airgap.ls` found: `airgap.ls/1`."""

    listing: Listing
    verbose: bool = False
    """Whether the text has digests, licences, and all tags and platforms."""

    @property
    def exit_code(self) -> int:
        """16 where something cannot be read that belongs, or may belong, to what is listed."""
        unread = self.listing.unread or any(artifact.unread for artifact in self.listing.artifacts)
        return ExitCode.CONTENT if unread else ExitCode.OK

    def document(self) -> Json:
        """Everything that was found."""
        listing = self.listing
        return {
            "schema": LS_SCHEMA,
            "target": listing.target,
            "kind": listing.kind,
            "artifacts": [_artifact(artifact) for artifact in listing.artifacts],
            "tags": [safe(tag) for tag in listing.tags],
            "referrers_tags": [safe(tag) for tag in listing.referrers_tags],
            "repositories": [safe(name) for name in listing.repositories],
            "total": {"artifacts": len(listing.artifacts), "blobs": listing.blobs, "size": listing.size},
            "unread": [content_problem_document(problem) for problem in listing.unread],
        }

    def lines(self, style: Style) -> Iterable[str]:
        """A row for each artifact and a total; or each tag or repository in a line of its own."""
        listing = self.listing
        if listing.kind == "artifacts":
            return self._table(style)
        names = listing.tags if listing.kind == "tags" else listing.repositories
        shown = [safe(name) for name in names] or [f"{listing.target} lists no {listing.kind}"]
        if self.verbose:
            shown += [f"{safe(tag)}  lists referrers" for tag in listing.referrers_tags]
        return shown

    def _table(self, style: Style) -> Iterator[str]:
        rows = [self._row(artifact) for artifact in self.listing.artifacts]
        widths = [min(_WIDEST, max(len(row[column]) for row in (_HEAD, *rows))) for column in range(len(_HEAD))]
        yield style.paint("strong", _line(_HEAD, widths))
        for artifact, row in zip(self.listing.artifacts, rows, strict=True):
            yield _line(row, widths)
            yield from (f"  {text}" for text in self._below(artifact))
            for problem in artifact.unread:
                yield style.paint("bad", f"  {not_read(problem)}")
        for problem in self.listing.unread:
            yield style.paint("bad", not_read(problem))
        artifacts, blobs = len(self.listing.artifacts), self.listing.blobs
        yield f"total: {count(artifacts, 'artifact')}, {count(blobs, 'blob')}, {size(self.listing.size)}"

    def _row(self, artifact: ListedArtifact) -> tuple[str, ...]:
        shown = artifact.platforms if self.verbose else artifact.platforms[:_PLATFORMS]
        more = len(artifact.platforms) - len(shown)
        left_out = f" ({len(artifact.left_out)} left out)" if artifact.left_out else ""
        return (
            _name(artifact),
            (", ".join(shown) + (f" +{more}" if more else "") + left_out) or "-",
            size(artifact.size),
            artifact.created.date().isoformat() if artifact.created else "-",
            " · ".join(f"{kind} {number}" for kind, number in artifact.attached.items()) or "-",
        )

    def _below(self, artifact: ListedArtifact) -> Iterator[str]:
        others = artifact.tags[1:]
        if others:
            most = len(others) if self.verbose else _TAGS
            yield f"also {some(others, most, lambda tag: safe(tag, limit=300))}"
        if self.verbose:
            yield f"{artifact.descriptor.digest}  {safe(artifact.artifact_type or artifact.descriptor.media_type)}"
            if artifact.left_out:
                yield f"left out: {', '.join(artifact.left_out)}"
            if artifact.licenses:
                yield f"licence: {safe(artifact.licenses, limit=200)}"


def _name(artifact: ListedArtifact) -> str:
    digest = artifact.descriptor.digest
    return safe(artifact.tags[0], limit=300) if artifact.tags else f"@{digest.algorithm}:{digest.encoded[:_SHORT]}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _artifact(artifact: ListedArtifact) -> Json:
    return {
        "reference": artifact.reference,
        "tags": [safe(tag) for tag in artifact.tags],
        "digest": str(artifact.descriptor.digest),
        "media_type": safe(artifact.descriptor.media_type),
        "artifact_type": safe(artifact.artifact_type) if artifact.artifact_type else None,
        "platforms": list(artifact.platforms),
        "left_out": list(artifact.left_out),
        "size": artifact.size,
        "created": iso_or_null(artifact.created),
        "licenses": safe(artifact.licenses) if artifact.licenses else None,
        "attached": dict(artifact.attached),
        "attached_size": artifact.attached_size,
        "unread": [content_problem_document(problem) for problem in artifact.unread],
    }
