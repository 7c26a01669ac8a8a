"""Judged artifacts as rows of a table: name, signer, and what is attached."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from typing import Final, NamedTuple

from airgap.oci.attached import by_kind, kind_of_types
from airgap.report.artifact_names import ArtifactName, short
from airgap.report.columns import Columns
from airgap.report.finding_text import PAINTED, WORD, claims_its_signer
from airgap.report.style import MARGIN, Style
from airgap.report.wording import count, kinds
from airgap.revocation.artifact import EVIDENCE_TYPE
from airgap.verdict import Ruling, Verdict
from airgap.verifier.outcome import ArtifactOutcome, SignatureOutcome

_SIGNER: Final = 12
_ATTACHED: Final = 24
"""Columns of a screen that signers and attachments have in any case."""
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
        names = Counter(common_name(subject) for subject in subjects)
        self._labels = {subject: name if names[name := common_name(subject)] == 1 else subject for subject in subjects}

    def judged(self, artifact: ArtifactOutcome, ruling: Ruling) -> JudgedRow:
        """An artifact with its row."""
        name = ArtifactName.of_artifact(artifact)
        return JudgedRow(0, artifact, ruling, name, self.signer(artifact), attached(artifact), name.repository)

    def signer(self, artifact: ArtifactOutcome) -> str:
        """Who signed it, or that it is not known."""
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


def common_name(subject: str) -> str:
    """The common name in a subject as text (RFC 4514), or all of it where that is not simple."""
    names = [part[3:] for part in subject.split(",") if part.startswith("CN=")]
    simple = len(names) == 1 and not {"\\", "+", '"'} & set(subject)
    return names[0] if simple else subject


def attached(artifact: ArtifactOutcome) -> str:
    """How many of each kind: `sig 2 · sbom 1`."""
    found = Counter({"sig": len(artifact.signatures)} if artifact.signatures else {})
    for referrer in artifact.referrers:
        if referrer.artifact_type == EVIDENCE_TYPE:
            found["evidence"] += 1
        elif referrer.foreign is not None:
            found[referrer.foreign.replace("signature", "sig")] += 1
        else:
            found[kind_of_types(f"{referrer.artifact_type or ''} {referrer.shown_type or ''}")] += 1
    return kinds(dict(sorted(found.items(), key=by_kind)))


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
        names = (f"NAME in {host}/" if host else "NAME", *head)
        least = (style.columns // 4, _SIGNER, _ATTACHED)
        self._columns = Columns(names, (row.cells for row in rows), style, least=least)
        self._style, self._targets, self._target = style, targets, ""

    def heading(self) -> Iterator[str]:
        """The names of the columns."""
        return self._columns.heading()

    def lines(self, rows: Iterable[TableRow]) -> Iterator[str]:
        """The rows."""
        for row in rows:
            if self._targets and row.target and row.target != self._target:
                self._target = row.target
                yield from self._style.paragraph(row.target, " " * MARGIN)
            yield from self._columns.row(row.cells, WORD[row.verdict], PAINTED[row.verdict])
