"""What the executable runs: the command, with the variables that the user set."""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping, Sequence
from typing import Final

_LIBRARY_PATHS: Final = ("LD_LIBRARY_PATH", "LIBPATH")


def restore(variables: MutableMapping[str, str]) -> None:
    """Undo what the loader of the executable changed for itself: plugins and credential helpers inherit it.

    They would load the libraries of the executable instead of those of the system. The loader keeps the value of the
    user under the name with `_ORIG`.
    """
    for name in _LIBRARY_PATHS:
        kept = variables.pop(f"{name}_ORIG", None)
        if kept is not None:
            variables[name] = kept
        elif getattr(sys, "frozen", False):
            variables.pop(name, None)


def is_worker(arguments: Sequence[str]) -> bool:
    """Whether Python's multiprocessing started this process: then the arguments are not a user's."""
    return arguments[1:2] == ["--multiprocessing-fork"] or "-c" in arguments[1:-1]


def main() -> None:
    """Run the command, or the work that another process of it hands over."""
    restore(os.environ)
    if is_worker(sys.argv):
        import multiprocessing

        multiprocessing.freeze_support()  # ends the process, if it is one
    from airgap.__main__ import main as command

    command()


if __name__ == "__main__":
    main()
