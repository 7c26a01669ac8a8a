"""What a recheck is given: reports, layouts, and what it uses of them before anything is judged."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple, Self

from airgap import limits
from airgap.errors import AirgapError, FormatError, LimitError
from airgap.files import is_there, read_regular
from airgap.oci.reference import LayoutReference, parse_reference
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.revocation.evidence_files import EvidenceFile
from airgap.revocation.pool import EvidencePool
from airgap.revocation.target_evidence import unread_certificates
from airgap.signature.carried import Carried, SignerCertificates
from airgap.signature.stamped_evidence import of_token
from airgap.text import safe
from airgap.verifier.known_revocations import KnownRevocations
from airgap.verifier.recorded import RecordedArtifact, RecordedReport
from airgap.verifier.report_reader import parse_report

_NO_REPORT: Final = "Name reports of airgap verify or import (--report), as they were written, or layouts."
_FEWER: Final = "Judge fewer of them at once."
_BEFORE_TEXT: Final = b" \t\r\n\x0b\x0c\x00\xef\xbb\xbf\xff\xfe"
"""White space and byte order marks: a report that an editor or PowerShell saved is recognised."""


class RecheckSource(NamedTuple):
    """One report or layout."""

    name: str
    """As it was named."""
    report: RecordedReport | Problem | None
    """The report, or the problem of a malformed one; None for a layout."""

    @classmethod
    def read(cls, name: str) -> Self:
        """What a name leads to."""
        try:
            return cls(name, _report(name))
        except (FormatError, OSError) as error:
            message = f"{safe(name)} is no report: {safe(error)}"
            return cls(name, Problem(message=message, exit_code=ExitCode.ERROR, target=safe(name), remedy=_NO_REPORT))

    @classmethod
    def all_in(cls, name: str) -> Iterator[Self]:
        """The same; of a folder that holds nothing but reports, each of them."""
        folder = Path(name)
        files: list[Path] = []
        if folder.is_dir():
            with suppress(OSError):  # one that cannot be read is reported where it is opened
                files = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
        layout = not files or any(path.suffix != ".json" or path.name == "index.json" for path in files)
        return map(cls.read, [name] if layout else map(str, files))

    def layouts(self) -> Iterator[str]:
        """The layout that is judged, or those of the report that are there."""
        if self.report is None:
            yield self.name
        elif isinstance(self.report, RecordedReport):
            yield from dict.fromkeys(place for item in self.report.artifacts if (place := place_of(item)) is not None)

    def carried(self) -> Iterator[Carried]:
        """What the signatures in a report carry."""
        if isinstance(self.report, RecordedReport):
            for signature in (signature for artifact in self.report.artifacts for signature in artifact.signatures):
                chain = signature.facts.chain if signature.facts else ()
                yield Carried(tuple(item.der for item in chain), signature.timestamp_token)


def known_revocations(sources: Iterable[RecheckSource]) -> KnownRevocations:
    """What the reports came to against certificates."""
    known = KnownRevocations()
    for _, report in sources:
        if isinstance(report, RecordedReport):
            for artifact in report.artifacts:
                known.take(report.name, artifact)
    return known


def knowing_each_other(sources: Iterable[RecheckSource], known: KnownRevocations) -> list[RecheckSource]:
    """The sources, each report with what the others came to against the certificates of its signatures."""
    return [
        source._replace(report=replace(report, artifacts=tuple(map(known.told_to, report.artifacts))))
        if isinstance(report := source.report, RecordedReport)
        else source
        for source in sources
    ]


def _report(source: str) -> RecordedReport | None:
    """A report; None if `source` is something else. Raises FormatError, OSError."""
    path = Path(source)
    if not path.is_file():
        return None
    with path.open("rb") as file:
        if not file.read(64).lstrip(_BEFORE_TEXT).startswith(b"{"):
            return None
    return parse_report(read_regular(path, limits.REPORT_BYTES), source)


def place_of(artifact: RecordedArtifact) -> str | None:
    """The path of the layout of a report; None if it is missing or an empty folder (a mount point)."""
    place = path = artifact.path
    if path is None:
        try:
            reference = parse_reference(artifact.reference)
        except AirgapError:
            return None
        if not isinstance(reference, LayoutReference):
            return None
        place, path = reference.whole, reference.path
    return place if is_there(path) and not is_empty(path) else None


def is_empty(path: str) -> bool:
    """Whether a folder is empty; an unreadable folder is not."""
    try:
        with os.scandir(path) as entries:
            return next(entries, None) is None
    except OSError:
        return False


def carried_evidence(found: Iterable[Carried]) -> Iterator[EvidencePool]:
    """The evidence and the certificates that signatures carry: used for everything that is judged.

    A token that cannot be read has none, which judging it reports.
    """
    pieces: dict[bytes, EvidenceFile] = {}
    certificates = SignerCertificates()
    for carried in found:
        certificates.take(carried.every_certificate())
        with suppress(FormatError):
            for piece in of_token(carried.token) if carried.token else ():
                try:
                    pieces[piece.read()] = piece
                except LimitError:
                    pieces[carried.token or b""] = piece
    unread = [] if certificates.is_complete else [unread_certificates("the reports", _FEWER)]
    if pieces or certificates.found or unread:
        yield EvidencePool(tuple(pieces.values()), unread=unread, signers=certificates.found)
