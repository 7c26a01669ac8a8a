"""Whether what is to be written fits: free space, and the largest file of the file system."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap.errors import Cause
from airgap.text import safe
from airgap.transfer.checked_bytes import WriteError

_MOUNTS: Final = "/proc/self/mountinfo"
_FAT: Final = frozenset({"vfat", "msdos", "fuse.fusefat"})
_FAT_FILE_BYTES: Final = 2**32 - 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """The room in a folder, and what is to be written there; all in bytes."""

    place: str
    """The folder, or the nearest one above that is there; safe to show."""
    needed: int
    largest: int
    """The largest file that is to be written."""
    free: int | None
    """None if the system does not say."""
    file_limit: int | None
    """The largest file that the file system can hold, if it is known to have such a limit."""

    @property
    def problem(self) -> WriteError | None:
        """Why it does not fit."""
        if self.free is not None and self.free < self.needed:
            return WriteError(
                f"{self.place} has {self.free} bytes free, and {self.needed} are to be written",
                remedy="Make room there, or choose another place.",
                cause=Cause.FULL,
            )
        if self.file_limit is not None and self.largest > self.file_limit:
            return WriteError(
                f"{self.place} is on FAT, which holds no file of 4 GiB or more, and one has {self.largest} bytes",
                remedy="Format the medium with exFAT or ext4; or copy to a folder, if no layer is so large.",
                cause=Cause.TOO_LARGE,
            )
        return None


def room_in(folder: Path, needed: int, largest: int) -> Room:
    """The room in `folder`, which may not exist yet."""
    there = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.is_dir())
    try:
        usage = shutil.disk_usage(there)
    except OSError:
        free = None
    else:
        free = usage.free if usage.total else None  # some file systems of users (FUSE) say 0 of everything
    return Room(place=safe(there), needed=needed, largest=largest, free=free, file_limit=_file_limit(there))


def check_room(folder: Path, needed: int, largest: int) -> None:
    """Raises WriteError before anything is written that does not fit."""
    if problem := room_in(folder, needed, largest).problem:
        raise problem


def _file_limit(folder: Path) -> int | None:
    return _FAT_FILE_BYTES if _file_system(folder) in _FAT else None


def _file_system(folder: Path) -> str | None:
    """The type of the file system, where the system is Linux: the mount with the number of the folder's device."""
    try:
        device = folder.stat().st_dev
        with open(_MOUNTS, encoding="utf-8", errors="replace") as mounts:  # noqa: PTH123 - no file of ours
            number = f"{os.major(device)}:{os.minor(device)}"
            for line in mounts:
                mount, _, source = line.partition(" - ")
                if mount.split()[2:3] == [number]:
                    return source.split()[0]
    except (OSError, AttributeError):  # another system
        pass
    return None
