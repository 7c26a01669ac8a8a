"""Signatures of what is handed out, made and verified by airgap itself."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from distribution.tools import environment, run

SUFFIX: Final = ".jws.sig"


def sign(command: Path, folder: Path, names: Iterable[str], *, key: str, version: str) -> None:
    """A signature beside each file, by a key that `airgap key list` names. Raises BuildError.

    Each says the version and the name of its file, so that an old file cannot be handed out under a new name.
    """
    for name in names:
        stated = ["-m", f"version={version}", "-m", f"file={name}"]
        run([command, "blob", "sign", folder / name, "--key", key, *stated], variables=environment())


def verify(command: Path, folder: Path, names: Iterable[str], *, trust: Path, version: str) -> None:
    """Raises BuildError where a file has no good signature by someone whom the trust directory `trust` trusts."""
    for name in names:
        stated = ["-m", f"version={version}", "-m", f"file={name}"]
        run([command, "blob", "verify", folder / name, "--trust", trust, *stated], variables=environment())
