"""Applies snapshots that are accepted (`verifier/snapshot_judgement.py`): exchanges the directory in one step.

Also undoes them. Every change of a trust directory here happens inside the lock of its swap.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Final

from airgap.errors import TrustMaterialError, UsageError
from airgap.locking import exclusive
from airgap.problem import Problem
from airgap.text import safe
from airgap.trust.location import Location
from airgap.trust.snapshots.assemble import assemble, assemble_previous, check_tree
from airgap.trust.snapshots.memory import check_memory
from airgap.trust.snapshots.opened import OpenSnapshot
from airgap.trust.snapshots.pins import Pins
from airgap.trust.snapshots.state import State
from airgap.trust.snapshots.swap import StagedSwap, swap_of
from airgap.verifier.snapshot_judgement import ApplyRequest, SnapshotJudgement, SnapshotOutcome

_EVIDENCE: Final = ("crls", "ocsp")


def verify_snapshot(opened: OpenSnapshot, trust: Path, request: ApplyRequest) -> SnapshotOutcome:
    """Whether `apply` would accept the snapshot, with every reason against it. Changes nothing.

    Raises TrustMaterialError if pins or state are malformed.
    """
    return SnapshotJudgement(opened, trust, request).outcome()


def apply_snapshot(opened: OpenSnapshot, location: Location, request: ApplyRequest) -> SnapshotOutcome:
    """Apply the snapshot if it is acceptable. At any time the trust directory is either the old or the new one.

    Raises AirgapError if the directory cannot be changed.
    """
    swap = swap_of(location)
    with changing(swap):
        judgement = SnapshotJudgement(opened, swap.trust, request)
        outcome = judgement.outcome()
        if request.dry_run:
            return outcome
        if outcome.problems:
            judgement.keep_tuf(swap.trust)
            return outcome
        if judgement.is_in_force():
            judgement.keep_tuf(swap.trust)
            # exchanging equal contents would lose the former state for undo
            return replace(outcome, in_force=True)
        state, signed = judgement.next_state(), judgement.is_signed
        assemble(swap, opened.store, opened.snapshot, judgement.pins, state, signed=signed)
        judgement.keep_tuf(swap.next)
        try:
            check_tree(swap.next)
        except TrustMaterialError as error:
            judgement.keep_tuf(swap.trust)
            return SnapshotOutcome(
                snapshot=opened.snapshot,
                judged=outcome.judged,
                problems=(Problem.of(error),),
                warnings=outcome.warnings,
            )
        swap.commit(undoable=not opened.snapshot.evidence_only)
    return SnapshotOutcome(snapshot=opened.snapshot, judged=outcome.judged, applied=True, warnings=outcome.warnings)


def undo_snapshot(location: Location, *, at: datetime, reason: str = "") -> str | None:
    """Go back to the stores and policy from before the last exchange; the memory of accepted numbers stays.

    Returns the snapshot that is in force now.
    Where an undo was killed that had come into force, this one finishes it, and no more.
    Raises UsageError where there is nothing to go back to, Rejected(snapshot.state.lost), AirgapError.
    """
    swap = swap_of(location)
    with changing(swap):
        if not swap.previous.is_dir():
            raise UsageError(f"there is no former state of {safe(location.path)} to go back to")
        # an older memory in both trees would be a witness of nothing
        pins, state = Pins.read(swap.trust), check_memory(swap, State.read(swap.trust))
        if swap.finished_undo:  # another undo would go forward again
            return state.in_force
        former = State.read(swap.previous)
        back = former.in_force if former else None
        detail = f"from {state.in_force or 'nothing applied'} to {back or 'nothing applied'}"
        state = state.undoing(back).noting(at, "undo", detail, reason)
        assemble_previous(swap, pins, state)  # not judged again, because it was in force before
        swap.commit(undoes=True)
    return state.in_force


@contextmanager
def changing(swap: StagedSwap) -> Iterator[None]:
    """Holds the locks of the swap and of all writers in the tree: nothing may be added to a tree being replaced."""
    with swap.locked(), exclusive(swap.trust), ExitStack() as stack:
        for name in _EVIDENCE:
            if (swap.trust / name).is_dir():
                stack.enter_context(exclusive(swap.trust / name))
        yield
