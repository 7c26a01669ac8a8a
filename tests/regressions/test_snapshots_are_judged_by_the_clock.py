"""Under a clock that was set back, the snapshot of a revoked signer was applied."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from airgap.parse.time import iso
from tests.support.clock import set_clock
from tests.support.command import Ran, run_here
from tests.support.crls import crl, entry
from tests.support.pki import AT, Pki
from tests.support.snapshots import Ground

URL = "http://crl.example/signer.crl"
REVOKED_SINCE = AT + timedelta(days=9)
"""When the CRL that revokes the signer was made."""


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    """A snapshot of a signer whom the site's newest CRL revokes, and whom an older one at the site does not."""
    made = Ground(tmp_path, leaf=Pki().code_chain(leaf={"crl_urls": [URL]}))
    issuer = made.leaf.chain[1]
    folder = made.site / "crls"
    folder.mkdir()
    (folder / "old.crl").write_bytes(crl(issuer, number=1, next_update=AT + timedelta(days=90)))
    revoking = crl(
        issuer, number=2, revoked=[made.leaf], this_update=REVOKED_SINCE, next_update=AT + timedelta(days=90)
    )
    (folder / "new.crl").write_bytes(revoking)
    (folder / "index.json").write_text(json.dumps({URL: ["old.crl", "new.crl"]}))
    made.pin()
    return made


def _run(ground: Ground, monkeypatch: pytest.MonkeyPatch, clock: datetime, command: str, target: str) -> Ran:
    """The command, on a machine whose clock says `clock`."""
    set_clock(monkeypatch, clock)
    trust = ["--trust", str(ground.site)]
    return run_here(["trust", "snapshot", command, *([target] if target else []), *trust, "--format", "json"])


@pytest.mark.parametrize("command", ["verify", "apply"])
@pytest.mark.parametrize(
    ("clock", "codes"),
    [(REVOKED_SINCE + timedelta(days=1), {14}), (AT + timedelta(hours=1), {14, 15})],
    ids=["true", "set-back"],
)
def test_refuses_a_revoked_signer_under_any_clock(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, command: str, clock: datetime, codes: set[int]
) -> None:
    ran = _run(ground, monkeypatch, clock, command, ground.packed())
    assert ran.code in codes, ran
    assert (ran.document["verdict"], ran.document["applied"]) == ("fail", False)
    assert ran.document["time"] == {"judged": iso(clock), "clock": iso(clock), "is_now": True}
    assert ground.policy_name() == "site"


@pytest.mark.parametrize("command", [["verify"], ["apply", "--dry-run"], ["apply"]], ids=" ".join)
@pytest.mark.parametrize("revokes", [True, False])
def test_an_earlier_moment_applies_nothing_that_is_revoked_now(
    ground: Ground, monkeypatch: pytest.MonkeyPatch, command: list[str], *, revokes: bool
) -> None:
    """The CRL was made later, and says that the signer was revoked later, than the moment that `--at` names.

    Verify answers whether it may be applied, so that its answer is the same.
    """
    revoked = [entry(ground.leaf.serial, at=REVOKED_SINCE)] if revokes else []
    newer = crl(ground.leaf.chain[1], number=2, revoked=revoked, this_update=REVOKED_SINCE, next_update=REVOKED_SINCE)
    (ground.site / "crls/new.crl").write_bytes(newer)
    set_clock(monkeypatch, REVOKED_SINCE + timedelta(days=1))
    at = iso(AT + timedelta(hours=1))
    ran = run_here(["trust", "snapshot", *command, ground.packed(), "--trust", str(ground.site), "--at", at])
    assert ran.code == (14 if revokes else 15), ran
    assert ground.policy_name() == "site"


def test_undo_records_the_time_of_the_clock(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """It judges nothing, as what it goes back to was in force before."""
    (ground.site / "crls/new.crl").unlink()
    (ground.site / "crls/index.json").write_text(json.dumps({URL: ["old.crl"]}))
    assert _run(ground, monkeypatch, AT + timedelta(hours=1), "apply", ground.packed()).code == 0
    assert _run(ground, monkeypatch, AT + timedelta(hours=2), "undo", "").code == 0
    assert ground.policy_name() == "site"
    assert ground.state().history[-1].at == AT + timedelta(hours=2)
