"""Judges again what the rows of a ledger say of their artifacts, as reports say it (decision 0039).

What any row knows against an artifact counts, whichever row came first, and whether or not that row was accepted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from airgap.errors import AirgapError, FormatError
from airgap.ledger.entries import OF_EVIDENCE, JudgedArtifact, as_kept
from airgap.ledger.ledger_file import Ledger
from airgap.oci.content_mode import Content
from airgap.parse.base64 import decode_standard
from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.revocation.answer_evidence import FoundInTargets
from airgap.signature.carried import Carried
from airgap.text import safe
from airgap.trust.levels import Check
from airgap.verdict import Verdict
from airgap.verifier.known_revocations import KnownRevocations
from airgap.verifier.recorded import RecordedArtifact, RecordedReport, RecordedSignature
from airgap.verifier.report_reader import parse_report

if TYPE_CHECKING:
    from airgap.verifier.rechecked import Rechecked
    from airgap.verifier.report_judge import ReportJudge

_ACCEPTED: Final = frozenset({Verdict.PASS, Verdict.SKIPPED})
_NOTHING: Final = "See airgap ledger list. --since and --name choose among what was accepted."
_PRUNED: Final = "Verify them again where they are needed. --since TIME leaves out what was recorded earlier."
_UNREADABLE: Final = "Verify it again where it is needed. To judge the rest without it, prune its row, or use --since."
# in a JSON string the quotation marks would be escaped
_TOKEN: Final = re.compile(rb'"timestamp_token":"([A-Za-z0-9+/=]+)"')
_CHAIN: Final = re.compile(rb'"chain":\[([^\]]*)\]')
_FINGERPRINT: Final = re.compile(rb'"([0-9a-f]{64})"')
_REVOKED: Final = b"revocation.revoked"
"""In each document of something that was revoked; what else has it is read and adds nothing."""


class _JudgedRow(NamedTuple):
    """One judgement of an artifact."""

    number: int
    entry: JudgedArtifact
    document: bytes | None
    """None where it was pruned."""
    is_unfinished: bool
    """Whether the import that recorded it did not say how it ended."""


class _ReadRow(NamedTuple):
    """One judgement with what its document says."""

    row: _JudgedRow
    report: RecordedReport
    artifact: RecordedArtifact

    @property
    def lost(self) -> frozenset[FoundInTargets]:
        """What evidence said that was in the layout."""
        return frozenset(signature.lost for signature in self.artifact.signatures)

    @property
    def counted(self) -> frozenset[frozenset[tuple[Check, str]]]:
        """What signatures failed by revocation."""
        return frozenset(signature.counted for signature in self.artifact.signatures)

    @property
    def knowledge(self) -> Hashable:
        """All by which its judgement may differ from that of another row about the artifact."""
        entry = self.row.entry
        return entry.scope, entry.is_accepted, entry.reasons, self.lost, self.counted


class RecordedJudgements:
    """What rows of a ledger say. They are read one artifact after the other: a ledger may be large."""

    def __init__(self, ledger: Ledger, *, since: datetime | None = None, name: str | None = None) -> None:
        """`since`, `name`: only artifacts accepted then or later, and by a name with this text."""
        self._ledger, self._since, self._name = ledger, since, name
        self._certificate = _certificates(ledger)
        self._judged = self._pruned = self._partly = 0
        self._unreadable: list[Problem] = []
        self.still_good = 0
        """How many of those that were judged again are still good without reservations."""

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, since: datetime | None, name: str | None) -> Iterator[Self]:
        """Those of a whole ledger. Raises LedgerError."""
        with Ledger.open(path) as ledger:
            ledger.check_whole()
            yield cls(ledger, since=since, name=name)

    def report(self, number: int, document: bytes) -> RecordedReport:
        """What the verdict document of a row says. Raises FormatError."""
        return parse_report(document, f"row {number}", self._certificate)

    def carried(self) -> Iterator[Carried]:
        """What the signatures in any row carry, chosen or not, found without reading the rest of their documents."""
        chains: set[bytes] = set()
        for _, document in self._ledger.documents():
            for text in _TOKEN.findall(document):
                yield Carried(token=decode_standard(text.decode("ascii"), where="timestamp_token"))
            for names in set(_CHAIN.findall(document)) - chains:
                chains.add(names)
                yield Carried(tuple(self._named(names)))

    def _named(self, names: bytes) -> Iterator[bytes]:
        """Those of a chain that the ledger keeps; what it lost, judging the row reports."""
        for name in _FINGERPRINT.findall(names):
            with suppress(AirgapError):
                if found := self._certificate(name.decode("ascii")):
                    yield found.der

    def judge_again(self, judge: ReportJudge) -> Iterator[Rechecked]:
        """What was accepted; of what is still good without reservations, only the number.

        `problems` and `warnings` are complete at the end.
        """
        for rows in self._artifacts():
            yield from self._artifact(rows, judge)

    def _artifacts(self) -> Iterator[list[_JudgedRow]]:
        """All judgements of each artifact that was chosen."""
        for digest in self._ledger.judged_digests(since=self._since, name=self._name):
            rows = [
                _JudgedRow(row.number, row.entry, self._ledger.attached(row), row.is_unfinished)
                for row in self._ledger.rows(kinds=[JudgedArtifact.kind], about=digest)
                if isinstance(row.entry, JudgedArtifact)
            ]
            if any(self._is_chosen(row.entry) for row in rows):
                yield rows

    def _is_chosen(self, entry: JudgedArtifact) -> bool:
        return (
            (entry.is_accepted or entry.is_unfinished)
            and self._is_recent(entry)
            and (self._name is None or self._name in "\n".join(entry.names))
        )

    def _is_recent(self, entry: JudgedArtifact) -> bool:
        return self._since is None or entry.at >= as_kept(self._since)

    def _newest(self, rows: Sequence[_JudgedRow]) -> frozenset[int]:
        """The newest acceptance under each repository and names; one that skipped the signatures replaces no other.

        And the last row, if an import did not end: it may have put some tags.
        """
        accepted = [row for row in rows if row.entry.is_accepted and self._is_chosen(row.entry)]
        ordered = sorted(accepted, key=lambda row: (row.entry.verdict is not Verdict.SKIPPED, row.number))
        newest = {(row.entry.scope, row.entry.names): row.number for row in ordered}
        return frozenset((*newest.values(), *(row.number for row in rows[-1:] if row.entry.is_unfinished)))

    def _artifact(self, rows: list[_JudgedRow], judge: ReportJudge) -> Iterator[Rechecked]:
        """The judgements of one artifact that are made again: its acceptances, and what was against it in any row."""
        newest = self._newest(rows)
        read = list(self._read(rows, newest))
        found = dict.fromkeys(lost for item in read for lost in item.lost)
        for row, report, artifact in _to_make_again(read, newest):
            signatures = tuple(self._knowing(signature, found, row.entry) for signature in artifact.signatures)
            besides = (*report.problems, *([_unfinished(row.entry)] if row.is_unfinished else []))
            again = judge.judge(report, replace(artifact, signatures=signatures), besides)
            if row.number in newest:
                self._judged += 1
                self._partly += artifact.content_mode is not Content.ALL and row.entry.into is None
                self.still_good += again.is_still_good
            elif again.verdict in _ACCEPTED or not _is_about_evidence(again):
                continue  # it is settled, or was refused for something else, under which it is no acceptance
            if not again.is_still_good:
                yield again.slim()

    def _read(self, rows: Iterable[_JudgedRow], newest: Collection[int]) -> Iterator[_ReadRow]:
        """The rows whose documents can be read; counts those that lack what is needed."""
        for row in rows:
            if row.document is None:
                self._pruned += _is_asked(row, newest) and self._is_recent(row.entry)
                continue
            try:
                report = self.report(row.number, row.document)
            except FormatError as error:
                self._unreadable.append(_unreadable(row, error))
            else:
                yield _ReadRow(row, report, *report.artifacts)

    def _knowing(
        self, signature: RecordedSignature, found: Iterable[FoundInTargets], entry: JudgedArtifact
    ) -> RecordedSignature:
        """The signature with what the other rows know about its certificates."""
        own = signature.lost
        others = FoundInTargets.joined(item for item in found if item != own)
        foreign = self._revocations.about(signature, entry.digest)
        return replace(signature, elsewhere=others._replace(statements=(*others.statements, *foreign)))

    @cached_property
    def _revocations(self) -> KnownRevocations:
        """What revoked a certificate in any row."""
        found = KnownRevocations()
        for number, document in self._ledger.documents():
            if _REVOKED in document:
                with suppress(FormatError):  # its own artifact is open then
                    (artifact,) = self.report(number, document).artifacts
                    found.take(f"row {number}", artifact)
        return found

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What could not be judged again at all."""
        return (*self._problems(), *self._unreadable)

    def _problems(self) -> Iterator[Problem]:
        name = safe(self._ledger.path)
        if not (self._judged or self._pruned or self._unreadable):
            text = f"the ledger {name} holds nothing that was accepted"
            yield Problem.of_reason("recheck.nothing", text, target=name, remedy=_NOTHING)
        if self._pruned:
            text = f"judgements of the ledger {name} whose documents were pruned cannot be made again: {self._pruned}"
            yield Problem.of_reason("recheck.unproven", text, target=name, remedy=_PRUNED)

    @property
    def warnings(self) -> Iterator[Problem]:
        """What the judgements rest on."""
        if self._judged:
            text = f"what the ledger {safe(self._ledger.path)} says of signatures and content is taken as it is"
            yield Problem(message=text, reason="recheck.report_alone")
        if self._partly:
            text = f"artifacts of which not all content was read when they were judged: {self._partly}"
            yield Problem(message=text, reason="recheck.report_alone")


