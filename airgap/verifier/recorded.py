"""Earlier judgements as the reports of `airgap verify` hold them, as far as recheck needs them.

`report_reader.py` reads them.

A report is a file on the verifying machine and is trusted: a person who can change it can change what it says was
accepted. What it says is used only where the layout itself is gone.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import chain
from typing import Final, NamedTuple, Self

from airgap.errors import Rejected, Undecided
from airgap.oci.content_mode import Content
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.problem import Problem
from airgap.reasons import BRING_LAYOUT
from airgap.revocation.answer_evidence import NOTHING_FOUND, FoundInTargets, TargetStatement
from airgap.revocation.freshness import ChainKind
from airgap.trust.choice import ScopeOrigin
from airgap.trust.levels import Check
from airgap.verdict import Verdict
from airgap.verifier.facts import EarlierResult, PluginUse, SignatureFacts

_COUNTED: Final = {"revocation.revoked": "revoked already", "revocation.on_hold": "put on hold"}

NOT_STATED: Final = EarlierResult(Verdict.INDETERMINATE, None)
"""A check that the report does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSignature:
    """One signature as it was judged."""

    digest: Digest
    envelope: Descriptor | None
    findings: Mapping[Check, EarlierResult]
    """The result of every check."""
    facts: SignatureFacts | None
    """None where the envelope could not be read, or where the report does not hold its chain."""
    earlier: PluginUse | None = None
    """The plugin that was run for it."""
    elsewhere: FoundInTargets = NOTHING_FOUND
    """What other judgements found in other layouts about its certificates."""

    @property
    def lost_with_layout(self) -> tuple[LostEvidence, ...]:
        """The evidence that was in the layout. Raises as `proven`; Undecided for a report that does not hold it."""
        return (LostEvidence.of(self), LostEvidence(self.elsewhere, frozenset()))

    @property
    def timestamp_token(self) -> bytes | None:
        """Its timestamp token."""
        return self.facts.later.timestamp_token if self.facts and self.facts.later else None

    @property
    def lost(self) -> FoundInTargets:
        """What evidence said that was in the layout, as far as the report holds it, or in another one."""
        later = self.facts.later if self.holds_evidence and self.facts else None
        own = later.in_targets if later else NOTHING_FOUND
        return FoundInTargets.joined([own, self.elsewhere]) if any(self.elsewhere) else own

    @property
    def counted(self) -> frozenset[tuple[Check, str]]:
        """The checks that it failed by revocation, each with the reason."""
        return frozenset((check, found.reason) for check, found in self.findings.items() if found.reason in _COUNTED)

    @property
    def holds_evidence(self) -> bool:
        """Whether the report says which evidence of the layout there was; those of older versions do not."""
        is_intact = self._result(Check.INTEGRITY).verdict is Verdict.PASS
        return is_intact and self.facts is not None and self.facts.later is not None

    def _result(self, check: Check) -> EarlierResult:
        return self.findings.get(check, NOT_STATED)

    def proven(self) -> SignatureFacts:
        """What it says, where the report says that its integrity was proven.

        Raises Rejected as the report says; Undecided (recheck.unproven) where it does not say so.
        """
        earlier, (verdict, reason) = "the earlier judgement", self._result(Check.INTEGRITY)
        if verdict is Verdict.FAIL:
            raise Rejected(reason or "signature.unreadable", f"{earlier} says that the integrity of this was broken")
        if verdict is not Verdict.PASS:
            raise Undecided("recheck.unproven", f"{earlier} does not say that the integrity of this was proven")
        if self.facts is None:
            raise Undecided("recheck.unproven", f"{earlier} does not hold the certificates of this signature")
        return self.facts

    def was_open(self, check: Check) -> bool:
        """Whether the report left the answer of a check open."""
        return check in self.findings and self.findings[check].verdict is Verdict.INDETERMINATE

    def refuse_if_revoked(self, check: Check, leaf: str) -> None:  # noqa: ARG002 - as `Candidate`
        """What was revoked for good is revoked; the evidence for it may have been in the layout. Raises Rejected."""
        if self.findings.get(check) == (Verdict.FAIL, "revocation.revoked"):
            raise Rejected("revocation.revoked", "a certificate had been revoked already, says the earlier judgement")


