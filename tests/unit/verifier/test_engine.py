"""The judge itself: the bounds of its moments, to the second, and what it says where there is nothing to judge."""

from __future__ import annotations

import dataclasses
import sys
import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from airgap import limits
from airgap.moment import Moment
from airgap.oci.descriptor import IMAGE_MANIFEST, Descriptor
from airgap.oci.digest import Digest
from airgap.pki.certificate import Certificate
from airgap.signature.envelope import parse_envelope
from airgap.stages.verify import verify
from airgap.trust.directory import TrustDirectory
from airgap.trust.levels import Check
from airgap.verdict import Verdict
from airgap.verifier.candidate import Candidate
from airgap.verifier.engine import SignatureVerifier
from airgap.verifier.facts import EarlierResult, SignatureFacts
from airgap.verifier.outcome import SignatureOutcome
from airgap.verifier.recorded import RecordedSignature
from airgap.verifier.request import VerifyRequest
from tests.support import asn1, envelopes
from tests.support.crls import crl
from tests.support.envelopes import SIGNED_AT
from tests.support.pki import AT, Issued, Pki
from tests.support.scenario import Scene, Signature
from tests.support.trust import oci_policy, statement, write_trust

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


def _judged(folder: Path, scene: Scene) -> SignatureOutcome:
    written = scene.write(folder)
    request = VerifyRequest(targets=[written.target], at=written.at, clock=written.at, scope=written.scope)
    (artifact,) = verify(request, written.trust).artifacts
    (signature,) = artifact.signatures
    return signature


def _reasons(outcome: SignatureOutcome) -> dict[Check, str | None]:
    return {finding.check: finding.reason for finding in outcome.findings if finding.verdict is Verdict.FAIL}


def test_a_signature_without_an_envelope_is_refused_and_nothing_else_is_judged(tmp_path: Path) -> None:
    directory = TrustDirectory.open(write_trust(tmp_path))
    target = Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"x"), size=1)
    judge = SignatureVerifier(directory, moment=Moment(judged=AT, clock=AT))
    outcome = judge.judge(
        Candidate(digest=Digest.of(b"y")),
        target=target,
        statement=directory.policy().select("registry.example/app"),
        metadata={},
    )
    assert outcome.verdict is Verdict.FAIL
    assert _reasons(outcome) == {Check.INTEGRITY: "signature.unreadable"}
    assert {finding.verdict for finding in outcome.findings[1:]} == {Verdict.NOT_APPLICABLE}
    assert [finding.check for finding in outcome.findings] == list(Check)


def test_an_envelope_is_dropped_before_the_one_after_the_next_is_read(tmp_path: Path) -> None:
    """100 signatures of 4 MiB may be attached to an artifact; they are judged together."""
    directory = TrustDirectory.open(write_trust(tmp_path))
    envelope = Descriptor(media_type=envelopes.JWS, digest=Digest.of(b"x"), size=1)
    raws = [envelopes.jws(Pki().code_chain(), header={"n": number}) for number in range(4)]
    held: list[int] = []

    def references(count: int) -> list[int]:
        return [sys.getrefcount(raw) for raw in raws[:count]]

    unheld = max(references(len(raws)))

    def attached() -> Iterator[Candidate]:
        for number, raw in enumerate(raws):
            held.extend(references(max(0, number - 1)))
            yield Candidate(digest=Digest.of(raw), envelope=envelope, raw=raw)

    SignatureVerifier(directory, moment=Moment(judged=AT, clock=AT)).judge_all(
        attached(),
        target=envelope,
        statement=directory.policy().select("registry.example/app"),
        metadata={},
    )
    assert held == [unheld] * 3


@pytest.mark.parametrize(
    ("validity", "reason"),
    [
        ({"not_before": SIGNED_AT}, None),
        ({"not_before": SIGNED_AT + SECOND}, "time.authentic"),
        ({"not_after": SIGNED_AT}, None),
        ({"not_after": SIGNED_AT - SECOND}, "time.authentic"),
    ],
)
@pytest.mark.parametrize("role", ["leaf", "intermediate"])
def test_the_time_of_an_authority_is_within_the_validity_bounds_included(
    tmp_path: Path, role: str, validity: dict[str, datetime], reason: str | None
) -> None:
    """SCHEME-3."""
    scene = Scene()
    scene.signature.scheme = envelopes.AUTHORITY
    members: dict[str, Any] = {role: validity}
    scene.sign_with(Pki().code_chain(**members))
    scene.use_store("signingAuthority:harbour")
    expected = {} if reason is None else {Check.AUTHENTIC_TIMESTAMP: reason}
    assert _reasons(_judged(tmp_path, scene)) == expected


@pytest.mark.parametrize(
    ("validity", "reason"),
    [
        ({"not_before": AT}, None),
        ({"not_before": AT + SECOND}, "time.certificate.not_yet"),
        ({"not_after": AT}, None),
        ({"not_after": AT - SECOND}, "time.certificate.expired"),
    ],
)
@pytest.mark.parametrize("role", ["leaf", "intermediate", "root"])
def test_without_a_timestamp_every_certificate_is_valid_at_the_moment_bounds_included(
    tmp_path: Path, role: str, validity: dict[str, datetime], reason: str | None
) -> None:
    """TS-2."""
    members: dict[str, Any] = {role: validity}
    scene = Scene()
    scene.sign_with(Pki().code_chain(**members))
    expected = {} if reason is None else {Check.AUTHENTIC_TIMESTAMP: reason}
    assert _reasons(_judged(tmp_path, scene)) == expected


