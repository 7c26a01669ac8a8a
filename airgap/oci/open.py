"""Opens a layout, whether it is a directory or a tar."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from airgap.errors import NotFoundError
from airgap.files import is_there
from airgap.oci.documents import LAYOUT_FILE, kind_of, malformed
from airgap.oci.layout import LayoutDirectory, denied, open_directory
from airgap.text import safe

if TYPE_CHECKING:  # to verify a directory no reader of tars is loaded
    from airgap.oci.archive import LayoutArchive
    from airgap.oci.volumes import LayoutVolumes

Layout: TypeAlias = "LayoutDirectory | LayoutArchive | LayoutVolumes"
"""All have `path`, are context managers, and are stores."""


def open_layout(path: str | os.PathLike[str]) -> Layout:
    """The layout at `path`: a directory, a tar, or volumes (any of them, or a folder with them).

    Raises NotFoundError if nothing is there, and ContentError (`layout.malformed`) with a sentence that says what is
    there instead and what to do.
    """
    place = os.fspath(path)
    try:
        mode = Path(place).stat().st_mode  # the path of the operator may be a link; files inside the layout may not
        if stat.S_ISDIR(mode):
            return _volumes_in(place) or open_directory(place)
        if stat.S_ISREG(mode):
            return _tar_at(place)
    except (FileNotFoundError, NotADirectoryError, ValueError):
        from airgap.near_names import absent, near_layout  # seldom needed

        near = near_layout(place)
        message = f"there is no file or directory {safe(place)}{near.message}"
        raise NotFoundError(message, remedy=near.remedy or absent(Path(place)), path=safe(place)) from None
    except OSError as error:
        raise denied(place, error) from None
    raise malformed(f"{safe(place)} is {kind_of(mode)}, not a layout", remedy=_other_remedy(mode))


def _volumes_in(folder: str) -> LayoutVolumes | None:
    if is_there(Path(folder, LAYOUT_FILE)):
        return None
    from airgap.oci.volumes import may_hold_volumes, open_volumes  # a directory is opened without a reader of tars

    return open_volumes(folder) if may_hold_volumes(Path(folder)) else None


def _tar_at(path: str) -> LayoutArchive | LayoutVolumes:
    from airgap.oci.archive import open_archive
    from airgap.oci.volume_set import is_volume
    from airgap.oci.volumes import open_volumes

    archive = open_archive(str(Path(path).resolve()) if Path(path).is_symlink() else path)
    return (open_volumes(path, archive) if is_volume(archive) else None) or archive


def _other_remedy(mode: int) -> str:
    if stat.S_ISBLK(mode):
        return "Mount the device, then name the directory or the tar on it."
    return "Save what comes out of it to a file first; a layout is read at many places, not from start to end."
