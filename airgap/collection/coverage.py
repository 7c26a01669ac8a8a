"""The result of a fetch: the evidence for each certificate, and each gap with its reason.

The revocation check of the verifier decides what is covered. It reads the same files and accepts nothing stale, so a
covered certificate passes on the disconnected side until the stated date.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal, Protocol, Self

from airgap.collection.attempts import Attempt
from airgap.collection.chains import CertificateToCheck, UnreadableSignature
from airgap.errors import AirgapError, Rejected, Undecided
from airgap.moment import Moment
from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.reasons import ExitCode
from airgap.revocation.answer_evidence import EvidenceUse
from airgap.revocation.evidence_files import Evidence
from airgap.revocation.freshness import ChainKind, Freshness
from airgap.revocation.judge import RevocationJudge
from airgap.text import safe
from airgap.verdict import Ruled, Ruling, unless


class Status(StrEnum):
    """Whether a verifier will be able to decide."""

    COVERED = "covered"
    REVOKED = "revoked"
    GAP = "gap"
    UNPROVEN = "unproven"
    """There is a CRL, but the certificate that proves it is not available."""
    NOTHING = "nothing-to-ask"
    """The certificate names no distribution point and no responder."""


Role = Literal["chain", "responder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateCoverage:
    """The evidence about one certificate."""

    subject: str
    issuer: str
    serial: str
    """Hex."""
    fingerprint: str
    chain: ChainKind
    role: Role
    """`chain`, or `responder` for one that signed an OCSP response. A gap of a responder is only reported."""
    status: Status
    evidence: tuple[EvidenceUse, ...] = ()
    reason: str | None = None
    message: str = ""
    attempts: tuple[Attempt, ...] = ()
    unanswered: bool = False
    """The newest answer of some place was refused: the available evidence may be older than what that place has."""

    @property
    def is_gap(self) -> bool:
        """Whether something that a verifier will ask for is missing."""
        return self.status in {Status.GAP, Status.UNPROVEN} and self.role == "chain"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceWritten:
    """Evidence that was attached to one artifact."""

    reference: str
    digest: str
    """Of the evidence artifact."""
    files: int
    changed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchOutcome(Ruled):
    """The result of a fetch."""

    at: datetime
    targets: tuple[str, ...]
    directory: str | None
    """Where evidence was kept, safe to show; None where it only went beside images, or nowhere."""
    signatures: int
    certificates: tuple[CertificateCoverage, ...]
    unread: tuple[UnreadableSignature, ...] = ()
    offered: tuple[Attempt, ...] = ()
    """Evidence that was taken from files, or refused."""
    unreadable: tuple[str, ...] = ()
    """Files of `--from` that cannot be read: the newest answer may be in one of them."""
    pruned: tuple[str, ...] = ()
    written: tuple[EvidenceWritten, ...] = ()
    problems: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)
    """For each file the URL or path that it came from in this run."""
    required: bool = False
    """Whether a gap is a failure."""

    @property
    def complete(self) -> bool:
        """Whether a verifier will be able to decide for every certificate of every signature, by the newest evidence.

        False where there is no signature.
        """
        unproven = any(item.status is Status.UNPROVEN and item.role == "chain" for item in self.certificates)
        return bool(self.signatures) and not self.misses_something and not unproven

    @property
    def misses_something(self) -> bool:
        """Whether evidence that a verifier will ask for did not come, or may have gone unread.

        Evidence that only another machine can prove, because a root is not available here, is not missing.
        """
        if self.problems or self.unread or self.unreadable:
            return True
        chain = [item for item in self.certificates if item.role == "chain"]
        return any(item.status is Status.GAP or item.unanswered for item in chain)

    @property
    def is_revoked(self) -> bool:
        """Whether a certificate of a signature or timestamp is revoked, by the available evidence."""
        return any(item.status is Status.REVOKED and item.role == "chain" for item in self.certificates)

    @property
    def use_by(self) -> tuple[datetime, str] | None:
        """When the first piece goes stale, and which."""
        dates = [
            (use.good_until, use.name)
            for item in self.certificates
            if item.role == "chain"
            for use in item.evidence
            if use.good_until is not None
        ]
        return min(dates, default=None)

    def ended_by(self, error: AirgapError) -> Self:
        """The same outcome of a run that ended with this error."""
        return replace(self, problems=(*self.problems, Problem.of(error)))

    @property
    def ruling(self) -> Ruling:
        """That of the problems, and indeterminate for a gap where completeness is required."""
        is_gap = self.required and not self.complete
        return unless([*self.problems, *([Ruling.of_code(ExitCode.INDETERMINATE)] if is_gap else [])])


class Tried(Protocol):
    """The attempts to get evidence (`airgap.collection.gather.Gatherer`)."""

    @property
    def attempts(self) -> Mapping[CertificateToCheck, Sequence[Attempt]]:
        """The attempts, by the certificate that each was for."""

    @property
    def unanswered(self) -> Mapping[CertificateToCheck, None]:
        """Certificates for which some place answered, and its newest answer was refused."""


def coverage_of(
    to_check: Iterable[CertificateToCheck],
    responders: Iterable[CertificateToCheck],
    evidence: Evidence,
    tried: Tried,
    *,
    unkept: Collection[Certificate],
    known: Evidence,
    stored: Sequence[Certificate],
    freshness: Freshness,
    moment: Moment,
) -> tuple[CertificateCoverage, ...]:
    """The coverage of every certificate by `evidence`, in their order, as a verifier would judge it at `moment`.

    `known`: all available evidence, including `evidence` and what a verifier finds in the targets. An answer must hold
    by all of it, too. `unkept`: what came about these certificates is kept nowhere. `stored`: the
    certificates of all trust stores, for who made evidence. `freshness`: what the operator accepts. It counts only for
    evidence without nextUpdate, as a fetch is for fresh evidence.
    """
    ages = freshness.for_endless()
    own, strict = (RevocationJudge(body, ages, moment, stored=lambda: stored) for body in (evidence, known))
    found = [(item, _cover(own, strict, item, "chain", tried)) for item in to_check]
    chain = [_unkept(coverage) if item.certificate in unkept else coverage for item, coverage in found]
    return (*chain, *(_cover(own, strict, item, "responder", tried) for item in responders))


def _cover(
    judge: RevocationJudge, strict: RevocationJudge, item: CertificateToCheck, role: Role, tried: Tried
) -> CertificateCoverage:
    attempts = tried.attempts.get(item, ())
    status, uses, reason, message = _status(judge, strict, item)
    if item.issuer is None and any(attempt.file for attempt in attempts):
        status, message = Status.UNPROVEN, f"{message}; what came can only be proven where it is"
    certificate = item.certificate
    return CertificateCoverage(
        subject=safe(certificate.subject_text),
        issuer=safe(certificate.issuer_text),
        serial=format(certificate.serial, "x"),
        fingerprint=certificate.fingerprint,
        chain=item.chain,
        role=role,
        status=status,
        evidence=uses,
        reason=reason,
        message=message,
        attempts=tuple(sorted(attempts, key=lambda attempt: _KINDS.index(attempt.kind))),
        unanswered=item in tried.unanswered,
    )


def _unkept(coverage: CertificateCoverage) -> CertificateCoverage:
    if coverage.status not in {Status.COVERED, Status.UNPROVEN}:
        return coverage
    message = "it is in no chain of the layout that gets evidence, and no trust directory is named: what came is lost"
    return replace(coverage, status=Status.GAP, evidence=(), reason="fetch.unkept", message=message)


_KINDS = ("ocsp", "crl", "delta-crl")


def _status(
    judge: RevocationJudge, strict: RevocationJudge, item: CertificateToCheck
) -> tuple[Status, tuple[EvidenceUse, ...], str | None, str]:
    certificate, issuer = item.certificate, item.issuer
    names_none = not certificate.names_a_source
    if issuer is None and names_none:
        return Status.NOTHING, (), None, ""
    if issuer is None:
        text = f"the certificate of its issuer {safe(certificate.issuer_text)!r} is not available"
        return Status.GAP, (), "fetch.issuer", text
    try:
        authorities = issuer, *item.above
        strict.check_certificate(certificate, authorities, item.renewed, kind=item.chain)
        uses = judge.check_certificate(certificate, authorities, item.renewed, kind=item.chain)
    except Rejected as error:
        return Status.REVOKED, (), error.reason, str(error)
    except Undecided as error:
        return Status.GAP, (), error.reason, str(error)
    return (Status.NOTHING if names_none else Status.COVERED), uses, None, ""
