"""One door under atheris: `python -m fuzz.guided DOOR LIBFUZZER-ARGUMENTS...`.

Only `airgap` is instrumented: what steers the search is which of our own branches an input reaches.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["airgap"], enable_loader_override=False):
    from fuzz.doors import DOORS


def main() -> None:
    """Hand the door to libFuzzer, which ends the process."""
    door = DOORS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], door)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
