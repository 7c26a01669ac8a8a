"""Signatures of what is handed out, made by airgap itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from distribution.tools import environment, run


def sign(command: Path, folder: Path, names: Iterable[str], *, key: str, version: str) -> None:
    """A signature beside each file, by a key that `airgap key list` names. Raises BuildError.

    Each says the version and the name of its file, so that an old file cannot be handed out under a new name.
    """
    for name in names:
        stated = ["-m", f"version={version}", "-m", f"file={name}"]
        run([command, "blob", "sign", folder / name, "--key", key, *stated], variables=environment())
