"""What a ledger survives, and what it refuses: kills, full and read-only media, other writers, other files."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import airgap
from airgap import limits
from airgap.errors import AirgapError, NotFoundError, UntrustedError, UsageError
from airgap.ledger import LedgerError, NewRow, database
from tests.support.ledgers import BUNDLE, DAY, IMAGE, change, every_kind, judgement, make, mark, note, put
from tests.support.media import small_medium

SLOW = os.environ.get("AIRGAP_SLOW") == "1"
KILLS = 300 if SLOW else 24

_WRITER = """
import sys
from pathlib import Path
import airgap
from tests.support.ledgers import judgement
with airgap.Ledger.open(Path(sys.argv[1]), write=True) as ledger:
    for number in range(100_000):
        head = ledger.record([judgement(number % 50), judgement(number % 50 + 1)])
        print(head.rows, flush=True)
"""
needs_kill = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")


def writer(path: Path) -> subprocess.Popen[str]:
    return subprocess.Popen([sys.executable, "-c", _WRITER, str(path)], stdout=subprocess.PIPE, text=True)


@needs_kill
def test_a_writer_killed_at_any_moment_loses_no_row_that_it_reported(tmp_path: Path) -> None:
    """And leaves no half transaction: each writes two rows."""
    path = tmp_path / "site.ledger"
    written = 0
    for number in range(KILLS):
        running = writer(path)
        assert running.stdout is not None
        if number % 3:  # the others are killed while they open it
            running.stdout.readline()
        time.sleep((number * 7 % 23) / 500)
        running.kill()
        reported = [int(line) for line in running.communicate(timeout=20)[0].split()]
        written = max([written, *reported])
        if path.exists():
            with airgap.Ledger.open(path) as ledger:
                assert ledger.head.rows >= written
                assert ledger.head.rows % 2 == 0
                written = ledger.head.rows
    with airgap.Ledger.open(path, write=True) as ledger:
        assert ledger.check().is_whole
        assert ledger.record([note()]).rows == written + 1


@needs_kill
def test_two_writers_at_once_both_write(tmp_path: Path) -> None:
    path = tmp_path / "site.ledger"
    running = [writer(path) for _ in range(2)]
    try:
        for process in running:
            assert process.stdout is not None
            for _ in range(30):
                assert process.stdout.readline()
    finally:
        for process in running:
            process.kill()
            process.communicate(timeout=20)
    with airgap.Ledger.open(path) as ledger:
        assert ledger.head.rows >= 120
        assert ledger.check().is_whole


def test_an_error_of_waiting_names_who_writes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "site.ledger"
    make(path)
    monkeypatch.setattr(limits, "LEDGER_WAIT_SECONDS", 0.05)
    holder = sqlite3.connect(path, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(AirgapError, match=r"waited 0.05 seconds for") as caught:
        airgap.Ledger.open(path, write=True)
    assert caught.value.exit_code == 1
    if sys.platform == "linux":
        assert f"process {os.getpid()}, which is writing" in str(caught.value)
    with airgap.Ledger.open(path) as ledger:  # who only reads does not wait
        assert ledger.head.rows == 10
    holder.close()


def test_a_writer_waits_for_another(tmp_path: Path) -> None:
    path = tmp_path / "site.ledger"
    make(path)
    with airgap.Ledger.open(path, write=True) as ledger:
        holder = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN IMMEDIATE")
        threading.Timer(0.2, lambda: holder.execute("COMMIT")).start()
        assert ledger.record([note()]).rows == 11
        holder.close()


def fill(path: Path) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    with contextlib.suppress(OSError):
        while True:
            os.write(descriptor, bytes(4096))
    os.close(descriptor)


def test_a_full_medium_loses_nothing(tmp_path: Path) -> None:
    with small_medium(tmp_path / "medium", "400k") as medium:
        path = medium / "site.ledger"
        make(path)
        with airgap.Ledger.open(path, write=True) as ledger:
            before = ledger.head
            full = None
            while full is None:
                before = ledger.head
                try:
                    ledger.record([judgement(before.rows, document=os.urandom(5000))])
                except AirgapError as error:
                    full = error
            assert "no space left on its medium" in str(full)
            assert full.exit_code == 1
            assert ledger.head == before
            assert ledger.check().is_whole
        with airgap.Ledger.open(path, write=True) as ledger:
            assert ledger.head == before


def test_a_full_medium_is_an_error_before_the_work(tmp_path: Path) -> None:
    with small_medium(tmp_path / "medium", "400k") as medium:
        path = medium / "site.ledger"
        before = make(path)
        fill(medium / "ballast")
        with pytest.raises(AirgapError, match="no space left on its medium"):
            airgap.Ledger.open(path, write=True)
        (medium / "ballast").unlink()
        with airgap.Ledger.open(path, write=True) as ledger:
            assert ledger.head == before
            assert ledger.record([note()]).rows == 11


def test_a_ledger_is_made_complete_or_not_at_all(tmp_path: Path) -> None:
    with small_medium(tmp_path / "medium", "8k") as medium:
        with pytest.raises(AirgapError, match=r"the ledger .* cannot be written"):
            airgap.Ledger.open(medium / "site.ledger", write=True)
        assert list(medium.iterdir()) == []


def test_a_read_only_medium_can_be_listed_and_checked(tmp_path: Path) -> None:
    with small_medium(tmp_path / "medium", "1m") as medium:
        path = medium / "site.ledger"
        make(path)
        subprocess.run(["mount", "-o", "remount,ro", str(medium)], check=True)
        with airgap.Ledger.open(path) as ledger:
            assert ledger.check().is_whole
            assert len(list(ledger.rows())) == 10
        with pytest.raises(AirgapError, match="cannot be used") as caught:
            airgap.Ledger.open(path, write=True)
        assert "owner, mode" in caught.value.remedy


def test_rows_that_a_read_only_medium_holds_beside_the_file_are_not_passed_over(tmp_path: Path) -> None:
    with small_medium(tmp_path / "medium", "1m") as medium:
        path = medium / "site.ledger"
        make(path)
        running = writer(path)
        assert running.stdout is not None
        running.stdout.readline()
        running.kill()
        running.communicate(timeout=20)
        (medium / "site.ledger-shm").unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(medium)], check=True)
        with pytest.raises(AirgapError, match=r"has rows that are not in site.ledger yet") as caught:
            airgap.Ledger.open(path)
        assert "cp " in caught.value.remedy


def test_a_medium_without_shared_memory_is_refused_with_a_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's dot-file locks have no shared memory, like some network shares."""
    path = tmp_path / "site.ledger"
    database.make(path)
    monkeypatch.setattr(database, "_VFS", "&vfs=unix-dotfile")
    with pytest.raises(AirgapError, match="WAL mode") as caught:
        airgap.Ledger.open(path, write=True)
    assert "a disk of this machine" in caught.value.remedy


