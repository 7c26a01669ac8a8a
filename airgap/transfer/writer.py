"""Writes into a layout directory. It is a valid layout at any time, also if the process is killed.

Blobs are written beside `blobs/`, hashed, flushed to the medium and then renamed to their digest. `index.json` is
merged under a lock and replaced as a whole at the end. Two processes may write at once.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final, Self

from airgap import limits
from airgap.errors import ContentError, UsageError
from airgap.files import sweep_leftovers, sync_file, sync_folder, write_file
from airgap.locking import exclusive
from airgap.oci.descriptor import Descriptor
from airgap.oci.digest import Digest
from airgap.oci.documents import BLOBS, LAYOUT_FILE, LAYOUT_INDEX, kind_of, malformed, open_regular, read_layout_index
from airgap.oci.layout import LayoutDirectory, open_directory
from airgap.oci.manifest import Index
from airgap.oci.store import read_verified, unreadable
from airgap.text import safe
from airgap.transfer.checked_bytes import (
    Advance,
    WriteError,
    check_bytes,
    clone,
    copy_checked,
    no_advance,
    write_whole_chunks,
    writing,
)
from airgap.transfer.endpoint import Blobs, Entry, NamingResult, Resumable, TransferMethod
from airgap.transfer.index_writer import EMPTY_INDEX, LAYOUT_CONTENT, merged_index
from airgap.transfer.layout_referrers_tags import relisted_entries, relisted_since
from airgap.transfer.room import check_room
from airgap.transfer.sources import MemoryFile
from airgap.transfer.staging import Staging, complete, kept_parts, part_name

_BATCH_FILES: Final = 256
_BATCH_BYTES: Final = 64 * limits.MIB
_SYNCERS: Final = 16
_SMALL_BYTES: Final = 4 * limits.MIB
"""Smaller files are flushed together: waiting for the medium after each would take most of the time."""
_OF_SYSTEMS: Final = frozenset({"lost+found", "system volume information", "$recycle.bin", "recycler", "found.000"})
"""Folders that Linux and Windows make in the root of a medium; those of macOS are hidden."""


class LayoutWriter:
    """A `Sink` over a layout directory, which is made if it is not there. Safe for threads; close it when done."""

    refuses_incomplete: Final = False

    def __init__(self, path: str, *, link: bool = False, verify_existing: bool = False) -> None:
        """`link` makes hard links to local sources; `verify_existing` hashes existing blobs before using them.

        Raises UsageError if something else is at `path`, WriteError if it cannot be written.
        """
        self.path: Final = Path(path)
        self._link, self._verify_existing = link, verify_existing
        _prepare(self.path)
        self._layout: Final = open_directory(path)
        self._staging: Final = Staging(self.path)
        self._lock: Final = threading.Lock()
        self._pending: list[tuple[Path, Path]] = []
        self._pending_bytes = 0
        self._proven: Final[set[Digest]] = set()
        self._syncers: Final = ThreadPoolExecutor(_SYNCERS)
        self._clonable = True
        self._interrupted = self._finished = False
        self.replaced: set[Digest] = set()

    @property
    def name(self) -> str:
        """The path, safe to show."""
        return safe(self.path)

    @property
    def layout(self) -> LayoutDirectory:
        """The layout as it was when writing began."""
        return self._layout

    # --- content ---

    def has(self, descriptor: Descriptor) -> bool:
        """Whether the blob exists with its size (and with `verify_existing`, its digest)."""
        try:
            status = self._target(descriptor.digest).lstat()
        except FileNotFoundError:
            return False
        except OSError as error:
            raise unreadable(descriptor.digest, f"cannot be looked at: {error.strerror}") from None
        if not stat.S_ISREG(status.st_mode) or status.st_size != descriptor.size:
            return False
        return not self._verify_existing or self._is_good(descriptor)

    def lists(self, subject: Digest, referrer: Digest) -> bool:  # noqa: ARG002
        """Always true: `finish` lists it."""
        return True

    def arrived(self, descriptor: Descriptor) -> int:
        """See `DestinationStore`."""
        return self._staging.arrived(part_name(descriptor))

    def reserve(self, size: int, largest: int) -> None:
        """See `Sink`; links and clones need no room."""
        with self._staging.file() as (file, staged):
            self._clonable = clone(str(self.path / LAYOUT_FILE), file)
        staged.unlink()
        if not self._link and not self._clonable:
            check_room(self.path, size, largest)

    def put_blob(self, descriptor: Descriptor, source: Blobs, advance: Advance) -> TransferMethod:
        """See `Sink`: a hard link if requested, a reflink if possible, else read, hash and write."""
        descriptor.digest.new_hash()  # refuses an algorithm that cannot be checked, before anything is written
        path = source.path(descriptor)
        if path is not None and self._link and self._put_link(descriptor, path, advance):
            return TransferMethod.LINKED
        if path is not None and self._clonable:
            if self._put_clone(descriptor, path, advance):
                return TransferMethod.CLONED
            self._clonable = False
        if isinstance(source, Resumable) and descriptor.size >= _SMALL_BYTES:
            self._put_resumed(descriptor, source, advance)
            return TransferMethod.COPIED
        with self._staging.file() as (file, staged):
            stream = source.open(descriptor)
            try:
                copy_checked(stream, descriptor, self._writer(file), advance)
            finally:
                stream.close()
            self._flush_large(file, descriptor)
        self._done(staged, descriptor)
        return TransferMethod.COPIED

    def put_manifest(self, descriptor: Descriptor, raw: bytes) -> None:
        """See `Sink`; the bytes are compared with the descriptor."""
        check_bytes(descriptor, raw)
        with self._staging.file() as (file, staged):
            self._writer(file)(memoryview(raw))
            self._flush_large(file, descriptor)
        self._done(staged, descriptor)

    def flush(self) -> None:
        """Flushes everything to the medium and gives it its name."""
        with self._lock:
            pending, self._pending, self._pending_bytes = self._pending, [], 0
        self._settle(pending)

    # --- names ---

    def finish(
        self,
        entries: Sequence[Entry],
        *,
        keep_going: bool = False,  # noqa: ARG002 - all names are in one file
        drop: Collection[Digest] = (),
    ) -> NamingResult:
        """List `entries` in `index.json`, in addition to those that others have listed.

        A tag of another artifact moves, and that artifact stays listed without it. `drop` and `replaced`: entries that
        new ones replace (older acquisition records). Raises WriteError, LimitError.
        """
        self.flush()
        with writing(self.path), exclusive(self.path):
            current = _current(self.path)
            old = {*drop, *self.replaced}
            now = partial(open_directory, str(self.path))
            newer = relisted_since(now, entries, old, partial(read_verified, self._layout))
            for item in newer:
                self.put_manifest(item.entry.descriptor, item.raw)
            self.flush()
            drop = old.union(*(item.old for item in newer))
            document, named = merged_index(current, relisted_entries(entries, newer), drop=drop, source=self.name)
            sweep_leftovers(self.path / LAYOUT_INDEX)
            if document != current:
                write_file(self.path / LAYOUT_INDEX, document)
        self._finished = True
        return named

    def close(self) -> None:
        """Removes incomplete files; parts of large blobs are kept for the next run."""
        self._syncers.shutdown()
        self._staging.close(keep=self._interrupted or not self._finished)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inside ---

    def _target(self, digest: Digest) -> Path:
        digest.new_hash()  # only the names of known algorithms become a path
        return self.path / BLOBS / digest.algorithm / digest.encoded

    def _is_good(self, descriptor: Descriptor) -> bool:
        if descriptor.digest in self._proven:
            return True
        try:
            with self._layout.open(descriptor.digest) as blob:
                copy_checked(blob, descriptor, None, no_advance)
        except ContentError:
            return False
        self._proven.add(descriptor.digest)
        return True

    def _writer(self, file: int) -> Callable[[memoryview], None]:
        write = write_whole_chunks(file)

        def guarded(chunk: memoryview) -> None:
            with writing(self.path):
                write(chunk)

        return guarded

    def _put_link(self, descriptor: Descriptor, path: str, advance: Advance) -> bool:
        staged = self._staging.path()
        try:
            os.link(path, staged, follow_symlinks=False)
        except OSError:
            return False  # another file system, or one without hard links: the bytes are copied
        try:
            with open_regular(str(staged)) as file:
                copy_checked(file, descriptor, None, advance)
            self._place([(staged, self._target(descriptor.digest))])
        finally:
            # renaming a file to another name of itself does nothing
            with suppress(FileNotFoundError):
                staged.unlink()
        return True

    def _put_clone(self, descriptor: Descriptor, path: str, advance: Advance) -> bool:
        with self._staging.file() as (file, staged):
            cloned = clone(path, file)
            if cloned:
                with open_regular(str(staged)) as blob:
                    copy_checked(blob, descriptor, None, advance)
                self._flush_large(file, descriptor)
        if cloned:
            self._done(staged, descriptor)
        else:
            staged.unlink()
        return cloned

    def _put_resumed(self, descriptor: Descriptor, source: Resumable, advance: Advance) -> None:
        """The part from an earlier run is hashed and kept; if it is wrong, the blob is copied from the start."""
        name = part_name(descriptor)
        with self._staging.partial(name) as file:
            try:
                complete(file, descriptor, source, self._writer(file), advance)
            except (ContentError, WriteError):
                os.ftruncate(file, 0)
                raise
            except BaseException:
                self._interrupted = True
                raise
            if hasattr(os, "fchmod"):
                with suppress(OSError):  # network shares and other file systems have no modes; only the content matters
                    os.fchmod(file, 0o444)
            with writing(self.path):
                os.fsync(file)
        self._place([(self._staging.partial_path(name), self._target(descriptor.digest))])

    def _flush_large(self, file: int, descriptor: Descriptor) -> None:
        """Flushes a large file to the medium; small ones are flushed together."""
        if descriptor.size >= _SMALL_BYTES:
            with writing(self.path):
                os.fsync(file)

    def _done(self, staged: Path, descriptor: Descriptor) -> None:
        """Gives the written and checked content its name, at once or together with others.

        The file is closed by now: Windows renames no open file.
        """
        target = self._target(descriptor.digest)
        if descriptor.size >= _SMALL_BYTES:
            self._place([(staged, target)])
            return
        with self._lock:
            self._pending.append((staged, target))
            self._pending_bytes += descriptor.size
            if len(self._pending) < _BATCH_FILES and self._pending_bytes < _BATCH_BYTES:
                return
            pending, self._pending, self._pending_bytes = self._pending, [], 0
        self._settle(pending)

    def _settle(self, pending: list[tuple[Path, Path]]) -> None:
        with writing(self.path):
            # files that are flushed together share commits of the file system: ten times as fast
            for _ in self._syncers.map(sync_file, (staged for staged, _ in pending)):
                pass
        self._place(pending)

    def _place(self, moves: Collection[tuple[Path, Path]]) -> None:
        with writing(self.path):
            folders = {target.parent for _, target in moves}
            for folder in folders:
                folder.mkdir(exist_ok=True)
                if folder.is_symlink():
                    raise malformed(f"{safe(folder)} is a symbolic link, where a layout has a directory")
            for staged, target in moves:
                staged.replace(target)
            for folder in folders:
                sync_folder(folder)


class GrownLayout(LayoutDirectory):
    """A layout directory as a copy will leave it, before anything is written; of new content it has manifests alone."""

    def __init__(
        self, path: str, entries: Sequence[Entry], new: Mapping[Digest, bytes], drop: Collection[Digest]
    ) -> None:
        """Raises as `LayoutWriter.finish` where `index.json` has no room for the entries."""
        super().__init__(path)
        self._new: Final = new
        with writing(path):
            document, _ = merged_index(_current(Path(path)), entries, drop=drop, source=self.name)
        self._grown: Final = read_layout_index(document, self.name)

    def index(self) -> Index:
        """The new `index.json`."""
        return self._grown

    def size(self, digest: Digest) -> int | None:
        """See `Store`."""
        return len(self._new[digest]) if digest in self._new else super().size(digest)

    def open(self, digest: Digest) -> io.RawIOBase:
        """See `Store`."""
        return MemoryFile(self._new[digest]) if digest in self._new else super().open(digest)


def _current(path: Path) -> bytes:
    with open_regular(str(path / LAYOUT_INDEX)) as file:
        return file.read(limits.LAYOUT_INDEX_BYTES + 1)


class LayoutProbe:
    """A layout that may not exist yet, for questions only."""

    refuses_incomplete: Final = False

    def __init__(self, path: str) -> None:
        """Raises ContentError if something else is at `path`."""
        folder = Path(path)
        self.layout: Final = open_directory(path) if folder.is_dir() and _names_in(folder) else None
        self._parts: Final = kept_parts(folder)

    def has(self, descriptor: Descriptor) -> bool:
        """See `DestinationStore`."""
        return self.layout is not None and self.layout.size(descriptor.digest) == descriptor.size

    def lists(self, subject: Digest, referrer: Digest) -> bool:  # noqa: ARG002
        """Always true: a copy would list it."""
        return True

    def arrived(self, descriptor: Descriptor) -> int:
        """See `DestinationStore`."""
        return self._parts.get(part_name(descriptor), 0)


def _names_in(folder: Path) -> set[str]:
    """What is in a folder, without hidden files and what systems make in the root of every medium."""
    return {
        entry.name
        for entry in folder.iterdir()
        if not entry.name.startswith(".") and entry.name.casefold() not in _OF_SYSTEMS
    }


def _prepare(path: Path) -> None:
    """Make an empty layout at `path`, or complete an interrupted one. Raises UsageError, WriteError."""
    with writing(path):
        if path.exists() and not path.is_dir():
            raise UsageError(
                f"{safe(path)} is {kind_of(path.stat().st_mode)}, and a layout is a folder",
                remedy="Choose a folder or the name of a new .tar; - is a tar on standard output.",
            )
        path.mkdir(parents=True, exist_ok=True)
        names = _names_in(path)
        parts = {LAYOUT_FILE, LAYOUT_INDEX, BLOBS}
        if parts <= names:
            return
        if names - parts or (LAYOUT_INDEX not in names and BLOBS in names and any((path / BLOBS).iterdir())):
            raise UsageError(
                f"{safe(path)} is not empty and no layout", remedy="Choose a layout, an empty folder, or a new one."
            )
        with exclusive(path):
            (path / BLOBS).mkdir(exist_ok=True)
            if not (path / LAYOUT_INDEX).exists():
                write_file(path / LAYOUT_INDEX, EMPTY_INDEX)
            if not (path / LAYOUT_FILE).exists():
                write_file(path / LAYOUT_FILE, LAYOUT_CONTENT)
