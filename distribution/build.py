"""All deliverables, one after the other."""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap import __version__
from distribution.archives import files_below, write_tar, write_zip
from distribution.bill import build_bill
from distribution.commit import check_unchanged, epoch
from distribution.executable import Executables, build_executables, copy_executable
from distribution.names import Names, wheel_platforms
from distribution.needs import serves
from distribution.signatures import sign
from distribution.sources import build_sources
from distribution.startup import INSTALLED, Form, measure, table
from distribution.sums import NAME as SUMS
from distribution.sums import write_sums
from distribution.tools import environment, run
from distribution.trial import install
from distribution.wheelhouse import FOLDER, collect, hashed_requirements, install_text
from distribution.wheels import Wheel, unpack
from distribution.zipapp import build_zipapp

ONE_FILE: Final = "executable"
ONE_FOLDER: Final = "folder"
ZIPAPP: Final = ".pyz"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to build from, and where to."""

    root: Path
    """The repository, or an unpacked sdist."""
    variables: Mapping[str, str]
    changed: bool = False
    """Whether files may differ from the commit: for trials."""
    sign_key: str | None = None
    """The name of the key that signs what was made; none: nothing is signed."""

    @property
    def finished(self) -> Path:
        """The folder of what is handed out."""
        return self.root / "dist"

    @property
    def work(self) -> Path:
        """The folder of what is only needed while building."""
        return self.root / "build" / "distribution"

    @property
    def command(self) -> Path:
        """The folder of the environment that the wheelhouse was installed into."""
        return self.work / "installed"


def build(request: Request, tell: Callable[[str], None]) -> Names:
    """Everything, in a fresh `dist`. Raises BuildError."""
    if not request.changed:
        check_unchanged(request.root)
    moment = epoch(request.root, request.variables)
    names = Names.here(__version__)
    for folder in (request.work, request.finished):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    out, house = request.finished, request.work / FOLDER
    tell("the wheel and the sdist, twice")
    wheel, sdist = build_sources(request.root, names, request.work, epoch=moment)
    for path in (wheel, sdist):
        shutil.copyfile(path, out / path.name)
    tell("the wheelhouse, with the locked versions")
    tags = wheel_platforms(names, platform.machine())
    wheels = collect(wheel, request.root / "constraints.txt", house, platforms=tags)
    write_tar(out / names.wheelhouse, files_below(house, FOLDER), epoch=moment)
    (out / names.requirements).write_text(hashed_requirements(wheels), encoding="ascii")
    (out / names.install).write_text(install_text(names), encoding="ascii")
    tell("the .pyz")
    unpack(wheels, request.work / "site")
    build_zipapp(request.work / "site", out / names.zipapp, epoch=moment)
    tell("the executable, and its folder")
    made = _executables(request, names, wheels, moment)
    tell("an installation from the wheelhouse, and the SBOM of it")
    command = install(request.command, house, out / names.requirements)
    build_bill(command.with_name("python"), request.root / "pyproject.toml", wheels, made.libraries, out / names.bill)
    write_sums(out, names.for_others())
    if request.sign_key is not None:
        tell("the signatures")
        sign(command, out, [*names.for_others(), SUMS], key=request.sign_key, version=names.version)
    tell("how long each form takes to start")
    (out / names.forms).write_text(_forms(request, names, command, made), encoding="utf-8")
    return names


def _executables(request: Request, names: Names, wheels: Sequence[Wheel], moment: int) -> Executables:
    """From a site of the running Python alone, because PyInstaller packs for it."""
    site, here = request.work / "site-of-one", f"{sys.version_info.major}.{sys.version_info.minor}"
    unpack([wheel for wheel in wheels if serves(wheel, here)], site)
    made = build_executables(site, names, request.work / "executable", epoch=moment)
    copy_executable(made, request.finished / names.executable)
    write = write_zip if names.folder.endswith(".zip") else write_tar
    write(request.finished / names.folder, files_below(made.folder, names.unpacked), epoch=moment)
    return made


def _forms(request: Request, names: Names, command: Path, made: Executables) -> str:
    out, layouts = request.finished, request.work / "trial"
    run([command, "demo", "-q", "--to", layouts], variables=environment())
    sizes = {name: (out / name).stat().st_size for name in names.for_others()}
    forms = (
        Form(INSTALLED, (str(command),), sizes[names.wheelhouse]),
        Form(ZIPAPP, (str(command.with_name("python")), str(out / names.zipapp)), sizes[names.zipapp]),
        Form(ONE_FILE, (str(out / names.executable),), sizes[names.executable]),
        Form(ONE_FOLDER, (str(made.folder / "airgap"),), sizes[names.folder]),
    )
    measured = table(measure(forms, layouts / "layouts"), recommended=ONE_FILE, fallback=ONE_FOLDER)
    needs = f"The {ONE_FILE} and the {ONE_FOLDER} need glibc {made.glibc} or newer.\n" if made.glibc else ""
    return f"# airgap {names.version} on {names.system}, {names.processor}\n\n{measured}\n{needs}"
