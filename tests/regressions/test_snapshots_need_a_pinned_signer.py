"""Snapshots whose signature does not put them into force: pins decide about signers, and no trust store or policy."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from airgap.problem import Problem
from tests.support.pki import Issued, Pki, issue
from tests.support.snapshots import LATER, Ground


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path)
    made.pin()
    return made


def stranger(ground: Ground, *, own_root: bool) -> Issued:
    if own_root:
        return Pki().code_chain("p384")
    return issue("leaf", issuer=ground.leaf.issuer, subject="C=US,ST=WA,O=Harbour Works,CN=another")


def refusal(ground: Ground, reference: str, **options: object) -> Problem:
    outcome = ground.apply(reference, **options)  # type: ignore[arg-type]
    assert not outcome.applied
    (problem,) = outcome.problems
    return problem


@pytest.mark.parametrize("own_root", [True, False])
def test_does_not_advise_to_change_trust_stores_or_identities(ground: Ground, *, own_root: bool) -> None:
    """The other root in the site's store would be trusted for images, but not for snapshots."""
    leaf = stranger(ground, own_root=own_root)
    problem = refusal(ground, ground.packed(leaf=leaf))
    assert problem.reason == ("authenticity.no_anchor" if own_root else "identity.mismatch")
    assert "no pinned identity signed this snapshot" in problem.message
    assert leaf.root.fingerprint in problem.message
    assert "airgap trust pin add" in problem.remedy
    for words in (
        "trust stores that the policy names",
        "trusted identities",
        "trustedIdentities",
        "to the trust store",
    ):
        assert words not in problem.message + problem.remedy


def test_a_pinned_signer_is_not_called_unpinned(ground: Ground) -> None:
    reference = ground.packed(lifetime=timedelta(minutes=5))
    ground.sign(reference, stranger(ground, own_root=True))
    problem = refusal(ground, reference, at=LATER + timedelta(hours=1))
    assert problem.reason == "expiry.passed"
    assert "no pinned identity" not in problem.message
    assert problem.remedy == "Ask the sender for a newer snapshot."


def test_an_unsigned_snapshot_names_the_command_that_signs_it(ground: Ground) -> None:
    problem = refusal(ground, ground.packed(signed=False))
    assert problem.reason == "signature.none"
    assert "airgap trust snapshot sign" in problem.remedy
