"""Whether a copy fits is known before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest

from airgap.transfer import room
from airgap.transfer.checked_bytes import WriteError
from airgap.transfer.room import check_room, room_in
from tests.support.command import run_here
from tests.support.copying import family, write


class Usage(NamedTuple):
    free: int
    total: int = 2**41


def test_reports_too_little_room_before_anything_is_written(tmp_path: Path) -> None:
    check_room(tmp_path, 1, 1)
    with pytest.raises(WriteError, match="bytes free") as caught:
        check_room(tmp_path, 2**62, 1)
    assert caught.value.facts["cause"] == "full"


def test_free_space_is_unknown_where_a_file_system_says_0_of_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """fusefat and other file systems of users say so; a full one still has a size."""
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=0, total=0))
    assert room_in(tmp_path, 2**33, 1).problem is None
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=0))
    assert room_in(tmp_path, 2**33, 1).problem is not None


@pytest.mark.parametrize(
    ("system", "fits"), [("vfat", False), ("msdos", False), ("fuse.fusefat", False), ("exfat", True), (None, True)]
)
def test_refuses_a_file_that_is_too_large_for_fat(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str | None, *, fits: bool
) -> None:
    monkeypatch.setattr(room, "_file_system", lambda _: system)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=2**40))
    assert room_in(tmp_path, 2**33, 2**32 - 1).problem is None
    problem = room_in(tmp_path, 2**33, 2**32).problem
    assert (problem is None) == fits
    assert problem is None or problem.facts["cause"] == "too_large"


def test_reads_the_file_system_of_the_device(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    number = f"{tmp_path.stat().st_dev >> 8}:{tmp_path.stat().st_dev & 0xFF}"
    mounts = tmp_path / "mountinfo"
    mounts.write_text(
        f"22 27 0:999 / /other rw - ext4 proc rw\n31 27 {number} / /media/st\\040ick rw,x - vfat /dev/sdb1 rw\n"
    )
    monkeypatch.setattr(room, "_MOUNTS", str(mounts))
    assert room_in(tmp_path, 1, 1).file_limit == 2**32 - 1
    mounts.unlink()
    assert room_in(tmp_path, 1, 1).file_limit is None


@pytest.mark.parametrize("name", ["new/folder", "trip.tar"])
@pytest.mark.parametrize("free", [100, 2**40])
def test_dry_run_reports_whether_it_fits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, free: int) -> None:
    source = write(tmp_path / "source", family())
    (tmp_path / "new").mkdir()
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=free))
    ran = run_here(["copy", "--dry-run", str(source), str(tmp_path / name), "--format", "json"])
    said = ran.document["room"]
    assert (ran.code, said["fits"], said["free"]) == (int(free == 100), free != 100, free)
    assert said["needed"] >= ran.document["totals"]["bytes"]
    assert said["largest"] <= said["needed"]
    text = run_here(["copy", "--dry-run", "-q", str(source), str(tmp_path / name)]).out
    assert ("DOES NOT FIT" if free == 100 else "are free in ") in text
    assert not (tmp_path / name).exists()


@pytest.mark.parametrize("there", ["a tar", "a broken link"])
@pytest.mark.parametrize("options", [[], ["--dry-run"]], ids=["copy", "dry-run"])
def test_refuses_an_existing_tar_before_anything_is_read(tmp_path: Path, there: str, options: list[str]) -> None:
    source, tar = write(tmp_path / "source", family()), tmp_path / "trip.tar"
    if there == "a tar":
        tar.write_bytes(b"another trip")
    else:
        tar.symlink_to(tmp_path / "not mounted" / "trip.tar")
    ran = run_here(["copy", *options, str(source), str(tar)])
    assert (ran.code, "trip.tar exists; a tar is written as a whole" in ran.err) == (2, True), ran
    assert run_here(["copy", "--dry-run", "--overwrite", str(source), str(tar)]).code == 0


def test_replaces_a_tar_behind_a_link_there(tmp_path: Path) -> None:
    """The link was replaced, and the tar on the stick stayed as it was."""
    source, stick, link = write(tmp_path / "source", family()), tmp_path / "stick", tmp_path / "trip.tar"
    link.symlink_to(stick / "trip.tar")
    absent = run_here(["copy", "--overwrite", str(source), str(link)])
    assert (absent.code, link.is_symlink()) == (1, True), absent
    stick.mkdir()
    (stick / "trip.tar").write_bytes(b"an older trip")
    ran = run_here(["copy", "--overwrite", str(source), str(link)])
    assert (ran.code, link.is_symlink()) == (0, True), ran
    assert (stick / "trip.tar").stat().st_size > 1000
    assert run_here(["copy", str(link), str(tmp_path / "to")]).code == 0


def test_dry_run_counts_only_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, stick = write(tmp_path / "source", family()), tmp_path / "stick"
    assert run_here(["copy", str(source), str(stick)]).code == 0
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(free=0))
    ran = run_here(["copy", "--dry-run", str(source), str(stick), "--format", "json"])
    assert (ran.code, ran.document["room"]["needed"]) == (0, 0)
