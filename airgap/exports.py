"""The public modules of the library. A name is loaded when it is first used, so that importing them costs nothing.

The `__all__` of each is a contract: docs/reference/library.md names all of it. All other names may change. Users of the
library, including the command line, import from these modules. Modules below the command line import a name from where
it is defined, because a public module may offer names of higher floors than its own folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any, Final

PUBLIC: Final = (
    "airgap",
    "airgap.errors",
    "airgap.ledger",
    "airgap.parse",
    "airgap.plugin",
    "airgap.reasons",
    "airgap.report",
    "airgap.signature",
    "airgap.text",
    "airgap.trust",
    "airgap.values",
)


def on_demand(
    package: str, homes: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """`__getattr__` and `__dir__` of `package`. `homes` has the names of each module; a module is its own home."""
    found = {name: home for home, names in homes.items() for name in names}

    def find(name: str) -> Any:
        if name not in found:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = import_module(found[name])
        return module if found[name].rpartition(".")[2] == name and not hasattr(module, name) else getattr(module, name)

    return find, lambda: sorted(found)
