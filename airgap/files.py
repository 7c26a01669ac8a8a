"""Writing files that appear complete or not at all (RULE-7), and reading regular files only."""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, TypeVar

from airgap import limits
from airgap.errors import AirgapError, Fact, FormatError, LimitError, TrustMaterialError, UsageError
from airgap.text import safe

if sys.platform != "win32":
    import fcntl

T = TypeVar("T")
_NAME_PART = 16
"""The part of a name that a temporary name has: file systems count bytes, up to 255, and these are at most 64."""
_TEMPORARY = r"\.[0-9a-f]{12}\.tmp"
"""How the name of a temporary file ends (`_temporary`)."""
_LEFT_SECONDS = 86_400.0


@contextmanager
def complete_or_absent(
    path: Path, *, mode: int = 0o644, replace: bool = True, sweep: bool = True
) -> Iterator[BinaryIO]:
    """A new file that takes the name `path` when the block ends well, and leaves nothing when it does not.

    Written under a temporary name in the same folder, flushed to the medium, then renamed: a reader of `path` sees
    the old content or the new, never half. What dead writers of the same name left in the folder is removed first,
    unless the caller has done so (`sweep`).
    A device or a pipe is refused: it would be gone, and a file in its place.
    Raises OSError; without `replace` FileExistsError if something has the name by then.
    """
    _check_replaceable(path)
    if sweep:
        sweep_leftovers(path)
    temporary = _temporary(path)
    try:
        with os.fdopen(_create_locked(temporary, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            if sys.platform != "win32":  # while it is locked: another writer would sweep it away
                _give_name(temporary, path, replace=replace)
        if sys.platform == "win32":  # where no open file gets another name
            _give_name(temporary, path, replace=replace)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError) and error.filename is not None:
            error.filename = os.fspath(path)  # name the file that the caller asked for, not the temporary one
        raise
    sync_folder(path.parent)


def behind_link(path: Path) -> Path:
    """The file that a link leads to, which is replaced in its place; links in /dev are refused as they are."""
    return Path(os.path.realpath(path)) if path.is_symlink() and path.parent != Path("/dev") else path


def _give_name(temporary: Path, path: Path, *, replace: bool) -> None:
    """Gives a file its name; without `replace` only if nothing has it: of two writers one fails. Raises OSError."""
    if replace:
        temporary.replace(path)
        return
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise
    except OSError:  # FAT and network shares without hard links
        if is_there(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), os.fspath(path)) from None
        temporary.replace(path)
    else:
        temporary.unlink(missing_ok=True)


def check_writable(path: Path, what: str) -> None:
    """Refuses a file that could not be written later, before the work begins whose result it is for.

    `what`: what the file is called. Raises AirgapError.
    """
    temporary = _temporary(path)
    try:
        _check_replaceable(path)
        os.close(_create(temporary, 0o600))
        temporary.unlink(missing_ok=True)  # another writer may have removed it
    except OSError as error:
        raise unwritable(path, what, error) from None


def unwritable(path: Path, what: str, error: OSError) -> AirgapError:
    """The error for a file that cannot be written."""
    folder = path.parent
    remedy = f"Make the folder first: mkdir -p {safe(folder)}" if not folder.exists() else "Name another file."
    return AirgapError(f"the {what} {safe(path)} cannot be written: {error.strerror or error}", remedy=remedy)


def _temporary(path: Path) -> Path:
    import secrets  # what only reads starts without it

    return path.with_name(f".{path.name[:_NAME_PART]}.{secrets.token_hex(6)}.tmp") if path.name else path


def _create(path: Path, mode: int) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags, mode)


def _create_locked(path: Path, mode: int) -> int:
    """A new file with a lock that ends with the process: `sweep_leftovers` sees that its writer lives."""
    while True:
        descriptor = _create(path, mode)
        if sys.platform == "win32":  # an open file cannot be removed there
            return descriptor
        with suppress(OSError):  # a file system without locks
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if os.fstat(descriptor).st_nlink:
            return descriptor
        os.close(descriptor)  # it was removed before it was locked


def is_temporary(name: str) -> bool:
    """Whether it is the name of a file that a writer of ours has not finished, or left when it died."""
    return re.fullmatch(rf"\..{{0,{_NAME_PART}}}{_TEMPORARY}", name, re.DOTALL) is not None


