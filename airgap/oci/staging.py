"""A folder inside the layout for what is not complete yet.

It lies beside `blobs/`, not in it: other tools list and clean up `blobs/`. It is locked as long as its process lives,
so that the next copy can tell what a killed one left behind from what another is writing right now.
"""

from __future__ import annotations

import itertools
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from airgap.oci.locking import exclusive, try_lock
from airgap.oci.pump import writing

PREFIX: Final = ".airgap-"
_FLAGS: Final = (
    os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
)  # fmt: skip


class Staging:
    """The folder of one writer. Safe for threads."""

    def __init__(self, layout: Path) -> None:
        """Makes the folder, and removes those of writers that are no more. Raises WriteError."""
        self.folder: Final = layout / f"{PREFIX}{secrets.token_hex(6)}"
        self._numbers: Final = itertools.count()
        with writing(layout), exclusive(layout):  # nobody sweeps between the folder's making and its locking
            self._sweep(layout)
            self.folder.mkdir(mode=0o700)
            self._lock: Final = try_lock(self.folder)

    @contextmanager
    def file(self) -> Iterator[tuple[int, Path]]:
        """A new file, open; removed when the block fails."""
        path = self.path()
        with writing(path.parent.parent):
            # blobs are read-only for everybody: their names say what is in them
            descriptor = os.open(path, _FLAGS, 0o444 if os.name == "posix" else 0o666)
        try:
            yield descriptor, path
        except BaseException:
            os.close(descriptor)
            with suppress(OSError):
                path.unlink()
            raise
        os.close(descriptor)

    def path(self) -> Path:
        """A name that nobody uses."""
        return self.folder / str(next(self._numbers))

    def close(self) -> None:
        """Removes the folder with all that is still in it."""
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)

    @staticmethod
    def _sweep(layout: Path) -> None:
        for folder in layout.glob(f"{PREFIX}*"):
            if folder.is_symlink() or not folder.is_dir():
                continue
            lock = try_lock(folder)
            if lock is not None:
                shutil.rmtree(folder, ignore_errors=True)
                os.close(lock)
