"""Signed artifacts made with independent tools, each with the verdict that it must get, and for the right reason.

The folder is found beside the repository (../shared/interop) or named by AIRGAP_INTEROP; its README.md says how a
case is laid out. Every case runs through the command's own entry point; a sample runs in processes of their own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Final

import pytest

from airgap.reasons import REASONS, ExitCode
from tests.support.command import Ran, Runner, run_here, run_process

ROOT: Final = Path(os.environ.get("AIRGAP_INTEROP") or Path(__file__).parents[3] / "shared" / "interop")
CASES: Final = ROOT / "cases"

if not CASES.is_dir():
    pytest.skip(f"no interop cases at {CASES} (set AIRGAP_INTEROP)", allow_module_level=True)

# What each group may fail with. A prefix, because a new case of a group may break another rule of it.
GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "authenticTimestamp": ("time.certificate.", "time.authentic"),
    "authenticity": ("authenticity.no_anchor",),
    "chain": ("chain.",),
    "envelope": ("envelope.",),
    "expiry": ("expiry.passed",),
    "identity": ("identity.", "policy.malformed"),
    "level": ("envelope.", "authenticity.no_anchor"),
    "manifest": ("signature.", "content.", "envelope."),
    "metadata": ("metadata.",),
    "payload": ("payload.",),
    "plugin": ("plugin.required",),
    "policy": ("policy.",),
    "revocation": ("revocation.",),
    "scheme": ("authenticity.no_store",),
    "timestamp": ("timestamp.",),
    "truststore": ("store.",),
}

# The rule that each case breaks, where one code says it exactly.
REASON: Final[dict[str, str]] = {
    "bad-all-signatures": "envelope.signature",
    "bad-cose-alg-key-mismatch": "envelope.algorithm",
    "bad-cose-cert-expired": "time.certificate.expired",
    "bad-cose-chain-order": "chain.order",
    "bad-cose-crit-missing": "envelope.critical",
    "bad-cose-crit-wrong": "envelope.critical",
    "bad-cose-cty-int": "envelope.content_type",
    "bad-cose-expiry-not-critical": "envelope.critical",
    "bad-cose-external-signature-context": "envelope.signature",
    "bad-cose-indefinite": "envelope.malformed",
    "bad-cose-no-payload-type": "envelope.content_type",
    "bad-cose-no-signing-time": "envelope.time",
    "bad-cose-payload-detached": "envelope.malformed",
    "bad-cose-payload-media-type": "payload.mismatch",
    "bad-cose-rs256": "envelope.algorithm",
    "bad-cose-time-tag0": "envelope.malformed",
    "bad-cose-time-untagged": "envelope.time",
    "bad-cose-timestamp-after-expiry": "timestamp.range",
    "bad-cose-trailing": "envelope.malformed",
    "bad-cose-truncated": "envelope.malformed",
    "bad-cose-untagged": "envelope.malformed",
    "bad-cose-wrong-key": "envelope.signature",
    "bad-cose-x5chain-missing": "envelope.certificates",
    "bad-crl-delta-base-too-new": "revocation.crl.delta",
    "bad-crl-delta-revokes": "revocation.revoked",
    "bad-crl-expired": "revocation.crl.stale",
    "bad-crl-intermediate-revoked": "revocation.revoked",
    "bad-crl-invalidity-before-authentic-time": "revocation.revoked",
    "bad-crl-leaf-revoked-no-reason": "revocation.revoked",
    "bad-crl-second-point-revokes": "revocation.revoked",
    "bad-identity-case": "identity.mismatch",
    "bad-identity-injection": "identity.mismatch",
    "bad-identity-missing-st": "policy.malformed",
    "bad-identity-unknown-type": "identity.none",
    "bad-identity-wildcard-mixed": "policy.malformed",
    "bad-image-layer-tampered": "content.size",
    "bad-int-expired": "time.certificate.expired",
    "bad-int-no-cert-sign": "chain.ca.key_usage",
    "bad-int-not-ca": "chain.ca.basic_constraints",
    "bad-int-pathlen": "chain.ca.path_length",
    "bad-jws-alg-none": "envelope.algorithm",
    "bad-jws-cert-expired": "time.certificate.expired",
    "bad-jws-compact": "envelope.malformed",
    "bad-jws-eddsa-label": "envelope.algorithm",
    "bad-jws-expiry-not-critical": "envelope.critical",
    "bad-jws-json-array": "envelope.malformed",
    "bad-jws-no-payload-type": "envelope.content_type",
    "bad-jws-no-signing-time": "envelope.time",
    "bad-jws-payload-media-type": "payload.mismatch",
    "bad-jws-payload-not-json": "payload.malformed",
    "bad-jws-payload-type": "envelope.content_type",
    "bad-jws-replayed": "payload.mismatch",
    "bad-jws-signing-authority-time-outside": "time.authentic",
    "bad-jws-time-format": "envelope.time",
    "bad-jws-time-number": "envelope.time",
    "bad-jws-timestamp-imprint": "timestamp.imprint",
    "bad-jws-unknown-critical": "envelope.critical.unknown",
    "bad-jws-wrong-key": "envelope.signature",
    "bad-leaf-eku-server-auth": "chain.leaf.extended_key_usage",
    "bad-leaf-eku-time-stamping": "chain.leaf.extended_key_usage",
    "bad-leaf-ku-absent": "chain.leaf.key_usage",
    "bad-leaf-ku-not-critical": "chain.leaf.key_usage",
    "bad-leaf-p224": "chain.leaf.key",
    "bad-leaf-rsa1024": "chain.leaf.key",
    "bad-manifest-blob-tampered": "content.digest",
    "bad-manifest-two-layers": "signature.manifest",
    "bad-metadata-absent": "metadata.missing",
    "bad-metadata-value": "metadata.different",
    "bad-ocsp-delegated-expired": "revocation.ocsp.responder",
    "bad-ocsp-delegated-no-eku": "revocation.ocsp.responder",
    "bad-ocsp-delegated-other-ca": "revocation.ocsp.responder",
    "bad-ocsp-future": "revocation.ocsp.future",
    "bad-ocsp-intermediate-revoked": "revocation.revoked",
    "bad-ocsp-missing": "revocation.ocsp.missing",
    "bad-ocsp-revoked": "revocation.revoked",
    "bad-ocsp-self-answer": "revocation.ocsp.responder",
    "bad-ocsp-stale": "revocation.ocsp.stale",
    "bad-policy-not-json": "policy.malformed",
    "bad-policy-scope-prefix": "policy.no_statement",
    "bad-signature-elsewhere": "signature.none",
    "bad-store-garbage": "store.malformed",
    "bad-timestamp-accuracy-crosses-end": "timestamp.range",
    "bad-timestamp-before-start": "timestamp.range",
    "bad-timestamp-digest": "timestamp.attributes",
    "bad-timestamp-hash-sha1": "timestamp.hash",
    "bad-timestamp-no-ess": "timestamp.signer",
    "bad-timestamp-tsa-expired-at-stamping": "timestamp.validity",
    "bad-timestamp-tsa-root-in-ca-store": "timestamp.untrusted",
    "bad-timestamp-untrusted-tsa": "timestamp.untrusted",
    "bad-tsa-revoked": "revocation.revoked",
    "bad-unsigned": "signature.none",
    "level-permissive-untrusted": "authenticity.no_anchor",
}

SAMPLE: Final = (
    "ok-jws-rsa2048",
    "ok-cose-ec521",
    "ok-jws-timestamp",
    "bad-cose-wrong-key",
    "bad-crl-expired",
    "bad-policy-not-json",
    "bad-image-layer-tampered",
    "bad-unsigned",
)


def _load(name: str) -> dict[str, Any]:
    case = json.loads((CASES / name / "case.json").read_text(encoding="utf-8"))
    assert isinstance(case, dict)
    return case


def _arguments(name: str, case: dict[str, Any]) -> list[str]:
    folder = CASES / name
    metadata = [part for key, value in case["metadata"].items() for part in ("-m", f"{key}={value}")]
    target = f"oci:{folder / 'layout'}@{case['digest']}"
    return [
        "verify",
        target,
        "--trust",
        str(folder / "config"),
        "--scope",
        case["scope"],
        *metadata,
        "--format",
        "json",
    ]


def _judge(name: str, runner: Runner) -> tuple[dict[str, Any], Ran]:
    case = _load(name)
    ran = runner(_arguments(name, case))
    ran.check_sound()
    return case, ran


def _check_failure(name: str, case: dict[str, Any], ran: Ran) -> None:
    assert ran.document["verdict"] in {"fail", "indeterminate"}, ran
    assert ran.code not in {ExitCode.OK, ExitCode.ERROR, ExitCode.USAGE}, ran
    wanted = REASON.get(name)
    if wanted:
        assert wanted in ran.reasons, (wanted, ran.reasons)
        assert REASONS[wanted].exit_code == ran.code, (wanted, ran.code)
    allowed = GROUPS[case["group"]]
    assert any(reason.startswith(allowed) for reason in ran.reasons), (allowed, ran.reasons)
    enforced = set(case["reference"]["enforced"])
    if enforced:
        assert enforced <= ran.checks, (enforced, sorted(ran.blocking()))


def _check(name: str, runner: Runner) -> None:
    case, ran = _judge(name, runner)
    match case["expect"]:
        case "pass":
            assert (ran.code, ran.document["verdict"]) == (0, "pass"), ran
            assert set(case["reference"]["logged"]) <= {check for check, _ in ran.logged()}, ran
        case "skip":
            assert ran.code == 0, ran
            assert ran.document["verdict"] in {"pass", "skipped"}, ran
        case "fail":
            _check_failure(name, case, ran)
        case "either":
            assert ran.code not in {ExitCode.ERROR, ExitCode.USAGE}, ran
        case other:
            pytest.fail(f"case.json of {name}: unknown expect {other!r}")


NAMES: Final = sorted(path.parent.name for path in CASES.glob("*/case.json"))


@pytest.mark.parametrize("name", NAMES)
def test_case_gets_its_verdict_for_its_reason(name: str) -> None:
    _check(name, run_here)


@pytest.mark.parametrize("name", SAMPLE)
def test_case_in_a_process_of_its_own(name: str) -> None:
    _check(name, run_process)


def test_the_tables_name_cases_that_exist() -> None:
    """A renamed case must not lose its exact reason."""
    assert {*REASON, *SAMPLE} <= set(NAMES)
    assert set(REASON.values()) <= set(REASONS)


# What this verifier decided where the specifications leave room (docs/decisions).
DECIDED: Final = {
    "odd-cose-x5chain-bstr-self-signed": "envelope.certificates",
    "odd-crl-idp-ca-only": "revocation.crl.scope",
    "odd-crl-invalidity-after-timestamp": None,
    "odd-int-bc-not-critical": "chain.ca.basic_constraints",
    "odd-leaf-eku-any": "chain.leaf.extended_key_usage",
    "odd-ocsp-no-next-update": "revocation.ocsp.stale",
    "odd-timestamp-ess-v1": "timestamp.signer",
    "odd-trust-leaf": "store.malformed",
}


@pytest.mark.parametrize("name", sorted(DECIDED))
def test_case_with_room_is_decided_as_documented(name: str) -> None:
    _, ran = _judge(name, run_here)
    wanted = DECIDED[name]
    assert ran.reasons == (frozenset() if wanted is None else frozenset({wanted})), ran
