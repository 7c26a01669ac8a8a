"""The SQLite file of a ledger: how it is made, opened and locked, and what its errors mean.

It is made complete under another name, so that a file of this name always is a whole ledger. It is opened only if its
tables are just those that are made here; anything else is left as it is. Writing is in WAL mode and waits for the
medium at the end of each transaction, so that a killed process or a power cut loses no row that was reported as
written.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from airgap import limits
from airgap.errors import AirgapError, NotFoundError, TrustMaterialError
from airgap.files import check_writable, complete_or_absent, is_there, unwritable
from airgap.hashing import digest
from airgap.text import safe

FORMAT: Final = 1
_HEAD: Final = b"SQLite format 3\0"
_APPLICATION: Final = 0x61674C31
"""SQLite's application id: `agL1`."""
_TABLES: Final = (
    "CREATE TABLE head (id TEXT NOT NULL, count INTEGER NOT NULL, hash BLOB NOT NULL)",
    (
        "CREATE TABLE rows (number INTEGER PRIMARY KEY, digest BLOB NOT NULL, hash BLOB NOT NULL, body BLOB,"
        " kind TEXT, at TEXT, subject TEXT, scope TEXT, verdict TEXT, accepted INTEGER, names TEXT, attached BLOB)"
    ),
    "CREATE INDEX rows_by_subject ON rows (subject)",
    "CREATE INDEX rows_by_kind ON rows (kind)",
    "CREATE TABLE content (digest BLOB PRIMARY KEY, size INTEGER NOT NULL, data BLOB NOT NULL)",
)
_STAMPS: Final = ("application_id", "user_version")
_DAMAGED: Final = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT})
_BUSY: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_UNREACHABLE: Final = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_IOERR})
_VFS = ""
"""More parameters of the file's URI: tests open it as on media where less works."""
_ELSEWHERE: Final = "Keep the ledger on a disk of this machine, and carry a copy of the file, or an export of it."


class LedgerError(TrustMaterialError):
    """A ledger, or a receipt, is not what it has to be (exit code 18)."""


def origin(identity: str) -> bytes:
    """What the hash of the first row is over, in the place of a row before it."""
    return digest("sha256", f"airgap.ledger/{FORMAT} {identity}".encode())


def make(path: Path) -> None:
    """An empty ledger, if nothing has the name. Raises AirgapError."""
    check_writable(path, "ledger")
    identity = secrets.token_hex(16)
    with sqlite3.connect(":memory:", isolation_level=None) as made:
        made.execute("PRAGMA auto_vacuum = INCREMENTAL")
        made.execute(f"PRAGMA application_id = {_APPLICATION}")
        made.execute(f"PRAGMA user_version = {FORMAT}")
        for table in _TABLES:
            made.execute(table)
        made.execute("INSERT INTO head VALUES (?, 0, ?)", (identity, origin(identity)))
        data = made.serialize()
    made.close()
    try:
        with complete_or_absent(path, replace=False) as file:
            file.write(data)
    except FileExistsError:
        pass  # another process has made it meanwhile
    except OSError as error:
        raise unwritable(path, "ledger", error) from None


def open_to_write(path: Path, *, create: bool = True) -> sqlite3.Connection:
    """The open ledger, of which it is known that a transaction can be written. With `create`, it is made if needed.

    Raises LedgerError, AirgapError.
    """
    if not is_there(path):
        if not create:
            raise _absent(path)
        make(path)
    with translated(path):
        opened = _open(path, "rw")
        try:
            _make_safe(opened, path)
        except BaseException:
            opened.close()
            raise
    return opened


def _make_safe(opened: sqlite3.Connection, path: Path) -> None:
    """Sets how it is written, and proves that it can be: a full or write-protected medium is known before the work."""
    if opened.execute("PRAGMA journal_mode = WAL").fetchone() != ("wal",):
        raise AirgapError(
            f"the medium of the ledger {safe(path)} does not let SQLite write as it has to (in WAL mode)",
            remedy=_ELSEWHERE,
        )
    opened.execute("PRAGMA synchronous = FULL")
    opened.execute("BEGIN IMMEDIATE")
    opened.execute("UPDATE head SET count = count")
    opened.execute("COMMIT")


def open_to_read(path: Path) -> sqlite3.Connection:
    """The open ledger, also on a medium that cannot be written. Raises LedgerError, NotFoundError, AirgapError."""
    if not is_there(path):
        raise _absent(path)
    with translated(path):
        try:
            opened = _open(path, "rw")
        except sqlite3.OperationalError as error:
            if _primary(error) not in _UNREACHABLE:
                raise
            opened = _open_read_only(path)
        opened.execute("PRAGMA query_only = ON")
    return opened


def _absent(path: Path) -> NotFoundError:
    return NotFoundError(f"there is no ledger {safe(path)}", remedy="Check the path.")


def _open_read_only(path: Path) -> sqlite3.Connection:
    """A ledger where nothing can be written beside it. Rows that are still in the file beside it would be missing."""
    beside = path.with_name(f"{path.name}-wal")
    with suppress(FileNotFoundError):
        if beside.stat().st_size:
            raise AirgapError(
                f"{safe(beside)} has rows that are not in {safe(path.name)} yet, and they cannot be read here",
                remedy=f"Copy both files into a folder that can be written, and open the ledger there: cp "
                f"{safe(path)} {safe(beside)} FOLDER/",
            )
    return _open(path, "ro&immutable=1")


