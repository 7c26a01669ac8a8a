"""A root folder with nothing in it but glibc and zlib: no Python, no shell, no network, no rights. Linux only."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from distribution.tools import BuildError, run

_EVERYWHERE: Final = re.compile(r"(ld-linux[\w-]*|lib(c|dl|m|pthread|rt|util|resolv|z))\.so\.\d+")
"""The parts of glibc, and zlib, with which the executable unpacks itself."""
_LINE: Final = re.compile(r"^\s*(?:(\S+) => )?(/\S+|not found)", re.MULTILINE)
_USER: Final = 65534
"""A user without rights, who may write into the home and into /tmp."""
HOME: Final = "/home/guard"


def system_libraries(programs: Iterable[Path], own: Iterable[str]) -> Iterator[Path]:
    """The files of glibc and zlib that these programs and libraries load. `own` has the libraries that come with them.

    Raises BuildError where one needs any other library of the system.
    """
    bundled, found = set(own), set[Path]()
    for program in programs:
        listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=False)  # 1 for what has none
        for name, path in _LINE.findall(listed.stdout):
            needed = name or Path(path).name
            if _EVERYWHERE.fullmatch(needed):
                found.add(Path(path))
            elif needed not in bundled:
                raise BuildError(f"{program.name} needs {needed}, which not every system has")
    yield from sorted(found)


@dataclass(frozen=True, slots=True)
class Finished:
    """A command in the root, and what it said."""

    code: int
    out: str


@dataclass(frozen=True, slots=True)
class EmptyRoot:
    """A folder that becomes the root of each command."""

    path: Path

    @classmethod
    def make(cls, path: Path, libraries: Iterable[Path]) -> EmptyRoot:
        """With these files at their places, a home, /tmp, and the devices that every system has."""
        for library in libraries:
            place = path / library.relative_to("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)
        for folder in (HOME[1:], "tmp", "dev", "proc"):
            (path / folder).mkdir(parents=True, exist_ok=True)
        os.chown(path / HOME[1:], _USER, _USER)
        (path / "tmp").chmod(0o1777)
        for device in ("null", "urandom"):
            found = Path("/dev", device).stat()
            os.mknod(path / "dev" / device, found.st_mode, found.st_rdev)
            (path / "dev" / device).chmod(0o666)
        return cls(path)

    def put(self, source: Path, name: str) -> str:
        """A file or a folder of files in the home. The result is how commands in the root call it."""
        place = self.path / HOME[1:] / name
        (shutil.copytree if source.is_dir() else shutil.copy)(source, place)
        for path in (place, *place.rglob("*")):
            os.chown(path, _USER, _USER, follow_symlinks=False)
        return f"{HOME}/{name}"

    def run(self, *words: str, home: bool = True) -> Finished:
        """What a user without rights sees. Raises BuildError where it does not end within minutes."""
        variables = {"HOME": HOME, "LC_ALL": "C.UTF-8"} if home else {}
        inside: list[str | Path] = ["chroot", f"--userspec={_USER}:{_USER}", self.path, *words]
        try:
            done = subprocess.run(
                ["unshare", "--pid", "--fork", "--mount", f"--mount-proc={self.path}/proc", *inside],
                env={**variables, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                capture_output=True,
                text=True,
                check=False,
                timeout=300,
                cwd="/",
            )
        except subprocess.TimeoutExpired as error:
            raise BuildError(f"{' '.join(words)} did not end within {error.timeout:.0f} s") from error
        return Finished(done.returncode, done.stdout + done.stderr)


def without_network(words: Sequence[str]) -> None:
    """Replace this process by another one that has no network but its own loopback, which is up.

    Raises BuildError where the system or the user cannot do that: what was not tried is not good.
    """
    missing = [name for name in ("unshare", "chroot", "ldd", "ip", "docker-registry") if shutil.which(name) is None]
    if os.name != "posix" or missing or os.geteuid() != 0:
        why = f"these are not installed: {', '.join(missing)}" if missing else "it needs root on Linux"
        raise BuildError(f"the deliverables cannot be tried here: {why}. Nothing was tried.")
    run(["unshare", "--net", "true"])
    os.execvp("unshare", ["unshare", "--net", *words])  # noqa: S606
