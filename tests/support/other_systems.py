"""The command on Linux as it runs on Windows or macOS: without what those systems lack, and with their rules.

`python -m tests.support.other_systems windows ARGUMENTS`. Modules of airgap see another `sys.platform`, and an `os` and
a `signal` that lack what the system lacks; the standard library and other distributions see Linux.
"""

from __future__ import annotations

import builtins
import errno
import os
import signal
import sys
from collections.abc import Callable, Collection
from pathlib import Path
from types import ModuleType
from typing import Any, Final

THEN: Final = "--then--"
PLATFORMS: Final = {"windows": "win32", "macos": "darwin"}
_MISSING_IN_OS: Final = {
    "windows": (
        *("O_CLOEXEC", "O_DIRECTORY", "O_NOFOLLOW", "O_NONBLOCK", "chown", "copy_file_range", "fchmod", "fchown"),
        *("fork", "getegid", "geteuid", "getgid", "getpgid", "getuid", "killpg", "lchown", "mkfifo", "posix_fadvise"),
        *("posix_fallocate", "pread", "preadv", "pwrite", "pwritev", "sched_getaffinity", "sendfile", "setsid"),
        *("statvfs", "sync", "uname"),
    ),
    "macos": ("copy_file_range", "posix_fadvise", "posix_fallocate", "preadv", "pwritev", "sched_getaffinity"),
}
"""What there is not, or not in older versions."""
_MISSING_IN_SIGNAL: Final = {
    "windows": ("SIGHUP", "SIGKILL", "SIGPIPE", "SIGUSR1", "SIGWINCH", "pthread_sigmask", "setitimer"),
    "macos": (),
}
_MISSING_MODULES: Final = {"windows": ("fcntl", "grp", "pwd", "resource", "termios"), "macos": ()}
_import: Final = builtins.__import__
_open: Final = os.open


def _without(module: ModuleType, missing: Collection[str], **other: object) -> ModuleType:
    """A copy of a module that lacks some names, and has others for some."""
    copied = ModuleType(module.__name__, module.__doc__)
    copied.__dict__.update({name: value for name, value in vars(module).items() if name not in missing} | other)
    return copied


def _open_no_folder(path: Any, flags: int, mode: int = 0o777, **more: Any) -> int:
    """Windows opens no folder as a file."""
    if isinstance(path, str | os.PathLike) and Path(path).is_dir():
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fspath(path))
    return _open(path, flags, mode, **more)


def _check_closed(name: Any) -> None:
    """Windows renames, replaces and removes no file that is open."""
    wanted = os.path.realpath(name)
    for descriptor in os.listdir("/proc/self/fd"):  # noqa: PTH208 - names are enough
        try:
            opened = os.readlink(f"/proc/self/fd/{descriptor}")  # noqa: PTH115 - what it says, not where it leads
        except FileNotFoundError:  # that of the list itself
            continue
        if opened == wanted and not Path(wanted).is_dir():
            raise PermissionError(errno.EACCES, "The process cannot access the file", os.fspath(name))


def _only_closed(call: Callable[..., None], files: int) -> Callable[..., None]:
    def checked(*arguments: Any, **more: Any) -> None:
        if not any(more.values()):  # not relative to an open folder
            for name in arguments[:files]:
                _check_closed(name)
        call(*arguments, **more)

    return checked


def become(system: str) -> None:
    """From now on this process looks to airgap as one on `system`: windows or macos. Call it before airgap loads."""
    assert not any(name.partition(".")[0] == "airgap" for name in sys.modules)
    if system == "windows":
        os.replace, os.rename = _only_closed(os.replace, 2), _only_closed(os.rename, 2)
        os.unlink = os.remove = _only_closed(os.unlink, 1)
        no_folders = {"open": _open_no_folder, "name": "nt"}
    else:
        no_folders = {}
    seen = {
        "os": _without(os, _MISSING_IN_OS[system], **no_folders),
        "signal": _without(signal, _MISSING_IN_SIGNAL[system]),
        "sys": _Sys(PLATFORMS[system]),
    }

    def import_as_there(name: str, globals: Any = None, *rest: Any, **more: Any) -> Any:  # noqa: A002 - its name
        if globals is not None and str(globals.get("__name__")).partition(".")[0] == "airgap":
            if name in _MISSING_MODULES[system]:
                raise ModuleNotFoundError(f"No module named {name!r}", name=name)
            if name in seen:
                return seen[name]
        return _import(name, globals, *rest, **more)

    builtins.__import__ = import_as_there


class _Sys(ModuleType):
    """`sys` with another platform; all else is that of the process, at any time."""

    def __init__(self, platform: str) -> None:
        super().__init__("sys")
        self.__dict__["platform"] = platform

    def __getattr__(self, name: str) -> Any:
        return getattr(sys, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(sys, name, value)


def main() -> None:
    """The first argument is the system, then come commands with THEN between them, until one does not end with 0.

    All in one process, because its start takes longer than they do. Raises SystemExit with the code of the last.
    """
    system, *words = sys.argv[1:]
    become(system)
    sys.argv[0] = "airgap"
    from airgap.cli import signals
    from airgap.cli.app import app as command

    signals.leave_at_once()
    code = 0
    while words and not code:
        end = words.index(THEN) if THEN in words else len(words)
        code = command(words[:end], prog_name="airgap", standalone_mode=False)
        words = words[end + 1 :]
    sys.exit(code)


if __name__ == "__main__":
    main()
