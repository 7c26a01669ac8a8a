"""Judged artifacts as rows of a table: name, signer, and what is attached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from airgap.oci.attached import by_kind, kind_of_types
from airgap.report.artifact_names import ArtifactName, short
from airgap.report.finding_text import PAINTED, WORD, claims_its_signer
from airgap.report.style import Style, cells, padded
from airgap.report.wording import count
from airgap.revocation.artifact import EVIDENCE_TYPE
from airgap.verdict import Ruling, Verdict
from airgap.verifier.outcome import ArtifactOutcome, SignatureOutcome

_MARGIN: Final = 8
_RUN: Final = 3
"""So many tags of a repository in a row that differ in nothing else are one row."""


class TableRow(NamedTuple):
    """A row, about one artifact or several."""

    verdict: Verdict
    target: str
    cells: tuple[str, str, str]


class JudgedRow(NamedTuple):
    """An artifact, and what its row says."""

    place: int
    """Among all artifacts, by name."""
    artifact: ArtifactOutcome
    ruling: Ruling
    name: ArtifactName
    signer: str
    attached: str
    repository: str
    """Without the registry where all are from one."""

    def row(self, tags: str = "", *, verbose: bool = False) -> TableRow:
        """Its row, with other tags if there are more."""
        tag = tags or short(self.name.tag, verbose=verbose)
        name = f"{self.repository} {tag}" if self.repository else tag
        return TableRow(self.ruling.verdict, self.name.target, (name, self.signer, self.attached))


class Signers:
    """What signers are called: by their common name, and by the whole subject where two have the same one."""

    def __init__(self, artifacts: Iterable[ArtifactOutcome]) -> None:
        subjects = {
            signature.signer.subject
            for artifact in artifacts
            for signature in artifact.signatures
            if signature.signer and signature.verdict is Verdict.PASS
        }
        names = Counter(_common_name(subject) for subject in subjects)
        self._labels = {subject: name if names[name := _common_name(subject)] == 1 else subject for subject in subjects}

    def judged(self, artifact: ArtifactOutcome, ruling: Ruling) -> JudgedRow:
        """An artifact with its row."""
        name = ArtifactName.of_artifact(artifact)
        return JudgedRow(0, artifact, ruling, name, self._signer(artifact), attached(artifact), name.repository)

    def _signer(self, artifact: ArtifactOutcome) -> str:
        if artifact.unjudged:
            return "not verified" if artifact.unjudged.reason == "policy.skip" else "not judged"
        accepted = artifact.accepted
        if accepted is None or accepted.signer is None:
            return "none accepted" if artifact.signatures else "not signed"
        subjects = dict.fromkeys(_subjects(artifact.signatures))
        more = f" and {len(subjects) - 1} more" if len(subjects) > 1 else ""
        return f"{'claims to be ' if claims_its_signer(accepted) else ''}{self._labels[accepted.signer.subject]}{more}"


def _subjects(signatures: Iterable[SignatureOutcome]) -> Iterator[str]:
    return (item.signer.subject for item in signatures if item.signer and item.verdict is Verdict.PASS)


def _common_name(subject: str) -> str:
    """The common name in a subject as text (RFC 4514), or all of it where that is not simple."""
    names = [part[3:] for part in subject.split(",") if part.startswith("CN=")]
    simple = len(names) == 1 and not {"\\", "+", '"'} & set(subject)
    return names[0] if simple else subject


def attached(artifact: ArtifactOutcome) -> str:
    """How many of each kind: `sig 2 · sbom 1`."""
    kinds = Counter({"sig": len(artifact.signatures)} if artifact.signatures else {})
    for referrer in artifact.referrers:
        if referrer.artifact_type == EVIDENCE_TYPE:
            kinds["evidence"] += 1
        elif referrer.foreign is not None:
            kinds[referrer.foreign.replace("signature", "sig")] += 1
        else:
            kinds[kind_of_types(f"{referrer.artifact_type or ''} {referrer.shown_type or ''}")] += 1
    return " · ".join(f"{kind} {number}" for kind, number in sorted(kinds.items(), key=by_kind)) or "-"


def rows_of(judged: Iterable[JudgedRow], *, verbose: bool) -> Iterator[TableRow]:
    """A row for each, or for each run of tags: `team/web v1.1 … v1.8 (8)`. No tag of another row is inside of a run."""
    for _, group in groupby(enumerate(judged), key=_like):
        found = [item for _, item in group]
        first, last = found[0].name, found[-1].name
        if len(found) < _RUN or verbose or first.tag.startswith("@"):
            yield from (item.row(verbose=verbose) for item in found)
        else:
            yield found[0].row(f"{first.tag} … {last.tag} ({len(found)})")


def _like(numbered: tuple[int, JudgedRow]) -> tuple[object, ...]:
    number, item = numbered
    name, verdict = item.name, item.ruling.verdict
    return (item.place - number, verdict, name.target, name.repository, name.tag[:1] == "@", item.signer, item.attached)


def folded(judged: Sequence[JudgedRow]) -> Iterator[TableRow]:
    """A row for all artifacts of one verdict and signer."""
    groups: dict[tuple[Verdict, str], tuple[Counter[str], set[str]]] = {}
    for item in judged:
        places, kinds = groups.setdefault((item.ruling.verdict, item.signer), (Counter(), set()))
        places[item.name.repository] += 1
        kinds.add(item.attached)
    for (verdict, signer), (places, kinds) in groups.items():
        named = len(places) - ("" in places)
        of = f" of {'one repository' if named == 1 else f'{named} repositories'}" if named else ""
        yield TableRow(
            verdict, "", (f"{count(places.total(), 'artifact')}{of}", signer, kinds.pop() if len(kinds) == 1 else "…")
        )


class Table:
    """Rows under a heading, as wide as they have to be and the screen allows."""

    def __init__(
        self,
        rows: Iterable[TableRow],
        style: Style,
        *,
        host: str,
        targets: bool,
        head: tuple[str, str] = ("SIGNED BY", "ATTACHED"),
    ) -> None:
        """`host`: the registry that all are from. `targets`: whether there are several, each named above its rows."""
        self._head = (f"NAME in {host}/" if host else "NAME", *head)
        widths = [cells(head) for head in self._head]
        for row in rows:
            widths = [max(width, cells(cell)) for width, cell in zip(widths, row.cells, strict=True)]
        room = style.columns - _MARGIN - 2 * len(head)
        signer = min(widths[1], room // 2)
        name = min(widths[0], max(room - signer - widths[2], room // 3))
        self._starts = (_MARGIN, _MARGIN + name + 2, _MARGIN + name + signer + 4)
        self._style, self._targets, self._target = style, targets, ""

    def heading(self) -> Iterator[str]:
        """The names of the columns."""
        yield from self._line("", self._head, "strong")

    def lines(self, rows: Iterable[TableRow]) -> Iterator[str]:
        """The rows."""
        for row in rows:
            if self._targets and row.target and row.target != self._target:
                self._target = row.target
                yield from self._style.paragraph(row.target, " " * _MARGIN)
            word = WORD[row.verdict]
            yield from self._line(padded(word, _MARGIN), row.cells, "", self._style.paint(PAINTED[row.verdict], word))

    def _line(self, first: str, row: Sequence[str], kind: str, painted: str = "") -> Iterator[str]:
        """A row; a cell that is too wide for its column moves the rest to the next line."""
        line = padded(painted, _MARGIN) if painted else first
        for start, cell in zip(self._starts, row, strict=True):
            if start > _MARGIN and cells(line) > start - 2:
                yield line.rstrip()
                line = ""
            line = padded(line, start) + (self._style.paint(kind, cell) if kind else cell)
        yield line.rstrip()