class LostEvidence(NamedTuple):
    """Evidence that was in the layout of a report, as the report says it of one signature. Many signatures share it."""

    found: FoundInTargets
    counted: frozenset[tuple[Check, str]]
    """The checks that it failed by revocation, each with the reason."""

    @classmethod
    def of(cls, signature: RecordedSignature) -> Self:
        """Raises Rejected, Undecided as `RecordedSignature.proven`."""
        return cls(signature.proven().require_later().in_targets, signature.counted)

    def against(self, certificates: Container[str], chain: ChainKind) -> tuple[TargetStatement, ...]:
        """The evidence against certificates with these fingerprints."""
        return tuple(
            said
            for said in self.found.statements
            if said.evidence.chain == chain and said.evidence.certificate in certificates
        )

    def refuse_unanswered(self, check: Check, said: Sequence[TargetStatement]) -> None:
        """Evidence that went with the layout, unanswered by what is left. Raises Rejected, if it counted; Undecided."""
        if not said:
            return
        names = ", ".join(dict.fromkeys(item.evidence.name for item in said))
        against = "says or may say something against a certificate"
        text = f"{names}, which was in the layout, {against}, and it or its proof is gone"
        for reason, word in _COUNTED.items():
            if (check, reason) in self.counted:
                raise Rejected(reason, f"a certificate had been {word}, says the earlier judgement: {text}")
        raise Undecided("recheck.unproven", text).advising(BRING_LAYOUT)


class RevokedBefore(NamedTuple):
    """A revocation that a report states of one signature without the evidence for it, as older versions do."""

    signature: Digest
    check: Check
    reason: str
    leaf: str | None
    """The fingerprint of the signer's certificate, where the report holds it."""

    @classmethod
    def of(cls, signature: RecordedSignature) -> Iterator[Self]:
        """Those of a signature whose evidence is not held."""
        leaf = signature.facts.chain[0].fingerprint if signature.facts else None
        for check, found in signature.findings.items():
            if found.reason in _COUNTED and not signature.holds_evidence:
                yield cls(signature.digest, check, found.reason, leaf)

    def refuse(self, digest: Digest, leaf: str, check: Check) -> None:
        """Refuses this signature, or one by the same signer. Raises Rejected; Undecided for a hold.

        Where the report does not hold the signer, it may be that of any signature that the report does not have.
        """
        if check != self.check or (digest != self.signature and self.leaf not in {None, leaf}):
            return
        text = f"a certificate had been {_COUNTED[self.reason]}, says the earlier judgement, and not by which evidence"
        if self.reason == "revocation.revoked" and digest == self.signature:
            raise Rejected(self.reason, text)
        raise Undecided("recheck.unproven", text)


@dataclass(frozen=True, slots=True)
class RecordedSignatures:
    """What a report says of the signatures of one artifact, for another judgement of its layout."""

    plugin_uses: Mapping[Digest, PluginUse]
    """The plugins that were run, by signature."""
    lost: tuple[LostEvidence, ...]
    """Of any signature, because a manifest that is changed gets another digest, and evidence is about certificates.

    Each once: a hundred signatures of one signer were compared with the evidence of each of the hundred.
    """
    revoked: tuple[RevokedBefore, ...] = ()
    """What was revoked by evidence that the report does not hold."""

    @classmethod
    def of(cls, signatures: Iterable[RecordedSignature]) -> Self:
        """Leaves out evidence of signatures that were not intact, which proves nothing."""
        items = tuple(signatures)
        own = (LostEvidence.of(item) for item in items if item.holds_evidence)
        others = (LostEvidence(item.elsewhere, frozenset()) for item in items if any(item.elsewhere))
        return cls(
            plugin_uses={item.digest: item.earlier for item in items if item.earlier},
            lost=tuple(dict.fromkeys((*own, *others))),
            revoked=tuple(dict.fromkeys(chain.from_iterable(map(RevokedBefore.of, items)))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedArtifact:
    """One artifact as it was judged."""

    reference: str
    """As the report shows it, so not always as it was typed."""
    names: tuple[str, ...]
    """Every name that it had, as reports show them; in those of older versions not what containerd alone knows."""
    beside: tuple[str, ...]
    """The names by which tools take the same entry, if a full name was typed; in older reports all names."""
    path: str | None
    """The absolute path of its layout; None in reports of older versions."""
    descriptor: Descriptor
    scope: str | None
    scope_origin: ScopeOrigin | None
    policy_reason: str | None
    """Why no statement judged its signatures, so that nothing is known of them; None where one did."""
    verdict: Verdict
    content_failed: bool
    content_held: bool
    """Whether some of it was held elsewhere, and not checked."""
    content_mode: Content
    """How much of the content was read."""
    signatures: tuple[RecordedSignature, ...] = field(repr=False)

    @property
    def demanded_unknown_metadata(self) -> bool:
        """Whether metadata was demanded of its signatures, as far as their findings tell."""
        found = (signature.findings.get(Check.METADATA) for signature in self.signatures)
        return any(finding is None or finding.verdict is not Verdict.NOT_APPLICABLE for finding in found)


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedReport:
    """One report of `airgap verify`."""

    name: str
    """Safe to show."""
    judged: datetime
    metadata: Mapping[str, str] | None
    """The metadata that was demanded; None where an older version did not write it down."""
    max_signatures: int
    artifacts: tuple[RecordedArtifact, ...] = field(repr=False)
    problems: tuple[Problem, ...] = ()
    """What could not be judged at all."""
