"""The evidence of an answer about revocation."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from airgap.pki.distinguished_names import name_key
from airgap.revocation.freshness import ChainKind, EvidenceKind

if TYPE_CHECKING:
    from airgap.pki.certificate import Certificate
    from airgap.pki.crl_facts import CrlFacts
    from airgap.revocation.evidence_files import CrlFile, OcspFile


class EvidenceInTarget(NamedTuple):
    """A CRL or OCSP response of a target, for one certificate."""

    name: str
    """Its file, safe to show."""
    fingerprint: str
    kind: EvidenceKind
    chain: ChainKind
    certificate: str
    """The fingerprint of the certificate of the chain that it is about, or that the delegate answers for."""
    this_update: datetime

    @classmethod
    def of(cls, file: CrlFile | OcspFile, chain: ChainKind, certificate: Certificate, this_update: datetime) -> Self:
        """What is known of `file`, which says something of `certificate`."""
        return cls(file.name, file.fingerprint, file.kind, chain, certificate.fingerprint, this_update)


class MakerName(NamedTuple):
    """The maker that evidence names, by one of both: an OCSP response may name the key (RFC 6960, 4.2.1)."""

    name: bytes = b""
    """Its raw Name."""
    key_hash: bytes = b""
    """SHA-1 of its key."""

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for the same maker, however its Name is spelt."""
        return self.key_hash, name_key(self.name) if self.name else ()


class UnprovenMaker(NamedTuple):
    """The maker that evidence names, where it is not proven that it made this."""

    named: MakerName
    tried: frozenset[str] = frozenset()
    """The fingerprints of the certificates that did not prove it; empty if there were too many to keep."""
    untried: frozenset[str] = frozenset()
    """Of those that might prove it, where it was not known which CA issued the certificate in question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetStatement:
    """What a CRL or OCSP response of a target says against a certificate, whether or not it counted."""

    evidence: EvidenceInTarget
    is_hold: bool
    """Whether it says only "on hold", which newer evidence lifts."""
    responder: str = ""
    """The fingerprint of the delegated responder that it is against; empty for a certificate of the chain."""
    unproven: UnprovenMaker | None = None
    """Who may have made it, if that was not proven; else None."""
    other_than: frozenset[str] | None = None
    """Not None if it is about delegated responders that were not known: it may be against any but these."""

    @property
    def is_about_responder(self) -> bool:
        """Whether it is not against the certificate, but against responders that answer for it."""
        return bool(self.responder) or self.other_than is not None

    def found_in(self, place: str) -> TargetStatement:
        """The same of another target, named with the place that says so."""
        return replace(self, evidence=self.evidence._replace(name=f"{self.evidence.name} ({place})"))

    def may_be_against(self, responder: str) -> bool:
        """Whether it is or may be against the delegated responder with this fingerprint."""
        return responder == self.responder or (self.other_than is not None and responder not in self.other_than)


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetAnswer:
    """What a CRL or OCSP response of a target answers about a certificate, if it says nothing against it.

    The newest one decides, also where it is stale or leaves the answer open.
    """

    evidence: EvidenceInTarget
    next_update: datetime | None
    """Of a CRL with a delta CRL, the first of both; None where one of them states none."""
    number: int | None
    """Of a CRL."""
    base_number: int | None
    """The delta CRL indicator of a delta CRL; None for all else."""
    is_open: bool
    """Whether it leaves the answer open also while it is fresh: a responder that does not know the certificate, or a
    CRL without the delta CRL that it, or the certificate, names."""
    is_complete: bool
    """Whether it covers all reasons for a revocation."""
    includes_older: bool
    """Whether there were more of its kind, made before it, which a report does not list one by one."""
    unproven: UnprovenMaker | None = None
    """Who may have made it, if that was not proven; else None."""

    @property
    def issued(self) -> tuple[datetime, int]:
        """When it was issued, as `CrlFacts.issued`."""
        return self.evidence.this_update, -1 if self.number is None else self.number


class NewestInTargets(NamedTuple):
    """The newest piece that came with a target and is about a certificate: a clock before it is wrong."""

    evidence: EvidenceInTarget
    unproven: UnprovenMaker | None
    """Who may have made it, if that was not proven; else None."""


class FoundInTargets(NamedTuple):
    """What came with a target about the chains of a signature."""

    statements: tuple[TargetStatement, ...] = ()
    """What says something against them."""
    answers: tuple[TargetAnswer, ...] = ()
    """What answers about them: without it, older evidence must not answer instead."""
    newest: tuple[NewestInTargets, ...] = ()
    """What was made last about each certificate: no clock before it is right."""

    @classmethod
    def joined(cls, found: Iterable[FoundInTargets]) -> FoundInTargets:
        """All of it, each once."""
        return cls(*(tuple(dict.fromkeys(chain.from_iterable(members))) for members in zip(cls(), *found, strict=True)))

    def about(self, certificate: Certificate, kind: ChainKind) -> FoundInTargets:
        """What is for a judgement of this certificate: its answers, and what is against those who answer for it."""

        def is_asked(item: TargetStatement | TargetAnswer | NewestInTargets) -> bool:
            return (item.evidence.chain, item.evidence.certificate) == (kind, certificate.fingerprint)

        return FoundInTargets(
            statements=tuple(item for item in self.statements if is_asked(item) and item.is_about_responder),
            answers=tuple(filter(is_asked, self.answers)),
            newest=tuple(filter(is_asked, self.newest)),
        )


NOTHING_FOUND: Final = FoundInTargets()


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceUse:
    """One piece of evidence of a revocation verdict."""

    certificate: str
    """The subject of the certificate in question."""
    chain: str
    """`signing` or `tsa`."""
    kind: str
    """`crl`, `delta-crl`, `ocsp`, or `none` for a certificate without distribution point and responder."""
    status: str
    """`good` or `revoked`, and how."""
    name: str = ""
    origin: str = ""
    number: int | None = None
    this_update: datetime | None = None
    next_update: datetime | None = None
    good_until: datetime | None = None
    """Until when it is valid: nextUpdate, or the end of the responder's certificate, whichever comes first."""
    accepted_stale: bool = False
    notes: tuple[str, ...] = ()
    """Warnings for every report: newer evidence that is not usable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearingAnswer:
    """The evidence that a certificate is not revoked."""

    uses: tuple[EvidenceUse, ...]
    since: datetime | None
    """The time of the answer: thisUpdate; None if the certificate names no distribution point and no responder."""
    crls: tuple[CrlFacts, ...] = ()
    """The CRLs of the answer, the newest base first."""
