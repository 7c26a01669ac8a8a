"""A time of signing softens a revocation only if it is proven, also where the policy only logs that it is not (D31)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support import envelopes
from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.pki import issue
from tests.support.scenario import Scene
from tests.support.trust import oci_policy, statement

INVALID = datetime(2026, 5, 20, tzinfo=UTC)
BEFORE, TOO_EARLY = datetime(2026, 5, 1, tzinfo=UTC), datetime(2019, 1, 1, tzinfo=UTC)
LOGGED: dict[str, dict[str, Any]] = {
    "authentic timestamp": {"level": "strict", "override": {"authenticTimestamp": "log"}},
    "permissive": {"level": "permissive", "override": {"revocation": "enforce"}},
    "authenticity": {"level": "strict", "override": {"authenticity": "log"}},
    "audit": {"level": "audit", "override": {"revocation": "enforce"}},
}


def verified(folder: Path, level: dict[str, Any], stated: datetime, store: str, identity: str = "*") -> int:
    """Of a signing authority's signature; its certificate is revoked, and its key invalid from `INVALID` on."""
    root = issue("root", slot=0)
    leaf = issue("leaf", issuer=root, crl_urls=["http://crl.example/leaf.crl"])
    scene = Scene()
    scene.sign_with(leaf)
    scene.signature.scheme = envelopes.AUTHORITY
    scene.signature.options["protected"] = {envelopes.AUTHENTIC: envelopes.rfc3339(stated)}
    scene.stores = {store: [root]}
    scene.policy = oci_policy(statement(trustStores=[store], signatureVerification=level, trustedIdentities=[identity]))
    scene.crls = {"a.crl": crl(root, revoked=[entry(leaf.serial, reason="keyCompromise", invalidity=INVALID)])}
    return run_here(scene.write(folder).arguments()).code


@pytest.mark.parametrize("level", LOGGED)
def test_a_time_whose_check_failed_proves_nothing(tmp_path: Path, level: str) -> None:
    assert verified(tmp_path, LOGGED[level], TOO_EARLY, "signingAuthority:harbour") == 14


@pytest.mark.parametrize("level", LOGGED)
def test_a_time_of_an_authority_that_no_store_names_proves_nothing(tmp_path: Path, level: str) -> None:
    """The thief of any signer's key could state a time before the theft."""
    code = verified(tmp_path, LOGGED[level], BEFORE, "ca:harbour")
    assert code == (14 if level in {"authenticity", "audit"} else 13)


@pytest.mark.parametrize("level", LOGGED)
def test_a_time_of_another_identity_proves_nothing(tmp_path: Path, level: str) -> None:
    identity = "x509.subject: C=US, ST=WA, O=Else, CN=else"
    code = verified(tmp_path, LOGGED[level], BEFORE, "signingAuthority:harbour", identity)
    assert code == (14 if level in {"authenticity", "audit"} else 13)


@pytest.mark.parametrize("level", [{"level": "strict"}, *LOGGED.values()])
def test_a_proven_time_softens(tmp_path: Path, level: dict[str, Any]) -> None:
    assert verified(tmp_path, level, BEFORE, "signingAuthority:harbour") == 0
