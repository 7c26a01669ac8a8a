"""Whether the memory of accepted snapshots is all there, by what lies beside it."""

from __future__ import annotations

from airgap.errors import Rejected, TrustMaterialError
from airgap.revocation.unsigned import LOCAL
from airgap.text import safe
from airgap.trust.snapshots.state import FILE, State
from airgap.trust.snapshots.swap import StagedSwap


def former_memory(swap: StagedSwap) -> State | None:
    """The memory in the former tree: it can tell that the one in force is too young."""
    try:
        return State.read(swap.previous)
    except TrustMaterialError:
        return None


def lost_memory(swap: StagedSwap) -> Rejected:
    """The error where pins are there and the memory is not."""
    path = swap.trust / LOCAL / FILE
    return Rejected("snapshot.state.lost", f"{safe(path)} is gone: nobody knows which snapshots were accepted here")
