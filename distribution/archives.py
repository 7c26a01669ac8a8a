"""Archives whose bytes depend on nothing but what is in them."""

from __future__ import annotations

import gzip
import stat
import tarfile
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, Final

from distribution.tools import BuildError

_EXECUTABLE: Final = 0o755
_PLAIN: Final = 0o644
_ZIP_BEGINS: Final = 315532800
"""1980: zip has no earlier moments."""


def files_below(folder: Path, prefix: str) -> dict[str, Path]:
    """The files and symbolic links of a folder, by their names in an archive: `prefix/…`."""
    found = sorted(path for path in folder.rglob("*") if path.is_symlink() or not path.is_dir())
    return {f"{prefix}/{path.relative_to(folder).as_posix()}": path for path in found}


def write_tar(path: Path, members: Mapping[str, Path], *, epoch: int) -> None:
    """A tar of these files, by name; compressed where the name of the tar ends in `.gz`.

    Each member carries `epoch`, no owner, and of its mode only whether it may be run. Folders have no members of their
    own. Raises BuildError where a member is neither a file nor a symbolic link within the archive's folder.
    """
    with path.open("wb") as file:
        if path.suffix != ".gz":
            _write_tar(file, members, epoch)
            return
        with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=epoch, compresslevel=9) as packed:
            _write_tar(packed, members, epoch)


def _write_tar(file: BinaryIO | gzip.GzipFile, members: Mapping[str, Path], epoch: int) -> None:
    with tarfile.open(fileobj=file, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, path in sorted(members.items()):
            member = tarfile.TarInfo(name)
            member.mtime = epoch
            if path.is_symlink():
                target = path.readlink()
                if target.is_absolute() or ".." in target.parts:
                    raise BuildError(f"{path} points to {target}: only links to what is beside them are packed")
                member.type, member.linkname, member.mode = tarfile.SYMTYPE, target.as_posix(), 0o777
                tar.addfile(member)
                continue
            member.mode, member.size = _mode(path), path.stat().st_size
            with path.open("rb") as content:
                tar.addfile(member, content)


def write_zip(path: Path, members: Mapping[str, Path], *, epoch: int) -> None:
    """A zip of these files, by name, each as `epoch` says. A symbolic link becomes what it points to."""
    moment = time.gmtime(max(epoch, _ZIP_BEGINS))[:6]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as packed:
        for name, file in sorted(members.items()):
            member = zipfile.ZipInfo(name, moment)
            member.compress_type = zipfile.ZIP_DEFLATED
            member.external_attr = (stat.S_IFREG | _mode(file)) << 16
            packed.writestr(member, file.read_bytes())


def _mode(path: Path) -> int:
    if not path.is_file():
        raise BuildError(f"{path} is no file")
    return _EXECUTABLE if path.stat().st_mode & stat.S_IXUSR else _PLAIN
