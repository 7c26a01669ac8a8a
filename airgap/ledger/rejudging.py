"""Judges again what the rows of a ledger say of their artifacts, as reports say it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from airgap.errors import FormatError
from airgap.ledger.database import LedgerError
from airgap.ledger.entries import OF_EVIDENCE
from airgap.ledger.ledger_file import Ledger, ToJudgeAgain
from airgap.oci.content_mode import Content
from airgap.parse.base64 import decode_standard
from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.text import safe
from airgap.verdict import Verdict
from airgap.verifier.report_reader import parse_report

if TYPE_CHECKING:
    from airgap.verifier.rechecked import Rechecked
    from airgap.verifier.recorded import RecordedReport
    from airgap.verifier.report_judge import ReportJudge

_ACCEPTED: Final = frozenset({Verdict.PASS, Verdict.SKIPPED})
_PRUNED: Final = "Verify them again where they are needed. --since TIME leaves out what was recorded earlier."
_TOKEN: Final = re.compile(rb'"timestamp_token":"([A-Za-z0-9+/=]+)"')
"""In a JSON string the quotation marks would be escaped."""


class RecordedJudgements:
    """What rows of a ledger say. They are read one after the other: a ledger may be large."""

    def __init__(self, ledger: Ledger, *, since: datetime | None = None, name: str | None = None) -> None:
        """`since`, `name`: only what was recorded then or later, and has this text in a name."""
        self._ledger, self._since, self._name = ledger, since, name
        self._known = _Known(ledger)
        self.still_good = 0
        """How many of those that were judged again are still good without reservations."""
        self.problems: tuple[Problem, ...] = ()
        self.warnings: tuple[Problem, ...] = ()

    @classmethod
    @contextmanager
    def open(cls, path: Path, *, since: datetime | None, name: str | None) -> Iterator[Self]:
        """Those of a whole ledger. Raises LedgerError."""
        with Ledger.open(path) as ledger:
            ledger.check_whole()
            yield cls(ledger, since=since, name=name)

    def report(self, number: int, document: bytes) -> RecordedReport:
        """What the verdict document of a row says. Raises LedgerError."""
        name = f"row {number}"
        try:
            return parse_report(document, name, self._known)
        except FormatError as error:
            raise LedgerError("ledger.damaged", f"{safe(self._ledger.path)}, {name}: {error}") from None

    def tokens(self) -> Iterator[bytes]:
        """The timestamp tokens in all of them, found without reading the rest."""
        for row in self._rows():
            for text in _TOKEN.findall(row.document or b""):
                yield decode_standard(text.decode("ascii"), where="timestamp_token")

    def judge_again(self, judge: ReportJudge) -> Iterator[Rechecked]:
        """What was accepted; of what is still good without reservations, only the number.

        `problems` and `warnings` are complete at the end.
        """
        judged = pruned = partly = 0
        unread: list[Problem] = []
        for row in self._rows():
            if row.document is None:
                pruned += 1
                continue
            judged += 1
            try:
                report = self.report(row.number, row.document)
            except LedgerError as error:  # D27: it counts, and does not stop the others
                unread.append(Problem.of(error))
                continue
            (artifact,) = report.artifacts
            partly += artifact.content_mode is not Content.ALL
            again = judge.judge(report, artifact, report.problems)
            if artifact.verdict not in _ACCEPTED and again.verdict in _ACCEPTED:
                continue  # what was unknown, or on hold, is settled; the acceptance is judged for itself
            if row.is_beside and (again.verdict in _ACCEPTED or not _is_about_evidence(again)):
                continue  # it was refused for something else, under which it is no acceptance
            if again.is_still_good:
                self.still_good += 1
            else:
                yield again.slim()
        self.problems = (*unread, *self._problems(judged, pruned))
        self.warnings = tuple(self._warnings(judged, partly))

    def _rows(self) -> Iterator[ToJudgeAgain]:
        return self._ledger.to_judge_again(since=self._since, name=self._name)

    def _problems(self, judged: int, pruned: int) -> Iterator[Problem]:
        name = safe(self._ledger.path)
        if not judged and not pruned:
            text = f"the ledger {name} holds nothing that was accepted"
            yield Problem.of_reason("recheck.nothing", text, target=name)
        if pruned:
            text = f"judgements of the ledger {name} whose documents were pruned cannot be made again: {pruned}"
            yield Problem.of_reason("recheck.unproven", text, target=name, remedy=_PRUNED)

    def _warnings(self, judged: int, partly: int) -> Iterator[Problem]:
        if judged:
            text = f"what the ledger {safe(self._ledger.path)} says of signatures and content is taken as it is"
            yield Problem(message=text, reason="recheck.report_alone")
        if partly:
            text = f"artifacts of which not all content was read when they were judged: {partly}"
            yield Problem(message=text, reason="recheck.report_alone")


def _is_about_evidence(again: Rechecked) -> bool:
    return any((reason or "").startswith((*OF_EVIDENCE, "recheck.")) for reason, _, _ in again.because)


class _Known(Mapping[str, Certificate]):
    """The certificates that a ledger keeps, by fingerprint. The signers of a site are few."""

    def __init__(self, ledger: Ledger) -> None:
        self._read = lru_cache(maxsize=4096)(ledger.certificate)
        self._parse = lru_cache(maxsize=4096)(Certificate.parse)

    def __getitem__(self, name: str) -> Certificate:
        der = self._read(name)
        if der is None:
            raise KeyError(name)
        return self._parse(der)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0
