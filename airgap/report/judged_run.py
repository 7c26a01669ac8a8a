"""A judgement as all forms of reports have it (HTML, JUnit, NDJSON, in-toto): a verdict, facts, and what was judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from airgap.errors import AirgapError
from airgap.oci.digest import Digest
from airgap.parse.time import iso
from airgap.problem import Problem
from airgap.report.artifact_rows import Signers
from airgap.report.details import Detail
from airgap.report.finding_text import has_reservations
from airgap.report.report import Json
from airgap.report.verdict_sentence import RuledOutcome
from airgap.report.verify_text import causes_of, content_facts, judged_by, notes_of
from airgap.verdict import Ruling, Verdict
from airgap.verifier.artifact_document import artifact_document
from airgap.verifier.outcome import ArtifactOutcome, Outcome

Facts = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedItem:
    """One artifact or file, and its verdict. All text is safe."""

    name: str
    digest: Digest | None
    """None for a file that was not read."""
    verdict: Verdict
    exit_code: int
    facts: Facts
    """Names and values: who signed, what is attached."""
    scope: str | None = None
    """The repository that it was judged as."""
    causes: tuple[Detail, ...] = ()
    """What keeps it from being good, and what to do."""
    notes: tuple[str, ...] = ()
    is_wholly_good: bool
    """Whether it passed, no check was softened, and all of its content was read."""
    signatures: tuple[Digest, ...] = ()
    """The signatures that were accepted: digests of their manifests."""
    document: Callable[[], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRun:
    """What a command judged. All text is safe."""

    command: str
    """`airgap verify`."""
    headline: str
    """The verdict with the names of what failed."""
    exit_code: int
    verdict: Verdict
    judged: datetime | None
    trust: Mapping[str, object] = field(default_factory=dict)
    facts: tuple[str, ...] = ()
    """By what and for when it was judged, and how long it holds."""
    verdicts: Counter[Verdict]
    """How many items have each verdict: known without making them."""
    items: Callable[[], Iterable[JudgedItem]]
    """All of them, made anew at each call: there may be many, and to make them takes long."""
    problems: tuple[Problem, ...] = ()
    """What could not be judged: each may be about any of the items."""
    error: Problem | None = None
    """What ended the command, if something did."""
    warnings: tuple[Problem, ...] = ()
    heading: Callable[[], Json]
    """The JSON document without the items."""

    @property
    def count(self) -> int:
        """How many items there are."""
        return self.verdicts.total()

    @property
    def all_problems(self) -> tuple[Problem, ...]:
        """What could not be judged, and what ended the command."""
        return (*self.problems, *((self.error,) if self.error else ()))

    @property
    def moment(self) -> str:
        """The moment judged for; empty where nothing was judged."""
        return iso(self.judged) if self.judged else ""


def plain(text: str) -> str:
    """The text without the marks for blanks at which a terminal breaks no line."""
    return text.replace("\u00a0", " ")


def plain_details(details: Iterable[Detail]) -> tuple[Detail, ...]:
    """These details without them, each once."""
    return tuple(dict.fromkeys(detail._replace(text=plain(detail.text)) for detail in details))


def is_wholly_good(artifact: ArtifactOutcome, verdict: Verdict) -> bool:
    """Whether an artifact with this verdict passed, no check was softened, and all of its content was read."""
    return (
        verdict is Verdict.PASS
        and not has_reservations(artifact, verdict)
        and artifact.content is not None
        and artifact.content.mode == "all"
    )


def _items(ruled: RuledOutcome) -> Iterator[JudgedItem]:
    """The artifacts of a verify, in the order of the command."""
    signers = Signers(ruled.outcome.artifacts)
    for artifact, ruling in ruled.artifacts:
        yield _item(artifact, ruling, signers)


def _item(artifact: ArtifactOutcome, ruling: Ruling, signers: Signers) -> JudgedItem:
    row = signers.judged(artifact, ruling)
    facts = [("signed by", row.signer), ("attached", row.attached)]
    if artifact.policy:
        facts.append(("policy", f"{artifact.policy.statement} ({artifact.policy.level})"))
    return JudgedItem(
        name=artifact.reference,
        digest=artifact.descriptor.digest,
        verdict=ruling.verdict,
        exit_code=ruling.exit_code,
        facts=tuple((name, plain(value)) for name, value in facts if value not in {"", "-"}),
        scope=artifact.scope,
        causes=plain_details(causes_of(artifact, verbose=True)) if ruling.exit_code else (),
        notes=tuple(plain(note.text) for note in notes_of(artifact, ruling.verdict)),
        is_wholly_good=is_wholly_good(artifact, ruling.verdict),
        signatures=tuple(item.digest for item in artifact.signatures if item.verdict is Verdict.PASS),
        document=lambda: artifact_document(artifact),
    )


def run_of(
    outcome: Outcome | None,
    *,
    command: str,
    headline: str,
    exit_code: int,
    heading: Callable[[], Json],
    error: AirgapError | None = None,
) -> JudgedRun:
    """What a command says that judged `outcome`, or ended before; the exit code is that of the command.

    `error`: what ended it.
    """
    ruled = RuledOutcome.of(outcome) if outcome else None
    return JudgedRun(
        command=command,
        headline=headline,
        exit_code=exit_code,
        verdict=ruled.ruling.verdict if ruled else Verdict.FAIL,
        judged=outcome.moment.judged if outcome else None,
        trust=outcome.trust if outcome else {},
        facts=(*content_facts(outcome), *judged_by(outcome)) if outcome else (),
        verdicts=ruled.verdicts if ruled else Counter(),
        items=lambda: _items(ruled) if ruled else (),
        problems=outcome.problems if outcome else (),
        error=Problem.of(error) if error else None,
        warnings=outcome.warnings if outcome else (),
        heading=heading,
    )
