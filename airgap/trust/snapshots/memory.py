"""Detects a lost or old state of accepted snapshots."""

from __future__ import annotations

from airgap.errors import Rejected, TrustMaterialError
from airgap.revocation.unsigned import LOCAL
from airgap.text import safe
from airgap.trust.snapshots.state import FILE, State
from airgap.trust.snapshots.swap import StagedSwap


def former_memory(swap: StagedSwap) -> State | None:
    """The state in the former tree: it can show that the current one is too old."""
    try:
        return State.read(swap.previous)
    except TrustMaterialError:
        return None


def lost_memory(swap: StagedSwap) -> Rejected:
    """The error if there are pins but no state."""
    path = swap.trust / LOCAL / FILE
    return Rejected("snapshot.state.lost", f"{safe(path)} is gone: it is not known which snapshots were accepted here")
