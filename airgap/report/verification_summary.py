"""Verdicts as in-toto statements with a verification summary (SLSA VSA 1.x), one a line.

https://slsa.dev/spec/v1.1/verification_summary. A summary knows PASSED and FAILED alone. PASSED is
what passed without reservations, with all of its content, in a run in which everything could be judged; all else, for
whatever reason, is FAILED. No build level of SLSA is evaluated here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from airgap import __version__
from airgap.report.judged_run import JudgedItem, JudgedRun

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "https://slsa.dev/verification_summary/v1"
_VERIFIER: Final = "urn:airgap:verify"
_POLICY: Final = "urn:airgap:trust-policy"


def summary_lines(run: JudgedRun) -> Iterator[str]:
    """A statement for each artifact whose digest is known."""
    for item in run.items():
        if item.digest is not None:
            yield json.dumps(_statement(run, item), ensure_ascii=True) + "\n"


def _statement(run: JudgedRun, item: JudgedItem) -> dict[str, Any]:
    digest = item.digest
    assert digest is not None  # noqa: S101 - the caller chose it
    passed = item.is_wholly_good and not run.problems
    policy: dict[str, Any] = {"uri": _POLICY}
    algorithm, _, encoded = str(run.trust.get("policy_digest") or "").partition(":")
    if encoded:
        policy["digest"] = {algorithm: encoded}
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": item.name, "digest": {digest.algorithm: digest.encoded}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "verifier": {"id": _VERIFIER, "version": {"airgap": __version__}},
            "timeVerified": run.moment,
            "resourceUri": f"{item.scope}@{digest}" if item.scope else item.name,
            "policy": policy,
            "inputAttestations": [{"digest": {found.algorithm: found.encoded}} for found in item.signatures],
            "verificationResult": "PASSED" if passed else "FAILED",
            "verifiedLevels": ["SLSA_BUILD_LEVEL_UNEVALUATED" if passed else "FAILED"],
        },
    }
