"""What ends, and when: evidence, certificates of trust stores, and signatures with their certificates.

Nothing is judged. A date in a signature is a claim of its maker: an expired signing certificate is no fault where a
timestamp proves an earlier time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Final

from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.signature.results import InspectedArtifact, InspectedSignature
from airgap.text import safe
from airgap.trust.directory import TrustDirectory
from airgap.trust.piece_status import PieceState
from airgap.trust.status import TrustStatus, trust_status
from airgap.trust.store_types import StoreType
from airgap.verdict import unless
from airgap.verifier.run import clock_text


class EndingKind(StrEnum):
    """What it is."""

    CRL = "crl"
    OCSP = "ocsp"
    ROOT = "root"
    TSA_ROOT = "tsa root"
    CA = "ca"
    SIGNER = "signer"
    TSA = "tsa"
    SIGNATURE = "signature"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingDate:
    """Something that ends. All texts are safe to show."""

    at: datetime
    kind: EndingKind
    name: str
    """The issuer of evidence, the subject of a certificate, the artifact of a signature."""
    place: str
    """The file of evidence, the trust store, or the first artifact whose signature has it."""
    more: int = 0
    """In how many more stores or signatures it is."""


_END_OF_TIME: Final = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class EndingDates:
    """All of it, the first end first."""

    at: datetime
    clock: datetime
    directory: str
    within: timedelta
    targets: tuple[str, ...]
    dates: tuple[EndingDate, ...]
    problems: tuple[Problem, ...] = ()
    """What could not be looked at, so that it may end sooner."""

    @property
    def until(self) -> datetime:
        """The end of the span."""
        return _END_OF_TIME if self.within > _END_OF_TIME - self.at else self.at + self.within

    @property
    def ended(self) -> tuple[EndingDate, ...]:
        """What has ended at the moment."""
        return tuple(item for item in self.dates if item.at < self.at)

    @property
    def ending(self) -> tuple[EndingDate, ...]:
        """What ends within the span."""
        return tuple(item for item in self.dates if self.at <= item.at <= self.until)

    @property
    def later(self) -> tuple[EndingDate, ...]:
        """What ends after it."""
        return tuple(item for item in self.dates if item.at > self.until)

    @property
    def exit_code(self) -> int:
        """That of the problems, 15 where something has ended, 21 where something will within the span."""
        if code := unless(self.problems).exit_code:
            return code
        return ExitCode.INDETERMINATE if self.ended else ExitCode.DIFFERENT if self.ending else ExitCode.OK


def ending_dates(
    directory: TrustDirectory,
    artifacts: Sequence[InspectedArtifact] = (),
    *,
    at: datetime,
    clock: datetime,
    within: timedelta,
) -> EndingDates:
    """When what is in a trust directory, and in the signatures of `artifacts` (`airgap.inspect`), ends.

    Evidence that a newer one replaces does not count. Raises TrustMaterialError for an index that cannot be read.
    """
    status = trust_status(directory, at=at, clock=clock)
    found: dict[tuple[EndingKind, str, datetime], EndingDate] = {}
    unread: list[Problem] = []
    for key, item in (
        *_of_evidence(status, unread),
        *_of_stores(directory, unread),
        *(each for artifact in artifacts for each in _of_artifact(artifact, unread)),
    ):
        known = found.get((item.kind, key, item.at))
        if known is None:
            found[item.kind, key, item.at] = item
        elif known.place != item.place:
            found[item.kind, key, item.at] = replace(known, more=known.more + 1)
    return EndingDates(
        at=at,
        clock=clock,
        directory=status.directory,
        within=within,
        targets=tuple(artifact.reference for artifact in artifacts),
        dates=tuple(sorted(found.values(), key=lambda item: (item.at, item.kind, item.name, item.place))),
        problems=tuple(dict.fromkeys((*status.problems, *unread))),
    )


def _of_evidence(status: TrustStatus, unread: list[Problem]) -> Iterator[tuple[str, EndingDate]]:
    if status.clock_is_behind and status.newest:
        made, name = status.newest
        message = clock_text(status.clock, name, made)
        unread.append(Problem(message=message, exit_code=ExitCode.INDETERMINATE, reason="clock.behind"))
    for piece in status.pieces:
        if piece.state is PieceState.UNUSABLE:
            code = ExitCode.INDETERMINATE
            unread.append(Problem(message=f"{piece.file}: {piece.problem}", exit_code=code, remedy=piece.remedy))
        elif piece.is_needed:
            kind = EndingKind.OCSP if piece.kind == "ocsp" else EndingKind.CRL
            # what names no end is stale from the start, unless its age is accepted
            end = piece.use_by or piece.next_update or piece.this_update or status.at
            yield piece.file, EndingDate(at=end, kind=kind, name=piece.about, place=piece.file)


def _of_stores(directory: TrustDirectory, unread: list[Problem]) -> Iterator[tuple[str, EndingDate]]:
    for kind in StoreType:
        loaded, notices = directory.all_stores(kind)
        unread += (
            Problem(message=notice.message, exit_code=ExitCode.MALFORMED, remedy=notice.remedy)
            for notice in notices.values()
        )
        root = EndingKind.TSA_ROOT if kind is StoreType.TSA else EndingKind.ROOT
        for store in loaded:
            for certificate in store.certificates:
                yield _of_certificate(certificate, root if certificate.self_signed else EndingKind.CA, str(store.ref))


def _of_certificate(certificate: Certificate, kind: EndingKind, place: str) -> tuple[str, EndingDate]:
    name = safe(certificate.subject_text)
    return certificate.fingerprint, EndingDate(at=certificate.not_after, kind=kind, name=name, place=place)


def _of_artifact(artifact: InspectedArtifact, unread: list[Problem]) -> Iterator[tuple[str, EndingDate]]:
    unread += (problem.as_problem(artifact.reference) for problem in artifact.unread)
    for signature in artifact.signatures:
        for obstacle in signature.obstacles:
            what = f"{artifact.reference}: a signature cannot be decoded: {obstacle.message}"
            unread.append(Problem(message=what, exit_code=ExitCode.INVALID, reason=obstacle.reason))
        yield from _of_signature(signature, artifact.reference)


def _of_signature(signature: InspectedSignature, place: str) -> Iterator[tuple[str, EndingDate]]:
    envelope, timestamp = signature.envelope, signature.timestamp
    if envelope and envelope.expiry:
        signed = EndingDate(at=envelope.expiry, kind=EndingKind.SIGNATURE, name=place, place=place)
        yield str(signature.descriptor.digest), signed
    for first, certificates in (
        (EndingKind.SIGNER, envelope.certificates if envelope else ()),
        (EndingKind.TSA, timestamp.certificates if timestamp else ()),
    ):
        for certificate in certificates:
            if not certificate.self_signed:  # a root counts where it is trusted
                yield _of_certificate(certificate, EndingKind.CA if certificate.is_ca else first, place)