def _text(path: Path) -> None:
    path.write_text("my notes\n" * 1000)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _database(path: Path) -> None:
    change(path, "CREATE TABLE mine (x)", "INSERT INTO mine VALUES (1)")


def _newer(path: Path) -> None:
    make(path)
    change(path, "PRAGMA user_version = 2")


def _trigger(path: Path) -> None:
    make(path)
    change(path, "CREATE TRIGGER more AFTER INSERT ON rows BEGIN DELETE FROM rows WHERE number = 1; END")


def _view(path: Path) -> None:
    make(path)
    change(path, "ALTER TABLE rows RENAME TO others", "CREATE VIEW rows AS SELECT * FROM others")


def _no_head(path: Path) -> None:
    make(path)
    change(path, "DELETE FROM head")


def _cut(path: Path) -> None:
    make(path)
    path.write_bytes(path.read_bytes()[:5000])


def _scratched(path: Path) -> None:
    make(path)
    data = bytearray(path.read_bytes())
    data[4096 * 2 : 4096 * 6] = b"\xff" * 4096 * 4
    path.write_bytes(data)


def _header(path: Path) -> None:
    make(path)
    path.write_bytes(b"SQLite format 4\x00" + path.read_bytes()[16:])


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize("write", [False, True], ids=["to read", "to write"])
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (_text, "ledger.damaged"),
        (_empty, "ledger.foreign"),
        (_database, "ledger.foreign"),
        (_newer, "ledger.newer"),
        (_trigger, "ledger.damaged"),
        (_view, "ledger.damaged"),
        (_no_head, "ledger.damaged"),
        (_cut, "ledger.damaged"),
        (_scratched, "ledger.damaged"),
        (_header, "ledger.damaged"),
        (_folder, "ledger.foreign"),
    ],
)
def test_any_other_file_is_refused_and_left_as_it_is(
    tmp_path: Path, spoil: Callable[[Path], None], reason: str | None, write: bool
) -> None:
    path = tmp_path / "site.ledger"
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    with pytest.raises(AirgapError) as caught, airgap.Ledger.open(path, write=write) as ledger:
        ledger.check()
    assert caught.value.reason == reason
    assert caught.value.exit_code == (18 if reason else 1)
    if path.is_file() and spoil is not _scratched:
        assert path.read_bytes() == before