def _is_about_evidence(again: Rechecked) -> bool:
    return any((problem.reason or "").startswith((*OF_EVIDENCE, "recheck.")) for problem in again.because)


def _is_asked(row: _JudgedRow, newest: Collection[int]) -> bool:
    return row.number in newest or row.entry.is_about_revocation


def _to_make_again(read: Iterable[_ReadRow], newest: Collection[int]) -> Iterator[_ReadRow]:
    """Of rows that know the same, the newest acceptances, else the last one."""
    equal: dict[Hashable, list[_ReadRow]] = {}
    for item in read:
        if _is_asked(item.row, newest) or any(item.counted):
            equal.setdefault(item.knowledge, []).append(item)
    for items in equal.values():
        yield from [item for item in items if item.row.number in newest] or items[-1:]


def _unfinished(entry: JudgedArtifact) -> Problem:
    text = f"the import into {entry.into} did not end: some of its tags may have been put"
    return Problem(message=text, exit_code=ExitCode.ERROR, target=entry.reference, remedy="Import it again.")


def _unreadable(row: _JudgedRow, error: FormatError) -> Problem:
    text = f"{row.entry.reference}: what row {row.number} of the ledger says of it cannot be read here: {error}"
    return Problem.of_reason("recheck.unproven", text, target=row.entry.reference, remedy=_UNREADABLE)


def _certificates(ledger: Ledger) -> Callable[[str], Certificate | None]:
    """Gives the certificates that a ledger keeps, by fingerprint. The signers of a site are few."""

    @lru_cache(maxsize=4096)
    def read(name: str) -> Certificate | None:
        der = ledger.certificate(name)
        return None if der is None else Certificate.parse(der)

    return read
