"""Exchanges a trust directory for another in one step: if killed at any time, the old or the new one is there.

Beside the trust directory `TRUST` is a folder `.TRUST.airgap` with

    next/          the tree that is being made; worthless until the journal says that it is complete
    journal.json   there while an exchange is under way: the generation that is to come into force,
                   whether undo goes back from it, and whether it is one of undo itself
    old/           the former tree, where the system cannot exchange two folders in one call
    previous/      the tree that was in force before stores and policy were last exchanged, for undo

A new tree is written and flushed completely, then the journal, then the two folders are exchanged: in one system call
where there is one (Linux), else by two renames. Between these two the name `TRUST` does not exist: a process that reads
then waits a moment, and fails if the name does not return; `repair`, which every command that writes calls first,
finishes what the journal says. The random number in `.airgap/generation` names a tree (airgap.trust.generation).
"""

from __future__ import annotations

import ctypes
import errno
import json as writer
import os
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from airgap import limits
from airgap.errors import AirgapError, FormatError, UsageError
from airgap.files import read_regular, sync_file, sync_folder, write_file
from airgap.locking import exclusive
from airgap.parse import json
from airgap.revocation.unsigned_evidence import LOCAL
from airgap.text import safe
from airgap.trust.generation import GENERATION, JOURNAL, generation_of, is_between, side_of
from airgap.trust.location import Location, check_ours

_SCHEMA: Final = "airgap.trust-journal/1"
_AT_FDCWD: Final = -100
_RENAME_EXCHANGE: Final = 2
_NO_SUCH_CALL: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM})


@dataclass(frozen=True, slots=True)
class _Pending:
    """An exchange that was begun."""

    generation: str
    undoable: bool
    undoes: bool


class StagedSwap:
    """The folder beside a trust directory in which its next tree is made. Use it inside `locked`."""

    def __init__(self, trust: Path) -> None:
        """`trust` may be a symbolic link to a directory; what it points at is exchanged, the link stays."""
        self.trust: Final = Path(os.path.realpath(trust))
        self.side: Final = side_of(self.trust)
        self.next: Final = self.side / "next"
        self.previous: Final = self.side / "previous"
        self._old: Final = self.side / "old"
        self._journal: Final = self.side / JOURNAL
        self.finished_undo: bool = False
        """Whether `locked` found a killed undo and finished it: a repeated undo then has nothing more to do."""

    @contextmanager
    def locked(self) -> Iterator[None]:
        """While the block runs no other process changes this trust directory. Repairs first. Raises AirgapError."""
        with _explained(self.trust):
            self.side.mkdir(mode=0o700, exist_ok=True)
            with exclusive(self.side):
                self.repair()
                yield

    # --- making ---

    def begin(self) -> Path:
        """An empty folder for the next tree. Raises OSError."""
        _remove(self.next)
        self.next.mkdir()
        shutil.copystat(self.trust, self.next)
        return self.next

    def commit(self, *, undoable: bool = True, undoes: bool = False) -> None:
        """Put `next` into force. When this returns, it is; the former tree is `previous`. Raises OSError.

        Not `undoable`: both have the same stores and policy. Then the former one goes, and `previous` stays what undo
        goes back to. `undoes`: this is undo itself.
        """
        generation = secrets.token_hex(16)
        (self.next / LOCAL).mkdir(exist_ok=True)
        write_file(self.next / LOCAL / GENERATION, generation.encode())
        flush_tree(self.next)
        sync_folder(self.side)
        journal = {"schema": _SCHEMA, "generation": generation, "undoable": undoable, "undoes": undoes}
        write_file(self._journal, writer.dumps(journal).encode())
        if not exchange(self.next, self.trust):
            self.trust.rename(self._old)
            self.next.rename(self.trust)
        sync_folder(self.trust.parent)
        self._finish(undoable=undoable)

    def repair(self) -> bool:
        """Finish or drop the work of a killed process; returns whether there was any. Raises OSError, AirgapError."""
        for scrap in self.side.glob(f".{JOURNAL}.*.tmp"):
            scrap.unlink()
        pending = self._pending()
        if pending is None:
            leftover = self.next.exists()
            _remove(self.next)
            return leftover
        if not os.path.lexists(self.trust):
            # the first of two renames has happened; `next` was complete before the journal was written
            self.next.rename(self.trust)
            sync_folder(self.trust.parent)
        if generation_of(self.trust) == pending.generation.encode():
            self._finish(undoable=pending.undoable)
            self.finished_undo = pending.undoes
        elif os.path.lexists(self._old):
            raise AirgapError(
                f"{safe(self.trust)} is neither the former tree nor the next one, which are in {safe(self.side)}",
                remedy=f"Move {safe(self.trust)} away and run this again: it finishes the exchange that was begun.",
            )
        else:
            _remove(self.next)
            self._journal.unlink()
            sync_folder(self.side)
        return True

    def _finish(self, *, undoable: bool) -> None:
        """The new tree is in force: the former one becomes `previous` or goes, and so does the journal."""
        former = self._old if os.path.lexists(self._old) else self.next
        if not undoable:
            _remove(former)
        elif os.path.lexists(former):
            _remove(self.previous)
            former.rename(self.previous)
        sync_folder(self.side)
        self._journal.unlink()
        sync_folder(self.side)

    def _pending(self) -> _Pending | None:
        """The content of the journal; None if there is none."""
        if not os.path.lexists(self._journal):
            return None
        try:
            document = json.load_object(
                read_regular(self._journal, limits.CONFIG_BYTES), json.Reading.OWN, what="journal"
            )
            # journals of older versions lack the last one, or the last two
            return _Pending(
                generation=json.take(document, "generation", str),
                undoable=json.take(document, "undoable", bool) if "undoable" in document else True,
                undoes=json.take(document, "undoes", bool) if "undoes" in document else False,
            )
        except FormatError as error:
            raise AirgapError(
                f"{safe(self._journal)} cannot be read: {error}",
                remedy=f"Something damaged it. Compare {safe(self.trust)} with {safe(self.side)}, then remove it.",
            ) from None


