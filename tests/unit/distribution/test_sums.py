"""SHA256SUMS lists each file once, and a changed or missing file is found."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from distribution.sums import check_sums, read_sums, write_sums
from distribution.tools import BuildError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("b.tar", "a+1.whl"):
        (tmp_path / name).write_text(name)
    write_sums(tmp_path, ["b.tar", "a+1.whl"])
    return tmp_path


def test_the_sums_are_in_the_order_of_the_names(folder: Path) -> None:
    expected = [f"{hashlib.sha256(name.encode()).hexdigest()}  {name}\n" for name in ("a+1.whl", "b.tar")]
    assert (folder / "SHA256SUMS").read_text() == "".join(expected)
    assert check_sums(folder) == ("a+1.whl", "b.tar")


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="the command of GNU, which reads it where it arrives")
def test_sha256sum_reads_it(folder: Path) -> None:
    words = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(words, cwd=folder, check=False, capture_output=True).returncode == 0
    (folder / "b.tar").write_text("changed")
    assert subprocess.run(words, cwd=folder, check=False, capture_output=True).returncode == 1


def test_a_changed_file_is_found(folder: Path) -> None:
    (folder / "b.tar").write_text("changed")
    with pytest.raises(BuildError, match=r"b\.tar has another sum"):
        check_sums(folder)


def test_a_missing_file_is_found(folder: Path) -> None:
    (folder / "b.tar").unlink()
    with pytest.raises(BuildError, match=r"lists b\.tar, which is not there"):
        check_sums(folder)


@pytest.mark.parametrize(
    "line",
    ["", "x  name\n", f"{'0' * 64} name\n", f"{'0' * 64}  ../name\n", f"{'0' * 64}  name", f"{'0' * 64}  a+1.whl\n"],
    ids=["empty", "no sum", "one space", "a path", "no end", "a second time"],
)
def test_a_list_that_is_not_understood_is_refused(folder: Path, line: str) -> None:
    path = folder / "SHA256SUMS"
    path.write_text(path.read_text() + line if line else "")
    with pytest.raises(BuildError):
        read_sums(path)
