"""Locks on folders. A lock ends with the process that holds it.

The folder itself is locked, so that no lock file stays behind in a layout. Where the system cannot lock folders
(Windows, some network shares), a lock file that only one process can create is used instead.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
import tempfile
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final

from airgap.errors import AirgapError
from airgap.text import safe

if sys.platform != "win32":
    import fcntl

_LOCK_FILE: Final = "airgap.lock"
_POLL_SECONDS: Final = 0.02
_LOCKS: Final = 256
"""Names that share a lock wait for each other for no reason, but not for long."""
PATIENCE_SECONDS: Final = 60.0
"""How long another writer may hold the lock: it is held while one file is written."""


def try_lock(folder: Path) -> int | None:
    """An open descriptor that holds the lock on `folder` until it is closed, or None: it is taken, or cannot be."""
    if sys.platform == "win32":
        return None
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_NOFOLLOW", 0))
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextmanager
def exclusive(folder: Path, *, patience: float = PATIENCE_SECONDS) -> Iterator[None]:
    """While the block runs, no other process or thread runs such a block for `folder`. Raises AirgapError, OSError.

    For a link, the folder that it leads to is locked, so that writers that use its real name are kept out, too.
    """
    folder = Path(os.path.realpath(folder))
    deadline = time.monotonic() + patience
    lock_file = folder / _LOCK_FILE
    while True:
        descriptor = try_lock(folder) if _can_lock(folder) else _create(lock_file)
        if descriptor is not None:
            break
        if time.monotonic() > deadline:
            raise AirgapError(
                f"another process has been writing {safe(folder)} for {patience:.0f} seconds",
                remedy=f"Wait for it to end. If there is none, remove {safe(lock_file)} if it is there.",
            )
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        os.close(descriptor)
        if not _can_lock(folder):
            with suppress(OSError):
                lock_file.unlink()


@contextmanager
def alone(name: str) -> Iterator[bool]:
    """While the block runs, no other run of this user on this machine is in such a block for `name`.

    For what has no folder of its own to lock, such as an artifact in a registry. False where others cannot be kept out
    (no folder for locks, or one run is in the block for a minute): the block runs all the same.
    """
    with ExitStack() as stack:
        try:
            folder = _folder_of_locks() / f"{zlib.crc32(os.fsencode(name)) % _LOCKS:02x}"
            folder.mkdir(exist_ok=True)
            stack.enter_context(exclusive(folder))
            locked = True
        except (AirgapError, OSError):
            locked = False
        yield locked


def _folder_of_locks() -> Path:
    """A folder of this user. Raises OSError where somebody else made it."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    user = f"-{os.getuid()}" if sys.platform != "win32" else ""
    folder = Path(runtime) / "airgap" if runtime else Path(tempfile.gettempdir()) / f"airgap{user}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (sys.platform != "win32" and found.st_uid != os.getuid()):
        raise PermissionError(errno.EPERM, "is not a folder of this user", str(folder))
    return folder


_lockable: dict[Path, bool] = {}


def _can_lock(folder: Path) -> bool:
    """Whether folders of this file system can be locked. Tested while nothing else can hold the lock."""
    if sys.platform == "win32":
        return False
    known = _lockable.get(folder)
    if known is None:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            known = True
        except BlockingIOError:
            known = True
        except OSError:
            known = False
        finally:
            os.close(descriptor)
        _lockable[folder] = known
    return known


def _create(path: Path) -> int | None:
    try:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return None
