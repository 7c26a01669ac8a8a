"""What is known of one signature while its checks are made, and its outcome after the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from airgap.errors import Fact, FormatError, LimitError, Rejected, TrustMaterialError
from airgap.oci.descriptor import Descriptor
from airgap.pki.certificate import Certificate
from airgap.pki.chain import Anchors
from airgap.revocation.answer_evidence import EvidenceUse, FoundInTargets
from airgap.revocation.judge import RevocationJudge
from airgap.revocation.pool import EvidencePool
from airgap.signature.model import Envelope
from airgap.signature.signature_manifest import thumbprint_warning
from airgap.text import safe
from airgap.trust.levels import Action, Check
from airgap.trust.statement import Statement
from airgap.verdict import Verdict
from airgap.verifier.candidate import Candidate
from airgap.verifier.facts import EarlierResult, LaterFacts, PluginUse, SignatureFacts
from airgap.verifier.outcome import Finding, SignatureOutcome, SignerClaims

if TYPE_CHECKING:  # modules that few signatures need are imported for those: see docs/explanation/performance.md
    from airgap.pki.timestamp_token import TimestampToken, VerifiedTimestamp
    from airgap.revocation.freshness import ChainKind
    from airgap.signature.blob_payload import BlobTarget
    from airgap.verifier.recorded import RecordedSignature
    from airgap.verifier.verification_plugins import PluginAnswer

_NOTHING: Final[Mapping[str, Fact]] = MappingProxyType({})


@lru_cache(maxsize=256)
def _without_facts(
    check: Check, action: Action, verdict: Verdict, message: str, reason: str | None, remedy: str
) -> Finding:
    """One object for equal findings: most signatures of a layout have the same."""
    return Finding(
        check=check, action=action, verdict=verdict, message=message, reason=reason, facts=_NOTHING, remedy=remedy
    )


@dataclass(slots=True)
class SignatureState:
    """The state of judging one signature."""

    statement: Statement
    target: Descriptor | BlobTarget
    signature: Candidate | RecordedSignature
    demanded: Mapping[str, str]
    """The metadata that it must state."""
    findings: list[Finding] = field(default_factory=list)
    evidence: list[EvidenceUse] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    facts: SignatureFacts | None = None
    envelope: Envelope | None = None
    """The envelope, if its bytes are available; for plugins."""
    timestamps: tuple[VerifiedTimestamp, ...] = ()
    """Its verified timestamp, once for each chain of each signer; their revocation is not judged."""
    timestamp: VerifiedTimestamp | None = None
    anchor: str | None = None
    plugin: PluginAnswer | Rejected | None = None
    """The result of the verification plugin, or its error; None before it was run."""
    revocation: RevocationJudge = field(init=False)
    """The judge that also uses what timestamp tokens hold, used or not (D51)."""
    _token: TimestampToken | None = None

    def token(self) -> TimestampToken | None:
        """Its timestamp token, used or not; None if it has none. Raises FormatError."""
        if self._token is None and (raw := self._raw_token) is not None:
            from airgap.pki.timestamp_token import TimestampToken

            self._token = TimestampToken.parse(raw)
        return self._token

    @property
    def _raw_token(self) -> bytes | None:
        rest = self.facts.later if self.facts else None
        return rest.timestamp_token if rest else None

    def carried_certificates(self) -> tuple[Certificate, ...]:
        """Those of its envelope, and of its timestamp token where that can be read, used or not."""
        own = self.facts.chain if self.facts else ()
        try:
            token = self.token()
        except FormatError:
            return own
        return (*own, *token.certificates) if token else own

    def unread_token(self) -> str:
        """The note that its timestamp token cannot be read, where no finding says so; empty if it can be."""
        try:
            self.token()
        except FormatError as error:
            if all(finding.reason != "timestamp.malformed" for finding in self.findings):
                return f"its timestamp token cannot be read, so that evidence in it is not known: {error}"
        return ""

    def release(self) -> None:
        """Drops the bytes that only integrity needs: the signatures of an artifact may have 400 MiB together."""
        if isinstance(self.signature, Candidate):
            self.signature = replace(self.signature, raw=b"")
        if self.envelope is not None:
            self.envelope = replace(self.envelope, payload=b"", signing_input=b"")

    def stamped_evidence(self) -> EvidencePool | None:
        """The CRLs and OCSP responses in its timestamp token: used as all evidence of a target; None without any."""
        try:
            token = self.token()
        except FormatError as error:  # the check that needs it refuses it
            if self._raw_token is None or not isinstance(error, LimitError):
                return None
            from airgap.signature.stamped_evidence import of_token

            found = of_token(self._raw_token)
        else:
            if token is None or not token.evidence:
                return None
            from airgap.signature.stamped_evidence import evidence_in_token

            found = evidence_in_token(token)
        return EvidencePool(found, unread=()) if found else None

    def add_evidence(self, uses: Iterable[EvidenceUse]) -> None:
        """Adds the evidence of an answer, and its warnings."""
        for use in uses:
            self.evidence.append(use)
            self.warnings += use.notes

    def add(
        self,
        check: Check,
        verdict: Verdict,
        message: str,
        reason: str | None = None,
        facts: Mapping[str, Fact] = _NOTHING,
        remedy: str = "",
    ) -> None:
        """Add a finding with the action of the statement for the check."""
        action = self.statement.actions[check]
        if facts:
            finding = Finding(
                check=check, action=action, verdict=verdict, message=message, reason=reason, facts=facts, remedy=remedy
            )
        else:
            finding = _without_facts(check, action, verdict, message, reason, remedy)
        self.findings.append(finding)

    def outcome(self, facts: SignatureFacts | None) -> SignatureOutcome:
        """The outcome of all checks; `facts`: what it says, for a later judgement."""
        signature = self.signature
        manifest = signature.manifest if isinstance(signature, Candidate) else None
        if facts and manifest and (hint := thumbprint_warning(manifest, facts.chain)):
            self.warnings.append(hint)
        metadata = facts.later.metadata if facts and facts.later else {}
        return SignatureOutcome(
            digest=signature.digest,
            envelope=signature.envelope,
            signer=self._signer(facts) if facts else None,
            findings=tuple(self.findings),
            facts=facts,
            evidence=tuple(self.evidence),
            metadata={safe(key): safe(value) for key, value in metadata.items()},
            plugin_use=self._plugin_use(),
            warnings=tuple(dict.fromkeys(self.warnings)),
        )

    def _signer(self, facts: SignatureFacts) -> SignerClaims:
        """What it says of the signer, and what was proven of it."""
        leaf = facts.chain[0]
        timestamp = self.timestamp
        return SignerClaims(
            subject=safe(leaf.subject_text),
            issuer=safe(leaf.issuer_text),
            fingerprint=leaf.fingerprint,
            scheme=facts.scheme.value,
            algorithm=facts.algorithm,
            signing_time=facts.stated_time,
            expiry=facts.expiry,
            agent=safe(facts.agent) if facts.agent else None,
            timestamp=(timestamp.info.earliest, timestamp.info.latest) if timestamp else None,
            anchor=self.anchor,
            chain=facts.chain,
            timestamp_chain=timestamp.chain if timestamp else (),
        )

    def _plugin_use(self) -> PluginUse | None:
        """The plugin that was run, with any result."""
        demand = self.envelope.plugin if self.envelope else None
        if demand is None or self.plugin is None:
            return None
        said = {finding.check: EarlierResult(finding.verdict, finding.reason) for finding in self.findings}
        checks = [
            check
            for check in (Check.AUTHENTICITY, Check.REVOCATION)
            if isinstance(self.plugin, Rejected) or self.plugin.decides(check)
        ]
        return PluginUse(
            name=safe(demand.name),
            version=None if isinstance(self.plugin, Rejected) else str(self.plugin.version),
            decided={check: said[check] for check in (*checks, Check.PLUGIN) if check in said},
        )


def found_in_targets(
    state: SignatureState,
    facts: SignatureFacts,
    later: LaterFacts,
    anchors: Callable[[], Anchors],
    roots: Iterable[Certificate],
) -> FoundInTargets:
    """What came with a target about both chains of a signature, whether or not revocation was asked.

    `anchors`: reads the statement's roots for timestamps; what it raises is no error here. `roots`: those for the
    signing chain.
    """
    judge = state.revocation
    found = _of_chain(judge, facts.chain, "signing", roots)
    try:
        token = state.token()
    except FormatError:  # a later judgement will not need it, either
        return found
    if token is None:
        return found
    proven: Sequence[VerifiedTimestamp] = ()
    tsa_roots: Iterable[Certificate] = ()
    with suppress(Rejected, TrustMaterialError):
        tsa_roots = anchors()
        proven = state.timestamps or token.verify(later.signature_value, anchors())
    chains = [stamp.chain for stamp in proven]
    # another policy may accept a chain of these
    rest = [item for item in token.certificates if not any(item in chain for chain in chains)]
    of_chains = [_of_chain(judge, chain, "tsa", tsa_roots) for chain in chains]
    return FoundInTargets.joined([found, *of_chains, judge.unproven_in_targets(rest, kind="tsa")])


def _of_chain(
    judge: RevocationJudge, chain: Sequence[Certificate], kind: ChainKind, roots: Iterable[Certificate]
) -> FoundInTargets:
    try:
        return judge.in_targets(chain, kind=kind, roots=roots)
    except TrustMaterialError:  # the keys of the issuers are not known
        return judge.unproven_in_targets(chain, kind=kind)
