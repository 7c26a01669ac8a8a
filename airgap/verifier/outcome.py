"""The outcome of a judgement: findings, and the verdicts derived from them.

Verdicts are derived, never given, so that no outcome can say "pass" against a finding. A missing finding is never a
pass: an outcome without every check is not accepted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple, Self

from airgap import limits
from airgap.errors import Fact
from airgap.oci.content import HELD, ContentReport
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.reasons import REASONS, ExitCode, remedy_of
from airgap.revocation.answer_evidence import EvidenceUse
from airgap.revocation.artifact import EVIDENCE_TYPE
from airgap.text import safe
from airgap.trust.choice import ScopeOrigin
from airgap.trust.levels import Action, Check
from airgap.trust.statement import Statement
from airgap.verdict import Ruled, Ruling, Verdict, all_of, best_of
from airgap.verifier.facts import PluginUse, SignatureFacts
from airgap.verifier.nearby import NearbySignatures
from airgap.verifier.run import RunOutcome

if TYPE_CHECKING:
    from airgap.oci.record import Record
    from airgap.transfer.carried_bundles import CarriedBundle


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check on one signature."""

    check: Check
    action: Action
    verdict: Verdict
    message: str
    reason: str | None = None
    """A code of airgap.reasons; None for a pass."""
    facts: Mapping[str, Fact] = field(default_factory=dict)
    remedy: str = ""
    """The remedy, if there is a better one than that of the reason code."""

    @property
    def shown_remedy(self) -> str:
        """What to do; empty for a pass."""
        return remedy_of(self.reason, self.remedy)

    @property
    def blocks(self) -> bool:
        """Whether this finding prevents the acceptance of the signature (VERIFY-18)."""
        return self.action is Action.ENFORCE and self.verdict in {Verdict.FAIL, Verdict.INDETERMINATE}

    @property
    def is_reservation(self) -> bool:
        """Whether the policy weakens this check: its failure is only logged, or it is skipped."""
        if self.action is Action.LOG:
            return self.verdict in {Verdict.FAIL, Verdict.INDETERMINATE}
        return self.action is Action.SKIP


@dataclass(frozen=True, slots=True, kw_only=True)
class SignerClaims:
    """The signer and the times of a signature. Claims until the verdict is pass."""

    subject: str
    issuer: str
    fingerprint: str
    """SHA-256 of the signing certificate, lower-case hex."""
    scheme: str
    algorithm: str
    signing_time: datetime | None
    """As claimed (notary.x509) or as the signing authority states (notary.x509.signingAuthority)."""
    expiry: datetime | None
    agent: str | None
    timestamp: tuple[datetime, datetime] | None = None
    """Earliest and latest moment that a verified RFC 3161 timestamp allows."""
    anchor: str | None = None
    """The trust store that holds the chain's anchor: `ca:acme`."""
    chain: tuple[Certificate, ...] = field(default=(), repr=False)
    """The chain that the envelope carries, so that its revocation can be checked again (recheck)."""
    timestamp_chain: tuple[Certificate, ...] = field(default=(), repr=False)
    """The chain of a verified timestamp."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureOutcome:
    """The judgement of one signature."""

    digest: Digest
    """Digest of the signature manifest."""
    envelope: Descriptor | None
    signer: SignerClaims | None
    findings: tuple[Finding, ...]
    evidence: tuple[EvidenceUse, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)
    """User metadata inside the signed payload, safe to show."""
    facts: SignatureFacts | None = field(default=None, repr=False)
    """Its facts, to judge it again without its bytes; None if it cannot be read."""
    plugin_use: PluginUse | None = None
    """The verification plugin that was run for it; the network guard does not watch it."""
    warnings: tuple[str, ...] = ()
    verdict: Verdict = field(init=False, repr=False, compare=False)
    """FAIL if an enforced check failed, else INDETERMINATE if one was undecided, else PASS."""
    exit_codes: frozenset[int] = field(init=False, repr=False, compare=False)
    """The exit codes of the verdict; empty for a pass."""

    def __post_init__(self) -> None:
        """Derives the verdict, once: reports ask for it some forty times."""
        verdict = _verdict_of(self.findings)
        object.__setattr__(self, "verdict", verdict)
        object.__setattr__(self, "exit_codes", exit_codes_of(self.findings, verdict))

    @property
    def plugin(self) -> str | None:
        """The name of the verification plugin that was run."""
        return self.plugin_use.name if self.plugin_use else None

    @property
    def reservations(self) -> tuple[Finding, ...]:
        """Faults that are only logged, and checks that the policy skips: each makes a pass weaker."""
        return tuple(finding for finding in self.findings if finding.is_reservation)


_ALL_CHECKS: Final = frozenset(Check)


def _verdict_of(findings: Sequence[Finding]) -> Verdict:
    blocking = {finding.verdict for finding in findings if finding.blocks}
    if Verdict.FAIL in blocking:
        return Verdict.FAIL
    if blocking or {finding.check for finding in findings} != _ALL_CHECKS:
        return Verdict.INDETERMINATE
    return Verdict.PASS


def exit_codes_of(findings: Iterable[Finding], verdict: Verdict) -> frozenset[int]:
    """The exit codes of the blocking findings that made `verdict`."""
    return frozenset(
        REASONS[finding.reason].exit_code
        for finding in findings
        if finding.blocks and finding.verdict is verdict and finding.reason
    )


class ReferrerOutcome(NamedTuple):
    """An artifact attached to another one (an SBOM, an attestation), and what its own signatures say.

    It is reported, and does not change the verdict of the artifact that it is attached to.
    """

    descriptor: Descriptor
    artifact_type: str | None
    signatures: tuple[SignatureOutcome, ...]
    foreign: str | None = None
    """What it is where it is itself a signature of another kind, which is not judged: `cosign signature`."""
    shown_type: str | None = None
    """Its type for people: cosign's attachments look like images."""

    @property
    def verdict(self) -> Verdict | None:
        """The best verdict of its signatures; None where it has none."""
        return best(self.signatures)