@pytest.mark.parametrize("hostile", [b"\x1b\x7f\x1b", b"\xe4\xff\x1b"])
def test_what_sqlite_says_of_a_hostile_file_is_escaped(tmp_path: Path, hostile: bytes) -> None:
    make(tmp_path / "l")
    data = (tmp_path / "l").read_bytes()
    (tmp_path / "l").write_bytes(data.replace(b"CREATE TABLE head (id", b"CREATE TABLE head " + hostile))
    with pytest.raises(LedgerError) as caught:
        airgap.Ledger.open(tmp_path / "l")
    assert str(caught.value).isprintable()


def test_a_link_to_a_ledger_is_followed(tmp_path: Path) -> None:
    make(tmp_path / "site.ledger")
    (tmp_path / "link").symlink_to(tmp_path / "site.ledger")
    with airgap.Ledger.open(tmp_path / "link", write=True) as ledger:
        assert ledger.record([note()]).rows == 11


def test_a_name_with_signs_of_a_uri_is_a_name(tmp_path: Path) -> None:
    path = tmp_path / "a?mode=memory&x#%41 é.ledger"
    make(path)
    assert [entry.name for entry in tmp_path.iterdir()] == [path.name]


def test_where_nothing_is_there_is_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match="there is no ledger"):
        airgap.Ledger.open(tmp_path / "site.ledger")
    with pytest.raises(AirgapError, match="cannot be written") as caught:
        airgap.Ledger.open(tmp_path / "no" / "site.ledger", write=True)
    assert "mkdir -p" in caught.value.remedy


def test_reading_leaves_nothing_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "site.ledger"
    make(path)
    data = path.read_bytes()
    with airgap.Ledger.open(path) as ledger:
        ledger.check()
        with pytest.raises(AirgapError):
            ledger.record([note()])
    assert [entry.name for entry in tmp_path.iterdir()] == ["site.ledger"]
    assert path.read_bytes() == data
    assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0


# --- rows ---


def test_rows_are_found_by_what_they_say(tmp_path: Path) -> None:
    make(tmp_path / "l", [*every_kind(), judgement(3, verdict=airgap.Verdict.FAIL, digest=IMAGE)])
    with airgap.Ledger.open(tmp_path / "l") as ledger:

        def numbers(**how: Any) -> list[int]:
            return [row.number for row in ledger.rows(**how)]

        assert numbers() == list(range(1, 12))
        assert numbers(verdict=airgap.Verdict.FAIL) == [11]
        assert numbers(since=DAY.replace(day=6)) == [6, 7]
        assert numbers(name="site.example:5000/app:v1") == [8]
        assert numbers(name="app:v3") == [4, 11]
        assert numbers(name="%") == []
        assert numbers(about=str(IMAGE)) == [8, 10, 11]
        assert numbers(kinds=["mark", "import"]) == [8, 9]
        assert numbers(kinds=[]) == []
        with pytest.raises(NotFoundError, match="has no row 99"):
            ledger.row(99)


