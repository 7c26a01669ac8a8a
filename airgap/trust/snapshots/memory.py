"""Detects a lost or old state of accepted snapshots, and keeps the last verified metadata of a TUF root.

These are in `.airgap/tuf/<pin>/`. Without them, rollback protection would start again each time. They are a part of the
applied tree, like the state of numbers. If a snapshot is refused, they are written into the tree in force.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import FormatError, Rejected, TrustMaterialError
from airgap.files import list_folder, read_regular, reading_problem, write_file
from airgap.parse import json
from airgap.revocation.unsigned_evidence import LOCAL
from airgap.text import safe
from airgap.trust.snapshots.pins import Pin
from airgap.trust.snapshots.state import STATE_FILE, State, is_behind
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
            f"{STATE_FILE} remembers less than its former version does: it was replaced by an older one",
        )
    return state


def lost_memory(swap: StagedSwap) -> Rejected:
    """The error if there are pins but no state."""
    path = swap.trust / LOCAL / STATE_FILE
    return Rejected("snapshot.state.lost", f"{safe(path)} is gone: it is not known which snapshots were accepted here")


_FOLDER: Final = "tuf"
_NAME = re.compile(r"[0-9a-z._]{1,64}\.json", re.ASCII)
_FILES: Final = 512


def recall(tree: Path, pin: Pin) -> dict[str, bytes]:
    """File names to bytes; empty if nothing was accepted yet. Raises TrustMaterialError."""
    folder = tree / LOCAL / _FOLDER / pin.id
    memory: dict[str, bytes] = {}
    path = folder
    try:
        for name in list_folder(folder, _FILES):
            if _NAME.fullmatch(name):
                path = folder / name
                memory[name] = read_regular(path, limits.TUF_BYTES)
                # python-tuf takes a damaged file for none, and would begin anew
                json.load_object(memory[name], json.Reading.WHOLE, limit=limits.TUF_BYTES, what="file")
    except FileNotFoundError:
        return memory
    except (FormatError, OSError) as error:
        problem = str(error) if isinstance(error, FormatError) else f"cannot be listed ({reading_problem(error)})"
        raise TrustMaterialError("snapshot.state.malformed", f"{safe(path)} {problem}") from None
    return memory


def remember(tree: Path, pin: Pin, memory: Mapping[str, bytes]) -> None:
    """Replace the stored state by `memory`. Raises OSError.

    File by file, roots first; former files are removed at the end, so that a killed process loses nothing. Roots come
    first because the other files may be signed by keys of a new root.
    """
    folder = tree / LOCAL / _FOLDER / pin.id
    folder.mkdir(parents=True, exist_ok=True)
    kept = {name: data for name, data in memory.items() if _NAME.fullmatch(name)}
    for name in sorted(kept, key=lambda name: not name.endswith(".root.json")):
        write_file(folder / name, kept[name])
    for path in folder.iterdir():
        if path.name not in kept:
            path.unlink()
