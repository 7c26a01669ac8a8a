"""airgap.files: a file appears complete or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from airgap.files import complete_or_absent, write_file


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
def test_what_has_no_name_is_an_error_of_the_system(name: str) -> None:
    with pytest.raises(IsADirectoryError):
        write_file(Path(name), b"data")
