"""airgap.verifier.outcome: verdicts follow from findings, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from airgap.moment import Moment
from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.problem import Problem
from airgap.revocation.use import EvidenceUse
from airgap.trust.levels import Action, Check
from airgap.verdict import Verdict
from airgap.verifier.outcome import ArtifactOutcome, Finding, Outcome, SignatureOutcome

DIGEST = Digest.of(b"")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
REASON = {Verdict.FAIL: "expiry.passed", Verdict.INDETERMINATE: "revocation.crl.missing"}


def finding(check: Check, verdict: Verdict, action: Action = Action.ENFORCE) -> Finding:
    return Finding(check=check, action=action, verdict=verdict, message="", reason=REASON.get(verdict))


def signature(*findings: Finding) -> SignatureOutcome:
    given = {item.check: item for item in findings}
    every = tuple(given.get(check) or finding(check, Verdict.PASS) for check in Check)
    return SignatureOutcome(digest=DIGEST, envelope=None, signer=None, findings=every)


def artifact(*signatures: SignatureOutcome, unjudged: Problem | None = None) -> ArtifactOutcome:
    return ArtifactOutcome(
        reference="oci:x",
        descriptor=Descriptor(media_type=IMAGE_MANIFEST, digest=DIGEST, size=0),
        tags=(),
        scope=None,
        policy=None,
        unjudged=unjudged,
        content=None,
        signatures=signatures,
    )


def outcome(*artifacts: ArtifactOutcome, problems: tuple[Problem, ...] = ()) -> Outcome:
    return Outcome(moment=Moment(judged=NOW, clock=NOW), trust={}, artifacts=artifacts, problems=problems)


GOOD = signature()
BAD = signature(finding(Check.EXPIRY, Verdict.FAIL))
UNSURE = signature(finding(Check.REVOCATION, Verdict.INDETERMINATE))


@pytest.mark.parametrize(("check", "verdict", "action"), list(product(Check, Verdict, Action)))
def test_one_finding_decides_exactly_where_it_is_enforced(check: Check, verdict: Verdict, action: Action) -> None:
    """VERIFY-18: only an enforced failure or doubt keeps a signature from being accepted."""
    expected = verdict if action is Action.ENFORCE and verdict in REASON else Verdict.PASS
    assert signature(finding(check, verdict, action)).verdict is expected


def test_a_failure_counts_before_a_doubt() -> None:
    both = signature(finding(Check.EXPIRY, Verdict.FAIL), finding(Check.REVOCATION, Verdict.INDETERMINATE))
    assert both.verdict is Verdict.FAIL
    assert both.exit_codes == {13}


@pytest.mark.parametrize("absent", list(Check))
def test_a_missing_check_does_not_pass(absent: Check) -> None:
    findings = tuple(item for item in GOOD.findings if item.check is not absent)
    assert replace(GOOD, findings=findings).verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize(
    ("signatures", "verdict", "codes"),
    [
        ((), Verdict.FAIL, {10}),
        ((GOOD,), Verdict.PASS, set()),
        ((BAD, GOOD), Verdict.PASS, set()),
        ((BAD, UNSURE), Verdict.INDETERMINATE, {15}),
        ((UNSURE, GOOD), Verdict.PASS, set()),
        ((BAD, BAD), Verdict.FAIL, {13}),
    ],
)
def test_the_best_signature_counts(signatures: tuple[SignatureOutcome, ...], verdict: Verdict, codes: set[int]) -> None:
    """VERIFY-4, VERIFY-6, D27."""
    judged = artifact(*signatures)
    assert judged.verdict is verdict
    assert judged.exit_codes == codes


def test_a_policy_that_skips_neither_passes_nor_fails() -> None:
    skipped = artifact(unjudged=Problem.of_reason("policy.skip", ""))
    assert skipped.verdict is Verdict.SKIPPED
    assert skipped.exit_codes == frozenset()
    assert outcome(skipped).verdict is Verdict.SKIPPED
    assert outcome(skipped).exit_code == 0


def test_no_applicable_statement_fails_whatever_signatures_say() -> None:
    refused = artifact(GOOD, unjudged=Problem.of_reason("policy.no_statement", ""))
    assert refused.verdict is Verdict.FAIL
    assert refused.exit_codes == {13}


def test_a_run_without_artifacts_does_not_pass() -> None:
    assert outcome().verdict is Verdict.FAIL
    assert outcome().exit_code == 1


def test_a_doubt_without_a_reason_still_has_an_exit_code() -> None:
    run = outcome(artifact(replace(GOOD, findings=GOOD.findings[1:])))
    assert (run.verdict, run.exit_code) == (Verdict.INDETERMINATE, 15)


@pytest.mark.parametrize(
    ("artifacts", "verdict", "code"),
    [
        ((artifact(GOOD), artifact(BAD)), Verdict.FAIL, 13),
        ((artifact(GOOD), artifact(UNSURE)), Verdict.INDETERMINATE, 15),
        ((artifact(UNSURE), artifact(BAD), artifact()), Verdict.FAIL, 13),
        ((artifact(GOOD), artifact(unjudged=Problem.of_reason("policy.skip", ""))), Verdict.PASS, 0),
    ],
)
def test_a_run_is_as_good_as_its_worst_artifact(
    artifacts: tuple[ArtifactOutcome, ...], verdict: Verdict, code: int
) -> None:
    run = outcome(*artifacts)
    assert (run.verdict, run.exit_code) == (verdict, code)


def test_a_problem_fails_a_run_whose_artifacts_all_passed() -> None:
    run = outcome(artifact(GOOD), problems=(Problem(message="", exit_code=11),))
    assert (run.verdict, run.exit_code) == (Verdict.FAIL, 11)


def test_reports_the_evidence_that_ends_first() -> None:
    """Decision 0009: dates that are promised are the minimum over all that the answer rests on."""

    def use(name: str, days: int | None) -> EvidenceUse:
        until = None if days is None else NOW + timedelta(days=days)
        return EvidenceUse(certificate="CN=x", chain="signing", kind="ocsp", status="good", name=name, good_until=until)

    good = signature()
    uses = (use("late", 9), use("first", 2), use("undated", None), use("middle", 5))
    passed = replace(good, evidence=uses)
    failed = replace(signature(finding(Check.INTEGRITY, Verdict.FAIL)), evidence=(use("of what failed", 1),))
    assert outcome(artifact(passed, failed)).earliest_expiry == (NOW + timedelta(days=2), "first")
    assert outcome(artifact(good)).earliest_expiry is None
