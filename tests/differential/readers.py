"""Four other readers of tars, each as its users run it: what do they make of one?

Everything is unpacked for real, into empty folders below a temporary one, as links and doubles act only there. GNU tar
and bsdtar take many tars in one shell, since most of their time is their start.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tarfile
import warnings
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

Tree = Mapping[str, bytes | str]
"""Files with their content by their path; for what is neither a file nor a directory, what it is."""

_ENVIRONMENT: Final = {**os.environ, "LC_ALL": "C.UTF-8", "TZ": "UTC", "TAR_OPTIONS": ""}
_PLAIN: Final = "--no-same-owner --no-same-permissions"
COMMANDS: Final = {
    "GNU tar": f"tar {_PLAIN} --force-local -xf",
    # extended attributes that this file system does not take are no other reading
    "bsdtar": f"bsdtar {_PLAIN} --no-xattrs --no-fflags --no-acls -xf",
}
_SECONDS: Final = 300


def absent_tools() -> list[str]:
    """Those of the tools that are not on this machine; `tar` is another one on some."""
    absent = [tool for tool in ("tar", "bsdtar", "skopeo") if shutil.which(tool) is None]
    if (
        "tar" not in absent
        and b"GNU" not in subprocess.run(["tar", "--version"], capture_output=True, check=False).stdout
    ):
        absent.append("GNU tar")
    return absent


def unpack_all(command: str, tars: Iterable[Path], folder: Path) -> dict[Path, tuple[int, Tree]]:
    """Each tar unpacked by the command: its exit code, and what came out."""
    paths = list(tars)
    lines = [
        f"mkdir {number}; {command} {path} -C {number} >/dev/null 2>&1; echo $?" for number, path in enumerate(paths)
    ]
    folder.mkdir(parents=True)
    ran = subprocess.run(
        ["sh", "-c", "\n".join(lines)],
        cwd=folder, env=_ENVIRONMENT, capture_output=True, text=True, timeout=_SECONDS, check=True,
    )  # fmt: skip
    codes = [int(line) for line in ran.stdout.split()]
    found = {
        path: (code, tree_of(folder / str(number)))
        for number, (path, code) in enumerate(zip(paths, codes, strict=True))
    }
    shutil.rmtree(folder)
    return found


def unpack_with_python(path: Path, folder: Path) -> Tree:
    """As `tarfile` unpacks it. Raises tarfile.TarError, OSError."""
    folder.mkdir(parents=True)
    try:
        with warnings.catch_warnings(), tarfile.open(path, "r:") as tar:
            warnings.simplefilter("ignore")
            tar.extractall(folder)  # noqa: S202 - what it does, filter or not, is what is asked
        return tree_of(folder)
    finally:
        shutil.rmtree(folder)


def digest_with_skopeo(path: Path, tag: str, folder: Path) -> str:
    """The digest of the manifest that skopeo copies; what it says on standard error where it fails."""
    folder.mkdir(parents=True)
    source, target = f"oci-archive:{path}:{tag}", f"dir:{folder}/out"
    try:
        ran = subprocess.run(
            ["skopeo", "--insecure-policy", "--tmpdir", str(folder), "copy", "-q", source, target],
            env=_ENVIRONMENT, capture_output=True, text=True, timeout=_SECONDS, check=False,
        )  # fmt: skip
        if ran.returncode:
            return ran.stderr.strip()
        return f"sha256:{hashlib.sha256((folder / 'out' / 'manifest.json').read_bytes()).hexdigest()}"
    finally:
        shutil.rmtree(folder)


def tree_of(folder: Path) -> Tree:
    """What is in a folder."""
    found: dict[str, bytes | str] = {}
    for place, folders, files in os.walk(folder):
        for name in (*folders, *files):
            path = Path(place, name)
            plain = str(path.relative_to(folder))
            if path.is_symlink():
                found[plain] = f"link to {path.readlink()}"
            elif path.is_file():
                found[plain] = path.read_bytes()
            elif not path.is_dir():
                found[plain] = "no file"
    return found
