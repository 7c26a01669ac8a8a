"""Reading one file of a trust directory: bounded, regular, and never through a symbolic link."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from airgap.errors import FormatError, LimitError

# O_NONBLOCK: should a pipe take the file's place between the look and the opening, nothing waits for a writer
_FLAGS = os.O_RDONLY | sum(
    getattr(os, name, 0) for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY", "O_NOINHERIT")
)


def read_regular(path: Path, limit: int) -> bytes:
    """The whole file, of at most `limit` bytes.

    Raises FormatError where it is a symbolic link (POLICY-3, STORE-4), a directory or a device, or can not be read;
    LimitError where it is larger. The error's text does not name the file: the caller knows what it is.
    """
    try:
        # Windows has no O_NOFOLLOW, so the entry itself is looked at first, everywhere
        _check_kind(path.lstat().st_mode)
        descriptor = os.open(path, _FLAGS)
        with open(descriptor, "rb") as stream:  # noqa: PTH123 - a descriptor, not a path
            _check_kind(os.fstat(descriptor).st_mode)
            data = stream.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise FormatError(f"can not be read ({reading_problem(error)})") from None
    if len(data) > limit:
        raise LimitError(f"has more than {limit} bytes")
    return data


def reading_problem(error: OSError | ValueError) -> str:
    """Why the system refused, in its own words and without the path."""
    return (error.strerror if isinstance(error, OSError) else None) or type(error).__name__


def _check_kind(mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise FormatError("is a symbolic link, which is refused")
    if stat.S_ISDIR(mode):
        raise FormatError("is a directory, not a file")
    if not stat.S_ISREG(mode):
        raise FormatError("is not a regular file")
