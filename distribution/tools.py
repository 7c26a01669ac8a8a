"""Other programs, which do most of the work, and the one error of this package."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

_SECONDS: Final = 1800.0
_SHOWN_LINES: Final = 25


class BuildError(Exception):
    """Something cannot be made, or is not what it should be. The message says what, and what to do."""


def environment(epoch: int | None = None, **more: str) -> dict[str, str]:
    """The variables for a tool: those of this process, but nothing that makes two builds differ.

    `epoch`, in seconds, becomes SOURCE_DATE_EPOCH.
    """
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "PYTHONHOME"}}
    same = {"PYTHONHASHSEED": "0", "TZ": "UTC", "LC_ALL": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1"}
    dated = {} if epoch is None else {"SOURCE_DATE_EPOCH": str(epoch)}
    return kept | same | dated | more


def run(
    words: Sequence[str | Path],
    *,
    folder: Path | None = None,
    variables: Mapping[str, str] | None = None,
    seconds: float = _SECONDS,
) -> str:
    """What the program writes to standard output. Raises BuildError with its last lines where it fails."""
    command = [str(word) for word in words]
    try:
        done = subprocess.run(
            command, cwd=folder, env=variables, capture_output=True, text=True, check=False, timeout=seconds
        )
    except OSError as error:
        raise BuildError(f"{command[0]} cannot be run: {error.strerror}") from error
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{' '.join(command[:4])} did not end within {seconds:.0f} s") from error
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-_SHOWN_LINES:])
        raise BuildError(f"{' '.join(command)}\nended with {done.returncode}:\n{last}")
    return done.stdout
