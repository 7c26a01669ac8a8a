"""A folder inside the layout for incomplete files, and how a partial blob in it is completed.

It is beside `blobs/`, not in it: other tools list and clean up `blobs/`. It is locked while its process lives, so that
the next copy can distinguish files of a killed process from files that another one is writing now.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING, Final

from airgap.errors import AirgapError, ContentError
from airgap.locking import LEASE_FILE, FolderLock, exclusive, try_lock
from airgap.oci.descriptor import Descriptor
from airgap.oci.store import buffer, compare_digest
from airgap.transfer.checked_bytes import Advance, copy_checked, writing

if TYPE_CHECKING:
    from hashlib import _Hash as Hasher

    from airgap.transfer.endpoint import Resumable

PREFIX: Final = ".airgap-"
_PARTIAL: Final = ".part"
_FLAGS: Final = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
)  # fmt: skip


class Staging:
    """The folder of one writer. Safe for threads."""

    def __init__(self, layout: Path) -> None:
        """Makes the folder; takes partial blobs from folders of dead writers, and removes these. Raises WriteError."""
        self.folder: Final = layout / f"{PREFIX}{secrets.token_hex(6)}"
        self._numbers: Final = itertools.count()
        with writing(layout), exclusive(layout):  # no cleanup may run between making and locking the folder
            self._dead: Final = tuple(_dead(layout))
            self._kept: Final = [(path.name, path) for folder, _ in self._dead for path in _partial(folder)]
            self.folder.mkdir(mode=0o700)
            self._lock: Final = try_lock(self.folder)
            for name, path in self._kept:
                if not (self.folder / name).exists():
                    path.replace(self.folder / name)
            for folder, lock in self._dead:
                _remove(folder, lock)

    @contextmanager
    def file(self) -> Iterator[tuple[int, Path]]:
        """A new file, open; removed when the block fails."""
        path = self.path()
        with writing(path.parent.parent):
            # blobs are read-only, because their name is their digest
            descriptor = os.open(path, _FLAGS, 0o444 if os.name == "posix" else 0o666)
        try:
            yield descriptor, path
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            raise
        os.close(descriptor)

    @contextmanager
    def partial(self, name: str) -> Iterator[int]:
        """An open file with the part of a blob from an earlier run; it is kept when the block fails."""
        path = self.folder / f"{name}{_PARTIAL}"
        with writing(self.folder.parent):
            descriptor = os.open(path, _FLAGS & ~os.O_EXCL, 0o600)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def partial_path(self, name: str) -> Path:
        """The path of the file of `partial`."""
        return self.folder / f"{name}{_PARTIAL}"

    def arrived(self, name: str) -> int:
        """The bytes that `partial` finds."""
        try:
            return self.partial_path(name).lstat().st_size
        except OSError:
            return 0

    def path(self) -> Path:
        """An unused path."""
        return self.folder / str(next(self._numbers))

    def close(self, *, keep: bool = False) -> None:
        """Removes the folder with its content; `keep`: keeps partial blobs for the next run."""
        kept = set(_partial(self.folder)) if keep and self._lock is not None else set()
        if not kept:
            _remove(self.folder, self._lock)
            return
        for path in self.folder.iterdir():
            if path not in kept and path.name != LEASE_FILE:
                path.unlink(missing_ok=True)
        if self._lock is not None:
            self._lock.release()


def sweep_staging(layout: Path) -> None:
    """Removes folders of dead writers in which there is nothing that a copy could take up again."""
    with suppress(AirgapError, OSError):
        if not any(layout.glob(f"{PREFIX}*")):
            return
        with exclusive(layout):
            for folder, lock in _dead(layout):
                if any(_partial(folder)):
                    lock.release()
                else:
                    _remove(folder, lock)


def kept_parts(layout: Path) -> dict[str, int]:
    """The names of partial blobs that a next writer may take over, each with its bytes. Nothing is locked for that."""
    found: dict[str, int] = {}
    with suppress(OSError):
        for path in (part for folder in layout.glob(f"{PREFIX}*") for part in _partial(folder)):
            found[path.name.removesuffix(_PARTIAL)] = path.lstat().st_size
    return found


def part_name(descriptor: Descriptor) -> str:
    """The name of the partial blob, without its ending."""
    return f"{descriptor.digest.algorithm}-{descriptor.digest.encoded}"


def complete(
    file: int, descriptor: Descriptor, source: Resumable, write: Callable[[memoryview], None], advance: Advance
) -> None:
    """Appends what is missing to the open part of a blob; if the part is wrong, the blob is copied from the start.

    The whole is checked. Raises ContentError, and what the source and `write` raise.
    """
    hasher, size = _arrived(file, descriptor)
    if size:
        try:
            advance(size)
            _append(descriptor, source, write, advance, (hasher, size))
        except ContentError:
            os.ftruncate(file, 0)
            os.lseek(file, 0, os.SEEK_SET)
        else:
            return
    _append(descriptor, source, write, advance, (descriptor.digest.new_hash(), 0))


def _append(
    descriptor: Descriptor,
    source: Resumable,
    write: Callable[[memoryview], None],
    advance: Advance,
    before: tuple[Hasher, int],
) -> None:
    if before[1] == descriptor.size:
        compare_digest(descriptor.digest, before[0].hexdigest())
        return
    with closing(source.open_from(descriptor, before[1])) as stream:
        copy_checked(stream, descriptor, write, advance, before=before)


def _arrived(file: int, descriptor: Descriptor) -> tuple[Hasher, int]:
    """Hash and number of the existing bytes of a blob; the file is positioned after them."""
    hasher = descriptor.digest.new_hash()
    total = 0
    view = buffer()
    with FileIO(file, closefd=False) as partial:
        while count := partial.readinto(view):
            hasher.update(view[:count])
            total += count
    if total <= descriptor.size:
        return hasher, total
    os.ftruncate(file, 0)
    os.lseek(file, 0, os.SEEK_SET)
    return descriptor.digest.new_hash(), 0


def _dead(layout: Path) -> Iterator[tuple[Path, FolderLock]]:
    """Locked folders of dead writers."""
    for folder in layout.glob(f"{PREFIX}*"):
        if folder.is_symlink() or not folder.is_dir():
            continue
        lock = try_lock(folder)
        if lock is not None:
            yield folder, lock


def _remove(folder: Path, lock: FolderLock | None) -> None:
    """Removes a folder with its content, and gives its lock back."""
    shutil.rmtree(folder, ignore_errors=True)
    if lock is not None:
        lock.release()
        with suppress(OSError):  # it is still there on Windows, where the file of the lease was open until now
            folder.rmdir()


def _partial(folder: Path) -> Iterator[Path]:
    """Partial blobs: regular files with one link, so that a medium cannot make us write into other files."""
    for path in folder.glob(f"*{_PARTIAL}"):
        status = path.lstat()
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and status.st_size:
            yield path
