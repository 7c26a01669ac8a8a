"""Locks on folders. A lock ends with the process that holds it.

The folder itself is locked, so that no lock file stays behind in a layout. Where the system cannot lock folders
(Windows, some network shares), a lease is used instead: a hidden file in it that its holder renews. It ends with a
process of this machine, and a while after the last renewal of any other.
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
from typing import TYPE_CHECKING, Final

from airgap.errors import AirgapError
from airgap.text import safe

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:  # only where folders cannot be locked
    from filelock import SoftFileLease

LEASE_FILE: Final = ".airgap.lock"
_LEASE_SECONDS: Final = 20.0
_POLL_SECONDS: Final = 0.02
_LOCKS: Final = 256
"""Names that share a lock wait for each other for no reason, but not for long."""
PATIENCE_SECONDS: Final = 60.0
"""How long another writer may hold the lock: it is held while one file is written."""


class FolderLock:
    """The lock on one folder, for one holder: `take` it, then `release` it."""

    def __init__(self, folder: Path) -> None:
        self.folder: Final = folder
        self._descriptor: int | None = None
        self._lease: SoftFileLease | None = None

    def take(self) -> bool:
        """Whether this has the lock now; False if another process or thread has it. Raises OSError.

        To take over the lease of a dead process of another machine, ask again for as long as a lease lasts.
        """
        if sys.platform == "win32":
            return self._take_lease()
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY | getattr(os, "O_NOFOLLOW", 0))
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        except OSError:  # folders of this file system cannot be locked
            os.close(descriptor)
            return self._take_lease()
        self._descriptor = descriptor
        return True

    def _take_lease(self) -> bool:
        from filelock import SoftFileLease, Timeout

        if self._lease is None:  # kept: it knows since when the lease of another has not been renewed
            self._lease = SoftFileLease(self.folder / LEASE_FILE, lease_duration=_LEASE_SECONDS, thread_local=False)
        try:
            self._lease.acquire(timeout=0)
        except Timeout:
            return False
        return True

    def release(self) -> None:
        """Gives the lock back. The folder may be gone by now."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._lease is not None:
            with suppress(OSError):
                self._lease.release()


def try_lock(folder: Path) -> FolderLock | None:
    """The lock on `folder`, or None: it is taken, or cannot be."""
    lock = FolderLock(folder)
    with suppress(OSError):
        if lock.take():
            return lock
    return None


@contextmanager
def exclusive(folder: Path) -> Iterator[None]:
    """While the block runs, no other process or thread runs such a block for `folder`. Raises AirgapError, OSError.

    For a link, the folder that it leads to is locked, so that writers that use its real name are kept out, too.
    """
    lock = FolderLock(Path(os.path.realpath(folder)))
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not lock.take():
        if time.monotonic() > deadline:
            raise AirgapError(
                f"another process has been writing {safe(lock.folder)} for {PATIENCE_SECONDS:.0f} seconds",
                remedy="Wait for it to end.",
            )
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        lock.release()


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
    """A folder of this user. Raises OSError where another user made it."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    user = f"-{os.getuid()}" if sys.platform != "win32" else ""
    folder = Path(runtime) / "airgap" if runtime else Path(tempfile.gettempdir()) / f"airgap{user}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or (sys.platform != "win32" and found.st_uid != os.getuid()):
        raise PermissionError(errno.EPERM, "is not a folder of this user", str(folder))
    return folder
