"""Folders for work in between that are gone afterwards, also when the process that used one was killed."""

from __future__ import annotations

import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

if sys.platform != "win32":
    import fcntl

_PREFIX = "airgap-scratch-"
_NAME = re.compile(rf"\.?{_PREFIX}[a-z0-9_]{{8}}")
_LOCK = "lock"
_CONTENT = "content"


@contextmanager
def scratch_folder(parent: Path | None = None) -> Iterator[Path]:
    """An empty folder for one's own use, removed with all that is in it when the block ends.

    It is made in `parent` (hidden), or where the system keeps temporary files. Folders of killed processes there are
    removed first: each has a file whose lock ends with its process. Raises OSError.
    """
    place = Path(tempfile.gettempdir()) if parent is None else parent
    _sweep(place)
    prefix = _PREFIX if parent is None else f".{_PREFIX}"
    with _locked_folder(place, prefix) as folder:
        content = folder / _CONTENT
        content.mkdir(mode=0o700)
        yield content


@contextmanager
def _locked_folder(place: Path, prefix: str) -> Iterator[Path]:
    """A new folder whose lock this process holds. Another process may remove one before it is locked."""
    while True:
        with tempfile.TemporaryDirectory(prefix=prefix, dir=place) as folder, Path(folder, _LOCK).open("xb") as file:
            if sys.platform != "win32":
                with suppress(OSError):  # a file system without locks: nothing is removed there
                    fcntl.flock(file, fcntl.LOCK_EX)
            if Path(folder, _LOCK).exists():
                yield Path(folder)
                return


def _sweep(place: Path) -> None:
    if sys.platform == "win32":
        return
    with suppress(OSError), os.scandir(place) as entries:
        for entry in entries:
            if _NAME.fullmatch(entry.name):
                _remove_dead(Path(entry.path))


def _remove_dead(folder: Path) -> None:
    """Removes a folder of this user's that has our lock file, if no process holds its lock."""
    with suppress(OSError):
        status = folder.lstat()
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            return
        descriptor = os.open(folder / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(descriptor)
