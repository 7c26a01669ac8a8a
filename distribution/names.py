"""The names of what is built: they say version, system and processor."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass
from typing import Final

from distribution.tools import BuildError

PYTHONS: Final = ("3.11", "3.12", "3.13", "3.14")
"""The wheelhouse and the .pyz serve each of them."""
_SYSTEMS: Final = {"linux": "linux", "darwin": "macos", "win32": "windows"}
_PROCESSORS: Final = {"amd64": "x86_64", "aarch64": "arm64"}
_GLIBC: Final = range(28, 16, -1)


@dataclass(frozen=True, slots=True)
class Names:
    """Of one version on one kind of machine."""

    version: str
    system: str
    """linux (with glibc), linux-musl, macos or windows."""
    processor: str
    """x86_64, arm64, or as the system calls it."""

    @classmethod
    def here(cls, version: str) -> Names:
        """Those of this machine. Raises BuildError on a system that is none of them."""
        return cls.of(version, sys.platform, platform.machine(), libc=platform.libc_ver()[0])

    @classmethod
    def of(cls, version: str, system: str, machine: str, *, libc: str) -> Names:
        """From what Python says of a machine: `sys.platform`, `platform.machine()`, `platform.libc_ver()`."""
        if system not in _SYSTEMS:
            raise BuildError(f"nothing is built on {system}: only on Linux, macOS and Windows")
        name = _SYSTEMS[system] + ("-musl" if system == "linux" and libc != "glibc" else "")
        return cls(version, name, _PROCESSORS.get(machine.lower(), machine.lower()))

    @property
    def stem(self) -> str:
        """How all names begin that are for one kind of machine."""
        return f"airgap-{self.version}-{self.system}-{self.processor}"

    @property
    def wheel(self) -> str:
        """For any machine."""
        return f"airgap_oci-{self.version}-py3-none-any.whl"

    @property
    def sdist(self) -> str:
        """For any machine."""
        return f"airgap_oci-{self.version}.tar.gz"

    @property
    def executable(self) -> str:
        """One file, which needs no Python."""
        return self.stem + (".exe" if self.system == "windows" else "")

    @property
    def folder(self) -> str:
        """The same as a folder, packed."""
        return f"{self.unpacked}.{'zip' if self.system == 'windows' else 'tar.gz'}"

    @property
    def unpacked(self) -> str:
        """The folder in it. Its name is not that of the executable, so both may be unpacked in one place."""
        return f"{self.stem}-folder"

    @property
    def zipapp(self) -> str:
        """One file for a Python that is there."""
        return f"{self.stem}-python{PYTHONS[0]}-{PYTHONS[-1]}.pyz"

    @property
    def wheelhouse(self) -> str:
        """The wheel and all that it needs, as one tar."""
        return f"{self.stem}-wheelhouse.tar"

    @property
    def requirements(self) -> str:
        """What is in the wheelhouse, with hashes."""
        return f"{self.stem}-requirements.txt"

    @property
    def bill(self) -> str:
        """The SBOM."""
        return f"{self.stem}.cdx.json"

    @property
    def install(self) -> str:
        """How to install from the wheelhouse."""
        return f"{self.stem}-INSTALL.txt"

    @property
    def forms(self) -> str:
        """The table of start-up times. It is measured, and so in no list of sums."""
        return f"{self.stem}-forms.md"

    def for_others(self) -> tuple[str, ...]:
        """All that is handed out, beside the sums and the signatures."""
        ready = (self.executable, self.folder, self.zipapp)
        return (*ready, self.wheelhouse, self.requirements, self.install, self.bill, self.wheel, self.sdist)


def wheel_platforms(names: Names, machine: str) -> tuple[str, ...]:
    """The tags of wheels for systems with glibc 2.28 or older, newest first. Elsewhere pip takes those of this machine.

    Without them pip would take wheels for the glibc of this machine, which older systems cannot load.
    """
    if names.system != "linux":
        return ()
    return (*(f"manylinux_2_{minor}_{machine}" for minor in _GLIBC), f"manylinux2014_{machine}")
