"""All deliverables, one after the other."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from airgap import __version__
from distribution.archives import files_below, write_tar
from distribution.commit import check_unchanged, epoch
from distribution.names import Names, wheel_platforms
from distribution.sources import build_sources
from distribution.sums import write_sums
from distribution.wheelhouse import FOLDER, collect, hashed_requirements, install_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to build from, and where to."""

    root: Path
    """The repository, or an unpacked sdist."""
    variables: Mapping[str, str]
    changed: bool = False
    """Whether files may differ from the commit: for trials."""

    @property
    def finished(self) -> Path:
        """The folder of what is handed out."""
        return self.root / "dist"

    @property
    def work(self) -> Path:
        """The folder of what is only needed while building."""
        return self.root / "build" / "distribution"


def build(request: Request, tell: Callable[[str], None]) -> Names:
    """Everything, in a fresh `dist`. Raises BuildError."""
    if not request.changed:
        check_unchanged(request.root)
    moment = epoch(request.root, request.variables)
    names = Names.here(__version__)
    for folder in (request.work, request.finished):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    out = request.finished
    tell("the wheel and the sdist, twice")
    wheel, sdist = build_sources(request.root, names, request.work, epoch=moment)
    for path in (wheel, sdist):
        shutil.copyfile(path, out / path.name)
    tell("the wheelhouse, with the locked versions")
    house = request.work / FOLDER
    tags = wheel_platforms(names, platform.machine())
    wheels = collect(wheel, request.root / "constraints.txt", house, platforms=tags)
    write_tar(out / names.wheelhouse, files_below(house, FOLDER), epoch=moment)
    (out / names.requirements).write_text(hashed_requirements(wheels), encoding="ascii")
    (out / names.install).write_text(install_text(names), encoding="ascii")
    write_sums(out, (path.name for path in out.iterdir()))
    return names
