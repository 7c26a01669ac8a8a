"""An unsigned snapshot may not fill a trust directory: no signed one could be applied then, and nothing be judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import UsageError
from airgap.problem import Problem
from airgap.stages.snapshot import create_snapshot
from tests.regressions.test_keys_in_any_file_condemn import put
from tests.support import names
from tests.support.crls import crl, pem
from tests.support.pki import AT, issue
from tests.support.snapshots import Ground
from tests.support.trust import write_trust

STRANGER = issue("root", subject=names.harbour("Stranger"), slot=7)
BOUNDS: dict[str, tuple[str, int, Callable[[int], dict[str, bytes]]]] = {
    "entries": ("EVIDENCE_FILES", 8, lambda number: {f"crls/{number}.crl": crl(STRANGER, number=number + 1)}),
    "bytes": ("EVIDENCE_INDEX_BYTES", 1000, lambda _: {}),
    "pieces": ("EVIDENCE_PIECES", 32, lambda number: {f"crls/{number}.crl": pem(crl(STRANGER)) + STRANGER.pem * 3}),
}


def unsigned(ground: Ground, kind: str, number: int) -> str:
    place = write_trust(ground.folder / f"carrier-{number}", crls={"x.crl": crl(STRANGER, number=99 + number)})
    for name, data in BOUNDS[kind][2](number).items():
        put(place, name, data)
    put(place, "crls/index.json", b'{"http://crl.example/%s/%d": "x.crl"}' % (b"a" * 150, number))
    made = create_snapshot(
        place, str(ground.folder / f"stick-{number}"), stream="other", number=None, created=AT, evidence_only=True
    )
    return made.reference


def refused(ground: Ground, reference: str) -> Problem | None:
    """Verify says before what apply says."""
    foreseen = ground.verify(reference).problems
    outcome = ground.apply(reference)
    assert outcome.problems == foreseen
    assert outcome.applied == (not foreseen)
    return foreseen[0] if foreseen else None


@pytest.mark.parametrize("kind", BOUNDS)
def test_what_is_signed_has_room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    ground = Ground(tmp_path)
    signed = ground.packed("signed")
    ground.pin()
    snapshots = [unsigned(ground, kind, number) for number in range(9)]
    monkeypatch.setattr(limits, *BOUNDS[kind][:2])
    refusals = [refusal for reference in snapshots if (refusal := refused(ground, reference))]
    assert 0 < len(refusals) < len(snapshots)
    assert {item.reason for item in refusals} == {"evidence.malformed"}
    assert all(kind in item.message and "not signed" in item.message for item in refusals)
    assert ground.verify(signed).problems == ()
    assert ground.apply(signed).applied


def test_the_own_files_of_a_site_take_nothing_from_that_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They counted as if an unsigned snapshot had brought them: a site with many could get none at all."""
    ground = Ground(tmp_path)
    for number in range(6):
        put(ground.site, f"crls/own-{number}.crl", crl(STRANGER, number=500 + number))
    snapshots = [unsigned(ground, "bytes", number) for number in range(4)]
    held = len(list((ground.site / "crls").iterdir()))
    monkeypatch.setattr(limits, "EVIDENCE_FILES", held + 5)
    assert [refused(ground, reference) is None for reference in snapshots] == [True, True, False, False]


def test_who_makes_a_snapshot_learns_that_it_fits_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ground = Ground(tmp_path)
    place = write_trust(ground.folder / "carrier", crls={"x.crl": pem(crl(STRANGER)) + STRANGER.pem * 8})

    def made(number: int) -> tuple[str, ...]:
        target = str(ground.folder / f"stick-{number}")
        done = create_snapshot(place, target, stream="s", number=number, created=AT, evidence_only=True)
        return tuple(warning.message for warning in done.warnings)

    assert not any("sites refuse it" in text for text in made(1))
    monkeypatch.setattr(limits, "EVIDENCE_PIECES", 10)
    assert any("unless a pinned signer signs it" in text for text in made(2))
    monkeypatch.setattr(limits, "EVIDENCE_PIECES", 8)
    with pytest.raises(UsageError, match="no site could apply this"):
        made(3)