def sweep_leftovers(path: Path) -> None:
    """Removes temporary files beside `path` that dead writers of a file with this name left there.

    A tar of many gigabytes may be one of them. Where the file system has no locks, they have to be a day old.
    """
    pattern = re.compile(rf"\.{re.escape(path.name[:_NAME_PART])}{_TEMPORARY}")
    with suppress(OSError), os.scandir(path.parent) as entries:
        for entry in entries:
            if pattern.fullmatch(entry.name):
                _remove_dead(entry.path, path)


def sweep_folder(folder: Path) -> None:
    """The same of files with any name, in a folder of ours."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if is_temporary(entry.name):
                _remove_dead(entry.path, folder)


def _remove_dead(path: str, finished: Path) -> None:
    """`finished`: what it may have become, where its writer died between giving the name and removing this one."""
    flags = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with suppress(OSError):
        descriptor = os.open(path, flags)
        try:
            status = os.fstat(descriptor)
            alone = status.st_nlink == 1 or (is_there(finished) and os.path.samestat(status, finished.lstat()))
            if stat.S_ISREG(status.st_mode) and alone and _is_dead(descriptor, status.st_mtime):
                os.unlink(path)  # noqa: PTH108 - while its lock is held
        finally:
            os.close(descriptor)


def _is_dead(descriptor: int, written: float) -> bool:
    """Whether no process holds the lock of a temporary file."""
    if sys.platform == "win32":
        return time.time() - written > _LEFT_SECONDS
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - written > _LEFT_SECONDS
    return True


def _check_replaceable(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except OSError:
        return  # nothing is there, or it cannot be examined: the rename itself reports that
    # /dev/stdout is a link, and may lead to a file; root could replace it all the same
    if not path.name or stat.S_ISDIR(mode):  # without a name: `.` and `/`, and the empty text
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode) or (path.is_symlink() and path.parent == Path("/dev")):
        raise OSError(errno.EINVAL, "is no regular file", str(path))


def write_file(path: Path, data: bytes, *, mode: int = 0o644, sweep: bool = True) -> None:
    """`data` under the name `path`, completely or not at all (`complete_or_absent`). Raises OSError."""
    with complete_or_absent(path, mode=mode, sweep=sweep) as file:
        file.write(data)


def make_folders(path: Path, *, mode: int = 0o700) -> None:
    """Make `path` and what is missing above it, all with `mode`; what is there stays as it is. Raises OSError."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=mode, exist_ok=True)
    if not path.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path))


