"""An environment with the command, installed as the install line says: without an index, by hashes."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from distribution.tools import environment, run


def install(place: Path, house: Path, requirements: Path, *, python: Path | None = None) -> Path:
    """The installed command, in a new environment of `python` (none: of the running one). Raises BuildError."""
    run([python or sys.executable, "-m", "venv", "--clear", place], variables=environment())
    scripts = place / ("Scripts" if os.name == "nt" else "bin")
    line: list[str | Path] = ["--no-index", "--find-links", house, "--require-hashes", "-r", requirements]
    variables = environment(PIP_CONFIG_FILE=os.devnull, PIP_NO_INDEX="1")
    del variables["PYTHONDONTWRITEBYTECODE"]  # the command starts in as much time as for a user
    run(
        [scripts / "python", "-m", "pip", "--disable-pip-version-check", "--quiet", "install", *line],
        variables=variables,
    )
    return scripts / ("airgap.exe" if os.name == "nt" else "airgap")
