"""The wheel and the sdist, which two builds in a row must make alike."""

from __future__ import annotations

import shutil
import sys
import tarfile
from pathlib import Path
from typing import Final

from distribution.names import Names
from distribution.tools import BuildError, environment, run

NEEDED: Final = (
    *("Makefile", "constraints.txt", "pyproject.toml", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE"),
    *(".ci/run", "airgap/__init__.py", "benchmarks/__main__.py", "distribution/__main__.py", "docs/README.md"),
    *(
        "mkdocs.yml",
        "SECURITY.md",
        "fuzz/__main__.py",
        "layouts/expected.json",
        "mutants/__main__.py",
        "tests/conftest.py",
    ),
)
"""What the tests and the Makefile need, one file of each folder: an sdist without it is refused."""


def build_sources(root: Path, names: Names, work: Path, *, epoch: int) -> tuple[Path, Path]:
    """The wheel and the sdist, in `work`. The wheel is built from the sdist, which shows that nothing is missing there.

    Raises BuildError where a second build has other bytes, or the sdist lacks something.
    """
    first, second = (_build(root, work / run_name, epoch) for run_name in ("first", "second"))
    for name in (names.wheel, names.sdist):
        if not (first / name).is_file():
            made = ", ".join(sorted(path.name for path in first.iterdir()))
            raise BuildError(f"expected {name}, but {made} was made")
        if (first / name).read_bytes() != (second / name).read_bytes():
            raise BuildError(f"two builds of {name} have different bytes")
    check_sdist(first / names.sdist)
    return first / names.wheel, first / names.sdist


def _build(root: Path, folder: Path, epoch: int) -> Path:
    if folder.exists():
        shutil.rmtree(folder)
    run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, root],
        variables=environment(epoch),
    )
    return folder


def check_sdist(sdist: Path) -> None:
    """Raises BuildError where the sdist lacks a file that its tests or its Makefile need."""
    with tarfile.open(sdist) as tar:
        there = {name.partition("/")[2] for name in tar.getnames()}
    missing = [name for name in NEEDED if name not in there]
    if missing:
        raise BuildError(f"the sdist lacks {', '.join(missing)}: see tool.hatch.build.targets.sdist in pyproject.toml")
