"""The public rooms of the library. Their names are loaded when they are first used, so that a room costs nothing.

A room is a module whose `__all__` is a contract: docs/reference/library.md names all of it, and what is in no room may
change. Rooms are for whoever uses the library, the command line included. Modules below the command line import from
where a name is defined: a room may name what stands on higher floors than its own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

ROOMS: Final = (
    "airgap",
    "airgap.errors",
    "airgap.parse",
    "airgap.plugin",
    "airgap.reasons",
    "airgap.report",
    "airgap.signature",
    "airgap.text",
    "airgap.trust",
)


def on_demand(room: str, homes: Mapping[str, tuple[str, ...]]) -> Callable[[str], Any]:
    """The `__getattr__` of `room`. `homes` has the names of each module; a module is its own home."""
    found = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in found:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        module = import_module(found[name])
        return module if found[name].rpartition(".")[2] == name and not hasattr(module, name) else getattr(module, name)

    return find
