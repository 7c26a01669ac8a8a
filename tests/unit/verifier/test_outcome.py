"""airgap.verifier.outcome: verdicts follow from findings, and from nothing else."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any

import pytest

from airgap.moment import Moment
from airgap.oci.content import ContentReport
from airgap.oci.content_mode import Content
from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.oci.problems import ContentProblem
from airgap.pki.certificate import Certificate
from airgap.problem import Problem
from airgap.revocation.answer_evidence import EvidenceUse
from airgap.revocation.artifact import EVIDENCE_TYPE
from airgap.text import safe
from airgap.trust.levels import Action, Check
from airgap.verdict import Verdict
from airgap.verifier.blob_outcome import BlobOutcome
from airgap.verifier.facts import PluginUse
from airgap.verifier.outcome import (
    ArtifactOutcome,
    Finding,
    Outcome,
    ReferrerOutcome,
    SignatureOutcome,
    SignerClaims,
)
from airgap.verifier.planned import refusal
from tests.support.pki import Pki

DIGEST = Digest.of(b"")
NOW = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)
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


def _signer(**members: Any) -> SignerClaims:
    claims = SignerClaims(
        subject="CN=x",
        issuer="CN=y",
        fingerprint="00",
        scheme="notary.x509",
        algorithm="",
        signing_time=None,
        expiry=None,
        agent=None,
        chain=CHAIN,
    )
    return replace(claims, **members)


CHAIN = tuple(Certificate.parse(item.der) for item in Pki().code_chain(leaf={"not_after": NOW + 9 * DAY}).chain)
STAMP = (NOW, NOW)
WRONG = ContentProblem(reason="content.missing", message="it is not there", path="", descriptor=None)


@pytest.mark.parametrize(
    ("signer", "uses", "first"),
    [
        (_signer(), (), (NOW + 9 * DAY, f"certificate {safe(CHAIN[0].subject_text)}")),
        (_signer(timestamp=STAMP), (), None),
        (_signer(scheme="notary.x509.signingAuthority"), (), None),
        (_signer(expiry=NOW + 8 * DAY), (), (NOW + 8 * DAY, "signature of CN=x")),
        (_signer(expiry=NOW + 10 * DAY, timestamp=STAMP), (), (NOW + 10 * DAY, "signature of CN=x")),
        (_signer(), (7,), (NOW + 7 * DAY, "evidence 7")),
        (None, (7,), (NOW + 7 * DAY, "evidence 7")),
        (None, (), None),
    ],
)
def test_promises_the_first_end_of_all_that_passed(
    signer: SignerClaims | None, uses: tuple[int, ...], first: tuple[datetime, str] | None
) -> None:
    """A certificate's end counts where no proven time shows that the signature was made before it."""
    evidence = tuple(
        EvidenceUse(certificate="", chain="signing", kind="crl", status="good", name=str(n), good_until=NOW + n * DAY)
        for n in uses
    )
    passed = replace(GOOD, signer=signer, evidence=evidence)
    failed = replace(BAD, signer=_signer(expiry=NOW + DAY), evidence=evidence)
    assert outcome(artifact(passed, failed)).expires_first == first


def test_of_several_accepted_signatures_the_one_with_the_fewest_reservations_is_named() -> None:
    logged = signature(finding(Check.EXPIRY, Verdict.FAIL, Action.LOG))
    twice = signature(
        finding(Check.EXPIRY, Verdict.INDETERMINATE, Action.LOG),
        finding(Check.REVOCATION, Verdict.SKIPPED, Action.SKIP),
    )
    assert [len(item.reservations) for item in (GOOD, logged, twice)] == [0, 1, 2]
    assert artifact(BAD, twice, logged).accepted is logged
    assert artifact(twice, logged, GOOD, BAD).accepted is GOOD
    assert artifact(BAD, UNSURE).accepted is None
    assert signature(finding(Check.EXPIRY, Verdict.PASS, Action.LOG)).reservations == ()


def test_names_that_some_tool_accepts_are_those_beside_the_one_that_was_typed() -> None:
    found = replace(artifact(GOOD), reference="oci:x:v1", tags=("v1", "v2"), aliases=("v2", "app:v1", "v3"))
    assert found.other_names == ("v2", "app:v1", "v3")


