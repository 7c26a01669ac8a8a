"""The commit that is built: when it was made, and that nothing else is in the folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from distribution.tools import BuildError, run

VARIABLE: Final = "SOURCE_DATE_EPOCH"


def epoch(root: Path, variables: Mapping[str, str]) -> int:
    """The moment that all files of a build carry, in seconds: the variable SOURCE_DATE_EPOCH, else the last commit's.

    A build of one commit has the same bytes everywhere for that reason. Raises BuildError where neither is there.
    """
    stated = variables.get(VARIABLE, "")
    if not stated:
        if not (root / ".git").exists():
            raise BuildError(f"this folder has no commit: set {VARIABLE} to the moment that the files shall carry")
        stated = run(["git", "log", "-1", "--format=%ct"], folder=root).strip()
    if not stated.isascii() or not stated.isdigit():
        raise BuildError(f"{VARIABLE} is {stated!r}: it must be a number of seconds since 1970")
    return int(stated)


def check_unchanged(root: Path) -> None:
    """Raises BuildError where a file is not as it was committed: the sdist would contain it."""
    if not (root / ".git").exists():
        return
    changed = run(["git", "status", "--porcelain"], folder=root).splitlines()
    if changed:
        shown = "\n".join(changed[:10])
        raise BuildError(
            f"files are not as they were committed:\n{shown}\nCommit them, or for a trial say --allow-changes "
            "(make dist CHANGED=1)."
        )
