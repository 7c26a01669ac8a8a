"""The certificates in every row of a ledger count, chosen and accepted or not, when it is judged again.

A signer's key was revoked in an older certificate, which only a refused row had: its artifact was called good still.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.command import run_here
from tests.support.crls import crl, entry
from tests.support.pki import Pki, issue
from tests.support.scenario import Scene, Written, add_image

LEAF = Pki().code_chain()
CA = LEAF.chain[1]
OLDER = issue("leaf", issuer=CA, key=LEAF.key, subject="C=US,O=Older,CN=older")
REVOKING = {"r.crl": crl(CA, number=3, revoked=[entry(OLDER.serial, reason="keyCompromise")])}


def written(folder: Path, *, older: bool) -> Written:
    scene = Scene()
    scene.sign_with(OLDER if older else LEAF)
    if older:
        scene.target = add_image(scene.builder, "other")
    folder.mkdir()
    return scene.write(folder)


@pytest.mark.parametrize("revoked_when", ["before both", "after both"])
@pytest.mark.parametrize("options", [[], ["--name", "/a/"]])
def test_a_row_that_was_not_accepted_or_chosen(tmp_path: Path, revoked_when: str, options: list[str]) -> None:
    a, b = written(tmp_path / "a", older=False), written(tmp_path / "b", older=True)
    ledger = ["--ledger", str(tmp_path / "site.ledger")]

    def revoke() -> None:
        for name, data in REVOKING.items():
            (a.trust / "crls").mkdir(exist_ok=True)
            (a.trust / "crls" / name).write_bytes(data)

    if revoked_when == "before both":
        revoke()
    trust = ["--trust", str(a.trust)]
    codes = [
        run_here([word if word != str(item.trust) else str(a.trust) for word in item.arguments(*ledger)]).code
        for item in (a, b)
    ]
    assert codes == ([0, 14] if revoked_when == "before both" else [0, 0])
    if revoked_when == "after both":
        revoke()
    ran = run_here(["recheck", *ledger, *trust, *options, "--at", "2026-06-02"])
    assert ran.code == 14, ran