def finish_exchange(trust: Path) -> None:
    """Bring back a trust directory that a killed process left between two renames, before anything is written there.

    Where nothing was begun, nothing happens. Raises AirgapError.
    """
    if not trust.is_dir() and is_between(trust):
        with StagedSwap(trust).locked():
            pass


def exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one system call; False where that cannot be done. Raises OSError."""
    if sys.platform != "linux":
        return False
    try:
        call = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    if call(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0:
        return True
    error = ctypes.get_errno()
    if error in _NO_SUCH_CALL:
        return False
    raise OSError(error, os.strerror(error), str(other))


def copy_into(source: Path, target: Path) -> None:
    """`source`, a file, a link or a folder, copied to `target` with modes and times. Raises OSError."""
    if source.is_dir() and not source.is_symlink():
        shutil.copytree(source, target, symlinks=True)
    else:
        shutil.copy2(source, target, follow_symlinks=False)


def link_or_copy(source: Path, target: Path) -> None:
    """A hard link to a file that is never changed in place, or a copy where there are no links. Raises OSError."""
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(source, target, follow_symlinks=False)


def flush_tree(root: Path) -> None:
    """Flushes everything below `root` to the medium. Raises OSError."""
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            if not path.is_symlink():
                sync_file(path)
        sync_folder(Path(folder))


def _remove(tree: Path) -> None:
    with suppress(FileNotFoundError):
        shutil.rmtree(tree)


@contextmanager
def _explained(trust: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        hints = {
            errno.EXDEV: "It seems to be a mount point. Make the trust directory a folder below the mount point.",
            errno.EBUSY: "It seems to be a mount point. Make the trust directory a folder below the mount point.",
            errno.EACCES: "The folder that holds the trust directory must be writable, too.",
            errno.EPERM: "The folder that holds the trust directory must be writable, too.",
            errno.EROFS: "The file system is mounted read-only.",
            errno.ENOSPC: "Make room there; nothing was changed.",
        }
        raise AirgapError(
            f"the trust directory {safe(trust)} cannot be changed: {error.strerror or safe(error)}",
            remedy=hints.get(error.errno or 0, "Nothing is lost: the next command finishes or drops what was begun."),
        ) from None


def swap_of(location: Location) -> StagedSwap:
    """The exchange of a trust directory of ours. Raises UsageError for notation's, and where there is none.

    One that a killed process left between two renames is there: `StagedSwap.locked` brings it back.
    """
    check_ours(location)
    trust = location.path
    if not trust.is_dir() and not is_between(trust):
        raise UsageError(f"there is no trust directory at {safe(trust)}", remedy="Make it first: mkdir.")
    return StagedSwap(trust)
