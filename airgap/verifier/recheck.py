"""The judgement of a signature that is only recorded: what can change without its bytes is asked again.

Its integrity and its content are as the report says. Whether its chain is trusted, whether it has expired, whether a
certificate has been revoked since: that is judged as the engine does it, under the policy and the evidence of today.
"""

from __future__ import annotations

from collections.abc import Callable

from airgap.errors import Rejected, TrustMaterialError, Undecided
from airgap.moment import Moment
from airgap.parse.time import iso
from airgap.pki.certificate import Certificate
from airgap.pki.chain import check_validity
from airgap.revocation.judge import RevocationJudge
from airgap.revocation.use import EvidenceUse
from airgap.signature.model import Scheme
from airgap.text import safe
from airgap.trust.identities import match
from airgap.trust.policy import Action, Check, Statement, VerifyTimestamp
from airgap.trust.stores import StoreType
from airgap.verifier.engine import Believed
from airgap.verifier.outcome import Finding, SignatureOutcome, Signer, Verdict
from airgap.verifier.recorded import RecordedSignature


class Rejudge:
    """Judges recorded signatures for one moment under one body of trust."""

    def __init__(self, trust: Believed, moment: Moment) -> None:
        self._trust = trust
        self._at = moment.judged
        self._revocation = RevocationJudge(trust.evidence, trust.freshness, moment)

    def judge(self, recorded: RecordedSignature, statement: Statement) -> SignatureOutcome:
        """Every check, as far as the record allows. Never raises for what it holds."""
        evidence: list[EvidenceUse] = []
        rules: dict[Check, Callable[[], str | None]] = {
            Check.INTEGRITY: lambda: _as_recorded(recorded, Check.INTEGRITY, "signature.unreadable"),
            Check.AUTHENTICITY: lambda: self._authenticity(recorded, statement),
            Check.EXPIRY: lambda: self._expiry(recorded),
            Check.AUTHENTIC_TIMESTAMP: lambda: self._timestamp(recorded, statement, evidence),
            Check.REVOCATION: lambda: self._chain_revocation(recorded, evidence),
            Check.PLUGIN: lambda: _as_recorded(recorded, Check.PLUGIN, "plugin.failed"),
            Check.METADATA: lambda: _as_recorded(recorded, Check.METADATA, "metadata.different"),
        }
        findings: list[Finding] = []
        for check, rule in rules.items():
            blocked = any(finding.blocks for finding in findings[:2])
            skipped = blocked and check not in {Check.INTEGRITY, Check.AUTHENTICITY}
            findings.append(_pass_over(check, statement) if skipped else _finding(check, statement, rule))
        return SignatureOutcome(
            digest=recorded.digest,
            envelope=None,
            signer=_signer(recorded) if recorded.chain else None,
            findings=tuple(findings),
            evidence=tuple(evidence),
        )

    def _authenticity(self, recorded: RecordedSignature, statement: Statement) -> str:
        kind = StoreType.CA if recorded.scheme is Scheme.X509 else StoreType.SIGNING_AUTHORITY
        if not statement.stores_of(kind):
            raise Rejected(
                "authenticity.no_store", f"the statement {safe(statement.name)!r} names no trust store of type {kind}"
            )
        anchors = self._trust.anchors(statement, kind)
        anchor = next((certificate for certificate in _known(recorded) if certificate in anchors), None)
        if anchor is None:
            root = recorded.chain[-1]
            raise Rejected(
                "authenticity.no_anchor",
                f"no certificate of the chain is in the trust stores any more; its root is {safe(root.subject_text)!r}",
                root=safe(root.subject_text),
                fingerprint=root.fingerprint,
            )
        identity = match(statement.identities, recorded.chain[0])
        return f"trusted through {anchors.store_of(anchor)}, as identity {safe(identity.text)}"

    def _expiry(self, recorded: RecordedSignature) -> str | None:
        if recorded.expiry is None:
            return None
        if self._at >= recorded.expiry:
            expiry = iso(recorded.expiry)
            raise Rejected("expiry.passed", f"the signature expired on {expiry}", expiry=expiry, at=iso(self._at))
        return f"expires on {iso(recorded.expiry)}"

    def _timestamp(self, recorded: RecordedSignature, statement: Statement, evidence: list[EvidenceUse]) -> str:
        chain = _known(recorded)
        if recorded.scheme is Scheme.SIGNING_AUTHORITY:
            return "signed at a time that its authority states"
        if not self._needs_timestamp(recorded, statement):
            check_validity(chain, self._at)
            return "every certificate of the chain is valid at the moment judged for"
        if recorded.timestamp is None or not recorded.timestamp_chain:
            raise Undecided("recheck.unproven", "the policy demands a timestamp, and the report holds no verified one")
        anchors = self._trust.anchors(statement, StoreType.TSA)
        if recorded.timestamp_chain[-1] not in anchors:
            root = safe(recorded.timestamp_chain[-1].subject_text)
            raise Rejected(
                "timestamp.untrusted", f"the timestamp's root {root!r} is not in the tsa trust stores any more"
            )
        evidence.extend(self._revocation.check_chain(recorded.timestamp_chain, kind="tsa", signed_at=None))
        earliest, latest = recorded.timestamp
        return f"timestamped between {iso(earliest)} and {iso(latest)}"

    def _needs_timestamp(self, recorded: RecordedSignature, statement: Statement) -> bool:
        if not statement.stores_of(StoreType.TSA):
            return False
        if statement.verify_timestamp is VerifyTimestamp.ALWAYS:
            return True
        return any(self._at > certificate.not_after for certificate in recorded.chain)

    def _chain_revocation(self, recorded: RecordedSignature, evidence: list[EvidenceUse]) -> str:
        signed_at = recorded.signing_time if recorded.scheme is Scheme.SIGNING_AUTHORITY else None
        if recorded.timestamp:
            signed_at = recorded.timestamp[1]
        uses = self._revocation.check_chain(_known(recorded), kind="signing", signed_at=signed_at)
        evidence.extend(uses)
        named = [use for use in uses if use.kind != "none"]
        return "no certificate is revoked" if named else "no certificate names a way to ask about its revocation"


