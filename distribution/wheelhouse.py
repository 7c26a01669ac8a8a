"""The wheelhouse: our wheel and all that it needs, for a machine that reaches no package index."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

from distribution.names import PYTHONS, Names
from distribution.needs import check_complete
from distribution.sums import sha256
from distribution.tools import environment, run
from distribution.wheels import Wheel, check_locked, pins, wheels_in

OWN: Final = "airgap-oci"
EXTRAS: Final = ("pkcs11", "tuf")
"""Those that serve behind a gap. Dask is for machines that reach each other, and for their Pythons alone."""
FOLDER: Final = "wheelhouse"
"""Its name in the tar, and in the install line."""


def collect(wheel: Path, constraints: Path, folder: Path, *, platforms: Sequence[str]) -> list[Wheel]:
    """Our wheel and the locked versions of all that it needs with its extras, for each Python.

    `platforms` are tags of wheels; none: those of this machine. Raises BuildError where something is not locked, or
    has no wheel.
    """
    folder.mkdir(parents=True)
    shutil.copyfile(wheel, folder / wheel.name)
    tags = [word for tag in platforms for word in ("--platform", tag)]
    for python in PYTHONS:
        pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet"]
        chosen = ["--only-binary", ":all:", "--python-version", python, *tags, "--constraint", constraints]
        wanted = f"{wheel}[{','.join(EXTRAS)}]"
        run([*pip, *chosen, "--dest", folder, wanted], variables=environment())
    found = wheels_in(folder)
    check_locked(found, pins(constraints.read_text(encoding="utf-8")), own=OWN)
    check_complete(found, Requirement(f"{OWN}[{','.join(EXTRAS)}]"), PYTHONS)
    return found


def hashed_requirements(wheels: Iterable[Wheel]) -> str:
    """For `pip install --require-hashes`: every distribution with its version and the sums of its wheels.

    It names no place to download from: any that has these files will do.
    """
    hashes: dict[tuple[str, str], set[str]] = {}
    for wheel in wheels:
        hashes.setdefault((wheel.name, wheel.version), set()).add(sha256(wheel.path))
    lines = []
    for (name, version), sums in sorted(hashes.items()):
        extras = f"[{','.join(EXTRAS)}]" if name == OWN else ""
        lines.append(
            " \\\n    ".join([f"{name}{extras}=={version}", *(f"--hash=sha256:{one}" for one in sorted(sums))])
        )
    return "\n".join(lines) + "\n"


def install_text(names: Names) -> str:
    """How to install from the wheelhouse, for a person with a shell."""
    return f"""\
airgap {names.version} from a wheelhouse, for {names.system} on {names.processor}
with Python {", ".join(PYTHONS[:-1])} or {PYTHONS[-1]}. No network is needed.

1. Check the files (sha256sum: Linux; shasum -a 256: macOS). Compare the sum of SHA256SUMS itself
   with the one that you got on another way.

       sha256sum SHA256SUMS
       sha256sum --check --ignore-missing SHA256SUMS

2. Unpack and install. pip installs only files whose sums are in the list.

       tar -xf {names.wheelhouse}
       python3 -m venv airgap
       airgap/bin/pip install --no-index --find-links {FOLDER} --require-hashes -r {names.requirements}

   Without that list:

       airgap/bin/pip install --no-index --find-links {FOLDER} '{OWN}[{",".join(EXTRAS)}]'

3. Look whether it works.

       airgap/bin/airgap doctor
       airgap/bin/airgap demo
"""
