"""The executable, which needs no Python: one file, and a folder that starts faster. PyInstaller makes them."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Final

from distribution.names import Names
from distribution.tools import BuildError, environment, run

_WHOLE: Final = (
    "airgap",
    "cryptography",
    "jwcrypto",
    "oras",
    "pkcs11",
    "rich._unicode_data",
    "securesystemslib",
    "tuf",
)
"""Packages that load modules by name, which the search for imports cannot see."""
_UNUSED: Final = ("pip", "pkg_resources", "setuptools", "tkinter", "unittest")
"""Never used here, though something tries to import them."""
_MODULES: Final = (".py", ".pyc", ".so", ".pyd")
_NOT_SHIPPED: Final = ("RECORD", "WHEEL", "INSTALLER")
_GLIBC: Final = re.compile(rb"GLIBC_(\d+)\.(\d+)\b")
_COMMAND: Final = "airgap"
_FOLDER: Final = "folder"

_SPEC: Final = """\
import json
from PyInstaller.utils.hooks import collect_submodules
given = json.load(open({parameters!r}, encoding="utf-8"))
analysis = Analysis(
    [given["entry"]],
    pathex=[given["site"]],
    hiddenimports=[name for package in given["whole"] for name in collect_submodules(package)],
    datas=[tuple(pair) for pair in given["data"]],
    excludes=given["left_out"],
)
with open(given["contents"], "w", encoding="utf-8") as file:
    json.dump([list(entry) for entry in [*analysis.pure, *analysis.binaries, *analysis.datas]], file)
pyz = PYZ(analysis.pure)
same = dict(debug=False, strip=given["strip"], upx=False, console=True)
EXE(pyz, analysis.scripts, analysis.binaries, analysis.datas, name=given["file"], **same)
many = EXE(pyz, analysis.scripts, exclude_binaries=True, name=given["command"], **same)
COLLECT(many, analysis.binaries, analysis.datas, name=given["folder"], strip=given["strip"], upx=False)
"""


@dataclass(frozen=True, slots=True)
class Executables:
    """What was made."""

    file: Path
    folder: Path
    """It has the command `airgap` and what that needs."""
    libraries: tuple[str, ...]
    """The file names of the libraries that are from the system and not from a wheel."""
    glibc: str
    """The oldest one with which they run; empty where there is none."""


def build_executables(site: Path, names: Names, work: Path, *, epoch: int) -> Executables:
    """The file and the folder, from an installation in `site`. Raises BuildError.

    Also where a module of airgap is not in them, or something that is not from `site`, Python or the system.
    """
    work.mkdir(parents=True)
    contents, parameters, spec = work / "contents.json", work / "parameters.json", work / "airgap.spec"
    given = {
        "entry": str(Path(__file__).with_name("entry.py")),
        "site": str(site),
        "whole": _WHOLE,
        "left_out": left_out(site),
        "data": list(data_files(site)),
        "contents": str(contents),
        "strip": os.name == "posix",
        "file": names.executable,
        "command": _COMMAND,
        "folder": _FOLDER,
    }
    parameters.write_text(json.dumps(given), encoding="utf-8")
    spec.write_text(_SPEC.format(parameters=str(parameters)), encoding="utf-8")
    made = work / "made"
    words: list[str | Path] = [
        "--noconfirm",
        "--clean",
        "--log-level",
        "WARN",
        "--distpath",
        made,
        "--workpath",
        work / "pyinstaller",
        spec,
    ]
    run(
        [sys.executable, "-m", "PyInstaller", *words],
        folder=work,
        variables=environment(epoch, PYTHONPATH=str(site), PYINSTALLER_CONFIG_DIR=str(work / "cache")),
    )
    entries = [(str(name), str(source), str(kind)) for name, source, kind in json.loads(contents.read_text("utf-8"))]
    check_modules(site, entries)
    check_origins(site, entries)
    folder = made / _FOLDER
    libraries = tuple(
        sorted(name for name, source, kind in entries if kind == "BINARY" and not _is_below(source, site))
    )
    return Executables(made / names.executable, folder, libraries, oldest_glibc(folder))


def left_out(site: Path) -> list[str]:
    """What must not come from the environment that builds: its packages that are not in `site`, and what is unused.

    Libraries use some of them where they are installed.
    """
    there = {path.name.partition(".")[0] for path in site.iterdir()}
    return sorted({*_UNUSED, *(name for name in packages_distributions() if name not in there)})


def data_files(site: Path) -> Iterator[tuple[str, str]]:
    """Files that are no modules, each with the folder that it belongs into.

    All those of airgap, such as the layouts of `airgap demo` and the topics of `airgap help`; of each distribution its
    metadata (`airgap doctor` reads versions) and its licences; and the licence of Python.
    """
    for path in sorted((site / "airgap").rglob("*")):
        if path.is_file() and path.suffix not in _MODULES:
            yield str(path), path.parent.relative_to(site).as_posix()
    for folder in sorted(site.glob("*.dist-info")):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.name not in _NOT_SHIPPED and "sboms" not in path.relative_to(folder).parts:
                yield str(path), path.parent.relative_to(site).as_posix()
    licence = Path(sysconfig.get_path("stdlib")) / "LICENSE.txt"
    if licence.is_file():
        yield str(licence), "python-licence"


def check_modules(site: Path, entries: Iterable[tuple[str, str, str]]) -> None:
    """Raises BuildError where a module of airgap is missing, one that is loaded by name."""
    there = {name for name, _, kind in entries if kind == "PYMODULE"}
    modules = (path.relative_to(site).with_suffix("").parts for path in (site / "airgap").rglob("*.py"))
    wanted = {".".join(parts[:-1] if parts[-1] == "__init__" else parts) for parts in modules}
    missing = sorted(wanted - there)
    if missing:
        raise BuildError(f"the executable lacks {', '.join(missing[:5])}")


def check_origins(site: Path, entries: Iterable[tuple[str, str, str]]) -> None:
    """Raises BuildError where something is from an installed distribution outside of `site`.

    Its version is not locked, and the SBOM does not list it. The parts of PyInstaller itself are expected.
    """
    for name, source, _ in entries:
        parts = Path(source).parts
        installed = [index for index, part in enumerate(parts) if part in {"site-packages", "dist-packages"}]
        if not installed or _is_below(source, site):
            continue
        package = parts[installed[-1] + 1]
        if package not in {"PyInstaller", "_pyinstaller_hooks_contrib"}:
            raise BuildError(f"the executable would have {name} of {package}, which is not in the wheelhouse")


def _is_below(source: str, folder: Path) -> bool:
    return Path(source).is_relative_to(folder)


def oldest_glibc(folder: Path) -> str:
    """The newest version of glibc that a file of this folder asks for: with an older one it does not start."""
    found = {
        (int(major), int(minor))
        for path in folder.rglob("*")
        if path.is_file() and (".so" in path.name or os.access(path, os.X_OK))
        for major, minor in _GLIBC.findall(path.read_bytes())
    }
    return ".".join(map(str, max(found))) if found else ""


def copy_executable(made: Executables, place: Path) -> None:
    """With the right to run it."""
    shutil.copyfile(made.file, place)
    place.chmod(0o755)