def best(signatures: Iterable[SignatureOutcome]) -> Verdict | None:
    """The best verdict counts (D27); None where there is no signature."""
    return best_of(signature.verdict for signature in signatures)


def ruling_under_policy(unjudged: Problem | None, signatures: Sequence[SignatureOutcome]) -> Ruling:
    """The verdict of signatures under a statement; no signature or no statement is a failure.

    `unjudged`: why no statement judged them, if so.
    """
    if unjudged:
        return Ruling(Verdict.SKIPPED) if unjudged.reason == "policy.skip" else Ruling.of_code(unjudged.exit_code)
    verdict = best(signatures)
    if verdict is None:
        return Ruling(Verdict.FAIL, frozenset({ExitCode.UNSIGNED}))
    like = [signature.exit_codes for signature in signatures if signature.verdict is verdict]
    return Ruling(verdict, frozenset[int]().union(*like) - {ExitCode.OK})


class AppliedPolicy(NamedTuple):
    """The statement that an artifact was judged by."""

    statement: str
    level: str
    actions: Mapping[Check, Action]
    wildcard: bool

    @classmethod
    def of(cls, statement: Statement) -> Self:
        """What a report says of a statement."""
        return cls(
            statement=statement.name, level=statement.level, actions=statement.actions, wildcard=statement.is_global
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactOutcome(Ruled):
    """The judgement of one artifact: its signatures, and apart from them its content."""

    reference: str
    descriptor: Descriptor
    tags: tuple[str, ...]
    scope: str | None
    policy: AppliedPolicy | None
    unjudged: Problem | None
    """Why its signatures were not judged: no statement applies, or it skips. None where a statement judged them."""
    content: ContentReport | None
    """None if the content was not checked (`--content none`)."""
    signatures: tuple[SignatureOutcome, ...]
    referrers: tuple[ReferrerOutcome, ...] = ()
    warnings: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    """Other names that some tool accepts for it; a recheck compares them."""
    scope_origin: ScopeOrigin | None = None
    """Who names `scope`: the operator (an option, or a full name typed as the tag), or the acquisition record, which is
    a claim of the maker of the medium."""
    beside: tuple[str, ...] = ()
    """If a full name was typed, the names by which tools take the same entry; a recheck judges by them, too."""
    record: Record | None = None
    """The newest acquisition record about the artifact."""
    left_behind: str | None = None
    """Why a signature may exist elsewhere, by the record and the content of the layout."""
    near: NearbySignatures = field(default_factory=NearbySignatures)
    """Signatures near an unsigned artifact."""
    path: str | None = None
    """The absolute path of the layout; None if there is none."""

    @property
    def unsigned(self) -> Problem | None:
        """Why it counts as unsigned, if signatures are demanded and there is none."""
        if self.unjudged or self.signatures:
            return None
        reason, message = self._without_signature()
        hints = tuple(self.near.hints())
        return Problem.of_reason(
            reason,
            "; ".join((message, *(hint.text for hint in hints))),
            remedy=hints[0].remedy if hints else REASONS[reason].remedy,
        )

    def _without_signature(self) -> tuple[str, str]:
        if self.left_behind:
            return "signature.left_behind", f"the artifact has no signature here: {self.left_behind}"
        if self.record and self.record.found_none():
            source, moment = safe(self.record.name), iso(self.record.time)
            return "signature.none", f"the artifact has no signature; {source} had none either on {moment}"
        return "signature.none", "the artifact has no signature"

    @property
    def other_names(self) -> tuple[str, ...]:
        """Names that some tool accepts for it, beside that of `reference`: the verdict is about all of them."""
        names = dict.fromkeys((*self.tags, *self.aliases))
        return tuple(name for name in names if not self.reference.endswith(f":{safe(name)}"))

    @property
    def attachments(self) -> tuple[ReferrerOutcome, ...]:
        """What is attached and is neither a signature nor evidence, which is proven piece by piece by its own."""
        found = (referrer for referrer in self.referrers if referrer.artifact_type != EVIDENCE_TYPE)
        return tuple(referrer for referrer in found if referrer.foreign is None)

    @property
    def foreign_signatures(self) -> tuple[str, ...]:
        """Attached signatures of another kind, in words: they are not judged."""
        return tuple(referrer.foreign for referrer in self.referrers if referrer.foreign is not None)

    @property
    def unsigned_attachments(self) -> tuple[ReferrerOutcome, ...]:
        """Attachments without a valid signature."""
        return tuple(referrer for referrer in self.attachments if referrer.verdict is not Verdict.PASS)

    @property
    def signature_verdict(self) -> Verdict:
        """The verdict of the signatures alone."""
        return ruling_under_policy(self.unjudged, self.signatures).verdict

    @property
    def accepted(self) -> SignatureOutcome | None:
        """The signature by which the artifact passes: one without reservations, if there is one."""
        passing = [signature for signature in self.signatures if signature.verdict is Verdict.PASS]
        return min(passing, key=lambda signature: len(signature.reservations), default=None)

    @property
    def because(self) -> tuple[Problem, ...]:
        """Everything that keeps it from being accepted, each once."""
        content = self.content.problems if self.content else ()
        problems = [
            self.unjudged,
            *(Problem.of_reason(item.reason, item.message, remedy=item.remedy) for item in content),
            self.unsigned,
        ]
        if self.signature_verdict is not Verdict.PASS:
            problems += [
                Problem.of_reason(finding.reason, finding.message, remedy=finding.remedy)
                for signature in self.signatures
                for finding in signature.findings
                if finding.blocks and finding.reason
            ]
        return tuple(dict.fromkeys(item.alone for item in problems if item))

    @property
    def content_failed(self) -> bool:
        """Whether some byte that the artifact reaches is missing or wrong."""
        return self.content is not None and any(item.reason != HELD for item in self.content.problems)

    @property
    def ruling(self) -> Ruling:
        """Signatures and content together (RULE-4)."""
        signed = ruling_under_policy(self.unjudged, self.signatures)
        if self.content_failed:
            return all_of([signed, Ruling.of_code(ExitCode.CONTENT)])
        # what is held elsewhere is not wrong, and was not seen either
        held = self.content is not None and self.content.held
        return all_of([signed, Ruling.of_code(ExitCode.INDETERMINATE)]) if held else signed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome(RunOutcome):
    """The judgement of a run."""

    metadata: Mapping[str, str] = field(default_factory=dict)
    """User metadata that every signature had to have, as it was demanded."""
    max_signatures: int = limits.SIGNATURES
    """How many signatures of an artifact were judged at most."""
    artifacts: tuple[ArtifactOutcome, ...] = ()
    bundles: tuple[CarriedBundle, ...] = ()
    """Those of the layouts that were judged as a whole: what they say proves nothing."""
    read: int = field(default=0, compare=False)
    """Bytes of content that were read and proven good; by several processes, those that each of them read."""

    @property
    def parts(self) -> tuple[ArtifactOutcome, ...]:
        """The artifacts."""
        return self.artifacts

    @property
    def plugins(self) -> tuple[str, ...]:
        """The verification plugins that were run. They may have used the network without our notice."""
        found = {
            signature.plugin
            for artifact in self.artifacts
            for signatures in (artifact.signatures, *(referrer.signatures for referrer in artifact.referrers))
            for signature in signatures
            if signature.plugin
        }
        return tuple(sorted(found))

    @property
    def earliest_expiry(self) -> tuple[datetime, str] | None:
        """When the first piece of evidence that passed goes stale, and which; None without dated evidence."""
        dates = [
            (use.good_until, use.name)
            for artifact in self.artifacts
            for signature in artifact.signatures
            if signature.verdict is Verdict.PASS
            for use in signature.evidence
            if use.good_until is not None
        ]
        return min(dates, default=None)

    @property
    def expires_first(self) -> tuple[datetime, str] | None:
        """The first end among everything that passed: of evidence, a signature, or a certificate.

        Certificates count if no verified timestamp proves that the signature was made during their validity. A
        rehearsal (`--at`) before this time gives the same verdict.
        """
        passed = [
            signature
            for artifact in self.artifacts
            for signature in artifact.signatures
            if signature.verdict is Verdict.PASS
        ]
        dates = [date for signature in passed if signature.signer for date in _ends(signature.signer)]
        if evidence := self.earliest_expiry:
            dates.append((evidence[0], f"evidence {evidence[1]}"))
        return min(dates, default=None)


def _ends(signer: SignerClaims) -> Iterator[tuple[datetime, str]]:
    if signer.expiry is not None:
        yield signer.expiry, f"signature of {signer.subject}"
    if signer.timestamp is None and signer.scheme == "notary.x509":
        yield from ((item.not_after, f"certificate {safe(item.subject_text)}") for item in signer.chain)