def sync_file(path: Path) -> None:
    """Flushes the content of a file to the medium; any descriptor of it does. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY if os.name == "posix" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Make renames in `folder` survive a power cut, where the platform can (Windows cannot open folders)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    with suppress(OSError):  # some file systems (exFAT, network shares) refuse; the rename itself has happened
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def is_there(path: Path | str) -> bool:
    """Whether anything has this name, including a broken link. A path that cannot be examined counts as there."""
    try:
        Path(path).lstat()
    except (FileNotFoundError, NotADirectoryError, ValueError):  # ValueError: a NUL in the name
        return False
    except OSError:
        return True
    return True


def list_folder(folder: Path, limit: int) -> dict[str, bool]:
    """All names in a folder, in their order, each with whether it is a folder itself: a link to one is none.

    Raises OSError where it cannot be listed, LimitError where it has more than `limit` entries.
    """
    found = _entries(folder, limit + 1)
    if len(found) > limit:
        raise LimitError(f"has more than {limit} entries")
    return found


def glance_into(folder: Path) -> dict[str, bool]:
    """Some of the entries of a folder; empty where it cannot be listed. For hints in messages only."""
    try:
        return _entries(folder, limits.NEAR_FILES)
    except OSError:
        return {}


def _entries(folder: Path, limit: int) -> dict[str, bool]:
    with os.scandir(folder) as entries:
        return dict(sorted((entry.name, _is_folder(entry)) for entry in islice(entries, limit)))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir(follow_symlinks=False)
    except OSError:  # the folder may be listed but not entered: opening the file reports that
        return False


def open_plain(path: Path) -> BinaryIO:
    """A regular file for reading, links followed. Opening never waits for the writer of a pipe.

    Raises OSError, also where it is anything but a regular file.
    """
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        if not is_there(path):
            raise
        raise OSError(errno.EINVAL, "is a link that leads nowhere: is its medium there?", str(path)) from None
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        os.close(descriptor)
        code, problem = (errno.EISDIR, "is a directory") if stat.S_ISDIR(mode) else (errno.EINVAL, "is no regular file")
        raise OSError(code, problem, str(path))
    return os.fdopen(descriptor, "rb")


# O_NONBLOCK: should a pipe take the file's place between the look and the opening, nothing waits for a writer
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")
)


def read_given(path: Path, limit: int, name: str, *, refusal: type[AirgapError] = UsageError) -> bytes:
    """The bytes of a file that the user names (it may be a pipe of the shell). Messages call it `name`.

    Raises `refusal` where it cannot be read, or has more than `limit` bytes.
    """
    try:
        with path.open("rb") as file:  # a device has no size, and no end
            data = file.read(limit + 1)
    except OSError as error:
        raise refusal(f"{name} cannot be read: {error.strerror}") from None
    if len(data) > limit:
        raise refusal(f"{name} has more than {limit} bytes")
    return data


def read_regular(path: Path, limit: int) -> bytes:
    """The whole file, of at most `limit` bytes.

    Raises FormatError where it is a symbolic link (POLICY-3, STORE-4), a directory or a device, or cannot be read;
    LimitError where it is larger. The text of the error does not name the file: the caller does. Its remedy fits any
    file.
    """
    try:
        # Windows has no O_NOFOLLOW, so the entry itself is looked at first, everywhere
        _check_kind(path, path.lstat().st_mode)
        descriptor = os.open(path, _FLAGS)
        with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor, not a path
            _check_kind(path, os.fstat(descriptor).st_mode)
            data = stream.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        absent = isinstance(error, FileNotFoundError | NotADirectoryError)
        remedy = "Check the path." if absent else _denied(path)
        raise FormatError(f"cannot be read ({reading_problem(error)})", remedy=remedy) from None
    if len(data) > limit:
        raise LimitError(f"has more than {limit} bytes")
    return data


def read_material(path: Path, limit: int, reason: str, *, what: str = "", **facts: Fact) -> bytes:
    """A file of a trust directory. Raises TrustMaterialError(`reason`), which names it."""
    try:
        return read_regular(path, limit)
    except FormatError as error:
        raise TrustMaterialError(
            reason,
            f"{what}{safe(path)} {error.problem}",
            remedy=error.remedy,
            source=safe(path),
            member="",
            problem=error.problem,
            **facts,
        ) from None


def parse_if_there(path: Path, limit: int, parse: Callable[[bytes], T], reason: str, *, remedy: str = "") -> T | None:
    """What `parse` makes of a file of a trust directory; None where there is none.

    `parse` raises FormatError; `remedy` is for that. Raises TrustMaterialError(`reason`), which names the file.
    """
    if not is_there(path):
        return None
    data = read_material(path, limit, reason)
    try:
        return parse(data)
    except FormatError as error:
        raise TrustMaterialError.of_file(reason, safe(path), error, remedy=remedy) from None


def reading_problem(error: OSError | ValueError) -> str:
    """The reason of the operating system, without the path."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _denied(path: Path) -> str:
    """What to do about a file that may not be read: below a closed folder, it may not even be there."""
    closed = next((folder for folder in reversed(path.parents) if not os.access(folder, os.X_OK)), None)
    if closed is None:
        return "Look at its owner and its mode: the user who runs this must be allowed to read it."
    return f"Look at owner and mode of {safe(closed)}: the user who runs this must be allowed to enter it."


def _check_kind(path: Path, mode: int) -> None:
    if stat.S_ISLNK(mode):
        if not path.exists():
            remedy = "Bring back what it leads to, and put that file itself in the place of the link."
            raise FormatError("is a symbolic link, which is refused, and it leads nowhere", remedy=remedy)
        remedy = "Put the file itself in the place of the link (cp -L copies what a link leads to)."
        raise FormatError("is a symbolic link, which is refused", remedy=remedy)
    if stat.S_ISDIR(mode):
        raise FormatError("is a directory, not a file", remedy="Put the file in the place of the directory.")
    if not stat.S_ISREG(mode):
        raise FormatError("is not a regular file", remedy="Put a regular file in its place, or remove it.")
