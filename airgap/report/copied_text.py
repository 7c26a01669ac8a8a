"""What a copy did, as text: a table of artifacts, notes, and what could not be copied."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, groupby
from typing import TYPE_CHECKING, Final, NamedTuple

from airgap.oci.attached import by_kind, kind_of_types
from airgap.oci.descriptor import ACQUISITION, EVIDENCE, NOTARY_SIGNATURE
from airgap.oci.lookup import Mechanism
from airgap.report.artifact_names import ArtifactName, short
from airgap.report.columns import Columns
from airgap.report.details import Detail, Remark, detail_lines, note_lines
from airgap.report.style import MARGIN, Style, unbroken
from airgap.report.wording import count, kinds, size
from airgap.text import safe, some

if TYPE_CHECKING:
    from airgap.errors import AirgapError
    from airgap.report.artifact_rows import Signers
    from airgap.transfer.copied import CopiedArtifact, CopyResult
    from airgap.transfer.plan import PlannedArtifact
    from airgap.verifier.outcome import ArtifactOutcome

_NAMES: Final = 3
_RUN: Final = 3
_BESIDE: Final = 8
"""Rows of a screen for all else but what was copied."""
_COSIGN: Final = {"sig": "cosign sig", "att": "att", "sbom": "sbom"}
_OPEN: Final = ("partial", "failed")
_WORD: Final = {
    "copied": "copied",
    "current": "current",
    "planned": "planned",
    "partial": "PARTIAL",
    "failed": "FAILED",
}
_KIND: Final = {"copied": "good", "current": "good", "planned": "strong", "partial": "unsure", "failed": "bad"}
_TAKE_ALONG: Final = "Take it along: airgap trust fetch --no-download --into COPY COPY SOURCE"
_ATTACH: Final = "Attach it, and copy again: airgap trust fetch --no-download --into SOURCE SOURCE"
_SKIPPED: Final = "the policy skips it: NOTHING proves who made it"
_TAKEN: Final = "it is not accepted here, and was taken because that was asked for"


class _Row(NamedTuple):
    """A row about an artifact, or several."""

    artifact: CopiedArtifact | None
    """None of several of different repositories."""
    name: ArtifactName
    status: str
    cells: tuple[str, str, str, str]
    """Name, names in the destination, signer, attachments; empty where there is nothing to say."""
    place: int = 0
    """Among all artifacts, by name."""

    @property
    def alike(self) -> tuple[object, ...]:
        """What is the same in a run of tags."""
        return self.name.target, self.name.repository, self.status, self.cells[1:], self.name.tag[:1] == "@"


def name_of(artifact: CopiedArtifact) -> ArtifactName:
    """What it is called: by its repository, or by the layout and its name there."""
    planned, descriptor = artifact.planned, artifact.descriptor
    wanted = planned.wanted if planned else None
    if wanted is None or descriptor is None:
        return ArtifactName("", "", artifact.source)
    if wanted.repository is None or wanted.from_layout:
        return ArtifactName.of(artifact.source, wanted.names, descriptor.digest)
    repository = safe(wanted.repository.name)
    return ArtifactName("", repository, artifact.source.removeprefix(repository).removeprefix(":"))


class CopiedText:
    """The text about the artifacts of a copy, or some of them."""

    def __init__(
        self, result: CopyResult, artifacts: Sequence[CopiedArtifact], style: Style, *, verbose: bool = False
    ) -> None:
        """`verbose`: whether each artifact has a row, with its digest."""
        self._result, self._style, self._verbose = result, style, verbose
        names = [(name_of(item), item) for item in artifacts]
        names.sort(key=lambda named: (named[0].target, named[0].tag[:1] == "@", *named[0].order))
        hosts = {name.host for name, _ in names}
        self._host = hosts.pop() if len(hosts) == 1 else ""
        self._several = len({name.target for name, _ in names}) > 1
        signers = _signers([item.judged for item in artifacts if item.judged])
        self._rows = [self._row(name, item, signers)._replace(place=place) for place, (name, item) in enumerate(names)]

    def lines(self) -> Iterator[str]:
        """Notes, each once, then the table: what was copied, and last what was not, with causes and what to do."""
        yield from self.note_lines()
        if not self._rows:
            return
        good = [row for row in self._rows if row.status not in _OPEN]
        shown = [*self._runs(good)]
        if len(shown) > max(1, self._style.height - _BESIDE) and not self._verbose:
            shown = [*_folded(good)]
        groups = [(details, [*self._runs(rows)]) for details, rows in self._failed()]
        every = [*shown, *(row for _, rows in groups for row in rows)]
        said = [any(row.cells[place] for row in every) for place in range(4)]
        head = (f"NAME in {self._host}/" if self._host else "NAME", "TO", "SIGNED BY", "ATTACHED")
        cells = [tuple(compress(row.cells, said)) for row in every]
        least = (self._style.columns // 4, 10, 12, 22)
        table = Columns(tuple(compress(head, said)), cells, self._style, least=tuple(compress(least, said)))
        yield ""
        yield from table.heading()
        yield from self._table_lines(shown, table, said)
        for details, rows in groups:
            yield from self._table_lines(rows, table, said)
            yield from detail_lines(details, self._style)

    def failure_lines(self) -> Iterator[str]:
        """What was not copied, or not with all that belongs to it, and why."""
        for details, rows in self._failed():
            for row in rows:
                if row.artifact:
                    yield from self._style.entry(_WORD[row.status], row.artifact.source, _KIND[row.status])
            yield from detail_lines(details, self._style)

    def note_lines(self, *, brief: bool = False) -> Iterator[str]:
        """What is odd about artifacts, moved tags, and evidence that stayed behind; `brief`: what -q says, too."""
        found = [(row.name, [*_remarks(row.artifact, brief=brief)]) for row in self._rows if row.artifact]
        yield from note_lines(found, len(found), self._style)
        result, style = self._result, self._style
        if (moved := result.moved_tags) and not brief:
            what = "the tag" if len(moved) == 1 else "the tags"
            yield from style.entry("note", f"{what} {some(moved, _NAMES)} named something else before", "unsure")
        for place, left in enumerate(result.evidence_left, start=1):
            verb = "would not be copied" if result.dry_run else "was not copied"
            text = f"evidence about revocation in {left.source} {verb}: {some(left.names, _NAMES)}"
            yield from style.entry("note", short(text, verbose=self._verbose), "unsure")
            if place == len(result.evidence_left):
                yield from style.arrow(_ATTACH if result.into_registry else _TAKE_ALONG)

    def _row(self, name: ArtifactName, artifact: CopiedArtifact, signers: Signers | None) -> _Row:
        repository = name.repository.removeprefix(f"{self._host}/") if self._host else name.repository
        shown = f"{repository} {name.tag}" if repository else name.tag
        signer = signers.signer(artifact.judged) if signers and artifact.judged else ""
        cells = (short(shown, verbose=self._verbose), self._to(artifact, name), signer, _attached(artifact))
        return _Row(artifact, name, artifact.status, cells)

    def _to(self, artifact: CopiedArtifact, name: ArtifactName) -> str:
        """Its names in the destination, as far as they are others than in the source."""
        path = name.repository.removeprefix(f"{name.host}/") if name.host else name.repository
        joined = "" if name.tag[:1] == "@" else ":"
        same = {f"{prefix}{joined}{name.tag}" for prefix in (name.repository, path)} | {name.tag, ""}
        place = self._result.destination
        place = place.partition("://")[2] or place
        found = (item.removeprefix(place).lstrip(":/") for item in artifact.destinations)
        others = (item.removeprefix(f"{name.repository}:") for item in found if item not in same)
        return ", ".join(map(short, others))

    def _runs(self, rows: Sequence[_Row]) -> Iterator[_Row]:
        """A row for each, or for each run of tags that differ in nothing else: none of another row is inside of it."""
        for _, group in groupby(enumerate(rows), key=lambda item: (item[1].place - item[0], item[1].alike)):
            found = [row for _, row in group]
            first, last = found[0], found[-1]
            if len(found) < _RUN or self._verbose or first.name.tag[:1] in {"@", ""}:
                yield from found
            else:
                before = first.cells[0].removesuffix(first.name.tag)
                run = before + unbroken(f"{first.name.tag} … {last.name.tag} ({len(found)})")
                yield first._replace(cells=(run, *first.cells[1:]))

    def _failed(self) -> Iterator[tuple[tuple[Detail, ...], list[_Row]]]:
        """What was not copied, or in part, by its causes; the worst last."""
        groups: dict[tuple[Detail, ...], list[_Row]] = {}
        for status in _OPEN:
            for row in self._rows:
                if row.status == status and row.artifact:
                    groups.setdefault(tuple(_causes(row.artifact, self._verbose)), []).append(row)
        yield from groups.items()

    def _table_lines(self, rows: Iterable[_Row], table: Columns, said: Sequence[bool]) -> Iterator[str]:
        target = ""
        for row in rows:
            if self._several and row.name.target != target:
                target = row.name.target
                yield from self._style.paragraph(target, " " * MARGIN)
            cells = [cell or "-" for cell in compress(row.cells, said)]
            yield from table.row(cells, _WORD[row.status], _KIND[row.status])
            if self._verbose and row.artifact and row.artifact.descriptor:
                yield f"          {row.artifact.descriptor.digest}"


def _signers(judged: Sequence[ArtifactOutcome]) -> Signers | None:
    if not judged:
        return None
    from airgap.report.artifact_rows import Signers  # a plain copy judges nothing

    return Signers(judged)


def _folded(rows: Sequence[_Row]) -> Iterator[_Row]:
    """A row for all artifacts of one result and signer."""
    groups: dict[tuple[str, str], list[_Row]] = {}
    for row in rows:
        groups.setdefault((row.status, row.cells[2]), []).append(row)
    for (status, signer), found in groups.items():
        places = len({row.name.repository for row in found} - {""})
        of = f" of {'one repository' if places == 1 else f'{places} repositories'}" if places else ""
        attached = {row.cells[3] for row in found}
        cells = (
            f"{len(found)} artifacts{of}; -v lists each",
            "",
            signer,
            attached.pop() if len(attached) == 1 else "…",
        )
        yield _Row(None, ArtifactName("", "", ""), status, cells)


def _attached(artifact: CopiedArtifact) -> str:
    """How many of each kind came along: of signatures those of the artifact itself."""
    planned = artifact.planned
    if planned is None or artifact.error is not None:
        return ""
    if not planned.referrers:
        return "not looked for"
    found: Counter[str] = Counter()
    for item in planned.attached:
        if item.artifact_type == NOTARY_SIGNATURE:
            own = artifact.descriptor is not None and item.subject == artifact.descriptor.digest
            found["sig"] += own
        elif item.artifact_type == EVIDENCE:
            found["evidence"] += 1
        else:
            found[_COSIGN.get(item.cosign or "") or kind_of_types(item.artifact_type or "")] += 1
    return kinds(dict(sorted((+found).items(), key=by_kind)))


def _causes(artifact: CopiedArtifact, verbose: bool) -> Iterator[Detail]:
    if artifact.error is not None:
        cause = _cause(artifact.error, verbose)
        yield cause._replace(text=cause.text.removeprefix(f"{short(artifact.source, verbose=verbose)} is not copied: "))
    for problem in artifact.planned.problems if artifact.planned and artifact.error is None else ():
        cause = _cause(problem, verbose)
        yield cause._replace(text=f"left behind: {cause.text}")


def _cause(error: AirgapError, verbose: bool) -> Detail:
    text = str(error)
    said = error.reason if error.reason and f"[{error.reason}]" not in text else None
    return Detail("bad", short(text, verbose=verbose), said, error.remedy)


def _remarks(artifact: CopiedArtifact, *, brief: bool) -> Iterator[Remark]:
    if artifact.judged is not None and artifact.error is None:
        yield from map(Remark, _judged_notes(artifact.judged, brief=brief))
    planned = artifact.planned
    if brief or planned is None or artifact.error is not None:
        return
    yield from map(Remark, _not_chosen(planned))
    for layer in planned.elsewhere:
        where = f"; it is at {safe(layer.urls[0], limit=160)}" if layer.urls else ""
        digest = short(str(layer.digest))
        yield Remark(f"a non-distributable layer did not come along: {digest} ({size(layer.size)}){where}")
    yield from map(Remark, planned.notes)


def _judged_notes(outcome: ArtifactOutcome, *, brief: bool) -> Iterator[str]:
    """What is odd about signatures that passed, or that none was judged."""
    from airgap.report.finding_text import attachment_notes, passing_notes, soft_notes

    accepted = outcome.accepted
    if accepted is None or outcome.unjudged:
        yield _TAKEN if outcome.exit_code else _SKIPPED
    else:
        yield from passing_notes(outcome) if brief else (*soft_notes(outcome), *attachment_notes(outcome))


def _not_chosen(planned: PlannedArtifact) -> Iterator[str]:
    """What was left out or behind by choice, or not looked for."""
    if planned.left_out:
        names = ", ".join(sorted({str(item.platform or "of no platform") for item in planned.left_out}))
        is_recorded = any(entry.descriptor.artifact_type == ACQUISITION for entry in planned.also)
        yield f"left out{', and recorded as left out' if is_recorded else ''}: {names}"
    types = Counter(item.artifact_type or "unknown type" for item in planned.unchosen)
    if types:
        told = [f"{number} {safe(kind, limit=80)}" for kind, number in sorted(types.items())]
        yield f"{count(len(planned.unchosen), 'referrer')} not chosen and left behind: {some(told, _NAMES)}"
    if planned.unasked and planned.referrers:  # where none was asked, the row says so
        yield f"the referrers of {count(planned.unasked, 'attachment')} were not looked for (--depth)"
    asked = any(found.lookup.mechanism in set(Mechanism) for found in planned.referrers)
    if asked and not planned.digest_tags:
        yield "cosign's tags not looked for (--no-digest-tags)"
