"""An unsigned snapshot may not fill a trust directory: no signed one could be applied then, and nothing be judged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from airgap import limits
from airgap.errors import TrustMaterialError
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


def refused(ground: Ground, reference: str) -> TrustMaterialError | None:
    try:
        assert ground.apply(reference).applied
    except TrustMaterialError as error:
        return error
    return None


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
    assert all(kind in str(item) and "not signed" in str(item) for item in refusals)
    assert ground.verify(signed).problems == ()
    assert ground.apply(signed).applied