def _as_recorded(recorded: RecordedSignature, check: Check, fallback: str) -> str | None:
    """What can not be checked again without the layout stays what it was; no record of it is no pass."""
    found = recorded.findings.get(check)
    if found is None:
        raise Undecided("recheck.unproven", f"the report says nothing of the check {check}")
    verdict, reason = found
    if verdict in {Verdict.FAIL, Verdict.INDETERMINATE}:
        raise Rejected(reason or fallback, f"the report says that the check {check} ended so: {verdict}")
    return "good, says the report; not checked again" if verdict is Verdict.PASS else None


def _known(recorded: RecordedSignature) -> tuple[Certificate, ...]:
    """The chain, which reports of older versions do not hold. Raises Undecided."""
    if not recorded.chain:
        raise Undecided("recheck.unproven", "the report does not hold the certificates of this signature")
    return recorded.chain


def _finding(check: Check, statement: Statement, rule: Callable[[], str | None]) -> Finding:
    action = statement.actions[check]
    if action is Action.SKIP:
        message = "the trust policy says to skip this"
        return Finding(check=check, action=action, verdict=Verdict.SKIPPED, message=message)
    try:
        found = rule()
    except (Rejected, Undecided, TrustMaterialError) as error:
        verdict = Verdict.INDETERMINATE if isinstance(error, Undecided) else Verdict.FAIL
        return Finding(
            check=check, action=action, verdict=verdict, reason=error.reason, message=str(error), facts=error.facts
        )
    passed = Verdict.NOT_APPLICABLE if found is None else Verdict.PASS
    return Finding(check=check, action=action, verdict=passed, message=found or "nothing to check")


def _pass_over(check: Check, statement: Statement) -> Finding:
    return Finding(
        check=check,
        action=statement.actions[check],
        verdict=Verdict.NOT_APPLICABLE,
        message="not judged, as the signature is not trusted",
    )


def _signer(recorded: RecordedSignature) -> Signer:
    leaf = recorded.chain[0]
    return Signer(
        subject=safe(leaf.subject_text),
        issuer=safe(leaf.issuer_text),
        fingerprint=leaf.fingerprint,
        scheme=recorded.scheme.value if recorded.scheme else "",
        algorithm="",
        signing_time=recorded.signing_time,
        expiry=recorded.expiry,
        agent=None,
        timestamp=recorded.timestamp,
        chain=recorded.chain,
        timestamp_chain=recorded.timestamp_chain,
    )