@pytest.mark.parametrize(("past", "reason"), [(timedelta(0), None), (SECOND, "timestamp.missing")])
def test_a_timestamp_is_asked_for_once_a_certificate_has_ended_and_not_before(
    tmp_path: Path, past: timedelta, reason: str | None
) -> None:
    """TS-1, verifyTimestamp afterCertExpiry: one that is not there is missed only then."""
    scene = Scene()
    scene.sign_with(Pki().code_chain(leaf={"not_after": AT - past}))
    scene.timestamp(verify="afterCertExpiry")
    scene.signature.token = None
    expected = {} if reason is None else {Check.AUTHENTIC_TIMESTAMP: reason}
    assert _reasons(_judged(tmp_path, scene)) == expected


@pytest.mark.parametrize(("after", "warned"), [(-DAY, False), (limits.CLOCK_SKEW, False), (DAY, True)])
def test_ts_29_a_timestamp_is_compared_with_neither_the_claimed_signing_time_nor_the_moment(
    tmp_path: Path, after: timedelta, warned: bool
) -> None:
    """One from after the moment judged for is reported, and judged like any other."""
    scene = Scene(at=SIGNED_AT + DAY)
    scene.timestamp(gen_time=scene.at + after)
    outcome = _judged(tmp_path, scene)
    assert outcome.verdict is Verdict.PASS
    assert any("a clock is wrong" in warning for warning in outcome.warnings) == warned


@pytest.mark.parametrize(("hash_name", "warned"), [("sha256", False), ("sha512", True)])
def test_an_imprint_of_another_hash_than_the_keys_is_reported(tmp_path: Path, hash_name: str, warned: bool) -> None:
    """D30: accepted."""
    scene = Scene()
    scene.timestamp(imprint_hash=hash_name)
    outcome = _judged(tmp_path, scene)
    assert outcome.verdict is Verdict.PASS
    assert any("imprint, the signature over sha256" in warning for warning in outcome.warnings) == warned


@pytest.mark.parametrize(("inside", "count"), [(asn1.sequence(asn1.integer(1)), 1), (None, 0)])
def test_evidence_in_a_timestamp_token_that_cannot_be_used_is_reported(
    tmp_path: Path, inside: bytes | None, count: int
) -> None:
    """D51: as that of any target, it is left out."""
    scene = Scene(at=SIGNED_AT + DAY)
    scene.timestamp(crls=[inside or crl(scene.signature.leaf.root)])
    warnings = _judged(tmp_path, scene).warnings
    assert sum("the evidence file" in warning for warning in warnings) == count


def test_lim_5_at_most_100_signatures_are_judged_by_default(tmp_path: Path) -> None:
    scene = Scene()
    scene.signatures = [Signature("jws", scene.signature.leaf, payload=b"%d" % number) for number in range(101)]
    written = scene.write(tmp_path)
    request = VerifyRequest(targets=[written.target], at=written.at, clock=written.at, scope=written.scope)
    (artifact,) = verify(request, written.trust).artifacts
    assert len(artifact.signatures) == 100
    assert "101 signatures are attached; only the first 100 were judged" in artifact.warnings


def test_an_outcome_without_every_check_does_not_pass(tmp_path: Path) -> None:
    """The absence of a finding is never a pass."""
    outcome = _judged(tmp_path, Scene())
    assert outcome.verdict is Verdict.PASS
    for number in range(len(outcome.findings)):
        fewer = outcome.findings[:number] + outcome.findings[number + 1 :]
        assert dataclasses.replace(outcome, findings=fewer).verdict is Verdict.INDETERMINATE


def _judged_again(facts: SignatureFacts, root: Issued) -> SignatureOutcome:
    """By a report alone that says that its integrity was good."""
    signature = RecordedSignature(
        digest=Digest.of(b"x"),
        envelope=None,
        findings={Check.INTEGRITY: EarlierResult(Verdict.PASS, None)},
        facts=facts,
    )
    policy = oci_policy(statement(trustStores=["signingAuthority:harbour"]))
    with tempfile.TemporaryDirectory() as folder:
        trust = write_trust(Path(folder), policy=policy, stores={"signingAuthority:harbour": [root]})
        directory = TrustDirectory.open(trust)
        return SignatureVerifier(directory, moment=Moment(judged=AT, clock=AT)).judge(
            signature,
            target=Descriptor(media_type=IMAGE_MANIFEST, digest=Digest.of(b"x"), size=1),
            statement=directory.policy().select("registry.example/app"),
            metadata={},
        )


def test_a_report_without_the_time_of_an_authority_proves_none() -> None:
    """SCHEME-3: nothing else can take its place."""
    leaf = Pki().code_chain()
    facts = SignatureFacts.of(parse_envelope(envelopes.JWS, envelopes.jws(leaf, scheme=envelopes.AUTHORITY)), None)
    outcome = _judged_again(dataclasses.replace(facts, stated_time=None), leaf.root)
    found = {finding.check: (finding.verdict, finding.reason) for finding in outcome.findings}
    assert found[Check.AUTHENTICITY] == (Verdict.PASS, None)
    assert found[Check.AUTHENTIC_TIMESTAMP] == (Verdict.INDETERMINATE, "recheck.unproven")


def test_a_report_proves_no_chain() -> None:
    """Its certificates are compared with each other as those of an envelope are."""
    leaf, other = Pki().code_chain(), Pki().code_chain(root={"slot": 3}).root
    facts = SignatureFacts.of(parse_envelope(envelopes.JWS, envelopes.jws(leaf, scheme=envelopes.AUTHORITY)), None)
    assert _reasons(_judged_again(facts, leaf.root)) == {}
    below_another = (*facts.chain[:-1], Certificate.parse(other.der))
    outcome = _judged_again(dataclasses.replace(facts, chain=below_another), other)
    assert outcome.verdict is Verdict.FAIL
    assert Check.INTEGRITY in _reasons(outcome)
