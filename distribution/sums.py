"""SHA256SUMS, as `sha256sum --check` reads it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from distribution.tools import BuildError

NAME: Final = "SHA256SUMS"
_LINE: Final = re.compile(r"([0-9a-f]{64})  ([\w.+-]+)\n")


def sha256(path: Path) -> str:
    """In hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_sums(folder: Path, names: Iterable[str]) -> Path:
    """The sums of these files of a folder, in the order of their names."""
    path = folder / NAME
    path.write_text("".join(f"{sha256(folder / name)}  {name}\n" for name in sorted(names)), encoding="ascii")
    return path


def read_sums(path: Path) -> dict[str, str]:
    """The sum of each file, by name. Raises BuildError where a line is not understood, or one name is there twice."""
    text = path.read_text(encoding="ascii", errors="replace")
    lines = text.splitlines(keepends=True)
    found: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        match = _LINE.fullmatch(line)
        if match is None or match[2] in found:
            raise BuildError(f"{path.name}, line {number}: expected a sum, two spaces and the name of one more file")
        found[match[2]] = match[1]
    if not found:
        raise BuildError(f"{path.name} is empty")
    return found


def check_sums(folder: Path) -> tuple[str, ...]:
    """The names of the files, which have the stated sums. Raises BuildError where one differs or is not there."""
    sums = read_sums(folder / NAME)
    for name, stated in sums.items():
        path = folder / name
        if not path.is_file():
            raise BuildError(f"{NAME} lists {name}, which is not there")
        if sha256(path) != stated:
            raise BuildError(f"{name} has another sum than {NAME} says: make dist again, and do not use this file")
    return tuple(sums)
