"""`snapshot diff` says what `apply` changes, and no command makes an older memory the only one."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.errors import Rejected
from airgap.stages.snapshot import diff_snapshots
from tests.support.command import run_here
from tests.support.crls import crl
from tests.support.snapshots import Ground, tree_of


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    made = Ground(tmp_path)
    made.pin()
    return made


def next_crl(ground: Ground, number: int) -> None:
    (ground.packer / "crls/a.crl").write_bytes(crl(ground.leaf.chain[1], number=number))


def test_diff_calls_no_evidence_removed_that_apply_keeps(ground: Ground) -> None:
    ground.apply(ground.packed("one", number=1))
    next_crl(ground, 6)
    target = ground.packed("two", number=2)
    before = set(tree_of(ground.site))
    change = diff_snapshots(target, ground.site)[1]
    assert (change.added, change.changed, change.removed) == (("crls/a.crl",), (), ())
    ground.apply(target)
    assert before < set(tree_of(ground.site))
    assert diff_snapshots(target, ground.site)[1].is_empty


def test_diff_names_stores_that_apply_removes(ground: Ground) -> None:
    change = diff_snapshots(ground.packed(), ground.site)[1]
    assert change.removed == ("truststore/x509/ca/old/0.pem",)
    assert change.changed == ("trustpolicy.oci.json",)


def test_diff_of_two_snapshots_compares_their_files(ground: Ground) -> None:
    first = ground.packed("one", number=1)
    next_crl(ground, 6)
    assert diff_snapshots(ground.packed("two", number=2), first)[1].changed == ("crls/a.crl",)


def test_undo_does_not_put_an_older_memory_into_both_trees(ground: Ground) -> None:
    for number in (1, 2, 3):
        last = ground.packed(str(number), number=number)
        ground.apply(last)
    state = ground.site / ".airgap/state.json"
    state.write_text(state.read_text().replace('"number": 3', '"number": 1'))
    former = state.parent.parent.parent / ".site.airgap/previous/.airgap/state.json"
    former.write_text(former.read_text().replace('"number": 2', '"number": 3'))
    with pytest.raises(Rejected) as caught:
        ground.undo()
    assert caught.value.reason == "snapshot.state.lost"


@pytest.mark.parametrize("reason", ["", " "])
def test_a_rollback_needs_a_reason_in_words(ground: Ground, reason: str) -> None:
    old = ground.packed("old", number=1)
    ground.apply(ground.packed("new", number=2))
    ran = run_here(["trust", "snapshot", "apply", old, "--trust", str(ground.site), "--allow-rollback", reason])
    assert ran.code == 17, ran
