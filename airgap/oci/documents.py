"""The documents of every layout, `oci-layout` and `index.json`, and the one function that opens its files."""

from __future__ import annotations

import errno
import io
import os
import stat
from abc import ABC, abstractmethod
from typing import Final, NamedTuple, Protocol, Self, runtime_checkable

from airgap import limits
from airgap.errors import ContentError, Fact, FormatError, LimitError
from airgap.oci.digest import Digest
from airgap.oci.manifest import Index, parse_layout_index
from airgap.parse.json import Reading, load_object, take
from airgap.text import safe

LAYOUT_FILE: Final = "oci-layout"
LAYOUT_INDEX: Final = "index.json"
BLOBS: Final = "blobs"
DOCKER_SAVE_FILES: Final = frozenset({"manifest.json", "repositories"})
"""Files that show that `docker save` made a tar."""
FULL_INDEX_FILES: Final = frozenset({"hauler-index.json"})
"""Where a tool lists everything when `index.json` lists only the images (hauler store save --containerd)."""
OWN_NAMES: Final = frozenset({LAYOUT_FILE, LAYOUT_INDEX, BLOBS})
"""What a layout consists of."""
_VERSION: Final = "1.0.0"

# A symbolic link is refused by the system itself where it can; a pipe must not make the opener wait for a writer.
_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NOCTTY", 0)
    | getattr(os, "O_BINARY", 0)
)
_KINDS: Final = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISBLK, "a block device"),
    (stat.S_ISCHR, "a character device"),
)


def blob_name(digest: Digest) -> str:
    """The name of a blob in a layout tar, below the layout in a directory."""
    return f"{BLOBS}/{digest.algorithm}/{digest.encoded}"


class NotRegularError(OSError):
    """There is something at the path, but no regular file; `strerror` says what it is."""

    def __init__(self, mode: int) -> None:
        super().__init__(errno.EINVAL, f"is {kind_of(mode)}, not a file")
        self.remedy = remedy_for_kind(mode)


def malformed(message: str, *, remedy: str = "", **facts: Fact) -> ContentError:
    """The error for a layout that cannot be read."""
    return ContentError("layout.malformed", message, remedy=remedy, **facts)


def kind_of(mode: int) -> str:
    """The kind of a file for a message, by its mode."""
    return next((words for test, words in _KINDS if test(mode)), "a file")


def remedy_for_kind(mode: int) -> str:
    """What to do about something in a layout that is no file or folder; empty where only another copy helps."""
    return "Copy the layout with its links resolved: cp -rL LAYOUT NEW" if stat.S_ISLNK(mode) else ""


def open_regular(path: str) -> io.FileIO:
    """The regular file at `path`, itself and not through a symbolic link. Raises OSError, NotRegularError."""
    _check_regular(os.lstat(path).st_mode)  # before opening, because opening a device may have effects
    descriptor = os.open(path, _FLAGS)
    try:
        _check_regular(os.fstat(descriptor).st_mode)  # the file may have been replaced in between
        return io.FileIO(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def _check_regular(mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise NotRegularError(mode)


def check_layout_file(raw: bytes, source: str) -> None:
    """`oci-layout` states the one version there is (LAYOUT-1). Raises ContentError."""
    try:
        version = take(
            load_object(raw, Reading.OPEN, limit=limits.LAYOUT_FILE_BYTES, what=f"file {LAYOUT_FILE}"),
            "imageLayoutVersion",
            str,
        )
    except FormatError as error:
        raise _refused(f"{source} is no OCI image layout that can be read: {LAYOUT_FILE}", error) from None
    if version != _VERSION:
        raise malformed(
            f"{source} is an OCI image layout of version {safe(version, limit=32)!r}; only {_VERSION!r} is known",
            remedy="Read it with a newer airgap, or write it again with a tool that writes version 1.0.0.",
            version=safe(version, limit=32),
        )


def read_layout_index(raw: bytes, source: str) -> Index:
    """`index.json`, parsed. Raises ContentError."""
    try:
        return parse_layout_index(raw)
    except FormatError as error:
        raise _refused(f"{source} has an {LAYOUT_INDEX} that cannot be read", error) from None


def _refused(problem: str, error: FormatError) -> ContentError:
    """No digest proves what was sent; what exceeds a bound was hardly damaged into that."""
    remedy = "No more than that is read: ask its maker to write it smaller, or less deeply nested."
    return malformed(f"{problem}: {error}", remedy=remedy if isinstance(error, LimitError) else "")


class LooseFiles(NamedTuple):
    """What is no part of a layout, and is in it or in folders in it, at most `limits.LOOSE_DEPTH` deep."""

    names: tuple[str, ...]
    """Of files, and in a directory of links and other things, too: reading tells."""
    closed: tuple[str, ...] = ()
    """Folders that cannot be listed."""


@runtime_checkable
class LooseFileHolder(Protocol):
    """A layout with other files beside its own."""

    def loose_files(self) -> LooseFiles:
        """Raises OSError, and LimitError where there are more than `limits.LOOSE_FILES`."""

    def read_loose(self, name: str, limit: int) -> bytes:
        """One of them. Raises ContentError (`layout.malformed`), and LimitError if it has more than `limit` bytes."""


def too_large(source: str, name: str, size: int, limit: int) -> LimitError:
    """The error for a loose file with more bytes than are read."""
    return LimitError(f"{source}: {safe(name)} has {size} bytes, more than {limit}")


class LayoutOnDisk(ABC):
    """A layout that is read where it is: its two documents are read once, when it is opened."""

    def __init__(self, path: str) -> None:
        """Raises ContentError (`layout.malformed`)."""
        self.path: Final = path
        check_layout_file(self.document(LAYOUT_FILE, limits.LAYOUT_FILE_BYTES), self.name)
        self._index: Final = read_layout_index(self.document(LAYOUT_INDEX, limits.LAYOUT_INDEX_BYTES), self.name)

    @property
    def name(self) -> str:
        """The path, made safe to show."""
        return safe(self.path)

    @property
    def files(self) -> tuple[str, ...]:
        """The files of which one changes whenever the layout is written."""
        return (self.path,)

    def docker_documents(self) -> dict[str, bytes]:
        """Files that other tools read instead of `index.json`, by name. Raises ContentError (`layout.malformed`)."""
        found = sorted(name for name in DOCKER_SAVE_FILES if self._has(name))
        return {name: self.document(name, limits.LAYOUT_INDEX_BYTES) for name in found}

    @property
    def full_index(self) -> str | None:
        """A file in which some tool lists more than `index.json` does."""
        return next((name for name in FULL_INDEX_FILES if self._has(name)), None)

    def index(self) -> Index:
        """The layout's `index.json`, as it was when the layout was opened."""
        return self._index

    def close(self) -> None:  # noqa: B027 - a directory holds nothing open
        """Nothing of it is held open afterwards."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def loose_files(self) -> LooseFiles:
        """See `LooseFileHolder`."""

    @abstractmethod
    def read_loose(self, name: str, limit: int) -> bytes:
        """See `LooseFileHolder`."""

    @abstractmethod
    def _has(self, name: str) -> bool:
        """Whether there is anything of this name beside the blobs."""

    @abstractmethod
    def document(self, name: str, limit: int) -> bytes:
        """The file of this name, at most `limit` bytes. Raises ContentError (`layout.malformed`)."""
