"""airgap.verifier.recorded: what an earlier report proves, and what of its evidence still counts (decision 0027)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from airgap.errors import Rejected, Undecided
from airgap.revocation.answer_evidence import EvidenceInTarget, FoundInTargets, TargetStatement
from airgap.trust.levels import Check
from airgap.verdict import Verdict
from airgap.verifier.facts import EarlierResult, LaterFacts, PluginUse
from airgap.verifier.recorded import LostEvidence, RecordedArtifact, RecordedSignature, RecordedSignatures
from airgap.verifier.report_reader import parse_report
from tests.support.pki import AT
from tests.unit.verifier.test_report_reader import report

LATER = LaterFacts(signature_value=b"x", timestamp_token=None, metadata={}, plugin=None)
MADE = EvidenceInTarget("a.crl", "00" * 32, "crl", "signing", "11" * 32, AT)
SAID = TargetStatement(evidence=MADE, is_hold=False)


def artifact() -> RecordedArtifact:
    return parse_report(json.dumps(report()).encode(), "old.json").artifacts[0]


def signature(later: LaterFacts | None = LATER, **findings: EarlierResult) -> RecordedSignature:
    (found,) = artifact().signatures
    assert found.facts is not None
    changed = {Check(name): result for name, result in findings.items()}
    return replace(found, facts=replace(found.facts, later=later), findings={**found.findings, **changed})


PASSED = EarlierResult(Verdict.PASS, None)
UNKNOWN = EarlierResult(Verdict.INDETERMINATE, None)


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        (signature(), True),
        (signature(None), False),
        (signature(integrity=UNKNOWN), False),
        (signature(integrity=EarlierResult(Verdict.FAIL, "envelope.signature")), False),
        (replace(signature(), facts=None), False),
        (replace(signature(), findings={}), False),
    ],
)
def test_the_evidence_of_a_layout_is_that_of_signatures_that_were_intact(
    found: RecordedSignature, *, holds: bool
) -> None:
    assert found.holds_evidence is holds
    assert len(RecordedSignatures.of([found]).lost) == holds
    if not holds:
        with pytest.raises((Rejected, Undecided)):
            _ = found.lost_with_layout
        assert found.lost == FoundInTargets()


def test_the_evidence_of_a_hundred_signatures_of_one_signer_is_compared_once() -> None:
    assert len(RecordedSignatures.of([signature()] * 100).lost) == 1


@pytest.mark.parametrize(
    ("result", "error", "reason"),
    [
        (EarlierResult(Verdict.FAIL, "envelope.signature"), Rejected, "envelope.signature"),
        (EarlierResult(Verdict.FAIL, None), Rejected, "signature.unreadable"),
        (UNKNOWN, Undecided, "recheck.unproven"),
        (EarlierResult(Verdict.SKIPPED, None), Undecided, "recheck.unproven"),
    ],
)
def test_only_a_proven_integrity_is_one(result: EarlierResult, error: type[Exception], reason: str) -> None:
    with pytest.raises(error) as caught:
        signature(integrity=result).proven()
    assert getattr(caught.value, "reason", "") == reason
    assert signature().proven() == signature().facts
    with pytest.raises(Undecided, match="certificates"):
        replace(signature(), facts=None).proven()


def test_what_was_revoked_for_good_stays_revoked() -> None:
    revoked = EarlierResult(Verdict.FAIL, "revocation.revoked")
    with pytest.raises(Rejected, match="revoked already"):
        signature(revocation=revoked).refuse_if_revoked(Check.REVOCATION, "")
    signature(revocation=revoked).refuse_if_revoked(Check.AUTHENTIC_TIMESTAMP, "")
    signature(revocation=EarlierResult(Verdict.FAIL, "revocation.on_hold")).refuse_if_revoked(Check.REVOCATION, "")
    signature().refuse_if_revoked(Check.REVOCATION, "")


def lost(*said: TargetStatement) -> LostEvidence:
    return LostEvidence.of(signature(replace(LATER, in_targets=FoundInTargets(said))))


def test_only_statements_about_the_chain_are_asked_about() -> None:
    others = [
        replace(SAID, evidence=MADE._replace(chain="tsa")),
        replace(SAID, evidence=MADE._replace(certificate="22" * 32)),
    ]
    assert lost(SAID, *others).against({"11" * 32}, "signing") == (SAID,)


@pytest.mark.parametrize(
    ("findings", "check", "reason"),
    [
        ({}, Check.REVOCATION, "recheck.unproven"),
        ({"revocation": "revocation.revoked"}, Check.REVOCATION, "revocation.revoked"),
        ({"revocation": "revocation.on_hold"}, Check.REVOCATION, "revocation.on_hold"),
        ({"revocation": "revocation.revoked"}, Check.AUTHENTIC_TIMESTAMP, "recheck.unproven"),
        ({"revocation": "revocation.crl.stale"}, Check.REVOCATION, "recheck.unproven"),
    ],
)
def test_what_counted_against_the_check_counts_again(findings: dict[str, str], check: Check, reason: str) -> None:
    failed = {name: EarlierResult(Verdict.FAIL, said) for name, said in findings.items()}
    later = replace(LATER, in_targets=FoundInTargets((SAID,)))
    evidence = LostEvidence.of(signature(later, **failed))
    with pytest.raises((Rejected, Undecided)) as caught:
        evidence.refuse_unanswered(check, [SAID])
    assert getattr(caught.value, "reason", "") == reason
    evidence.refuse_unanswered(check, [])


@pytest.mark.parametrize(
    ("metadata", "demanded"), [("not-applicable", False), ("pass", True), ("fail", True), ("", True)]
)
def test_metadata_was_demanded_unless_the_finding_says_that_there_was_nothing_to_check(
    metadata: str, *, demanded: bool
) -> None:
    document: dict[str, Any] = report()
    findings = document["artifacts"][0]["signatures"][0]["findings"]
    findings[:] = [item for item in findings if metadata or item["check"] != "metadata"]
    for item in findings:
        if item["check"] == "metadata":
            item["verdict"] = metadata
    found = parse_report(json.dumps(document).encode(), "old.json").artifacts[0]
    assert found.demanded_unknown_metadata is demanded
    assert not replace(found, signatures=()).demanded_unknown_metadata


def test_a_plugin_that_is_not_asked_again_stays_refused_or_is_undecided() -> None:
    refused, accepted = EarlierResult(Verdict.FAIL, "identity.plugin"), PASSED
    use = PluginUse("p", "1.0.0", {Check.AUTHENTICITY: refused, Check.REVOCATION: accepted})
    with pytest.raises(Rejected) as caught:
        use.raise_again(Check.AUTHENTICITY)
    assert caught.value.reason == "identity.plugin"
    for check, found in ((Check.REVOCATION, accepted), (Check.PLUGIN, EarlierResult(Verdict.FAIL, None))):
        with pytest.raises(Undecided, match=r"plugin p 1\.0\.0 decided this"):
            PluginUse("p", "1.0.0", {check: found}).raise_again(check)
    use.raise_again(Check.METADATA)
    with pytest.raises(Undecided, match="plugin p decided"):
        PluginUse("p", None, {Check.PLUGIN: accepted}).raise_again(Check.PLUGIN)
    assert RecordedSignatures.of([replace(signature(), earlier=use)]).plugin_uses == {signature().digest: use}
