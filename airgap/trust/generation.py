"""Reads one consistent state of a trust directory while `airgap trust snapshot apply` may exchange it.

Each applied tree has a random number, its generation. A reader of several files compares the directory and its
generation before and after: if they differ, the files may be of two trees and are read again.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from airgap import limits
from airgap.errors import AirgapError, FormatError, TrustMaterialError
from airgap.files import read_regular
from airgap.revocation.unsigned_evidence import LOCAL
from airgap.text import safe

GENERATION: Final = "generation"
JOURNAL: Final = "journal.json"
_TRIES: Final = 100
_WAIT_SECONDS: Final = 0.02
"""Between the two renames of a system that cannot exchange folders: both are over in no time."""

T = TypeVar("T")
_Identity = tuple[int, int, bytes]


def side_of(trust: Path) -> Path:
    """The folder beside a trust directory where its next tree is made; `trust` may be a symbolic link to it."""
    real = Path(os.path.realpath(trust))
    return real.parent / f".{real.name}.airgap"


def generation_of(tree: Path) -> bytes:
    """The generation of a tree; empty where it has none, as nothing was ever applied."""
    try:
        return read_regular(tree / LOCAL / GENERATION, limits.CONFIG_BYTES)
    except FormatError:
        return b""


def read_one_state(trust: Path, read: Callable[[], T], *, absent: AirgapError) -> T:
    """The result of `read` for the files below `trust`, all of one tree.

    `read` is called again where the tree was exchanged meanwhile, also where it then raised. Raises what it raises;
    `absent` where no directory is there; TrustMaterialError(trust.exchanged) where it never was the same twice.
    """
    for _ in range(_TRIES):
        before = _identity(settled(trust))
        if before is None:
            if not is_between(trust):
                raise absent
            continue
        try:
            found = read()
        except AirgapError:
            if _identity(trust) == before:
                raise
            continue
        if _identity(trust) == before:
            return found
    raise TrustMaterialError(
        "trust.exchanged", f"the trust directory {safe(trust)} was another each of {_TRIES} times", source=safe(trust)
    )


def settled(trust: Path) -> Path:
    """`trust`, for reading, once no exchange has taken its name away; whether it is there is the caller's question.

    A directory that a killed process left between two renames must not count as absent: the caller would use another
    one, or make a new one. Raises TrustMaterialError(trust.exchanged) if it does not return.
    """
    for _ in range(_TRIES):
        if trust.is_dir() or not os.path.lexists(side_of(trust) / JOURNAL):
            return trust
        time.sleep(_WAIT_SECONDS)
    raise TrustMaterialError(
        "trust.exchanged",
        f"the trust directory {safe(trust)} is not there: its exchange for another one was begun and has not ended",
        source=safe(trust),
    )


def _identity(trust: Path) -> _Identity | None:
    """An identifier of the current tree; None if there is no directory."""
    try:
        found = trust.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, generation_of(trust)) if stat.S_ISDIR(found.st_mode) else None


def is_between(trust: Path) -> bool:
    """Whether no directory is there because it is just being exchanged, or was until a moment ago."""
    return os.path.lexists(side_of(trust) / JOURNAL) or trust.is_dir()
