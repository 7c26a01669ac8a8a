"""What `airgap ls` shows: a table, a list of names, or the document `airgap.ls/1`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from airgap.oci.listing import ListedArtifact, Listing
from airgap.parse.time import iso_or_null
from airgap.reasons import ExitCode
from airgap.report.artifact_names import ArtifactName, short
from airgap.report.columns import Columns
from airgap.report.finding_text import unread_lines
from airgap.report.report import Json, Report
from airgap.report.style import Style, unbroken
from airgap.report.wording import count, kinds, size
from airgap.text import safe, some
from airgap.verifier.artifact_document import content_problem_document

LS_SCHEMA = "airgap.ls/1"

_PLATFORMS: Final = 4
"""Platforms that are named in a row."""
_TAGS: Final = 8
"""More tags of an artifact that are named."""
_LICENCES: Final = 3
_HEAD: Final = ("PLATFORMS", "SIZE", "DATE", "ATTACHED")
_INDENT: Final = " " * 4
_LEAST: Final = (20, 18, 10, 10, 24)
"""Columns of a screen that each has in any case."""


@dataclass(frozen=True, slots=True)
class LsReport(Report):
    """What `airgap.ls` found: `airgap.ls/1`."""

    listing: Listing
    verbose: bool = False
    """Whether the text has digests, types, and all licences, tags and platforms."""

    @property
    def exit_code(self) -> int:
        """16 where something cannot be read that belongs, or may belong, to what is listed."""
        unread = self.listing.unread or any(artifact.unread for artifact in self.listing.artifacts)
        return ExitCode.CONTENT if unread else ExitCode.OK

    def document(self) -> Json:
        """Everything that was found."""
        listing = self.listing
        return {
            **self.first_members(LS_SCHEMA),
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
        """A row for each artifact, and last a total; or each tag or repository in a line of its own."""
        listing = self.listing
        if listing.kind == "artifacts":
            return self._table(style)
        names = listing.tags if listing.kind == "tags" else listing.repositories
        shown = [safe(name) for name in names] or [f"{listing.target} lists no {listing.kind}"]
        if self.verbose:
            shown += [f"{safe(tag)}  lists referrers" for tag in listing.referrers_tags]
        return shown

    def _table(self, style: Style) -> Iterator[str]:
        listing = self.listing
        named = sorted(map(_named, listing.artifacts), key=lambda item: (item[0].tag[:1] == "@", *item[0].order))
        hosts = {name.host for name, _ in named}
        host = hosts.pop() if len(hosts) == 1 else ""
        names = f" Names are in {host}/." if host else ""
        yield from style.paragraph(f"{listing.target}: what its manifests claim; airgap verify judges it.{names}")
        if named:
            yield ""
            yield from self._rows(named, host, style)
        yield ""
        if unread := [*self._unread_lines(style)]:
            yield from (*unread, "")
        word, kind = ("INCOMPLETE", "bad") if self.exit_code else ("LISTED", "good")
        yield from style.ending(word, self._total(), self.exit_code, kind)

    def _rows(self, named: Sequence[tuple[ArtifactName, ListedArtifact]], host: str, style: Style) -> Iterator[str]:
        repositories = Counter(name.repository for name, _ in named if name.repository)
        stated: dict[str, set[str]] = {}
        for name, artifact in named:
            stated.setdefault(name.repository, set()).add(self._licences(artifact))
        rows = []
        for name, artifact in named:
            inside = repositories[name.repository] > 1
            repository = name.repository.removeprefix(f"{host}/")
            tag = short(name.tag, verbose=self.verbose)
            shown = f"  {unbroken(tag)}" if inside else f"{repository} {tag}".lstrip()
            rows.append((repository if inside else "", shown, *self._cells(artifact)))
        table = Columns(("NAME", *_HEAD), (row[1:] for row in rows), style, least=_LEAST, margin=0)
        yield from table.heading()
        above = ""
        for (name, artifact), (repository, *row) in zip(named, rows, strict=True):
            if repository and repository != above:
                shared = stated[name.repository]
                told = next(iter(shared)) if len(shared) == 1 else ""
                yield from style.paragraph(f"{repository}  {told}", rest="    ")
            above = repository
            yield from table.row(row)
            shown_above = bool(repository) and len(stated[name.repository]) == 1
            yield from self._below(name, artifact, style, licences="" if shown_above else self._licences(artifact))

    def _licences(self, artifact: ListedArtifact) -> str:
        """What it states, as a line; empty where it states none."""
        found = artifact.licences
        return f"licence {some(found, len(found) if self.verbose else _LICENCES)}" if found else ""

    def _cells(self, artifact: ListedArtifact) -> Iterator[str]:
        most = len(artifact.platforms) if self.verbose else _PLATFORMS
        left_out = f" ({len(artifact.left_out)} left out)" if artifact.left_out else ""
        yield f"{some(_by_system(artifact.platforms), most) or '-'}{unbroken(left_out)}"
        yield unbroken(size(artifact.size)) if artifact.size else "-"
        yield artifact.created.date().isoformat() if artifact.created else "-"
        yield kinds(artifact.attached)

    def _below(self, name: ArtifactName, artifact: ListedArtifact, style: Style, *, licences: str) -> Iterator[str]:
        if licences:
            yield from style.paragraph(licences, _INDENT, f"{_INDENT}  ")
        before = f"{name.repository}:" if name.repository else ""
        shown = [
            tag.removeprefix(before) for tag in map(partial(safe, limit=300), artifact.tags) if tag != before + name.tag
        ]
        if shown:
            most = len(shown) if self.verbose else _TAGS
            yield from style.paragraph(f"also {some(shown, most)}", _INDENT, f"{_INDENT}  ")
        if self.verbose:
            yield f"{_INDENT}{artifact.descriptor.digest}"
            yield f"{_INDENT}{safe(artifact.artifact_type or artifact.descriptor.media_type)}"
            if artifact.left_out:
                yield from style.paragraph(f"left out: {', '.join(artifact.left_out)}", _INDENT, f"{_INDENT}  ")
            if artifact.attached_below:
                told = f"attached to its attachments and children: {kinds(artifact.attached_below)}"
                yield from style.paragraph(told, _INDENT, f"{_INDENT}  ")

    def _unread_lines(self, style: Style) -> Iterator[str]:
        unread = [(_named(artifact)[0].name, item) for artifact in self.listing.artifacts for item in artifact.unread]
        unread += [("", item) for item in self.listing.unread]
        return unread_lines(unread, style, verbose=self.verbose)

    def _total(self) -> str:
        """What there is, in a sentence."""
        listing = self.listing
        unread = len(listing.unread) + sum(len(artifact.unread) for artifact in listing.artifacts)
        places = {name.repository for name, _ in map(_named, listing.artifacts) if name.repository}
        of = f" of {'one repository' if len(places) == 1 else f'{len(places)} repositories'}" if places else ""
        them = "it" if unread == 1 else "some of it"
        lacking = (
            f"{count(unread, 'problem')} of content that cannot be read; {them} may belong here. " if unread else ""
        )
        held = f"{count(len(listing.artifacts), 'artifact')}{of}"
        total = f"{count(listing.blobs, 'blob')}, {unbroken(size(listing.size))}"
        return f"{lacking}{held}; with all that is attached {total}."


def _by_system(platforms: Sequence[str]) -> list[str]:
    """`linux/amd64, arm64`: each system once."""
    found, before = [], None
    for platform in platforms:
        system, slash, rest = platform.partition("/")
        found.append(rest if slash and system == before else platform)
        before = system if slash else None
    return found


def _named(artifact: ListedArtifact) -> tuple[ArtifactName, ListedArtifact]:
    return ArtifactName.of(artifact.reference, artifact.tags, artifact.descriptor.digest), artifact


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
        "licences": list(artifact.licences),
        "attached": dict(artifact.attached),
        "attached_below": dict(artifact.attached_below),
        "attached_size": artifact.attached_size,
        "unread": [content_problem_document(problem) for problem in artifact.unread],
    }
