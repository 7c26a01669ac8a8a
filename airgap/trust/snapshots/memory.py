"""Detects a lost or old state of accepted snapshots."""

from __future__ import annotations

from airgap.errors import Rejected, TrustMaterialError
from airgap.revocation.unsigned import LOCAL
from airgap.text import safe
from airgap.trust.snapshots.state import FILE, State, is_behind
from airgap.trust.snapshots.swap import StagedSwap


def former_memory(swap: StagedSwap) -> State | None:
    """The state in the former tree: it can show that the current one is too old."""
    try:
        return State.read(swap.previous)
    except TrustMaterialError:
        return None


def check_memory(swap: StagedSwap, state: State | None) -> State:
    """Checks that `state`, read in the tree that is in force, is there and knows all that the former tree knew.

    Raises Rejected(snapshot.state.lost).
    """
    if state is None:
        raise lost_memory(swap)
    witness = former_memory(swap)
    if witness is not None and is_behind(state, witness):
        raise Rejected(
            "snapshot.state.lost",
            f"{FILE} remembers less than its former version does: it was replaced by an older one",
        )
    return state


def lost_memory(swap: StagedSwap) -> Rejected:
    """The error if there are pins but no state."""
    path = swap.trust / LOCAL / FILE
    return Rejected("snapshot.state.lost", f"{safe(path)} is gone: it is not known which snapshots were accepted here")