def test_attachments_are_neither_evidence_nor_signatures_of_others() -> None:
    descriptor = Descriptor(media_type=IMAGE_MANIFEST, digest=DIGEST, size=0)
    bare = ReferrerOutcome(descriptor, "text/spdx", ())
    signed, doubtful = bare._replace(signatures=(BAD, GOOD)), bare._replace(signatures=(UNSURE,))
    evidence = bare._replace(artifact_type=EVIDENCE_TYPE)
    foreign = bare._replace(foreign="cosign signature")
    found = replace(artifact(GOOD), referrers=(bare, signed, evidence, foreign, doubtful))
    assert found.attachments == (bare, signed, doubtful)
    assert found.unsigned_attachments == (bare, doubtful)
    assert found.foreign_signatures == ("cosign signature",)


def test_names_the_plugins_that_were_run_once() -> None:
    used = [replace(GOOD, plugin_use=PluginUse(name, "1.0.0", {})) for name in ("b", "a", "b", "c")]
    descriptor = Descriptor(media_type=IMAGE_MANIFEST, digest=DIGEST, size=0)
    attached = ReferrerOutcome(descriptor, "text/spdx", (used[3],))
    first = replace(artifact(used[0], used[1], GOOD), referrers=(attached,))
    assert outcome(first, artifact(used[2])).plugins == ("a", "b", "c")


@pytest.mark.parametrize(
    ("unjudged", "signatures", "left_behind", "reason"),
    [
        (None, (GOOD,), None, None),
        (Problem.of_reason("policy.skip", ""), (), None, None),
        (None, (), None, "signature.none"),
        (None, (), "it was there", "signature.left_behind"),
    ],
)
def test_an_artifact_counts_as_unsigned_where_a_signature_is_demanded_and_none_is_there(
    unjudged: Problem | None, signatures: tuple[SignatureOutcome, ...], left_behind: str | None, reason: str | None
) -> None:
    found = replace(artifact(*signatures, unjudged=unjudged), left_behind=left_behind).unsigned
    assert (found.reason if found else None) == reason
    if found:
        assert found.exit_code == 10
        assert (left_behind or "has no signature") in found.message


def test_content_that_failed_fails_an_accepted_artifact() -> None:
    good = ContentReport("pass", Content.ALL, 1, 1, (), (), ())
    assert replace(artifact(GOOD), content=good).verdict is Verdict.PASS
    failed = replace(artifact(GOOD), content=good._replace(problems=(WRONG,)))
    assert (failed.content_failed, failed.verdict, failed.exit_codes) == (True, Verdict.FAIL, frozenset({16}))
    both = replace(artifact(BAD), content=good._replace(problems=(WRONG,)))
    assert both.exit_codes == {13, 16}


def test_a_file_is_judged_by_its_signature_or_by_why_there_is_none() -> None:
    run: dict[str, Any] = {"moment": Moment(judged=NOW, clock=NOW), "trust": {}, "path": "file"}
    used = replace(GOOD, plugin_use=PluginUse("p", "1.0.0", {}))
    assert BlobOutcome(**run).verdict is Verdict.FAIL
    assert (BlobOutcome(**run, signature=used).verdict, BlobOutcome(**run, signature=used).plugins) == ("pass", ("p",))
    assert (BlobOutcome(**run, signature=BAD).exit_code, BlobOutcome(**run, signature=BAD).plugins) == (13, ())
    assert BlobOutcome(**run, unjudged=Problem.of_reason("policy.skip", "")).verdict is Verdict.SKIPPED
    assert BlobOutcome(**run, unjudged=Problem.of_reason("signature.none", "")).exit_code == 10


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        (artifact(unjudged=Problem.of_reason("policy.no_statement", "no")), "policy.no_statement"),
        (artifact(), "signature.none"),
        (artifact(BAD, UNSURE), "revocation.crl.missing"),
        (artifact(BAD), "expiry.passed"),
        (artifact(UNSURE), "revocation.crl.missing"),
        (
            replace(
                artifact(GOOD),
                content=ContentReport("fail", Content.ALL, 0, 0, (WRONG,), (), ()),
            ),
            "content.missing",
        ),
    ],
)
def test_a_copy_is_refused_by_what_the_verdict_rests_on(found: ArtifactOutcome, reason: str) -> None:
    error = refusal(found, "v1")
    assert (error.reason, error.exit_code) == (reason, found.exit_code)
    assert str(error).startswith("v1 is not copied: ")
    assert f"[{reason}]" in str(error)