def test_many_rows_are_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "LEDGER_BATCH", 3)
    make(tmp_path / "l")
    with airgap.Ledger.open(tmp_path / "l", write=True) as ledger:
        seen = []
        for row in ledger.rows():
            seen.append(row.number)
            if row.number == 1:
                ledger.record([note()])  # a reader stops no writer
        assert seen == list(range(1, 12))


def test_all_of_a_run_is_recorded_or_nothing(tmp_path: Path) -> None:
    make(tmp_path / "l", [mark(5)])
    with airgap.Ledger.open(tmp_path / "l", write=True) as ledger:
        with pytest.raises(
            UntrustedError, match=r"bundle 4 of the stream 'monthly' .* is older than bundle 5"
        ) as caught:
            ledger.record([put(), judgement(), mark(4)])
        assert (caught.value.exit_code, caught.value.reason) == (17, "stream.replayed")
        assert ledger.head.rows == 1
        with pytest.raises(UntrustedError):
            ledger.record([mark(5, bundle=IMAGE)])
        ledger.record([mark(5), mark(7), mark(1, "weekly")])
        assert {name: found.number for name, found in ledger.marks().items()} == {"monthly": 7, "weekly": 1}
        assert ledger.marks()["monthly"].bundle == BUNDLE


def test_what_registries_hold_is_summed(tmp_path: Path) -> None:
    make(tmp_path / "l", [put(), put(tags=["v2"]), put(registry="b.example", held=[])])
    with airgap.Ledger.open(tmp_path / "l") as ledger:
        assert {name: sum(found.values()) for name, found in ledger.held().items()} == {
            "site.example:5000": 70_005,
            "b.example": 0,
        }


def test_an_entry_that_names_other_bytes_is_refused(tmp_path: Path) -> None:
    with airgap.Ledger.open(tmp_path / "l", write=True) as ledger:
        with pytest.raises(UsageError, match="other attached bytes"):
            ledger.record([NewRow(judgement().entry, b"other")])
        with pytest.raises(UsageError, match="too large for a ledger"):
            ledger.record([note("x" * limits.LEDGER_ROW_BYTES)])
        assert ledger.head.rows == 0


def test_all_texts_come_back_as_they_were(tmp_path: Path) -> None:
    text = '\x1b[31m\u202e \u2028 \U0001f600 \\ " \x00 é'
    make(tmp_path / "l", [note(text)])
    with airgap.Ledger.open(tmp_path / "l") as ledger:
        assert getattr(ledger.row(1).entry, "text", None) == text
        assert ledger.check().is_whole


def test_nothing_is_written_that_cannot_be_read_again(tmp_path: Path) -> None:
    make(tmp_path / "l")
    bad = [
        note("J\udcfcrgen"),
        note(about="\ud800"),
        judgement(tags=("\udcff",)),
        judgement(reference="\udcff"),
        put(tags=["\udcff"]),
        mark(2, stream="\udcff"),
    ]
    with airgap.Ledger.open(tmp_path / "l", write=True) as ledger:
        for row in bad:
            with pytest.raises(UsageError, match="could read it again"):
                ledger.record([judgement(), row])
        assert (ledger.head.rows, ledger.check().is_whole) == (10, True)


def test_a_bomb_beside_a_row_is_not_unpacked(tmp_path: Path) -> None:
    import zlib

    path = tmp_path / "l"
    make(path, [judgement()])
    opened = sqlite3.connect(path, isolation_level=None)
    opened.execute("UPDATE content SET data = ?", (zlib.compress(bytes(50_000_000)),))
    opened.close()
    with airgap.Ledger.open(path) as ledger:
        with pytest.raises(LedgerError, match="other bytes than its rows name"):
            ledger.attached(ledger.row(1))
        assert not ledger.check().is_whole
