"""A layout as a directory."""

from __future__ import annotations

import io
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airgap import limits
from airgap.errors import ContentError, LimitError
from airgap.files import is_there, list_folder
from airgap.oci.digest import Digest
from airgap.oci.documents import (
    BLOBS,
    LAYOUT_FILE,
    LAYOUT_INDEX,
    OWN_NAMES,
    LayoutOnDisk,
    LooseFiles,
    NotRegularError,
    kind_of,
    malformed,
    open_regular,
    remedy_for_kind,
)
from airgap.oci.store import missing, unreadable
from airgap.text import safe

if TYPE_CHECKING:
    from airgap.near_names import Shortened


class LayoutDirectory(LayoutOnDisk):
    """An OCI image layout in a directory (a `Store`). It holds no open files; threads and processes may share it.

    Symbolic links inside the layout are not followed, and only regular files are opened: a medium must not be able to
    point at files of the machine, or make it wait for ever.
    """

    def __init__(self, path: str) -> None:
        """Use `open_directory`."""
        self._directories: dict[str, str | None] = {}
        self._shortened: Final[dict[str, Shortened]] = {}
        super().__init__(path)

    @property
    def files(self) -> tuple[str, ...]:
        """`index.json`."""
        return (os.path.join(self.path, LAYOUT_INDEX),)  # noqa: PTH118

    def size(self, digest: Digest) -> int | None:
        """The blob's size in bytes, or None where there is none. Raises ContentError (`content.unreadable`)."""
        directory = self._directory(digest)
        if directory is None:
            return None
        try:
            status = os.lstat(f"{directory}{digest.encoded}")
        except FileNotFoundError:
            return None
        except OSError as error:
            raise unreadable(digest, f"cannot be read: {error.strerror}") from None
        if not stat.S_ISREG(status.st_mode):
            raise unreadable(digest, f"is {kind_of(status.st_mode)}, not a file")
        return status.st_size

    def open(self, digest: Digest) -> io.RawIOBase:
        """The blob's bytes. Raises ContentError (`content.missing`, `content.unreadable`)."""
        directory = self._directory(digest)
        if directory is None:
            raise missing(self, digest)
        try:
            return open_regular(f"{directory}{digest.encoded}")
        except FileNotFoundError:
            raise missing(self, digest) from None
        except NotRegularError as error:
            raise unreadable(digest, str(error.strerror), remedy=error.remedy) from None
        except OSError as error:
            raise unreadable(digest, f"cannot be read: {error.strerror or type(error).__name__}") from None

    def renamed(self, digest: Digest) -> str | None:
        """The name that a medium may have given to a missing blob."""
        directory = self._directory(digest)
        if directory is None:
            return None
        from airgap.near_names import Shortened  # seldom needed

        if digest.algorithm not in self._shortened:
            self._shortened[digest.algorithm] = Shortened(Path(directory))
        return self._shortened[digest.algorithm].of(digest.encoded)

    def loose_files(self) -> LooseFiles:
        """See `LooseFileHolder`."""
        return loose_files_in(self.path)

    def read_loose(self, name: str, limit: int) -> bytes:
        """See `LooseFileHolder`."""
        return read_loose_in(self.path, name, limit)

    def __reduce__(self) -> tuple[object, ...]:
        # an executor of processes opens the layout again on its side
        return (open_directory, (self.path,))

    def _directory(self, digest: Digest) -> str | None:
        """`blobs/<algorithm>/` if it is there and a real directory; looked at once."""
        algorithm = digest.algorithm
        if algorithm not in self._directories:
            # Only these few names become a path: an unknown algorithm could have the name of a Windows device.
            self._directories[algorithm] = self._look(algorithm) if digest.supported else None
        return self._directories[algorithm]

    def _look(self, algorithm: str) -> str | None:
        path = Path(self.path, BLOBS, algorithm)
        try:
            mode = path.lstat().st_mode
        except FileNotFoundError:
            return None
        except OSError as error:
            raise denied(str(path), error) from None
        if not stat.S_ISDIR(mode):
            raise malformed(
                f"{safe(path)} is {kind_of(mode)}, where a layout has a directory", remedy=remedy_for_kind(mode)
            )
        return f"{path}{os.sep}"

    def _has(self, name: str) -> bool:
        return is_there(Path(self.path, name))

    def document(self, name: str, limit: int) -> bytes:
        """See `LayoutOnDisk`."""
        path = str(Path(self.path, name))
        try:
            with open_regular(path) as file:
                size = os.fstat(file.fileno()).st_size
                if size > limit:
                    raise malformed(f"{self.name}: {name} has {size} bytes, more than {limit}")
                return file.read(limit)
        except NotRegularError as error:
            raise malformed(f"{safe(path)} {error.strerror}", remedy=error.remedy) from None
        except OSError as error:
            raise denied(path, error) from None


def loose_files_in(folder: str) -> LooseFiles:
    """The files in a folder that are no layout's own. Raises as `LooseFileHolder` does."""
    names: list[str] = []
    closed: list[str] = []
    left, folders = limits.LOOSE_FILES, [""]
    for below in folders:  # grows with the folders that are found
        try:
            found = list_folder(Path(folder, below), left)
        except OSError:
            if not below:
                raise
            closed.append(below)
            continue
        left -= len(found)
        beside = {f"{below}{name}": is_folder for name, is_folder in found.items()}
        names += (name for name, is_folder in beside.items() if not (is_folder or name in OWN_NAMES))
        if below.count("/") < limits.LOOSE_DEPTH:
            folders += (f"{name}/" for name, is_folder in beside.items() if is_folder and name not in OWN_NAMES)
    return LooseFiles(tuple(names), tuple(closed))


def read_loose_in(folder: str, name: str, limit: int) -> bytes:
    """One of them. Links are followed to files in the folder alone: others it would not have."""
    path = Path(folder, name)
    try:
        target = Path(os.path.realpath(path, strict=True)) if path.is_symlink() else path
        if target != path and not target.is_relative_to(Path(folder).resolve()):
            raise malformed(
                f"{safe(path)} is a link that leads out of the layout",
                remedy="Put the file itself in its place, or remove it.",
            )
        with open_regular(str(target)) as file:
            if (size := os.fstat(file.fileno()).st_size) > limit:
                raise LimitError(f"{safe(path)} has {size} bytes, more than {limit}")
            return file.read(limit)
    except NotRegularError as error:
        raise malformed(f"{safe(path)} {error.strerror}") from None
    except OSError as error:
        raise denied(str(path), error) from None


def open_directory(path: str) -> LayoutDirectory:
    """The layout in the directory `path`. Raises OSError, and ContentError saying what the directory is instead."""
    for part in (LAYOUT_FILE, LAYOUT_INDEX, BLOBS):
        if not os.path.lexists(Path(path, part)):
            from airgap.oci.recognise import explain_directory  # seldom needed

            raise explain_directory(path)
    blobs = Path(path, BLOBS)
    mode = blobs.lstat().st_mode
    if not stat.S_ISDIR(mode):
        raise malformed(
            f"{safe(blobs)} is {kind_of(mode)}, where a layout has a directory; links are not followed",
            remedy=remedy_for_kind(mode),
        )
    return LayoutDirectory(path)


def denied(path: str, error: OSError) -> ContentError:
    """The error for a file that the system does not let us read."""
    return malformed(
        f"{safe(path)} cannot be read: {error.strerror or type(error).__name__}",
        remedy="Check its permissions, that the medium is mounted, and that it reports no read errors.",
    )
