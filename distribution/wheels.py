"""Wheels: what their names say, whether they are the locked ones, and their content in one folder."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Final

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename

from distribution.tools import BuildError

_PIN: Final = re.compile(r"^([A-Za-z0-9._-]+)==([^\s;]+)", re.MULTILINE)
_PER_WHEEL: Final = ("WHEEL", "RECORD")
"""What in `NAME.dist-info` differs between the wheels of one version."""


@dataclass(frozen=True, slots=True)
class Wheel:
    """A file, and the distribution that it is of. The name is the canonical one: lower case, with hyphens."""

    path: Path
    name: str
    version: str

    @classmethod
    def at(cls, path: Path) -> Wheel:
        """Raises BuildError where the name is not that of a wheel."""
        try:
            name, version, _, _ = parse_wheel_filename(path.name)
        except InvalidWheelFilename as error:
            raise BuildError(f"{path.name} is no name of a wheel") from error
        return cls(path, str(name), str(version))


def wheels_in(folder: Path) -> list[Wheel]:
    """All of a folder, by file name. Raises BuildError where anything else is there, or nothing."""
    found = [Wheel.at(path) for path in sorted(folder.iterdir())]
    if not found:
        raise BuildError(f"{folder.name} has no wheels")
    return found


def pins(constraints: str) -> dict[str, set[str]]:
    """The versions of each distribution that are locked; more than one where markers choose."""
    found: dict[str, set[str]] = {}
    for name, version in _PIN.findall(constraints):
        found.setdefault(canonicalize_name(name), set()).add(version)
    return found


def check_locked(wheels: Iterable[Wheel], locked: Mapping[str, set[str]], *, own: str) -> None:
    """Raises BuildError where a wheel other than ours (`own`) has no locked version, or another one."""
    others = sorted(
        {
            f"{wheel.name}=={wheel.version}"
            for wheel in wheels
            if wheel.name != own and wheel.version not in locked.get(wheel.name, set())
        }
    )
    if others:
        raise BuildError(f"constraints.txt does not lock {', '.join(others)}: add them, after looking at what is new")


def unpack(wheels: Iterable[Wheel], folder: Path) -> None:
    """The content of all wheels in one folder, as an installation has it, without commands and documentation.

    Wheels of one version for several Pythons share their files; which are for which the names of the compiled ones say.
    Raises BuildError where a member would be outside of the folder, or two wheels have different files of one name.
    """
    for wheel in wheels:
        with zipfile.ZipFile(wheel.path) as opened:
            for name, member in _members(opened, wheel):
                data, place = opened.read(member), folder / name
                if not place.exists():
                    place.parent.mkdir(parents=True, exist_ok=True)
                    place.write_bytes(data)
                elif place.read_bytes() != data and not _differs_rightly(name):
                    raise BuildError(f"{wheel.path.name} has another {name} than a wheel before it")


def _members(opened: zipfile.ZipFile, wheel: Wheel) -> Iterator[tuple[str, zipfile.ZipInfo]]:
    """Where each file belongs. Of `NAME.data` only documentation is known, which is left out."""
    for member in opened.infolist():
        parts = PurePosixPath(member.filename).parts
        if member.is_dir() or not parts:
            continue
        if ".." in parts or parts[0].startswith("/") or "\\" in member.filename or ":" in member.filename:
            raise BuildError(f"{wheel.path.name} has a member outside of its folder: {member.filename!r}")
        if parts[0].endswith(".data"):
            if parts[1:3] != ("data", "share"):
                raise BuildError(f"{wheel.path.name} has {member.filename}: where it belongs is not known here")
            continue
        yield "/".join(parts), member


def _differs_rightly(name: str) -> bool:
    folder, _, last = name.rpartition("/")
    return folder.endswith(".dist-info") and last in _PER_WHEEL
