"""airgap.files: a file appears complete or not at all."""

from __future__ import annotations

import errno
import fcntl
import os
import time
from pathlib import Path

import pytest

from airgap.files import complete_or_absent, sweep_leftovers, write_file


def test_writes_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_file(path, b"old")
    write_file(path, b"new", mode=0o600)
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("name", ["x" * 255, "ä" * 127, "📦" * 63])
def test_longest_names_can_be_written(tmp_path: Path, name: str) -> None:
    """A file system counts bytes, up to 255."""
    write_file(tmp_path / name, b"content")
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_file(path, b"old")

    def fail() -> None:
        with complete_or_absent(path) as file:
            file.write(b"half")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["report.json"]


def test_a_missing_folder_is_an_error_of_the_system(tmp_path: Path) -> None:
    path = tmp_path / "none" / "report.json"
    with pytest.raises(FileNotFoundError) as caught:
        write_file(path, b"")
    assert caught.value.filename == str(path)


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_an_empty_name_is_an_error_of_the_system(name: str) -> None:
    with pytest.raises(IsADirectoryError):
        write_file(Path(name), b"data")


@pytest.mark.parametrize("links", [True, False])
def test_of_two_writers_of_a_new_file_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    """The later one had taken the place of the first, without a message."""

    def refused(*_: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links")

    if not links:
        monkeypatch.setattr("os.link", refused)
    path = tmp_path / "trip.tar"

    def late() -> None:
        with complete_or_absent(path, replace=False) as file:
            file.write(b"late")
            with complete_or_absent(path, replace=False) as early:
                early.write(b"early")

    with pytest.raises(FileExistsError):
        late()
    assert path.read_bytes() == b"early"
    assert [entry.name for entry in tmp_path.iterdir()] == ["trip.tar"]


LEFT = ".trip.tar.0123456789ab.tmp"


class TestLeftovers:
    def test_are_removed_by_the_next_writer_of_the_name(self, tmp_path: Path) -> None:
        (tmp_path / LEFT).write_bytes(b"half")
        write_file(tmp_path / "trip.tar", b"whole")
        assert [path.name for path in tmp_path.iterdir()] == ["trip.tar"]

    def test_removes_temporary_files_of_a_dead_writer(self, tmp_path: Path) -> None:
        (tmp_path / LEFT).write_bytes(b"half")
        sweep_leftovers(tmp_path / "trip.tar")
        assert list(tmp_path.iterdir()) == []

    def test_keeps_temporary_files_of_a_living_writer(self, tmp_path: Path) -> None:
        with complete_or_absent(tmp_path / "trip.tar") as file:
            file.write(b"half")
            sweep_leftovers(tmp_path / "trip.tar")
            assert len(list(tmp_path.iterdir())) == 1
        assert [path.name for path in tmp_path.iterdir()] == ["trip.tar"]

    @pytest.mark.parametrize(
        "name", [".other.tar.0123456789ab.tmp", ".trip.tar.0123.tmp", "trip.tar.0123456789ab.tmp", ".trip.tar.tmp"]
    )
    def test_keeps_files_of_other_names(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"mine")
        sweep_leftovers(tmp_path / "trip.tar")
        assert (tmp_path / name).read_bytes() == b"mine"

    @pytest.mark.parametrize("replace", [True, False])
    def test_keeps_a_file_that_is_being_named(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, replace: bool
    ) -> None:
        """Its lock had ended before, so that another writer could sweep it away: "No such file or directory"."""
        name, link = Path.replace, os.link

        def swept(temporary: Path, target: Path) -> None:
            sweep_leftovers(target)
            (name if replace else link)(temporary, target)

        monkeypatch.setattr("pathlib.Path.replace", swept)
        monkeypatch.setattr("os.link", swept)
        with complete_or_absent(tmp_path / "trip.tar", replace=replace) as file:
            file.write(b"whole")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"trip.tar": b"whole"}

    def test_removes_the_other_name_of_a_finished_file(self, tmp_path: Path) -> None:
        """Its writer was killed between giving the name and removing the temporary one."""
        (tmp_path / "trip.tar").write_bytes(b"whole")
        os.link(tmp_path / "trip.tar", tmp_path / LEFT)
        sweep_leftovers(tmp_path / "trip.tar")
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"trip.tar": b"whole"}

    def test_keeps_links_and_folders(self, tmp_path: Path) -> None:
        (tmp_path / "mine").write_bytes(b"mine")
        (tmp_path / LEFT).symlink_to("mine")
        os.link(tmp_path / "mine", tmp_path / ".trip.tar.0123456789ac.tmp")
        (tmp_path / ".trip.tar.0123456789ad.tmp").mkdir()
        sweep_leftovers(tmp_path / "trip.tar")
        assert len(list(tmp_path.iterdir())) == 4

    @pytest.mark.parametrize(("age", "stays"), [(3600, True), (90_000, False)])
    def test_removes_only_old_files_without_locks(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age: float, *, stays: bool
    ) -> None:
        def refused(*_: object) -> None:
            raise OSError(errno.ENOLCK, "no locks")

        monkeypatch.setattr("fcntl.flock", refused)
        (tmp_path / LEFT).write_bytes(b"half")
        then = time.time() - age
        os.utime(tmp_path / LEFT, (then, then))
        sweep_leftovers(tmp_path / "trip.tar")
        assert (tmp_path / LEFT).exists() == stays

    def test_creates_a_file_again_that_was_removed_before_its_lock(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        lock = fcntl.flock
        swept: list[Path] = []

        def late(descriptor: int, kind: int) -> None:
            if not swept:
                swept.extend(tmp_path.iterdir())
                swept[0].unlink()
            lock(descriptor, kind)

        monkeypatch.setattr("fcntl.flock", late)
        with complete_or_absent(tmp_path / "trip.tar") as file:
            file.write(b"whole")
        assert (tmp_path / "trip.tar").read_bytes() == b"whole"

    def test_folder_that_is_not_there_is_no_error(self, tmp_path: Path) -> None:
        sweep_leftovers(tmp_path / "none/trip.tar")
        assert not (tmp_path / "none").exists()