def _open(path: Path, mode: str) -> sqlite3.Connection:
    uri = f"file:{quote(os.path.abspath(path))}?mode={mode}{_VFS}"  # noqa: PTH100 - a link stays as it is named
    if not path.is_file():  # SQLite takes a pipe for a file
        raise LedgerError("ledger.foreign", f"{safe(path)} is no ledger: it is no file")
    with path.open("rb") as file:  # and an empty file, or one byte, for an empty database
        head = file.read(len(_HEAD))
    if head != _HEAD:
        what = "it does not begin as one" if head else "it is empty"
        raise LedgerError("ledger.damaged" if head else "ledger.foreign", f"{safe(path)} is no ledger: {what}")
    opened = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=limits.LEDGER_WAIT_SECONDS)
    try:
        opened.text_factory = _text  # what is no UTF-8 is found as any other damage
        opened.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, limits.LEDGER_ATTACHED_BYTES)
        opened.execute("PRAGMA trusted_schema = OFF")
        opened.execute("PRAGMA temp_store = MEMORY")
        _check_schema(opened, path)
    except BaseException:
        opened.close()
        raise
    return opened


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _check_schema(opened: sqlite3.Connection, path: Path) -> None:
    """Refuses what is not a ledger of this version. Raises LedgerError."""
    (application,), (version,) = (opened.execute(f"PRAGMA {name}").fetchone() for name in _STAMPS)
    if application != _APPLICATION:
        raise LedgerError("ledger.foreign", f"{safe(path)} is a database, and no ledger of airgap")
    if version != FORMAT:
        raise LedgerError(
            "ledger.newer",
            f"{safe(path)} is a ledger of format {version}, and format {FORMAT} can be read here",
        )
    made = opened.execute("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY rowid LIMIT 20").fetchall()
    if made != [(table,) for table in _TABLES]:
        raise LedgerError("ledger.damaged", f"{safe(path)} does not have the tables that a ledger has")


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Errors of SQLite as errors of ours."""
    try:
        yield
    except sqlite3.Error as error:
        raise _translated(path, error) from None
    except UnicodeDecodeError:  # what SQLite says of a damaged file may have bytes of it
        raise LedgerError("ledger.damaged", f"{safe(path)} is damaged, or no ledger") from None
    except FileNotFoundError:
        raise _absent(path) from None
    except OSError as error:
        raise AirgapError(f"the ledger {safe(path)} cannot be used: {error.strerror or error}") from None


def _primary(error: sqlite3.Error) -> int:
    """The code without what SQLite adds to it."""
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def _translated(path: Path, error: sqlite3.Error) -> AirgapError:
    code, name = _primary(error), getattr(error, "sqlite_errorname", "")
    if code in _DAMAGED or isinstance(error, sqlite3.DataError | sqlite3.InterfaceError):
        return LedgerError("ledger.damaged", f"{safe(path)} is damaged, or no ledger: {safe(error)}")
    if code in _BUSY:
        holder = _holder(path)
        who = f"process {holder}" if holder else "another process"
        return AirgapError(
            f"the ledger {safe(path)} could not be written: this process waited {limits.LEDGER_WAIT_SECONDS} seconds "
            f"for {who}, which is writing to it",
            remedy=f"Wait until {who} has ended, then run this again: these rows were not written.",
        )
    if code == sqlite3.SQLITE_FULL or (code == sqlite3.SQLITE_IOERR and _is_full(path)):
        return AirgapError(
            f"the ledger {safe(path)} could not be written: no space left on its medium",
            remedy="Make room there, then run this again: these rows were not written, and no older one is lost.",
        )
    if code in _UNREACHABLE:
        return AirgapError(
            f"the ledger {safe(path)} cannot be used: {safe(error)} ({name})", remedy=_UNREACHABLE_REMEDY
        )
    return AirgapError(f"the ledger {safe(path)} could not be used: {safe(error)}")


def _is_full(path: Path) -> bool:
    """Whether there is no room for what SQLite keeps beside the file: it tells only that its file of locks failed."""
    try:
        return shutil.disk_usage(path.parent).free < _SHARED_MEMORY
    except OSError:
        return False


_SHARED_MEMORY: Final = 64 * limits.KIB
_UNREACHABLE_REMEDY: Final = (
    "Look at owner, mode and free space of the file and of its folder, where SQLite keeps two more files. If the "
    "medium is a network share or a FAT stick, keep the ledger on a disk of this machine."
)
_LOCK = re.compile(r"\d+: POSIX +ADVISORY +WRITE (\d+) [0-9a-f]+:[0-9a-f]+:(\d+) (\d+) ", re.ASCII)
_WRITE_LOCK = "120"
"""Where SQLite locks its file of shared memory to write (wal.c, WAL_WRITE_LOCK)."""


def _holder(path: Path) -> str | None:
    """The number of the process that writes, as the kernel of Linux tells it; None where no process does.

    The file itself must not be opened for this: to close it again would release locks of this process.
    """
    try:
        inode = str(path.with_name(f"{path.name}-shm").stat().st_ino)
        text = Path("/proc/locks").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    return next((holder for holder, file, start in _LOCK.findall(text) if file == inode and start == _WRITE_LOCK), None)
