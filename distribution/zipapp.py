"""The .pyz: one file for a Python that is there. shiv makes it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Final

from distribution.tools import environment, run

_INTERPRETER: Final = "/usr/bin/env python3"


def build_zipapp(site: Path, place: Path, *, epoch: int) -> None:
    """From an installation in `site`, which may serve several Pythons. Raises BuildError."""
    run(
        [
            *(sys.executable, "-m", "shiv", "--site-packages", site, "--entry-point", "airgap.__main__:main"),
            *("--python", _INTERPRETER, "--compressed", "--reproducible", "--output-file", place),
        ],
        variables=environment(epoch),
    )
    if os.name == "posix":
        place.chmod(0o755)
